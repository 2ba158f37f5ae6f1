package migrate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
)

type rebuiltTable struct {
	name  string
	make  []string
	model string   // "" for the usual one
	look  []string // queries whose answers stay
	then  []string // statements that must work afterwards
	fail  []string // and such that must not
}

// rebuilt are tables with something that a rebuild must not lose, and what
// holds before and after it. The models want column b of "t" nullable, which
// ALTER TABLE cannot do.
var rebuilt = []rebuiltTable{
	{
		name: "children of a cascading foreign key",
		make: []string{
			"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT NOT NULL)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
			"CREATE TABLE child (id INTEGER PRIMARY KEY, t REFERENCES t ON DELETE CASCADE)", "INSERT INTO child VALUES (1, 1), (2, 2)",
		},
		look: []string{"SELECT count(*) FROM child", "SELECT sql FROM sqlite_schema WHERE name = 'child'", "SELECT group_concat(b) FROM t"},
		then: []string{"DELETE FROM t WHERE id = 1"}, fail: []string{"INSERT INTO child VALUES (9, 9)"},
	},
	{
		name: "views and their triggers",
		make: []string{
			"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT NOT NULL)", "INSERT INTO t VALUES (1, 'x')",
			"CREATE VIEW v AS SELECT id, b FROM t", "CREATE VIEW w AS SELECT b FROM v",
			"CREATE TRIGGER vi INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (new.id, new.b); END",
		},
		look: []string{"SELECT b FROM w", "SELECT sql FROM sqlite_schema WHERE type IN ('view', 'trigger') ORDER BY name"},
		then: []string{"INSERT INTO v VALUES (5, 'z')"},
	},
	{
		name: "triggers",
		make: []string{
			"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT NOT NULL)", "CREATE TABLE log (what TEXT)", "INSERT INTO t VALUES (1, 'x')",
			"CREATE TRIGGER ti AFTER INSERT ON t WHEN new.b IS NOT NULL BEGIN INSERT INTO log VALUES ('t ' || new.b); END",
			"CREATE TRIGGER li AFTER INSERT ON log BEGIN UPDATE t SET b = b || '!' WHERE id = 1; END",
		},
		look: []string{"SELECT count(*) FROM log", "SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name", "SELECT b FROM t"},
		then: []string{"INSERT INTO t VALUES (2, 'y')"},
	},
	{
		name: "the sequence of keys that were handed out",
		make: []string{
			"CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT NOT NULL)", "INSERT INTO t (b) VALUES ('x'), ('y'), ('z')", "DELETE FROM t WHERE id > 1",
		},
		model: "model: T\ntable: t\nfields:\n  id: {type: bigInteger, primary: true, auto: true}\n  b: {type: text, nullable: true}\n",
		look:  []string{"SELECT seq FROM sqlite_sequence WHERE name = 't'", "SELECT id FROM t"},
	},
	{
		name: "what stands in the statement",
		make: []string{
			`CREATE TABLE t (id INTEGER PRIMARY KEY, -- a key
				b TEXT COLLATE NOCASE NOT NULL DEFAULT (lower('X')) CHECK (length(b) < 9), c TEXT DEFAULT 'it''s (' UNIQUE ON CONFLICT IGNORE,
				d TEXT AS (b || c) STORED, e NUMERIC(10, 2) CONSTRAINT pos CHECK (e > 0), UNIQUE (b, c), CHECK (c <> 'bad'))`,
			"INSERT INTO t (id, b, c, e) VALUES (1, 'A', 'c', 1.5)",
		},
		model: "model: T\ntable: t\nfields:\n  id: {type: bigInteger, primary: true}\n  b: {type: text, nullable: true}\n  c: {type: text, nullable: true, default: \"it's (\", unique: true}\n  e: {type: decimal, nullable: true}\nindexes: [{fields: [b, c], unique: true}]\n",
		look:  []string{"SELECT id FROM t WHERE b = 'a'", "SELECT d FROM t", "SELECT e FROM t"},
		then:  []string{"INSERT INTO t (id, b, c) VALUES (2, 'q', 'c')", "INSERT INTO t (id, c) VALUES (3, 'new')"},
		fail:  []string{"INSERT INTO t (b, c) VALUES ('too long text', 'x')", "INSERT INTO t (b, c, e) VALUES ('b', 'y', -1)", "INSERT INTO t (b, c) VALUES ('b', 'bad')"},
	},
	{
		name:  "STRICT and WITHOUT ROWID",
		make:  []string{"CREATE TABLE t (id TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (id)) STRICT, WITHOUT ROWID", "INSERT INTO t VALUES ('k', 'x')"},
		model: "model: T\ntable: t\nfields:\n  id: {type: text, primary: true}\n  b: {type: text, nullable: true}\n",
		look:  []string{"SELECT wr || strict FROM pragma_table_list WHERE name = 't'", "SELECT id || b FROM t"},
		fail:  []string{"INSERT INTO t VALUES ('j', x'00')"},
	},
	{
		name:  "the numbers of rows",
		make:  []string{"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, b TEXT NOT NULL)", "INSERT INTO t (rowid, id, b) VALUES (-5, 'a', 'x'), (0, 'b', 'y'), (7, 'c', 'z'), (9223372036854775807, 'd', 'u')"},
		model: "model: T\ntable: t\nfields:\n  id: {type: text, primary: true}\n  b: {type: text, nullable: true}\n",
		look:  []string{"SELECT rowid || id || b FROM t ORDER BY rowid"},
	},
	{
		name: "indexes",
		make: []string{
			"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT NOT NULL)", "INSERT INTO t VALUES (1, 'x')",
			"CREATE INDEX i1 ON t (b DESC, id)", "CREATE UNIQUE INDEX i2 ON t (lower(b)) WHERE b <> ''", "CREATE INDEX i3 ON t (b COLLATE NOCASE)",
		},
		model: "model: T\ntable: t\nfields:\n  id: {type: bigInteger, primary: true}\n  b: {type: text, nullable: true}\nindexes: [{fields: [b], name: i3}]\n",
		look:  []string{"SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 't' ORDER BY name", "SELECT \"desc\" || coll FROM pragma_index_xinfo('i1')", "SELECT coll FROM pragma_index_xinfo('i3')"},
		then:  []string{"INSERT INTO t VALUES (2, '')", "INSERT INTO t VALUES (3, '')"}, fail: []string{"INSERT INTO t VALUES (4, 'X')"},
	},
	{
		name: "foreign keys of its own",
		make: []string{
			"CREATE TABLE p (id INTEGER PRIMARY KEY)", "INSERT INTO p VALUES (1)",
			"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT NOT NULL, up INTEGER REFERENCES t (id) ON DELETE SET NULL, p INTEGER, CONSTRAINT late FOREIGN KEY (p) REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
			"INSERT INTO t VALUES (1, 'x', NULL, 1), (2, 'y', 1, 1)",
		},
		model: "model: P\ntable: p\nfields:\n  id: {type: bigInteger, primary: true}\n---\nmodel: T\ntable: t\nfields:\n  id: {type: bigInteger, primary: true}\n  b: {type: text, nullable: true}\n  up: {type: bigInteger, nullable: true, references: {table: t, column: id}, onDelete: set null}\n  p: {type: bigInteger, nullable: true, references: {table: p, column: id}}\n",
		look:  []string{"SELECT group_concat(id || coalesce(up, '')) FROM t", "SELECT \"table\" || \"from\" || on_delete FROM pragma_foreign_key_list('t') ORDER BY 1", "SELECT sql LIKE '%late%DEFERRABLE INITIALLY DEFERRED%' FROM sqlite_schema WHERE name = 't'"},
		then:  []string{"DELETE FROM t WHERE id = 1"}, fail: []string{"INSERT INTO t VALUES (5, 'z', 77, 1)"},
	},
	{
		name: "many rows",
		make: []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT NOT NULL)", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25003) INSERT INTO t SELECT i * 3, 'v' || i FROM n"},
		look: []string{"SELECT count(*) || ' ' || sum(id) || ' ' || sum(length(b)) FROM t"},
	},
	{
		name:  "odd names",
		make:  []string{"CREATE TABLE [t] ('id' INTEGER PRIMARY KEY, `b` TEXT NOT NULL, \"a \"\"quoted\"\" name\" TEXT, [brackets, too] TEXT)", "INSERT INTO t VALUES (1, 'x', 'y', 'z')"},
		model: "model: T\ntable: t\nfields:\n  id: {type: bigInteger, primary: true}\n  b: {type: text, nullable: true}\n  q: {type: text, nullable: true, column: 'a \"quoted\" name'}\n  r: {type: text, nullable: true, column: 'brackets, too'}\n",
		look:  []string{"SELECT b || \"a \"\"quoted\"\" name\" || \"brackets, too\" FROM t"},
	},
}

// TestRebuild makes tables of SQLite anew: everything about them stays.
func TestRebuild(t *testing.T) {
	for _, c := range rebuilt {
		t.Run(c.name, func(t *testing.T) { c.on(t, newPlace(t, catalog.SQLite)) })
	}
}

// TestRebuildOnGroup does so in transactions of a group, which are run again
// by every copy.
func TestRebuildOnGroup(t *testing.T) {
	for _, c := range rebuilt {
		if c.name == "the numbers of rows" { // has the last key there is, which a group does not take
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.on(t, groupPlace(t)) })
	}
}

func (c rebuiltTable) on(t *testing.T, p place) {
	p.exec(t, c.make...)
	var before [][]string
	for _, q := range c.look {
		before = append(before, p.ask(t, q))
	}
	model := c.model
	if model == "" {
		model = "model: T\ntable: t\nfields:\n  id: {type: bigInteger, primary: true}\n  b: {type: text, nullable: true}\n"
	}
	plan := p.apply(t, parse(t, model), migrate.Options{})
	if n := len(plan.Steps); n == 0 || plan.Steps[n-1].Kind != migrate.RebuildTable {
		t.Fatalf("not rebuilt:\n%s", plan)
	}
	for i, q := range c.look {
		if got := p.ask(t, q); !slices.Equal(got, before[i]) {
			t.Errorf("%s said %q, and now %q", q, before[i], got)
		}
	}
	if got := p.ask(t, `SELECT "notnull" FROM pragma_table_info('t') WHERE name = 'b'`); !slices.Equal(got, []string{"0"}) {
		t.Errorf("b is NOT NULL: %q", got)
	}
	p.exec(t, c.then...)
	for _, q := range c.fail {
		if _, err := p.db.Exec(q); err == nil {
			t.Errorf("%s works", q)
		}
	}
	if got := p.ask(t, "SELECT * FROM pragma_foreign_key_check"); len(got) > 0 {
		t.Errorf("rows point nowhere: %q", got)
	}
	if got := p.ask(t, "PRAGMA integrity_check"); !slices.Equal(got, []string{"ok"}) {
		t.Errorf("the database is broken: %q", got)
	}
	if got := p.ask(t, "SELECT name FROM sqlite_schema WHERE name LIKE 'weft_new%'"); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}

// TestRebuildSearched keeps the full-text index of a table that is made anew.
func TestRebuildSearched(t *testing.T) {
	t.Run("file", func(t *testing.T) { searchedAnew(t, newPlace(t, catalog.SQLite)) })
	t.Run("group", func(t *testing.T) { searchedAnew(t, groupPlace(t)) })
}

func searchedAnew(t *testing.T, p place) {
	p.apply(t, parse(t, item("a: {type: text, search: true}\n  b: integer")), migrate.Options{})
	p.exec(t, "INSERT INTO items (title, a, b) VALUES ('x', 'brown fox', 1), ('y', 'lazy dog', 2)")
	p.apply(t, parse(t, item("a: {type: text, search: true}\n  b: bigInteger")), migrate.Options{})
	p.exec(t, "INSERT INTO items (title, a, b) VALUES ('z', 'red fox', 1)")
	found := "SELECT title FROM items i JOIN weft_search_items_docs d ON d.k0 = i.id JOIN weft_search_items_words w ON w.rowid = d.doc WHERE weft_search_items_words MATCH 'fox' ORDER BY title"
	if got := p.ask(t, found); strings.Join(got, "") != "xz" {
		t.Fatalf("found %q", got)
	}
	p.exec(t, "INSERT INTO weft_search_items_words (weft_search_items_words) VALUES ('integrity-check')")
	// A renamed table takes its index along.
	p.apply(t, parse(t, "table: things\nrenamedFrom: items\n"+item("a: {type: text, search: true}\n  b: bigInteger")), migrate.Options{})
	if got := p.ask(t, strings.ReplaceAll(found, "items", "things")); strings.Join(got, "") != "xz" {
		t.Fatalf("found %q", got)
	}
}

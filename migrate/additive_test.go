package migrate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
)

// TestAutoOnlyAdds adds what it can and refuses the rest together, the same on
// each engine.
func TestAutoOnlyAdds(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		ctx := context.Background()
		p.auto(t, parse(t, owners+item("a: integer\n  b: {type: string, unique: true}\n  c: {type: string, nullable: true}\n  ownerId: {type: bigInteger, nullable: true}")))
		p.exec(t, "INSERT INTO items (title, a, b) VALUES ('x', 1, 'one')")

		// Columns, indexes and tables are added; soft delete relaxes a unique index;
		// defaults and comments are left; a foreign key is told.
		set := parse(t, owners+item("a: {type: integer, default: 3, comment: it, index: true}\n  b: {type: string, unique: true}\n  c: {type: string, nullable: true}\n"+
			"  ownerId: {type: bigInteger, nullable: true, references: {table: owners, column: id}}\n  d: {type: decimal, default: 1.5}\n  deletedAt: {type: datetime, nullable: true, deleted: true}")+
			"---\nmodel: More\nfields:\n  id: {type: bigInteger, primary: true, auto: true}\n")
		plan := p.auto(t, set)
		if len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "AutoMigrate adds none") {
			t.Errorf("notes: %q", plan.Notes)
		}
		if again := p.auto(t, set); !again.Empty() {
			t.Errorf("the second plan is not empty:\n%s", again)
		}
		p.exec(t, "UPDATE items SET deleted_at = '2024-01-01 00:00:00'", "INSERT INTO items (title, a, b) VALUES ('y', 1, 'one')")
		if _, err := p.db.Exec("INSERT INTO items (title, a, b) VALUES ('z', 1, 'one')"); err == nil {
			t.Error("two live rows have one value of a unique field")
		}

		// The rest is refused, all at once, and nothing is done.
		before := p.holds(t)
		_, err := migrate.New(p.db, p.dialect, parse(t, item("a: {type: text}\n  b: {type: string, nullable: true, unique: true}\n  c: string\n  e: integer\n  deletedAt: {type: datetime, nullable: true, deleted: true}")), migrate.Options{AllowDrop: true, AllowDataLoss: true}).Auto(ctx)
		var all migrate.Differences
		if !errors.As(err, &all) || len(all) != 3 {
			t.Fatalf("Auto says %v", err)
		}
		for _, part := range []string{"items.a: the column is", "items.b: the column is NOT NULL", "items.c: the column can be NULL"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is missing in %v", part, err)
			}
		}
		if after := p.holds(t); after != before {
			t.Errorf("the database was\n%s\nand is\n%s", before, after)
		}
	})
}

// TestSearchedColumnGoes drops a column that the full-text index holds, and one
// of a table whose index goes.
func TestSearchedColumnGoes(t *testing.T) {
	p := newPlace(t, catalog.SQLite)
	two := item("a: {type: text, search: true}\n  b: {type: text, search: true}\n  c: integer")
	p.apply(t, parse(t, two), migrate.Options{})
	p.exec(t, "INSERT INTO items (title, a, b, c) VALUES ('x', 'brown fox', 'red', 1)")
	p.apply(t, parse(t, item("a: {type: text, search: true}\n  c: integer")), migrate.Options{AllowDrop: true})
	found := "SELECT count(*) FROM weft_search_items_words WHERE weft_search_items_words MATCH 'fox'"
	if got := p.ask(t, found); got[0] != "1" {
		t.Fatalf("found %q", got)
	}
	p.apply(t, parse(t, two), migrate.Options{})
	p.apply(t, parse(t, item("b: {type: text, search: true}\n  c: bigInteger")), migrate.Options{AllowDrop: true}) // a rebuild
	p.exec(t, "INSERT INTO items (title, b, c) VALUES ('y', 'quick fox', 2)")
	if got := p.ask(t, found); got[0] != "1" {
		t.Fatalf("found %q", got)
	}
	p.apply(t, parse(t, item("c: bigInteger")), migrate.Options{AllowDrop: true})
	if got := p.ask(t, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'weft_search%'"); got[0] != "0" {
		t.Fatalf("%q parts of the index are left", got)
	}
	p.exec(t, "INSERT INTO items (title, c) VALUES ('z', 3)")
}

// TestModesOfMySQL plans on a connection that reads statements otherwise.
func TestModesOfMySQL(t *testing.T) {
	p := newPlace(t, catalog.MySQL)
	p.db.SetMaxOpenConns(2)
	for _, mode := range []string{"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", ""} {
		conn, err := p.db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		execSQL(t, conn, "SET SESSION sql_mode = '"+mode+"'", "SET SESSION time_zone = '+05:00'")
		conn.Close()
		p.wipe(t)
		p.apply(t, parse(t, item(`a: {type: string, default: "back\\slash 'quoted'"}`)), migrate.Options{})
		p.exec(t, "SET SESSION sql_mode = ''", "INSERT INTO items (title) VALUES ('x')")
		if got := p.ask(t, "SELECT a FROM items"); got[0] != `back\slash 'quoted'` {
			t.Fatalf("%s: the default is %q", mode, got)
		}
	}
}

package conn_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// checked is a database whose statements are looked at.
func checked(t testing.TB) *conn.Conn {
	t.Helper()
	c := open(t, file(t), conn.Options{})
	for _, text := range []string{
		"CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)",
		"CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent ON DELETE CASCADE)",
		"CREATE TABLE orphan (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent ON DELETE SET NULL)",
		"CREATE TABLE journal (what TEXT, n INTEGER)",
		"CREATE TABLE seqs (id INTEGER PRIMARY KEY AUTOINCREMENT, a)",
		"CREATE TRIGGER noted AFTER INSERT ON parent BEGIN INSERT INTO journal SELECT NEW.name, count(*) FROM child; END",
		"CREATE VIEW both AS SELECT p.name, c.id FROM parent p JOIN child c ON c.parent = p.id",
		"CREATE VIRTUAL TABLE words USING fts5 (body)",
		"CREATE TABLE weft_group_state (id INTEGER PRIMARY KEY, n INTEGER)",
		"INSERT INTO weft_group_state VALUES (1, 0)",
	} {
		must(t, c, text)
	}
	return c
}

func TestCheckRefuses(t *testing.T) {
	c := checked(t)
	const invalid, forbidden = op.CodeValidation, op.CodeForbidden
	for _, s := range []struct {
		text string
		code op.Code
		want string
	}{
		{"", invalid, "empty"},
		{" ; -- nothing\n/* at all */ ;", invalid, "empty"},
		{"SELECT 1; SELECT 2", invalid, "more than one statement"},
		{"SELECT 1; DELETE FROM parent", invalid, "more than one statement"},
		{"SELECT 1;;; /* x */ PRAGMA user_version = 3", invalid, "more than one statement"},
		{"SELECT 1\x00; DELETE FROM parent", invalid, "zero byte"},
		{"BEGIN", invalid, "use a transaction of the API"},
		{"/* x */ begin immediate", invalid, "use a transaction of the API"},
		{"; \ufeff -- x\n COMMIT", invalid, "use a transaction of the API"},
		{"END", invalid, "use a transaction"},
		{"ROLLBACK TO x", invalid, "use a transaction"},
		{"SAVEPOINT x", invalid, "use a transaction"},
		{"RELEASE x", invalid, "use a transaction"},
		{"EXPLAIN BEGIN", invalid, "use a transaction"},
		{"ATTACH '/etc/passwd' AS x", forbidden, "a group is one file"},
		{"DETACH main", forbidden, "a group is one file"},
		{"VACUUM", forbidden, "backup"},
		{"VACUUM INTO '/tmp/x'", forbidden, "backup"},
		{"EXPLAIN QUERY PLAN VACUUM INTO '/tmp/x'", forbidden, "backup"},
		{"FROB x", invalid, "is not the beginning of a statement"},
		{"(SELECT 1)", invalid, "is not the beginning of a statement"},
		{"PRAGMA user_version = 5", forbidden, "can be read here and not set"},
		{"PRAGMA user_version(5)", forbidden, "can be read here and not set"},
		{"PRAGMA main.encoding = 'UTF-16'", forbidden, "can be read here and not set"},
		{"PRAGMA journal_mode = DELETE", forbidden, "is not possible here"},
		{"PRAGMA journal_mode", forbidden, "is not possible here"},
		{"PRAGMA wal_checkpoint(TRUNCATE)", forbidden, "is not possible here"},
		{"PRAGMA foreign_keys = OFF", forbidden, "is not possible here"},
		{"PRAGMA writable_schema = ON", forbidden, "is not possible here"},
		{"PRAGMA query_only = OFF", forbidden, "is not possible here"},
		{"PRAGMA busy_timeout = 0", forbidden, "is not possible here"},
		{"PRAGMA optimize", forbidden, "is not possible here"},
		{"PRAGMA temp_store_directory = '/tmp'", forbidden, "is not possible here"},
		{"EXPLAIN PRAGMA cache_size = 1", forbidden, "is not possible here"},
		{"CREATE TEMP TABLE x (a)", invalid, "one connection"},
		{"CREATE TABLE temp.x (a)", invalid, "one connection"},
		{"CREATE TEMP VIEW x AS SELECT 1", invalid, "one connection"},
		{"CREATE TEMP TRIGGER x AFTER INSERT ON parent BEGIN SELECT 1; END", invalid, "one connection"},
		{"CREATE VIRTUAL TABLE temp.x USING fts5 (a)", invalid, "one connection"},
		{"CREATE VIRTUAL TABLE x USING fts4 (a)", forbidden, "fts4 cannot be made here"},
		{"CREATE VIRTUAL TABLE x USING dbstat (main)", forbidden, "cannot be made here"},
		{"SELECT * FROM dbstat", forbidden, "differs between copies"},
		{"SELECT count(*) FROM dbstat", forbidden, "differs between copies"},
		{"SELECT * FROM pragma_journal_mode", forbidden, "pragmas that can are"},
		{"SELECT * FROM pragma_cache_size", forbidden, "pragmas that can are"},
		{"SELECT 1 FROM pragma_cache_size", forbidden, "pragmas that can are"},
		{"INSERT INTO parent (id) SELECT page_count FROM pragma_page_count", forbidden, "gives other answers on other copies"},
		{"INSERT INTO parent (id) SELECT rootpage FROM sqlite_schema", forbidden, "gives other answers on other copies"},
		{"DELETE FROM parent WHERE EXISTS (SELECT 1 FROM pragma_freelist_count)", forbidden, "gives other answers"},
		{"UPDATE weft_group_state SET n = 1", forbidden, "the group's own"},
		{"INSERT INTO \"WEFT_GROUP_state\" VALUES (2, 2)", forbidden, "the group's own"},
		{"DELETE FROM weft_group_state", forbidden, "the group's own"},
		{"REPLACE INTO weft_group_state VALUES (1, 1)", forbidden, "the group's own"},
		{"WITH x AS (SELECT 1) UPDATE [weft_group_state] SET n = 2", forbidden, "the group's own"},
		{"DROP TABLE weft_group_state", forbidden, "the group's own"},
		{"ALTER TABLE weft_group_state ADD COLUMN x", forbidden, "the group's own"},
		{"ALTER TABLE parent RENAME TO weft_group_more", forbidden, "the group's own"},
		{"CREATE TABLE weft_group_more (a)", forbidden, "the group's own"},
		{"CREATE TABLE x (a REFERENCES Weft_Group_State)", forbidden, "the group's own"},
		{"CREATE INDEX x ON weft_group_state (n)", forbidden, "the group's own"},
		{"CREATE TRIGGER x AFTER INSERT ON parent BEGIN DELETE FROM weft_group_state; END", forbidden, "the group's own"},
		{"CREATE TRIGGER x AFTER INSERT ON weft_group_state BEGIN DELETE FROM parent; END", forbidden, "the group's own"},
		{"SELECT weft_apply(x'00')", forbidden, "weft_apply"},
		{"SELECT 1 WHERE WEFT_APPLY(x'00')", forbidden, "weft_apply"},
		{"CREATE INDEX x ON parent (weft_apply(name))", forbidden, "weft_apply"},
		{"SELECT load_extension('x')", forbidden, "runs code"},
		{"SELECT total_changes()", forbidden, "use changes()"},
		{"SELECT sqlite_version()", forbidden, "different versions"},
		{"SELECT sqlite_source_id()", forbidden, "different versions"},
		{"SELECT sqlite_compileoption_get(1)", forbidden, "compile_options"},
		{"SELECT fts5_source_id()", forbidden, "different versions"},
		{"SELECT fts3_tokenizer('simple')", forbidden, "addresses"},
		{"UPDATE sqlite_schema SET sql = ''", op.CodeDatabase, "may not be modified"},
		{"DROP TABLE words_data", op.CodeDatabase, "may not be dropped"},
		{"SELECT nosuch FROM parent", op.CodeDatabase, "no such column"},
		{"SELECT * FROM nosuch", op.CodeDatabase, "no such table"},
		{"SELECT FROM", op.CodeDatabase, "syntax error"},
	} {
		_, err := c.Check(context.Background(), s.text)
		if _, _, rerr := c.Raw(context.Background(), s.text, nil); err == nil || rerr == nil || rerr.Error() != err.Error() {
			t.Errorf("Raw of %q: %v", s.text, rerr)
		}
		var e *op.Error
		if !errors.As(sqlengine.Explain(err, "sql", nil), &e) {
			t.Errorf("%q: %v", s.text, err)
			continue
		}
		if e.Code != s.code || !strings.Contains(err.Error(), s.want) {
			t.Errorf("%q: %s %v", s.text, e.Code, err)
		}
	}
	if n := must(t, c, "SELECT n FROM weft_group_state")[0][0].Int(); n != 0 {
		t.Error(n)
	}
}

func TestCheckInfo(t *testing.T) {
	c := checked(t)
	for _, s := range []struct {
		text string
		want conn.Info
	}{
		{"SELECT id, name AS n, 1 + 1 FROM parent WHERE id = ? AND name = :name ; -- end", conn.Info{
			ReadOnly: true, Columns: []string{"id", "n", "1 + 1"}, Decls: []string{"INTEGER", "TEXT", ""}, Params: []string{"", "name"}, Reads: []string{"parent"},
		}},
		{"SELECT ?3, @a, $b", conn.Info{ReadOnly: true, Columns: []string{"?3", "@a", "$b"}, Decls: []string{"", "", ""}, Params: []string{"", "", "", "a", "b"}}},
		{"SELECT count(*) FROM both", conn.Info{ReadOnly: true, Columns: []string{"count(*)"}, Decls: []string{""}, Reads: []string{"child", "parent"}}},
		{"INSERT INTO parent (name) VALUES (?)", conn.Info{Params: []string{""}, Reads: []string{"parent", "child", "orphan"}, Writes: []string{"journal", "parent"}}},
		{"DELETE FROM parent WHERE id = 1", conn.Info{Reads: []string{"child", "orphan", "parent"}, Writes: []string{"child", "orphan", "parent"}}},
		{"UPDATE child SET parent = 2 WHERE id = 1 RETURNING id", conn.Info{Columns: []string{"id"}, Decls: []string{"INTEGER"}, Reads: []string{"child", "parent"}, Writes: []string{"child"}}},
		{"WITH n AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM n WHERE a < 5) INSERT INTO journal (n) SELECT a FROM n", conn.Info{Writes: []string{"journal"}}},
		{"CREATE TABLE fresh (id INTEGER PRIMARY KEY)", conn.Info{Writes: []string{"fresh"}, Schema: true}},
		{"CREATE INDEX by_name ON parent (name)", conn.Info{Reads: []string{"parent"}, Writes: []string{"parent"}, Schema: true}},
		{"ALTER TABLE parent ADD COLUMN more", conn.Info{Writes: []string{"parent"}, Schema: true}},
		{"DROP TABLE child", conn.Info{Writes: []string{"child"}, Schema: true}},
		{"CREATE VIRTUAL TABLE w2 USING fts5 (a)", conn.Info{Writes: []string{"w2"}, Schema: true}},
		{"SELECT rowid FROM words WHERE words MATCH ?", conn.Info{ReadOnly: true, Columns: []string{"rowid"}, Decls: []string{"INTEGER"}, Params: []string{""}, Reads: []string{"words"}}},
		{"EXPLAIN QUERY PLAN DELETE FROM journal", conn.Info{ReadOnly: true, Columns: []string{"id", "parent", "notused", "detail"}, Decls: []string{"", "", "", ""}}},
		{"PRAGMA table_info(parent)", conn.Info{ReadOnly: true, Columns: []string{"cid", "name", "type", "notnull", "dflt_value", "pk"}, Decls: []string{"", "", "", "", "", ""}}},
		{"SELECT name FROM pragma_table_info('parent')", conn.Info{ReadOnly: true, Columns: []string{"name"}, Decls: []string{""}}},
		{"SELECT name FROM sqlite_schema", conn.Info{ReadOnly: true, Columns: []string{"name"}, Decls: []string{"TEXT"}, Reads: []string{"sqlite_master"}}},
		{"VALUES (1), (2)", conn.Info{ReadOnly: true, Columns: []string{"column1"}, Decls: []string{""}}},
		{"REINDEX", conn.Info{}},
		{"DELETE FROM weft_group_statement", conn.Info{}},
	} {
		got, err := c.Check(context.Background(), s.text)
		if strings.Contains(s.text, "weft_group") {
			if err == nil {
				t.Errorf("%q is let through", s.text)
			}
			continue
		}
		slices.Sort(got.Reads)
		slices.Sort(got.Writes)
		slices.Sort(s.want.Reads)
		if err != nil || got.ReadOnly != s.want.ReadOnly || got.Schema != s.want.Schema || !slices.Equal(got.Columns, s.want.Columns) || !slices.Equal(got.Decls, s.want.Decls) ||
			!slices.Equal(got.Params, s.want.Params) || !slices.Equal(got.Reads, s.want.Reads) || !slices.Equal(got.Writes, s.want.Writes) {
			t.Errorf("%q:\n%+v, want\n%+v (%v)", s.text, got, s.want, err)
		}
	}
}

func TestCheckLocal(t *testing.T) {
	c := checked(t)
	for text, want := range map[string]bool{
		"SELECT 1": false, "SELECT random(), datetime()": false, "PRAGMA table_info(parent)": false, "SELECT * FROM pragma_table_info('parent')": false,
		"SELECT name FROM sqlite_schema": false, "PRAGMA page_count": true, "INSERT INTO words (body) VALUES ('a')": false,
		"SELECT * FROM words WHERE words MATCH 'a'": false, "PRAGMA data_version": true, "SELECT data_version FROM pragma_data_version": true,
		"DELETE FROM words": false, "EXPLAIN PRAGMA data_version": true,
		"SELECT * FROM pragma_page_count": true, "PRAGMA integrity_check": true,
		"EXPLAIN SELECT 1": true, "EXPLAIN QUERY PLAN DELETE FROM parent": true, "SELECT * FROM sqlite_schema": true, "DROP TABLE child": false,
		"ALTER TABLE parent RENAME TO parents": false, "ALTER TABLE parent DROP COLUMN name": false, "DROP VIEW both": false, "ANALYZE": false,
	} {
		info, err := c.Check(context.Background(), text)
		if text == "ALTER TABLE parent DROP COLUMN name" { // the view has it
			continue
		}
		if err != nil || info.Local != want {
			t.Errorf("%s: %+v %v", text, info, err)
		}
	}
}

// A trigger that was there before, or came with a restored file, cannot write
// what is the group's either, whoever fires it.
func TestTriggersKeepOffTheGroup(t *testing.T) {
	c := checked(t)
	must(t, c, "CREATE TRIGGER bad AFTER INSERT ON orphan BEGIN UPDATE weft_group_state SET n = 666; END")
	_, err := c.Ask(context.Background(), "INSERT INTO orphan VALUES (1, NULL)")
	if err == nil || !strings.Contains(err.Error(), "not authorized") {
		t.Error(err)
	}
	if n := must(t, c, "SELECT n FROM weft_group_state")[0][0].Int(); n != 0 {
		t.Error(n)
	}
}

func TestRaw(t *testing.T) {
	ctx := context.Background()
	c := checked(t)
	run := func(text string, args ...sqlengine.Value) ([][]sqlengine.Value, conn.Info, error) {
		cur, info, err := c.Raw(ctx, text, args)
		if err != nil {
			return nil, info, err
		}
		var rows [][]sqlengine.Value
		for {
			ok, err := cur.Next()
			if !ok || err != nil {
				return rows, info, errors.Join(err, cur.Close())
			}
			var row []sqlengine.Value
			for i := range info.Columns {
				row = append(row, sqlengine.Cell(cur, i))
			}
			rows = append(rows, row)
		}
	}
	if _, _, err := run("INSERT INTO parent (name) VALUES (?), (?)", sqlengine.TextValue("a"), sqlengine.TextValue("b")); err != nil || c.Changed() != 2 || c.LastKey() != 2 {
		t.Error(c.Changed(), c.LastKey(), err)
	}
	rows, _, err := run("UPDATE parent SET name = name || '!' RETURNING id, name")
	if err != nil || len(rows) != 2 || rows[1][1].Bytes() != "b!" || c.Changed() != 2 {
		t.Error(rows, err)
	}
	if rows, _, err = run("PRAGMA integrity_check"); err != nil || rows[0][0].Bytes() != "ok" {
		t.Error(rows, err)
	}
	if _, _, err = run("SELECT ?", sqlengine.IntValue(1), sqlengine.IntValue(2)); err == nil || !strings.Contains(err.Error(), "1 places for arguments and was given 2") {
		t.Error(err)
	}
	if _, _, err = run("CREATE VIRTUAL TABLE w3 USING fts5 (a)"); err != nil {
		t.Error(err)
	}
	if _, _, err = run("INSERT INTO w3 VALUES ('one two')"); err != nil {
		t.Error(err)
	}
	if rows, _, err = run("SELECT rowid FROM w3 WHERE w3 MATCH 'two'"); err != nil || len(rows) != 1 {
		t.Error(rows, err)
	}
	if _, _, err = run("CREATE TABLE child2 (a)"); err != nil {
		t.Error(err)
	}
	// A schema that another connection changed.
	d := open(t, c.Path(), conn.Options{})
	must(t, d, "ALTER TABLE child2 ADD COLUMN b DEFAULT 7")
	must(t, d, "INSERT INTO child2 (a) VALUES (1)")
	if rows, _, err = run("SELECT * FROM child2"); err != nil || len(rows) != 1 || len(rows[0]) != 2 || rows[0][1].Int() != 7 {
		t.Error(rows, err)
	}
	if _, _, err = run("INSERT INTO parent (id) VALUES (1)"); err == nil || conn.Environmental(err) {
		t.Error(err)
	}
	if _, _, err = run("DELETE FROM words_data"); err == nil || !strings.Contains(err.Error(), "may not be modified") {
		t.Error(err)
	}
}

// An index beside its table that does not fit it is a matter of what was
// written, on all copies alike, and no damage of this one.
func TestSearchIndexThatDoesNotFit(t *testing.T) {
	ctx := context.Background()
	c := checked(t)
	must(t, c, "CREATE VIRTUAL TABLE names USING fts5 (name, content = 'parent', content_rowid = 'id')")
	must(t, c, "INSERT INTO names (rowid, name) VALUES (7, 'nobody')")
	for _, text := range []string{"SELECT name FROM names WHERE names MATCH 'nobody'", "INSERT INTO names (names, rank) VALUES ('integrity-check', 1)"} {
		err := c.Atomic(ctx, func() error {
			k, _, err := c.Raw(ctx, text, nil)
			if err == nil {
				_, err = k.Next()
			}
			return err
		})
		if err == nil || conn.Environmental(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		"SELECT * FROM parent", "BEGIN", ";;BEGIN", "/**/VACUUM INTO 'x'", "EXPLAIN VACUUM", "PRAGMA user_version=1", "SELECT 1;DELETE FROM parent",
		"ATTACH 'x' AS y", "CREATE TEMP TABLE x(a)", "INSERT INTO weft_group_state VALUES (3,3)", "SELECT weft_apply(x'00')", "\ufeffCOMMIT",
		"WITH a AS (SELECT 1) DELETE FROM weft_group_state", "-- x\nEND", "/* x", "SELECT 1 /* ; BEGIN", "INSERT INTO journal SELECT weft_key('[1]'), random()",
		"DROP TABLE weft_group_state", "explain query plan savepoint x", "SELECT \"BEGIN\"; COMMIT",
	} {
		f.Add(s)
	}
	c := checked(f)
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, text string) {
		info, err := c.Check(ctx, text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if info.ReadOnly && (info.Schema || len(info.Writes) > 0) {
			t.Errorf("%q reads only and writes: %+v", text, info)
		}
		// What is let through runs, if at all, without ending the transaction that it
		// runs in, opening one, or touching what is the group's.
		if err := c.Begin(ctx, true); err != nil {
			t.Fatal(err)
		}
		quick, cancel := context.WithTimeout(ctx, 200*time.Millisecond) // for a WITH without an end
		defer cancel()
		args := make([]sqlengine.Value, len(info.Params))
		if cur, _, err := c.Raw(quick, text, args); err == nil {
			for range 100 {
				if ok, err := cur.Next(); !ok || err != nil {
					break
				}
			}
			_ = cur.Close()
		}
		if rows := must(t, c, "SELECT n, (SELECT count(*) FROM pragma_database_list), (SELECT count(*) FROM sqlite_temp_schema) FROM weft_group_state"); len(rows) != 1 ||
			rows[0][0].Int() != 0 || rows[0][1].Int() > 2 || rows[0][2].Int() != 0 {
			t.Errorf("%q: %v", text, rows)
		}
		if err := c.Rollback(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if v := must(t, c, "PRAGMA user_version")[0][0].Int(); v != 0 {
			t.Errorf("%q: %d", text, v)
		}
	})
}

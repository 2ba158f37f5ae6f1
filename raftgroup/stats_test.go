package raftgroup

import (
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// After ANALYZE all connections plan alike, whenever they were opened: rows that
// come in no particular order come in the same one.
func TestAnalyzeForAll(t *testing.T) {
	const many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t (a, b, v) SELECT "
	const read = "SELECT id, v FROM t WHERE a = 1 AND b > 0"
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, v TEXT)", "CREATE INDEX ia ON t (a)", "CREATE INDEX ib ON t (b)",
		many+"1, 5000 - i, 'x' FROM n", "ANALYZE", "CREATE TABLE u (v INTEGER)")
	try := func(what string) {
		t.Helper()
		tx, err := g.Begin(t.Context(), op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		must1(t, tx, op.Op{Kind: op.SQL, SQL: read, Returning: true}, text("INSERT INTO u VALUES (1)"), op.Op{Kind: op.SQL, SQL: read, Returning: true})
		if err := tx.Commit(t.Context()); err != nil {
			t.Errorf("%s: nobody is in the way, and the commit says %v", what, err)
		}
	}
	try("before")
	run1(t, g, "DELETE FROM t WHERE id > 100", many+"i + 10, -i, 'x' FROM n", many+"i + 10000, -i, 'x' FROM n")
	try("after a change")
	run1(t, g, "ANALYZE")
	try("after ANALYZE")
	try("after ANALYZE, again")
	// Nor does a copy that was just started do otherwise.
	order := func() {
		t.Helper()
		run1(t, g, "DELETE FROM u")
		twin(t, a, "INSERT INTO u SELECT id FROM t WHERE a = 1 AND b > 0", "SELECT v FROM u ORDER BY rowid", "UPDATE t SET v = 'y' WHERE 0")
	}
	order()
	// What somebody writes into the table of statistics counts at once, too.
	run1(t, g, "DELETE FROM sqlite_stat1 WHERE idx = 'ia'", "INSERT INTO sqlite_stat1 VALUES ('t', 'ia', '4100 4000')")
	try("after a change of statistics")
	order()
	if answers, err := g.Run(t.Context(), door.Request{Statements: []door.Statement{
		{SQL: "CREATE TRIGGER r AFTER INSERT ON u BEGIN DELETE FROM sqlite_stat1; END"}, {SQL: "INSERT INTO u VALUES (1)"}, {SQL: "DROP TRIGGER r"},
	}}); err != nil || answers[1].Err == nil || answers[2].Err != nil {
		t.Errorf("a trigger on statistics: %v %v", answers, err)
	}
	// What is taken back leaves nothing in the connection.
	tx, err := g.Begin(t.Context(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must1(t, tx, text("DELETE FROM t WHERE a > 1"), text("ANALYZE"), text("INSERT INTO u VALUES (1)"))
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	try("after ANALYZE that was taken back")
	answers, err := g.Run(t.Context(), door.Request{Atomic: true, Statements: []door.Statement{{SQL: "DELETE FROM t WHERE a > 1"}, {SQL: "ANALYZE"}, {SQL: "no"}}})
	if err != nil || answers[2].Err == nil {
		t.Fatal(answers, err)
	}
	order()
}

package raftgroup

import (
	"strings"
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// Statements do not fill the memory of a node with rows: one that gives too many
// fails, the others are done, and the group goes on.
func TestTooManyRows(t *testing.T) {
	defer func(n int) { maxGiven = n }(maxGiven)
	maxGiven = 100 << 10
	g, _ := single(t, Config{})
	run := func(r door.Request) []door.Answer {
		t.Helper()
		answers, err := g.Run(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return answers
	}
	refused := func(what string, err error) {
		t.Helper()
		if op.CodeOf(err) != op.CodeValidation || !strings.Contains(err.Error(), "ask for fewer") {
			t.Errorf("%s: %v", what, err)
		}
	}
	const endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
	const large = "SELECT zeroblob(60000)"
	run(door.Request{Statements: []door.Statement{{SQL: "CREATE TABLE t (a)"}}})

	list := run(door.Request{ReadOnly: true, Statements: []door.Statement{{SQL: "SELECT 1"}, {SQL: endless}, {SQL: "SELECT 2"}}})
	if len(list) != 3 || list[0].Err != nil {
		t.Fatalf("%+v", list)
	}
	refused("a read", list[1].Err)
	list = run(door.Request{ReadOnly: true, Statements: []door.Statement{{SQL: large}, {SQL: large}}})
	if list[0].Err != nil {
		t.Error(list[0].Err)
	}
	refused("the second of two", list[1].Err)

	many := "INSERT INTO t SELECT x FROM (" + endless + " LIMIT 5000) RETURNING a"
	list = run(door.Request{Statements: []door.Statement{{SQL: "INSERT INTO t VALUES ('kept')"}, {SQL: many}}})
	if list[0].Err != nil {
		t.Error(list[0].Err)
	}
	refused("what a change gives", list[1].Err)

	tx, err := g.Begin(t.Context(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Do(t.Context(), op.Op{Kind: op.SQL, SQL: endless, Returning: true})
	refused("in a transaction", err)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	list = run(door.Request{ReadOnly: true, Statements: []door.Statement{{SQL: "SELECT group_concat(a) FROM t"}}})
	if list[0].Err != nil || list[0].Rows[0][0] != "kept" {
		t.Errorf("%+v", list)
	}
}

package raftgroup

import (
	"sync/atomic"
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// A read that gives no row for long makes room for a snapshot too, and is begun
// again; in a transaction that only reads it is a conflict.
func TestSilentReadMakesRoom(t *testing.T) {
	const silent = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000000) SELECT count(*) FROM c"
	g, a := single(t, Config{})
	over := make(chan struct{})
	close(over)
	var holds atomic.Int32
	a.expired = func() <-chan struct{} {
		if holds.Add(1) <= 2 { // one looks at the statement, the other reads
			return over
		}
		return nil
	}
	answers, err := g.Run(t.Context(), door.Request{Statements: []door.Statement{{SQL: silent}}, ReadOnly: true})
	if err != nil || len(answers) != 1 || answers[0].Err != nil {
		t.Fatalf("%v %v", answers, err)
	}
	if n := answers[0].Rows[0][0]; n != int64(5000000) {
		t.Errorf("it counts %v", n)
	}
	if n := holds.Load(); n < 3 {
		t.Errorf("the read was begun %d times", n)
	}

	holds.Store(0)
	tx, err := g.Begin(t.Context(), op.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	res, err := tx.Do(t.Context(), op.Op{Kind: op.SQL, SQL: silent, Returning: true})
	if !op.Retryable(err) {
		t.Errorf("a transaction that is to make room is told %v (%v)", err, res)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// To be told that a change was never done is no failure of the copy.
func TestResolvedAsNever(t *testing.T) {
	g, a := single(t, Config{})
	for range 2 {
		id := newID()
		for range 2 {
			applied, err := g.resolve(t.Context(), id)
			if err != nil || applied {
				t.Fatalf("applied: %t, %v", applied, err)
			}
		}
	}
	if a.broken != nil {
		t.Errorf("the copy is broken: %v", a.broken)
	}
}

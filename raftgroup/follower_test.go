package raftgroup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/raftgroup/replica"
)

// A follower that is behind does not judge by its own tables what the leader is
// asked.
func TestFollowerBehind(t *testing.T) {
	c := newCluster(t, 3, calm())
	lead, other := c.leader(t).g, c.follower(t).g
	run1(t, lead, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	c.same(t)
	held := make(chan struct{})
	appliers.find(other.Replica().Path()).hook = func(*conn.Conn) error {
		<-held
		return nil
	}
	defer close(held)
	run1(t, lead, "CREATE TABLE u (id INTEGER PRIMARY KEY)", "INSERT INTO u VALUES (7)")
	for _, level := range []op.Consistency{op.Weak, op.Linearizable, op.Strong} {
		ctx := op.WithReading(within(t, time.Minute), op.Reading{Consistency: level})
		res, err := other.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT id FROM u", Returning: true})
		if err != nil {
			t.Errorf("%v: %v", level, err)
			continue
		}
		if rows, err := drain(res.Rows); err != nil || len(rows) != 1 {
			t.Errorf("%v: %v %v", level, rows, err)
		}
	}
	ctx := op.WithReading(within(t, time.Minute), op.Reading{Consistency: op.None})
	if _, err := other.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT id FROM u", Returning: true}); op.CodeOf(err) != op.CodeDatabase {
		t.Errorf("of this copy: %v", err)
	}
}

// lasting is a context that a program uses as long as it runs, and that the
// standard library watches by a goroutine for each context made of it.
type lasting struct {
	context.Context
	done chan struct{}
}

func (l lasting) Done() <-chan struct{} { return l.done }

func (l lasting) Err() error {
	select {
	case <-l.done:
		return context.Canceled
	default:
		return nil
	}
}

// What a follower leads on to the leader leaves nothing at its context.
func TestForwardedLeavesNothing(t *testing.T) {
	c := newCluster(t, 2, calm())
	other := c.follower(t).g
	run1(t, other, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	done := make(chan struct{})
	ctx := lasting{context.Background(), done}
	defer close(done)
	before := runtime.NumGoroutine()
	const times = 100
	for i := range times {
		if _, err := other.Do(ctx, op.Op{Kind: op.SQL, SQL: "INSERT INTO t VALUES (?)", Args: []any{int64(i)}}); err != nil {
			t.Fatal(err)
		}
		res, err := other.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT id FROM t", Returning: true})
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := drain(res.Rows); err != nil || len(rows) != i+1 {
			t.Fatal(len(rows), err)
		}
	}
	until(t, "goroutines end", func() bool { return runtime.NumGoroutine() < before+times/2 })
}

// A nested transaction whose end could not be noted ends the whole.
func TestNestedWithoutEnd(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	g.scratch.keep = -1 // each operation has to have the connection anew
	tx, err := g.Begin(t.Context(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must1(t, tx, text("INSERT INTO t VALUES (1)"))
	in, err := tx.Begin(t.Context(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must1(t, in, text("INSERT INTO t VALUES (2)"))
	if err := a.c.Begin(t.Context(), true); err != nil { // somebody else writes
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a.expired = func() <-chan struct{} { // it has begun, and waits for the connection
		time.AfterFunc(100*time.Millisecond, cancel)
		return nil
	}
	err = in.Commit(ctx)
	a.expired = nil
	if err == nil {
		t.Error("two write at a time")
	}
	if err := a.c.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, again := tx.Do(t.Context(), text("INSERT INTO t VALUES (3)")); again == nil || op.CodeOf(again) != op.CodeOf(err) {
		t.Errorf("after %v the transaction goes on: %v", err, again)
	}
	if err := errors.Join(tx.Rollback(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// What is refused in a transaction that only reads has the code that it has
// elsewhere.
func TestRefusedWhileReading(t *testing.T) {
	g, _ := single(t, Config{})
	tx, err := g.Begin(t.Context(), op.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"SELECT * FROM nowhere", "SELECT (", "SELECT nowhere"} {
		_, outside := g.Do(t.Context(), text(q))
		_, inside := tx.Do(t.Context(), text(q))
		if op.CodeOf(inside) != op.CodeOf(outside) {
			t.Errorf("%s: %s (%v) and outside %s", q, op.CodeOf(inside), inside, op.CodeOf(outside))
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// An entry that failed on this copy alone is no failure of the change: the copies
// that applied it know.
func TestFailedHereOnly(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	failed := false
	a.before = func(entry []byte) error {
		if failed {
			return nil
		}
		failed = true
		if err := appliers.apply(a.c, a.path, strange(t, entry)); err != nil { // as if on another node
			t.Error(err)
		}
		return &replica.ApplyError{Text: "the disk is full"}
	}
	if _, err := g.Do(t.Context(), text("INSERT INTO t VALUES (1)")); err != nil || !failed {
		t.Errorf("a change that others have applied: %v", err)
	}
	if n := count1(t, g, "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// A transaction on a new leader sees what was acknowledged by the one before,
// which the new one may not have applied yet.
func TestTransactionOnNewLeader(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	waiting := true
	a.settle = func() error {
		if waiting {
			waiting = false
			run1(t, g, "INSERT INTO t VALUES (1)") // an entry of the leader before
		}
		return nil
	}
	tx, err := g.Begin(t.Context(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := tx.Do(t.Context(), op.Op{Kind: op.SQL, SQL: "SELECT id FROM t", Returning: true})
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := drain(res.Rows); err != nil || len(rows) != 1 {
		t.Errorf("%v %v", rows, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Error(err)
	}
}

// What was remembered of a copy that broke, or of a file that another took the
// place of, is not held against the next one.
func TestNextCopyIsAnother(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	seq := g.links.last()
	if _, ok := g.links.at(seq); !ok {
		t.Fatal("the last entry is not remembered")
	}
	shape := g.readers.shape()
	count1(t, g, "SELECT count(*) FROM t")
	if g.readers.shape() != shape {
		t.Error("the schema is taken for another one")
	}
	next := filepath.Join(t.TempDir(), "next.db")
	if err := a.c.Copy(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, a.path); err != nil {
		t.Fatal(err)
	}
	count1(t, g, "SELECT count(*) FROM t")
	if g.readers.shape() == shape {
		t.Error("the schema of a file that came in the place of another is taken for the old one")
	}
	g.broke(errors.New("it differs"))
	if _, ok := g.links.at(seq); ok {
		t.Error("the chain of a broken copy is remembered")
	}
}

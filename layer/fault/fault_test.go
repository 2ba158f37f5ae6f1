package fault_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
)

var errDown = op.Errorf(op.CodeDatabase, "the disk is gone")

func open(t testing.TB, opts fault.Options) (op.Engine, *fault.Switch) {
	layer, s := fault.New(opts)
	e := layer(mem.Open())
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, s
}

func model(name string) *schema.Model { return optest.Models().Model(name) }

func insert(m *schema.Model, id string) op.Op {
	row := make([]any, len(m.Fields))
	for i, f := range m.Fields {
		switch {
		case f.Primary:
			row[i] = id
		case f.Type.Kind() == schema.KindInt:
			row[i] = int64(1)
		case !f.Nullable:
			row[i] = ""
		}
	}
	return op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row}}
}

func count(t *testing.T, e op.Engine, m *schema.Model) int64 {
	t.Helper()
	res, err := e.Do(t.Context(), op.Op{Kind: op.Count, Model: m})
	if err != nil {
		t.Fatal(err)
	}
	return res.N
}

func TestBeforeAndAfter(t *testing.T) {
	e, s := open(t, fault.Options{})
	plain, tag := model("Plain"), model("Tag")

	remove := s.Add(fault.Rule{Kind: op.Insert, Model: "Plain", Err: errDown})
	if _, err := e.Do(t.Context(), insert(plain, "a")); err != errDown {
		t.Fatalf("the error is %v", err)
	}
	if _, err := e.Do(t.Context(), insert(tag, "a")); err != nil {
		t.Fatalf("another model: %v", err)
	}
	if n := count(t, e, plain); n != 0 {
		t.Fatalf("%d rows were written", n)
	}
	remove()
	remove()
	s.Add(fault.Rule{Kind: op.Insert, Err: errDown, After: true})
	if _, err := e.Do(t.Context(), insert(plain, "b")); err != errDown {
		t.Fatalf("the error is %v", err)
	}
	if n := count(t, e, plain); n != 1 {
		t.Fatalf("there are %d rows, want the one that was written", n)
	}
	s.Clear()
	if _, err := e.Do(t.Context(), insert(plain, "c")); err != nil {
		t.Fatal(err)
	}
	if a, b := s.Count(op.Insert), s.Count(op.Count); a != 4 || b != 2 || s.Count(0) != 6 {
		t.Errorf("counted %d inserts and %d counts of %d", a, b, s.Count(0))
	}
	if ops := s.Ops(); len(ops) != 6 || ops[1].Model != tag || ops[5].Kind != op.Insert {
		t.Errorf("the log is %v", ops)
	}
	s.Reset()
	if s.Count(0) != 0 || len(s.Ops()) != 0 {
		t.Error("Reset left something")
	}
}

func TestWhichCall(t *testing.T) {
	e, s := open(t, fault.Options{Seed: 7})
	failed := func(n int) (at []int) {
		for i := range n {
			if _, err := e.Do(t.Context(), op.Op{Kind: op.Count, Model: model("Plain")}); err != nil {
				at = append(at, i)
			}
		}
		return at
	}
	s.Add(fault.Rule{Kind: op.Count, Nth: 3, Err: errDown})
	if at := failed(6); len(at) != 1 || at[0] != 2 {
		t.Errorf("failed at %v, want the third only", at)
	}
	s.Clear()
	s.Add(fault.Rule{Times: 2, Err: errDown})
	if at := failed(6); len(at) != 2 || at[1] != 1 {
		t.Errorf("failed at %v, want the first two", at)
	}
	s.Clear()
	s.Add(fault.Rule{Probability: 0.5, Err: errDown})
	if at := failed(200); len(at) < 60 || len(at) > 140 {
		t.Errorf("%d of 200 failed, want about half", len(at))
	}
}

func TestDelay(t *testing.T) {
	e, s := open(t, fault.Options{})
	gate := make(chan struct{})
	s.Add(fault.Rule{Kind: op.Count, Delay: gate})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := e.Do(ctx, op.Op{Kind: op.Count, Model: model("Plain")})
	if !errors.Is(err, context.DeadlineExceeded) || op.CodeOf(err) != op.CodeTimeout {
		t.Fatalf("the error is %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := e.Do(context.Background(), op.Op{Kind: op.Count, Model: model("Plain")})
		done <- err
	}()
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestRows(t *testing.T) {
	e, s := open(t, fault.Options{})
	for _, id := range []string{"a", "b", "c"} {
		if _, err := e.Do(t.Context(), insert(model("Plain"), id)); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (n int, err error) {
		res, err := e.Do(t.Context(), op.Op{Kind: op.Find, Model: model("Plain")})
		if err != nil {
			t.Fatal(err)
		}
		for res.Rows.Next() {
			n++
		}
		if err := res.Rows.Close(); err != nil {
			t.Fatal(err)
		}
		return n, res.Rows.Err()
	}
	s.Add(fault.Rule{At: fault.Row, Kind: op.Find, Rows: 2, Times: 1, Err: errDown})
	if n, err := read(); n != 2 || err != errDown {
		t.Errorf("%d rows came and error %v", n, err)
	}
	if n, err := read(); n != 3 || err != nil {
		t.Errorf("%d rows came and error %v", n, err)
	}
	if n := s.Calls(fault.Row); n != 5 {
		t.Errorf("counted %d rows, want 5", n)
	}
}

func TestTransactions(t *testing.T) {
	e, s := open(t, fault.Options{})
	plain := model("Plain")
	ctx := t.Context()

	for _, after := range []bool{false, true} {
		remove := s.Add(fault.Rule{At: fault.Begin, Err: errDown, After: after})
		if _, err := e.Begin(ctx, op.TxOptions{}); err != errDown {
			t.Fatalf("begin: %v", err)
		}
		remove()
	}
	begin := func() op.Tx {
		t.Helper()
		tx, err := e.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}

	s.Add(fault.Rule{At: fault.Commit, Err: errDown, Times: 1})
	tx := begin()
	if _, err := tx.Do(ctx, insert(plain, "a")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != errDown {
		t.Fatalf("commit: %v", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if n := count(t, e, plain); n != 0 {
		t.Errorf("%d rows are there although the commit never came", n)
	}

	s.Clear()
	s.Add(fault.Rule{At: fault.Commit, Err: errDown, After: true})
	tx = begin()
	if _, err := tx.Do(ctx, insert(plain, "b")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != errDown {
		t.Fatalf("commit: %v", err)
	}
	if n := count(t, e, plain); n != 1 {
		t.Errorf("there are %d rows although the commit came through", n)
	}

	s.Clear()
	s.Add(fault.Rule{At: fault.Rollback, Err: errDown})
	s.Add(fault.Rule{Kind: op.Insert, Err: errDown})
	tx = begin()
	nested, err := tx.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nested.Do(ctx, insert(plain, "c")); err != errDown {
		t.Errorf("the layer does not hold in a nested transaction: %v", err)
	}
	if err := nested.Rollback(ctx); err != errDown {
		t.Errorf("rollback: %v", err)
	}
	if err := tx.Rollback(ctx); err != errDown {
		t.Errorf("rollback: %v", err)
	}
	s.Clear()
	if _, err := e.Do(ctx, insert(plain, "d")); err != nil {
		t.Errorf("after a rollback that failed for the caller the engine is held up: %v", err)
	}
	if b, c, r := s.Calls(fault.Begin), s.Calls(fault.Commit), s.Calls(fault.Rollback); b != 6 || c != 2 || r != 3 {
		t.Errorf("counted %d begins, %d commits and %d rollbacks", b, c, r)
	}
}

func TestBatchMembers(t *testing.T) {
	e, s := open(t, fault.Options{})
	b := op.Op{Kind: op.Batch, Batch: []op.Op{insert(model("Plain"), "a"), insert(model("Tag"), "t")}}
	for _, r := range []fault.Rule{{Kind: op.Insert, Model: "Tag"}, {Kind: op.Batch}, {Kind: op.Batch, Model: "Tag"}, {Model: "Plain"}} {
		r.Err = errDown
		remove := s.Add(r)
		if _, err := e.Do(t.Context(), b); err != errDown {
			t.Errorf("the rule %+v does not hit the batch", r)
		}
		remove()
	}
	s.Add(fault.Rule{Kind: op.Insert, Model: "Wide", Err: errDown})
	if _, err := e.Do(t.Context(), b); err != nil {
		t.Error(err)
	}
}

// Without rules the layer changes nothing.
func TestSuite(t *testing.T) {
	optest.Run(t, optest.Factory{
		Name: "fault over mem",
		Caps: mem.Open().Caps().Flags,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			e, _ := open(t, fault.Options{})
			if _, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}}); err != nil {
				t.Fatal(err)
			}
			return e
		},
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	e, s := open(t, fault.Options{})
	m := model("Plain")
	s.Add(fault.Rule{Kind: op.Insert, Wait: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := e.Do(ctx, insert(m, "a"))
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.Clear()
	s.Add(fault.Rule{Wait: time.Nanosecond})
	if _, err := e.Do(t.Context(), insert(m, "a")); err != nil {
		t.Error(err)
	}
	if n := count(t, e, m); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestUpdateIsAnIncrementToo(t *testing.T) {
	e, s := open(t, fault.Options{})
	m := model("Plain")
	if _, err := e.Do(t.Context(), insert(m, "a")); err != nil {
		t.Fatal(err)
	}
	s.Add(fault.Rule{Kind: op.Update, Err: errDown, Times: 1})
	inc := op.Op{Kind: op.Increment, Model: m, Set: []op.Assign{{Field: "value", Inc: true, Value: int64(1)}}}
	if _, err := e.Do(t.Context(), inc); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
}

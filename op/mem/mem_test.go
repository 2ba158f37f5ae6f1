package mem_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func counter(t *testing.T) *schema.Model {
	t.Helper()
	m := &schema.Model{Name: "Count", Fields: []*schema.Field{
		{Name: "id", Type: schema.BigInteger, Primary: true},
		{Name: "n", Type: schema.Integer, Nullable: true},
		{Name: "raw", Type: schema.Binary, Nullable: true},
		{Name: "doc", Type: schema.JSON, Nullable: true},
		{Name: "ratio", Type: schema.Float, Nullable: true},
		{Name: "sum", Type: schema.Decimal, Precision: 4, Scale: 1, Nullable: true},
		{Name: "big", Type: schema.BigInteger, Nullable: true},
		{Name: "version", Type: schema.BigInteger, Role: schema.RoleVersion},
	}}
	build(t, m)
	return m
}

func row(id any, vals ...any) []any {
	out := append([]any{id}, vals...)
	for len(out) < 8 {
		out = append(out, op.Unset{})
	}
	return out
}

func TestWritersTakeTurns(t *testing.T) {
	m := counter(t)
	e := open(t)
	ctx := context.Background()
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.Begin(short, op.TxOptions{}); !errors.Is(err, context.Canceled) || op.CodeOf(err) != op.CodeCancelled {
		t.Errorf("begin with a cancelled context: %v", err)
	}
	short, cancel = context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := e.Do(short, op.Op{Kind: op.Delete, Model: m}); op.CodeOf(err) != op.CodeTimeout || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write behind a transaction: %v", err)
	}
	if err := add(t, tx, m, row(1)); err != nil {
		t.Fatal(err)
	}
	if n := must(t, e, op.Op{Kind: op.Count, Model: m}).N; n != 0 {
		t.Error("a reader sees what is not committed")
	}
	reader, err := e.Begin(ctx, op.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if n := must(t, reader, op.Op{Kind: op.Count, Model: m}).N; n != 0 {
		t.Error("a read-only transaction sees what was committed after it began")
	}
	if err := add(t, reader, m, row(2)); !errors.Is(err, op.ErrValidation) {
		t.Errorf("write in a read-only transaction: %v", err)
	}
	if n := must(t, e, op.Op{Kind: op.Count, Model: m}).N; n != 1 {
		t.Errorf("%d rows after commit", n)
	}
	if err := reader.Rollback(ctx); err != nil {
		t.Error(err)
	}
}

func TestNestedTransactions(t *testing.T) {
	m := counter(t)
	e := open(t)
	ctx := context.Background()
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		id     int
		commit bool
	}{{1, true}, {2, false}, {3, true}}
	for _, s := range steps {
		inner, err := tx.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := add(t, inner, m, row(s.id)); err != nil {
			t.Fatal(err)
		}
		if _, err := do(t, tx, op.Op{Kind: op.Count, Model: m}); !errors.Is(err, op.ErrInternal) {
			t.Errorf("the outer transaction works while the inner is open: %v", err)
		}
		if s.commit {
			err = inner.Commit(ctx)
		} else {
			err = inner.Rollback(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := do(t, inner, op.Op{Kind: op.Count, Model: m}); err == nil {
			t.Error("the inner transaction works after its end")
		}
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Errorf("rollback after commit: %v", err)
	}
	if err := tx.Commit(ctx); err == nil {
		t.Error("a second commit")
	}
	got := values(t, e, op.Op{Kind: op.Find, Model: m, Sort: []op.Sort{{Field: "id"}}})
	if !reflect.DeepEqual(got, []any{int64(1), int64(3)}) {
		t.Errorf("left are %v", got)
	}
}

func TestClose(t *testing.T) {
	m := counter(t)
	e := open(t)
	ctx := context.Background()
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := e.Do(ctx, op.Op{Kind: op.Delete, Model: m})
		waiting <- err
	}()
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	closed := func(name string, err error) {
		t.Helper()
		var o *op.Error
		if !errors.As(err, &o) || !o.Closed {
			t.Errorf("%s: %v", name, err)
		}
	}
	closed("waiting write", <-waiting)
	_, err = e.Do(ctx, op.Op{Kind: op.Count, Model: m})
	closed("do", err)
	_, err = e.Begin(ctx, op.TxOptions{})
	closed("begin", err)
	_, err = tx.Do(ctx, op.Op{Kind: op.Count, Model: m})
	closed("tx", err)
	closed("commit", tx.Commit(ctx))
	if err := tx.Rollback(ctx); err != nil {
		t.Errorf("rollback: %v", err)
	}
}

func TestMemoryIsNotShared(t *testing.T) {
	m := counter(t)
	e := open(t)
	raw := []byte{1, 2}
	given := row(1, nil, raw)
	if err := add(t, e, m, given); err != nil {
		t.Fatal(err)
	}
	raw[0], given[1] = 9, int64(9)
	find := op.Op{Kind: op.Find, Model: m, Fields: []string{"raw", "n"}}
	for range 2 {
		rows := must(t, e, find).Rows
		rows.Next()
		got := rows.Row()
		if !reflect.DeepEqual(got, []any{[]byte{1, 2}, nil}) {
			t.Errorf("the row is %v", got)
		}
		got[0].([]byte)[0], got[1] = 7, int64(7)
	}
}

func TestRowsEndWithTheContext(t *testing.T) {
	m := counter(t)
	e := open(t)
	if err := add(t, e, m, row(1), row(2)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	res, err := e.Do(ctx, op.Op{Kind: op.Find, Model: m})
	if err != nil || !res.Rows.Next() {
		t.Fatal(err)
	}
	cancel()
	if res.Rows.Next() || op.CodeOf(res.Rows.Err()) != op.CodeCancelled {
		t.Errorf("the rows go on: %v", res.Rows.Err())
	}
}

func TestChanges(t *testing.T) {
	m := counter(t)
	e := open(t)
	if err := add(t, e, m, row(1)); err != nil {
		t.Fatal(err)
	}
	inc := func(field string, v any) op.Op {
		return op.Op{Kind: op.Increment, Model: m, Set: []op.Assign{{Field: field, Inc: true, Value: v}}}
	}
	for _, o := range []op.Op{
		inc("n", 5), inc("n", -2), inc("ratio", 0.5), inc("sum", "1.5"), inc("sum", "-3"), inc("big", int64(1)<<62),
		{Kind: op.Update, Model: m, Set: []op.Assign{{Field: "doc.a.b", Value: 1}, {Field: "doc.c", Value: "x"}}},
	} {
		must(t, e, o)
	}
	rows := must(t, e, op.Op{Kind: op.Find, Model: m}).Rows
	rows.Next()
	got := rows.Row()
	if got[1] != int64(3) || got[3] != op.JSON(`{"a":{"b":1},"c":"x"}`) || got[4] != 0.5 || op.Text(got[5]) != "-1.5" || got[7] != int64(8) {
		t.Errorf("the row is %v", got)
	}
	for name, o := range map[string]op.Op{
		"int64":     inc("big", int64(1)<<62),
		"32 bits":   inc("n", 1<<31),
		"precision": inc("sum", "1005"),
		"float":     inc("ratio", 1.7e308),
		"path":      {Kind: op.Update, Model: m, Set: []op.Assign{{Field: "doc.c.d", Value: 1}}},
	} {
		if name == "float" {
			must(t, e, o)
		}
		_, err := do(t, e, o)
		var v *op.ValidationError
		if !errors.As(err, &v) || v.Model != "Count" || v.Index != -1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSums(t *testing.T) {
	m := counter(t)
	e := open(t)
	no := op.Unset{}
	if err := add(t, e, m, row(1, no, no, no, 1.7e308, "1.5", int64(1)<<62), row(2, no, no, no, 1.7e308, "2.5", int64(1)<<62)); err != nil {
		t.Fatal(err)
	}
	for field, fails := range map[string]bool{"big": true, "ratio": true, "sum": false, "n": false} {
		_, err := do(t, e, op.Op{Kind: op.Aggregate, Model: m, Aggs: []op.Agg{{Func: op.AggSum, Field: field, As: "s"}}})
		if fails != errors.Is(err, op.ErrValidation) {
			t.Errorf("sum of %s: %v", field, err)
		}
	}
}

func TestCountDistinct(t *testing.T) {
	m := counter(t)
	e := open(t)
	if err := add(t, e, m, row(1, 5), row(2, 5), row(3, nil), row(4, nil)); err != nil {
		t.Fatal(err)
	}
	if n := must(t, e, op.Op{Kind: op.Count, Model: m, Distinct: true, Fields: []string{"n"}}).N; n != 2 {
		t.Errorf("%d different values, want 2", n)
	}
	if n := must(t, e, op.Op{Kind: op.Count, Model: m, Distinct: true, Limit: 1, Offset: 9}).N; n != 4 {
		t.Errorf("%d different rows, want 4", n)
	}
}

func TestRefused(t *testing.T) {
	m := counter(t)
	e := open(t)
	for name, o := range map[string]op.Op{
		"watch":  {Kind: op.Watch, Model: m},
		"sql":    {Kind: op.SQL, SQL: "SELECT 1"},
		"backup": {Kind: op.Backup},
		"with":   {Kind: op.Find, Model: m, With: []op.With{{Relation: "x"}}},
	} {
		if _, err := e.Do(context.Background(), o); !errors.Is(err, op.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Do(context.Background(), op.Op{Kind: op.Find, Model: m, Lock: op.ForUpdate}); !errors.Is(err, op.ErrValidation) {
		t.Errorf("a lock without transaction: %v", err)
	}
	// What was not normalized is an error and no panic.
	for _, o := range []op.Op{
		{}, {Kind: op.Find, Model: m, Fields: []string{"x"}}, {Kind: op.Find, Model: m, Filter: op.Cmp("x", op.Eq, 1)},
	} {
		if err := add(t, e, m, row(1)); err != nil && reason(err) != op.ReasonExists {
			t.Fatal(err)
		}
		if _, err := e.Do(context.Background(), o); err == nil {
			t.Errorf("%+v is no error", o)
		}
	}
}

func TestExplain(t *testing.T) {
	m := counter(t)
	e := open(t)
	res := must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(1)}, Explain: true})
	if res.Plan == nil || res.Plan.Engine != "mem" || !reflect.DeepEqual(res.Plan.Scan, []string{"counts"}) {
		t.Errorf("the plan is %+v", res.Plan)
	}
	if n := must(t, e, op.Op{Kind: op.Count, Model: m}).N; n != 0 {
		t.Error("Explain has inserted a row")
	}
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row(1)}, Explain: true})
	if n := must(t, tx, op.Op{Kind: op.Count, Model: m}).N; n != 0 {
		t.Error("Explain has inserted a row in the transaction")
	}
	if err := tx.Close(); err != nil {
		t.Error(err)
	}
}

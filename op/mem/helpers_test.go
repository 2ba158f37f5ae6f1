package mem_test

import (
	"context"
	"errors"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
)

func open(t *testing.T) *mem.Engine {
	t.Helper()
	e := mem.Open()
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// do runs a normalized operation.
func do(t *testing.T, e op.Engine, o op.Op) (op.Result, error) {
	t.Helper()
	if err := op.Normalize(&o); err != nil {
		t.Fatal(err)
	}
	return e.Do(context.Background(), o)
}

func must(t *testing.T, e op.Engine, o op.Op) op.Result {
	t.Helper()
	res, err := do(t, e, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// values are the rows of a find: their first columns.
func values(t *testing.T, e op.Engine, o op.Op) []any {
	t.Helper()
	rows := must(t, e, o).Rows
	out := []any{}
	for rows.Next() {
		out = append(out, rows.Row()[0])
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func build(t *testing.T, models ...*schema.Model) {
	t.Helper()
	if _, err := schema.Build(models...); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, e op.Engine, m *schema.Model, rows ...[]any) error {
	t.Helper()
	_, err := do(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows})
	return err
}

func reason(err error) string {
	var c *op.ConflictError
	if errors.As(err, &c) {
		return c.Reason
	}
	return ""
}

func migrate(t *testing.T, e op.Engine, m *schema.Model) error {
	t.Helper()
	_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: m.Set(), Apply: true}})
	return err
}

package validate_test

import (
	"context"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// capture is an engine that keeps what it is asked and says that all went well.
type capture struct {
	ops  []op.Op
	rows [][]any // answer to finds and to writes that return rows
	n    int64
}

func (c *capture) Do(_ context.Context, o op.Op) (op.Result, error) {
	c.ops = append(c.ops, o)
	res := op.Result{N: c.n}
	if o.Kind == op.Find || o.Returning {
		rows := c.rows
		if rows == nil {
			rows = o.Rows
		}
		res.Rows = op.NewRows(rows)
	}
	for range o.Batch {
		res.Batch = append(res.Batch, op.Result{N: c.n})
	}
	return res, nil
}

func (c *capture) Begin(context.Context, op.TxOptions) (op.Tx, error) { return nil, op.ErrClosed() }
func (c *capture) Caps() op.Caps                                      { return op.Caps{Engine: "capture"} }
func (c *capture) Close() error                                       { return nil }

func (c *capture) last() op.Op { return c.ops[len(c.ops)-1] }

// build makes models from structs.
func build(t testing.TB, structs ...any) *schema.Set {
	t.Helper()
	var list []*schema.Model
	for _, s := range structs {
		m, err := schema.FromStruct(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	set, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// row is a row of full width with the values given by name.
func row(t testing.TB, m *schema.Model, vals map[string]any) []any {
	t.Helper()
	out := make([]any, len(m.Fields))
	for i := range out {
		out[i] = op.Unset{}
	}
	for n, v := range vals {
		f := m.Field(n)
		if f == nil {
			t.Fatalf("no field %s", n)
			return nil
		}
		out[f.Pos] = v
	}
	return out
}

func value(t testing.TB, m *schema.Model, r []any, name string) any {
	t.Helper()
	f := m.Field(name)
	if f == nil {
		t.Fatalf("no field %s", name)
		return nil
	}
	return r[f.Pos]
}

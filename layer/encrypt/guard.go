package encrypt

import (
	"context"
	"errors"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// checkOwn holds the guards that compare encrypted fields: their rows are read,
// opened and compared here, in the transaction of the operation.
func (e *engine) checkOwn(ctx context.Context, own []op.Guard, o *op.Op) error {
	for i := range own {
		g := &own[i]
		if related(&g.Must) {
			return op.Errorf(op.CodeUnsupported, "a guard cannot compare encrypted fields of %s and look at related rows in one condition", g.Model.Name)
		}
		m := e.model(g.Model)
		list, err := e.rowsOf(ctx, m, op.Op{Filter: g.Filter})
		if err != nil {
			return err
		}
		for _, row := range list {
			ok, err := op.MatchRow(m.clear, row, g.Must, nil)
			if err != nil {
				return err
			}
			if ok {
				continue
			}
			c := &op.ConflictError{Reason: op.ReasonStale, Model: m.clear.Name, ID: op.KeyText(m.clear, row), Current: row, Index: -1}
			if o.Model == g.Model && o.Using.Kind != op.True { // shown only to who may see it
				key, _ := m.key(row)
				if list, err = e.rowsOf(ctx, m, op.Op{Filter: m.keyIs(key), Using: o.Using}); err != nil {
					return err
				}
				if len(list) == 0 {
					c.Current = nil
				}
			}
			return c
		}
	}
	return nil
}

// rowsOf reads whole rows with clear values.
func (e *engine) rowsOf(ctx context.Context, m *model, o op.Op) ([][]any, error) {
	o.Kind, o.Model = op.Find, m.clear
	res, err := e.Do(ctx, o)
	if err != nil {
		return nil, err
	}
	return collect(res.Rows)
}

// revealed makes the row in a conflict of one of these operations a clear one. A
// row that does not open is left out: the conflict stands without it.
func (e *engine) revealed(err error, ops ...*op.Op) error {
	var c *op.ConflictError
	if !errors.As(err, &c) || c.Current == nil {
		return err
	}
	for _, o := range ops {
		models := []*schema.Model{o.Model}
		for _, g := range o.Guards {
			models = append(models, g.Model)
		}
		for _, m := range models {
			x := e.model(m)
			if x == nil || x.whole == nil || m.Name != c.Model {
				continue
			}
			row, oerr := x.whole.open(e.layer, append([]any(nil), c.Current...))
			if oerr != nil {
				row = nil
			}
			c.Current = row
			return err
		}
	}
	return err
}

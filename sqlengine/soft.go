package sqlengine

import (
	"context"
	"errors"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// hidden fails when what kept row i of an upsert from being written is a row
// that is marked deleted: the one with its key or, in a table whose unique
// index is over all rows, with its unique values.
func (c *Core) hidden(ctx context.Context, s Session, o *op.Op, i, index int) error {
	m := o.Model
	if m.DeletedF == nil {
		return nil
	}
	by := m.Primary
	if len(o.Conflict.Fields) > 0 {
		by = nil
		for _, name := range o.Conflict.Fields {
			by = append(by, m.Field(name))
		}
	}
	other, err := c.standing(ctx, s, m, by, o.Rows[i])
	if err != nil || other == nil || !op.Deleted(m, other) {
		return err
	}
	e := &op.ConflictError{Reason: op.ReasonUnique, Model: m.Name, ID: op.KeyText(m, other), Deleted: true, Index: index}
	if !slices.ContainsFunc(m.Primary, func(f *schema.Field) bool { return !slices.Contains(by, f) }) {
		e.Reason = op.ReasonExists
	}
	for _, f := range by {
		e.Fields = append(e.Fields, f.Name)
	}
	return e
}

// noteDeleted notes on the conflict of a row that was to be inserted whether
// the other row is marked deleted. Where that cannot be told it stays as it is.
func (c *Core) noteDeleted(ctx context.Context, s Session, o *op.Op, err error) {
	m := o.Model
	var conflict *op.ConflictError
	if m.DeletedF == nil || (o.Kind != op.Insert && o.Kind != op.Upsert) || !errors.As(err, &conflict) || conflict.Deleted {
		return
	}
	var by []*schema.Field
	switch conflict.Reason {
	case op.ReasonExists:
		by = m.Primary
	case op.ReasonUnique:
		for _, name := range conflict.Fields {
			f := m.Field(name)
			if f == nil {
				return
			}
			by = append(by, f)
		}
	}
	i := max(conflict.Index, 0)
	if len(by) == 0 || i >= len(o.Rows) || (conflict.Index < 0 && len(o.Rows) > 1) {
		return
	}
	// The operation has been undone, so the other row may be one of its own.
	other := earlier(o.Rows[:i], by, o.Rows[i])
	if other == nil {
		if other, err = c.standing(ctx, s, m, by, o.Rows[i]); err != nil || other == nil {
			return
		}
	}
	conflict.Deleted = op.Deleted(m, other)
}

// earlier is the first of rows that has the values of row in the fields.
func earlier(rows [][]any, by []*schema.Field, row []any) []any {
	for _, other := range rows {
		if !slices.ContainsFunc(by, func(f *schema.Field) bool { return op.CompareValues(other[f.Pos], row[f.Pos]) != 0 }) {
			return other
		}
	}
	return nil
}

// standing finds a row that has the values of row in the fields, one that is not
// marked deleted before one that is; nil is none.
func (c *Core) standing(ctx context.Context, s Session, m *schema.Model, by []*schema.Field, row []any) ([]any, error) {
	find := op.Op{Kind: op.Find, Model: m, Limit: 1, Sort: []op.Sort{{Field: m.DeletedF.Name}}}
	for _, f := range by {
		v := row[f.Pos]
		if _, unset := v.(op.Unset); unset || v == nil {
			return nil, nil
		}
		find.Filter = op.AllOf(find.Filter, op.Cmp(f.Name, op.Eq, v))
	}
	list, err := c.all(ctx, s, &find, form{})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

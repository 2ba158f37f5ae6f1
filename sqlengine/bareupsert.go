package sqlengine

import (
	"context"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// bareUpsert is upsert: each row is looked for, then changed or inserted.
func (c *Core) bareUpsert(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	t, err := c.Table(ctx, s, o.Model)
	if err != nil {
		return op.Result{}, err
	}
	var res op.Result
	var list [][]any
	keep := o.Returning || o.Check.Kind != op.True
	for i := range o.Rows {
		index := -1
		if len(o.Rows) > 1 {
			index = i
		}
		got, n, err := c.bareUpsertOne(ctx, s, o, t, i, index, keep)
		if err != nil {
			return op.Result{}, explain(err, "upsert", o.Model, index)
		}
		res.N += n
		list = append(list, got...)
	}
	if keep {
		if list, err = c.again(ctx, s, o.Model, list); err != nil {
			return op.Result{}, err
		}
		if err := c.check(ctx, s, o, list); err != nil {
			return op.Result{}, err
		}
	}
	if o.Returning {
		list, err := o.Project(list)
		if err != nil {
			return op.Result{}, err
		}
		res.Rows = given(list, o.Sink)
	}
	return res, nil
}

func (c *Core) bareUpsertOne(ctx context.Context, s Session, o *op.Op, t *Table, i, index int, keep bool) ([][]any, int64, error) {
	row, conflict := o.Rows[i], o.Conflict
	if conflict == nil {
		conflict = &op.Conflict{}
	}
	old, err := c.bareStanding(ctx, s, o.Model, conflict.Fields, row)
	if err != nil {
		return nil, 0, err
	}
	if old == nil {
		ins := op.Op{Kind: op.Insert, Model: o.Model}
		got, err := c.bareInsertSome(ctx, s, &ins, t, [][]any{row}, keep)
		return got, 1, err
	}
	if op.Deleted(o.Model, old) {
		if err := c.hidden(ctx, s, o, i, index); err != nil {
			return nil, 0, err
		}
		return nil, 0, &op.ConflictError{
			Reason: op.ReasonExists, Model: o.Model.Name, ID: op.KeyText(o.Model, old), Fields: namesOf(o.Model.Primary), Deleted: true, Index: index,
		}
	}
	change := op.Op{Kind: op.Update, Model: o.Model}
	change.Filter = keyOf(&change, [][]any{old})
	for _, name := range conflict.Update {
		f := o.Model.Field(name)
		if f == nil {
			return nil, 0, op.Invalid(o.Model.Name, name, "field", "is no field of %s", o.Model.Name)
		}
		v := row[f.Pos]
		if _, unset := v.(op.Unset); unset && f.Auto {
			continue // a key that was not given stays as it is
		}
		change.Set = append(change.Set, op.Assign{Field: f.Name, Value: v})
	}
	change.Set = append(change.Set, conflict.Set...)
	if len(conflict.Update)+len(conflict.Set) == 0 {
		return nil, 0, nil
	}
	change.Returning = keep
	got, err := c.bareWrite(ctx, s, &change, [][]any{old})
	return got, 1, err
}

// bareStanding finds the row that stands against a new one, and locks it: one
// with the same key, or with the same values of a unique index where neither is
// marked deleted. Without fields every index counts.
func (c *Core) bareStanding(ctx context.Context, s Session, m *schema.Model, fields []string, row []any) ([]any, error) {
	for i, by := range op.Uniques(m) {
		if len(fields) > 0 && !named(by, fields) {
			continue
		}
		if i > 0 && op.Deleted(m, row) {
			continue
		}
		find := op.Op{Kind: op.Find, Model: m, Limit: 1, Lock: op.ForUpdate}
		if i > 0 {
			find.Filter = op.Live(m)
		}
		complete := true
		for _, f := range by {
			v := row[f.Pos]
			if _, unset := v.(op.Unset); unset {
				v = defaultOf(f)
			}
			complete = complete && v != nil
			find.Filter = op.AllOf(find.Filter, op.Cmp(f.Name, op.Eq, v))
		}
		if !complete {
			continue
		}
		list, err := c.all(ctx, s, &find, form{})
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			return list[0], nil
		}
	}
	return nil, nil
}

// defaultOf is the value of a field that was not given, as far as it can be
// told; nil otherwise.
func defaultOf(f *schema.Field) any {
	if f.Default == nil || f.Auto {
		return nil
	}
	v := f.Default.Value
	if f.Default.Now {
		v = time.Now().UTC()
	}
	if v, err := op.CanonField(f, v); err == nil {
		return v
	}
	return nil
}

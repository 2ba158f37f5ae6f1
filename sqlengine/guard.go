package sqlengine

import (
	"context"

	"github.com/weftdb/weft/op"
)

// guards checks the guards of an operation, inside its transaction.
func (c *Core) guards(ctx context.Context, s Session, o *op.Op) error {
	for i := range o.Guards {
		g := &o.Guards[i]
		if g.Model == nil {
			return op.Errorf(op.CodeValidation, "guard %d has no model", i)
		}
		var err error
		if g.Kind == op.GuardSnapshot {
			err = c.snapshot(ctx, s, g)
		} else {
			err = c.stale(ctx, s, o, g)
		}
		if err != nil {
			return explain(err, "guard", g.Model, -1)
		}
	}
	return nil
}

// stale fails when a row of the guard's filter is not as it must be. The row
// is shown in the error only where the operation may see it.
func (c *Core) stale(ctx context.Context, s Session, o *op.Op, g *op.Guard) error {
	find := op.Op{
		Kind: op.Find, Model: g.Model, Limit: 1,
		Filter: op.AllOf(g.Filter, op.Cond{Kind: op.Not, Conds: []op.Cond{g.Must}}),
	}
	list, err := c.all(ctx, s, &find, form{})
	if err != nil || len(list) == 0 {
		return err
	}
	conflict := &op.ConflictError{Reason: op.ReasonStale, Model: g.Model.Name, ID: op.KeyText(g.Model, list[0]), Index: -1}
	if g.Model == o.Model && o.Using.Kind != op.True {
		find.Filter = op.AllOf(keyOf(&find, list[:1]), o.Using)
		if list, err = c.all(ctx, s, &find, form{}); err != nil {
			return err
		}
	}
	if len(list) > 0 {
		conflict.Current = list[0]
	}
	return conflict
}

// snapshot fails when the number of rows or their highest version changed.
func (c *Core) snapshot(ctx context.Context, s Session, g *op.Guard) error {
	o := op.Op{Kind: op.Aggregate, Model: g.Model, Filter: g.Filter, Aggs: []op.Agg{{Func: op.AggCount, As: "rows"}}}
	if v := g.Model.VersionF; v != nil {
		o.Aggs = append(o.Aggs, op.Agg{Func: op.AggMax, Field: v.Name, As: "version"})
	}
	list, err := c.all(ctx, s, &o, form{})
	if err != nil {
		return err
	}
	var version int64
	if len(list[0]) > 1 {
		version, _ = list[0][1].(int64)
	}
	if list[0][0] != any(g.Rows) || version != g.Version {
		return &op.ConflictError{Reason: op.ReasonSerialization, Model: g.Model.Name, Index: -1}
	}
	return nil
}

// checkRows is how many rows are checked by one statement.
const checkRows = 500

// check fails when a row as written does not hold the operation's check. rows
// have all fields.
func (c *Core) check(ctx context.Context, s Session, o *op.Op, rows [][]any) error {
	if o.Check.Kind == op.True {
		return nil
	}
	for len(rows) > 0 {
		some := rows[:min(len(rows), checkRows)]
		rows = rows[len(some):]
		find := op.Op{
			Kind: op.Find, Model: o.Model, Limit: 1,
			Filter: op.AllOf(keyOf(o, some), op.Cond{Kind: op.Not, Conds: []op.Cond{o.Check}}),
		}
		list, err := c.all(ctx, s, &find, form{})
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return op.Errorf(op.CodeForbidden, "%s %s as it would be written is not allowed", o.Model.Name, op.KeyText(o.Model, list[0]))
		}
	}
	return nil
}

// keyOf is the condition that holds for the given rows.
func keyOf(o *op.Op, rows [][]any) op.Cond {
	key := o.Model.Primary
	if len(key) == 1 {
		in := op.Cond{Kind: op.Compare, Op: op.In, Field: key[0].Name}
		for _, row := range rows {
			in.List = append(in.List, row[key[0].Pos])
		}
		return in
	}
	any := op.Cond{Kind: op.Or}
	for _, row := range rows {
		all := op.Cond{Kind: op.And}
		for _, f := range key {
			all.Conds = append(all.Conds, op.Cmp(f.Name, op.Eq, row[f.Pos]))
		}
		any.Conds = append(any.Conds, all)
	}
	return any
}

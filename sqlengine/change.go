package sqlengine

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// change runs an operation that writes. Where one statement is enough it is
// its own transaction.
func (c *Core) change(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	if o.Model.Kind == schema.EventLog && o.Kind != op.Insert && !o.Quiet {
		return op.Result{}, op.Errorf(op.CodeUnsupported, "%s is an event log: rows are only appended", o.Model.Name)
	}
	var res op.Result
	var err error
	softUpsert := o.Kind == op.Upsert && o.Model.DeletedF != nil
	if c.dialect.Bare {
		res, err = c.bare(ctx, s, o)
	} else if c.stepwise(o) || c.direct(o) == nil && (len(o.Guards) > 0 || o.Check.Kind != op.True || len(o.Rows) > 1 || chained(o) || softUpsert) {
		res, err = c.inTurn(ctx, s, *o)
	} else {
		res, err = c.once(ctx, s, o)
	}
	if err != nil {
		err = op.NoteRow(o, explain(err, o.Kind.String(), o.Model, -1))
		c.noteDeleted(ctx, s, o, err)
		return op.Result{}, err
	}
	return res, nil
}

// inTurn runs an operation of several statements as one transaction.
func (c *Core) inTurn(ctx context.Context, s Session, o op.Op) (res op.Result, err error) {
	err = s.Atomic(ctx, func() error {
		if err := c.guards(ctx, s, &o); err != nil {
			return err
		}
		res, err = c.once(ctx, s, &o)
		return err
	})
	return res, err
}

func (c *Core) once(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	switch o.Kind {
	case op.Insert:
		return c.insert(ctx, s, o)
	case op.Upsert:
		return c.upsert(ctx, s, o)
	}
	return c.modify(ctx, s, o)
}

// direct returns the condition of a guard that can be part of the statement
// itself: the only guard, on the one row that the operation is about.
func (c *Core) direct(o *op.Op) *op.Cond {
	if len(o.Guards) != 1 || o.Check.Kind != op.True || o.Kind == op.Insert || o.Kind == op.Upsert {
		return nil
	}
	g := &o.Guards[0]
	if g.Kind != op.GuardMust || g.Model != o.Model || !byKey(o.Model, &o.Filter) {
		return nil
	}
	if !same(&g.Filter, &o.Filter) {
		if all := o.Where(); !same(&g.Filter, &all) { // the rows that the operation sees
			return nil
		}
	}
	return &g.Must
}

// byKey reports whether a condition holds for one row at most, because it
// names the whole key.
func byKey(m *schema.Model, c *op.Cond) bool {
	_, ok := op.FilterKey(m, c)
	return ok
}

// same reports whether two conditions by key are the same; of others than
// comparisons with one value it does not say so.
func same(a, b *op.Cond) bool {
	if a.Kind != b.Kind || a.Op != b.Op || a.Field != b.Field || len(a.Conds) != len(b.Conds) ||
		len(a.Path)+len(b.Path)+len(a.List)+len(b.List) > 0 || a.Kind >= op.Has {
		return false
	}
	if a.Kind == op.Compare && op.CompareValues(a.Value, b.Value) != 0 {
		return false
	}
	for i := range a.Conds {
		if !same(&a.Conds[i], &b.Conds[i]) {
			return false
		}
	}
	return true
}

// chained reports whether deleting one row of the operation may change or
// delete another before its turn comes. Then its rows are read first: they are
// given, and counted, as they were.
func chained(o *op.Op) bool {
	return o.Kind == op.Delete && pointsAtItself(o.Model) && !byKey(o.Model, &o.Filter)
}

var everything op.Cond

// whole is the operation with all fields in its result.
func whole(o *op.Op) *op.Op {
	if o.Fields == nil {
		return o
	}
	full := *o
	full.Fields = nil
	return &full
}

// modify runs an update, increment or delete.
func (c *Core) modify(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	f := form{must: &everything}
	direct := c.direct(o)
	if direct != nil {
		f.must = direct
	}
	check := o.Check.Kind != op.True && o.Kind != op.Delete
	var res op.Result
	var err error
	switch {
	case c.dialect.JSONSet == "" && places(o.Set):
		if res, err = c.setPlaces(ctx, s, o, f.must); err != nil {
			return res, err
		}
	case check:
		f.give = giveFields
		list, err := c.all(ctx, s, whole(o), f)
		if err != nil {
			return res, err
		}
		if err := c.check(ctx, s, o, list); err != nil {
			return res, err
		}
		res.N = int64(len(list))
		if o.Returning {
			list, err = o.Project(list)
			res.Rows = given(list, o.Sink)
		}
		return res, err
	case chained(o):
		find := op.Op{Kind: op.Find, Model: o.Model, Filter: o.Filter, Using: o.Using, Fields: o.Fields}
		list, err := c.all(ctx, s, &find, form{})
		if err != nil {
			return res, err
		}
		if _, _, err := c.exec(ctx, s, o, f); err != nil {
			return res, err
		}
		res.N = int64(len(list))
		if o.Returning {
			res.Rows = given(list, o.Sink)
		}
	case o.Returning:
		f.give = giveFields
		list, err := c.all(ctx, s, o, f)
		if err != nil {
			return res, err
		}
		res = op.Result{N: int64(len(list)), Rows: given(list, o.Sink)}
	default:
		n, _, err := c.exec(ctx, s, o, f)
		if err != nil {
			return res, err
		}
		res.N = n
	}
	if direct != nil && res.N == 0 {
		return res, c.stale(ctx, s, o, &o.Guards[0])
	}
	return res, nil
}

// upsert runs an upsert, row by row.
func (c *Core) upsert(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	var res op.Result
	var list [][]any
	t, err := c.Table(ctx, s, o.Model)
	if err != nil {
		return res, err
	}
	asked := o
	for i := range o.Rows {
		o := asked
		index := -1
		if len(o.Rows) > 1 {
			index = i
		}
		if err := c.keepKeys(ctx, s, t, o.Rows[i:i+1]); err != nil {
			return op.Result{}, explain(err, "upsert", o.Model, index)
		}
		if c.stepwise(o) {
			if o, err = c.met(ctx, s, o, o.Rows[i]); err != nil {
				return op.Result{}, explain(err, "upsert", o.Model, index)
			}
		}
		f := form{rows: o.Rows[i : i+1]}
		if !o.Returning && o.Check.Kind == op.True {
			n, _, err := c.exec(ctx, s, o, f)
			if err == nil && n == 0 {
				err = c.hidden(ctx, s, o, i, index)
			}
			if err != nil {
				return op.Result{}, explain(err, "upsert", o.Model, index)
			}
			res.N += n
			continue
		}
		f.give = giveFields
		got, err := c.all(ctx, s, whole(o), f)
		if err == nil && len(got) == 0 {
			err = c.hidden(ctx, s, o, i, index)
		}
		if err != nil {
			return op.Result{}, explain(err, "upsert", o.Model, index)
		}
		res.N += int64(len(got))
		list = append(list, got...)
	}
	inTheEnd(o.Model, list)
	if err := c.check(ctx, s, o, list); err != nil {
		return op.Result{}, err
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

// inTheEnd gives rows of a list that stand for the same row of the table the
// values of the last of them.
func inTheEnd(m *schema.Model, list [][]any) {
	if len(list) < 2 {
		return
	}
	last := make(map[string][]any, len(list))
	key := make([]any, len(m.Primary))
	text := func(row []any) string {
		for i, f := range m.Primary {
			key[i] = row[f.Pos]
		}
		return op.KeyString(key)
	}
	for _, row := range list {
		last[text(row)] = row
	}
	for i, row := range list {
		list[i] = last[text(row)]
	}
}

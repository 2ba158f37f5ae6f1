package validate

import (
	"context"
	"math"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// loaded runs an update or delete by query whose hooks need the rows.
func (e *engine) loaded(ctx context.Context, p *plan, o op.Op) (op.Result, error) {
	rows, err := e.load(ctx, p, &o)
	if err != nil {
		return op.Result{}, err
	}
	if len(rows) == 0 { // still checked, and its guards too
		o.Instances = nil
		return e.plain(ctx, p, o)
	}
	if o.Kind == op.Delete {
		in := p.hooks.New(len(rows))
		if err := loadAll(in, rows); err != nil {
			return op.Result{}, err
		}
		o.Instances = in
		done, err := deleteHooked(ctx, p, &o)
		if err != nil {
			return op.Result{}, err
		}
		o.Instances = nil
		res, err := e.next.Do(ctx, &o)
		if err != nil {
			return op.Result{}, err
		}
		return done(ctx, res)
	}
	return e.updateLoaded(ctx, p, o, rows)
}

// plain runs a write that no hook runs for.
func (e *engine) plain(ctx context.Context, p *plan, o op.Op) (op.Result, error) {
	if o.Kind != op.Delete {
		if err := e.checkSet(p, &o); err != nil {
			return op.Result{}, err
		}
	}
	res, err := e.next.Do(ctx, &o)
	if err != nil {
		return op.Result{}, err
	}
	return gathered(&o, res)
}

// load reads the rows that a write is about.
func (e *engine) load(ctx context.Context, p *plan, o *op.Op) ([][]any, error) {
	find := op.Op{Kind: op.Find, Model: o.Model, User: o.User, WithDeleted: o.WithDeleted, Filter: o.Filter, Using: o.Using}
	for _, f := range p.m.Primary {
		find.Sort = append(find.Sort, op.Sort{Field: f.Name})
	}
	res, err := e.next.Do(ctx, &find)
	if err != nil {
		return nil, err
	}
	return collect(res.Rows)
}

// updateLoaded runs the update hooks on rows as the update will leave them,
// then the update: as it came where no hook changed anything more, else row by
// row.
func (e *engine) updateLoaded(ctx context.Context, p *plan, o op.Op, rows [][]any) (op.Result, error) {
	in := p.hooks.New(len(rows))
	own := make([][]op.Assign, len(rows))
	differ := false
	if err := canonSet(p, &o); err != nil {
		return op.Result{}, err
	}
	for i, row := range rows {
		next, err := applied(p.m, row, o.Set)
		if err != nil {
			return op.Result{}, err
		}
		if err := in.Load(i, next); err != nil {
			return op.Result{}, err
		}
		before, err := stored(in, i, next)
		if err != nil {
			return op.Result{}, err
		}
		if err := runHooks(ctx, p.m, "BeforeUpdate", true, p.hooks.BeforeUpdate, in.Instance(i)); err != nil {
			return op.Result{}, err
		}
		after, err := stored(in, i, next)
		if err != nil {
			return op.Result{}, err
		}
		own[i] = changes(p, before, after)
		differ = differ || len(own[i]) > 0
	}
	var want asked
	o.Instances = nil
	if len(p.hooks.AfterUpdate) > 0 {
		want = wholeRows(&o)
	}
	var res op.Result
	var err error
	if differ {
		res, err = e.rowByRow(ctx, p, o, rows, own)
	} else {
		res, err = e.plain(ctx, p, o)
	}
	if err != nil || len(p.hooks.AfterUpdate) == 0 {
		return res, err
	}
	written, err := collect(res.Rows)
	if err != nil {
		return op.Result{}, err
	}
	if err := afterUpdate(ctx, p, in, rows, written); err != nil {
		return op.Result{}, err
	}
	return want.answer(res.N, written), nil
}

// rowByRow writes each row with the changes that its hooks made. The guards go
// with the first: they hold for the operation, which begins there.
func (e *engine) rowByRow(ctx context.Context, p *plan, o op.Op, rows [][]any, own [][]op.Assign) (op.Result, error) {
	var total int64
	var written [][]any
	one := o
	one.Sink = nil
	for i, row := range rows {
		one.Kind, one.Set = o.Kind, o.Set
		withChanges(p, &one, own[i])
		one.Filter = keyIs(p.m, row)
		res, err := e.plain(ctx, p, one)
		if err != nil {
			return op.Result{}, err
		}
		total += res.N
		part, err := collect(res.Rows)
		if err != nil {
			return op.Result{}, err
		}
		written = append(written, part...)
		one.Guards = nil
	}
	res := op.Result{N: total}
	switch {
	case !o.Returning:
	case o.Sink != nil:
		res.Rows = op.NewSinkRows(written, o.Sink)
	default:
		res.Rows = op.NewRows(written)
	}
	return res, nil
}

// afterUpdate runs the hooks on the rows as they were written, each found by
// its key.
func afterUpdate(ctx context.Context, p *plan, in op.Instances, rows, written [][]any) error {
	byKey := make(map[string][]any, len(written))
	for _, row := range written {
		byKey[op.KeyString(keyOf(p.m, row))] = row
	}
	for i, row := range rows {
		now, ok := byKey[op.KeyString(keyOf(p.m, row))]
		if !ok {
			continue
		}
		if err := in.Load(i, now); err != nil {
			return err
		}
		if err := runHooks(ctx, p.m, "AfterUpdate", false, p.hooks.AfterUpdate, in.Instance(i)); err != nil {
			return err
		}
	}
	return nil
}

func keyOf(m *schema.Model, row []any) []any {
	key := make([]any, len(m.Primary))
	for i, f := range m.Primary {
		key[i] = row[f.Pos]
	}
	return key
}

func keyIs(m *schema.Model, row []any) op.Cond {
	conds := make([]op.Cond, len(m.Primary))
	for i, f := range m.Primary {
		conds[i] = op.Cmp(f.Name, op.Eq, row[f.Pos])
	}
	return op.AllOf(conds...)
}

// canonSet brings the values of an update into canonical form before hooks see
// them; those of a field with a transform may be anything that it takes.
func canonSet(p *plan, o *op.Op) error {
	set := make([]op.Assign, len(o.Set))
	for i, a := range o.Set {
		f := p.m.Field(a.Field)
		if f != nil && !a.Inc && len(a.Path) == 0 && a.Value != nil {
			c, err := op.CanonField(p.fields[f.Pos].in, a.Value)
			if err != nil {
				s := pass{p: p}
				s.failErr(-1, f, err)
				return s.err()
			}
			a.Value = c
		}
		set[i] = a
	}
	o.Set = set
	return nil
}

// applied is a row as the update leaves it, but for transforms.
func applied(m *schema.Model, row []any, set []op.Assign) ([]any, error) {
	out := append([]any(nil), row...)
	for _, a := range set {
		f := m.Field(a.Field)
		if f == nil {
			continue
		}
		switch {
		case a.Inc:
			v, err := sum(f, out[f.Pos], a.Value)
			if err != nil {
				return nil, err
			}
			out[f.Pos] = v
		case len(a.Path) > 0:
			was, _ := out[f.Pos].(op.JSON)
			v, ok := a.Value.(op.JSON)
			if !ok {
				continue
			}
			j, err := op.SetJSONPath(was, a.Path, v)
			if err != nil {
				return nil, op.Invalid(m.Name, f.Name, "path", "%s", err.Error())
			}
			out[f.Pos] = j
		default:
			out[f.Pos] = a.Value
		}
	}
	return out, nil
}

// sum adds as an engine does: NULL counts as 0.
func sum(f *schema.Field, was, by any) (any, error) {
	switch x := by.(type) {
	case int64:
		n, _ := was.(int64)
		if (x > 0 && n > math.MaxInt64-x) || (x < 0 && n < math.MinInt64-x) {
			return nil, op.Invalid("", f.Name, "range", "would leave the range of 64 bits")
		}
		return n + x, nil
	case float64:
		n, _ := was.(float64)
		return n + x, nil
	case decimal.Decimal:
		n, _ := was.(decimal.Decimal)
		return n.Add(x), nil
	}
	return was, nil
}

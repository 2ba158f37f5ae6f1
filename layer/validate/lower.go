package validate

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// lower is the engine below the layer. It is the only way down: here every
// operation is kept to the rows that exist for it, and a delete of a model with
// soft delete becomes the mark, so that no other part of the layer has to think
// of either.
type lower struct {
	*layer
	eng op.Engine
}

// Do runs one operation, which has gone through op.Normalize. It changes o, but
// for Batch, Guards and Via, which may be shared and are copied.
func (l lower) Do(ctx context.Context, o *op.Op) (op.Result, error) {
	if err := l.narrow(o); err != nil {
		return op.Result{}, err
	}
	if op.Searches(o) {
		if c := l.eng.Caps(); !c.Has(op.CapFullTextSearch) {
			return op.Result{}, op.Errorf(op.CodeUnsupported, "engine %s has no full-text search", c.Engine)
		}
	}
	return l.eng.Do(ctx, *o)
}

// narrow keeps an operation to what exists for it.
func (l lower) narrow(o *op.Op) error {
	switch o.Kind {
	case op.Migrate, op.SQL, op.Backup:
		return nil
	case op.Batch:
		l.view(o).guards(o)
		o.Batch = slices.Clone(o.Batch)
		for i := range o.Batch {
			if err := l.narrow(&o.Batch[i]); err != nil {
				return op.InBatch(i, err)
			}
		}
		return nil
	}
	v := l.view(o)
	if !v.soft && v.user == "" {
		return nil
	}
	v.restrict(o)
	if o.Kind == op.Delete && o.Model.DeletedF != nil && !o.Purge {
		return l.mark(o)
	}
	return nil
}

// mark makes a delete the update that marks the rows, which is a change of them
// like any other: their version counts and the time of their update is set.
func (l lower) mark(o *op.Op) error {
	p, err := l.plan(o.Model)
	if err != nil {
		return err
	}
	s := l.newPass(p, o.User, 1)
	o.Kind, o.Check, o.Set = op.Update, op.Cond{}, nil
	for _, f := range []*schema.Field{o.Model.DeletedF, o.Model.UpdatedF} {
		if f == nil {
			continue
		}
		now, err := s.generatedNow(&p.fields[f.Pos])
		if err != nil {
			return err
		}
		o.Set = append(o.Set, op.Assign{Field: f.Name, Value: now})
	}
	return nil
}

// view is what exists for an operation: with a user only what belongs to that
// user, and in any case only what is not marked deleted, but for the rows of the
// operation's own model when it asks for them.
type view struct {
	user    string
	soft    bool // some model has soft delete
	deleted bool // Op.WithDeleted
}

func (l lower) view(o *op.Op) view {
	v := view{user: o.User, deleted: o.WithDeleted}
	switch {
	case o.Model != nil && o.Model.Set() != nil:
		v.soft = o.Model.Set().SoftDelete()
	case o.Kind == op.Batch:
		v.soft = len(o.Guards) > 0
	}
	return v
}

// exists is the condition that a row of the model exists.
func (v view) exists(m *schema.Model, deleted bool) op.Cond {
	var live op.Cond
	if !deleted {
		live = op.Live(m)
	}
	if v.user == "" || m == nil || m.Scope != schema.UserScope || m.OwnerF == nil {
		return live
	}
	return op.AllOf(op.Cmp(m.OwnerF.Name, op.Eq, v.user), live)
}

// restrict keeps an operation to the rows themselves that exist, to those that
// relations lead to and are looked at by conditions, and to those that guards
// look at, whose conflict would show them.
func (v view) restrict(o *op.Op) {
	m := o.Model
	o.Filter = v.within(m, o.Filter)
	o.Using = v.within(m, o.Using)
	o.Check = v.within(m, o.Check)
	switch o.Kind {
	case op.Insert:
		// The owner is filled and checked in the row.
	case op.Upsert:
		// The engine passes over deleted rows: their unique values are free.
		o.Check = op.AllOf(v.exists(m, true), o.Check)
	default:
		o.Using = op.AllOf(v.exists(m, v.deleted), o.Using)
	}
	if len(o.Joins) > 0 {
		joins := make([]op.Join, len(o.Joins))
		for i, j := range o.Joins {
			if steps := op.Steps(m, j.Path); len(steps) > 0 {
				target := steps[len(steps)-1].Target
				j.Filter = op.AllOf(v.exists(target, false), v.within(target, j.Filter))
			}
			joins[i] = j
		}
		o.Joins = joins
	}
	if o.Via != nil {
		if r := o.Via.Model.Relation(o.Via.Relation); r != nil && r.Via != nil {
			via := *o.Via
			via.Join = op.AllOf(v.exists(r.Via, false), v.within(r.Via, via.Join))
			o.Via = &via
		}
	}
	v.guards(o)
}

func (v view) guards(o *op.Op) {
	if len(o.Guards) == 0 || (v.user == "" && !v.soft) {
		return
	}
	guards := make([]op.Guard, len(o.Guards))
	for i, g := range o.Guards {
		g.Filter = op.AllOf(v.exists(g.Model, v.deleted), v.within(g.Model, g.Filter))
		g.Must = v.within(g.Model, g.Must)
		guards[i] = g
	}
	o.Guards = guards
}

// within keeps a condition to related rows that exist, at any depth.
func (v view) within(m *schema.Model, c op.Cond) op.Cond {
	if !looksElsewhere(&c) {
		return c
	}
	if c.Kind != op.Has && c.Kind != op.HasCount {
		c.Conds = v.all(m, c.Conds)
		return c
	}
	r := m.Relation(c.Relation)
	if r == nil {
		return c // refused by the engine
	}
	c.Conds = v.all(r.Target, c.Conds)
	if e := v.exists(r.Target, false); e.Kind != op.True {
		c.Conds = append(c.Conds, e)
	}
	if r.Via != nil {
		c.Join = v.all(r.Via, c.Join)
		if e := v.exists(r.Via, false); e.Kind != op.True {
			c.Join = append(c.Join, e)
		}
	}
	return c
}

// all is within for a list, which is copied.
func (v view) all(m *schema.Model, conds []op.Cond) []op.Cond {
	out := make([]op.Cond, len(conds), len(conds)+1)
	for i, c := range conds {
		out[i] = v.within(m, c)
	}
	return out
}

// looksElsewhere reports whether a condition looks at related rows.
func looksElsewhere(c *op.Cond) bool {
	if c.Kind == op.Has || c.Kind == op.HasCount {
		return true
	}
	for i := range c.Conds {
		if looksElsewhere(&c.Conds[i]) {
			return true
		}
	}
	return false
}

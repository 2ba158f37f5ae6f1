package validate

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// after is what is to be done with the result of a write; nil is nothing.
type after func(ctx context.Context, res op.Result) (op.Result, error)

// write runs one write. Nothing is asked of the engine before everything about
// the operation itself was checked, unless hooks need its rows.
func (e *engine) write(ctx context.Context, o op.Op) (op.Result, error) {
	p, err := e.accept(&o)
	if err != nil {
		return op.Result{}, err
	}
	if o.Explain || !p.hooked(o.Kind) {
		if _, err := e.prepare(ctx, p, &o); err != nil {
			return op.Result{}, err
		}
		return e.next.Do(ctx, &o)
	}
	return e.around(ctx, p, o)
}

// around runs a write with the hooks around it.
func (e *engine) around(ctx context.Context, p *plan, o op.Op) (op.Result, error) {
	return e.atomic(ctx, func(e *engine) (op.Result, error) {
		res, err := e.member(ctx, p, o)
		if err != nil {
			return op.Result{}, err
		}
		return gathered(&o, res)
	})
}

// hooked reports whether hooks run around writes of this kind.
func (p *plan) hooked(k op.Kind) bool {
	switch k {
	case op.Insert, op.Upsert:
		return p.hooks.create()
	case op.Update, op.Increment:
		return p.hooks.update()
	case op.Delete:
		return p.hooks.delete()
	}
	return false
}

// loads reports whether the rows must be read for the hooks.
func loads(p *plan, o *op.Op) bool {
	switch o.Kind {
	case op.Update, op.Increment:
		return p.hooks.update() && (o.Instances == nil || o.Instances.Len() != 1)
	case op.Delete:
		return p.hooks.delete() && (o.Instances == nil || o.Instances.Len() == 0)
	}
	return false
}

// accept checks a write but for its values, which are looked at later and all
// together.
func (e *engine) accept(o *op.Op) (*plan, error) {
	if o.Quiet {
		return nil, op.Errorf(op.CodeForbidden, "a quiet update would pass over versions and rules; it is for layers next to the engine")
	}
	rows, set := o.Rows, o.Set
	if o.Kind == op.Insert || o.Kind == op.Upsert {
		o.Rows = nil
	}
	if o.Kind == op.Update && o.Model != nil && len(o.Model.Primary) > 0 {
		p, err := e.plan(o.Model)
		if err != nil {
			return nil, err
		}
		o.Set = probes(p, set)
	}
	if err := op.Normalize(o); err != nil {
		return nil, err
	}
	p, err := e.plan(o.Model)
	if err != nil {
		return nil, err
	}
	if o.Kind == op.Update {
		o.Set = restored(p, o.Set, set)
	}
	o.Rows = rows
	if o.Model.Kind == schema.EventLog {
		if err := appendOnly(o); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// appendOnly refuses what changes or takes away rows of an event log.
func appendOnly(o *op.Op) error {
	changes := o.Kind == op.Update || o.Kind == op.Increment || o.Kind == op.Delete
	if o.Kind == op.Upsert && o.Conflict != nil && len(o.Conflict.Update)+len(o.Conflict.Set) > 0 {
		changes = true
	}
	if !changes {
		return nil
	}
	e := op.Errorf(op.CodeUnsupported, "%s is an event log: rows are added and never changed or deleted", o.Model.Name)
	e.Op = o.Describe()
	return e
}

// probes replaces values that are set by ones that always fit, so that names
// and paths are checked and the values left for later.
func probes(p *plan, set []op.Assign) []op.Assign {
	out := slices.Clone(set)
	for i, a := range out {
		if f := p.m.Field(a.Field); f != nil && !a.Inc && len(a.Path) == 0 {
			out[i].Value = p.fields[f.Pos].probe
		}
	}
	return out
}

// restored puts the values back.
func restored(p *plan, set, given []op.Assign) []op.Assign {
	for i, a := range given {
		if f := p.m.Field(a.Field); f != nil && !a.Inc && len(a.Path) == 0 {
			set[i].Value = a.Value // the list was cloned by probes
		}
	}
	return set
}

// prepare runs everything that comes before the engine, on the operation
// itself.
func (e *engine) prepare(ctx context.Context, p *plan, o *op.Op) (after, error) {
	switch o.Kind {
	case op.Insert, op.Upsert:
		return e.prepareRows(ctx, p, o)
	case op.Update, op.Increment:
		if in := o.Instances; p.hooks.update() && !o.Explain && in != nil && in.Len() == 1 {
			return e.saveHooked(ctx, p, o)
		}
		return nil, e.checkSet(p, o)
	case op.Delete:
		if p.hooks.delete() && !o.Explain && o.Instances != nil {
			return deleteHooked(ctx, p, o)
		}
	}
	return nil, nil
}

func (e *engine) prepareRows(ctx context.Context, p *plan, o *op.Op) (after, error) {
	if o.Instances == nil {
		o.Rows = cloned(o.Rows, len(p.fields))
	}
	s := e.newPass(p, o.User, len(o.Rows))
	if err := s.fill(o.Rows); err != nil {
		return nil, err
	}
	var done after
	if p.hooks.create() && !o.Explain && s.bad == nil {
		var err error
		if done, err = s.createHooked(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := s.owned(o.Rows); err != nil {
		return nil, err
	}
	if err := s.finish(o.Rows); err != nil {
		return nil, err
	}
	if o.Kind == op.Upsert {
		if err := s.onConflict(o); err != nil {
			return nil, err
		}
	}
	return done, s.err()
}

// onConflict checks what an upsert changes in rows that exist, and has the
// time of the update set there too.
func (s *pass) onConflict(o *op.Op) error {
	c := *o.Conflict
	for _, name := range c.Update {
		f := s.p.m.Field(name)
		if rule, msg := s.fixed(f); rule != "" {
			s.fail(-1, f, rule, "", msg)
		}
	}
	if len(c.Set) > 0 {
		set, err := s.assigned(c.Set, false)
		if err != nil {
			return err
		}
		if f := s.p.m.UpdatedF; f != nil && slices.Contains(c.Update, f.Name) {
			set = set[:len(set)-1] // it is taken from the new row
		}
		c.Set = set
	} else if f := s.p.m.UpdatedF; f != nil && len(c.Update) > 0 && !slices.Contains(c.Update, f.Name) {
		c.Update = append(slices.Clone(c.Update), f.Name)
	}
	o.Conflict = &c
	return nil
}

// checkSet brings what an update sets into order.
func (e *engine) checkSet(p *plan, o *op.Op) error {
	s := e.newPass(p, o.User, 1)
	s.marks = o.WithDeleted
	set, err := s.assigned(o.Set, o.Instances != nil)
	if err != nil {
		return err
	}
	// An increment stays one only while it has nothing but increments.
	if o.Kind == op.Increment && len(set) > len(o.Set) {
		o.Kind = op.Update
	}
	o.Set = set
	return s.err()
}

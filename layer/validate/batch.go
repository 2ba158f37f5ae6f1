package validate

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
)

// batch runs a batch: as one operation of the engine where no hook needs rows
// to be read in between, else member by member in one transaction.
func (e *engine) batch(ctx context.Context, o op.Op) (op.Result, error) {
	members := o.Batch
	o.Batch = nil
	if err := op.Normalize(&o); err != nil {
		return op.Result{}, err
	}
	plans := make([]*plan, len(members))
	batch := make([]op.Op, len(members))
	hooked, load := false, false
	for i, m := range members {
		if m.User == "" {
			m.User = o.User
		}
		var err error
		if plans[i], err = e.acceptMember(&m); err != nil {
			return op.Result{}, op.InBatch(i, err)
		}
		batch[i] = m
		if p := plans[i]; p != nil && !o.Explain && p.hooked(m.Kind) {
			hooked = true
			load = load || loads(p, &m)
		}
	}
	o.Batch = batch
	if !hooked {
		return e.runBatch(ctx, o, plans)
	}
	return e.atomic(ctx, func(e *engine) (op.Result, error) {
		if load {
			return e.oneByOne(ctx, o, plans)
		}
		return e.runBatch(ctx, o, plans)
	})
}

// acceptMember is accept for a member of a batch; the plan is nil for what is
// no write of a model.
func (e *engine) acceptMember(m *op.Op) (*plan, error) {
	switch m.Kind {
	case op.Insert, op.Upsert, op.Update, op.Increment, op.Delete:
		return e.accept(m)
	case op.SQL:
		if m.User != "" {
			return nil, op.Errorf(op.CodeForbidden, "raw SQL sees the rows of all users: use the database, not the handle of one user")
		}
	case op.Find, op.Count, op.Aggregate:
	default:
		return nil, op.Errorf(op.CodeValidation, "%s cannot be part of a batch", m.Kind)
	}
	if err := op.Normalize(m); err != nil {
		return nil, err
	}
	return nil, nil
}

func (e *engine) runBatch(ctx context.Context, o op.Op, plans []*plan) (op.Result, error) {
	done, asked := make([]after, len(plans)), slices.Clone(o.Batch)
	for i, p := range plans {
		if p == nil {
			continue
		}
		var err error
		if done[i], err = e.prepare(ctx, p, &o.Batch[i]); err != nil {
			return op.Result{}, op.InBatch(i, err)
		}
	}
	res, err := e.next.Do(ctx, &o)
	if err != nil || o.Explain {
		return res, err
	}
	for i, fn := range done {
		if fn == nil || i >= len(res.Batch) {
			continue
		}
		if res.Batch[i], err = fn(ctx, res.Batch[i]); err != nil {
			closeAll(res.Batch)
			return op.Result{}, op.InBatch(i, err)
		}
	}
	if e.inTx {
		return gatheredBatch(asked, res)
	}
	return res, nil
}

// oneByOne runs the members of a batch as operations of their own, in the
// transaction that there is. Its guards are checked first.
func (e *engine) oneByOne(ctx context.Context, o op.Op, plans []*plan) (op.Result, error) {
	var out op.Result
	if len(o.Guards) > 0 {
		if _, err := e.next.Do(ctx, &op.Op{Kind: op.Batch, User: o.User, Guards: o.Guards, WithDeleted: o.WithDeleted}); err != nil {
			return op.Result{}, err
		}
	}
	for i, p := range plans {
		m := o.Batch[i]
		res, err := e.member(ctx, p, m)
		if err == nil {
			res, err = gathered(&m, res)
		}
		if err != nil {
			closeAll(out.Batch)
			return op.Result{}, op.InBatch(i, err)
		}
		out.N += res.N
		out.Batch = append(out.Batch, res)
	}
	return out, nil
}

// member runs one write with its hooks.
func (e *engine) member(ctx context.Context, p *plan, m op.Op) (op.Result, error) {
	if p == nil {
		return e.next.Do(ctx, &m)
	}
	if p.hooked(m.Kind) && loads(p, &m) {
		return e.loaded(ctx, p, m)
	}
	done, err := e.prepare(ctx, p, &m)
	if err != nil {
		return op.Result{}, err
	}
	res, err := e.next.Do(ctx, &m)
	if err == nil && done != nil {
		return done(ctx, res)
	}
	return res, err
}

func closeAll(list []op.Result) {
	for _, r := range list {
		if r.Rows != nil {
			r.Rows.Close()
		}
	}
}

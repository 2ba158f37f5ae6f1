package encrypt

import (
	"context"

	"github.com/weftdb/weft/op"
)

// batch runs a batch: as one operation of the engine where all ciphertexts are
// known beforehand, else member by member in one transaction.
func (e *engine) batch(ctx context.Context, o op.Op) (op.Result, error) {
	asked := o
	own, err := e.guards(&o)
	if err != nil {
		return op.Result{}, err
	}
	members := make([]*prepared, len(o.Batch))
	steps := len(own) > 0
	o.Batch = make([]op.Op, len(asked.Batch))
	for i, m := range asked.Batch {
		switch m.Kind {
		case op.SQL:
			members[i] = &prepared{asked: m, o: m}
		default:
			if members[i], err = e.prepare(m); err != nil {
				return op.Result{}, op.InBatch(i, err)
			}
		}
		p := members[i]
		o.Batch[i] = p.o
		if p.view != nil && m.Sink != nil {
			o.Batch[i].Sink = newSink(e.layer, p.view, m.Sink)
		}
		steps = steps || p.later != nil || len(p.own) > 0 || p.exact
	}
	if steps && !o.Explain {
		return e.atomic(ctx, func(e *engine) (op.Result, error) { return e.oneByOne(ctx, own, o.Guards, asked, members) })
	}
	res, err := e.next.Do(ctx, o)
	if err != nil {
		all := []*op.Op{&asked}
		for i := range asked.Batch {
			all = append(all, &asked.Batch[i])
		}
		return op.Result{}, e.revealed(err, all...)
	}
	for i, p := range members {
		if i < len(res.Batch) {
			res.Batch[i] = e.opened(p, res.Batch[i])
		}
	}
	return res, nil
}

// oneByOne runs the members of a batch as operations of their own, in the
// transaction that there is. Its guards are checked first.
func (e *engine) oneByOne(ctx context.Context, own, guards []op.Guard, asked op.Op, members []*prepared) (op.Result, error) {
	if err := e.checkOwn(ctx, own, &asked); err != nil {
		return op.Result{}, err
	}
	if len(guards) > 0 {
		if _, err := e.next.Do(ctx, op.Op{Kind: op.Batch, Guards: guards}); err != nil {
			return op.Result{}, e.revealed(err, &asked)
		}
	}
	var out op.Result
	for i, p := range members {
		res, err := e.run(ctx, p)
		if err == nil {
			res, err = gathered(p.asked.Sink, res)
		}
		if err != nil {
			return op.Result{}, op.InBatch(i, err)
		}
		out.Batch = append(out.Batch, res)
	}
	return out, nil
}

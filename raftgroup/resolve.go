package raftgroup

import (
	"context"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// Resolve tells whether a change or a transaction was applied, by its ID. One
// that was not never will be. An ID that is too old to be known is an error.
func (g *Group) Resolve(ctx context.Context, id string) (bool, error) {
	if err := g.enter(ctx); err != nil {
		return false, err
	}
	defer g.leave()
	return g.resolve(ctx, id)
}

func (g *Group) resolve(ctx context.Context, id string) (bool, error) {
	if id == "" {
		return false, op.Errorf(op.CodeValidation, "there is no ID to ask for")
	}
	m := member{kind: memberResolve}
	m.id, m.born = keyOfID(id)
	return led(ctx, g, func() (bool, error) {
		out, err := g.gather.submit(ctx, &call{m: m})
		if err != nil {
			return false, err
		}
		if out.refused {
			return false, out.err
		}
		return !out.never && (out.err == nil || out.large), nil
	}, func(ctx context.Context, r remote) (bool, error) { return r.Resolve(ctx, id) })
}

var _ door.Group = (*Group)(nil)

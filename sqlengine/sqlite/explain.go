package sqlite

import (
	"context"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// explain says how an operation would run.
func (e *Engine) explain(ctx context.Context, o op.Op) (op.Result, error) {
	c, err := e.readers.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	defer c.Release()
	return e.explainOn(ctx, c, &o)
}

func (e *Engine) explainOn(ctx context.Context, c *conn, o *op.Op) (op.Result, error) {
	var list []sqlengine.Planned
	var err error
	if o.Kind == op.SQL {
		var args []sqlengine.Value
		if args, err = arguments(o); err == nil {
			args, err = c.standIns(ctx, o.SQL, args)
		}
		list = []sqlengine.Planned{{Statement: &sqlengine.Statement{SQL: o.SQL}, Args: args}}
	} else {
		list, err = e.core.Plan(ctx, c, o)
	}
	if err != nil {
		return op.Result{}, err
	}
	plan, err := lite.Plan(ctx, c, "sqlite", list, o.Model)
	if err != nil {
		return op.Result{}, err
	}
	return op.Result{Plan: plan}, nil
}

// standIns gives a statement NULL for each argument when it came without any:
// the plan of a statement does not depend on them.
func (c *conn) standIns(ctx context.Context, text string, args []sqlengine.Value) ([]sqlengine.Value, error) {
	if _, _, err := c.look(ctx, text); err != nil || len(args) > 0 {
		return args, err
	}
	s, _, err := c.compile(text, 0)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	defer s.Finalize()
	return make([]sqlengine.Value, s.args), nil
}

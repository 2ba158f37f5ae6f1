package fault

import (
	"context"

	"github.com/weftdb/weft/op"
)

type engine struct {
	s    *Switch
	next op.Engine
}

var _ op.Engine = (*engine)(nil)

// Do runs one operation, unless a rule has it otherwise.
func (e *engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	e.s.note(Do, &o)
	before, after := act(ctx, e.s.hits(Do, &o))
	if before != nil {
		return op.Result{}, before
	}
	res, err := e.next.Do(ctx, o)
	if err != nil {
		return res, err
	}
	if after != nil {
		discard(res)
		return op.Result{}, after
	}
	e.wrap(ctx, &o, &res)
	return res, nil
}

// wrap puts the rules for rows around the rows of a result.
func (e *engine) wrap(ctx context.Context, o *op.Op, res *op.Result) {
	if res.Rows != nil {
		res.Rows = &rows{s: e.s, ctx: ctx, next: res.Rows, rules: e.s.hits(Row, o)}
	}
	for i := range res.Batch {
		if i < len(o.Batch) {
			e.wrap(ctx, &o.Batch[i], &res.Batch[i])
		}
	}
}

// discard closes what a result holds open.
func discard(res op.Result) {
	if res.Rows != nil {
		_ = res.Rows.Close() // the caller is told of another error
	}
	for _, b := range res.Batch {
		discard(b)
	}
}

// Begin starts a transaction in which the layer holds as well.
func (e *engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	e.s.note(Begin, nil)
	before, after := act(ctx, e.s.hits(Begin, nil))
	if before != nil {
		return nil, before
	}
	t, err := e.next.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	if after != nil {
		_ = t.Rollback(context.WithoutCancel(ctx)) // the caller is told of another error
		return nil, after
	}
	return &tx{engine: engine{s: e.s, next: t}, tx: t}, nil
}

// Caps are those of the engine below.
func (e *engine) Caps() op.Caps { return e.next.Caps() }

// Close closes the engine below.
func (e *engine) Close() error { return e.next.Close() }

type tx struct {
	engine
	tx op.Tx
}

var _ op.Tx = (*tx)(nil)

// Commit commits. When a rule fails it before the engine, the transaction is
// still open and has to be rolled back.
func (t *tx) Commit(ctx context.Context) error {
	t.s.note(Commit, nil)
	before, after := act(ctx, t.s.hits(Commit, nil))
	if before != nil {
		return before
	}
	if err := t.tx.Commit(ctx); err != nil {
		return err
	}
	return after
}

// Rollback rolls back. The engine's transaction always ends, also when a rule
// makes the call fail, so that nothing stays open.
func (t *tx) Rollback(ctx context.Context) error {
	t.s.note(Rollback, nil)
	before, after := act(ctx, t.s.hits(Rollback, nil))
	err := t.tx.Rollback(ctx)
	switch {
	case before != nil:
		return before
	case err != nil:
		return err
	}
	return after
}

// rows breaks off where a rule says so.
type rows struct {
	s     *Switch
	ctx   context.Context // of the operation that the rows belong to
	next  op.Rows
	rules []Rule
	n     int
	err   error
}

var _ op.Rows = (*rows)(nil)

// Next goes to the next row.
func (r *rows) Next() bool {
	if r.err != nil {
		return false
	}
	for i, x := range r.rules {
		if r.n < x.Rows {
			continue
		}
		before, after := act(r.ctx, r.rules[i:i+1])
		r.rules[i].Delay, r.rules[i].Wait = nil, 0
		if err := before; err != nil || after != nil {
			if err == nil {
				err = after
			}
			r.err = err
			_ = r.next.Close() // the rows end with the rule's error
			return false
		}
	}
	if !r.next.Next() {
		return false
	}
	r.n++
	r.s.note(Row, nil)
	return true
}

// Row returns the row; nil once the rows were broken off.
func (r *rows) Row() []any {
	if r.err != nil {
		return nil
	}
	return r.next.Row()
}

// Err returns the rule's error or the engine's.
func (r *rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.next.Err()
}

// Close closes the rows below.
func (r *rows) Close() error { return r.next.Close() }

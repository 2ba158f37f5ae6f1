package validate

import (
	"context"
	"slices"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Name is the layer's name in op.Caps.
const Name = "validate"

// layer is what all engines and transactions that it is around share.
type layer struct {
	Options
	plans sync.Map // *schema.Model → *plan
}

func newLayer(o Options) *layer { return &layer{Options: o} }

// rows is Rows.
func (l *layer) rows(m *schema.Model, user string, rows [][]any) error {
	p, err := l.plan(m)
	if err != nil {
		return err
	}
	s := l.newPass(p, user, len(rows))
	if err := s.fill(rows); err != nil {
		return err
	}
	if err := s.finish(rows); err != nil {
		return err
	}
	return s.err()
}

// engine is the layer around one engine or transaction.
type engine struct {
	*layer
	next lower
	inTx bool
}

var _ op.Engine = (*engine)(nil)

// Do runs one operation.
func (e *engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	switch o.Kind {
	case op.Migrate:
		if o.Migration != nil {
			if err := e.check(o.Migration.Models); err != nil {
				return op.Result{}, err
			}
		}
		return e.next.Do(ctx, &o)
	case op.SQL, op.Backup:
		if o.User != "" {
			return op.Result{}, op.Errorf(op.CodeForbidden, "raw SQL and backups see the rows of all users: use the database, not the handle of one user")
		}
		return e.next.Do(ctx, &o)
	}
	return e.run(ctx, o)
}

func (e *engine) run(ctx context.Context, o op.Op) (op.Result, error) {
	switch o.Kind {
	case op.Find:
		return e.find(ctx, o)
	case op.Insert, op.Upsert, op.Update, op.Increment, op.Delete:
		return e.write(ctx, o)
	case op.Batch:
		return e.batch(ctx, o)
	}
	if err := op.Normalize(&o); err != nil {
		return op.Result{}, err
	}
	return e.next.Do(ctx, &o)
}

// Begin starts a transaction in which the layer holds as well.
func (e *engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	t, err := e.next.eng.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &tx{engine: engine{layer: e.layer, next: lower{e.layer, t}, inTx: true}, tx: t}, nil
}

// Caps are those of the engine below.
func (e *engine) Caps() op.Caps {
	c := e.next.eng.Caps()
	c.Layers = slices.Insert(slices.Clone(c.Layers), 0, Name)
	return c
}

// Close closes the engine below.
func (e *engine) Close() error { return e.next.eng.Close() }

// tx is the layer around a transaction.
type tx struct {
	engine
	tx op.Tx
}

var _ op.Tx = (*tx)(nil)

// Commit commits the transaction below.
func (t *tx) Commit(ctx context.Context) error { return t.tx.Commit(ctx) }

// Rollback rolls the transaction below back.
func (t *tx) Rollback(ctx context.Context) error { return t.tx.Rollback(ctx) }

// atomic runs fn in a transaction: the one there is, or one of its own where
// the engine has them. Rows that fn gives must not be streams of it.
func (e *engine) atomic(ctx context.Context, fn func(e *engine) (op.Result, error)) (op.Result, error) {
	if e.inTx || !e.next.eng.Caps().Has(op.CapTransactions) {
		return fn(e)
	}
	t, err := e.next.eng.Begin(ctx, op.TxOptions{})
	if err != nil {
		return op.Result{}, err
	}
	done := false
	defer func() {
		if !done {
			// The rollback must happen also when ctx is why we fail. A second
			// error here would hide the first.
			_ = t.Rollback(context.WithoutCancel(ctx))
		}
	}()
	res, err := fn(&engine{layer: e.layer, next: lower{e.layer, t}, inTx: true})
	if err != nil {
		return op.Result{}, err
	}
	if err := t.Commit(ctx); err != nil {
		return op.Result{}, err
	}
	done = true
	return res, nil
}

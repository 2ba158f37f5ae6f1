package postgres

import (
	"context"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// tx is a transaction or, with a parent, a savepoint.
type tx struct {
	e        *Engine
	c        *conn
	parent   *tx
	child    *tx // the savepoint that is open, if any
	readOnly bool

	// mu is shared with the nested transactions: Close of the engine may come at
	// any time and ends all of them.
	mu    *sync.Mutex
	ended bool
}

// Caps are those of the engine.
func (t *tx) Caps() op.Caps { return t.e.Caps() }

// enter checks that the transaction can be used and locks it.
func (t *tx) enter(ctx context.Context) error {
	t.mu.Lock()
	var err error
	switch {
	case t.e.closed.Load():
		err = op.ErrClosed()
	case t.ended:
		err = op.ErrTxDone()
	case t.child != nil:
		err = op.Errorf(op.CodeInternal, "the transaction has a nested one that has not ended")
	case ctx.Err() != nil:
		err = op.FromContext(ctx.Err())
	}
	if err != nil {
		t.mu.Unlock()
	}
	return err
}

// Do runs one operation. One that fails leaves nothing behind; the transaction
// goes on, unless the connection was lost: then every further call says so.
func (t *tx) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := t.enter(ctx); err != nil {
		return op.Result{}, err
	}
	defer t.mu.Unlock()
	res, err := t.run(ctx, o)
	sqlengine.Guard(res.Rows, t.mu)
	return res, err
}

func (t *tx) run(ctx context.Context, o op.Op) (res op.Result, err error) {
	switch {
	case t.c.pg.IsClosed():
		return res, op.Errorf(op.CodeDatabase, "the connection to %s was lost and the transaction with it: nothing of it was kept; run it again", t.e.name)
	case o.Explain:
		err = t.c.Atomic(ctx, func() error {
			res, err = t.e.explainOn(ctx, t.c, &o)
			return err
		})
		return res, err
	case t.readOnly && o.Writes() && o.Kind != op.SQL:
		return res, op.Errorf(op.CodeValidation, "the transaction is read only")
	}
	switch o.Kind {
	case op.SQL:
		if t.readOnly && changes(&o) {
			return res, op.Errorf(op.CodeValidation, "the transaction is read only")
		}
		err = t.c.Atomic(ctx, func() error {
			res, err = t.e.sqlOn(ctx, t.c, &o)
			return err
		})
		return res, err
	case op.Migrate, op.Backup, op.Watch:
		return res, op.Errorf(op.CodeUnsupported, "%s cannot run inside a transaction", o.Kind)
	}
	err = t.c.Atomic(ctx, func() error {
		res, err = t.e.core.Do(ctx, t.c, &o)
		return err
	})
	return res, err
}

// Begin starts a nested transaction. Until it has ended its parent cannot be
// used.
func (t *tx) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	t.c.begin(false)
	t.child = &tx{e: t.e, c: t.c, parent: t, mu: t.mu, readOnly: opts.ReadOnly || t.readOnly}
	return t.child, nil
}

// Commit makes the changes visible: to everybody, or to the parent. When it
// fails everything was rolled back.
func (t *tx) Commit(ctx context.Context) error {
	if err := t.enter(ctx); err != nil {
		if ctx.Err() != nil {
			_ = t.Rollback(ctx)
		}
		return err
	}
	defer t.mu.Unlock()
	err := t.c.commit(ctx)
	t.leave()
	if err != nil {
		return sqlengine.Explain(err, "commit", nil)
	}
	return nil
}

// Rollback drops the changes, also when the context has ended. After the end
// of the transaction it does nothing.
func (t *tx) Rollback(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.drop()
}

// drop is Rollback for who has locked the transaction.
func (t *tx) drop() error {
	if t.ended {
		return nil
	}
	if t.child != nil {
		_ = t.child.drop()
	}
	err := t.c.rollback()
	t.leave()
	if err != nil {
		return sqlengine.Explain(err, "rollback", nil)
	}
	return nil
}

// leave ends the transaction and gives its connection back.
func (t *tx) leave() {
	t.ended = true
	if t.parent != nil {
		t.parent.child = nil
		return
	}
	t.e.mu.Lock()
	delete(t.e.txs, t)
	t.e.mu.Unlock()
	t.c.Release()
}

// abandon rolls back because the engine closes.
func (t *tx) abandon() { _ = t.Rollback(context.Background()) }

// Close rolls back.
func (t *tx) Close() error { return t.Rollback(context.Background()) }

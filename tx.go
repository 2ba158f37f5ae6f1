package weft

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/weftdb/weft/internal/goid"
	"github.com/weftdb/weft/op"
)

// TxOption configures one transaction.
type TxOption func(*txConfig)

type txConfig struct {
	readOnly bool
	attempts int
}

// ReadOnly makes a transaction that only reads: one snapshot, and no wait for
// writers. Writing in it is an error.
func ReadOnly() TxOption { return func(c *txConfig) { c.readOnly = true } }

// Attempts limits how often the function of a transaction may run when
// concurrent transactions are in its way; 10 by default, at least 1.
func Attempts(n int) TxOption { return func(c *txConfig) { c.attempts = max(1, n) } }

// txState is one transaction, or one nested in another.
type txState struct {
	eng    op.Tx
	parent *txState
	ended  bool

	mu    sync.Mutex
	undo  []func()
	after []func(context.Context)
}

type txKey struct{ core *core }

// lastKey finds the innermost transaction whatever its database.
type lastKey struct{}

// Tx runs fn in a transaction: all of it happens or nothing. Transactions are
// serializable. When a concurrent transaction is in the way, fn runs again, so
// it must have no effects outside the database; those belong in AfterCommit.
// What Weft did to instances in a failed attempt (generated IDs, versions,
// loaded values) is undone. An error from fn rolls back and is returned; a
// panic rolls back and goes on.
//
// Inside fn use tx and repositories made with it, such as posts.In(tx). A
// repository of the outer database called there is an error, since it would
// wait for this very transaction. A Tx inside a Tx is nested: it can fail
// alone.
func (db *DB) Tx(ctx context.Context, fn func(tx *DB) error, opts ...TxOption) error {
	if fn == nil {
		return invalid("transaction: the function is nil")
	}
	return db.transact(ctx, opts, func(_ context.Context, tx *DB) error { return fn(tx) })
}

// InTx is Tx for code that passes a context: repositories of this database
// that are called with fn's ctx take part in the transaction.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context) error, opts ...TxOption) error {
	if fn == nil {
		return invalid("transaction: the function is nil")
	}
	return db.transact(ctx, opts, func(ctx context.Context, _ *DB) error { return fn(ctx) })
}

// From returns the transaction that ctx carries inside InTx or a hook, and nil
// outside.
func From(ctx context.Context) *DB {
	if ctx == nil {
		return nil
	}
	db, _ := ctx.Value(lastKey{}).(*DB)
	return db
}

// AfterCommit has fn run once the transaction that ctx carries has been
// committed, and never when it has not. Outside a transaction fn runs at once.
func AfterCommit(ctx context.Context, fn func(ctx context.Context)) {
	if db := From(ctx); db != nil {
		db.AfterCommit(ctx, fn)
		return
	}
	if fn != nil {
		fn(ctx)
	}
}

// AfterCommit has fn run once this transaction has been committed; outside a
// transaction fn runs at once.
func (db *DB) AfterCommit(ctx context.Context, fn func(ctx context.Context)) {
	if fn == nil {
		return
	}
	if db == nil || db.tx == nil {
		fn(ctx)
		return
	}
	db.tx.mu.Lock()
	db.tx.after = append(db.tx.after, fn)
	db.tx.mu.Unlock()
}

// with returns a context that carries the transaction.
func (db *DB) with(ctx context.Context) context.Context {
	return context.WithValue(context.WithValue(ctx, txKey{db.core}, db), lastKey{}, db)
}

// joined returns the handle to use with ctx: db itself, or the transaction of
// the same database that ctx carries.
func (db *DB) joined(ctx context.Context) *DB {
	if db.tx != nil || ctx == nil {
		return db
	}
	tx, _ := ctx.Value(txKey{db.core}).(*DB)
	if tx == nil {
		return db
	}
	if tx.user != db.user {
		n := *tx
		n.user = db.user
		return &n
	}
	return tx
}

func (db *DB) transact(ctx context.Context, opts []TxOption, fn func(context.Context, *DB) error) error {
	c := txConfig{attempts: 10}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	if err := db.unusable(); err != nil {
		return err
	}
	if ctx == nil {
		return invalid("transaction: the context is nil")
	}
	db = db.joined(ctx)
	if db.core.closed.Load() {
		return op.ErrClosed()
	}
	if db.tx != nil {
		return db.attempt(ctx, c, fn) // a conflict is for the outermost to repeat
	}
	if err := db.core.outside(); err != nil {
		return err
	}
	var err error
	for i := range c.attempts {
		if i > 0 {
			if werr := backOff(ctx, i); werr != nil {
				return errors.Join(op.FromContext(werr), err)
			}
		}
		if err = db.attempt(ctx, c, fn); err == nil || !op.Retryable(err) {
			return err
		}
	}
	return err
}

// backOff waits a random time that doubles with each attempt, at most 200 ms.
func backOff(ctx context.Context, attempt int) error {
	limit := min(time.Millisecond<<attempt, 200*time.Millisecond)
	t := time.NewTimer(rand.N(limit))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// attempt runs fn once in a transaction, nested when db is one.
func (db *DB) attempt(ctx context.Context, c txConfig, fn func(context.Context, *DB) error) (err error) {
	eng := db.core.eng
	if db.tx != nil {
		if db.tx.ended {
			return errEnded()
		}
		eng = db.tx.eng
	}
	etx, err := eng.Begin(ctx, op.TxOptions{ReadOnly: c.readOnly})
	if err != nil {
		return err
	}
	t := &txState{eng: etx, parent: db.tx}
	tx := &DB{core: db.core, tx: t, user: db.user}
	leave := db.core.enter(t.parent == nil)
	committed := false
	defer func() {
		leave()
		if committed {
			return
		}
		// Also when fn panicked. The context may be over; the rollback must not be.
		rerr := etx.Rollback(context.WithoutCancel(ctx))
		t.undone()
		if err != nil && rerr != nil {
			err = errors.Join(err, rerr)
		}
	}()
	if err = fn(tx.with(ctx), tx); err != nil {
		return err
	}
	if err = etx.Commit(ctx); err != nil {
		return err
	}
	committed = true
	leave()
	t.done(ctx, db.core)
	return nil
}

// done ends a transaction that came to pass. What is to be done after the
// commit, and undone when that fails, is handed to the transaction around it.
func (t *txState) done(ctx context.Context, k *core) {
	t.ended = true
	if t.parent != nil {
		t.parent.mu.Lock()
		t.parent.undo = append(t.parent.undo, t.undo...)
		t.parent.after = append(t.parent.after, t.after...)
		t.parent.mu.Unlock()
		return
	}
	for _, f := range t.after {
		f(withoutTx(ctx, k))
	}
}

// undone ends a transaction that did not come to pass.
func (t *txState) undone() {
	t.ended = true
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
	t.undo = nil
}

func withoutTx(ctx context.Context, k *core) context.Context {
	return context.WithValue(context.WithValue(ctx, txKey{k}, (*DB)(nil)), lastKey{}, (*DB)(nil))
}

func errEnded() error {
	return invalid("the transaction has ended; its handle and repositories made with it are of no use outside its function")
}

// enter notes that this goroutine runs the function of a transaction; the
// returned function, which may be called twice, takes that back.
func (k *core) enter(outermost bool) (leave func()) {
	if !outermost {
		return func() {}
	}
	id := goid.Get()
	k.txOn.Store(id, true)
	k.openTx.Add(1)
	var once sync.Once
	return func() {
		once.Do(func() {
			k.txOn.Delete(id)
			k.openTx.Add(-1)
		})
	}
}

// outside refuses a call that would wait for the transaction whose function
// made it.
func (k *core) outside() error {
	if k.openTx.Load() == 0 {
		return nil
	}
	if _, inside := k.txOn.Load(goid.Get()); inside {
		return invalid("this repository is not in the transaction that is running here, and would wait for it; " +
			"use repo.In(tx) inside Tx, or pass the context that InTx gave")
	}
	return nil
}

// onUndo has fn run when the transaction does not come to pass.
func (db *DB) onUndo(fn func()) {
	if db.tx == nil {
		return
	}
	db.tx.mu.Lock()
	db.tx.undo = append(db.tx.undo, fn)
	db.tx.mu.Unlock()
}

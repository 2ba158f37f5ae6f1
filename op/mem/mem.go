package mem

import (
	"context"
	"sync"

	"github.com/weftdb/weft/op"
)

// Engine keeps everything in memory until Close.
type Engine struct {
	turn   chan struct{} // holds one token: the right to write
	closed chan struct{}

	mu        sync.Mutex
	committed *state         // never changed, only replaced
	running   sync.WaitGroup // operations, not transactions
	done      bool
}

var (
	_ op.Engine = (*Engine)(nil)
	_ op.Tx     = (*tx)(nil)
)

// Open returns an empty engine.
func Open() *Engine {
	e := &Engine{turn: make(chan struct{}, 1), closed: make(chan struct{}), committed: &state{}}
	e.turn <- struct{}{}
	return e
}

const flags = op.CapTransactions | op.CapNestedTransactions | op.CapJoins | op.CapFullTextSearch | op.CapJSONQueries | op.CapAggregations | op.CapMigrations

// Caps says what the engine can do.
func (e *Engine) Caps() op.Caps { return op.Caps{Engine: "mem", Flags: flags} }

// Close drops all data. It waits for running operations; transactions that are
// open fail from now on.
func (e *Engine) Close() error {
	e.mu.Lock()
	if !e.done {
		e.done = true
		close(e.closed)
	}
	e.mu.Unlock()
	e.running.Wait()
	e.mu.Lock()
	e.committed = &state{}
	e.mu.Unlock()
	return nil
}

// enter begins an operation; leave ends it.
func (e *Engine) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return op.FromContext(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done {
		return op.ErrClosed()
	}
	e.running.Add(1)
	return nil
}

func (e *Engine) leave() { e.running.Done() }

func (e *Engine) snapshot() *state {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.committed
}

func (e *Engine) publish(s *state) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.committed = s
}

// lock waits for the right to write.
func (e *Engine) lock(ctx context.Context) error {
	select {
	case <-e.turn:
		return nil
	case <-e.closed:
		return op.ErrClosed()
	case <-ctx.Done():
		return op.FromContext(ctx.Err())
	}
}

func (e *Engine) unlock() { e.turn <- struct{}{} }

// Do runs one operation as one transaction.
func (e *Engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := e.enter(ctx); err != nil {
		return op.Result{}, err
	}
	defer e.leave()
	if o.Lock != op.NoLock {
		return op.Result{}, op.Errorf(op.CodeValidation, "row locks need a transaction")
	}
	if !o.Writes() {
		return run(ctx, e.snapshot(), &o)
	}
	if err := e.lock(ctx); err != nil {
		return op.Result{}, err
	}
	defer e.unlock()
	s := e.snapshot().clone()
	res, err := run(ctx, s, &o)
	if err == nil && !o.Explain {
		e.publish(s)
	}
	return res, err
}

// Begin starts a transaction. One that may write waits for its turn.
func (e *Engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.leave()
	if opts.ReadOnly {
		return &tx{engine: e, state: e.snapshot(), readOnly: true}, nil
	}
	if err := e.lock(ctx); err != nil {
		return nil, err
	}
	return &tx{engine: e, state: e.snapshot().clone()}, nil
}

// tx is a transaction or, with a parent, a savepoint.
type tx struct {
	engine   *Engine
	parent   *tx
	child    *tx // the savepoint that is open, if any
	state    *state
	readOnly bool
	ended    bool
}

// Caps are those of the engine.
func (t *tx) Caps() op.Caps { return t.engine.Caps() }

// enter checks that the transaction can be used.
func (t *tx) enter(ctx context.Context) error {
	if err := t.engine.enter(ctx); err != nil {
		return err
	}
	var err error
	switch {
	case t.ended:
		err = op.ErrTxDone()
	case t.child != nil:
		err = op.Errorf(op.CodeInternal, "the transaction has a nested one that has not ended")
	}
	if err != nil {
		t.engine.leave()
	}
	return err
}

// Do runs one operation on a copy of the transaction's state, so that one that
// fails leaves nothing behind.
func (t *tx) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := t.enter(ctx); err != nil {
		return op.Result{}, err
	}
	defer t.engine.leave()
	if !o.Writes() {
		return run(ctx, t.state, &o)
	}
	if t.readOnly {
		return op.Result{}, op.Errorf(op.CodeValidation, "the transaction is read only")
	}
	s := t.state.clone()
	res, err := run(ctx, s, &o)
	if err == nil && !o.Explain {
		t.state = s
	}
	return res, err
}

// Begin starts a nested transaction. Until it has ended its parent cannot be
// used.
func (t *tx) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	defer t.engine.leave()
	t.child = &tx{engine: t.engine, parent: t, state: t.state.clone(), readOnly: opts.ReadOnly || t.readOnly}
	return t.child, nil
}

// Commit makes the changes visible: to everybody, or to the parent.
func (t *tx) Commit(ctx context.Context) error {
	if err := t.enter(ctx); err != nil {
		if err := ctx.Err(); err != nil && !t.ended {
			t.finish()
		}
		return err
	}
	defer t.engine.leave()
	switch {
	case t.readOnly:
	case t.parent != nil:
		t.parent.state = t.state
	default:
		t.engine.publish(t.state)
	}
	t.finish()
	return nil
}

// Rollback drops the changes. After the end of the transaction it does nothing.
// It works also when the context is done.
func (t *tx) Rollback(context.Context) error {
	if !t.ended {
		t.finish()
	}
	return nil
}

// finish ends the transaction and what is nested in it.
func (t *tx) finish() {
	if t.child != nil {
		t.child.finish()
	}
	t.ended = true
	switch {
	case t.parent != nil:
		t.parent.child = nil
	case !t.readOnly:
		t.engine.unlock()
	}
}

// Close rolls back.
func (t *tx) Close() error { return t.Rollback(context.Background()) }

package raftgroup

import (
	"context"
	"errors"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// view is the snapshot of a transaction that only reads. It is given up when it
// has to make room.
type view struct {
	g *Group

	mu      sync.Mutex
	v       *viewer // nil when it was given up
	release func()
	over    chan struct{}
	failed  error
}

// beginReading starts a transaction that only reads this node's copy.
func (g *Group) beginReading(ctx context.Context) (op.Tx, error) {
	release, expired, err := g.rep.Hold(ctx)
	if err != nil {
		return nil, g.replicaError(err)
	}
	v, err := g.readers.get()
	if err != nil {
		release()
		return nil, err
	}
	v.expired = expired
	w := &view{g: g, v: v, release: release, over: make(chan struct{})}
	if err = v.Begin(ctx, false); err == nil {
		// The snapshot is taken by the first read: now.
		_, err = v.Ask(ctx, "SELECT 1 FROM sqlite_schema LIMIT 1")
	}
	if err != nil {
		w.end()
		return nil, err
	}
	g.mu.Lock()
	closed := g.closed
	if !closed {
		g.wg.Add(1)
	}
	g.mu.Unlock()
	if closed {
		w.end()
		return nil, op.ErrClosed()
	}
	go func() {
		defer g.wg.Done()
		select {
		case <-expired:
			w.give(conflict("the transaction kept a snapshot waiting for too long, and its own is given up"))
		case <-w.over:
		}
	}()
	return g.keepTx(&tx{txState: &txState{g: g, readOnly: true, view: w}})
}

// do answers an operation.
func (w *view) do(ctx context.Context, o *op.Op) (op.Result, error) {
	if o.Kind != op.SQL && o.Writes() && !o.Explain {
		return op.Result{}, op.Errorf(op.CodeValidation, "the transaction is read only")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.v == nil {
		return op.Result{}, w.failed
	}
	if o.Kind == op.SQL && !o.Explain {
		info, err := w.v.Check(ctx, o.SQL)
		if err == nil && !info.ReadOnly {
			err = op.Errorf(op.CodeValidation, "the transaction is read only")
		}
		if err != nil {
			return op.Result{}, sqlengine.Explain(err, "sql", nil)
		}
	}
	stop := w.v.watch()
	res, err := w.v.readNested(ctx, o)
	stop()
	if errors.Is(err, errExpired) || ctx.Err() == nil && w.v.interrupted(err) {
		err = conflict("the transaction kept a snapshot waiting for too long, and its own is given up")
	}
	return res, err
}

// readNested is read inside of a transaction.
func (v *viewer) readNested(ctx context.Context, o *op.Op) (op.Result, error) {
	plain := *o
	plain.Lock = op.NoLock
	return v.read(ctx, &plain, nil)
}

// give gives the snapshot up.
func (w *view) give(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.v == nil {
		return
	}
	w.failed = why
	w.g.readers.put(w.v)
	w.v = nil
	w.release()
}

// end ends the snapshot; twice is safe, and on nil it does nothing.
func (w *view) end() {
	if w == nil {
		return
	}
	w.give(op.ErrTxDone())
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.over:
	default:
		close(w.over)
	}
}

package raftgroup

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/replica"
)

// txState is a transaction with those nested in it.
type txState struct {
	g        *Group
	readOnly bool

	mu      sync.Mutex
	p       program
	wrote   bool  // it has to run on the scratch connection
	changed bool  // it has to be committed through the log
	legacy  bool  // it may have changed how ALTER TABLE works
	failed  error // what every further call is told
	ended   bool
	turn    *turn

	view *view // of one that only reads
}

// tx is a transaction or, with a parent, one nested in it.
type tx struct {
	*txState
	parent *tx
	child  *tx // that is open, if any
	over   bool
}

var _ op.Tx = (*tx)(nil)

// Begin starts a transaction on the leader. One that only reads sees one
// snapshot; with op.None it is of this node's copy.
func (g *Group) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.leave()
	how := op.ReadingOf(ctx)
	if opts.ReadOnly && how.Consistency == op.None {
		if err := g.fresh(how.MaxAge); err != nil {
			return nil, err
		}
		return g.beginReading(ctx)
	}
	return led(ctx, g, func() (op.Tx, error) {
		if opts.ReadOnly {
			if err := g.rep.Barrier(ctx); err != nil {
				return nil, err
			}
			return g.beginReading(ctx)
		}
		// What it reads, if it writes nothing, is confirmed at its end as what a
		// leader had: it must be all that a leader has.
		if err := g.rep.Settle(ctx); err != nil {
			return nil, err
		}
		turn, err := g.turns.take(ctx)
		if err != nil {
			return nil, err
		}
		s := &txState{g: g, turn: turn}
		s.p.seed = rand.Uint64()
		if s.p.now, err = g.now(ctx); err != nil {
			turn.release()
			return nil, err
		}
		return g.keepTx(&tx{txState: s})
	}, func(ctx context.Context, r remote) (op.Tx, error) { return r.Begin(ctx, opts) })
}

// now is the time for a transaction: the leader's, and not before that of what was
// done already, as a clock that was set back would have it.
func (g *Group) now(ctx context.Context) (time.Time, error) {
	last := g.stamped.Load()
	if last == 0 { // nothing was applied since this copy was opened
		err := g.view(ctx, func(v *viewer) error {
			st, err := readState(ctx, v.Conn)
			if err != nil && !errors.Is(err, errNoState) {
				return err
			}
			last = st.stamp
			return nil
		})
		if err != nil {
			return time.Time{}, err
		}
	}
	return time.UnixMicro(max(g.cfg.Clock().UnixMicro(), last)).UTC(), nil
}

// keepTx remembers a transaction, so that Close ends it.
func (g *Group) keepTx(t *tx) (op.Tx, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		t.turn.release()
		t.view.end()
		return nil, op.ErrClosed()
	}
	g.txs[t] = struct{}{}
	return t, nil
}

// Caps are those of the group.
func (t *tx) Caps() op.Caps { return t.g.Caps() }

// use checks that the transaction can be used and locks it.
func (t *tx) use(ctx context.Context) error {
	t.mu.Lock()
	var err error
	switch {
	case t.g.closing():
		err = op.ErrClosed()
	case t.ended || t.over:
		err = op.ErrTxDone()
	case t.child != nil:
		err = op.Errorf(op.CodeInternal, "the transaction has a nested one that has not ended")
	case ctx.Err() != nil:
		err = op.FromContext(ctx.Err())
	case t.failed != nil:
		err = t.failed
	}
	if err != nil {
		t.mu.Unlock()
	}
	return err
}

// fail ends the transaction with an error that every further call is told.
func (t *txState) fail(err error) error {
	if t.failed == nil {
		t.failed = err
		if op.Retryable(err) {
			t.g.metrics.conflicts.Add(1)
			t.g.turns.conflict(t.turn)
		}
	}
	return t.failed
}

// Do runs one operation. One that fails leaves nothing behind and the
// transaction goes on, unless it was in the way of another one: then every
// further call is told so.
func (t *tx) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := t.use(ctx); err != nil {
		return op.Result{}, err
	}
	defer t.mu.Unlock()
	switch o.Kind {
	case op.Migrate, op.Backup, op.Watch:
		return op.Result{}, op.Errorf(op.CodeUnsupported, "%s cannot run inside a transaction", o.Kind)
	}
	if t.view != nil {
		return t.view.do(ctx, &o)
	}
	if o.Explain {
		return t.g.readHere(ctx, &o)
	}
	if !t.g.rep.IsLeader() {
		return op.Result{}, t.fail(conflict("the group has another leader, and the transaction is lost"))
	}
	o.Lock = op.NoLock // what was read is compared again anyway
	return t.run(ctx, &o)
}

// lost says a failure of the copy in the middle of a transaction.
func (t *tx) lost(ctx context.Context, err error) error {
	if again(err) && ctx.Err() == nil {
		return t.fail(conflict("the group's leader was lost in the middle of the transaction"))
	}
	return t.g.replicaError(err)
}

// Begin starts a nested transaction. Until it has ended its parent cannot be
// used.
func (t *tx) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := t.use(ctx); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	if err := t.mark(ctx, itemBegin); err != nil {
		return nil, err
	}
	t.child = &tx{txState: t.txState, parent: t}
	return t.child, nil
}

// mark adds an item that is no operation.
func (t *tx) mark(ctx context.Context, kind itemKind) error {
	if t.view != nil {
		return nil
	}
	it := item{kind: kind, set: -1}
	if t.wrote {
		s := t.g.scratch
		return s.run(ctx, t.txState, func() error {
			if err := s.mark(ctx, t.txState, &it); err != nil {
				return err
			}
			t.p.items = append(t.p.items, it)
			return nil
		})
	}
	t.p.items = append(t.p.items, it)
	return nil
}

// Commit makes the changes visible: to everybody, or to the parent. When it
// fails nothing of the transaction was kept, unless the error wraps
// door.ErrUnknown.
func (t *tx) Commit(ctx context.Context) error {
	if err := t.use(ctx); err != nil {
		if ctx.Err() != nil || t.failed != nil {
			_ = t.Rollback(ctx)
		}
		return err
	}
	defer t.mu.Unlock()
	if t.parent != nil {
		err := t.mark(ctx, itemRelease)
		if err != nil { // the program has no end of it
			err = t.fail(err)
		}
		t.over, t.parent.child = true, nil
		return err
	}
	if err := t.g.enter(ctx); err != nil {
		t.leave()
		return err
	}
	defer t.g.leave()
	err := t.commit(ctx)
	t.leave()
	return err
}

func (t *tx) commit(ctx context.Context) error {
	switch {
	case t.view != nil:
		return nil
	case !t.changed:
		if len(t.p.items) == 0 {
			return nil
		}
		// What was read held in the copy of a node that led. That it still leads
		// says that nobody else knew better.
		if err := t.g.rep.Barrier(ctx); err != nil {
			return t.lost(ctx, err)
		}
		return nil
	}
	began := time.Now()
	defer func() { t.g.metrics.wrote(began) }()
	id := door.IDOf(ctx)
	if id == "" {
		id = newID()
	}
	c := &call{m: member{kind: memberProgram, body: t.p.append(make([]byte, 0, t.p.size+256))}, alone: t.p.keysOff}
	c.m.id, c.m.born = keyOfID(id)
	t.g.scratch.leave(t.txState)
	out, err := t.g.gather.submit(ctx, c)
	switch {
	case err == nil && out.unknown:
		return t.fail(conflict("the database was exchanged in the middle of the transaction"))
	case err == nil && op.Retryable(out.err):
		return t.fail(out.err)
	case err == nil:
		return out.err
	case errors.Is(err, replica.ErrUnknown):
		return t.resolve(ctx, id, err)
	}
	return t.lost(ctx, err)
}

// resolve finds out what became of a commit whose leader was lost.
func (t *tx) resolve(ctx context.Context, id string, why error) error {
	applied, err := t.g.resolve(ctx, id)
	switch {
	case err != nil:
		if ctx.Err() != nil {
			return cutShort(ctx.Err())
		}
		return door.Unknown(errors.Join(why, err))
	case applied:
		return nil
	}
	return t.fail(conflict("the group's leader was lost before the transaction was committed"))
}

// Rollback drops the changes, also when the context has ended. After the end of
// the transaction it does nothing.
func (t *tx) Rollback(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop()
	return nil
}

func (t *tx) drop() {
	if t.over || t.ended {
		return
	}
	if t.parent != nil {
		if t.child != nil {
			t.child.drop()
		}
		if t.failed == nil {
			if err := t.mark(background, itemRollback); err != nil {
				_ = t.fail(err) // the parent is told
			}
		}
		t.over, t.parent.child = true, nil
		return
	}
	t.leave()
}

// leave ends the transaction.
func (t *tx) leave() {
	for c := t; c != nil; c = c.child {
		c.over = true
	}
	t.ended = true
	t.view.end()
	if t.wrote {
		t.g.scratch.leave(t.txState)
	}
	t.turn.release()
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	delete(t.g.txs, t)
}

// abandon rolls back because the group closes.
func (t *tx) abandon() { _ = t.Rollback(background) }

// Close rolls back.
func (t *tx) Close() error { return t.Rollback(background) }

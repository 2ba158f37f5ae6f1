package door

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/wire"
)

// heldTx is a transaction that a peer has open on a stream of its own.
type heldTx struct {
	tx     op.Tx
	group  Group
	parent uint64
	cancel context.CancelCauseFunc // of the context that it began with
	over   error                   // why it was rolled back here
}

// maxNested bounds the transactions that are open inside of one.
const maxNested = 64

// endPatience bounds a rollback that nobody waits for.
const endPatience = 10 * time.Second

// drop rolls back. What it says interests nobody any more.
func (t *heldTx) drop() {
	if t.over == nil {
		ctx, cancel := context.WithTimeout(context.Background(), endPatience)
		_ = t.tx.Rollback(ctx)
		cancel()
	}
	t.cancel(nil)
}

// busyTx reports whether a transaction holds something up.
func (x *session) busyTx() bool {
	for _, t := range x.txs {
		if t.over == nil {
			return true
		}
	}
	return false
}

// expire rolls back transactions that were asked nothing for long. The peer is
// told with its next request.
func (x *session) expire() {
	why := &op.ConflictError{Reason: op.ReasonSerialization, Index: -1, Err: op.Errorf(op.CodeTimeout,
		"the transaction was rolled back, because nothing was asked of it for %s; it may be run again", x.s.set.idleTx)}
	for _, t := range x.txs {
		if t.over == nil {
			t.drop()
			t.over = why
		}
	}
	x.s.log.Info("a transaction was idle for too long and is rolled back", "peer", x.st.Peer(), "after", x.s.set.idleTx)
	x.release()
}

// release takes back what the peer is charged.
func (x *session) release() {
	if x.counted {
		x.counted = false
		x.s.freeTx(x.st.Peer())
	}
}

// begin starts a transaction on the group, or a nested one when parent is open.
func (x *session) begin(ctx context.Context, g Group, q *request) error {
	if len(x.txs) > 0 {
		return malformed("a transaction begins on a stream that has one")
	}
	if !x.s.holdTx(x.st.Peer()) {
		return x.fail(op.Errorf(op.CodeRateLimit, "this peer has %d transactions open on this node, which is the limit: end some first", x.s.set.txPerPeer))
	}
	x.counted = true
	if err := x.open(ctx, g.Begin, g, q); err != nil || len(x.txs) == 0 {
		x.release()
		return err
	}
	return nil
}

// open begins a transaction. Its context outlives the request: an engine may
// tie the transaction to it.
func (x *session) open(ctx context.Context, begin func(context.Context, op.TxOptions) (op.Tx, error), g Group, q *request) error {
	opts, err := wire.DecodeTxOptions(q.body)
	if errors.Is(err, wire.ErrMalformed) {
		return err
	}
	if err != nil {
		return x.fail(err)
	}
	long, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	tx, err := begin(long, opts)
	if !stop() && err == nil {
		err = op.FromContext(ctx.Err())
		_ = tx.Rollback(context.WithoutCancel(ctx)) // the caller is gone
	}
	if err != nil {
		cancel(nil)
		return x.fail(err)
	}
	x.lastTx++
	x.txs[x.lastTx] = &heldTx{tx: tx, group: g, parent: q.tx, cancel: cancel}
	return x.ok(binary.AppendUvarint(nil, x.lastTx))
}

// inTx answers a request of a transaction.
func (x *session) inTx(ctx context.Context, q *request) error {
	t := x.txs[q.tx]
	if t == nil {
		return x.fail(op.ErrTxDone())
	}
	if t.over != nil {
		if q.verb == verbCommit || q.verb == verbRollback {
			x.forget(q.tx)
		}
		if q.verb == verbRollback {
			return x.ok()
		}
		return x.fail(t.over)
	}
	switch q.verb {
	case verbDo:
		return x.do(ctx, t.group, t.tx.Do, q)
	case verbBegin:
		if len(x.txs) > maxNested {
			return x.fail(op.Errorf(op.CodeValidation, "the transaction has %d nested ones open, which is the limit: end some first", maxNested))
		}
		return x.open(ctx, t.tx.Begin, t.group, q)
	case verbCommit:
		err := t.tx.Commit(WithID(ctx, q.id))
		x.forget(q.tx)
		if err != nil {
			return x.fail(err)
		}
		return x.ok()
	case verbRollback:
		err := t.tx.Rollback(context.WithoutCancel(ctx))
		x.forget(q.tx)
		if err != nil {
			return x.fail(err)
		}
		return x.ok()
	}
	return x.fail(op.Errorf(op.CodeUnsupported, "%s cannot be asked inside a transaction", q.verb))
}

// forget takes a transaction that has ended off the list, and those nested in
// it.
func (x *session) forget(n uint64) {
	t := x.txs[n]
	delete(x.txs, n)
	for k, other := range x.txs {
		if other.parent == n {
			x.forget(k)
		}
	}
	t.cancel(nil)
	if len(x.txs) == 0 {
		x.release()
	}
}

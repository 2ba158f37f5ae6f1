package door

import (
	"context"
	"errors"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/wire"
)

// txLine is the line that a transaction has from Begin to its end, shared by
// those nested in it.
type txLine struct {
	r    *Remote
	l    *line
	free func() bool // unties it from the Remote's end

	mu   sync.Mutex
	rows *rows // that still come on the line, if any
	gone error // the line was lost: why
}

// remoteTx is a transaction on the leader.
type remoteTx struct {
	in    *txLine
	n     uint64 // its number on the stream
	outer bool
	ended bool // under in.mu
}

var _ op.Tx = (*remoteTx)(nil)

// Begin starts a transaction on the leader. It has a stream of its own until it
// ends.
func (r *Remote) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	c, err := r.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer c.end()
	defer c.free()
	a := &ask{q: request{verb: verbBegin, body: wire.EncodeTxOptions(opts)}}
	var tx *remoteTx
	err = r.reach(c.ctx, a, func(p *reply) error {
		n, err := number(p)
		if err != nil {
			return p.broken(err)
		}
		if p.live = false; !p.w.stop() {
			r.lines.drop(p.l)
			return &lost{peer: p.l.peer, err: errors.New("the stream ended")}
		}
		in := &txLine{r: r, l: p.l}
		in.free = context.AfterFunc(r.ctx, func() { _ = in.l.st.Reset() })
		tx = &remoteTx{in: in, n: n, outer: true}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tx, nil
}

func number(p *reply) (uint64, error) {
	c := cutter{b: p.body}
	n := c.uint("the number of a transaction")
	return n, c.end("the number of a transaction")
}

// lose notes that the line is gone, and with it the transaction. The caller
// holds in.mu.
func (in *txLine) lose(why error) {
	if in.gone != nil {
		return
	}
	in.gone = why
	in.free()
	in.r.lines.drop(in.l)
}

// over is the error of a call on a transaction whose line is gone. Nothing of it
// was written, so it may be run again.
func (in *txLine) over() error {
	if in.r.ctx.Err() != nil {
		return op.ErrClosed()
	}
	return &op.ConflictError{
		Reason: op.ReasonSerialization, Index: -1,
		Err: op.Errorf(op.CodeDatabase, "the node that ran the transaction was lost, and it is rolled back: %w", in.gone),
	}
}

// ask sends a request of the transaction and hands its answer to take. The
// caller holds in.mu. A line that fails is lost.
func (t *remoteTx) ask(ctx context.Context, a *ask, take func(*reply) error) error {
	in := t.in
	if in.rows != nil {
		in.rows.fetch() // the line is needed
	}
	if in.gone != nil {
		return in.over()
	}
	a.q.group, a.q.tx, a.q.reading = in.r.o.Group, t.n, op.ReadingOf(ctx)
	for {
		p, err := in.r.overTx(ctx, in, &a.q)
		if err != nil {
			return err
		}
		switch p.kind {
		case frameOK:
			return take(p)
		case frameError, frameNoGroup:
			p.rest(in, true)
			return wire.DecodeError(p.body)
		case frameUnknown:
			p.rest(in, true)
			a.uncertain = true
			return wire.DecodeError(p.body)
		case frameNotLeader:
			p.rest(in, true)
			in.lose(errors.New("the node leads no more"))
			return in.over()
		case frameModels:
			p.rest(in, true)
			if a.taught++; a.taught > 3 {
				return op.Errorf(op.CodeInternal, "%s does not know the models that it was sent", in.l.peer)
			}
			if err := in.r.teach(ctx, a.set); err != nil {
				return err
			}
		default:
			p.rest(in, false)
			return in.over()
		}
	}
}

// overTx sends a request on the line of a transaction.
func (r *Remote) overTx(ctx context.Context, in *txLine, q *request) (*reply, error) {
	q.left = timeLeft(ctx)
	head := q.append(nil)
	if n := len(head) + len(q.body); n > MaxRequest {
		return nil, op.Errorf(op.CodeValidation, "the request has %d bytes, the limit is %d: send fewer rows at once", n, MaxRequest)
	}
	p := &reply{r: r, l: in.l, live: true, w: r.watch(ctx, in.l, true)}
	if err := p.exchange(head, q.body); err != nil {
		p.live = false
		p.w.stop()
		in.lose(err)
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		return nil, in.over()
	}
	return p, nil
}

// start begins a call in the transaction and locks it.
func (t *remoteTx) start(ctx context.Context) (*call, error) {
	c, err := t.in.r.enter(ctx)
	if err != nil {
		return nil, err
	}
	t.in.mu.Lock()
	if t.ended {
		t.in.mu.Unlock()
		c.free()
		c.end()
		return nil, op.ErrTxDone()
	}
	return c, nil
}

// Do runs an operation in the transaction. Rows that are still open when the
// next call comes are read into memory.
func (t *remoteTx) Do(ctx context.Context, o op.Op) (op.Result, error) {
	c, err := t.start(ctx)
	if err != nil {
		return op.Result{}, err
	}
	defer c.end()
	defer t.in.mu.Unlock()
	a := &ask{q: request{verb: verbDo}}
	res, err := t.in.r.operation(a, &o, c, func(take func(*reply) error) error { return t.ask(c.ctx, a, take) }, t.in)
	if err != nil {
		c.free()
		return op.Result{}, t.plain(c, err)
	}
	return res, nil
}

// plain turns the loss of the line in the middle of an answer into what it means
// for the transaction.
func (t *remoteTx) plain(c *call, err error) error {
	var gone *lost
	if !errors.As(err, &gone) {
		return err
	}
	t.in.lose(gone)
	if c.ctx.Err() != nil {
		return ended(c.ctx)
	}
	return t.in.over()
}

// Begin starts a nested transaction.
func (t *remoteTx) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	c, err := t.start(ctx)
	if err != nil {
		return nil, err
	}
	defer c.end()
	defer c.free()
	defer t.in.mu.Unlock()
	a := &ask{q: request{verb: verbBegin, body: wire.EncodeTxOptions(opts)}}
	var inner *remoteTx
	err = t.ask(c.ctx, a, func(p *reply) error {
		n, err := number(p)
		p.rest(t.in, err == nil)
		if err != nil {
			return &lost{peer: t.in.l.peer, err: err}
		}
		inner = &remoteTx{in: t.in, n: n}
		return nil
	})
	if err != nil {
		return nil, t.plain(c, err)
	}
	return inner, nil
}

// Caps are those of the group.
func (t *remoteTx) Caps() op.Caps { return t.in.r.Caps() }

// Commit commits. When the answer is lost the group is asked for the outcome.
func (t *remoteTx) Commit(ctx context.Context) error {
	c, err := t.start(ctx)
	if err != nil {
		if ctx.Err() != nil {
			_ = t.Rollback(ctx) // the error of the context is the one to tell
		}
		return err
	}
	defer c.end()
	defer c.free()
	defer t.in.mu.Unlock()
	in := t.in
	if in.rows != nil {
		in.rows.abandon()
	}
	sent := in.gone == nil
	id := IDOf(ctx) // whoever has this transaction led on knows it by this one
	if id == "" {
		id = in.r.newID()
	}
	a := &ask{q: request{verb: verbCommit, id: id}, change: true}
	err = t.ask(c.ctx, a, func(p *reply) error {
		p.rest(in, true)
		return nil
	})
	t.ended = true
	unknown := a.uncertain || (sent && in.gone != nil && err != nil)
	if !t.outer {
		return err // what is nested has no outcome of its own
	}
	t.close()
	if !unknown {
		return err
	}
	if c.ctx.Err() != nil {
		a.uncertain = true
		return a.given(ended(c.ctx))
	}
	return in.r.settle(c.ctx, a.q.id, err)
}

// settle finds out how a commit ended.
func (r *Remote) settle(ctx context.Context, id string, why error) error {
	applied, err := r.resolve(ctx, id)
	switch {
	case err != nil:
		return Unknown(errors.Join(why, err))
	case applied:
		return nil
	}
	return &op.ConflictError{
		Reason: op.ReasonSerialization, Index: -1,
		Err: op.Errorf(op.CodeDatabase, "the node that ran the transaction was lost before it was committed: %w", why),
	}
}

// Rollback drops the changes. It does so also when the context has ended.
func (t *remoteTx) Rollback(ctx context.Context) error {
	t.in.mu.Lock()
	defer t.in.mu.Unlock()
	if t.ended {
		return nil
	}
	t.ended = true
	in := t.in
	if in.rows != nil {
		in.rows.abandon()
	}
	var err error
	if in.gone == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
		err = t.ask(ctx, &ask{q: request{verb: verbRollback}}, func(p *reply) error {
			p.rest(in, true)
			return nil
		})
		cancel()
	}
	if t.outer {
		t.close()
	}
	if in.gone != nil {
		return nil // without its stream the server rolls back by itself
	}
	return err
}

// close gives the line back. The caller holds in.mu.
func (t *remoteTx) close() {
	in := t.in
	if in.gone != nil {
		return
	}
	in.gone = op.ErrTxDone()
	if in.free() {
		in.r.lines.put(in.l)
	} else {
		in.r.lines.drop(in.l)
	}
}

// Close rolls back.
func (t *remoteTx) Close() error { return t.Rollback(context.Background()) }

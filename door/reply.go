package door

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/wire"
)

// maxRowFrame bounds what a server can make a client hold for one row.
const maxRowFrame = 256 << 20

// reply is the beginning of an answer, and the line that the rest comes on.
type reply struct {
	r    *Remote
	l    *line
	kind byte
	body []byte
	w    *watch
	live bool // the line is still in use; false after done
}

// over sends a request on a line and reads the first frame that comes back. On
// an error the line is gone.
func (r *Remote) over(ctx context.Context, l *line, q *request, leads bool) (*reply, error) {
	q.left = timeLeft(ctx)
	head := q.append(nil)
	if n := len(head) + len(q.body); n > MaxRequest {
		r.lines.put(l)
		return nil, op.Errorf(op.CodeValidation, "the request has %d bytes, the limit is %d: send fewer rows at once", n, MaxRequest)
	}
	p := &reply{r: r, l: l, live: true, w: r.watch(ctx, l, leads)}
	if err := p.exchange(head, q.body); err != nil {
		p.done(false)
		return nil, &lost{peer: l.peer, sent: true, err: err}
	}
	return p, nil
}

func (p *reply) exchange(content ...[]byte) error {
	if err := writeFrame(p.l.w, frameRequest, content...); err != nil {
		return err
	}
	if err := p.l.w.Flush(); err != nil {
		return err
	}
	return p.next()
}

// next reads a further frame of the answer.
func (p *reply) next() error {
	kind, n, err := readHead(p.l.r)
	if err != nil {
		return err
	}
	p.kind = kind
	p.body, err = readBody(p.l.r, n)
	return err
}

// done gives the line back, or drops it where it is not clean.
func (p *reply) done(clean bool) {
	if !p.live {
		return
	}
	p.live = false
	if p.w.stop() && clean {
		p.r.lines.put(p.l)
	} else {
		p.r.lines.drop(p.l)
	}
}

// broken is the error of an answer that ends too early.
func (p *reply) broken(err error) error {
	p.done(false)
	return &lost{peer: p.l.peer, sent: true, err: err}
}

// result reads the result of an operation. in is the transaction that the line
// belongs to, if any.
func (p *reply) result(c *call, resolve wire.Resolver, in *txLine) (op.Result, error) {
	rd := wire.NewRowReader(p.l.r, resolve)
	rd.Limit(maxRowFrame)
	res, err := rd.Head()
	switch {
	case err != nil && (p.l.in.err != nil || errors.Is(err, wire.ErrMalformed)):
		return op.Result{}, p.broken(err)
	case err != nil:
		p.rest(in, true)
		return op.Result{}, err
	case res.Rows == nil:
		p.rest(in, true)
		c.free()
		return res, nil
	}
	rows := &rows{c: c, p: p, rd: rd, in: in}
	if in != nil {
		in.rows = rows
	}
	res.Rows = rows
	return res, nil
}

// rest ends an answer: the line goes back, or stays with its transaction.
func (p *reply) rest(in *txLine, clean bool) {
	if in == nil {
		p.done(clean)
		return
	}
	p.live = false
	if !p.w.stop() || !clean {
		in.lose(errors.New("the stream ended"))
	}
}

// watch ends the use of a line when its context ends, or when the peer is found
// to be dead or to lead no more: a stopped process or a cut wire say nothing.
type watch struct {
	r     *Remote
	l     *line
	leads bool
	ctx   context.Context
	free  func() bool

	mu     sync.Mutex
	timer  *time.Timer
	done   bool
	killed bool
}

// When a peer that does not answer is asked whether it is there.
const (
	probeAfter = 500 * time.Millisecond
	probeEvery = 2 * time.Second
	probeWait  = 1500 * time.Millisecond
)

func (r *Remote) watch(ctx context.Context, l *line, leads bool) *watch {
	w := &watch{r: r, l: l, leads: leads, ctx: ctx}
	w.free = context.AfterFunc(ctx, w.kill)
	w.mu.Lock()
	w.timer = time.AfterFunc(probeAfter, w.check)
	w.mu.Unlock()
	return w
}

func (w *watch) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done && !w.killed {
		w.killed = true
		_ = w.l.st.Reset() // the reader of the line sees it
	}
}

// check runs on a goroutine of its own.
func (w *watch) check() {
	if !w.r.begin() {
		return
	}
	defer w.r.wg.Done()
	// Where the answer comes meanwhile, it was this machine that was too slow to hear
	// another one in time.
	before := w.l.in.came.Load()
	if !w.r.alive(w.l.peer, w.leads) && w.l.in.came.Load() == before {
		w.kill()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done && !w.killed {
		w.timer.Reset(probeEvery)
	}
}

// stop ends the watching; it is false when the line was ended.
func (w *watch) stop() bool {
	w.free()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	w.timer.Stop()
	return !w.killed
}

// begin counts a goroutine that Close waits for.
func (r *Remote) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.wg.Add(1)
	return true
}

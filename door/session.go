package door

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/wire"
)

// session is one stream on the server. Beside the goroutine that answers, one
// waits for the next frame, so that a peer that goes away, or wants no more rows,
// is noticed while a request runs.
type session struct {
	s      *Server
	st     *host.Stream
	r      *bufio.Reader
	w      *bufio.Writer
	cancel context.CancelFunc // ends the request under way

	heads   chan head
	resume  chan struct{}
	watched chan struct{} // closed when the waiting goroutine has ended
	failed  error         // why it ended; read after watched
	stopped atomic.Bool   // the peer wants no more rows of this request

	idle    *time.Timer // for the next request; it runs out while one is answered, and is set anew
	txs     map[uint64]*heldTx
	lastTx  uint64
	counted bool // the peer is charged for a transaction
}

type head struct {
	kind byte
	n    int
}

func newSession(s *Server, st *host.Stream, cancel context.CancelFunc) *session {
	return &session{
		s: s, st: st, cancel: cancel,
		r: bufio.NewReaderSize(st, 16<<10), w: bufio.NewWriterSize(&patient{st: st, stall: s.set.stall}, 32<<10),
		heads: make(chan head), resume: make(chan struct{}), watched: make(chan struct{}),
		txs: map[uint64]*heldTx{}, idle: time.NewTimer(s.set.idleStream),
	}
}

// patient writes to a peer as long as it takes something now and then: within
// stall, or half as much again.
type patient struct {
	st    *host.Stream
	stall time.Duration
	set   time.Time // when the deadline was set last, which costs as much as a write
}

func (p *patient) Write(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.set) > p.stall/2 {
		if err := p.st.SetWriteDeadline(now.Add(p.stall + p.stall/2)); err != nil {
			return 0, err
		}
		p.set = now
	}
	return p.st.Write(b)
}

// watch waits for frames. It hands a head over and goes on when the content was
// read.
func (x *session) watch(done <-chan struct{}) {
	defer close(x.watched)
	for {
		kind, n, err := readHead(x.r)
		if err != nil {
			x.failed = err
			x.cancel()
			return
		}
		if kind == frameStop {
			x.stopped.Store(true)
			continue
		}
		select {
		case x.heads <- head{kind, n}:
		case <-done:
			return
		}
		select {
		case <-x.resume:
		case <-done:
			return
		}
	}
}

// run answers requests until the peer ends the stream.
func (x *session) run(ctx context.Context) error {
	done := make(chan struct{})
	go x.watch(done)
	defer func() {
		close(done)
		_ = x.st.SetReadDeadline(time.Unix(1, 0)) // wakes the reader; a stream that is gone has no reader
		<-x.watched
	}()
	defer x.idle.Stop()
	for {
		h, err := x.next()
		if err != nil || h.kind == 0 {
			return err
		}
		if err := x.one(ctx, h); err != nil {
			return err
		}
	}
}

// next waits for the next request; a head without a kind is the end.
func (x *session) next() (head, error) {
	for {
		wait := x.s.set.idleStream
		if x.busyTx() {
			wait = x.s.set.idleTx
		}
		x.idle.Reset(wait)
		select {
		case h := <-x.heads:
			return h, nil
		case <-x.watched:
			if errors.Is(x.failed, io.EOF) {
				return head{}, nil
			}
			return head{}, x.failed
		case <-x.idle.C:
			if !x.busyTx() {
				return head{}, nil
			}
			x.expire()
		}
	}
}

// one reads and answers one request.
func (x *session) one(ctx context.Context, h head) error {
	if h.kind != frameRequest {
		return malformed("a frame of kind %c where a request should be", h.kind)
	}
	if h.n > largeRequest {
		select {
		case x.s.large <- struct{}{}:
			defer func() { <-x.s.large }()
		case <-x.s.ctx.Done():
			return x.s.ctx.Err()
		}
	}
	body, err := x.body(h.n)
	if err != nil {
		return err
	}
	x.stopped.Store(false)
	q, err := parseRequest(body)
	if errors.Is(err, host.ErrMalformed) {
		return err
	}
	if err == nil && q.verb == verbRestore {
		err = x.restore(ctx, q) // it reads on, and resumes by itself
	} else {
		x.resume <- struct{}{}
		if err != nil {
			err = x.fail(err)
		} else {
			err = x.bounded(ctx, q)
		}
	}
	if err == nil {
		// Where the node closes, what was under way fails with it, and may be done all
		// the same: that is no outcome to be told, and the peer asks again.
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	return x.w.Flush()
}

// body reads the content of a request, which a peer must send in time.
func (x *session) body(n int) ([]byte, error) {
	if x.r.Buffered() >= n { // it is here
		return readBody(x.r, n)
	}
	// A megabyte each second is the least that is waited for.
	end := time.Now().Add(x.s.set.transfer + time.Duration(n>>20)*time.Second)
	if err := x.st.SetReadDeadline(end); err != nil {
		return nil, err
	}
	body, err := readBody(x.r, n)
	if err != nil {
		return nil, err
	}
	return body, x.st.SetReadDeadline(time.Time{})
}

// bounded answers a request within the time that its caller waits.
func (x *session) bounded(ctx context.Context, q *request) error {
	ctx, cancel := x.context(ctx, q)
	defer cancel()
	err := x.answer(ctx, q)
	if errors.Is(err, wire.ErrMalformed) {
		return malformed("%v: %w", q.verb, err)
	}
	return err
}

// context is that of one request.
func (x *session) context(ctx context.Context, q *request) (context.Context, context.CancelFunc) {
	ctx = op.WithReading(ctx, q.reading)
	ctx = withHops(ctx, q.hops)
	if q.left > 0 {
		return context.WithTimeout(ctx, q.left)
	}
	return context.WithCancel(ctx)
}

// end rolls back what is open when the stream ends.
func (x *session) end() {
	x.cancel()
	for _, t := range x.txs {
		t.drop()
	}
	x.release()
}

// ok begins an answer.
func (x *session) ok(content ...[]byte) error { return writeFrame(x.w, frameOK, content...) }

// fail answers with an error. What it returns is an error of the stream.
func (x *session) fail(err error) error {
	var other *NotLeader
	switch {
	case errors.As(err, &other):
		return writeFrame(x.w, frameNotLeader, []byte(other.Peer))
	case errors.Is(err, ErrUnknown):
		return writeFrame(x.w, frameUnknown, wire.EncodeError(err))
	}
	return writeFrame(x.w, frameError, wire.EncodeError(err))
}

type hopsKey struct{}

// withHops marks what is done for a request of a peer.
func withHops(ctx context.Context, hops byte) context.Context {
	return context.WithValue(ctx, hopsKey{}, hops)
}

// hopsOf is how many nodes have led on what is done, and whether it came from a
// peer at all.
func hopsOf(ctx context.Context) (byte, bool) {
	h, ok := ctx.Value(hopsKey{}).(byte)
	return h, ok
}

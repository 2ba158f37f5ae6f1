package replica

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/rqlite/rqlite/v8/store"
)

// layer is the network that raft is given: streams to and from other copies of
// the group.
type layer struct {
	mux    *Mux
	group  string
	server string

	ready chan struct{} // closed when streams may be taken
	in    chan net.Conn
	done  chan struct{}

	ctx     context.Context // ends when streams are severed
	cancel  context.CancelFunc
	drained chan struct{} // closed when raft has let go of all that it served

	mu     sync.Mutex
	conns  map[*stream]bool
	served int  // of conns
	cut    bool // no more streams
	once   sync.Once
}

var _ store.Layer = (*layer)(nil)

// dialTimeout bounds a dial, whatever raft allows: it tries again by itself.
const dialTimeout = 5 * time.Second

func newLayer(m *Mux, group, server string) *layer {
	ctx, cancel := context.WithCancel(context.Background())
	return &layer{
		mux: m, group: group, server: server,
		ready: make(chan struct{}), in: make(chan net.Conn), done: make(chan struct{}), conns: map[*stream]bool{},
		ctx: ctx, cancel: cancel, drained: make(chan struct{}),
	}
}

// address is the name of a copy as a net.Addr.
type address string

func (address) Network() string  { return "weft" }
func (a address) String() string { return string(a) }

// Addr is the name of this copy.
func (l *layer) Addr() net.Addr { return address(l.server) }

// Dial opens a stream to another copy, by its name.
func (l *layer) Dial(server string, timeout time.Duration) (net.Conn, error) {
	peer, err := PeerOf(server)
	if err != nil {
		return nil, err
	}
	if timeout <= 0 || timeout > dialTimeout {
		timeout = dialTimeout
	}
	ctx, cancel := context.WithTimeout(l.ctx, timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(net.ErrClosed, err)
	}
	c, err := l.mux.dial(ctx, peer, header{kind: kindRaft, group: l.group, to: server, from: l.server})
	if err != nil {
		return nil, err
	}
	return l.wrap(c, false)
}

// Accept waits for the next stream of another copy. There is none before open.
func (l *layer) Accept() (net.Conn, error) {
	select {
	case <-l.ready:
	case <-l.done:
		return nil, net.ErrClosed
	}
	select {
	case c := <-l.in:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// take gives a stream to raft and returns when raft is done with it.
func (l *layer) take(ctx context.Context, raw net.Conn) error {
	c, err := l.wrap(raw, true)
	if err != nil {
		return err
	}
	select {
	case l.in <- c:
	case <-l.ctx.Done():
		return c.Close()
	case <-ctx.Done():
		return c.Close()
	}
	select {
	case <-c.closed:
		return nil
	case <-ctx.Done():
		return c.Close()
	}
}

func (l *layer) wrap(raw net.Conn, served bool) (*stream, error) {
	c := &stream{Conn: raw, layer: l, served: served, closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.Join(net.ErrClosed, abort(raw))
	}
	l.conns[c] = true
	if served {
		l.served++
	}
	return c, nil
}

// sever ends all streams and lets no more begin, while raft still runs. The
// channel is closed when raft has let go of all that it served: then nothing
// that came in waits for it.
func (l *layer) sever() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return l.drained
	}
	l.cut = true
	l.cancel()
	for c := range l.conns {
		abort(c.Conn)
	}
	if l.served == 0 {
		close(l.drained)
	}
	return l.drained
}

// Close ends all streams, and Accept.
func (l *layer) Close() error {
	l.once.Do(func() {
		l.sever()
		close(l.done)
		l.mu.Lock()
		conns := slices.Collect(maps.Keys(l.conns))
		l.mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	})
	return nil
}

// stream is one in raft's hands.
type stream struct {
	net.Conn
	layer  *layer
	served bool
	once   sync.Once
	closed chan struct{}
}

// Read on a served stream turns every failure into its end: raft would print
// others to the standard error output.
func (c *stream) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && c.served {
		err = io.EOF
	}
	return n, err
}

// Write on a served stream never fails, for the same reason: a stream that does
// not take an answer has ended, and the next Read says so.
func (c *stream) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.served {
		c.Close()
		return len(p), nil
	}
	return n, err
}

// Close ends the stream at once: raft closes streams only when it has no more
// use for what is under way.
func (c *stream) Close() error {
	c.once.Do(func() {
		close(c.closed)
		abort(c.Conn)
		c.layer.mu.Lock()
		defer c.layer.mu.Unlock()
		delete(c.layer.conns, c)
		if !c.served {
			return
		}
		if c.layer.served--; c.layer.served == 0 && c.layer.cut {
			close(c.layer.drained)
		}
	})
	return nil
}

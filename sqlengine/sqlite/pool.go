package sqlite

import (
	"context"
	"sync"

	"github.com/weftdb/weft/op"
)

// pool hands out connections, first come first served, and opens them when
// they are needed. The one that was used last is handed out first, because its
// statements and pages are at hand.
//
// The size bounds the operations that run at the same time. A result that is
// read row by row keeps its connection but not its place, so that somebody who
// reads several at once does not wait for himself.
type pool struct {
	places chan struct{}
	open   func(ctx context.Context) (*conn, error)

	mu     sync.Mutex
	free   []*conn
	out    int
	closed bool
	empty  chan struct{} // closed when the pool is and nothing is out
}

// maxStreams is how many connections a pool may have out.
const maxStreams = 1000

func newPool(n int, open func(ctx context.Context) (*conn, error)) *pool {
	return &pool{places: make(chan struct{}, n), open: open, empty: make(chan struct{})}
}

// get waits for a connection as long as ctx lasts.
func (p *pool) get(ctx context.Context) (*conn, error) {
	select {
	case p.places <- struct{}{}:
	default:
		select {
		case p.places <- struct{}{}:
		case <-ctx.Done():
			return nil, op.FromContext(ctx.Err())
		}
	}
	p.mu.Lock()
	if p.closed || p.out >= maxStreams {
		closed := p.closed
		p.mu.Unlock()
		<-p.places
		if closed {
			return nil, op.ErrClosed()
		}
		return nil, op.Errorf(op.CodeDatabase, "%d results of finds are open at once: close their Rows", maxStreams)
	}
	p.out++
	if n := len(p.free); n > 0 {
		c := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		c.placed = true
		return c, nil
	}
	p.mu.Unlock()
	c, err := p.open(ctx)
	if err != nil {
		p.back(nil)
		<-p.places
		return nil, err
	}
	c.home, c.placed = p, true
	return c, nil
}

// back takes a connection into the list of free ones, or closes it.
func (p *pool) back(c *conn) {
	p.mu.Lock()
	p.out--
	if c != nil && !p.closed && len(p.free) < cap(p.places) {
		p.free = append(p.free, c)
		c = nil
	}
	last := p.closed && p.out == 0
	p.mu.Unlock()
	if c != nil {
		_ = c.close()
	}
	if last {
		close(p.empty)
	}
}

// stream says that the connection stays out for a result.
func (c *conn) stream() {
	if c.placed {
		c.placed = false
		<-c.home.places
	}
}

// Release gives the connection back to where it came from.
func (c *conn) Release() {
	placed, p := c.placed, c.home
	c.ctx = context.Background()
	p.back(c)
	if placed {
		<-p.places
	}
}

// shut closes the pool and waits for the connections that are out as long as
// ctx lasts. Those that come later are closed then.
func (p *pool) shut(ctx context.Context) error {
	p.mu.Lock()
	free, out, again := p.free, p.out, p.closed
	p.free, p.closed = nil, true
	p.mu.Unlock()
	var err error
	for _, c := range free {
		if cerr := c.close(); err == nil {
			err = cerr
		}
	}
	if out == 0 || again {
		return err
	}
	select {
	case <-p.empty:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

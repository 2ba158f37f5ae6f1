package mysql

import (
	"context"
	"sync"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// pool hands out connections, first come first served, and opens them when
// they are needed. The one that was used last is handed out first, because its
// statements are prepared.
//
// The size bounds the operations that run at the same time. A result that is
// read row by row keeps its connection but not its place, so that somebody who
// reads several at once does not wait for himself; as many as the pool has
// places, further ones are read into memory.
type pool struct {
	places chan struct{}
	open   func(ctx context.Context) (*conn, error)
	life   time.Duration
	idle   time.Duration

	mu      sync.Mutex
	free    []*conn
	out     map[*conn]struct{}
	opening int
	streams int
	closed  bool
	empty   chan struct{} // closed when the pool is and nothing is out
}

func newPool(n int, life, idle time.Duration, open func(ctx context.Context) (*conn, error)) *pool {
	return &pool{places: make(chan struct{}, n), open: open, life: life, idle: idle, out: map[*conn]struct{}{}, empty: make(chan struct{})}
}

// get waits for a connection as long as ctx lasts. With fresh it is a new one.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	select {
	case p.places <- struct{}{}:
	default:
		select {
		case p.places <- struct{}{}:
		case <-ctx.Done():
			return nil, op.FromContext(ctx.Err())
		}
	}
	for !fresh {
		c, closed := p.take()
		if closed {
			<-p.places
			return nil, op.ErrClosed()
		}
		if c == nil {
			break
		}
		if !p.stale(c) && c.alive() {
			return c, nil
		}
		c.bad = true
		p.back(c)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.places
		return nil, op.ErrClosed()
	}
	p.opening++
	p.mu.Unlock()
	c, err := p.open(ctx)
	p.mu.Lock()
	p.opening--
	if err == nil {
		c.home, c.placed = p, true
		p.out[c] = struct{}{}
	}
	last := p.done()
	p.mu.Unlock()
	if last {
		close(p.empty)
	}
	if err != nil {
		<-p.places
		return nil, err
	}
	return c, nil
}

// take gives a connection that is free, nil when there is none.
func (p *pool) take() (c *conn, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		c = p.free[n-1]
		p.free = p.free[:n-1]
		p.out[c] = struct{}{}
		c.placed = true
	}
	return c, p.closed
}

func (p *pool) stale(c *conn) bool {
	now := time.Now()
	return (p.life > 0 && now.Sub(c.born) > p.life) || (p.idle > 0 && now.Sub(c.used) > p.idle)
}

// done reports whether the pool is closed and nothing is out any more.
func (p *pool) done() bool { return p.closed && len(p.out)+p.opening == 0 }

// back takes a connection into the list of free ones, or closes it. Those that
// stood unused for too long are closed on this occasion.
func (p *pool) back(c *conn) {
	var old []*conn
	p.mu.Lock()
	delete(p.out, c)
	if c.streaming {
		c.streaming = false
		p.streams--
	}
	if c.bad || p.closed || len(p.free) >= cap(p.places) {
		old = append(old, c)
	} else {
		c.used = time.Now()
		p.free = append(p.free, c)
		for len(p.free) > 1 && p.stale(p.free[0]) {
			old = append(old, p.free[0])
			p.free = append(p.free[:0], p.free[1:]...)
		}
	}
	last := p.done()
	p.mu.Unlock()
	for _, c := range old {
		c.close()
	}
	if last {
		close(p.empty)
	}
}

// stream says that the connection stays out for a result and gives up its
// place. It reports false where there are too many such results.
func (c *conn) stream() bool {
	p := c.home
	p.mu.Lock()
	if p.streams >= cap(p.places) {
		p.mu.Unlock()
		return false
	}
	p.streams++
	c.streaming, c.placed = true, false
	p.mu.Unlock()
	<-p.places
	return true
}

// hand gives a result to its reader: the connection goes with it or, where too
// many are with readers, its rows are read into memory. It gives the connection
// back in any other case.
func (c *conn) hand(res op.Result, err error) (op.Result, error) {
	if err == nil && res.Rows != nil {
		if c.stream() {
			if sqlengine.Hold(res.Rows, c) {
				return res, nil
			}
		} else {
			err = sqlengine.Detach(res.Rows)
		}
	}
	c.Release()
	if err != nil {
		return op.Result{}, err
	}
	return res, nil
}

// Release gives the connection back to where it came from.
func (c *conn) Release() {
	placed, p := c.placed, c.home
	if c.open != nil || c.depth > 0 { // it ended in the middle of something
		c.bad = true
	}
	p.back(c)
	if placed {
		<-p.places
	}
}

// shut closes the pool and waits for the connections that are out as long as
// ctx lasts. Those that come later are closed then.
func (p *pool) shut(ctx context.Context) error {
	p.mu.Lock()
	free, again := p.free, p.closed
	p.free, p.closed = nil, true
	busy := len(p.out)+p.opening > 0
	p.mu.Unlock()
	for _, c := range free {
		c.close()
	}
	if !busy || again {
		return nil
	}
	select {
	case <-p.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cut cuts off every connection that is out.
func (p *pool) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.out {
		c.cut()
	}
}

package host

import (
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
)

// muxer is yamux, which writes each frame of each stream by itself, over
// connections that write together what many streams have at the same time: the
// answers to all whose changes were in one entry cost one packet.
type muxer struct{ *yamux.Transport }

// NewConn makes streams of a connection.
func (m muxer) NewConn(c net.Conn, server bool, scope network.PeerScope) (network.MuxedConn, error) {
	return m.Transport.NewConn(&combined{Conn: c}, server, scope)
}

const (
	// mostCombined is how many bytes wait for the connection before Write does.
	mostCombined = 256 << 10
	// keptCombined is how large a buffer is kept while nothing is written.
	keptCombined = 32 << 10
	// onePiece is how many bytes are handed to the network at a time. Yamux gives
	// each of its writes some seconds; so has each piece here.
	onePiece = 64 << 10
	// lastWrite is how long Close waits for what was written before.
	lastWrite = 250 * time.Millisecond
)

// combined is a connection whose Write copies, and returns before the bytes are
// with the network. An error of the network is that of the next Write. It is safe
// for concurrent use, as connections are.
type combined struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond // a write ended; its lock is mu
	next    []byte    // waits for the write under way
	spare   []byte    // the other buffer, when no write is under way
	writing bool
	err     error
	within  time.Duration // that a write has, 0 is any time
}

// SetWriteDeadline bounds the write under way, and gives later ones as long as
// there is to t now.
func (c *combined) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.within = 0
	if !t.IsZero() {
		c.within = time.Until(t)
	}
	return c.Conn.SetWriteDeadline(t)
}

// put hands bytes to the network, piece by piece.
func (c *combined) put(b []byte) error {
	for first := true; ; first = false {
		if !first {
			c.mu.Lock()
			within := c.within
			c.mu.Unlock()
			if within > 0 {
				if err := c.Conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
					return err
				}
			}
		}
		n := min(len(b), onePiece)
		if _, err := c.Conn.Write(b[:n]); err != nil || n == len(b) {
			return err
		}
		b = b[n:]
	}
}

// Write hands bytes on to the network, after those of earlier calls.
func (c *combined) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.L = &c.mu
	for c.err == nil && c.writing && len(c.next)+len(b) > mostCombined && len(c.next) > 0 {
		c.changed.Wait()
	}
	if c.err != nil {
		return 0, c.err
	}
	c.next = append(c.next, b...)
	if !c.writing {
		c.writing = true
		go c.write()
	}
	return len(b), nil
}

// write writes until nothing waits.
func (c *combined) write() {
	// Others that are about to write come first; when there are none, this costs
	// nothing.
	runtime.Gosched()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.L = &c.mu
	for len(c.next) > 0 && c.err == nil {
		b := c.next
		c.next = c.spare[:0]
		c.mu.Unlock()
		err := c.put(b)
		c.mu.Lock()
		c.spare, c.err = b, err
		c.changed.Broadcast()
	}
	c.writing = false
	if cap(c.spare) > keptCombined {
		c.spare = nil
	}
	if cap(c.next) > keptCombined {
		c.next = nil
	}
	c.changed.Broadcast()
}

// Close ends the connection when what was written before is with the network, or
// after lastWrite.
func (c *combined) Close() error {
	c.mu.Lock()
	c.changed.L = &c.mu
	if c.writing && c.err == nil {
		c.within = -1                                          // no piece gets longer
		_ = c.Conn.SetWriteDeadline(time.Now().Add(lastWrite)) // one that is closed does not write
		for c.writing && c.err == nil {
			c.changed.Wait()
		}
	}
	if c.err == nil {
		c.err = net.ErrClosed
	}
	c.mu.Unlock()
	return c.Conn.Close()
}

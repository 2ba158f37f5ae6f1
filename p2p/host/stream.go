package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Stream is one conversation with a peer. It is a net.Conn: reads and writes
// may happen at once, each by one goroutine at a time.
type Stream struct {
	s    network.Stream
	h    *Host
	peer ID
	left atomic.Int64 // bytes that may still be read; negative: any number
	end  time.Time    // no deadline goes beyond it; zero: none
	stop func() bool  // unties the stream from the host's end
}

var _ net.Conn = (*Stream)(nil)

// Addr is the end of a stream: a peer.
type Addr ID

// Network is "libp2p".
func (Addr) Network() string { return "libp2p" }

// String is the peer ID.
func (a Addr) String() string { return string(a) }

// OpenOptions bounds a stream on the side that opens it.
type OpenOptions struct {
	// MaxBytes may be read; 0 means any number.
	MaxBytes int64
	// Timeout is how long the stream may live; 0 means for ever.
	Timeout time.Duration
}

// Open connects to a peer when needed and begins a protocol, named as for
// Handle. The context bounds the opening only. The caller closes the stream, or
// resets it.
func (h *Host) Open(ctx context.Context, id ID, name string, opts OpenOptions) (*Stream, error) {
	p, err := id.Raw()
	if err != nil {
		return nil, err
	}
	if h.closed.Load() {
		return nil, ErrClosed
	}
	if id == h.id {
		return nil, fmt.Errorf("%w: %s is this node itself", ErrRefused, id)
	}
	s, err := h.lib.NewStream(ctx, p, protocol.ID(h.Protocol(name)))
	if err != nil {
		return nil, explain(id, err, h.private)
	}
	h.n.streamsOpened.Add(1)
	return h.wrap(s, opts.MaxBytes, opts.Timeout)
}

func (h *Host) wrap(s network.Stream, maxBytes int64, timeout time.Duration) (*Stream, error) {
	st := &Stream{s: s, h: h, peer: FromRaw(s.Conn().RemotePeer())}
	st.left.Store(-1)
	if maxBytes > 0 {
		st.left.Store(maxBytes)
	}
	if timeout > 0 {
		st.end = time.Now().Add(timeout)
		if err := s.SetDeadline(st.end); err != nil {
			return nil, fmt.Errorf("bound stream: %w", resetAfter(s, err))
		}
	}
	st.stop = context.AfterFunc(h.ctx, func() { s.Reset() })
	return st, nil
}

func resetAfter(s network.Stream, err error) error {
	if r := s.Reset(); r != nil {
		return fmt.Errorf("%w (%w)", err, r)
	}
	return err
}

// Peer is the one at the other end. Its identity is proven.
func (s *Stream) Peer() ID { return s.peer }

// Read reads what the peer wrote. Above MaxBytes it fails with ErrTooLarge.
func (s *Stream) Read(p []byte) (int, error) {
	left := s.left.Load()
	if left == 0 {
		// Only an end is allowed here.
		var one [1]byte
		if n, err := s.s.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, ErrTooLarge
	}
	if left > 0 && int64(len(p)) > left {
		p = p[:left]
	}
	n, err := s.s.Read(p)
	s.h.n.read.Add(uint64(n))
	if left > 0 {
		s.left.Add(-int64(n))
	}
	return n, err
}

// Write sends to the peer.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.s.Write(p)
	s.h.n.written.Add(uint64(n))
	return n, err
}

// CloseWrite says that nothing more will be written; the peer reads io.EOF.
func (s *Stream) CloseWrite() error { return s.s.CloseWrite() }

// Close ends both directions; what was written still arrives.
func (s *Stream) Close() error {
	s.stop()
	return s.s.Close()
}

// Reset ends both directions at once; the peer sees an error.
func (s *Stream) Reset() error {
	s.stop()
	return s.s.Reset()
}

// LocalAddr is this host's ID.
func (s *Stream) LocalAddr() net.Addr { return Addr(s.h.id) }

// RemoteAddr is the peer's ID.
func (s *Stream) RemoteAddr() net.Addr { return Addr(s.peer) }

// within is the earlier of a deadline and the end of the stream.
func (s *Stream) within(t time.Time) time.Time {
	if !s.end.IsZero() && (t.IsZero() || t.After(s.end)) {
		return s.end
	}
	return t
}

// SetDeadline bounds reads and writes; it cannot go beyond the Timeout that the
// stream began with.
func (s *Stream) SetDeadline(t time.Time) error { return s.s.SetDeadline(s.within(t)) }

// SetReadDeadline is SetDeadline for reads.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.s.SetReadDeadline(s.within(t)) }

// SetWriteDeadline is SetDeadline for writes.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.s.SetWriteDeadline(s.within(t)) }

// Call opens a stream, writes one message, and reads the one that comes back,
// of at most maxBytes. The context bounds all of it.
func (h *Host) Call(ctx context.Context, id ID, name string, msg []byte, maxBytes int64) ([]byte, error) {
	s, err := h.Open(ctx, id, name, OpenOptions{MaxBytes: maxBytes})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	answer, err := s.call(msg)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreachable, name, resetAfter(s.s, err))
	}
	return answer, s.Close()
}

func (s *Stream) call(msg []byte) ([]byte, error) {
	if _, err := s.Write(msg); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	return io.ReadAll(s)
}

package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// network is what a Mux needs of a host.
type network interface {
	ID() host.ID
	// Open connects when needed and begins a stream.
	Open(ctx context.Context, peer host.ID, name string) (net.Conn, error)
	Handle(name string, fn func(ctx context.Context, peer host.ID, c net.Conn) error)
	Unhandle(name string)
	Protect(peer host.ID, reason string)
	Unprotect(peer host.ID, reason string)
}

// onHost is a host as a network.
type onHost struct{ *host.Host }

// limits do not bound streams in time or size: raft's stay for as long as the
// connection does.
var limits = host.Limits{MaxBytes: -1, Timeout: -1, PerPeer: 1 << 12, Total: 1 << 14, Rate: 200, Burst: 2000}

func (o onHost) Open(ctx context.Context, peer host.ID, name string) (net.Conn, error) {
	if !o.Connected(peer) {
		// Connect forgets earlier failures, which would otherwise keep a node that
		// has come back away for minutes.
		if err := o.Connect(ctx, peer); err != nil {
			return nil, err
		}
	}
	s, err := o.Host.Open(ctx, peer, name, host.OpenOptions{})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (o onHost) Handle(name string, fn func(context.Context, host.ID, net.Conn) error) {
	o.Host.Handle(name, limits, func(ctx context.Context, s *host.Stream) error { return fn(ctx, s.Peer(), s) })
}

// Mux leads the streams of a host to the replicas on it.
type Mux struct {
	net network
	log *slog.Logger

	mu     sync.RWMutex
	groups map[string]*Replica
	closed bool
}

// headerTimeout bounds how long the first words of a stream may take.
const headerTimeout = 10 * time.Second

// NewMux serves the protocol raft/1 on a host. log may be nil.
func NewMux(h *host.Host, log *slog.Logger) *Mux { return newMux(onHost{h}, log) }

func newMux(n network, log *slog.Logger) *Mux {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Mux{net: n, log: log, groups: map[string]*Replica{}}
	n.Handle(Protocol, m.serve)
	return m
}

// Close stops serving. Replicas must be closed before.
func (m *Mux) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	if n := len(m.groups); n > 0 {
		return fmt.Errorf("replica: %d replicas are open; close them before the mux", n)
	}
	m.closed = true
	m.net.Unhandle(Protocol)
	return nil
}

// claim takes the name of a group for a replica.
func (m *Mux) claim(r *Replica) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if m.groups[r.cfg.Group] != nil {
		return fmt.Errorf("replica: this node has a copy of group %q open already", r.cfg.Group)
	}
	m.groups[r.cfg.Group] = r
	return nil
}

func (m *Mux) release(r *Replica) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.groups[r.cfg.Group] == r {
		delete(m.groups, r.cfg.Group)
	}
}

// serve is one stream that another node opened. It returns when the stream is
// done with.
func (m *Mux) serve(ctx context.Context, peer host.ID, c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(headerTimeout)); err != nil {
		return err
	}
	h, err := readHeader(c)
	var no *refusal
	if err != nil && !errors.As(err, &no) {
		return err
	}
	var ru *running
	if no == nil {
		ru, no = m.find(peer, h)
	}
	if _, err := c.Write(encodeAnswer(no)); err != nil || no != nil {
		return err
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if h.kind == kindAsk {
		return ru.answer(c)
	}
	return ru.layer.take(ctx, c)
}

// find is the replica that a stream is for, or why there is none.
func (m *Mux) find(peer host.ID, h header) (*running, *refusal) {
	m.mu.RLock()
	r := m.groups[h.group]
	m.mu.RUnlock()
	if r == nil {
		return nil, &refusal{code: answerNoGroup}
	}
	ru, err := r.current()
	if err != nil {
		return nil, &refusal{answerStopped, err.Error()}
	}
	if !r.trusts(ru, peer) {
		r.log.Warn("stream of a peer that is neither a member nor trusted refused", "peer", peer)
		return nil, &refusal{code: answerForbidden}
	}
	if h.to != ru.server && (h.kind == kindRaft || h.to != "") {
		return nil, &refusal{answerOther, ru.server}
	}
	return ru, nil
}

// dial opens a stream to a copy.
func (m *Mux) dial(ctx context.Context, peer host.ID, h header) (net.Conn, error) {
	c, err := m.net.Open(ctx, peer, Protocol)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if end, ok := ctx.Deadline(); ok {
		err = c.SetDeadline(end)
	}
	if err == nil {
		_, err = c.Write(h.encode())
	}
	if err == nil {
		err = readAnswer(c)
	}
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open stream to group %s on %s: %w", h.group, peer, err), abort(c))
	}
	return c, nil
}

// abort ends a connection at once where it can be.
func abort(c net.Conn) error {
	if s, ok := c.(interface{ Reset() error }); ok {
		return s.Reset()
	}
	return c.Close()
}

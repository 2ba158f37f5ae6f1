package host

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Limits bound what peers may ask of one protocol. A field that is 0 takes its
// value of DefaultLimits; a negative MaxBytes, Timeout or Rate means no bound.
type Limits struct {
	MaxBytes int64         // that a handler reads from one stream
	Timeout  time.Duration // of one stream, from its beginning
	PerPeer  int           // streams of one peer at once
	Total    int           // streams at once
	Rate     float64       // new streams per second of one peer
	Burst    int           // new streams at once beyond Rate
}

// DefaultLimits are those of a protocol of short questions and answers.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 1 << 20, Timeout: 30 * time.Second, PerPeer: 16, Total: 256, Rate: 20, Burst: 40}
}

func (l Limits) filled() Limits {
	d := DefaultLimits()
	if l.MaxBytes == 0 {
		l.MaxBytes = d.MaxBytes
	}
	if l.Timeout == 0 {
		l.Timeout = d.Timeout
	}
	if l.PerPeer == 0 {
		l.PerPeer = d.PerPeer
	}
	if l.Total == 0 {
		l.Total = d.Total
	}
	if l.Rate == 0 {
		l.Rate = d.Rate
	}
	if l.Burst == 0 {
		l.Burst = d.Burst
	}
	return l
}

// Handler serves one stream of a protocol. The context ends with the stream's
// Timeout and with the host. When it returns nil the stream is closed, else it
// is reset. An error that wraps ErrMalformed or ErrTooLarge counts against the
// peer.
type Handler func(ctx context.Context, s *Stream) error

// malformedCost is how many strikes a malformed message is.
const malformedCost = 10

// maxGuests bounds the memory of who asked for what.
const maxGuests = 8192

type serving struct {
	mu     sync.Mutex
	total  map[string]int // streams at once, by protocol
	guests map[peer.ID]*guest
}

// guest is what is known of one peer that opens streams.
type guest struct {
	strikes float64
	at      time.Time // when strikes was right
	asked   map[string]*asked
	active  int
}

type asked struct {
	active int
	tokens float64
	at     time.Time
}

func (s *serving) init() {
	s.total = map[string]int{}
	s.guests = map[peer.ID]*guest{}
}

// Handle serves a protocol, named as in Protocol. A second call for the same
// name replaces the first.
func (h *Host) Handle(name string, limits Limits, fn Handler) {
	limits = limits.filled()
	h.lib.SetStreamHandler(protocol.ID(h.Protocol(name)), func(s network.Stream) {
		if !h.enter() {
			s.Reset()
			return
		}
		defer h.wg.Done()
		p := s.Conn().RemotePeer()
		if ok, theirs := h.serve.admit(p, name, limits, time.Now()); !ok {
			h.n.refused.Add(1)
			s.Reset()
			if theirs {
				h.strike(p, 1, name, "asked for more streams than its limit")
			}
			return
		}
		defer h.serve.leave(p, name)
		h.n.active.Add(1)
		defer h.n.active.Add(-1)
		h.n.streamsServed.Add(1)
		h.serveOne(s, name, limits, fn)
	})
}

// Unhandle stops serving a protocol; streams that are open go on.
func (h *Host) Unhandle(name string) {
	h.lib.RemoveStreamHandler(protocol.ID(h.Protocol(name)))
}

func (h *Host) serveOne(raw network.Stream, name string, l Limits, fn Handler) {
	s, err := h.wrap(raw, l.MaxBytes, l.Timeout)
	if err != nil {
		h.log.Debug("stream not served", "protocol", name, "error", err)
		return
	}
	ctx, cancel := h.ctx, context.CancelFunc(func() {})
	if l.Timeout > 0 {
		ctx, cancel = context.WithDeadline(h.ctx, s.end)
	}
	defer cancel()
	err = h.guarded(ctx, s, name, fn)
	if err == nil {
		if err = s.Close(); err != nil {
			s.Reset()
		}
		return
	}
	s.Reset()
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrTooLarge) {
		h.n.malformed.Add(1)
		h.strike(raw.Conn().RemotePeer(), malformedCost, name, err.Error())
	} else if h.ctx.Err() == nil {
		h.log.Debug("stream failed", "peer", s.peer, "protocol", name, "error", err)
	}
}

// guarded runs a handler and turns its panic into an error.
func (h *Host) guarded(ctx context.Context, s *Stream, name string, fn Handler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			h.n.panics.Add(1)
			h.log.Error("a stream handler panicked; the stream was reset", "peer", s.peer, "protocol", name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("handler of %s panicked: %v", name, r)
		}
	}()
	return fn(ctx, s)
}

// strike counts against a peer; one that has too many is disconnected and kept
// out for a while.
func (h *Host) strike(p peer.ID, cost float64, name, why string) {
	if h.serve.strike(p, cost, time.Now()) < float64(h.cfg.Strikes) || !h.serve.forgive(p) {
		return
	}
	h.n.banned.Add(1)
	h.gate.ban(p, time.Now().Add(h.cfg.BanTime))
	h.log.Warn("peer shut out", "peer", FromRaw(p), "protocol", name, "why", why, "for", h.cfg.BanTime)
	if !h.enter() {
		return
	}
	// Not here: closing the connection waits for the handlers of its streams'
	// reads, and this is one of them.
	go func() {
		defer h.wg.Done()
		if err := h.lib.Network().ClosePeer(p); err != nil {
			h.log.Debug("disconnect", "peer", FromRaw(p), "error", err)
		}
	}()
}

// of finds or makes what is known of a peer; nil when too many are known. The
// caller holds s.mu.
func (s *serving) of(p peer.ID, now time.Time) *guest {
	g := s.guests[p]
	if g == nil {
		if len(s.guests) >= maxGuests {
			s.tidy(now)
		}
		if len(s.guests) >= maxGuests {
			return nil
		}
		g = &guest{at: now, asked: map[string]*asked{}}
		s.guests[p] = g
	}
	g.strikes = max(0, g.strikes-now.Sub(g.at).Seconds())
	g.at = now
	return g
}

// tidy forgets peers that hold nothing and owe nothing.
func (s *serving) tidy(now time.Time) {
	for p, g := range s.guests {
		if g.active == 0 && now.Sub(g.at).Seconds() > g.strikes+10 {
			delete(s.guests, p)
		}
	}
}

// admit reports whether a stream may be served and, when not, whether it is the
// peer's own limit that it passed; a host that is busy is nobody's fault.
func (s *serving) admit(p peer.ID, name string, l Limits, now time.Time) (ok, theirs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.of(p, now)
	if g == nil {
		return false, false
	}
	a := g.asked[name]
	if a == nil {
		a = &asked{tokens: float64(l.Burst), at: now}
		g.asked[name] = a
	}
	if l.Rate > 0 {
		a.tokens = min(float64(l.Burst), a.tokens+now.Sub(a.at).Seconds()*l.Rate)
		a.at = now
		if a.tokens < 1 {
			return false, true
		}
	}
	if a.active >= l.PerPeer {
		return false, true
	}
	if s.total[name] >= l.Total {
		return false, false
	}
	a.tokens--
	a.active++
	g.active++
	s.total[name]++
	return true, false
}

func (s *serving) leave(p peer.ID, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total[name]--
	if g := s.guests[p]; g != nil {
		g.active--
		g.asked[name].active--
	}
}

// strike adds to the account of a peer and returns what it has then.
func (s *serving) strike(p peer.ID, cost float64, now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.of(p, now)
	if g == nil {
		return 0
	}
	g.strikes += cost
	return g.strikes
}

// forgive clears the account of a peer; it is false when somebody else just
// did.
func (s *serving) forgive(p peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guests[p]
	if g == nil || g.strikes == 0 {
		return false
	}
	g.strikes = 0
	return true
}

package door

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// settings of a server that tests set otherwise.
type settings struct {
	idleTx     time.Duration // a transaction that is asked nothing is rolled back
	idleStream time.Duration // a stream that is asked nothing is closed
	stall      time.Duration // a peer that takes no bytes is given up
	transfer   time.Duration // a peer that sends no bytes in the middle of something is given up
	txPerPeer  int
}

func defaults() settings {
	return settings{
		idleTx: 30 * time.Second, idleStream: 5 * time.Minute, stall: 2 * time.Minute, transfer: 30 * time.Second,
		txPerPeer: 128,
	}
}

// limits of group/1. Streams are kept and used again, so that few are opened; a
// client of this package stays below them by itself (see maxLines).
var limits = host.Limits{MaxBytes: -1, Timeout: -1, PerPeer: 1024, Total: 8192, Rate: 300, Burst: 3000}

// A request above largeRequest waits for one of largeAtOnce places, so that
// nobody can fill the memory with requests.
const (
	largeRequest = 1 << 20
	largeAtOnce  = 16
)

// Server serves the groups and methods of one node.
type Server struct {
	h      *host.Host
	lookup func(name string) (Group, error)
	log    *slog.Logger
	set    settings
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	large  chan struct{}
	guard  atomic.Pointer[func(host.ID, string) error]

	mu      sync.Mutex
	methods map[string]Method
	txs     map[host.ID]int
	closed  bool
	wg      sync.WaitGroup
}

// Serve serves on a host. lookup finds a group that this node holds or can lead
// on to; it returns an error with a clear text for one it does not know, which is
// op.ErrTimeout when it may know it soon, so that it is asked again. It is called
// for each request and should be fast. A nil logger discards.
func Serve(h *host.Host, lookup func(name string) (Group, error), log *slog.Logger) *Server {
	return serve(h, lookup, log, defaults())
}

func serve(h *host.Host, lookup func(name string) (Group, error), log *slog.Logger, set settings) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		h: h, lookup: lookup, log: log, set: set, large: make(chan struct{}, largeAtOnce),
		methods: map[string]Method{}, txs: map[host.ID]int{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	h.Handle(protocol, limits, s.serve)
	h.Handle(methodProtocol, methodLimits, s.serveMethod)
	return s
}

// Guard makes the server ask fn whether a peer may use a group. What it returns
// is told to the peer. Who leads a group, and how it is, everybody may ask.
func (s *Server) Guard(fn func(peer host.ID, group string) error) { s.guard.Store(&fn) }

// find finds a group for a request of a peer.
func (s *Server) find(peer host.ID, q *request) (Group, error) {
	if fn := s.guard.Load(); fn != nil && q.verb != verbLeader && q.verb != verbInfo {
		if err := (*fn)(peer, q.group); err != nil {
			return nil, err
		}
	}
	return s.lookup(q.group)
}

// Close stops serving, ends what is under way, rolls back open transactions and
// waits for all of it. The host stays open. Closing twice is safe.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		s.h.Unhandle(protocol)
		s.h.Unhandle(methodProtocol)
		s.cancel()
	}
	s.wg.Wait()
	return nil
}

// enter counts a stream that Close waits for; it is false after Close.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// serve serves one stream of requests.
func (s *Server) serve(ctx context.Context, st *host.Stream) error {
	if !s.enter() {
		return io.ErrClosedPipe // the stream is reset: the peer asks another node
	}
	defer s.wg.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, func() { _ = st.Reset() })()
	x := newSession(s, st, cancel)
	defer x.end()
	return x.run(ctx)
}

// holdTx counts a transaction of a peer; false when it has too many.
func (s *Server) holdTx(peer host.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.txs[peer] >= s.set.txPerPeer {
		return false
	}
	s.txs[peer]++
	return true
}

func (s *Server) freeTx(peer host.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.txs[peer]--; s.txs[peer] == 0 {
		delete(s.txs, peer)
	}
}

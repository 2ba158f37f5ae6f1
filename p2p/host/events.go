package host

import (
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Event says that the first connection to a peer came about, or that the last
// one ended.
type Event struct {
	Peer      ID
	Connected bool
}

// Watch is one reader of events.
type Watch struct {
	// C carries the events in order. It is closed by Stop and by Close of the
	// host.
	C <-chan Event

	h      *Host
	c      chan Event
	missed atomic.Uint64
}

// watchBuffer is how many events a reader may be behind.
const watchBuffer = 256

type watching struct {
	mu    sync.Mutex
	conns map[peer.ID]int
	all   map[*Watch]bool
	done  bool
}

func (w *watching) init() {
	w.conns = map[peer.ID]int{}
	w.all = map[*Watch]bool{}
}

// Watch begins to read events. Whoever falls more than 256 behind misses some
// (Missed counts them) and should look at Peers.
func (h *Host) Watch() *Watch {
	c := make(chan Event, watchBuffer)
	w := &Watch{C: c, c: c, h: h}
	h.watch.mu.Lock()
	defer h.watch.mu.Unlock()
	if h.watch.done {
		close(c)
	} else {
		h.watch.all[w] = true
	}
	return w
}

// Missed is how many events did not fit.
func (w *Watch) Missed() uint64 { return w.missed.Load() }

// Stop ends the reading. It may be called more than once.
func (w *Watch) Stop() {
	ws := &w.h.watch
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all[w] {
		delete(ws.all, w)
		close(w.c)
	}
}

func (w *watching) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	for r := range w.all {
		close(r.c)
	}
	clear(w.all)
}

// emit tells all readers; the caller holds w.mu.
func (w *watching) emit(e Event) {
	for r := range w.all {
		select {
		case r.c <- e:
		default:
			r.missed.Add(1)
		}
	}
}

func (h *Host) connected(_ network.Network, c network.Conn) {
	h.n.opened.Add(1)
	p := c.RemotePeer()
	w := &h.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[p]++
	if w.conns[p] == 1 {
		w.emit(Event{Peer: FromRaw(p), Connected: true})
	}
}

func (h *Host) disconnected(_ network.Network, c network.Conn) {
	h.n.closed.Add(1)
	p := c.RemotePeer()
	w := &h.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[p]--
	if w.conns[p] <= 0 {
		delete(w.conns, p)
		w.emit(Event{Peer: FromRaw(p), Connected: false})
	}
}

// Counters are numbers of a host since it was made, but for those said to be of
// now.
type Counters struct {
	Peers       int // of now
	Connections int // of now
	Opened      uint64
	Closed      uint64
	Dials       uint64 // Connect that succeeded
	DialsFailed uint64
	// ConnectionsRefused counts those of peers that are not allowed.
	ConnectionsRefused uint64
	// Strangers counts connections that do not belong to this network: another
	// network key, or no node at all.
	Strangers     uint64
	StreamsOpened uint64 // by Open
	StreamsServed uint64 // by handlers
	StreamsActive int    // of now, in handlers
	// StreamsRefused counts those above a limit.
	StreamsRefused uint64
	Malformed      uint64
	Panics         uint64 // of handlers
	Banned         uint64
	BytesRead      uint64 // of streams, without those of the libraries
	BytesWritten   uint64
}

type counts struct {
	opened, closed, dials, dialsFailed                       atomic.Uint64
	streamsOpened, streamsServed, refused, malformed, panics atomic.Uint64
	banned, read, written                                    atomic.Uint64
	active                                                   atomic.Int64
}

// Counters reads all numbers; they are not of one instant.
func (h *Host) Counters() Counters {
	n := &h.n
	return Counters{
		Peers: len(h.lib.Network().Peers()), Connections: len(h.lib.Network().Conns()),
		Opened: n.opened.Load(), Closed: n.closed.Load(), Dials: n.dials.Load(), DialsFailed: n.dialsFailed.Load(),
		ConnectionsRefused: h.gate.refused.Load(), Strangers: h.door.n.Load(),
		StreamsOpened: n.streamsOpened.Load(), StreamsServed: n.streamsServed.Load(), StreamsActive: int(n.active.Load()),
		StreamsRefused: n.refused.Load(), Malformed: n.malformed.Load(), Panics: n.panics.Load(), Banned: n.banned.Load(),
		BytesRead: n.read.Load(), BytesWritten: n.written.Load(),
	}
}

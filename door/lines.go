package door

import (
	"bufio"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// What one host opens to one peer. It stays below what a server allows (see
// limits), so that a busy node is never taken for one that floods.
const (
	maxLines  = 512              // streams at once
	lineRate  = 150              // new streams per second,
	lineBurst = 1500             // and at once beyond that
	lineKeep  = 30 * time.Second // how long a stream that is not used is kept
	lineOpen  = 3 * time.Second  // to connect, and to open a stream
)

// line is a stream of requests, used by one caller at a time.
type line struct {
	st     *host.Stream
	r      *bufio.Reader
	w      *bufio.Writer
	in     *noting
	peer   host.ID
	reused bool // it was used before: the other end may have gone since
	idle   time.Time
}

// noting remembers that a stream failed, so that an error of what was read can
// be told from one of the reading, and counts what came.
type noting struct {
	st   *host.Stream
	err  error
	came atomic.Int64 // bytes
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.st.Read(p)
	n.came.Add(int64(k))
	if err != nil {
		n.err = err
	}
	return k, err
}

// lines are the streams of one host, shared by all groups that are reached over
// it: peers count what a host opens, whatever for.
type lines struct {
	h    *host.Host
	refs int // under registry.mu

	mu    sync.Mutex
	peers map[host.ID]*peerLines
	prune *time.Timer
	ended bool
}

type peerLines struct {
	slots  chan struct{} // one for each stream that is in use
	idle   []*line       // the last used at the end
	tokens float64
	at     time.Time
}

// registry has the lines of each host. It is the one place where Remotes that
// do not know of each other meet.
var registry = struct {
	mu sync.Mutex
	by map[*host.Host]*lines
}{by: map[*host.Host]*lines{}}

// linesOf are the lines of a host, until release.
func linesOf(h *host.Host) *lines {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	l := registry.by[h]
	if l == nil {
		l = &lines{h: h, peers: map[host.ID]*peerLines{}}
		registry.by[h] = l
	}
	l.refs++
	return l
}

func (l *lines) release() {
	registry.mu.Lock()
	l.refs--
	last := l.refs == 0
	if last {
		delete(registry.by, l.h)
	}
	registry.mu.Unlock()
	if !last {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.prune != nil {
		l.prune.Stop()
	}
	for _, p := range l.peers {
		for _, x := range p.idle {
			_ = x.st.Reset() // nothing is under way on it
		}
		p.idle = nil
	}
}

func (l *lines) of(peer host.ID) *peerLines {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[peer]
	if p == nil {
		p = &peerLines{slots: make(chan struct{}, maxLines), tokens: lineBurst, at: time.Now()}
		l.peers[peer] = p
	}
	return p
}

// get gives a line to a peer: one that was used before, when there is one and
// fresh is false. It waits where too many are in use.
func (l *lines) get(ctx context.Context, peer host.ID, fresh bool) (*line, error) {
	p := l.of(peer)
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !fresh {
		if x := l.take(p); x != nil {
			return x, nil
		}
	}
	x, err := l.open(ctx, p, peer)
	if err != nil {
		<-p.slots
	}
	return x, err
}

func (l *lines) take(p *peerLines) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	x := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	x.reused = true
	return x
}

func (l *lines) open(ctx context.Context, p *peerLines, peer host.ID) (*line, error) {
	if err := l.ration(ctx, p); err != nil {
		return nil, err
	}
	return l.extra(ctx, peer)
}

// extra opens a line that is not counted, for a question that must not wait.
// Whoever opened it closes it.
func (l *lines) extra(ctx context.Context, peer host.ID) (*line, error) {
	open, cancel := context.WithTimeout(ctx, lineOpen)
	defer cancel()
	if !l.h.Connected(peer) {
		if err := l.h.Connect(open, peer); err != nil {
			return nil, err
		}
	}
	st, err := l.h.Open(open, peer, protocol, host.OpenOptions{})
	if err != nil {
		return nil, err
	}
	in := &noting{st: st}
	return &line{st: st, in: in, r: bufio.NewReaderSize(in, 16<<10), w: bufio.NewWriterSize(st, 16<<10), peer: peer}, nil
}

// ration waits until a new stream fits the rate.
func (l *lines) ration(ctx context.Context, p *peerLines) error {
	l.mu.Lock()
	now := time.Now()
	p.tokens = min(lineBurst, p.tokens+now.Sub(p.at).Seconds()*lineRate)
	p.at = now
	p.tokens-- // below zero: those before this one wait too
	wait := time.Duration(-p.tokens / lineRate * float64(time.Second))
	l.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// put gives back a line on which nothing is under way.
func (l *lines) put(x *line) {
	p := l.of(x.peer)
	l.mu.Lock()
	if l.ended || x.in.err != nil || x.r.Buffered() > 0 {
		l.mu.Unlock()
		l.drop(x)
		return
	}
	x.idle = time.Now()
	p.idle = append(p.idle, x)
	if l.prune == nil {
		l.prune = time.AfterFunc(lineKeep, l.tidy)
	}
	l.mu.Unlock()
	<-p.slots
}

// drop ends a line on which something went wrong or is still under way.
func (l *lines) drop(x *line) {
	_ = x.st.Reset() // whatever it says, the line is gone
	<-l.of(x.peer).slots
}

// forget drops the lines to a peer that are not in use: one that was, failed.
func (l *lines) forget(peer host.ID) {
	p := l.of(peer)
	l.mu.Lock()
	idle := p.idle
	p.idle = nil
	l.mu.Unlock()
	for _, x := range idle {
		_ = x.st.Reset() // nothing is under way on it
	}
}

// tidy closes lines that were not used for long.
func (l *lines) tidy() {
	l.mu.Lock()
	var old []*line
	left := false
	for _, p := range l.peers {
		n := 0
		for n < len(p.idle) && time.Since(p.idle[n].idle) >= lineKeep {
			n++
		}
		old = append(old, p.idle[:n]...)
		p.idle = append([]*line(nil), p.idle[n:]...)
		left = left || len(p.idle) > 0
	}
	l.prune = nil
	if left && !l.ended {
		l.prune = time.AfterFunc(lineKeep, l.tidy)
	}
	l.mu.Unlock()
	for _, x := range old {
		if err := x.st.Close(); err != nil {
			_ = x.st.Reset() // it is gone either way
		}
	}
}

package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/weftdb/weft/gateway/rqlite"
	"github.com/weftdb/weft/op"
)

// Limits bound what clients can make a gateway hold. Zero values are the
// defaults.
type Limits struct {
	Header      int           // bytes of a request's header; 64 KiB
	Body        int64         // bytes of a body, but for what is loaded; 16 MiB
	Load        int64         // bytes of a SQLite file that is loaded; no limit
	Requests    int           // for data, at one time; 256
	Connections int           // at one time; 1024. A quarter for one address that is not this machine
	HeaderTime  time.Duration // to send a header; 10 s
	IdleTime    time.Duration // between requests; 2 min
	// StallTime is how long a client may take to send or take the next piece of a
	// body; 30 s. BodyTime is for a whole body that is not loaded; 2 min.
	StallTime, BodyTime time.Duration
	// CloseTime is how long Close waits for requests that it has cancelled; 5 s.
	CloseTime time.Duration
}

func (l *Limits) fill() error {
	set(&l.Header, 64<<10)
	set(&l.Body, 16<<20)
	set(&l.Requests, 256)
	set(&l.Connections, 1024)
	set(&l.HeaderTime, 10*time.Second)
	set(&l.IdleTime, 2*time.Minute)
	set(&l.StallTime, 30*time.Second)
	set(&l.BodyTime, 2*time.Minute)
	set(&l.CloseTime, 5*time.Second)
	if l.Header < 0 || l.Body < 0 || l.Load < 0 || l.Requests < 0 || l.Connections < 0 || l.HeaderTime < 0 ||
		l.IdleTime < 0 || l.StallTime < 0 || l.BodyTime < 0 || l.CloseTime < 0 {
		return op.Errorf(op.CodeValidation, "a limit of the gateway is below 0: leave it out for its default")
	}
	return nil
}

func set[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// slot takes one of the places for requests, without waiting.
func (g *Gateway) slot() (release func(), ok bool) {
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots }, true
	default:
		return nil, false
	}
}

// outer counts requests, bounds the time of their bodies, and turns panics into
// errors.
func (g *Gateway) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !g.enter() {
			rqlite.BreakOff(rw) // the gateway is closed, and so is the connection
			return
		}
		defer g.working.Done()
		start := time.Now()
		w := &writer{ResponseWriter: rw, control: http.NewResponseController(rw), stall: g.cfg.Limits.StallTime}
		body := &reader{ReadCloser: r.Body, control: w.control, stall: w.stall, end: g.bodyEnd(r, start)}
		if r.Body != http.NoBody {
			r.Body = body
		}
		_ = w.control.SetWriteDeadline(time.Time{}) // that of the request before
		done := g.n.begin(r.URL.Path)
		defer func() {
			p := recover()
			// What is left of the answer is sent, and what is left of the body read,
			// when this function has returned.
			_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
			if r.Body == body && !body.ended {
				_ = w.control.SetReadDeadline(time.Now().Add(w.stall))
			}
			if p != nil {
				g.n.panics.Add(1)
				g.log.Error("panic in a request", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				if w.status == 0 {
					fail(w, http.StatusInternalServerError, op.CodeInternal, "an error inside the node; its log says more")
				} else {
					rqlite.BreakOff(w) // the answer cannot be completed: the client must see that
				}
			}
			done(w.status, time.Since(start))
		}()
		next.ServeHTTP(w, r)
	})
}

// enter begins a request, unless the gateway is closed.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return false
	}
	g.working.Add(1)
	return true
}

// bodyEnd is when a body must have come in, zero for what may take long.
func (g *Gateway) bodyEnd(r *http.Request, start time.Time) time.Time {
	if _, _, path, err := namespaceOf(r.URL.Path); err == nil && path == "/db/load" {
		return time.Time{}
	}
	return start.Add(g.cfg.Limits.BodyTime)
}

// reader gives the client so long for each piece.
type reader struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	end     time.Time
	ended   bool
}

func (r *reader) Read(b []byte) (int, error) {
	until := time.Now().Add(r.stall)
	if !r.end.IsZero() && r.end.Before(until) {
		until = r.end
	}
	_ = r.control.SetReadDeadline(until) // a connection that cannot is a test's
	n, err := r.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		r.ended = true
		// While the request runs the server reads on, to see the client go.
		_ = r.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// writer gives the client so long for each piece, and knows what was said.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	status  int
}

func (w *writer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// listener bounds the connections that are open at one time. Beyond the bound
// new ones wait; of one address that is not this machine more than a quarter are
// closed at once, so that it cannot take all.
type listener struct {
	net.Listener
	places chan struct{}
	each   int
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.Mutex
	from map[netip.Addr]int
}

func newListener(ln net.Listener, most int) *listener {
	ctx, cancel := context.WithCancel(context.Background())
	return &listener{Listener: ln, places: make(chan struct{}, most), each: max(most/4, 1), ctx: ctx, cancel: cancel, from: map[netip.Addr]int{}}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.places
			return nil, err
		}
		addr := remote(c)
		if !l.enter(addr) {
			_ = c.Close()
			continue
		}
		return &conn{Conn: c, leave: sync.OnceFunc(func() { l.left(addr); <-l.places })}, nil
	}
}

func (l *listener) Close() error {
	l.cancel()
	return l.Listener.Close()
}

func (l *listener) enter(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[a] >= l.each && !a.IsLoopback() {
		return false
	}
	l.from[a]++
	return true
}

func (l *listener) left(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[a]--; l.from[a] <= 0 {
		delete(l.from, a)
	}
}

func remote(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

type conn struct {
	net.Conn
	leave func()
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}

// Package gateway is a node's HTTP listener: health, metrics, and the doors for
// programs in other languages, each in a package below. What it serves is handed
// in; it holds no data of its own.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/gateway/rqlite"
	"github.com/weftdb/weft/op"
)

// Config says what a gateway serves, and to whom.
type Config struct {
	// Listen is host:port; port 0 takes a free one.
	Listen string
	// OpenLoopback opens the namespace "default" to programs on this machine.
	// Without it nobody reaches data over HTTP.
	OpenLoopback bool
	// Group finds the group of a namespace. Its errors carry a code: NOT_FOUND
	// for a namespace that there is not.
	Group func(namespace string) (door.Group, error)
	// Checks are what /readyz asks, in this order.
	Checks []Check
	// Registry has what /metrics shows; nil is one with the Go runtime's and the
	// process's numbers. The gateway adds its own.
	Registry *prometheus.Registry
	// Rqlite is handed to its interface. Addr and Log are filled in.
	Rqlite rqlite.Options
	Limits Limits
	Log    *slog.Logger // nil logs nothing
}

// Gateway is the listener. Its methods are safe for concurrent use.
type Gateway struct {
	cfg    Config
	log    *slog.Logger
	rqlite *rqlite.Handler
	server *http.Server
	n      *numbers
	slots  chan struct{}

	mu      sync.Mutex
	ln      *listener
	served  chan struct{} // closed when the server has ended
	closed  bool
	ended   bool               // no request may begin any more
	cancel  context.CancelFunc // of all requests
	working sync.WaitGroup     // requests
}

// New makes a gateway, which listens after Start.
func New(cfg Config) (*Gateway, error) {
	if _, _, err := net.SplitHostPort(cfg.Listen); err != nil {
		return nil, op.Errorf(op.CodeValidation, "gateway.listen is %q: host:port is needed, such as 127.0.0.1:8420", cfg.Listen)
	}
	if cfg.Group == nil {
		cfg.Group = func(ns string) (door.Group, error) {
			return nil, op.Errorf(op.CodeNotFound, "there is no namespace %q on this node", ns)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := cfg.Limits.fill(); err != nil {
		return nil, err
	}
	if cfg.Registry == nil {
		cfg.Registry = NewRegistry()
	}
	g := &Gateway{cfg: cfg, log: cfg.Log, n: newNumbers(), slots: make(chan struct{}, cfg.Limits.Requests)}
	if err := cfg.Registry.Register(g.n); err != nil {
		return nil, fmt.Errorf("register the gateway's metrics: %w", err)
	}
	o := cfg.Rqlite
	o.Log = cfg.Log
	o.Addr = func() string {
		if a := g.Addr(); a != nil {
			return a.String()
		}
		return ""
	}
	o.Body, o.Load = cfg.Limits.Body, cfg.Limits.Load
	g.rqlite = rqlite.New(o)
	return g, nil
}

// Start listens and serves until Close.
func (g *Gateway) Start() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.ln != nil {
		return op.Errorf(op.CodeValidation, "the gateway was started or closed already")
	}
	ln, err := net.Listen("tcp", g.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for HTTP at gateway.listen %s: %w", g.cfg.Listen, err)
	}
	base, cancel := context.WithCancel(context.Background())
	g.ln = newListener(ln, g.cfg.Limits.Connections)
	g.cancel = cancel
	g.served = make(chan struct{})
	g.server = &http.Server{
		Handler:           g.handler(),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: g.cfg.Limits.HeaderTime,
		IdleTimeout:       g.cfg.Limits.IdleTime,
		MaxHeaderBytes:    g.cfg.Limits.Header,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(g.served)
		if err := g.server.Serve(g.ln); !errors.Is(err, http.ErrServerClosed) {
			g.log.Error("the gateway stopped", "addr", g.cfg.Listen, "err", err)
		}
	}()
	g.log.Info("gateway listens", "addr", ln.Addr().String(), "open_loopback", g.cfg.OpenLoopback)
	if g.cfg.OpenLoopback && !loopbackAddr(ln.Addr().String()) {
		g.log.Warn("the gateway listens beyond this machine; open_loopback opens data to programs on this machine only", "addr", ln.Addr().String())
	}
	return nil
}

// Addr is where the gateway listens, nil before Start.
func (g *Gateway) Addr() net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ln == nil {
		return nil
	}
	return g.ln.Addr()
}

// Close stops listening, waits for the requests under way within the context,
// and ends those that are left. Closing again does nothing.
func (g *Gateway) Close(ctx context.Context) error {
	g.mu.Lock()
	if g.closed || g.ln == nil {
		g.closed = true
		g.mu.Unlock()
		return nil
	}
	g.closed = true
	g.mu.Unlock()
	err := g.server.Shutdown(ctx)
	g.cancel()
	if err != nil {
		_ = g.server.Close() // what is left is broken off
	}
	<-g.served
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	idle := make(chan struct{})
	go func() { g.working.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(g.cfg.Limits.CloseTime):
		return errors.Join(err, op.Errorf(op.CodeTimeout, "requests on the gateway did not end %s after they were cancelled", g.cfg.Limits.CloseTime))
	}
	if err != nil {
		return fmt.Errorf("close the gateway: requests were broken off: %w", err)
	}
	return nil
}

// handler is the whole of what is served.
func (g *Gateway) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", g.healthz)
	mux.HandleFunc("GET /readyz", g.readyz)
	mux.Handle("GET /metrics", g.metrics())
	mux.HandleFunc("/", g.data)
	return g.outer(mux)
}

// data leads a request on to the interface that its path belongs to, when it is
// allowed.
func (g *Gateway) data(w http.ResponseWriter, r *http.Request) {
	ns, base, path, err := namespaceOf(r.URL.Path)
	if err != nil {
		Fail(w, err)
		return
	}
	if path == "/" && base == "" {
		http.Redirect(w, r, "/status", http.StatusFound)
		return
	}
	if !rqlite.Serves(path) {
		Fail(w, op.Errorf(op.CodeNotFound, "there is nothing at %s", r.URL.Path))
		return
	}
	if err := g.allow(r, ns); err != nil {
		if op.CodeOf(err) == op.CodeUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="weft"`)
		}
		Fail(w, err)
		return
	}
	release, ok := g.slot()
	if !ok {
		w.Header().Set("Retry-After", "1")
		Fail(w, op.Errorf(op.CodeRateLimit, "%d requests are under way already: try again, or on another node", g.cfg.Limits.Requests))
		return
	}
	defer release()
	group, err := g.cfg.Group(ns)
	if err != nil {
		Fail(w, err)
		return
	}
	g.rqlite.Serve(w, r, group, ns, base, path)
}

// namespaceOf takes a path apart: /ns/{namespace}/… is that namespace's, all
// else that of default.
func namespaceOf(path string) (ns, base, rest string, err error) {
	after, ok := strings.CutPrefix(path, "/ns/")
	if !ok {
		return Default, "", path, nil
	}
	ns, rest, ok = strings.Cut(after, "/")
	if !ok || ns == "" {
		return "", "", "", op.Errorf(op.CodeNotFound, "%s names no namespace and path: /ns/{namespace}/db/query is the form", path)
	}
	return ns, "/ns/" + ns, "/" + rest, nil
}

// Default is the namespace of paths that name none.
const Default = "default"

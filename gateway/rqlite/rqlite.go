// Package rqlite is the HTTP interface of rqlite, so that its clients work on a
// group. Answers have the form of rqlite 8; where they differ on purpose,
// docs/http-rqlite.md says so.
//
// Two things are left out because they cannot be needed: no node ever redirects,
// for any of them leads a request on to where it belongs, and nothing is
// rewritten in SQL, for time and randomness are the same on all nodes anyway.
package rqlite

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/door"
)

// Version is the version of rqlite whose interface this is. It is sent as
// X-RQLITE-VERSION, which some clients read.
const Version = "v8.36.0"

// Node is one node as clients may use it.
type Node struct {
	ID        string // as in door.Member.Server, or the peer ID of a node without a copy
	Addr      string // peer ID
	API       string // URL of its gateway, "" when it is not known
	Voter     bool
	Leader    bool
	Reachable bool
	Error     string        // why it is not
	Elapsed   time.Duration // to find that out
}

// Options say what a Handler is to know.
type Options struct {
	// Self is this node's peer ID.
	Self string
	// Nodes are those that clients of a namespace may ask, this one among them;
	// nil makes the list of the group's members, of which only this node's
	// address is known.
	Nodes func(ctx context.Context, namespace string) ([]Node, error)
	// Build goes into /status.
	Build map[string]string
	// Addr is the address of the listener, for /status; nil is unknown.
	Addr func() string
	// Body bounds the bytes of a request's body, but for what is loaded; 0 is
	// 16 MiB. Load bounds what is loaded, a SQLite file; 0 is no bound. A dump is
	// bound to Dump, 0 is 64 MiB: it is held in memory.
	Body, Load, Dump int64
	Log              *slog.Logger // nil logs nothing
}

// Handler answers the requests of the interface. It is safe for concurrent use.
type Handler struct {
	o       Options
	log     *slog.Logger
	started time.Time
	queued  atomic.Int64 // sequence numbers of queued writes
	backup  atomic.Int64 // unix time in ms of the last one
}

// New makes a Handler.
func New(o Options) *Handler {
	if o.Body == 0 {
		o.Body = 16 << 20
	}
	if o.Dump == 0 {
		o.Dump = 64 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{o: o, log: o.Log, started: time.Now()}
	h.queued.Store(h.started.UnixMilli())
	return h
}

// call is one request under way.
type call struct {
	http.ResponseWriter
	r         *http.Request
	p         params
	g         door.Group
	namespace string
	base      string // what stands before the interface's own paths, "" or /ns/name
}

type endpoint struct {
	methods string
	serve   func(h *Handler, c *call)
}

var endpoints = map[string]endpoint{
	"/db/execute": {"POST", (*Handler).execute},
	"/db/query":   {"GET POST", (*Handler).query},
	"/db/request": {"POST", (*Handler).request},
	"/db/backup":  {"GET", (*Handler).saveBackup},
	"/db/load":    {"POST", (*Handler).load},
	"/status":     {"GET", (*Handler).status},
	"/nodes":      {"GET", (*Handler).nodes},
	"/leader":     {"GET", (*Handler).leader},
	"/readyz":     {"GET", (*Handler).readyz},
}

// Serves reports whether a path is one of the interface. /readyz is, which a
// node may answer itself.
func Serves(path string) bool {
	_, ok := endpoints[clean(path)]
	return ok
}

func clean(path string) string { return strings.TrimRight(path, "/") }

// Serve answers one request for a group. path is what follows the namespace's
// prefix in the URL, and base is that prefix. Whether the client may ask was
// decided before.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, g door.Group, namespace, base, path string) {
	w.Header().Set("X-RQLITE-VERSION", Version)
	e, ok := endpoints[clean(path)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	allow := strings.ReplaceAll(e.methods, " ", ", ") + ", OPTIONS"
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allow)
		return
	}
	p, err := readParams(r.URL.RawQuery)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if !strings.Contains(e.methods, method) {
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	e.serve(h, &call{ResponseWriter: w, r: r, p: p, g: g, namespace: namespace, base: base})
}

// refuse answers a request that could not be read.
func (c *call) refuse(err error) {
	status := http.StatusBadRequest
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		status = http.StatusRequestEntityTooLarge
	}
	http.Error(c, err.Error(), status)
}

// body bounds the body.
func (c *call) body(limit int64) io.Reader {
	if limit <= 0 {
		return c.r.Body
	}
	return http.MaxBytesReader(c.ResponseWriter, c.r.Body, limit)
}

// message is the text of an error as a client sees it: where SQLite refused the
// statement, its own words, for programs look for them.
func message(err error) string {
	if text, ok := ofSQLite(err); ok {
		return text
	}
	return err.Error()
}

// ofSQLite finds the words of SQLite in what an error came from, also when it
// came from another node: "sqlite: UNIQUE constraint failed: t.a (2067)".
func ofSQLite(err error) (string, bool) {
	if m := sqliteError.FindStringSubmatch(err.Error()); m != nil {
		// Where it is not the statement that is wrong, but the disk, a lock or the
		// file, what stands around it says more.
		code, _ := strconv.Atoi(m[2])
		return m[1], slices.Contains([]int{1, 18, 19, 20, 25}, code&0xff)
	}
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		if c := w.Unwrap(); c != nil {
			return ofSQLite(c)
		}
	case interface{ Unwrap() []error }:
		for _, c := range w.Unwrap() {
			if text, ok := ofSQLite(c); ok {
				return text, true
			}
		}
	}
	return "", false
}

var sqliteError = regexp.MustCompile(`(?s)^sqlite: (.*) \((\d+)\)$`)

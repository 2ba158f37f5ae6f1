//go:build cgo

// Package conn is connections to SQLite as rqlite links it (cgo). They are
// sessions of package sqlengine, with Weft's functions, a strict authorizer for
// SQL that somebody else wrote, and a clock and randomness that come from
// outside, so that every replica of a group computes the same.
//
// rqlite's SQLite and modernc's must not open one file in one process: each
// would release the other's locks. So whatever reads a group's file does it
// through this package.
//
// The package changes the SQLite of the whole process: every connection of it,
// whoever opens it, has Weft's functions, and local time is UTC there.
package conn

/*
#cgo CFLAGS: -std=gnu11 -O2
#cgo noescape weft_batch
#cgo noescape weft_exec
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	_ "github.com/rqlite/go-sqlite3" // the SQLite that rqlite links

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// Options say how a connection is opened.
type Options struct {
	ReadOnly bool
	Busy     time.Duration // how long to wait for a lock; 0 is 5 s
}

// Conn is one connection. It is used by one goroutine at a time, but for
// Interrupt. It is a [sqlengine.Session].
//
// A context that ends ends the statement that runs, but for the commit of the
// outermost transaction. On a connection that is borrowed, contexts and
// Interrupt do nothing: replicas would differ.
type Conn struct {
	p        *C.weft_conn
	id       uintptr // in conns, for callbacks
	path     string
	readOnly bool
	borrowed bool

	// ctx is that of the call in progress. The callbacks run on the goroutine
	// that makes the call.
	ctx  context.Context
	busy time.Duration
	// busySince is when it began to wait for the lock that it waits for.
	busySince time.Time

	stmts  lite.Kept[*sqlengine.Statement, *stmt]
	others lite.Kept[string, *foreignStmt]
	depth  int // of transactions and savepoints
	open   []*cursor
	check  *check // of the statement that is being prepared

	mu     sync.Mutex // of closed, for Interrupt
	closed bool
}

var (
	_ sqlengine.Session = (*Conn)(nil)
	_ lite.Asker        = (*Conn)(nil)
)

// conns finds a connection by the number that callbacks are given: pointers of
// Go must not be kept in C memory.
var conns struct {
	sync.RWMutex
	m    map[uintptr]*Conn
	next uintptr
}

func (c *Conn) register() {
	conns.Lock()
	defer conns.Unlock()
	if conns.m == nil {
		conns.m = map[uintptr]*Conn{}
	}
	conns.next++
	c.id = conns.next
	conns.m[c.id] = c
}

func (c *Conn) unregister() {
	conns.Lock()
	defer conns.Unlock()
	delete(conns.m, c.id)
}

func registered(id C.uintptr_t) *Conn {
	conns.RLock()
	defer conns.RUnlock()
	return conns.m[uintptr(id)]
}

var (
	setupOnce sync.Once
	errSetup  error
)

// Setup prepares the SQLite of the process. It must be called before rqlite
// opens a database; Open and OnApply call it.
func Setup() error {
	setupOnce.Do(func() {
		if rc := C.weft_setup(); rc != 0 {
			errSetup = op.Errorf(op.CodeInternal, "SQLite cannot be set up: %s (%d)", C.GoString(C.sqlite3_errstr(rc)), int(rc))
		}
	})
	return errSetup
}

const (
	openReadOnly  = 0x1
	openReadWrite = 0x2
	openNoMutex   = 0x8000
)

// Open opens a file that exists.
func Open(path string, o Options) (*Conn, error) {
	if err := Setup(); err != nil {
		return nil, err
	}
	if o.Busy <= 0 {
		o.Busy = 5 * time.Second
	}
	if _, err := os.Stat(path); err != nil {
		return nil, op.Errorf(op.CodeDatabase, "open a database: %w", err)
	}
	c := &Conn{path: path, readOnly: o.ReadOnly, busy: o.Busy, ctx: context.Background()}
	flags := openReadWrite | openNoMutex
	if o.ReadOnly {
		flags = openReadOnly | openNoMutex
	}
	c.register()
	if err := c.connect(path, flags); err != nil {
		c.unregister()
		return nil, err
	}
	if err := c.settings(); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// connect opens the handle.
func (c *Conn) connect(path string, flags int) error {
	z := C.CString(path)
	defer C.free(unsafe.Pointer(z))
	const room = 1024
	msg := (*C.char)(C.calloc(1, room))
	defer C.free(unsafe.Pointer(msg))
	if rc := C.weft_open(z, C.int(flags), C.uintptr_t(c.id), &c.p, msg, room); rc != 0 {
		return c.explain(&lite.Error{Code: int(rc), Message: C.GoString(msg)})
	}
	return nil
}

// settings sets what a new connection needs.
func (c *Conn) settings() error {
	ctx := context.Background()
	texts := []string{"PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -8000"}
	if c.readOnly {
		texts = append(texts, "PRAGMA query_only = ON")
	}
	for _, text := range texts {
		if _, err := c.Ask(ctx, text); err != nil {
			return err
		}
	}
	return c.checkEncoding(ctx)
}

// checkEncoding refuses what this package would read wrongly.
func (c *Conn) checkEncoding(ctx context.Context) error {
	rows, err := c.Ask(ctx, "PRAGMA encoding")
	if err != nil {
		return err
	}
	if name := strings.ReplaceAll(rows[0][0].Bytes(), "\x00", ""); name != "UTF-8" { // it says so in that encoding
		return op.Errorf(op.CodeDatabase, "%s keeps its text as %s: write it anew as UTF-8 (sqlite3 OLD .dump | sqlite3 NEW)", c.path, name)
	}
	return nil
}

// Path is the file.
func (c *Conn) Path() string { return c.path }

// Close frees the connection. What is not committed is dropped. A second Close
// does nothing.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.borrowed {
		return nil
	}
	c.closed = true
	c.finalizeAll()
	db := c.p.db
	rc := C.sqlite3_close_v2(db)
	c.p = nil
	c.unregister()
	if rc != 0 {
		return c.explain(&lite.Error{Code: int(rc), Message: "close"})
	}
	return nil
}

// Interrupt ends the statement that runs, from another goroutine; it fails with
// the context's error or, without one, CANCELLED. When none runs it does
// nothing.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.p == nil || c.borrowed {
		return
	}
	atomic.StoreInt32((*int32)(unsafe.Pointer(&c.p.stop)), 1)
}

func (c *Conn) stopped() bool { return atomic.LoadInt32((*int32)(unsafe.Pointer(&c.p.stop))) != 0 }

// enter prepares for calls of SQLite under a context.
func (c *Conn) enter(ctx context.Context) error {
	if c.p == nil {
		return op.ErrClosed()
	}
	if c.borrowed {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return op.FromContext(err)
	}
	c.use(ctx)
	atomic.StoreInt32((*int32)(unsafe.Pointer(&c.p.stop)), 0)
	return nil
}

// use makes ctx the one that callbacks look at.
func (c *Conn) use(ctx context.Context) {
	if c.borrowed {
		return
	}
	c.ctx = ctx
	c.p.watch = 0
	if ctx.Done() != nil {
		c.p.watch = 1
	}
}

func (c *Conn) autocommit() bool { return c.p.autocommit != 0 }

// Dangling reports whether a foreign key that is checked at the end of the
// transaction points nowhere: COMMIT would fail.
func (c *Conn) Dangling() bool { return c.p != nil && c.p.dangling != 0 }

// Changed is how many rows the last statement changed.
func (c *Conn) Changed() int64 {
	if c.p == nil {
		return 0
	}
	return int64(c.p.changes)
}

// LastKey is the last rowid that this connection handed out.
func (c *Conn) LastKey() int64 {
	if c.p == nil {
		return 0
	}
	return int64(c.p.lastkey)
}

// maxBusyDelay is how long a connection waits at most between two looks at a
// lock. It is short, because whoever holds the lock may take it again at once.
const maxBusyDelay = 2 * time.Millisecond

// pause waits a little and reports whether to look at the lock again.
func (c *Conn) pause(since time.Time) bool {
	left := c.busy - time.Since(since)
	if left <= 0 || c.stopped() || c.ctx.Err() != nil {
		return false
	}
	delay := maxBusyDelay/4 + rand.N(maxBusyDelay*3/4) // not in step with anybody
	t := time.NewTimer(min(delay, left))
	defer t.Stop()
	select {
	case <-c.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// failed is the error that SQLite noted at the last call.
func (c *Conn) failed() error {
	if c.p.spent != 0 && c.p.rc&0xff == codeInterrupt {
		return op.Errorf(op.CodeValidation, "the statement takes more than %d million steps of SQLite's machine: do it in parts, or make an index that serves it", maxSteps/1000)
	}
	return c.explain(&lite.Error{Code: int(c.p.rc), Message: strings.ToValidUTF8(C.GoString(&c.p.err[0]), "")})
}

func (c *Conn) explain(err error) error {
	return explain(c.ctx, err, c.path, c.busy)
}

func explain(ctx context.Context, err error, path string, busy time.Duration) error {
	var e *lite.Error
	if errors.As(err, &e) && e.Code&0xff == codeInterrupt && ctx.Err() == nil {
		x := op.Errorf(op.CodeCancelled, "the statement was interrupted")
		x.Err = e
		return x
	}
	if e != nil && e.Code == codeCorruptIndex {
		// Also what an index with content elsewhere says when that was changed
		// without it: a matter of what was written, the same on all copies.
		return op.Errorf(op.CodeDatabase, "a full-text index or R-tree does not fit the table it is for (%s): build it anew (INSERT INTO x (x) VALUES ('rebuild'))", e.Message)
	}
	return lite.Explain(ctx, err, lite.Place{File: path, Busy: busy})
}

package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

var errMemory = errors.New("sqlite: out of memory")

// pointer makes a pointer of an address in memory that Go does not manage.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// callback makes a C function pointer of a top-level function.
func callback[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f F }{f})) }

func view(p uintptr, n int) []byte {
	if p == 0 || n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(p)), n)
}

// conn is one connection of SQLite. It is used by one goroutine at a time.
type conn struct {
	tls *libc.TLS
	db  uintptr
	id  uintptr // in conns, for callbacks

	// ctx is that of the call in progress. The callbacks run on the goroutine
	// that makes the call.
	ctx  context.Context
	busy time.Duration
	// busySince is when it began to wait for the lock that it waits for.
	busySince time.Time
	writing   bool // what runs is a write of its own, outside a transaction
	final     bool // what runs is the end of a transaction and is not interrupted
	// stop, when not nil, interrupts what runs, whatever its context says.
	stop func() bool

	stmts lite.Kept[*sqlengine.Statement, *stmt]
	depth int // of transactions and savepoints
	// open are the cursors of the transaction in progress.
	open []*cursor

	home   *pool
	placed bool   // counts among those that run
	file   string // for messages
}

const ptrSize = unsafe.Sizeof(uintptr(0))

// conns finds a connection by the number that callbacks are given: pointers of
// Go must not be kept in C memory.
var conns struct {
	sync.RWMutex
	m    map[uintptr]*conn
	next uintptr
}

func register(c *conn) {
	conns.Lock()
	defer conns.Unlock()
	if conns.m == nil {
		conns.m = map[uintptr]*conn{}
	}
	conns.next++
	c.id = conns.next
	conns.m[c.id] = c
}

func registered(id uintptr) *conn {
	conns.RLock()
	defer conns.RUnlock()
	return conns.m[id]
}

// progressSteps is how many steps of SQLite's machine pass between looks at
// the context: some 30 µs.
const progressSteps = 1000

// connect opens a connection. flags are those of sqlite3_open_v2.
func connect(name string, flags int32, busy time.Duration) (*conn, error) {
	c := &conn{tls: libc.NewTLS(), busy: busy, ctx: context.Background()}
	cname, err := libc.CString(name)
	if err != nil {
		c.tls.Close()
		return nil, err
	}
	defer libc.Xfree(c.tls, cname)
	pp := libc.Xmalloc(c.tls, types.Size_t(ptrSize))
	if pp == 0 {
		c.tls.Close()
		return nil, errMemory
	}
	defer libc.Xfree(c.tls, pp)
	*(*uintptr)(pointer(pp)) = 0
	rc := lib.Xsqlite3_open_v2(c.tls, cname, pp, flags, 0)
	c.db = *(*uintptr)(pointer(pp))
	if rc != lib.SQLITE_OK {
		err := c.fail(rc)
		if c.db != 0 {
			lib.Xsqlite3_close_v2(c.tls, c.db)
		}
		c.tls.Close()
		return nil, err
	}
	register(c)
	lib.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	lib.Xsqlite3_busy_handler(c.tls, c.db, callback(onBusy), c.id)
	lib.Xsqlite3_progress_handler(c.tls, c.db, progressSteps, callback(onProgress), c.id)
	if err := c.functions(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// onProgress ends a statement whose context has ended. SQLite calls it once
// more when a statement is done; a write that has been committed by then must
// not be told that it failed.
func onProgress(tls *libc.TLS, id uintptr) int32 {
	c := registered(id)
	switch {
	case c == nil || c.final || !c.ended():
		return 0
	case c.writing && lib.Xsqlite3_txn_state(tls, c.db, 0) == lib.SQLITE_TXN_NONE:
		return 0
	}
	return 1
}

func (c *conn) ended() bool { return c.ctx.Err() != nil || (c.stop != nil && c.stop()) }

// maxBusyDelay is how long a connection waits at most between two looks at a
// lock. It is short, because whoever holds the lock may take it again at once:
// the gaps between the transactions of a busy process are what others live on.
const maxBusyDelay = 2 * time.Millisecond

// onBusy waits for a lock of another process, as long as the context and the
// busy timeout last.
func onBusy(_ *libc.TLS, id uintptr, count int32) int32 {
	c := registered(id)
	if c == nil {
		return 0
	}
	if count == 0 {
		c.busySince = time.Now()
	}
	if c.pause(c.busySince) {
		return 1
	}
	return 0
}

// pause waits a little and reports whether to look at the lock again.
func (c *conn) pause(since time.Time) bool {
	left := c.busy - time.Since(since)
	if left <= 0 || c.ended() {
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

// patiently runs fn again while the file is locked. SQLite does not ask the
// busy handler when two connections turn one file to a write-ahead log at the
// same time: each holds a shared lock that the other waits for, so it tells
// one of them at once.
func (c *conn) patiently(fn func() error) error {
	since := time.Now()
	for {
		err := fn()
		var e *lite.Error
		if !errors.As(err, &e) || !e.Busy() || !c.pause(since) {
			return err
		}
	}
}

// fail makes an error of a result code.
func (c *conn) fail(rc int32) error {
	e := &lite.Error{Code: int(rc)}
	if c.db != 0 && lib.Xsqlite3_extended_errcode(c.tls, c.db)&0xff == rc&0xff {
		e.Message = libc.GoString(lib.Xsqlite3_errmsg(c.tls, c.db))
	} else {
		e.Message = libc.GoString(lib.Xsqlite3_errstr(c.tls, rc))
	}
	return e
}

func (c *conn) close() error {
	c.stmts.Drop()
	rc := lib.Xsqlite3_close_v2(c.tls, c.db)
	conns.Lock()
	delete(conns.m, c.id)
	conns.Unlock()
	c.tls.Close()
	if rc != lib.SQLITE_OK {
		return &lite.Error{Code: int(rc), Message: "close"}
	}
	return nil
}

// autocommit reports whether no transaction is open.
func (c *conn) autocommit() bool { return lib.Xsqlite3_get_autocommit(c.tls, c.db) != 0 }

func (c *conn) changes() int64 { return lib.Xsqlite3_changes64(c.tls, c.db) }

func (c *conn) lastKey() int64 { return lib.Xsqlite3_last_insert_rowid(c.tls, c.db) }

func (c *conn) totalChanges() int64 { return lib.Xsqlite3_total_changes64(c.tls, c.db) }

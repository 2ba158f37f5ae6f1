//go:build cgo

package conn

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"unsafe"
)

var onApply atomic.Pointer[func(c *Conn, path string, entry []byte) error]

// OnApply says what SELECT weft_apply(entry) does on the connections that rqlite
// opens: it is called with the connection, the path of its file and the entry,
// outside a transaction, on the goroutine that runs the statement. The
// connection is borrowed for the call. A second call replaces the first. An
// error becomes the statement's, as does a panic. A transaction that fn leaves
// open is rolled back, and that is an error.
//
// A connection is the same *Conn at every call until it is closed, and keeps
// statements prepared from one call to the next.
func OnApply(fn func(c *Conn, path string, entry []byte) error) error {
	if err := Setup(); err != nil {
		return err
	}
	onApply.Store(&fn)
	return nil
}

// borrow finds or makes the Conn of a connection that somebody else opened.
func borrow(p *C.weft_conn) *Conn {
	if c := registered(p.handle); c != nil {
		return c
	}
	main := C.CString("main")
	defer C.free(unsafe.Pointer(main))
	c := &Conn{
		p: p, borrowed: true, ctx: context.Background(),
		path: C.GoString(C.sqlite3_db_filename(p.db, main)),
	}
	c.register()
	p.handle = C.uintptr_t(c.id)
	_, _ = c.Ask(c.ctx, "PRAGMA cache_size = -8000") // without it, it is only slower
	return c
}

// lend runs fn with the connection and leaves it as it was.
func (c *Conn) lend(fn func(c *Conn, path string, entry []byte) error, entry []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("weft_apply: panic: %v\n%s", r, debug.Stack())
		}
		if left := c.tidy(); left != nil && err == nil {
			err = left
		}
	}()
	return fn(c, c.path, entry)
}

// tidy ends what a borrower left behind.
func (c *Conn) tidy() error {
	for len(c.open) > 0 {
		_ = c.open[len(c.open)-1].Close()
	}
	depth := c.depth
	for c.depth > 0 {
		if err := c.Rollback(); err != nil {
			break
		}
	}
	c.depth = 0
	if C.sqlite3_get_autocommit(c.p.db) == 0 {
		if _, err := c.Ask(context.Background(), "ROLLBACK"); err != nil {
			return fmt.Errorf("weft_apply: the transaction that was left open could not be rolled back: %w", err)
		}
	}
	if depth > 0 {
		return fmt.Errorf("weft_apply: a transaction was left open and was rolled back")
	}
	return nil
}

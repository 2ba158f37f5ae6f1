//go:build cgo

package conn

/*
#include "glue.h"
*/
import "C"

import (
	"runtime"
	"time"

	"github.com/weftdb/weft/op"
)

// julian is the Julian day of 1970-01-01 in milliseconds.
const julian = 210866760000000

// Fixed runs fn with the time and the randomness that SQL sees on this
// connection fixed: every "now" is the given time, cut to milliseconds, and
// random() and randomblob() give a sequence that only the seed decides.
// last_insert_rowid() and changes() begin at 0. It may be nested. fn must use
// the connection on the goroutine that it is called on.
func (c *Conn) Fixed(now time.Time, seed uint64, fn func() error) error {
	if c.p == nil {
		return op.ErrClosed()
	}
	C.weft_forget(c.p)
	return c.FixedOn(now, seed, fn)
}

// FixedOn is Fixed, but last_insert_rowid() and changes() go on as they are: for
// the later parts of what runs in several.
func (c *Conn) FixedOn(now time.Time, seed uint64, fn func() error) error {
	if c.p == nil {
		return op.ErrClosed()
	}
	// The stamp belongs to the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var (
		wasStamped, wasSeeded C.int
		wasStamp              C.weft_i64
		wasSeed               C.uint64_t
	)
	C.weft_stamp(1, C.weft_i64(now.UnixMilli()+julian), &wasStamped, &wasStamp)
	C.weft_seed(c.p, 1, C.uint64_t(seed), &wasSeeded, &wasSeed)
	defer func() {
		var n C.int
		var t C.weft_i64
		var s C.uint64_t
		C.weft_stamp(wasStamped, wasStamp, &n, &t)
		if c.p != nil {
			C.weft_seed(c.p, wasSeeded, wasSeed, &n, &s)
		}
	}()
	return fn()
}

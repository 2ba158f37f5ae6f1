//go:build cgo

package conn

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// What C calls. A panic must not unwind through C, so each function recovers.

//export weftEnded
func weftEnded(id C.uintptr_t) (stop C.int) {
	defer func() {
		if recover() != nil {
			stop = 1
		}
	}()
	c := registered(id)
	if c == nil || c.ctx.Err() == nil {
		return 0
	}
	return 1
}

// weftBusy waits for a lock of somebody else, as long as the context and the
// busy timeout last.
//
//export weftBusy
func weftBusy(id C.uintptr_t, count C.int) (again C.int) {
	defer func() {
		if recover() != nil {
			again = 0
		}
	}()
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

// weftClosing frees what is prepared on a connection that somebody else closes.
//
//export weftClosing
func weftClosing(id C.uintptr_t) {
	defer func() { _ = recover() }()
	c := registered(id)
	if c == nil || !c.borrowed {
		return
	}
	c.finalizeAll()
	c.unregister()
	c.mu.Lock()
	c.p = nil
	c.mu.Unlock()
}

// functions are those of package lite that C calls, by its numbers.
var functions = func() (list [6]func(args []sqlengine.Value) (sqlengine.Value, error)) {
	for i, name := range []string{"weft_fold", "weft_add", "weft_key", "weft_json_set", "weft_time", "weft_rank"} {
		for _, f := range lite.Functions {
			if f.Name == name {
				list[i] = f.Call
			}
		}
	}
	return list
}()

//export weftCall
func weftCall(which, n C.int, cells, out *C.weft_cell) (failed C.int) {
	defer func() {
		if r := recover(); r != nil {
			give(out, sqlengine.TextValue(fmt.Sprintf("weft: panic in a function: %v", r)))
			failed = 1
		}
	}()
	var few [8]sqlengine.Value
	args := few[:0]
	for i := range unsafe.Slice(cells, int(n)) {
		v := &unsafe.Slice(cells, int(n))[i]
		switch v.kind {
		case C.WEFT_INT:
			args = append(args, sqlengine.IntValue(*(*int64)(unsafe.Pointer(&v.u))))
		case C.WEFT_FLOAT:
			args = append(args, sqlengine.FloatValue(*(*float64)(unsafe.Pointer(&v.u))))
		case C.WEFT_TEXT:
			args = append(args, sqlengine.TextValue(C.GoStringN(*(**C.char)(unsafe.Pointer(&v.u)), C.int(v.len))))
		case C.WEFT_BLOB:
			args = append(args, sqlengine.BlobValue(C.GoStringN(*(**C.char)(unsafe.Pointer(&v.u)), C.int(v.len))))
		default:
			args = append(args, sqlengine.Value{})
		}
	}
	res, err := functions[which](args)
	if err != nil {
		give(out, sqlengine.TextValue(err.Error()))
		return 1
	}
	give(out, res)
	return 0
}

// give puts a value where C takes it. Bytes are in memory that C frees.
func give(out *C.weft_cell, v sqlengine.Value) {
	switch v.Kind {
	case sqlengine.Int:
		out.kind = C.WEFT_INT
		*(*int64)(unsafe.Pointer(&out.u)) = v.Int()
	case sqlengine.Float:
		out.kind = C.WEFT_FLOAT
		*(*float64)(unsafe.Pointer(&out.u)) = v.Float()
	case sqlengine.Text, sqlengine.Blob:
		out.kind = C.WEFT_TEXT
		if v.Kind == sqlengine.Blob {
			out.kind = C.WEFT_BLOB
		}
		text := v.Bytes()
		p := C.malloc(C.size_t(len(text) + 1)) // never nil: Go ends the program then
		copy(unsafe.Slice((*byte)(p), len(text)), text)
		out.len = C.uint32_t(len(text))
		*(*unsafe.Pointer)(unsafe.Pointer(&out.u)) = p
	default:
		out.kind = C.WEFT_NULL
	}
}

// weftApply is weft_apply. It gives a text that C frees when it failed.
//
//export weftApply
func weftApply(p *C.weft_conn, entry unsafe.Pointer, n C.int) (failed *C.char) {
	defer func() {
		if r := recover(); r != nil {
			failed = C.CString(fmt.Sprintf("weft_apply: panic: %v\n%s", r, debug.Stack()))
		}
	}()
	fn := onApply.Load()
	if fn == nil || *fn == nil {
		return C.CString("weft_apply: nothing is there that applies entries")
	}
	c := borrow(p)
	err := c.lend(*fn, C.GoBytes(entry, n))
	if err != nil {
		return C.CString(err.Error())
	}
	return nil
}

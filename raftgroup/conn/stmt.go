//go:build cgo

package conn

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"math"
	"strings"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// SQLite's result codes that this package looks at.
const (
	codeNoMemory  = 7
	codeInterrupt = 9
	codeTooBig    = 18
	codeRow       = 100
	codeDone      = 101

	codeCorruptIndex = 11 | 1<<8
)

// stmt is a prepared statement.
type stmt struct {
	lite.Use
	c     *Conn
	p     *C.weft_stmt
	reads bool // it changes nothing in the database
	other bool // somebody else wrote it
}

// maxSteps is how many steps of SQLite's machine a statement that somebody else
// wrote may take on a connection that is borrowed, in thousands: some minutes.
// There is no other end to one that runs for ever, and all replicas count alike.
var maxSteps = int64(10_000_000)

// steps is how many thousands of steps the statement may take, 0 any number.
func (s *stmt) steps() C.weft_i64 {
	if s.other && s.c.borrowed {
		return C.weft_i64(maxSteps)
	}
	return 0
}

// maxStmts is how many prepared statements a connection keeps.
const maxStmts = 256

// keptMemory is how much an idle statement may keep for arguments, and as much
// for rows.
const keptMemory = 64 << 10

// prepare gives a statement that is free for use.
func (c *Conn) prepare(text *sqlengine.Statement) (*stmt, error) {
	if s, ok := c.stmts.Take(text); ok {
		return s, nil
	}
	s, _, err := c.compile(text.SQL, preparePersistent)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, op.Errorf(op.CodeValidation, "the statement is empty")
	}
	c.stmts.Put(text, s, maxStmts)
	return s, nil
}

// Forget frees the statements that are kept prepared.
func (c *Conn) Forget() {
	c.stmts.Forget()
	c.others.Forget()
}

// finalizeAll frees all statements, also those in use.
func (c *Conn) finalizeAll() {
	for len(c.open) > 0 {
		_ = c.open[len(c.open)-1].Close()
	}
	c.Forget()
}

const preparePersistent = 1

// compile prepares the first statement of text and gives what follows it. The
// statement is nil when there is none but comments.
func (c *Conn) compile(text string, flags int) (s *stmt, rest string, err error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, "", op.Errorf(op.CodeValidation, "the statement has a zero byte in it: pass such values as arguments")
	}
	if len(text) >= math.MaxInt32 {
		return nil, "", c.explain(&lite.Error{Code: codeTooBig, Message: "the statement is too long"})
	}
	z := C.CString(text)
	defer C.free(unsafe.Pointer(z))
	p := C.weft_prepare(c.p, z, C.int(len(text)+1), C.unsigned(flags))
	if p == nil {
		return nil, "", c.failed()
	}
	rest = text[min(int(c.p.tail), len(text)):]
	if p.p == nil {
		C.weft_finalize(p)
		return nil, rest, nil
	}
	return &stmt{c: c, p: p, reads: p.reads != 0}, rest, nil
}

const cellSize = int(unsafe.Sizeof(C.weft_cell{}))

// cell is C.weft_cell.
type cell struct {
	kind, len uint32
	n         uint64
}

// pack writes the arguments where C binds them from. Go keeps nothing of them,
// and no call is made for it unless the memory must grow.
func (s *stmt) pack(args []sqlengine.Value) error {
	if want := int(s.p.args); len(args) != want {
		return op.Errorf(op.CodeValidation, "the statement has %d places for arguments and was given %d", want, len(args))
	}
	if len(args) == 0 {
		return nil
	}
	head := len(args) * cellSize
	size := head
	for i := range args {
		size += len(args[i].Bytes())
	}
	if C.size_t(size) > s.p.room {
		if C.weft_arena(s.p, C.size_t(max(256, size))) != 0 {
			return s.c.explain(&lite.Error{Code: codeNoMemory, Message: "out of memory"})
		}
	}
	cells := unsafe.Slice((*cell)(unsafe.Pointer(s.p.arena)), len(args))
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(s.p.arena)), size)
	at := head
	for i := range args {
		v := &args[i]
		k := cell{kind: uint32(v.Kind)}
		switch v.Kind {
		case sqlengine.Int:
			k.n = uint64(v.Int())
		case sqlengine.Float:
			k.n = math.Float64bits(v.Float())
		case sqlengine.Text, sqlengine.Blob:
			text := v.Bytes()
			if len(text) > math.MaxInt32 {
				return s.c.explain(&lite.Error{Code: codeTooBig, Message: "string or blob too big"})
			}
			copy(bytes[at:], text)
			k.n, k.len = uint64(at), uint32(len(text))
			at += len(text)
		case sqlengine.Null:
		default:
			return op.Errorf(op.CodeInternal, "argument %d is of a kind that SQLite does not store (%d)", i+1, v.Kind)
		}
		cells[i] = k
	}
	return nil
}

// release ends the statement and makes it free for the next use. done says that
// it has been reset.
func (s *stmt) release(done bool) {
	s.Free()
	switch {
	case !s.Kept():
		s.Finalize()
	case !done || s.p.room > keptMemory || s.p.size > keptMemory:
		C.weft_reset(s.p, keptMemory)
	}
}

// Finalize frees the statement.
func (s *stmt) Finalize() {
	if s.p != nil {
		C.weft_finalize(s.p)
		s.p = nil
	}
}

func (s *stmt) name(col int) string { return C.GoString(C.sqlite3_column_name(s.p.p, C.int(col))) }

// decl is the declared type of the column that a result column is, if it is one.
func (s *stmt) decl(col int) string { return C.GoString(C.sqlite3_column_decltype(s.p.p, C.int(col))) }

func (s *stmt) param(i int) string {
	return C.GoString(C.sqlite3_bind_parameter_name(s.p.p, C.int(i)))
}

//go:build cgo

package conn

/*
#include "glue.h"
*/
import "C"

import (
	"context"
	"math"
	"slices"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// Rows are read from SQLite in batches: few at first, because many callers want
// one only.
const (
	firstRows  = 16
	mostRows   = 1024
	batchBytes = 256 << 10
)

// cursor reads the rows of a statement.
type cursor struct {
	c   *Conn
	s   *stmt // nil when it has ended
	ctx context.Context

	begun bool
	done  bool // the statement has been reset; its last rows may still be in row
	fail  error
	steps C.weft_i64     // that are left to it, in thousands; 0 is any number
	batch int            // rows to read next time
	left  int            // rows of the batch behind the current one
	next  unsafe.Pointer // the row behind the current one
	row   unsafe.Pointer // the current row

	buf sqlengine.Cursor // what was left when the connection was needed
	err error            // why that could not be read
}

// rowHead is the size of a row in bytes, which stands before its cells.
const rowHead = 8

// newCursor makes a cursor of a statement whose arguments are packed.
func (c *Conn) newCursor(ctx context.Context, s *stmt) *cursor {
	k := &cursor{c: c, s: s, ctx: ctx, batch: firstRows, steps: s.steps()}
	if !s.reads {
		k.batch = math.MaxInt32 // the work is done at the first row
	}
	c.open = append(c.open, k)
	return k
}

// Next goes to the next row.
func (k *cursor) Next() (bool, error) {
	if k.buf != nil {
		return k.buf.Next()
	}
	if k.s == nil {
		return false, k.err
	}
	if k.left == 0 {
		if err := k.fill(); err != nil {
			_ = k.Close()
			return false, err
		}
		if k.left == 0 {
			_ = k.Close()
			return false, nil
		}
	} else if k.s.reads && k.ctx.Done() != nil && !k.c.borrowed {
		// What a write gives back comes after the work is done.
		if err := k.ctx.Err(); err != nil {
			_ = k.Close()
			return false, op.FromContext(err)
		}
	}
	k.left--
	k.row = k.next
	k.next = unsafe.Add(k.row, *(*uint64)(k.row))
	return true, nil
}

// fill reads a batch. Rows that come before an error are given first.
func (k *cursor) fill() error {
	if k.done {
		return k.fail
	}
	c, s := k.c, k.s
	if c.p == nil {
		return op.ErrClosed()
	}
	if !c.borrowed && (s.reads || !k.begun) {
		if err := k.ctx.Err(); err != nil {
			return op.FromContext(err)
		}
	}
	c.use(k.ctx)
	c.p.writing = 0
	if c.depth == 0 && !s.reads {
		c.p.writing = 1
	}
	first := C.int(1)
	size := C.size_t(batchBytes)
	if k.begun {
		first = 0
	}
	if !s.reads {
		size = math.MaxInt64
	}
	c.p.highest, c.p.spent, c.p.budget = 0, 0, k.steps
	C.weft_batch(s.p, first, C.int(k.batch), size)
	k.steps, c.p.budget = c.p.budget, 0
	k.begun = true
	if k.batch < mostRows {
		k.batch *= 4
	}
	k.left, k.next = int(s.p.rows), unsafe.Pointer(s.p.buf)
	switch rc := s.p.rc; {
	case rc == codeRow:
	case rc == codeDone:
		k.done = true
		k.fail = c.lottery()
	default:
		k.done = true
		k.fail = c.failed()
	}
	if !s.reads && k.fail != nil {
		k.left = 0 // all was undone
	}
	if k.left == 0 {
		return k.fail
	}
	return nil
}

func (k *cursor) cell(col int) *cell {
	return (*cell)(unsafe.Add(k.row, rowHead+col*cellSize))
}

// Kind is the storage class of a column.
func (k *cursor) Kind(col int) sqlengine.Kind {
	if k.buf != nil {
		return k.buf.Kind(col)
	}
	return sqlengine.Kind(k.cell(col).kind)
}

// Int is an integer column.
func (k *cursor) Int(col int) int64 {
	if k.buf != nil {
		return k.buf.Int(col)
	}
	switch v := k.cell(col); v.kind {
	case C.WEFT_INT:
		return int64(v.n)
	case C.WEFT_FLOAT:
		return int64(math.Float64frombits(v.n))
	}
	return 0
}

// Float is a float column.
func (k *cursor) Float(col int) float64 {
	if k.buf != nil {
		return k.buf.Float(col)
	}
	switch v := k.cell(col); v.kind {
	case C.WEFT_INT:
		return float64(int64(v.n))
	case C.WEFT_FLOAT:
		return math.Float64frombits(v.n)
	}
	return 0
}

// View is a text or binary column, until the next row.
func (k *cursor) View(col int) []byte {
	if k.buf != nil {
		return k.buf.View(col)
	}
	v := k.cell(col)
	if v.len == 0 || v.kind != C.WEFT_TEXT && v.kind != C.WEFT_BLOB {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(k.row, v.n)), int(v.len))
}

// Close ends the statement.
func (k *cursor) Close() error {
	k.buf = nil
	if k.s == nil {
		return nil
	}
	s := k.s
	k.s, k.row, k.next, k.left = nil, nil, nil, 0
	s.release(k.done || !k.begun)
	k.c.open = slices.DeleteFunc(k.c.open, func(x *cursor) bool { return x == k })
	return nil
}

// detach reads what is left into memory and frees the statement.
func (k *cursor) detach() error {
	if k.s == nil || k.buf != nil {
		return nil
	}
	cols := int(k.s.p.cols)
	buf, err := sqlengine.Buffer(k, cols)
	if err != nil {
		k.err = err
		return err
	}
	k.buf = buf
	return nil
}

// settle reads what is left of the open cursors.
func (c *Conn) settle() error {
	for _, k := range slices.Clone(c.open) {
		if err := k.detach(); err != nil {
			return err
		}
	}
	return nil
}

package wire

import (
	"encoding/binary"
	"io"

	"github.com/weftdb/weft/op"
)

// The kinds of frames of a stream. A kind with the high bit set may be passed
// over by a reader that does not know it; version 1 has none of those.
const (
	frameHead   = 1 // an encoded result without its rows, and the number of columns
	frameRows   = 2 // rows up to the end of the frame
	frameEnd    = 3 // the number of rows sent; nothing follows
	frameError  = 4 // an encoded error; nothing follows
	frameIgnore = 0x80
)

const (
	chunk = 32 << 10 // a frame of rows is sent when it has grown to this
	room  = 1 + binary.MaxVarintLen64
)

// Columns that a writer may be given instead of a number.
const (
	NoRows    = -1 // the result has no rows at all: Result.Rows is nil
	AnyNumber = -2 // rows follow whose length is not known before
)

// RowWriter writes a result to a stream, row by row, in frames of about 32 KB:
// first the head, then rows, then [RowWriter.End] or [RowWriter.Fail]. It is
// used by one goroutine. The first error of the writer below is returned by
// every later call.
type RowWriter struct {
	w    io.Writer
	enc  encoder // the frame being filled, behind room for its head
	cols int
	sent uint64
	head bool // the head was written
	done bool
	err  error
}

// NewRowWriter begins a stream of rows with cols values each; cols may also be
// NoRows or AnyNumber. Nothing is written yet.
func NewRowWriter(w io.Writer, cols int) *RowWriter {
	if cols == 0 || cols < AnyNumber {
		cols = AnyNumber // each row must take at least a byte
	}
	return &RowWriter{w: w, cols: cols}
}

// WriteHead writes what a result has beside its rows. The rows of results in
// Batch are read to their end and closed; Rows of r itself is left alone. It may be left out; after the first row it is too late.
func (w *RowWriter) WriteHead(r op.Result) error {
	if w.err != nil {
		return w.err
	}
	if w.head || w.done {
		return w.misuse("the head of a stream comes first, and once")
	}
	w.head = true
	e := encoder{b: make([]byte, room, 64)}
	if w.cols < 0 {
		e.uvarint(uint64(-w.cols - 1)) // 0: no rows, 1: any number
	} else {
		e.uvarint(uint64(w.cols) + 1)
	}
	r.Rows = nil
	e.result(&r)
	if e.err != nil {
		w.head = false
		return e.err
	}
	if err := w.write([]byte{magic, Version, msgRows}); err != nil {
		return err
	}
	return w.frame(frameHead, e.b)
}

// WriteRow adds a row. It fails, and leaves the stream as it was, when the row
// has another length than was said or a value that cannot be sent. The row is
// not kept.
func (w *RowWriter) WriteRow(row []any) error {
	if err := w.begin(); err != nil {
		return err
	}
	if w.cols == NoRows {
		return w.misuse("rows in a stream that was begun without rows")
	}
	e := &w.enc
	if len(e.b) == 0 {
		e.b = append(e.b, make([]byte, room)...)
	}
	before := len(e.b)
	if w.cols == AnyNumber {
		e.row(row)
	} else {
		if len(row) != w.cols {
			return w.misuse("a row of %d values in a stream of %d columns", len(row), w.cols)
		}
		for _, v := range row {
			e.value(v)
		}
	}
	if e.err == nil && len(e.b)-before > MaxFrame-room {
		e.fail("a row of %d bytes is larger than the limit of %d", len(e.b)-before, MaxFrame-room)
	}
	if err := e.err; err != nil {
		e.b, e.err, e.depth = e.b[:before], nil, 0
		return err
	}
	// A large row gets a frame of its own, so that none passes the limit.
	if len(e.b) > MaxFrame && before > room {
		last := append(make([]byte, room), e.b[before:]...)
		e.b = e.b[:before]
		if err := w.Flush(); err != nil {
			return err
		}
		e.b = last
	}
	w.sent++
	if len(e.b) >= chunk {
		return w.Flush()
	}
	return nil
}

// Flush sends the rows gathered so far.
func (w *RowWriter) Flush() error {
	if err := w.begin(); err != nil {
		return err
	}
	if len(w.enc.b) <= room {
		return nil
	}
	err := w.frame(frameRows, w.enc.b)
	if cap(w.enc.b) > 8*chunk {
		w.enc.b = nil // one large row must not cost its memory for ever
	}
	w.enc.b = w.enc.b[:0]
	return err
}

// End closes the stream: all rows were sent.
func (w *RowWriter) End() error {
	if err := w.Flush(); err != nil {
		return err
	}
	w.done = true
	e := encoder{b: make([]byte, room, 2*room)}
	e.uvarint(w.sent)
	return w.frame(frameEnd, e.b)
}

// Fail closes the stream with the error that ended the rows.
func (w *RowWriter) Fail(err error) error {
	if err := w.Flush(); err != nil {
		return err
	}
	w.done = true
	return w.frame(frameError, append(make([]byte, room), EncodeError(err)...))
}

func (w *RowWriter) begin() error {
	switch {
	case w.err != nil:
		return w.err
	case w.done:
		return w.misuse("the stream has ended")
	case !w.head:
		return w.WriteHead(op.Result{})
	}
	return nil
}

func (w *RowWriter) misuse(format string, args ...any) error {
	return op.Errorf(op.CodeInternal, "write rows: "+format, args...)
}

// frame writes b, whose first bytes are room for the frame's head, at once.
func (w *RowWriter) frame(kind byte, b []byte) error {
	var head [room]byte
	head[0] = kind
	n := 1 + binary.PutUvarint(head[1:], uint64(len(b)-room))
	start := room - n
	copy(b[start:], head[:n])
	return w.write(b[start:])
}

func (w *RowWriter) write(b []byte) error {
	_, err := w.w.Write(b)
	w.err = err
	return err
}

// WriteRows sends a whole result: head, all rows of r.Rows, which it closes,
// and the end, or the rows' error in place of the end. cols is as for
// [NewRowWriter] and is not looked at when r.Rows is nil. The error it returns
// is one of the writer below, or of a value that cannot be sent; the latter
// has been told to the reader as well.
func WriteRows(w io.Writer, r op.Result, cols int) error {
	if r.Rows == nil {
		cols = NoRows
	}
	rw := NewRowWriter(w, cols)
	err := rw.WriteHead(r)
	if r.Rows != nil {
		for err == nil && r.Rows.Next() {
			err = rw.WriteRow(r.Rows.Row())
		}
		rerr := r.Rows.Err()
		if cerr := r.Rows.Close(); rerr == nil {
			rerr = cerr
		}
		if err == nil && rerr != nil {
			return rw.Fail(rerr)
		}
	}
	if err != nil {
		if rw.err == nil {
			rw.cols, rw.enc.depth = NoRows, 0
			_ = rw.Fail(err) // the first error is the one to tell
		}
		return err
	}
	return rw.End()
}

// Columns is the number of values in the rows of an operation's result, for
// [NewRowWriter], so that an engine which gives others is found out. It is
// AnyNumber where that is not known before.
func Columns(o *op.Op) int {
	switch o.Kind {
	case op.Aggregate:
		return withKeys(len(o.GroupBy)+len(o.Aggs), o.Via)
	case op.Backup:
		return 1
	case op.Find, op.Insert, op.Update, op.Delete, op.Upsert, op.Increment:
	default:
		return AnyNumber
	}
	if o.Model == nil {
		return AnyNumber
	}
	n := len(o.Fields)
	if o.Fields == nil {
		n = len(o.Model.Fields)
	}
	return withKeys(n+len(o.With), o.Via)
}

// withKeys adds the columns of Via.
func withKeys(n int, v *op.Via) int {
	if v == nil {
		return n
	}
	if v.Model == nil || v.Model.Relation(v.Relation) == nil {
		return AnyNumber
	}
	return n + len(v.Model.Relation(v.Relation).From)
}

package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/weftdb/weft/op"
)

var _ op.Rows = (*RowReader)(nil)

// RowReader reads what a [RowWriter] wrote. It is the op.Rows of the result
// that [RowReader.Head] gives. It holds one frame in memory, and reads of the
// stream only a few kilobytes beyond what it needs.
//
// A stream that breaks off before its end or error frame is an error: rows are
// never silently missing.
type RowReader struct {
	r      *bufio.Reader
	d      decoder
	buf    []byte
	row    []any
	cols   int // of each row; NoRows, AnyNumber
	got    uint64
	begun  bool
	done   bool
	head   op.Result
	err    error
	limit  uint64
	closer func() error
}

// NewRowReader reads from r. It does not close r.
func NewRowReader(r io.Reader, resolve Resolver) *RowReader {
	return &RowReader{
		r:     bufio.NewReader(r),
		d:     decoder{what: "rows", code: op.CodeInternal, resolve: resolve},
		limit: MaxFrame,
	}
}

// Limit sets the largest frame that is accepted, in bytes; MaxFrame when it is
// not called. It must leave room for a writer's usual frames of 32 KB and for
// the largest row.
func (r *RowReader) Limit(bytes int) { r.limit = uint64(max(bytes, 0)) }

// Head reads the stream up to its first rows. The result's Rows are this
// reader, or nil when the stream has none; then the whole stream was read. An
// error that was sent in place of rows is returned here.
func (r *RowReader) Head() (op.Result, error) {
	r.start()
	if r.err != nil {
		return op.Result{}, r.err
	}
	res := r.head
	if r.cols != NoRows {
		res.Rows = r
	}
	return res, nil
}

func (r *RowReader) start() {
	if r.begun {
		return
	}
	r.begun = true
	var h [3]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		r.broken(err)
		return
	}
	r.d.b, r.d.end = h[:], len(h)
	if r.d.header(msgRows); r.check() {
		return
	}
	for !r.done {
		kind, ok := r.frame()
		if !ok {
			return
		}
		switch kind {
		case frameHead:
			r.readHead()
			if r.err == nil && r.cols == NoRows {
				r.end()
			}
			return
		case frameError:
			r.failed()
		default:
			r.d.malformed("a stream that does not begin with its head")
			r.check()
		}
	}
}

func (r *RowReader) readHead() {
	cols := r.d.uvarint()
	switch {
	case cols == 0:
		r.cols = NoRows
	case cols == 1:
		r.cols = AnyNumber
	case cols > math.MaxInt32:
		r.d.malformed("%d columns", cols-1)
	default:
		r.cols = int(cols - 1)
	}
	r.d.result(&r.head)
	if r.head.Rows != nil {
		r.d.malformed("rows in the head of a stream")
	}
	if r.check() {
		r.head = op.Result{}
	}
}

// end reads the frame that ends a stream without rows.
func (r *RowReader) end() {
	kind, ok := r.frame()
	if !ok {
		return
	}
	switch kind {
	case frameEnd:
		r.ended()
	case frameError:
		r.failed()
	default:
		r.d.malformed("a frame of kind %d in a stream without rows", kind)
		r.check()
	}
}

// Next goes to the next row.
func (r *RowReader) Next() bool {
	r.start()
	for !r.done {
		if r.d.left() > 0 {
			return r.readRow()
		}
		kind, ok := r.frame()
		if !ok {
			break
		}
		switch kind {
		case frameRows:
		case frameEnd:
			r.ended()
		case frameError:
			r.failed()
		default:
			r.d.malformed("a frame of kind %d among the rows", kind)
			r.check()
		}
	}
	r.row = nil
	_ = r.Close() // kept in err
	return false
}

func (r *RowReader) readRow() bool {
	if r.cols == AnyNumber {
		r.row = r.d.row()
	} else {
		if r.cols > r.d.left() {
			r.d.malformed("a row of %d values cannot be in the %d bytes left", r.cols, r.d.left())
		} else {
			if r.row == nil {
				r.row = make([]any, r.cols)
			}
			for i := range r.row {
				r.row[i] = r.d.value()
			}
		}
	}
	if r.check() {
		r.row = nil
		_ = r.Close()
		return false
	}
	r.got++
	return true
}

// Row returns the row that Next went to. The slice is used again by Next; the
// values in it are the caller's.
func (r *RowReader) Row() []any { return r.row }

// Err returns what ended the rows before their end: the sender's error, or one
// of the stream.
func (r *RowReader) Err() error { return r.err }

// Close ends the reading. It does not read the rest of the stream.
func (r *RowReader) Close() error {
	r.begun, r.done = true, true
	r.buf, r.d.b, r.d.pos, r.d.end = nil, nil, 0, 0
	if r.closer == nil {
		return nil
	}
	c := r.closer
	r.closer = nil
	err := c()
	if r.err == nil {
		r.err = err
	}
	return err
}

// check takes over an error of the decoder.
func (r *RowReader) check() bool {
	if r.d.err != nil && r.err == nil {
		r.err, r.done = r.d.err, true
	}
	return r.err != nil
}

func (r *RowReader) ended() {
	n := r.d.uvarint()
	switch {
	case r.d.left() != 0:
		r.d.malformed("bytes behind the end")
	case n != r.got:
		r.d.malformed("%d rows were sent and %d arrived", n, r.got)
	}
	r.done = true
	r.check()
}

func (r *RowReader) failed() {
	err := DecodeError(r.d.b[r.d.pos:r.d.end])
	if err == nil {
		r.d.malformed("an error frame without an error")
		err = r.d.err
	}
	r.err, r.done = err, true
}

func (r *RowReader) broken(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.ErrUnexpectedEOF
	}
	r.done = true
	if isContext(err) {
		r.err = op.FromContext(err)
		return
	}
	r.err = op.Errorf(op.CodeDatabase, "read rows: the stream broke off after %d rows: %w", r.got, err)
}

// frame reads the next frame whose kind is not to be ignored into the decoder.
func (r *RowReader) frame() (byte, bool) {
	for {
		kind, err := r.r.ReadByte()
		if err != nil {
			r.broken(err)
			return 0, false
		}
		n, err := binary.ReadUvarint(r.r)
		if err != nil {
			r.broken(err)
			return 0, false
		}
		if n > r.limit {
			r.d.malformed("a frame of %d bytes is larger than the limit of %d", n, r.limit)
			r.check()
			return 0, false
		}
		if err := r.fill(int(n)); err != nil {
			r.broken(err)
			return 0, false
		}
		if kind&frameIgnore == 0 {
			r.d.b, r.d.pos, r.d.end = r.buf, 0, len(r.buf)
			if kind == 0 || kind > frameError {
				r.d.unsupported("it has a frame of kind %d, which version %d does not know", kind, Version)
				r.check()
				return 0, false
			}
			return kind, true
		}
	}
}

// fill reads n bytes into buf, which grows only as the bytes arrive: a length
// alone must not cost memory.
func (r *RowReader) fill(n int) error {
	if cap(r.buf) > 8*chunk && n <= chunk {
		r.buf = nil
	}
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		step := min(n-len(r.buf), max(len(r.buf), 2*chunk))
		at := len(r.buf)
		if cap(r.buf)-at < step {
			r.buf = append(make([]byte, 0, at+step), r.buf...)
		}
		r.buf = r.buf[:at+step]
		if _, err := io.ReadFull(r.r, r.buf[at:]); err != nil {
			return err
		}
	}
	return nil
}

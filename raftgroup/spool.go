package raftgroup

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// spool is a cursor that can be read ahead to its end, into memory and, when
// that is much, on into a temporary file. Until then it leads on to the cursor
// that it was made of.
type spool struct {
	ctx   context.Context
	src   sqlengine.Cursor // nil when it was read ahead
	width int

	buf   []byte // rows, one after the other
	at    int
	file  *os.File
	in    *bufio.Reader
	row   []byte // of the file
	cells []spoolCell
}

// spoolCell is a value of the row that Next went to.
type spoolCell struct {
	kind sqlengine.Kind
	n    int64
	view []byte
}

const (
	spoolMemory = 4 << 20   // bytes of rows in memory before the file
	spoolPart   = 256 << 10 // bytes that are written at a time
	spoolKeep   = 64 << 10  // buffers up to this are used again
)

var spoolBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// errExpired ends a read that kept snapshots waiting for too long.
var errExpired = errors.New("raftgroup: the read took so long that it had to make room for a snapshot")

// fill reads to the end of the source and closes it. each, which may be nil,
// sees each row.
func (s *spool) fill(width int, expired <-chan struct{}, each func(row []byte)) error {
	src := s.src
	if src == nil {
		return nil
	}
	s.src, s.width = nil, width
	defer src.Close()
	s.buf = *spoolBuffers.Get().(*[]byte)
	limit := spoolMemory
	for n := 0; ; n++ {
		ok, err := src.Next()
		if err != nil {
			s.Close()
			return err
		}
		if !ok {
			break
		}
		start := len(s.buf)
		for i := range width {
			s.buf = appendCell(s.buf, src, i)
		}
		if each != nil {
			each(s.buf[start:])
		}
		if s.file != nil { // there rows have their length before them
			s.row = append(s.row[:0], s.buf[start:]...)
			s.buf = appendBlock(s.buf[:start], s.row)
		}
		if len(s.buf) >= limit {
			if err := s.spill(); err != nil {
				s.Close()
				return err
			}
			limit = spoolPart
		}
		if n&63 == 63 {
			select {
			case <-expired:
				s.Close()
				return errExpired
			default:
			}
		}
	}
	if s.file != nil {
		if err := s.flush(); err != nil {
			s.Close()
			return err
		}
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			s.Close()
			return spoolError(err)
		}
		s.in = bufio.NewReaderSize(s.file, spoolPart)
	}
	return nil
}

// skim reads to the end of the source without keeping anything.
func (s *spool) skim(width int, each func(row []byte)) error {
	src := s.src
	if src == nil {
		return nil
	}
	for {
		ok, err := src.Next()
		if err != nil || !ok {
			return err
		}
		s.row = s.row[:0]
		for i := range width {
			s.row = appendCell(s.row, src, i)
		}
		each(s.row)
	}
}

func spoolError(err error) error {
	return op.Errorf(op.CodeDatabase, "a large result could not be kept in a temporary file: %w", err)
}

// spill begins the file, or writes to it.
func (s *spool) spill() error {
	if s.file != nil {
		return s.flush()
	}
	f, err := os.CreateTemp("", "weft-rows-")
	if err != nil {
		return spoolError(err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil { // what is open stays, where there are no names without files it is kept until Close
		_ = err
	}
	// What is in memory goes first into the file, row by row.
	rest := s.buf
	s.buf = make([]byte, 0, spoolPart+spoolPart/4)
	for len(rest) > 0 {
		n, ok := s.parse(rest)
		if !ok {
			return op.Errorf(op.CodeInternal, "a row in memory cannot be read")
		}
		s.buf = appendBlock(s.buf, rest[:n])
		rest = rest[n:]
		if len(s.buf) >= spoolPart {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

func (s *spool) flush() error {
	if _, err := s.file.Write(s.buf); err != nil {
		return spoolError(err)
	}
	s.buf = s.buf[:0]
	return nil
}

func appendCell(b []byte, c sqlengine.Cursor, col int) []byte {
	kind := c.Kind(col)
	b = append(b, byte(kind))
	switch kind {
	case sqlengine.Int, sqlengine.Time:
		b = binary.AppendVarint(b, c.Int(col))
	case sqlengine.Float:
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Float(col)))
	case sqlengine.Text, sqlengine.Blob:
		b = appendBlock(b, c.View(col))
	}
	return b
}

// parse reads a row into cells and tells its length.
func (s *spool) parse(b []byte) (int, bool) {
	if s.cells == nil {
		s.cells = make([]spoolCell, s.width)
	}
	r := parser{b: b}
	for i := range s.cells {
		c := &s.cells[i]
		c.kind = sqlengine.Kind(r.byte())
		switch c.kind {
		case sqlengine.Int, sqlengine.Time:
			c.n = r.varint()
		case sqlengine.Float:
			if v := r.bytes(8); v != nil {
				c.n = int64(binary.LittleEndian.Uint64(v))
			}
		case sqlengine.Text, sqlengine.Blob:
			c.view = r.block()
		}
	}
	return len(b) - len(r.b), !r.bad
}

// Next goes to the next row.
func (s *spool) Next() (bool, error) {
	if s.src != nil {
		return s.src.Next()
	}
	if s.ctx != nil {
		if err := s.ctx.Err(); err != nil {
			s.Close()
			return false, op.FromContext(err)
		}
	}
	if s.in == nil {
		if s.at >= len(s.buf) {
			return false, nil
		}
		n, ok := s.parse(s.buf[s.at:])
		if !ok {
			return false, op.Errorf(op.CodeInternal, "a row in memory cannot be read")
		}
		s.at += n
		return true, nil
	}
	n, err := binary.ReadUvarint(s.in)
	if err == io.EOF {
		return false, nil
	}
	if err == nil {
		if uint64(cap(s.row)) < n {
			s.row = make([]byte, n)
		}
		s.row = s.row[:n]
		_, err = io.ReadFull(s.in, s.row)
	}
	if err != nil {
		return false, spoolError(err)
	}
	if _, ok := s.parse(s.row); !ok {
		return false, op.Errorf(op.CodeInternal, "a row in a temporary file cannot be read")
	}
	return true, nil
}

// Kind is the storage class of a column.
func (s *spool) Kind(col int) sqlengine.Kind {
	if s.src != nil {
		return s.src.Kind(col)
	}
	return s.cells[col].kind
}

// Int is an integer column.
func (s *spool) Int(col int) int64 {
	if s.src != nil {
		return s.src.Int(col)
	}
	return s.cells[col].n
}

// Float is a float column.
func (s *spool) Float(col int) float64 {
	if s.src != nil {
		return s.src.Float(col)
	}
	return math.Float64frombits(uint64(s.cells[col].n))
}

// View is a text or binary column, until the next row.
func (s *spool) View(col int) []byte {
	if s.src != nil {
		return s.src.View(col)
	}
	return s.cells[col].view
}

// Close frees what the rows were kept in.
func (s *spool) Close() error {
	var err error
	if s.src != nil {
		err, s.src = s.src.Close(), nil
	}
	if s.file != nil {
		_ = s.file.Close() // it has no name any more
		s.file, s.in = nil, nil
	}
	if b := s.buf; b != nil && cap(b) <= spoolKeep {
		b = b[:0]
		spoolBuffers.Put(&b)
	}
	s.buf, s.at = nil, 0
	return err
}

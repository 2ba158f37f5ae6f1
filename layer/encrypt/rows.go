package encrypt

import (
	"errors"
	"slices"
	"time"

	"github.com/weftdb/weft/op"
)

// open makes a row below clear, in place, and returns the part that was asked
// for. The slice given may be the engine's.
func (v *view) open(l *layer, row []any) ([]any, error) {
	if len(row) < len(v.cells) {
		return nil, op.Errorf(op.CodeInternal, "a row of %s has %d values and not %d", v.m.clear.Name, len(row), len(v.cells))
	}
	key := make([]any, len(v.key))
	for i, at := range v.key {
		key[i] = row[at]
	}
	for i, c := range v.cells {
		if c == nil || row[i] == nil {
			continue
		}
		clear, err := c.open(l, key, row[i])
		if err != nil {
			return nil, err
		}
		row[i] = clear
	}
	return row[v.extra:], nil
}

// rows opens each row that passes.
type rows struct {
	op.Rows
	l   *layer
	v   *view
	buf []any
	row []any
	err error
}

// Next goes to the next row and opens it.
func (r *rows) Next() bool {
	r.row = nil
	if r.err != nil || !r.Rows.Next() {
		return false
	}
	r.buf = append(r.buf[:0], r.Rows.Row()...)
	if r.row, r.err = r.v.open(r.l, r.buf); r.err != nil {
		_ = r.Rows.Close() // the rows end with our error
		return false
	}
	return true
}

// Row is the row with clear values.
func (r *rows) Row() []any { return r.row }

// Err is the error of a value that did not open, or of the rows below.
func (r *rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.Rows.Err()
}

// sink opens values on their way to another sink. What comes before the key is
// known waits for the end of its row.
type sink struct {
	op.Sink
	l   *layer
	v   *view
	row []any // as stored: the key, and what waits for it
	key []any
	via []any // columns behind the fields that wait with them
	err error
}

func newSink(l *layer, v *view, to op.Sink) *sink {
	return &sink{Sink: to, l: l, v: v, row: make([]any, len(v.cells)), key: make([]any, len(v.key))}
}

// passes reports whether a column goes on as it comes.
func (s *sink) passes(col int) bool {
	return s.v.ready && (col >= len(s.v.cells) || (s.v.cells[col] == nil && !s.v.isKey[col]))
}

// take keeps the value of a column, or opens it when that can be done.
func (s *sink) take(col int, v any) {
	if col >= len(s.row) {
		s.via = append(s.via, v)
		return
	}
	s.row[col] = v
	switch {
	case !s.v.ready:
	case s.v.cells[col] == nil:
		s.put(col, v)
	default:
		s.open(col)
	}
}

func (s *sink) open(col int) {
	if s.err != nil {
		return
	}
	for i, at := range s.v.key {
		s.key[i] = s.row[at]
	}
	clear, err := s.v.cells[col].open(s.l, s.key, s.row[col])
	if err != nil {
		s.err = err
		return
	}
	s.put(col, clear)
}

func (s *sink) put(col int, v any) {
	if col >= s.v.extra && s.err == nil {
		op.Put(s.Sink, col-s.v.extra, v)
	}
}

// End ends a row.
func (s *sink) End() error {
	if !s.v.ready {
		for col, v := range s.row {
			if s.v.cells[col] != nil {
				s.open(col)
			} else {
				s.put(col, v)
			}
		}
		for i, v := range s.via {
			s.put(len(s.row)+i, v)
		}
		s.via = s.via[:0]
	}
	if s.err != nil {
		return s.err
	}
	return s.Sink.End()
}

// Null takes a NULL.
func (s *sink) Null(col int) {
	if s.passes(col) {
		s.Sink.Null(col - s.v.extra)
		return
	}
	s.take(col, nil)
}

// Int takes an integer.
func (s *sink) Int(col int, v int64) {
	if s.passes(col) {
		s.Sink.Int(col-s.v.extra, v)
		return
	}
	s.take(col, v)
}

// Float takes a float.
func (s *sink) Float(col int, v float64) {
	if s.passes(col) {
		s.Sink.Float(col-s.v.extra, v)
		return
	}
	s.take(col, v)
}

// Bool takes a boolean.
func (s *sink) Bool(col int, v bool) {
	if s.passes(col) {
		s.Sink.Bool(col-s.v.extra, v)
		return
	}
	s.take(col, v)
}

// Text takes a text.
func (s *sink) Text(col int, v string) {
	if s.passes(col) {
		s.Sink.Text(col-s.v.extra, v)
		return
	}
	s.take(col, v)
}

// Bytes takes bytes, which belong to the sink.
func (s *sink) Bytes(col int, v []byte) {
	if s.passes(col) {
		s.Sink.Bytes(col-s.v.extra, v)
		return
	}
	s.take(col, v)
}

// Time takes a time.
func (s *sink) Time(col int, v time.Time) {
	if s.passes(col) {
		s.Sink.Time(col-s.v.extra, v)
		return
	}
	s.take(col, v)
}

// Value takes any other value.
func (s *sink) Value(col int, v any) {
	if s.passes(col) {
		s.Sink.Value(col-s.v.extra, v)
		return
	}
	s.take(col, v)
}

// collect reads rows to their end. Slices are copied: they belong to the engine.
func collect(list op.Rows) ([][]any, error) {
	if list == nil {
		return nil, nil
	}
	var out [][]any
	for list.Next() {
		out = append(out, slices.Clone(list.Row()))
	}
	return out, errors.Join(list.Err(), list.Close())
}

// given are rows in memory as a result has them.
func given(list [][]any, to op.Sink) op.Rows {
	if to != nil {
		return op.NewSinkRows(list, to)
	}
	return op.NewRows(list)
}

// gathered is a result whose rows have been read, so that the transaction they
// come from may end. Rows for a sink have been delivered there.
func gathered(to op.Sink, res op.Result) (op.Result, error) {
	if res.Rows == nil {
		return res, nil
	}
	if to == nil {
		list, err := collect(res.Rows)
		res.Rows = op.NewRows(list)
		return res, err
	}
	d := &delivered{}
	for res.Rows.Next() {
		d.left++
	}
	err := errors.Join(res.Rows.Err(), res.Rows.Close())
	res.Rows = d
	return res, err
}

// delivered counts off rows that are in their sink already.
type delivered struct{ left int }

// Next goes to the next row.
func (d *delivered) Next() bool {
	d.left--
	return d.left >= 0
}

// Row is nil: the rows are in the sink.
func (d *delivered) Row() []any { return nil }

// Err is nil: what could go wrong has been reported.
func (d *delivered) Err() error { return nil }

// Close forgets the rows that are left.
func (d *delivered) Close() error {
	d.left = 0
	return nil
}

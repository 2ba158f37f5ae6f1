package op

import (
	"time"
)

// NewRows returns a stream over rows that are in memory. The slices are handed
// out as they are.
func NewRows(rows [][]any) Rows { return &sliceRows{rows: rows} }

// NewSinkRows returns a stream that delivers rows that are in memory to a
// sink, one at each Next.
func NewSinkRows(rows [][]any, sink Sink) Rows { return &sliceRows{rows: rows, sink: sink} }

type sliceRows struct {
	rows [][]any
	row  []any
	sink Sink
	err  error
}

func (r *sliceRows) Next() bool {
	r.row = nil
	if len(r.rows) == 0 || r.err != nil {
		return false
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	if r.sink == nil {
		r.row = row
		return true
	}
	if r.err = Deliver(r.sink, row); r.err != nil {
		r.rows = nil
	}
	return r.err == nil
}

func (r *sliceRows) Row() []any { return r.row }
func (r *sliceRows) Err() error { return r.err }

func (r *sliceRows) Close() error {
	r.rows, r.row = nil, nil
	return nil
}

// Deliver puts one row of canonical values into a sink. Bytes belong to the
// sink afterwards.
func Deliver(sink Sink, row []any) error {
	sink.Begin()
	for i, v := range row {
		Put(sink, i, v)
	}
	return sink.End()
}

// Put gives a canonical value to a sink by the setter of its kind.
func Put(s Sink, col int, v any) {
	switch v := v.(type) {
	case nil:
		s.Null(col)
	case int64:
		s.Int(col, v)
	case float64:
		s.Float(col, v)
	case bool:
		s.Bool(col, v)
	case string:
		s.Text(col, v)
	case []byte:
		s.Bytes(col, v)
	case time.Time:
		s.Time(col, v)
	default:
		s.Value(col, v)
	}
}

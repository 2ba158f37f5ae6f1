package optest

import (
	"errors"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// recorder is a Sink that keeps rows as they would have come without one. It
// also notes every breach of the Sink's contract.
type recorder struct {
	fields []string // columns asked for
	keys   int      // columns of Op.Via behind them
	rows   [][]any
	cur    []any
	set    []bool
	open   bool
	breach error
	failAt int // End of this row (from 1) fails; 0 never
	child  map[string]*recorder
	links  map[string]map[int][]int
	counts map[string]map[int]int64
}

var errSink = errors.New("the sink has had enough")

func newRecorder(m *schema.Model, fields []string, keys int) *recorder {
	if fields == nil {
		for _, f := range m.Fields {
			fields = append(fields, f.Name)
		}
	}
	return &recorder{
		fields: fields, keys: keys, child: map[string]*recorder{},
		links: map[string]map[int][]int{}, counts: map[string]map[int]int64{},
	}
}

func (r *recorder) fault(msg string) {
	if r.breach == nil {
		r.breach = errors.New(msg)
	}
}

func (r *recorder) Begin() {
	if r.open {
		r.fault("Begin before End of the row before")
	}
	r.open = true
	r.cur = make([]any, len(r.fields)+r.keys)
	r.set = make([]bool, len(r.cur))
}

func (r *recorder) put(col int, v any) {
	switch {
	case !r.open:
		r.fault("a setter outside Begin and End")
	case col < 0 || col >= len(r.cur):
		r.fault("a column that was not asked for")
	case r.set[col]:
		r.fault("a column set twice")
	default:
		r.cur[col], r.set[col] = v, true
	}
}

func (r *recorder) Null(col int)             { r.put(col, nil) }
func (r *recorder) Int(col int, v int64)     { r.put(col, v) }
func (r *recorder) Float(col int, v float64) { r.put(col, v) }
func (r *recorder) Bool(col int, v bool)     { r.put(col, v) }
func (r *recorder) Text(col int, v string)   { r.put(col, v) }
func (r *recorder) Bytes(col int, v []byte)  { r.put(col, v) }
func (r *recorder) Value(col int, v any)     { r.put(col, v) }

// Time takes a time.
func (r *recorder) Time(col int, v time.Time) { r.put(col, v) }

// End ends a row.
func (r *recorder) End() error {
	if !r.open {
		r.fault("End without Begin")
	}
	for _, ok := range r.set {
		if !ok {
			r.fault("a column was never set")
		}
	}
	r.open = false
	r.rows = append(r.rows, r.cur)
	if r.failAt == len(r.rows) {
		return errSink
	}
	return nil
}

func (r *recorder) Len() int { return len(r.rows) }

// Instance is nil: the rows are no Go values.
func (r *recorder) Instance(int) any { return nil }

// Get returns a field of a row.
func (r *recorder) Get(row int, f *schema.Field) any {
	for i, n := range r.fields {
		if n == f.Name {
			return r.rows[row][i]
		}
	}
	r.fault("Get of a field that was not asked for: " + f.Name)
	return nil
}

// Key returns the parent's key of a row.
func (r *recorder) Key(row int) []any { return r.rows[row][len(r.fields):] }

// Child gives the sink for related rows.
func (r *recorder) Child(rel *schema.Relation, w *op.With) op.Sink {
	c := newRecorder(rel.Target, w.Fields, len(rel.From))
	r.child[rel.Name] = c
	return c
}

// Attach notes which rows belong to a row.
func (r *recorder) Attach(row int, rel *schema.Relation, child op.Sink, rows []int) {
	if r.links[rel.Name] == nil {
		r.links[rel.Name] = map[int][]int{}
	}
	if _, twice := r.links[rel.Name][row]; twice {
		r.fault("rows attached twice to one row")
	}
	if child != op.Sink(r.child[rel.Name]) {
		r.fault("rows of another child attached")
	}
	r.links[rel.Name][row] = rows
}

// Counted notes a count of a row.
func (r *recorder) Counted(row int, c *schema.Count, n int64) error {
	if r.counts[c.Name] == nil {
		r.counts[c.Name] = map[int]int64{}
	}
	if _, twice := r.counts[c.Name][row]; twice {
		r.fault("a row counted twice")
	}
	r.counts[c.Name][row] = n
	return nil
}

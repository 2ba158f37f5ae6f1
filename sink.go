package weft

import (
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// sink writes the rows of an operation straight into instances of a model's Go
// struct. With existing rows it only serves to attach relations to them.
type sink struct {
	db   *core
	b    *binding
	cols []*fieldBind // the columns of the operation, without the keys of a Via
	part []bool       // by field position, when not all fields are loaded
	own  bool         // rows were made here: their state may still be written to

	stream bool // rows are consumed while they come
	base   int  // number of rows consumed and let go
	rows   []unsafe.Pointer
	keys   [][]any // of a Via, by row
	via    int     // number of key columns

	p   unsafe.Pointer
	st  *state
	key []any
	err error
}

// newSink makes a sink for these fields; nil is all fields of the model.
func newSink(db *core, b *binding, fields []string) *sink {
	s := &sink{db: db, b: b, own: true}
	if fields == nil {
		s.cols = make([]*fieldBind, len(b.fields))
		for i := range b.fields {
			s.cols[i] = &b.fields[i]
		}
		return s
	}
	s.part = make([]bool, len(b.fields))
	for _, name := range fields {
		if f := b.model.Field(name); f != nil { // an unknown one is refused by the operation
			s.cols = append(s.cols, &b.fields[f.Pos])
			s.part[f.Pos] = true
		}
	}
	return s
}

func (s *sink) Begin() {
	s.p, s.st = s.b.newRow()
	if s.via > 0 {
		s.key = make([]any, 0, s.via)
	}
}

func (s *sink) End() error {
	if s.err != nil {
		return fmt.Errorf("read %s: %w", s.b.model.Name, s.err)
	}
	if s.st != nil {
		s.st.partial = s.part
		if err := s.b.remember(s.p, s.st); err != nil {
			return err
		}
	}
	s.rows = append(s.rows, s.p)
	if s.via > 0 {
		s.keys = append(s.keys, s.key)
	}
	return nil
}

func (s *sink) fail(err error) {
	if err != nil && s.err == nil {
		s.err = err
	}
}

// column returns where a column goes: nil when it is part of a Via's key.
func (s *sink) column(col int, v any) *fieldBind {
	if col < len(s.cols) {
		return s.cols[col]
	}
	s.key = append(s.key, v)
	return nil
}

func (s *sink) Null(col int) {
	if fb := s.column(col, nil); fb != nil && (fb.kind == bindOther || fb.kind == bindJSON) {
		s.fail(fb.set(s.p, nil))
	}
}

func (s *sink) Int(col int, v int64) {
	if col >= len(s.cols) {
		s.key = append(s.key, v)
		return
	}
	fb := s.cols[col]
	switch fb.kind {
	case bindInt64:
		*(*int64)(fb.at(s.p)) = v
	case bindInt:
		*(*int)(fb.at(s.p)) = int(v)
	case bindHidden: // noted below
	default:
		s.fail(fb.set(s.p, v))
	}
	if fb.f.Role == schema.RoleVersion && s.st != nil {
		s.st.version = v
	}
}

func (s *sink) Float(col int, v float64) {
	if col >= len(s.cols) {
		s.key = append(s.key, v)
		return
	}
	if fb := s.cols[col]; fb.kind == bindFloat64 {
		*(*float64)(fb.at(s.p)) = v
	} else {
		s.fail(fb.set(s.p, v))
	}
}

func (s *sink) Bool(col int, v bool) {
	if col >= len(s.cols) {
		s.key = append(s.key, v)
		return
	}
	if fb := s.cols[col]; fb.kind == bindBool {
		*(*bool)(fb.at(s.p)) = v
	} else {
		s.fail(fb.set(s.p, v))
	}
}

func (s *sink) Text(col int, v string) {
	if col >= len(s.cols) {
		s.key = append(s.key, v)
		return
	}
	if fb := s.cols[col]; fb.kind == bindString {
		*(*string)(fb.at(s.p)) = v
	} else {
		s.fail(fb.set(s.p, v))
	}
}

func (s *sink) Bytes(col int, v []byte) {
	fb := s.column(col, v)
	switch {
	case fb == nil:
	case fb.kind == bindBytes:
		*(*[]byte)(fb.at(s.p)) = v // it belongs to the sink
	default:
		s.fail(fb.set(s.p, v))
	}
}

func (s *sink) Time(col int, v time.Time) {
	if col >= len(s.cols) {
		s.key = append(s.key, v)
		return
	}
	if fb := s.cols[col]; fb.kind == bindTime {
		*(*time.Time)(fb.at(s.p)) = v
	} else {
		s.fail(fb.set(s.p, v))
	}
}

func (s *sink) Value(col int, v any) {
	fb := s.column(col, v)
	if fb == nil {
		return
	}
	s.fail(fb.set(s.p, v))
	if j, ok := v.(op.JSON); ok && s.st != nil && fb.ref >= 0 {
		// The text is at hand: remembering it saves encoding the value again.
		if s.st.refs == nil {
			s.st.refs = make([]any, len(s.b.refs))
		}
		s.st.refs[fb.ref] = j
	}
}

// Stream tells relate that rows are not all kept.
func (s *sink) Stream() bool { return s.stream }

func (s *sink) Len() int { return s.base + len(s.rows) }

func (s *sink) Get(row int, f *schema.Field) any {
	v, err := s.b.value(f, s.rows[row-s.base])
	if err != nil {
		return nil
	}
	return v
}

func (s *sink) Key(row int) []any { return s.keys[row-s.base] }

// Instance is the Go value of a row, for hooks.
func (s *sink) Instance(row int) any {
	return reflect.NewAt(s.b.typ, s.rows[row-s.base]).Interface()
}

func (s *sink) Child(r *schema.Relation, w *op.With) op.Sink {
	b := s.db.bindings[r.Target]
	if b == nil || s.b.rels[r] == nil {
		return nil
	}
	c := newSink(s.db, b, w.Fields)
	c.via = len(r.From)
	return c
}

func (s *sink) Attach(row int, r *schema.Relation, child op.Sink, rows []int) {
	rb := s.b.rels[r]
	if rb == nil {
		return
	}
	p := s.rows[row-s.base]
	a := unsafe.Add(p, rb.off)
	c := child.(*sink)
	if r.Many() {
		list := make([]unsafe.Pointer, len(rows))
		for i, n := range rows {
			list[i] = c.rows[n]
		}
		*(*[]unsafe.Pointer)(a) = list // []*T has the layout of a slice of pointers
	} else if len(rows) > 0 {
		*(*unsafe.Pointer)(a) = c.rows[rows[0]]
	} else {
		*(*unsafe.Pointer)(a) = nil
	}
	s.loaded(p, relBit(s.b.model, r))
}

// take gives out the row with this number, which is not needed here any more.
func (s *sink) take(row int) unsafe.Pointer {
	p := s.rows[row-s.base]
	s.rows[row-s.base] = nil
	if row-s.base == len(s.rows)-1 { // all have been taken: the memory serves the next ones
		s.base += len(s.rows)
		s.rows, s.keys = s.rows[:0], nil
	}
	return p
}

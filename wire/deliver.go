package wire

import (
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Deliver makes the rows of a result that came over a wire go to the sinks that
// the operation has: each call of Next then delivers a row, and Row is nil.
func Deliver(r *op.Result, o *op.Op) {
	if r.Rows != nil && o.Sink != nil {
		r.Rows = &sinkRows{rows: r.Rows, into: newDelivery(o.Sink, o.Model, o.With)}
	}
	for i := range min(len(r.Batch), len(o.Batch)) {
		if b := &o.Batch[i]; b.Sink != nil && r.Batch[i].Rows != nil {
			r.Batch[i].Rows = &sinkRows{rows: r.Batch[i].Rows, into: newDelivery(b.Sink, b.Model, b.With)}
		}
	}
}

// sinkRows delivers decoded rows to the sink of an operation.
type sinkRows struct {
	rows op.Rows
	into *delivery
	err  error
}

func (s *sinkRows) Next() bool {
	if s.err != nil || !s.rows.Next() {
		return false
	}
	if s.err = s.into.row(s.rows.Row()); s.err != nil {
		_ = s.rows.Close() // the sink's error is the one to tell
		return false
	}
	return true
}

func (s *sinkRows) Row() []any { return nil }

func (s *sinkRows) Err() error {
	if s.err != nil {
		return s.err
	}
	return s.rows.Err()
}

func (s *sinkRows) Close() error { return s.rows.Close() }

// delivery puts rows into a sink. What With asked for stands at the end of a
// row: a *op.Related goes, as rows, to the child sink of its relation and is
// attached to its row, a number is told as a count.
type delivery struct {
	sink     op.Sink
	model    *schema.Model
	with     []op.With
	children []*delivery // one for each of with, made when first needed
}

func newDelivery(s op.Sink, m *schema.Model, with []op.With) *delivery {
	return &delivery{sink: s, model: m, with: with, children: make([]*delivery, len(with))}
}

func (d *delivery) row(row []any) error {
	if len(d.with) == 0 {
		return op.Deliver(d.sink, row)
	}
	cols := len(row) - len(d.with)
	if cols < 0 || d.model == nil {
		return op.Errorf(op.CodeInternal, "a row has fewer relations than were asked for")
	}
	for _, v := range row[:cols] {
		if _, more := v.(*op.Related); more {
			return op.Errorf(op.CodeInternal, "a row has more relations than were asked for")
		}
	}
	if err := op.Deliver(d.sink, row[:cols:cols]); err != nil {
		return err
	}
	at := d.sink.Len() - 1
	for i, v := range row[cols:] {
		if err := d.loaded(at, i, v); err != nil {
			return err
		}
	}
	return nil
}

// loaded hands on what was asked for by the n-th With.
func (d *delivery) loaded(at, n int, v any) error {
	w := &d.with[n]
	if c := d.model.Count(w.Relation); c != nil {
		number, ok := v.(int64)
		if !ok {
			return op.Errorf(op.CodeInternal, "a row has a %T for the count %s", v, c.Name)
		}
		return d.sink.Counted(at, c, number)
	}
	r := d.model.Relation(w.Relation)
	if r == nil {
		return op.Errorf(op.CodeValidation, "unknown relation %q of %s", w.Relation, d.model.Name)
	}
	rel, ok := v.(*op.Related)
	if !ok {
		return op.Errorf(op.CodeInternal, "a row has a %T for the relation %s", v, r.Name)
	}
	if d.children[n] == nil {
		d.children[n] = newDelivery(d.sink.Child(r, w), r.Target, w.With)
	}
	child := d.children[n]
	var rows []int
	if rel != nil {
		for _, row := range rel.Rows {
			rows = append(rows, child.sink.Len())
			if err := child.row(row); err != nil {
				return err
			}
		}
	}
	d.sink.Attach(at, r, child.sink, rows)
	return nil
}

package wire

import (
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

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

// delivery puts rows into a sink. A value of type *op.Related goes, as rows,
// to the child sink of its relation and is attached to its row.
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
	cols := make([]any, 0, len(row))
	for _, v := range row {
		if _, ok := v.(*op.Related); !ok {
			cols = append(cols, v)
		}
	}
	if err := op.Deliver(d.sink, cols); err != nil {
		return err
	}
	at, n := d.sink.Len()-1, 0
	for _, v := range row {
		rel, ok := v.(*op.Related)
		if !ok {
			continue
		}
		if err := d.related(at, n, rel); err != nil {
			return err
		}
		n++
	}
	return nil
}

// related attaches what the n-th relation asked for led to.
func (d *delivery) related(at, n int, rel *op.Related) error {
	if n >= len(d.with) || d.model == nil {
		return op.Errorf(op.CodeInternal, "a row has more relations than were asked for")
	}
	w := &d.with[n]
	r := d.model.Relation(w.Relation)
	if r == nil {
		return op.Errorf(op.CodeValidation, "unknown relation %q of %s", w.Relation, d.model.Name)
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

package relate_test

import (
	"context"
	"testing"
	"time"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// canned answers finds from memory, so that only the layer is measured.
type canned struct {
	op.Engine
	parents, children [][]any
}

func (c *canned) Do(_ context.Context, o op.Op) (op.Result, error) {
	rows := c.parents
	if o.Via != nil {
		rows = c.children
	}
	if o.Sink != nil {
		return op.Result{Rows: op.NewSinkRows(rows, o.Sink)}, nil
	}
	return op.Result{Rows: op.NewRows(rows)}, nil
}

// slots is a Sink of rows in slices.
type slots struct {
	rows [][]any
	keys [][]any
	row  []any
	cols int
	kids [][]int
}

func (s *slots) Begin()                  { s.row = make([]any, 0, s.cols+1) }
func (s *slots) Null(int)                { s.row = append(s.row, nil) }
func (s *slots) Int(_ int, v int64)      { s.row = append(s.row, v) }
func (s *slots) Float(_ int, v float64)  { s.row = append(s.row, v) }
func (s *slots) Bool(_ int, v bool)      { s.row = append(s.row, v) }
func (s *slots) Text(_ int, v string)    { s.row = append(s.row, v) }
func (s *slots) Bytes(_ int, v []byte)   { s.row = append(s.row, v) }
func (s *slots) Time(_ int, v time.Time) { s.row = append(s.row, v) }
func (s *slots) Value(_ int, v any)      { s.row = append(s.row, v) }
func (s *slots) End() error {
	s.rows, s.keys = append(s.rows, s.row[:s.cols]), append(s.keys, s.row[s.cols:])
	return nil
}
func (s *slots) Len() int                         { return len(s.rows) }
func (s *slots) Instance(int) any                 { return nil }
func (s *slots) Get(row int, f *schema.Field) any { return s.rows[row][f.Pos] }
func (s *slots) Key(row int) []any                { return s.keys[row] }
func (s *slots) Child(r *schema.Relation, _ *op.With) op.Sink {
	return &slots{cols: len(r.Target.Fields)}
}

func (s *slots) Attach(row int, _ *schema.Relation, _ op.Sink, rows []int) {
	s.kids = append(s.kids, rows)
}

func (s *slots) Counted(int, *schema.Count, int64) error { return nil }

func benchmark(b *testing.B, sink bool) {
	set := build(b)
	c := &canned{}
	for p := range 20 {
		c.parents = append(c.parents, []any{shelf(p), "name"})
		for range 10 {
			c.children = append(c.children, []any{"id", shelf(p), "title", int64(1), shelf(p)})
		}
	}
	e := relate.New(relate.Options{})(c)
	o := op.Op{Kind: op.Find, Model: set.Model("Shelf"), With: with("books")}
	b.ReportAllocs()
	for b.Loop() {
		if sink {
			o.Sink = &slots{cols: 2}
		}
		res, err := e.Do(ctx, o)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for res.Rows.Next() {
			n++
		}
		if n != 20 {
			b.Fatal(n)
		}
	}
}

func BenchmarkRows20x10(b *testing.B) { benchmark(b, false) }
func BenchmarkSink20x10(b *testing.B) { benchmark(b, true) }

package relate_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// tray is a Sink that remembers what was attached to its rows.
type tray struct {
	slots
	m        *schema.Model
	cols     []*schema.Field
	attached []map[string][]int
	children map[string][]*tray
	stream   bool
	blind    bool // has no place for relations
}

func newTray(m *schema.Model, fields []string) *tray {
	s := &tray{m: m, children: map[string][]*tray{}}
	for _, n := range fields {
		s.cols = append(s.cols, m.Field(n))
	}
	if fields == nil {
		s.cols = m.Fields
	}
	s.slots.cols = len(s.cols)
	return s
}

func (s *tray) Stream() bool { return s.stream }

func (s *tray) End() error {
	s.attached = append(s.attached, map[string][]int{})
	return s.slots.End()
}

func (s *tray) Get(row int, f *schema.Field) any {
	for i, c := range s.cols {
		if c == f {
			return s.rows[row][i]
		}
	}
	return nil
}

func (s *tray) Child(r *schema.Relation, w *op.With) op.Sink {
	if s.blind {
		return nil
	}
	c := newTray(r.Target, w.Fields)
	s.children[r.Name] = append(s.children[r.Name], c)
	return c
}

func (s *tray) Attach(row int, r *schema.Relation, _ op.Sink, rows []int) {
	if rows == nil {
		rows = []int{}
	}
	s.attached[row][r.Name] = rows
}

func (s *tray) Counted(row int, c *schema.Count, n int64) error {
	s.attached[row][c.Name] = []int{int(n)}
	if n > 100 {
		return errFull
	}
	return nil
}

var errFull = errors.New("more than the tray holds")

func TestSinkGetsChildren(t *testing.T) {
	l := open(t, 25, relate.Options{Chunk: 10})
	sink := newTray(l.model("Shelf"), []string{"id"})
	o := op.Op{
		Kind: op.Find, Model: l.model("Shelf"), Fields: []string{"id"}, Sort: byID(), Sink: sink,
		With: []op.With{{Relation: "books", Fields: []string{"title"}, With: with("writers")}, {Relation: "label"}},
	}
	l.rows(o)
	if n := len(l.c.taken()); n != 4 {
		t.Errorf("%d finds for a sink that keeps its rows", n)
	}
	books := sink.children["books"][0]
	// What the books' own relation is found by was added to their fields.
	if len(sink.rows) != 25 || fmt.Sprint(sink.attached[3]["books"]) != "[9 10 11]" || len(books.cols) != 2 || books.cols[1].Name != "id" {
		t.Errorf("%d rows, %v, columns %v", len(sink.rows), sink.attached[3], books.cols)
	}
	if rows, loaded := sink.attached[0]["label"]; !loaded || len(rows) != 0 {
		t.Errorf("a relation that leads nowhere is not attached as loaded and empty: %v", sink.attached[0])
	}
	if w := books.attached[4]["writers"]; len(w) != 2 {
		t.Errorf("writers %v", w)
	}
}

func TestStreamingSinkGetsChunks(t *testing.T) {
	l := open(t, 25, relate.Options{Chunk: 10})
	sink := newTray(l.model("Shelf"), nil)
	sink.stream = true
	res := l.do(op.Op{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), Sink: sink, With: with("books")})
	defer res.Rows.Close()
	for i := range 25 {
		if !res.Rows.Next() {
			t.Fatal(res.Rows.Err())
		}
		if most := (i/10 + 1) * 10; len(sink.rows) > most {
			t.Fatalf("%d rows were read for row %d", len(sink.rows), i)
		}
		if len(sink.attached[i]["books"]) != 3 {
			t.Fatalf("row %d came before its books", i)
		}
	}
	if res.Rows.Next() || len(sink.children["books"]) != 3 {
		t.Errorf("%d chunks", len(sink.children["books"]))
	}
}

func TestSinkErrors(t *testing.T) {
	l := open(t, 2, relate.Options{})
	m := l.model("Shelf")
	sink := newTray(m, []string{"name"})
	_, err := all(l.eng, op.Op{Kind: op.Find, Model: m, Fields: []string{"name"}, Sink: sink, With: with("books")})
	if !errors.Is(err, op.ErrValidation) {
		t.Errorf("without the key: %v", err)
	}
	sink = newTray(m, nil)
	sink.blind = true
	if _, err = all(l.eng, op.Op{Kind: op.Find, Model: m, Sink: sink, With: with("books")}); !errors.Is(err, op.ErrValidation) {
		t.Errorf("without a place: %v", err)
	}
}

func TestLoad(t *testing.T) {
	l := open(t, 3, relate.Options{})
	m := l.model("Shelf")
	sink := newTray(m, nil)
	l.rows(op.Op{Kind: op.Find, Model: m, Sort: byID(), Sink: sink})
	l.c.taken()
	if err := relate.LoadFor(ctx, l.eng, "ann", m, sink, []int{0, 2}, with("books.shelf")); err != nil {
		t.Fatal(err)
	}
	finds := l.c.taken()
	if len(finds) != 2 || finds[0].User != "ann" || finds[1].User != "ann" || len(finds[0].Via.Keys) != 2 {
		t.Errorf("finds %v", finds)
	}
	if _, loaded := sink.attached[1]["books"]; loaded || fmt.Sprint(sink.attached[2]["books"]) != "[3 4 5]" {
		t.Errorf("attached %v", sink.attached)
	}
	if err := relate.Load(ctx, l.eng, m, sink, []int{0}, with("nope")); !errors.Is(err, op.ErrValidation) {
		t.Errorf("got %v", err)
	}
}

package relate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/op"
)

func TestOneAggregatePerCountAndLevel(t *testing.T) {
	for _, n := range []int{1, 7, 300} {
		l := open(t, n, relate.Options{})
		l.insert("Shelf", "zz", "empty")
		rows := l.rows(op.Op{
			Kind: op.Find, Model: l.model("Shelf"), Fields: []string{"name"}, Sort: byID(),
			With: with("booksCount", "books.writersCount"),
		})
		if finds, aggregates := len(l.c.taken()), len(l.c.aggregates); finds != 2 || aggregates != 2 {
			t.Errorf("%d shelves took %d finds and %d aggregates, want 2 and 2", n, finds, aggregates)
		}
		if len(rows) != n+1 {
			t.Fatalf("%d rows", len(rows))
		}
		for i, row := range rows[:n] {
			if len(row) != 3 || row[0] != fmt.Sprintf("shelf %d", i) || row[1] != int64(3) {
				t.Fatalf("row %v", row)
			}
			if b := related(t, row[2]); len(b) != 3 || b[1][4] != int64(2) {
				t.Fatalf("books %v", b)
			}
		}
		if last := rows[n]; last[1] != int64(0) || len(related(t, last[2])) != 0 {
			t.Errorf("the empty shelf has %v", last)
		}
	}
}

func TestCountsOfTheUserAndOfACondition(t *testing.T) {
	l := open(t, 2, relate.Options{})
	rows := l.rows(op.Op{
		Kind: op.Find, Model: l.model("Shelf"), User: "ann", Sort: byID(),
		With: []op.With{{Relation: "BooksCount", Filter: op.Cmp("pages", op.Gt, int64(5))}},
	})
	if rows[0][2] != int64(2) || rows[1][2] != int64(2) {
		t.Errorf("got %v", rows)
	}
	if a := l.c.aggregates; len(a) != 1 || a[0].User != "ann" || len(a[0].Via.Keys) != 2 {
		t.Errorf("aggregates %+v", a)
	}
}

func TestCountsOfParentsInChunks(t *testing.T) {
	l := open(t, 25, relate.Options{Chunk: 10, Keys: 4})
	rows := l.rows(op.Op{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), With: with("booksCount")})
	if n := len(l.c.aggregates); n != 3+3+2 { // of chunks of 10, 10 and 5
		t.Errorf("%d aggregates", n)
	}
	for _, row := range rows {
		if row[2] != int64(3) {
			t.Fatalf("row %v", row)
		}
	}
}

func TestSinkIsToldCounts(t *testing.T) {
	l := open(t, 3, relate.Options{})
	m := l.model("Shelf")
	if f := relate.Fields(m, with("booksCount")); len(f) != 1 || f[0].Name != "id" {
		t.Fatalf("fields %v", f)
	}
	sink := newTray(m, []string{"id"})
	l.rows(op.Op{Kind: op.Find, Model: m, Fields: []string{"id"}, Sort: byID(), Sink: sink, With: with("booksCount")})
	for row := range 3 {
		if got := sink.attached[row]["booksCount"]; len(got) != 1 || got[0] != 3 {
			t.Errorf("row %d has the count %v", row, got)
		}
	}
	// A row that is there already.
	if err := relate.LoadFor(ctx, l.eng, "ann", m, sink, []int{1}, []op.With{{Relation: "booksCount", Filter: op.Cmp("pages", op.Eq, int64(0))}}); err != nil {
		t.Fatal(err)
	}
	if sink.attached[1]["booksCount"][0] != 1 || sink.attached[0]["booksCount"][0] != 3 {
		t.Errorf("got %v", sink.attached)
	}
	for i := range 101 {
		l.insert("Book", fmt.Sprint(i), shelf(0), "", int64(7))
	}
	if err := relate.Load(ctx, l.eng, m, sink, []int{0}, with("booksCount")); !errors.Is(err, errFull) {
		t.Errorf("the sink's error became %v", err)
	}
}

func TestExplainHasThePlansOfCounts(t *testing.T) {
	l := open(t, 2, relate.Options{})
	res := l.do(op.Op{Kind: op.Find, Model: l.model("Shelf"), With: with("booksCount"), Explain: true})
	if res.Plan == nil || len(res.Plan.With) != 1 || len(l.c.aggregates) != 1 || !l.c.aggregates[0].Explain {
		t.Errorf("plan %+v of %+v", res.Plan, l.c.aggregates)
	}
}

func TestCountErrors(t *testing.T) {
	l := open(t, 1, relate.Options{})
	for _, x := range []struct {
		with op.With
		want string
	}{
		{op.With{Relation: "booksCount", Limit: 3}, "Shelf: booksCount is a number"},
		{op.With{Relation: "booksCount", With: with("shelf")}, "booksCount is a number"},
		{op.With{Relation: "booksCount.shelf"}, "booksCount.shelf is not a relation of Shelf; there are books, label, booksCount"},
		{op.With{Relation: "booksCount", Filter: op.Cmp("nope", op.Eq, 1)}, "nope"},
	} {
		_, err := all(l.eng, op.Op{Kind: op.Find, Model: l.model("Shelf"), With: []op.With{x.with}})
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v: %v", x.with, err)
		}
	}
	two := []op.With{{Relation: "booksCount", Filter: op.Cmp("pages", op.Eq, int64(0))}, {Relation: "booksCount", Filter: op.Cmp("pages", op.Eq, int64(1))}}
	if _, err := all(l.eng, op.Op{Kind: op.Find, Model: l.model("Shelf"), With: two}); !errors.Is(err, op.ErrValidation) {
		t.Errorf("counted twice with two conditions: %v", err)
	}
}

package relate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/op"
)

func with(names ...string) []op.With {
	out := make([]op.With, len(names))
	for i, n := range names {
		out[i].Relation = n
	}
	return out
}

func byID() []op.Sort { return []op.Sort{{Field: "id"}} }

func TestOneFindPerRelationAndLevel(t *testing.T) {
	for _, n := range []int{1, 7, 300} {
		l := open(t, n, relate.Options{})
		rows := l.rows(op.Op{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), With: with("books.writers", "label", "books.shelf")})
		finds := l.c.taken()
		if len(finds) != 5 {
			t.Errorf("%d shelves took %d finds, want 5", n, len(finds))
		}
		if len(rows) != n {
			t.Fatalf("%d rows, want %d", len(rows), n)
		}
		for i, row := range rows {
			if len(row) != 4 {
				t.Fatalf("row %v", row)
			}
			books := related(t, row[2])
			if len(books) != 3 || books[1][0] != shelf(i)+"-1" {
				t.Fatalf("books %v", books)
			}
			if w := related(t, books[2][4]); len(w) != 2 || w[0][0] != int64(3) || w[1][1] != "writer 4" {
				t.Fatalf("writers %v", w)
			}
			if s := related(t, books[0][5]); len(s) != 1 || s[0][0] != shelf(i) {
				t.Fatalf("shelf %v", s)
			}
			if n := len(related(t, row[3])); n != min(i, 1) {
				t.Fatalf("%d labels", n)
			}
		}
	}
}

func TestConditionsHoldPerParent(t *testing.T) {
	l := open(t, 3, relate.Options{})
	rows := l.rows(op.Op{
		Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), Fields: []string{"name"},
		With: []op.With{{
			Relation: "Books", Filter: op.Cmp("pages", op.Lt, int64(20)), Sort: []op.Sort{{Field: "pages", Desc: true}}, Limit: 1,
			Fields: []string{"title"}, With: with("shelf"),
		}},
	})
	if len(rows) != 3 {
		t.Fatalf("%v", rows)
	}
	for i, row := range rows {
		if len(row) != 2 || row[0] != fmt.Sprintf("shelf %d", i) {
			t.Fatalf("row %v: fields that were not asked for must go again", row)
		}
		books := related(t, row[1])
		if len(books) != 1 || len(books[0]) != 2 || books[0][0] != "title 1" || related(t, books[0][1])[0][0] != shelf(i) {
			t.Fatalf("books %v", books)
		}
	}
}

func TestBelongsToIsSharedAndNullLeadsNowhere(t *testing.T) {
	l := open(t, 2, relate.Options{})
	rows := l.rows(op.Op{Kind: op.Find, Model: l.model("Book"), Sort: byID(), With: with("shelf")})
	finds := l.c.taken()
	if len(finds) != 2 || len(finds[1].Via.Keys) != 2 {
		t.Fatalf("the keys are not distinct: %v", finds)
	}
	first, second := related(t, rows[0][4]), related(t, rows[1][4])
	if &first[0][0] != &second[0][0] {
		t.Error("two books of a shelf have different rows of it")
	}
	if stray := related(t, rows[6][4]); len(stray) != 0 {
		t.Errorf("a book without a shelf has %v", stray)
	}
}

func TestNoFindForNoKeys(t *testing.T) {
	l := open(t, 1, relate.Options{})
	l.rows(op.Op{Kind: op.Find, Model: l.model("Book"), Filter: op.Cmp("id", op.Eq, "stray"), With: with("shelf")})
	l.rows(op.Op{Kind: op.Find, Model: l.model("Book"), Filter: op.Cond{Kind: op.False}, With: with("shelf", "writers")})
	if n := len(l.c.taken()); n != 2 {
		t.Errorf("%d finds, want 2", n)
	}
}

func TestStreamReadsChunks(t *testing.T) {
	l := open(t, 25, relate.Options{Chunk: 10, Keys: 4})
	rows := l.rows(op.Op{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), With: with("books")})
	// Three chunks, of which each takes a find for four parents.
	if n := len(l.c.taken()); n != 1+3+3+2 {
		t.Errorf("%d finds", n)
	}
	for i, row := range rows {
		if b := related(t, row[2]); len(b) != 3 || b[0][1] != shelf(i) {
			t.Fatalf("books of %d: %v", i, b)
		}
	}
	// With a limit that a chunk holds, the parents are closed before children are read.
	l.c.most = 0
	l.rows(op.Op{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), Limit: 10, With: with("books")})
	if l.c.most != 1 {
		t.Errorf("%d finds were open at once", l.c.most)
	}
}

func TestTransactionReadsParentsFirst(t *testing.T) {
	l := open(t, 25, relate.Options{Chunk: 10})
	tx, err := l.eng.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Do(ctx, op.Op{Kind: op.Insert, Model: l.model("Book"), Rows: [][]any{{"new", shelf(3), "new", int64(1)}}}); err != nil {
		t.Fatal(err)
	}
	rows, err := all(tx, op.Op{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), With: with("books")})
	if err != nil {
		t.Fatal(err)
	}
	if l.c.most != 1 || len(l.c.taken()) != 2 {
		t.Errorf("%d finds were open at once", l.c.most)
	}
	if n := len(related(t, rows[3][2])); n != 4 {
		t.Errorf("the transaction's own book is not there: %d", n)
	}
}

func TestEagerRelationsAndCycles(t *testing.T) {
	l := open(t, 0, relate.Options{})
	l.insert("Team", "t")
	l.insert("Member", "m", "t")
	l.insert("Badge", "b", "m")
	rows := l.rows(op.Op{Kind: op.Find, Model: l.model("Team")})
	members := related(t, rows[0][1])
	if len(members) != 1 || len(related(t, members[0][2])) != 1 {
		t.Errorf("members %v", members)
	}
	rows = l.rows(op.Op{Kind: op.Find, Model: l.model("Team"), Fields: []string{"id"}})
	if len(rows[0]) != 1 {
		t.Errorf("a find of some fields has relations: %v", rows[0])
	}
	team := l.model("Team")
	once := relate.Expand(team, nil)
	if fmt.Sprint(relate.Expand(team, once)) != fmt.Sprint(once) || len(once) != 1 || len(once[0].With) != 1 {
		t.Errorf("expanded to %v", once)
	}
}

func TestExpandMergesPaths(t *testing.T) {
	l := open(t, 0, relate.Options{})
	m := l.model("Shelf")
	w := relate.Expand(m, []op.With{
		{Relation: "books.writers"}, {Relation: "Books", Limit: 2}, {Relation: "books.shelf.label"}, {Relation: "label"},
	})
	if len(w) != 2 || w[0].Relation != "books" || w[0].Limit != 2 || len(w[0].With) != 2 || w[0].With[1].With[0].Relation != "label" {
		t.Errorf("got %+v", w)
	}
	f := relate.Fields(l.model("Book"), with("shelf.books", "writers"))
	if len(f) != 2 || f[0].Name != "shelfId" || f[1].Name != "id" {
		t.Errorf("fields %v", f)
	}
}

func TestErrors(t *testing.T) {
	l := open(t, 3, relate.Options{})
	shelfM := l.model("Shelf")
	for _, x := range []struct {
		with []op.With
		want string
	}{
		{with("nope"), "nope is not a relation of Shelf; there are books, label"},
		{with("books.nope"), "nope is not a relation of Book; there are shelf, writers"},
		{[]op.With{{Relation: "books", Limit: 1}, {Relation: "books", Limit: 2}}, "books is asked for twice"},
		{[]op.With{{Relation: "books", Fields: []string{"nope"}}}, "Book: nope is not a field; there are id"},
		{[]op.With{{Relation: "books", Limit: -1}}, "must not be negative"},
	} {
		_, err := all(l.eng, op.Op{Kind: op.Find, Model: shelfM, With: x.with})
		if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v: %v", x.with, err)
		}
	}
	// Also without a parent that the relation would be read for.
	_, err := all(l.eng, op.Op{Kind: op.Find, Model: shelfM, Filter: op.Cond{Kind: op.False}, With: []op.With{{Relation: "books", Filter: op.Cmp("nope", op.Eq, 1)}}})
	if !errors.Is(err, op.ErrValidation) || !strings.Contains(err.Error(), "Book: nope is not a field") {
		t.Errorf("a condition on no rows: %v", err)
	}
	_, err = all(l.eng, op.Op{Kind: op.Find, Model: shelfM, Fields: []string{"name"}, Distinct: true, With: with("books")})
	if !errors.Is(err, op.ErrValidation) {
		t.Errorf("distinct: %v", err)
	}

	boom := errors.New("boom")
	l.c.fail = func(o op.Op) error {
		if o.Via != nil {
			return boom
		}
		return nil
	}
	rows, err := all(l.eng, op.Op{Kind: op.Find, Model: shelfM, With: with("books")})
	if !errors.Is(err, boom) || len(rows) != 0 || l.c.open != 0 {
		t.Errorf("rows %v, error %v, %d open", rows, err, l.c.open)
	}
}

func TestBatchLoadsRelationsOfItsFinds(t *testing.T) {
	l := open(t, 2, relate.Options{})
	res := l.do(op.Op{Kind: op.Batch, Batch: []op.Op{
		{Kind: op.Count, Model: l.model("Book")},
		{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), With: with("books")},
	}})
	rows := res.Batch[1].Rows
	defer rows.Close()
	if !rows.Next() || len(related(t, rows.Row()[2])) != 3 {
		t.Errorf("row %v, error %v", rows.Row(), rows.Err())
	}
}

func TestExplainHasThePlansOfRelations(t *testing.T) {
	l := open(t, 2, relate.Options{})
	res := l.do(op.Op{Kind: op.Find, Model: l.model("Shelf"), With: with("books.writers", "label"), Explain: true})
	if res.Plan == nil || len(res.Plan.With) != 2 || len(res.Plan.With[0].With) != 1 {
		t.Errorf("plan %+v", res.Plan)
	}
}

func TestHasOneTakesTheFirst(t *testing.T) {
	l := open(t, 2, relate.Options{})
	l.insert("Label", int64(99), shelf(1), "second")
	rows := l.rows(op.Op{Kind: op.Find, Model: l.model("Shelf"), Sort: byID(), With: with("label")})
	if got := related(t, rows[1][2]); len(got) != 1 || got[0][0] != int64(1) {
		t.Errorf("label %v", got)
	}
}

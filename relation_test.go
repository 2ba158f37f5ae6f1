package weft_test

import (
	"fmt"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

// library makes three authors with four, two and no books, the books of the
// first in two genres.
func library(t *testing.T, db *weft.DB) []*Author {
	t.Helper()
	ctx := t.Context()
	authors := []*Author{{Name: "Ann"}, {Name: "Ben"}, {Name: "Cyd"}}
	must(t, weft.Repo[Author](db).CreateMany(ctx, authors))
	must(t, weft.Repo[Bio](db).Create(ctx, &Bio{AuthorID: authors[0].ID, Text: "bio"}))
	genres := []*Genre{{Name: "crime"}, {Name: "drama"}}
	must(t, weft.Repo[Genre](db).CreateMany(ctx, genres))
	for i, n := range []int{4, 2} {
		for j := range n {
			b := &Book{AuthorID: authors[i].ID, Title: fmt.Sprintf("%s %d", authors[i].Name, j), Pages: int64(10 * j)}
			must(t, weft.Repo[Book](db).Create(ctx, b))
			if i == 0 {
				link(t, db, b.ID, genres[j%2].ID)
				if j == 0 {
					link(t, db, b.ID, genres[1].ID)
				}
			}
		}
	}
	return authors
}

// link writes a row of the join model that the relation made.
func link(t *testing.T, db *weft.DB, bookID string, genreID int64) {
	t.Helper()
	m := db.Schema().Model("BookGenre")
	if m == nil {
		t.Fatal("no join model")
	}
	row := make([]any, len(m.Fields))
	row[m.Field("bookId").Pos], row[m.Field("genreId").Pos] = bookID, genreID
	_, err := db.Engine().Do(t.Context(), op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row}})
	must(t, err)
}

func TestEager(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		library(t, db)
		sw.Reset()
		list, err := weft.Repo[Author](db).With("books.genres", "profile").OrderBy("name", weft.Asc).All(ctx)
		must(t, err)
		equal(t, sw.Count(op.Find), 4)
		equal(t, len(list), 3)
		equal(t, len(list[0].Books), 4)
		equal(t, len(list[1].Books), 2)
		if list[2].Books == nil || len(list[2].Books) != 0 || !weft.Loaded(list[2], "books") {
			t.Fatal("no books is an empty list, loaded")
		}
		equal(t, list[0].Profile.Text, "bio")
		if list[1].Profile != nil || !weft.Loaded(list[1], "profile") || weft.Loaded(list[1], "nope") {
			t.Fatal("profile of Ben")
		}
		genres := 0
		for _, b := range list[0].Books {
			genres += len(b.Genres)
		}
		equal(t, genres, 5)
		if weft.Loaded(list[0].Books[0], "author") {
			t.Fatal("author was not asked for")
		}

		back, err := weft.Repo[Genre](db).With("books.author").OrderBy("name", weft.Asc).All(ctx)
		must(t, err)
		equal(t, len(back[0].Books), 2)
		equal(t, len(back[1].Books), 3)
		equal(t, back[0].Books[0].Author.Name, "Ann")
	})
}

func TestWithQueryLimitsPerParent(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		library(t, db)
		sw.Reset()
		list, err := weft.Repo[Author](db).OrderBy("name", weft.Asc).
			WithQuery("books", func(r *weft.Rel) {
				r.Filter(weft.If("pages", ">", 0)).OrderBy("pages", weft.Desc).Limit(2).Select("title").With("genres")
			}).All(ctx)
		must(t, err)
		equal(t, sw.Count(op.Find), 3)
		equal(t, len(list[0].Books), 2)
		equal(t, list[0].Books[0].Title, "Ann 3")
		equal(t, list[0].Books[1].Title, "Ann 2")
		equal(t, len(list[0].Books[0].Genres), 1)
		equal(t, len(list[1].Books), 1)
		genres, err := weft.Repo[Genre](db).OrderBy("name", weft.Asc).
			WithQuery("books", func(r *weft.Rel) { r.OrderBy("title", weft.Desc).Limit(1) }).All(ctx)
		must(t, err)
		equal(t, len(genres[0].Books), 1)
		equal(t, genres[0].Books[0].Title, "Ann 2")
		equal(t, genres[1].Books[0].Title, "Ann 3")
		_, err = weft.Repo[Author](db).WithQuery("books", func(r *weft.Rel) { r.Where("nope", "=", 1) }).All(ctx)
		is(t, err, weft.ErrValidation)
		_, err = weft.Repo[Author](db).WithQuery("books", func(r *weft.Rel) { r.Where("pages", "nope", 1) }).All(ctx)
		is(t, err, weft.ErrValidation)
	})
}

func TestLazy(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		library(t, db)
		authors := weft.Repo[Author](db)
		list, err := authors.OrderBy("name", weft.Asc).All(ctx)
		must(t, err)
		a := list[0]
		cp := *a
		must(t, authors.Load(ctx, a, "books.genres", "profile"))
		equal(t, len(a.Books), 4)
		if weft.Loaded(&cp, "books") || !weft.Loaded(a, "Books") {
			t.Fatal("the copy's state was changed")
		}
		a.Name = "Anna"
		must(t, authors.Save(ctx, a))
		if !weft.Loaded(a, "books") || len(a.Books) != 4 {
			t.Fatal("Save forgets relations")
		}
		must(t, weft.Repo[Book](db).Create(ctx, &Book{AuthorID: a.ID, Title: "new"}))
		must(t, authors.Load(ctx, a, "books"))
		equal(t, len(a.Books), 5)
		sw.Reset()
		must(t, authors.LoadAll(ctx, list, "books"))
		equal(t, sw.Count(op.Find), 1)
		equal(t, len(list[1].Books), 2)
		err = authors.Load(ctx, a, "nope")
		is(t, err, weft.ErrValidation)
		says(t, err, "nope", "books", "profile")
		made := &Author{Name: "x"}
		made.ID = a.ID
		must(t, authors.Load(ctx, made, "books"))
		equal(t, len(made.Books), 5)
	})
}

func TestRelationsInTransaction(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		list := library(t, db)
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			if err := weft.Repo[Book](tx).Create(ctx, &Book{AuthorID: list[2].ID, Title: "in"}); err != nil {
				return err
			}
			n := 0
			for a, err := range weft.Repo[Author](tx).With("books").Iter(ctx) {
				if err != nil {
					return err
				}
				n += len(a.Books)
				if _, err := weft.Repo[Author](tx).Update(ctx, a.ID, weft.Set{"age": 3}); err != nil {
					return err
				}
			}
			equal(t, n, 7)
			return nil
		}))
	})
}

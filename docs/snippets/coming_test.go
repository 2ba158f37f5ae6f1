package snippets

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// snippet:popular
func popular(q *weft.Query[Book]) *weft.Query[Book] { return q.Where("sold", ">", 10) }

// end:popular

// What stands on the right of the tables in docs/coming-from-*.md.
func TestCalls(t *testing.T) {
	ctx := t.Context()
	now := func() time.Time { return time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC) }
	statements := ""
	trace := func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
		statements += c.SQL()
		return ctx, nil
	}
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "shop.db"), sqlite.Readers(10)),
		weft.Models(Author{}, Book{}, Genre{}), weft.AutoMigrate(),
		weft.Log(slog.Default(), 200*time.Millisecond), weft.Observe(trace), weft.Clock(now))
	must(t, err)
	authors, books, genres := weft.Repo[Author](db), weft.Repo[Book](db), weft.Repo[Genre](db)

	a := &Author{Name: "Ada"}
	must(t, authors.Create(ctx, a))
	b := &Book{AuthorID: a.ID, Title: "Go by night", Sold: 12, Meta: map[string]any{"lang": "en"}}
	must(t, books.Create(ctx, b))
	list := []*Book{{AuthorID: a.ID, Title: "One", Sold: 1}, {AuthorID: a.ID, Title: "Two", Sold: 20}}
	must(t, books.CreateMany(ctx, list))
	c := books.New()
	c.AuthorID, c.Title = a.ID, "Three"
	must(t, books.Create(ctx, c))
	created, err := authors.OnConflict("name").Create(ctx, &Author{Name: "Ada"})
	must(t, err)
	same(t, created, false)
	created, err = authors.OnConflict("name").Update("email").Create(ctx, &Author{Name: "Ada", Email: "ada@example.org"})
	must(t, err)
	same(t, created, false)
	n, err := authors.OnConflict("name").Update("email").CreateMany(ctx, []*Author{a})
	must(t, err)
	same(t, n, 1)
	if err := authors.Create(ctx, &Author{Name: "Ada"}); !errors.Is(err, weft.ErrConflict) {
		t.Fatal(err)
	}

	id, ids, titles := b.ID, []string{b.ID, c.ID}, []string{"One", "Two"}
	one := func(b *Book, err error) {
		t.Helper()
		must(t, err)
		if b == nil {
			t.Fatal("no book")
		}
	}
	some := func(want int) func(list []*Book, err error) {
		return func(list []*Book, err error) {
			t.Helper()
			must(t, err)
			same(t, len(list), want)
		}
	}
	one(books.Find(ctx, id))
	one(books.Get(ctx, id))
	one(books.First(ctx))
	one(books.OrderBy("id", weft.Desc).First(ctx))
	some(4)(books.All(ctx))
	some(2)(books.WhereIn("id", ids).All(ctx))
	some(2)(books.Where("sold", ">", 5).Where("inPrint", "=", true).All(ctx))
	some(2)(books.WhereIn("title", titles).All(ctx))
	some(1)(books.Where("title", "like", "go").All(ctx))
	some(1)(books.Where("title", "starts with", "Go").All(ctx))
	some(3)(books.Where("sold", "between", []int{1, 100}).All(ctx))
	some(4)(books.Where("released", "=", nil).All(ctx))
	some(1)(books.Where("title", "=", "One").Where("sold", "=", 1).All(ctx))
	some(3)(books.Filter(weft.Not(weft.If("title", "=", "One"))).All(ctx))
	some(3)(books.Filter(weft.Or(weft.If("sold", ">", 10), weft.If("title", "=", "One"))).All(ctx))
	some(3)(books.Filter(weft.Or(weft.If("sold", ">", 10), weft.If("title", "=", "One"))).Where("inPrint", "=", true).All(ctx))
	some(1)(books.Where("meta.lang", "=", "en").All(ctx))
	_, err = authors.Filter(weft.Has("books")).All(ctx)
	must(t, err)
	some(4)(books.OrderBy("sold", weft.Desc).OrderBy("title", weft.Asc).All(ctx))
	some(0)(books.Limit(20).Offset(40).All(ctx))
	page, err := books.Limit(2).Page(ctx)
	must(t, err)
	cursor := page.Cursor
	page, err = books.Limit(20).After(cursor).Page(ctx)
	must(t, err)
	same(t, len(page.Data), 2)
	some(4)(books.Select("title", "sold").All(ctx))
	some(1)(books.Select("authorId").Distinct().All(ctx))
	texts, err := weft.Pluck(ctx, books, weft.Col[string]("title"))
	must(t, err)
	same(t, len(texts), 4)
	n, err = books.Count(ctx)
	must(t, err)
	same(t, n, 4)
	found, err := books.Where("sold", ">", 5).Exists(ctx)
	must(t, err)
	same(t, found, true)
	sum, err := books.Sum(ctx, "sold")
	must(t, err)
	same(t, sum.Int64(), 33)
	type row struct {
		AuthorID string
		Sold     int64
	}
	rows, err := weft.Into[row](ctx, books.GroupBy("authorId").Agg(weft.Sum("sold", "sold")).Having(weft.If("sold", ">", 10)))
	must(t, err)
	same(t, len(rows), 1)
	type line struct {
		Title string
		Sold  int64
	}
	lines, err := weft.Into[line](ctx, books)
	must(t, err)
	same(t, len(lines), 4)
	some(4)(books.With("author").All(ctx))
	some(4)(books.Filter(weft.Has("author", weft.If("name", "=", "Ada"))).All(ctx))
	some(4)(books.With("author", "genres").All(ctx))
	_, err = authors.With("books.genres").All(ctx)
	must(t, err)
	whole, err := authors.WithQuery("books", func(r *weft.Rel) { r.Where("sold", ">", 5) }).All(ctx)
	must(t, err)
	same(t, len(whole[0].Books), 2)
	for b, err := range books.Iter(ctx) {
		must(t, err)
		same(t, b.AuthorID, a.ID)
	}
	some(2)(books.Apply(popular).All(ctx))

	g := &Genre{Name: "crime"}
	must(t, genres.Create(ctx, g))
	must(t, authors.Load(ctx, a, "books"))
	must(t, books.Link(ctx, b, "genres", weft.Key(g.ID)))
	n, err = genres.Filter(weft.Has("books", weft.If("id", "=", b.ID))).Count(ctx)
	must(t, err)
	same(t, n, 1)
	must(t, books.Unlink(ctx, b, "genres", weft.Key(g.ID)))
	must(t, books.Relink(ctx, b, "genres", weft.Key(g.ID)))
	must(t, books.Relink(ctx, b, "genres"))

	one(books.Update(ctx, id, weft.Set{"title": "New"}))
	one(books.Update(ctx, id, weft.Set{"title": "New", "sold": 0}))
	one(books.Update(ctx, id, weft.Set{"sold": weft.Inc(1)}))
	now1, err := books.Increment(ctx, id, "sold", 1)
	must(t, err)
	same(t, now1.Int64(), 2)
	b, err = books.Find(ctx, id)
	must(t, err)
	b.Title = "Newer"
	same(t, weft.Changed(b)[0], "title")
	version := weft.VersionOf(b)
	must(t, books.Save(ctx, b))
	if _, err := books.Update(ctx, id, weft.Set{"title": "New"}.IfVersion(version)); !errors.Is(err, weft.ErrConflict) {
		t.Fatal(err)
	}
	n, err = books.Where("sold", "=", 0).Update(ctx, weft.Set{"inPrint": false})
	must(t, err)
	same(t, n, 1)
	n, err = books.Filter(weft.Everything()).Update(ctx, weft.Set{"inPrint": true})
	must(t, err)
	same(t, n, 4)
	some(1)(books.Where("sold", ">", 5).UpdateAll(ctx, weft.Set{"inPrint": false}))
	var conflict *weft.ConflictError
	err = books.Create(ctx, &Book{AuthorID: "nobody", Title: "x"})
	if !errors.As(err, &conflict) || conflict.Reason != "reference" {
		t.Fatal(err)
	}

	must(t, db.Tx(ctx, func(tx *weft.DB) error {
		if _, err := books.In(tx).Lock().First(ctx); err != nil {
			return err
		}
		return tx.Tx(ctx, func(tx *weft.DB) error { return nil })
	}))
	must(t, db.Tx(ctx, func(tx *weft.DB) error { return nil }, weft.ReadOnly()))
	must(t, db.InTx(ctx, func(ctx context.Context) error {
		_, err := weft.Repo[Book](weft.From(ctx)).Count(ctx)
		return err
	}))
	hook := func(ctx context.Context, b *Book) error { return nil }
	must(t, weft.On(db, weft.OnBeforeCreate, hook))

	lines, err = weft.SQL[line](ctx, db, "SELECT title, sold FROM books WHERE sold > ?", 5)
	must(t, err)
	same(t, len(lines), 1)
	n, err = db.Exec(ctx, "UPDATE books SET sold = ?", 0)
	must(t, err)
	same(t, n, 4)
	plan, err := books.Where("sold", ">", 5).Explain(ctx)
	must(t, err)
	same(t, len(plan.SQL), 1)

	existed, err := books.Delete(ctx, id)
	must(t, err)
	same(t, existed, true)
	n, err = books.Where("sold", "=", 0).Delete(ctx)
	must(t, err)
	same(t, n, 3)
	if _, err := books.Find(ctx, id); !errors.Is(err, weft.ErrNotFound) {
		t.Fatal(err)
	}
	must(t, db.Close())
	same(t, strings.Contains(statements, "UPDATE"), true)
}

func same[V comparable](t *testing.T, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

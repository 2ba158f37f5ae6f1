package weft_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// bookshelf has books by title, in this order.
func bookshelf(t *testing.T, db *weft.DB, titles ...string) []*Book {
	t.Helper()
	author := &Author{Name: fmt.Sprint("author of ", titles)}
	must(t, weft.Repo[Author](db).Create(t.Context(), author))
	var list []*Book
	for i, title := range titles {
		list = append(list, &Book{AuthorID: author.ID, Title: title, Pages: int64(i)})
	}
	must(t, weft.Repo[Book](db).CreateMany(t.Context(), list))
	return list
}

func listed(list []*Book) string {
	var out []string
	for _, b := range list {
		out = append(out, b.Title)
	}
	return strings.Join(out, "|")
}

func TestMatch(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		bookshelf(t, db, "Red Shoes", "Blue shoes", "The red, red rose", "Shred")
		books := weft.Repo[Book](db)
		for i, c := range []struct {
			cond weft.Cond
			want string
		}{
			{weft.Match("red"), "Red Shoes|The red, red rose"},
			{weft.Match("RED", "title"), "Red Shoes|The red, red rose"},
			{weft.Match("red", "Title"), "Red Shoes|The red, red rose"},
			{weft.Match("red shoes"), "Red Shoes"},
			{weft.Match(`"red red"`), "The red, red rose"},
			{weft.Match("sh*"), "Red Shoes|Blue shoes|Shred"},
			{weft.Match("sh* -blue"), "Blue shoes"},
			{weft.Match(""), ""},
			{weft.Match("*"), ""},
			{weft.Match("shoes OR rose"), ""},
			{weft.Or(weft.Match("blue"), weft.Match("rose")), "Blue shoes|The red, red rose"},
			{weft.Not(weft.Match("red")), "Blue shoes|Shred"},
			{weft.And(weft.Match("shoes"), weft.If("pages", ">", 0)), "Blue shoes"},
			{weft.Has("author", weft.Has("books", weft.Match("shred"))), "Red Shoes|Blue shoes|The red, red rose|Shred"},
			{weft.Not(weft.Has("author", weft.Has("books", weft.Match("shred")))), ""},
		} {
			q := books.Filter(c.cond).OrderBy("pages", weft.Asc)
			list, err := q.All(ctx)
			must(t, err)
			if got := listed(list); got != c.want {
				t.Errorf("condition %d: got %s, want %s", i, got, c.want)
			}
			n, err := q.Count(ctx)
			must(t, err)
			equal(t, n, int64(len(list)))
			var seen []*Book
			for b, err := range q.Iter(ctx) {
				must(t, err)
				seen = append(seen, b)
			}
			equal(t, listed(seen), c.want)
		}
		sum, err := books.Filter(weft.Match("shoes")).Sum(ctx, "pages")
		must(t, err)
		equal(t, sum.String(), "1")
		n, err := books.Filter(weft.Match("shoes")).Update(ctx, weft.Set{"title": "Boots"})
		must(t, err)
		equal(t, n, 2)
		n, err = books.Filter(weft.Match("boots")).Delete(ctx)
		must(t, err)
		equal(t, n, 2)
		left, err := books.Filter(weft.Not(weft.Match("boots"))).OrderBy("pages", weft.Asc).All(ctx)
		must(t, err)
		equal(t, listed(left), "The red, red rose|Shred")
	})
}

func TestMatchByRank(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		bookshelf(t, db, "a rose in a garden", "Rose", "rose and rose", "a rose in a garden", "tulip")
		books := weft.Repo[Book](db)
		q := books.Filter(weft.Match("rose")).Sort(weft.ByRank(), weft.By("pages", weft.Desc))
		list, err := q.Select("title", "pages").All(ctx)
		must(t, err)
		equal(t, listed(list), "rose and rose|Rose|a rose in a garden|a rose in a garden")
		equal(t, list[2].Pages, 3)

		page, err := q.Limit(2).Offset(1).Page(ctx)
		must(t, err)
		equal(t, listed(page.Data), "Rose|a rose in a garden")
		equal(t, page.HasMore, true)
		equal(t, page.Cursor, "")
		_, err = q.After("x").All(ctx)
		says(t, err, "an order by rank has no cursors", "Limit and Offset")
		is(t, err, weft.ErrValidation)
		first, err := q.First(ctx)
		must(t, err)
		equal(t, first.Title, "rose and rose")

		_, err = books.Sort(weft.ByRank()).All(ctx)
		says(t, err, "nothing is searched for")
		_, err = books.Filter(weft.Not(weft.Match("rose"))).Sort(weft.ByRank()).All(ctx)
		says(t, err, "not inside Not or Has")
		_, err = weft.Into[map[string]any](ctx, books.Filter(weft.Match("rose")).GroupBy("pages").Agg(weft.Count("n")).Sort(weft.ByRank()))
		says(t, err, "groups have no rank")

		// Two of each author by rank.
		authors, err := weft.Repo[Author](db).WithQuery("books", func(r *weft.Rel) {
			r.Filter(weft.Match("rose")).Sort(weft.ByRank()).Limit(2)
		}).All(ctx)
		must(t, err)
		equal(t, listed(authors[0].Books), "rose and rose|Rose")

		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			n := 0
			for b, err := range books.In(tx).Filter(weft.Match("rose")).Iter(ctx) {
				must(t, err)
				b.Title = "tulips"
				must(t, books.In(tx).Save(ctx, b))
				n++
			}
			equal(t, n, 4)
			n2, err := books.In(tx).Filter(weft.Match("tulips")).Count(ctx)
			must(t, err)
			equal(t, n2, 4)
			for _, err := range books.In(tx).Filter(weft.Match("tulips")).Sort(weft.ByRank()).Iter(ctx) {
				says(t, err, "by rank")
			}
			return nil
		}))
	})
}

func TestMatchRefused(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		for _, c := range []struct {
			cond weft.Cond
			says string
		}{
			{weft.Match("x", "lang"), `lang is not a search field (tag weft:"search"); there are title`},
			{weft.Match("x", "titel"), "did you mean title?"},
			{weft.Match("a\x00b"), "NUL"},
			{weft.Match(strings.Repeat("\u00e9 ", 50) + many(101)), "it may have 100"},
			{weft.Has("author", weft.Match("x")), "Author has no search fields"},
		} {
			_, err := books.Filter(c.cond).All(ctx)
			is(t, err, weft.ErrValidation)
			says(t, err, c.says)
		}
		_, err := weft.Into[map[string]any](ctx, books.Filter(weft.Match("one")).GroupBy("lang").Agg(weft.Count("n")).Having(weft.Match("x")))
		says(t, err, "searches go before GroupBy")
		none, err := books.Filter(weft.Match("x" + strings.Repeat("y", 1<<20))).Count(ctx)
		must(t, err)
		equal(t, none, 0)
	})
}

// many are n different words.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "w%d ", i)
	}
	return b.String()
}

func TestMatchForAUser(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		for _, user := range []string{"ann", "ben"} {
			must(t, weft.Repo[Note](db.User(user)).Create(ctx, &Note{Text: "a secret of " + user}))
		}
		ann := weft.Repo[Note](db.User("ann"))
		list, err := ann.Filter(weft.Match("secret")).Sort(weft.ByRank()).All(ctx)
		must(t, err)
		equal(t, len(list), 1)
		equal(t, list[0].Text, "a secret of ann")
		n, err := ann.Filter(weft.Or(weft.Match("ben"), weft.Match("secret"))).Delete(ctx)
		must(t, err)
		equal(t, n, 1)
		n, err = weft.Repo[Note](db).Filter(weft.Match("secret")).Count(ctx)
		must(t, err)
		equal(t, n, 1)
	})
}

// without takes full-text search away from an engine.
type without struct{ op.Engine }

func (w without) Caps() op.Caps {
	c := w.Engine.Caps()
	c.Flags &^= op.CapFullTextSearch
	return c
}

func TestMatchWithoutTheCapability(t *testing.T) {
	ctx := t.Context()
	db, err := weft.Open(without{mem.Open()}, allModels(), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	books := weft.Repo[Book](db)
	for _, q := range []*weft.Query[Book]{
		books.Filter(weft.Match("x")), books.Filter(weft.Not(weft.Match(""))),
		books.Filter(weft.Has("author", weft.Has("books", weft.Match("x")))),
	} {
		_, err := q.All(ctx)
		is(t, err, weft.ErrUnsupported)
		says(t, err, "mem has no full-text search")
		_, err = q.Update(ctx, weft.Set{"pages": 1})
		is(t, err, weft.ErrUnsupported)
	}
	_, err = weft.Repo[Author](db).WithQuery("books", func(r *weft.Rel) { r.Filter(weft.Match("x")) }).All(ctx)
	must(t, err) // nobody to load books of
	bookshelf(t, db, "x")
	_, err = weft.Repo[Author](db).WithQuery("books", func(r *weft.Rel) { r.Filter(weft.Match("x")) }).All(ctx)
	is(t, err, weft.ErrUnsupported)
}

// TestMatchWithoutAnIndex opens a table that nobody has migrated.
func TestMatchWithoutAnIndex(t *testing.T) {
	ctx := t.Context()
	file := t.TempDir() + "/found.db"
	type Page struct {
		ID   int64 `weft:"primary,auto"`
		Text string
	}
	plain, err := weft.Open(sqlite.Open(file), weft.Models(Page{}), weft.AutoMigrate())
	must(t, err)
	must(t, weft.Repo[Page](plain).Create(ctx, &Page{Text: "red shoes"}))
	must(t, plain.Close())

	db, err := weft.Open(sqlite.Open(file), weft.Models(searched{}))
	must(t, err)
	_, err = weft.Repo[searched](db).Filter(weft.Match("red")).All(ctx)
	is(t, err, weft.ErrUnsupported)
	says(t, err, "the table pages of model searched has no full-text index", "weft.AutoMigrate()")
	_, err = weft.Repo[searched](db).Filter(weft.Match("!")).All(ctx)
	is(t, err, weft.ErrUnsupported)
	must(t, db.Close())

	db, err = weft.Open(sqlite.Open(file), weft.Models(searched{}), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	n, err := weft.Repo[searched](db).Filter(weft.Match("red")).Count(ctx)
	must(t, err)
	equal(t, n, 1)
	plan, err := weft.Repo[searched](db).Filter(weft.Match("red")).Explain(ctx)
	must(t, err)
	equal(t, fmt.Sprint(plan.Index), "[pages (rowid) weft_search_pages_words weft_search_pages_docs (rowid)]")
	equal(t, len(plan.Scan), 0)
}

type searched struct {
	ID   int64  `weft:"primary,auto"`
	Text string `weft:"search"`
}

func (searched) Weft() weft.Options { return weft.Options{Table: "pages"} }

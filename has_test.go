package weft_test

import (
	"fmt"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
)

func TestHas(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		library(t, db)
		authors, books := weft.Repo[Author](db), weft.Repo[Book](db)
		crime := weft.Has("genres", weft.If("name", "=", "crime"))
		for i, c := range []struct {
			cond weft.Cond
			want string
		}{
			{weft.Has("books"), "[Ann Ben]"},
			{weft.Has("Books"), "[Ann Ben]"},
			{weft.Has("books", weft.If("pages", ">", 10)), "[Ann]"},
			{weft.Has("books", weft.If("pages", "=", 10), weft.If("title", "starts with", "B")), "[Ben]"},
			{weft.Has("books", weft.Or()), "[]"},
			{weft.Has("books", weft.Everything()), "[Ann Ben]"},
			{weft.Not(weft.Has("books")), "[Cyd]"},
			{weft.Not(weft.Has("books", weft.If("pages", ">", 10))), "[Ben Cyd]"},
			{weft.Or(weft.Has("profile"), weft.If("name", "=", "Cyd")), "[Ann Cyd]"},
			{weft.Has("books", crime), "[Ann]"},
			{weft.Has("books", weft.Not(crime)), "[Ann Ben]"},
			{weft.Has("books", weft.Has("author", weft.If("name", "=", "Ben"))), "[Ben]"},
			{weft.HasCount("books", ">=", 2), "[Ann Ben]"},
			{weft.HasCount("books", "==", 4), "[Ann]"},
			{weft.HasCount("books", "!=", 4), "[Ben Cyd]"},
			{weft.HasCount("books", "=", 0), "[Cyd]"},
			{weft.HasCount("books", "<", 1), "[Cyd]"},
			{weft.HasCount("books", "<=", 2), "[Ben Cyd]"},
			{weft.HasCount("books", ">", 1, weft.If("pages", ">", 0)), "[Ann]"},
			{weft.HasCount("books", "=", 2, crime), "[Ann]"},
			{weft.Has("books", weft.HasCount("genres", "=", 2)), "[Ann]"},
			{weft.HasCount("books", ">", -1), "[Ann Ben Cyd]"},
		} {
			list, err := authors.Filter(c.cond).OrderBy("name", weft.Asc).All(ctx)
			must(t, err)
			names := []string{}
			for _, a := range list {
				names = append(names, a.Name)
			}
			if got := fmt.Sprint(names); got != c.want {
				t.Errorf("condition %d: got %s, want %s", i, got, c.want)
			}
		}
		list, err := authors.WithQuery("books", func(r *weft.Rel) { r.Filter(crime) }).OrderBy("name", weft.Asc).All(ctx)
		must(t, err)
		equal(t, len(list[0].Books), 2)
		equal(t, len(list[1].Books), 0)

		n, err := books.Filter(weft.Has("author", weft.If("name", "=", "Ben"))).Update(ctx, weft.Set{"lang": "de"})
		must(t, err)
		equal(t, n, 2)
		n, err = books.Where("lang", "=", "de").Count(ctx)
		must(t, err)
		equal(t, n, 2)
		n, err = books.Filter(weft.HasCount("genres", "=", 0)).Delete(ctx)
		must(t, err)
		equal(t, n, 2)
		n, err = books.Count(ctx)
		must(t, err)
		equal(t, n, 4)
	})
}

func TestHasRefusals(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		for _, c := range []struct {
			cond weft.Cond
			says []string
		}{
			{weft.Has("boks"), []string{"boks", "books", "profile"}},
			{weft.Not(weft.Has("books", weft.Has("nope"))), []string{"nope", "author", "genres"}},
			{weft.HasCount("nope", "=", 1), []string{"nope", "books"}},
			{weft.Has("books", weft.If("nope", "=", 1)), []string{"nope", "title"}},
			{weft.Has("books", weft.If("title", "~", 1)), []string{"~"}},
			{weft.HasCount("books", "like", 1), []string{"like", "= != < <= > >="}},
			{weft.HasCount("books", "~", 1), []string{"~"}},
			{weft.Or(weft.HasCount("books", "in", 1)), []string{"in"}},
		} {
			_, err := weft.Repo[Author](db).Filter(c.cond).All(ctx)
			is(t, err, weft.ErrValidation)
			says(t, err, c.says...)
		}
		_, err := weft.Repo[Author](db).Filter(weft.Has("nope")).Delete(ctx)
		is(t, err, weft.ErrValidation)
	})
}

package weft_test

import (
	"fmt"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
)

// shelf fills in books: German 1, 2 and 4 pages, English 10, French none.
func shelf(t *testing.T, db *weft.DB) *weft.Repository[Book] {
	t.Helper()
	books := weft.Repo[Book](db)
	for i, b := range []Book{
		{Lang: "de", Pages: 1, Price: decimal.RequireFromString("0.10"), Rating: 1},
		{Lang: "de", Pages: 2, Price: decimal.RequireFromString("0.20"), Rating: 2},
		{Lang: "de", Pages: 4, Price: decimal.RequireFromString("0.30"), Rating: 1.5},
		{Lang: "en", Pages: 10, Price: decimal.RequireFromString("9.99"), Rating: 5},
	} {
		b.Title = fmt.Sprintf("T%d", i)
		b.Data = map[string]any{"n": i}
		must(t, books.Create(t.Context(), &b))
	}
	return books
}

func TestGroups(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := shelf(t, db)
		type group struct {
			Lang   string
			N      int
			Pages  int64
			Price  decimal.Decimal
			Low    float64
			High   *float64
			Mean   decimal.Decimal
			Stars  float64
			Noted  int
			Titles int
		}
		q := books.GroupBy("Lang").Agg(weft.Count("n"), weft.Sum("pages", "pages"), weft.Sum("price", "price"),
			weft.Min("rating", "low"), weft.Max("rating", "high"), weft.Avg("pages", "mean"), weft.Avg("rating", "stars"),
			weft.CountOf("notes", "noted"), weft.CountDistinct("title", "titles"))
		list, err := weft.Into[group](ctx, q.OrderBy("lang", weft.Asc))
		must(t, err)
		equal(t, len(list), 2)
		de := list[0]
		if de.Lang != "de" || de.N != 3 || de.Pages != 7 || de.Price.String() != "0.6" || de.Low != 1 || *de.High != 2 ||
			de.Mean.String() != "2.3333333333333333" || de.Stars != 1.5 || de.Noted != 0 || de.Titles != 3 {
			t.Fatalf("%+v", de)
		}
		for name, g := range map[string]*weft.Grouped[Book]{
			"having":        q.Having(weft.If("n", ">", 2), weft.If("Lang", "=", "de")),
			"sort, limit":   q.OrderBy("pages", weft.Asc).Limit(1),
			"sort, offset":  q.Sort(weft.By("n", weft.Asc)).Limit(1).Offset(1),
			"average":       q.OrderBy("mean", weft.Asc).Limit(1),
			"average, last": q.OrderBy("stars", weft.Desc).Offset(1),
			"conditions":    books.Where("pages", "<", 10).GroupBy("lang").Agg(weft.Avg("pages", "mean")),
		} {
			got, err := weft.Pluck(ctx, g, weft.Col[string]("lang"))
			must(t, err)
			if len(got) != 1 || got[0] != "de" {
				t.Fatalf("%s: %v", name, got)
			}
		}
		none, err := weft.Into[map[string]any](ctx, books.Where("lang", "=", "xx").GroupBy().Agg(weft.Count("n"), weft.Avg("pages", "a"), weft.Sum("pages", "s")))
		must(t, err)
		if len(none) != 1 || none[0]["n"] != int64(0) || none[0]["a"] != nil || none[0]["s"] != nil {
			t.Fatal(none)
		}
		only, err := weft.Into[string](ctx, books.GroupBy("lang").OrderBy("lang", weft.Desc))
		must(t, err)
		equal(t, fmt.Sprint(only), "[en de]")

		rest, err := weft.Into[group](ctx, q.Having(weft.If("n", ">", 99)))
		must(t, err)
		if rest == nil || len(rest) != 0 {
			t.Fatal(rest)
		}
		for want, g := range map[string]*weft.Grouped[Book]{
			"GroupBy needs fields":      books.GroupBy(),
			"takes the conditions":      books.OrderBy("lang", weft.Asc).GroupBy("lang"),
			"nope":                      books.GroupBy("nope"),
			"there are lang, n":         books.GroupBy("lang").Agg(weft.Count("n")).Having(weft.If("pages", ">", 1)),
			"is not a column of the gr": books.GroupBy("lang").OrderBy("pages", weft.Asc),
			"m is decimal and":          books.GroupBy("lang").Agg(weft.Avg("pages", "m")).Having(weft.If("m", ">", "many")),
			"cannot name an aggregate":  books.GroupBy("lang").Agg(weft.Count("lang")),
			"not a number":              books.GroupBy("lang").Agg(weft.Avg("title", "m")),
			"only numbers have a sum":   books.GroupBy("lang").Agg(weft.Sum("title", "m")),
			"aggregate is empty":        books.GroupBy("lang").Agg(weft.Agg{}),
			"cannot be negative":        books.GroupBy("lang").Limit(-1),
			"go before GroupBy":         books.GroupBy("lang").Having(weft.Not(weft.Has("author"))),
			"operator":                  books.GroupBy("lang").Having(weft.If("lang", "~", 1)),
		} {
			_, err := weft.Into[map[string]any](ctx, g)
			says(t, err, want)
		}
		_, err = weft.Into[struct{ Lang string }](ctx, q)
		says(t, err, "no field for the column", "n")
		_, err = weft.Into[struct{ Lang, Other string }](ctx, books.GroupBy("lang"))
		says(t, err, "Other", "there are lang")
		_, err = weft.Into[int](ctx, (*weft.Grouped[Book])(nil))
		is(t, err, weft.ErrValidation)
	})
}

func TestGroupsBesideHooks(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		r := weft.Repo[Hooked](db)
		must(t, r.Create(t.Context(), &Hooked{Name: "a"}))
		n, err := weft.Into[int](t.Context(), r.GroupBy().Agg(weft.Count("n")))
		must(t, err)
		equal(t, n[0], 1)
		names, err := weft.Pluck(t.Context(), r, weft.Col[string]("name"))
		must(t, err)
		equal(t, names[0], "a")
	})
}

package weft_test

import (
	"fmt"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
)

// An average can stand in Having: what is compared is what the group shows.
func TestHavingAverages(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		add := func(lang string, pages int64, price string, rating float64) {
			must(t, books.Create(ctx, &Book{Title: "t", Lang: lang, Pages: pages, Price: decimal.RequireFromString(price), Rating: rating}))
		}
		add("de", 1, "0.10", 1) // mean 7/3, price 0.2, rating 2
		add("de", 2, "0.20", 2)
		add("de", 4, "0.30", 3)
		add("en", 1, "1.00", 0.5) // mean 1, price 1
		add("fr", 3, "0.10", 0)   // mean 3.5, price 0.05
		add("fr", 4, "0.00", 0.5)
		q := books.GroupBy("lang").Agg(weft.Avg("pages", "mean"), weft.Count("n"), weft.Avg("price", "price"), weft.Avg("rating", "rating"), weft.Sum("pages", "s"))
		third := decimal.RequireFromString("2.3333333333333333")
		for i, c := range []struct {
			having []weft.Cond
			want   string
		}{
			{[]weft.Cond{weft.If("mean", ">", 2)}, "[de fr]"},
			{[]weft.Cond{weft.If("mean", ">=", 3.5)}, "[fr]"},
			{[]weft.Cond{weft.If("mean", "=", third)}, "[de]"},
			{[]weft.Cond{weft.If("mean", "!=", third)}, "[en fr]"},
			{[]weft.Cond{weft.If("mean", "between", []any{1, 3})}, "[de en]"},
			{[]weft.Cond{weft.If("mean", "in", []any{1, 3.5})}, "[en fr]"},
			{[]weft.Cond{weft.If("price", "=", decimal.RequireFromString("0.2"))}, "[de]"},
			{[]weft.Cond{weft.If("price", "<", decimal.RequireFromString("0.06"))}, "[fr]"},
			{[]weft.Cond{weft.If("rating", "=", 2.0)}, "[de]"},
			{[]weft.Cond{weft.Not(weft.If("mean", ">", 2))}, "[en]"},
			{[]weft.Cond{weft.Or(weft.If("mean", "=", 1), weft.If("n", "=", 3))}, "[de en]"},
			{[]weft.Cond{weft.If("n", ">", 1), weft.If("mean", ">", 3)}, "[fr]"},
			{[]weft.Cond{weft.And(weft.If("n", ">", 1), weft.And(weft.If("mean", "<", 3), weft.If("s", ">", 6)))}, "[de]"},
			{[]weft.Cond{weft.If("mean", "is null", nil)}, "[]"},
			{[]weft.Cond{weft.If("mean", "not null", nil), weft.If("lang", "!=", "en")}, "[de fr]"},
		} {
			got, err := weft.Pluck(ctx, q.Having(c.having...).OrderBy("lang", weft.Asc), weft.Col[string]("lang"))
			must(t, err)
			if fmt.Sprint(got) != c.want {
				t.Errorf("%d: got %v, want %s", i, got, c.want)
			}
		}

		// A limit counts the groups that are left, and the engine holds what it can.
		sw.Reset()
		got, err := weft.Pluck(ctx, q.Having(weft.If("n", "<", 9), weft.If("mean", ">=", 1)).OrderBy("mean", weft.Desc).Offset(1).Limit(1), weft.Col[string]("lang"))
		must(t, err)
		equal(t, fmt.Sprint(got), "[de]")
		o := sw.Ops()[0]
		if o.Limit != 0 || o.Offset != 0 || o.Having.Field != "n" {
			t.Errorf("the engine was asked %+v", o)
		}
		none, err := weft.Into[map[string]any](ctx, books.Where("lang", "=", "xx").GroupBy().Agg(weft.Avg("pages", "a")).Having(weft.If("a", "is null", nil)))
		must(t, err)
		equal(t, len(none), 1)
		_, err = weft.Into[map[string]any](ctx, q.Having(weft.If("mean", "like", "x")))
		is(t, err, weft.ErrValidation)
	})
}

// Numbers of groups, of one column and of raw SQL can be read as Num.
func TestNumInResults(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := shelf(t, db)
		type row struct {
			Lang  string
			N     weft.Num
			Pages weft.Num
			Mean  weft.Num
			Stars weft.Num
			Price *weft.Num
			Age   weft.Num
			None  *weft.Num
		}
		list, err := weft.Into[row](ctx, books.GroupBy("lang").Agg(weft.Count("n"), weft.Sum("pages", "pages"), weft.Avg("pages", "mean"),
			weft.Avg("rating", "stars"), weft.Sum("price", "price"), weft.Max("pages", "age"), weft.Min("pages", "none")).OrderBy("lang", weft.Asc))
		must(t, err)
		de := list[0]
		if de.N.Int64() != 3 || de.Pages.Int64() != 7 || de.Mean.String() != "2.3333333333333333" || de.Stars.Float64() != 1.5 ||
			de.Price.Decimal().String() != "0.6" || de.Age.Int64() != 4 || de.None.IsNull() {
			t.Fatalf("got %+v", de)
		}
		nums, err := weft.Pluck(ctx, books.OrderBy("pages", weft.Desc).Limit(1), weft.Col[weft.Num]("price"))
		must(t, err)
		equal(t, nums[0].String(), "9.99")
		must(t, weft.Repo[Author](db).Create(ctx, &Author{Name: "Ann"}))
		ages, err := weft.Into[weft.Num](ctx, weft.Repo[Author](db).Select("age"))
		must(t, err)
		if len(ages) == 0 || !ages[0].IsNull() {
			t.Fatalf("got %v", ages)
		}
		_, err = weft.Pluck(ctx, books, weft.Col[weft.Num]("title"))
		is(t, err, weft.ErrValidation)
		says(t, err, "title", "is no number")
		if !db.Engine().Caps().Has(op.CapSQL) {
			return
		}
		type raw struct {
			A, B, C weft.Num
			D       *weft.Num
		}
		rows, err := weft.SQL[raw](ctx, db, "SELECT 7 AS a, 1.5 AS b, '12.340' AS c, NULL AS d")
		must(t, err)
		if r := rows[0]; r.A.Int64() != 7 || r.B.Float64() != 1.5 || r.C.Decimal().String() != "12.34" || r.D != nil {
			t.Fatalf("got %+v", r)
		}
		_, err = weft.SQL[weft.Num](ctx, db, "SELECT 'x'")
		says(t, err, `"x" is no number`)
	})
}

type counted struct {
	ID    int64 `weft:"primary,auto"`
	Total weft.Num
}

func TestNumIsNotStored(t *testing.T) {
	_, err := weft.Open(mem.Open(), weft.Models(counted{}))
	is(t, err, weft.ErrValidation)
	says(t, err, "field total of model counted is a weft.Num, which is for results")
}

package weft_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
)

func TestInto(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := shelf(t, db)
		type part struct {
			Title     string
			AuthorID  *string
			Cost      decimal.Decimal `weft:"column=price"`
			Stars     float64         `json:"rating"`
			Out       *time.Time
			Data      struct{ N int }
			CreatedAt time.Time
		}
		list, err := weft.Into[part](ctx, books.Where("pages", "<=", 2).OrderBy("pages", weft.Desc))
		must(t, err)
		if len(list) != 2 || list[0].Title != "T1" || list[0].Cost.String() != "0.2" || list[0].Stars != 2 || list[0].Out != nil ||
			list[0].Data.N != 1 || list[0].CreatedAt.IsZero() {
			t.Fatalf("%+v", list)
		}
		maps, err := weft.Into[map[string]any](ctx, books.Select("Title", "data").OrderBy("title", weft.Asc).Limit(1))
		must(t, err)
		equal(t, fmt.Sprint(maps), "[map[data:map[n:0] title:T0]]")
		whole, err := weft.Into[map[string]any](ctx, books)
		must(t, err)
		if _, there := whole[0]["_version"]; len(whole) != 4 || there || whole[0]["pages"] == nil {
			t.Fatal(whole)
		}
		langs, err := weft.Into[string](ctx, books.Select("lang").Distinct().OrderBy("lang", weft.Asc))
		must(t, err)
		equal(t, fmt.Sprint(langs), "[de en]")

		_, err = weft.Into[struct{ Title, Nope, Nada string }](ctx, books)
		is(t, err, weft.ErrValidation)
		says(t, err, "Nope", "Nada", "there are id", "title")
		_, err = weft.Into[string](ctx, books)
		says(t, err, "choose it with Select")
		_, err = weft.Into[string](ctx, books.Select("lang", "title"))
		says(t, err, "takes one")
		_, err = weft.Into[part](ctx, books.With("author"))
		says(t, err, "relations")
		_, err = weft.Into[struct{ Title int }](ctx, books)
		says(t, err, "title")
		_, err = weft.Into[part](ctx, weft.Source[Book](nil))
		is(t, err, weft.ErrValidation)
		_, err = weft.Into[part](ctx, (*weft.Repository[Book])(nil))
		is(t, err, weft.ErrValidation)
		_, err = weft.Into[part](ctx, books.Where("nope", "=", 1))
		says(t, err, "nope")
		type model struct {
			weft.Model
			Title string
		}
		models, err := weft.Into[model](ctx, books.OrderBy("pages", weft.Asc))
		must(t, err)
		if len(models) != 4 || models[0].Title != "T0" || models[0].ID == "" {
			t.Fatal(models)
		}
		_, err = weft.Into[struct{}](ctx, books)
		says(t, err, "no fields")
		long := strings.Repeat("x", 1000) // no limit of a model's field
		must(t, weft.Repo[Bio](db).Create(ctx, &Bio{Text: long[:250]}))
		texts, err := weft.Into[struct{ Text string }](ctx, weft.Repo[Bio](db))
		must(t, err)
		equal(t, texts[0].Text, long[:250])
		must(t, db.InTx(ctx, func(ctx context.Context) error { // the transaction of ctx
			must(t, books.Create(ctx, &Book{Title: "mine"}))
			got, err := weft.Pluck(ctx, books.Where("title", "=", "mine"), weft.Col[string]("title"))
			equal(t, len(got), 1)
			return err
		}))
	})
}

func TestPluck(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := shelf(t, db)
		titles, err := weft.Pluck(ctx, books.Where("pages", "<", 10).OrderBy("pages", weft.Desc), weft.Col[string]("Title"))
		must(t, err)
		equal(t, fmt.Sprint(titles), "[T2 T1 T0]")
		langs, err := weft.Pluck(ctx, books.OrderBy("lang", weft.Desc).Distinct(), weft.Col[string]("lang"))
		must(t, err)
		equal(t, fmt.Sprint(langs), "[en de]")
		prices, err := weft.Pluck(ctx, books.OrderBy("price", weft.Asc).Offset(1).Limit(2), weft.Col[decimal.Decimal]("price"))
		must(t, err)
		equal(t, fmt.Sprint(prices), "[0.2 0.3]")
		outs, err := weft.Pluck(ctx, books, weft.Col[*time.Time]("out"))
		must(t, err)
		if len(outs) != 4 || outs[0] != nil {
			t.Fatal(outs)
		}
		any1, err := weft.Pluck(ctx, books.OrderBy("pages", weft.Asc).Limit(1), weft.Col[any]("pages"))
		must(t, err)
		equal(t, any1[0].(int64), 1)
		data, err := weft.Pluck(ctx, books.OrderBy("pages", weft.Asc).Limit(1), weft.Col[map[string]any]("data"))
		must(t, err)
		equal(t, fmt.Sprint(data), "[map[n:0]]")
		parts, err := weft.Pluck(ctx, books.OrderBy("pages", weft.Desc).Limit(1), weft.Col[struct{ N int }]("data"))
		must(t, err)
		equal(t, parts[0].N, 3)
		_, err = weft.Pluck(ctx, books, weft.Col[[]*Genre]("data"))
		is(t, err, weft.ErrValidation)
		_, err = weft.Into[chan int](ctx, books.Select("pages"))
		is(t, err, weft.ErrValidation)
		none, err := weft.Pluck(ctx, books.Where("title", "=", "?"), weft.Col[int]("pages"))
		must(t, err)
		if none == nil || len(none) != 0 {
			t.Fatal(none)
		}
		_, err = weft.Pluck(ctx, books, weft.Col[string]("nope"))
		says(t, err, "nope", "there are")
		_, err = weft.Pluck(ctx, books, weft.Col[string](""))
		says(t, err, "no name")
		_, err = weft.Pluck(ctx, books, weft.Col[bool]("title"))
		says(t, err, "title")
	})
}

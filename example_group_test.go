package weft_test

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

func ExampleInto() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	type line struct {
		Title string
		Plays int64
	}
	lines, err := weft.Into[line](ctx, tracks.OrderBy("plays", weft.Desc).Limit(2)) // loads title and plays only
	fmt.Println(lines, err)

	maps, err := weft.Into[map[string]any](ctx, tracks.Select("title", "public").OrderBy("title", weft.Asc).Limit(1))
	fmt.Println(maps[0]["title"], maps[0]["public"], err)
	// Output:
	// [{Loom 30} {Shuttle 12}] <nil>
	// Loom true <nil>
}

func ExamplePluck() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	names, err := weft.Pluck(ctx, tracks.Where("plays", ">", 10).OrderBy("title", weft.Asc), weft.Col[string]("title"))
	fmt.Println(names, err)
	prices, err := weft.Pluck(ctx, tracks.OrderBy("price", weft.Asc).Distinct(), weft.Col[decimal.Decimal]("price"))
	fmt.Println(prices, err)
	// Output:
	// [Loom Shuttle] <nil>
	// [0.99 1.29] <nil>
}

func ExampleCol() {
	db := music()
	defer db.Close()

	plays, err := weft.Pluck(context.Background(), weft.Repo[Track](db).OrderBy("plays", weft.Asc), weft.Col[int]("plays"))
	fmt.Println(plays, err)
	// Output: [7 12 30] <nil>
}

func ExampleColumn() {
	db := music()
	defer db.Close()

	columns := struct{ Title weft.Column[string] }{weft.Col[string]("title")}
	best, err := weft.Pluck(context.Background(), weft.Repo[Track](db).OrderBy("plays", weft.Desc).Limit(1), columns.Title)
	fmt.Println(best, err)
	// Output: [Loom] <nil>
}

func ExampleColumn_Name() {
	fmt.Println(weft.Col[string]("title").Name())
	// Output: title
}

func ExampleSource() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	// A query, a repository or groups: a function that takes a Source reads all of them.
	names := func(q weft.Source[Mood]) []string {
		list, err := weft.Pluck(ctx, q, weft.Col[string]("name"))
		check(err)
		return list
	}
	moods := weft.Repo[Mood](db)
	fmt.Println(names(moods.OrderBy("name", weft.Desc)))
	fmt.Println(len(names(moods)), len(names(moods.GroupBy("name"))))
	// Output:
	// [loud calm]
	// 2 2
}

func ExampleGrouped() {
	db := music()
	defer db.Close()

	type sales struct {
		ArtistID            string
		Tracks, Plays, Best int64
	}
	list, err := weft.Into[sales](context.Background(), weft.Repo[Track](db).Where("public", "=", true).
		GroupBy("artistId").Agg(weft.Count("tracks"), weft.Sum("plays", "plays"), weft.Max("plays", "best")).
		Having(weft.If("plays", ">", 5)).OrderBy("plays", weft.Desc))
	check(err)
	for _, s := range list {
		fmt.Println(s.Tracks, s.Plays, s.Best)
	}
	// Output:
	// 2 42 30
	// 1 7 7
}

// byPrice is what the examples of aggregates read.
func byPrice[V any](agg weft.Agg) {
	db := music()
	defer db.Close()
	type row struct {
		Price decimal.Decimal
		X     V
	}
	list, err := weft.Into[row](context.Background(),
		weft.Repo[Track](db).GroupBy("price").Agg(agg).OrderBy("price", weft.Asc))
	check(err)
	for _, r := range list {
		fmt.Println(r.Price, r.X)
	}
}

func ExampleAgg() {
	db := music()
	defer db.Close()

	aggs := []weft.Agg{weft.Min("plays", "least"), weft.Max("plays", "most")}
	type span struct{ Least, Most int64 }
	all, err := weft.Into[span](context.Background(), weft.Repo[Track](db).GroupBy().Agg(aggs...)) // one group of all rows
	fmt.Println(all, err)
	// Output: [{7 30}] <nil>
}

func ExampleCount() {
	byPrice[int64](weft.Count("x"))
	// Output:
	// 0.99 2
	// 1.29 1
}

func ExampleCountOf() {
	byPrice[int64](weft.CountOf("released", "x")) // NULL is not counted
	// Output:
	// 0.99 1
	// 1.29 0
}

func ExampleCountDistinct() {
	byPrice[int64](weft.CountDistinct("artistId", "x"))
	// Output:
	// 0.99 2
	// 1.29 1
}

func ExampleSum() {
	byPrice[int64](weft.Sum("plays", "x"))
	// Output:
	// 0.99 37
	// 1.29 12
}

func ExampleAvg() {
	byPrice[decimal.Decimal](weft.Avg("plays", "x"))
	// Output:
	// 0.99 18.5
	// 1.29 12
}

func ExampleMin() {
	byPrice[string](weft.Min("title", "x"))
	// Output:
	// 0.99 Loom
	// 1.29 Shuttle
}

func ExampleMax() {
	byPrice[string](weft.Max("title", "x"))
	// Output:
	// 0.99 Warp
	// 1.29 Shuttle
}

// prices reads groups of tracks of equal price.
func prices(narrow func(g *weft.Grouped[Track]) *weft.Grouped[Track]) {
	db := music()
	defer db.Close()
	type row struct {
		Price  decimal.Decimal
		Tracks int64
	}
	g := weft.Repo[Track](db).GroupBy("price").Agg(weft.Count("tracks"))
	list, err := weft.Into[row](context.Background(), narrow(g))
	fmt.Println(list, err)
}

func ExampleGrouped_Agg() {
	db := music()
	defer db.Close()

	type row struct{ Plays, Tracks int64 }
	g := weft.Repo[Track](db).GroupBy().Agg(weft.Count("tracks"))
	list, err := weft.Into[row](context.Background(), g.Agg(weft.Sum("plays", "plays"))) // one more
	fmt.Println(list, err)
	// Output: [{49 3}] <nil>
}

func ExampleGrouped_Having() {
	prices(func(g *weft.Grouped[Track]) *weft.Grouped[Track] {
		return g.Having(weft.If("tracks", ">", 1))
	})
	// Output: [{0.99 2}] <nil>
}

func ExampleGrouped_OrderBy() {
	prices(func(g *weft.Grouped[Track]) *weft.Grouped[Track] {
		return g.OrderBy("tracks", weft.Desc)
	})
	// Output: [{0.99 2} {1.29 1}] <nil>
}

func ExampleGrouped_Sort() {
	prices(func(g *weft.Grouped[Track]) *weft.Grouped[Track] {
		return g.Sort(weft.By("tracks", weft.Asc), weft.By("price", weft.Asc))
	})
	// Output: [{1.29 1} {0.99 2}] <nil>
}

func ExampleGrouped_Limit() {
	prices(func(g *weft.Grouped[Track]) *weft.Grouped[Track] {
		return g.OrderBy("price", weft.Asc).Limit(1)
	})
	// Output: [{0.99 2}] <nil>
}

func ExampleGrouped_Offset() {
	prices(func(g *weft.Grouped[Track]) *weft.Grouped[Track] {
		return g.OrderBy("price", weft.Asc).Offset(1)
	})
	// Output: [{1.29 1}] <nil>
}

package weft_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weftdb/weft"
)

func ExampleQuery_All() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).OrderBy("title", weft.Asc).All(context.Background()) // never capped
	fmt.Println(titles(list), err)
	// Output: [Loom Shuttle Warp] <nil>
}

func ExampleQuery_First() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	t, err := tracks.OrderBy("plays", weft.Desc).First(ctx)
	fmt.Println(t.Title, err)
	_, err = tracks.Where("plays", ">", 100).First(ctx)
	fmt.Println(errors.Is(err, weft.ErrNotFound))
	// Output:
	// Loom <nil>
	// true
}

func ExampleQuery_Page() {
	db := music()
	defer db.Close()

	page, err := weft.Repo[Track](db).OrderBy("plays", weft.Desc).Limit(2).Page(context.Background())
	fmt.Println(titles(page.Data), page.HasMore, err)
	// Output: [Loom Shuttle] true <nil>
}

func ExamplePage() {
	db := music()
	defer db.Close()

	// Without Limit a page has weft.DefaultPage rows.
	page, err := weft.Repo[Mood](db).OrderBy("name", weft.Asc).WithTotal().Page(context.Background())
	check(err)
	data, err := json.Marshal(page) // DB.JSON writes rows by their JSON names
	check(err)
	var again weft.Page[Mood]
	check(json.Unmarshal(data, &again))
	fmt.Println(len(again.Data), again.HasMore, *again.Total, again.Cursor == page.Cursor, weft.DefaultPage)
	// Output: 2 false 2 true 20
}

func ExampleQuery_Count() {
	db := music()
	defer db.Close()

	fmt.Println(weft.Repo[Track](db).Where("plays", ">", 10).Count(context.Background()))
	// Output: 2 <nil>
}

func ExampleQuery_Exists() {
	db := music()
	defer db.Close()

	fmt.Println(weft.Repo[Artist](db).Where("name", "=", "Ada").Exists(context.Background()))
	// Output: true <nil>
}

func ExampleQuery_Sum() {
	db := music()
	defer db.Close()

	fmt.Println(weft.Repo[Track](db).Sum(context.Background(), "price")) // exact
	// Output: 3.27 <nil>
}

func ExampleQuery_Avg() {
	db := music()
	defer db.Close()

	avg, err := weft.Repo[Track](db).Avg(context.Background(), "price")
	fmt.Println(avg.Decimal().Round(2), err)
	// Output: 1.09 <nil>
}

func ExampleQuery_Min() {
	db := music()
	defer db.Close()

	fmt.Println(weft.Repo[Track](db).Min(context.Background(), "plays"))
	// Output: 7 <nil>
}

func ExampleQuery_Max() {
	db := music()
	defer db.Close()

	fmt.Println(weft.Repo[Track](db).Max(context.Background(), "plays"))
	// Output: 30 <nil>
}

func ExampleQuery_Iter() {
	db := music()
	defer db.Close()

	for t, err := range weft.Repo[Track](db).OrderBy("title", weft.Asc).Iter(context.Background()) {
		check(err)
		fmt.Println(t.Title)
	}
	// Output:
	// Loom
	// Shuttle
	// Warp
}

func ExampleQuery_Each() {
	db := music()
	defer db.Close()

	enough := errors.New("enough")
	err := weft.Repo[Track](db).OrderBy("title", weft.Asc).Each(context.Background(), func(t *Track) error {
		fmt.Println(t.Title)
		return enough // ends it
	})
	fmt.Println(err)
	// Output:
	// Loom
	// enough
}

func ExampleQuery_Update() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	fmt.Println(tracks.Where("plays", "<", 20).Update(ctx, weft.Set{"public": false}))
	fmt.Println(tracks.Filter(weft.Everything()).Update(ctx, weft.Set{"plays": 0})) // all rows, on purpose
	// Output:
	// 2 <nil>
	// 3 <nil>
}

func ExampleQuery_UpdateAll() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).Where("title", "=", "Warp").
		UpdateAll(context.Background(), weft.Set{"plays": weft.Inc(1)})
	fmt.Println(titles(list), list[0].Plays, err) // the rows as written
	// Output: [Warp] 8 <nil>
}

func ExampleQuery_Delete() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)

	fmt.Println(artists.Filter(weft.Not(weft.Has("tracks"))).Delete(ctx))
	_, err := artists.Limit(0).Delete(ctx) // no condition
	fmt.Println(errors.Is(err, weft.ErrValidation))
	// Output:
	// 1 <nil>
	// true
}

func ExampleQuery_Explain() {
	db := music()
	defer db.Close()

	plan, err := weft.Repo[Artist](db).Where("name", "=", "Ada").Explain(context.Background())
	fmt.Println(plan.Index, plan.Scan, err)
	// Output: [artists_name_key] [] <nil>
}

func ExamplePlan() {
	db := music()
	defer db.Close()

	var plan *weft.Plan
	plan, err := weft.Repo[Track](db).Where("plays", ">", 10).Select("title").Explain(context.Background())
	check(err)
	fmt.Println(plan)
	// Output:
	// engine: sqlite
	// sql: SELECT t0."title", t0."id", t0."_version" FROM "tracks" AS t0 WHERE t0."plays" > ?
	// reads all of: tracks
}

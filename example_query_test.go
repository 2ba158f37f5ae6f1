package weft_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

func ExampleQuery() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	public := weft.Repo[Track](db).Where("public", "=", true)
	popular := public.Where("plays", ">", 10) // public stays as it was
	fmt.Println(public.Count(ctx))
	fmt.Println(popular.Count(ctx))
	// Output:
	// 3 <nil>
	// 2 <nil>
}

func ExampleQuery_Where() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	list, err := tracks.Where("plays", ">=", 7).Where("meta.key", "=", "G").All(ctx)
	fmt.Println(titles(list), err)

	_, err = tracks.Where("platz", "=", 1).All(ctx)
	fmt.Println(err)
	// Output:
	// [Shuttle] <nil>
	// Track: platz is not a field; did you mean plays? There are id, createdAt, updatedAt, _version, artistId, title, price, plays, public, released, meta, words
}

func ExampleQuery_WhereIn() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)

	fmt.Println(artists.WhereIn("name", "Ada", "Cleo").Count(ctx))
	fmt.Println(artists.WhereIn("name", []string{"Ada", "Cleo"}).Count(ctx)) // a sole slice is spread
	fmt.Println(artists.WhereIn("name").Count(ctx))                          // of no values none
	// Output:
	// 2 <nil>
	// 2 <nil>
	// 0 <nil>
}

func ExampleQuery_WhereUserIn() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	lists := weft.Repo[Playlist](db)
	check(lists.CreateMany(ctx, []*Playlist{{UserID: "ada", Title: "Morning"}, {UserID: "ben", Title: "Night"}}))

	fmt.Println(lists.WhereUserIn("ada", "cleo").Count(ctx))
	// Output: 1 <nil>
}

func ExampleQuery_Filter() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).Filter(
		weft.Or(weft.If("plays", ">", 20), weft.If("title", "like", "WAR")),
		weft.If("public", "=", true),
	).OrderBy("title", weft.Asc).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Loom Warp] <nil>
}

func ExampleQuery_With() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Artist](db).With("tracks.moods").OrderBy("name", weft.Asc).All(context.Background())
	check(err)
	for _, a := range list { // three queries, however many artists
		fmt.Println(a.Name, len(a.Tracks))
	}
	// Output:
	// Ada 2
	// Ben 1
	// Cleo 0
}

func ExampleQuery_WithQuery() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Artist](db).WithQuery("tracks", func(r *weft.Rel) {
		r.OrderBy("plays", weft.Desc).Limit(1) // the best track of each
	}).OrderBy("name", weft.Asc).All(context.Background())
	check(err)
	for _, a := range list {
		fmt.Println(a.Name, titles(a.Tracks))
	}
	// Output:
	// Ada [Loom]
	// Ben [Warp]
	// Cleo []
}

func ExampleQuery_OrderBy() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).OrderBy("price", weft.Asc).OrderBy("plays", weft.Desc).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Loom Warp Shuttle] <nil>
}

func ExampleQuery_Sort() {
	db := music()
	defer db.Close()

	keys := []weft.SortKey{weft.By("price", weft.Asc), weft.By("plays", weft.Asc)} // made at run time
	list, err := weft.Repo[Track](db).Sort(keys...).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Warp Loom Shuttle] <nil>
}

func ExampleQuery_Limit() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).OrderBy("plays", weft.Desc).Limit(2).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Loom Shuttle] <nil>
}

func ExampleQuery_Offset() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).OrderBy("plays", weft.Desc).Limit(2).Offset(1).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Shuttle Warp] <nil>
}

func ExampleQuery_After() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	byPlays := weft.Repo[Track](db).OrderBy("plays", weft.Desc).Limit(2)

	for cursor, more := "", true; more; {
		page, err := byPlays.After(cursor).Page(ctx) // the empty cursor is the beginning
		check(err)
		fmt.Println(titles(page.Data))
		cursor, more = page.Cursor, page.HasMore
	}
	// Output:
	// [Loom Shuttle]
	// [Warp]
}

func ExampleQuery_Before() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	byPlays := weft.Repo[Track](db).OrderBy("plays", weft.Desc).Limit(2)

	first, err := byPlays.Page(ctx)
	check(err)
	second, err := byPlays.After(first.Cursor).Page(ctx)
	check(err)
	back, err := byPlays.Before(second.Start).Page(ctx)
	check(err)
	fmt.Println(titles(second.Data), titles(back.Data), back.HasMore)
	// Output: [Warp] [Loom Shuttle] false
}

func ExampleQuery_Select() {
	db := music()
	defer db.Close()

	t, err := weft.Repo[Track](db).Select("title").OrderBy("title", weft.Asc).First(context.Background())
	fmt.Println(t.Title, t.Plays, t.ID != "", err) // plays was not loaded
	// Output: Loom 0 true <nil>
}

func ExampleQuery_Distinct() {
	db := music()
	defer db.Close()

	n, err := weft.Repo[Track](db).Select("price").Distinct().Count(context.Background())
	fmt.Println(n, err)
	// Output: 2 <nil>
}

func ExampleQuery_GroupBy() {
	db := music()
	defer db.Close()

	type row struct {
		Price  decimal.Decimal
		Tracks int64
	}
	rows, err := weft.Into[row](context.Background(),
		weft.Repo[Track](db).GroupBy("price").Agg(weft.Count("tracks")).OrderBy("price", weft.Asc))
	fmt.Println(rows, err)
	// Output: [{0.99 2} {1.29 1}] <nil>
}

func ExampleQuery_WithTotal() {
	db := music()
	defer db.Close()

	page, err := weft.Repo[Track](db).OrderBy("plays", weft.Desc).Limit(1).WithTotal().Page(context.Background())
	check(err)
	fmt.Println(titles(page.Data), "of", *page.Total)
	// Output: [Loom] of 3
}

func ExampleQuery_Primary() {
	db := music()
	defer db.Close()

	// A read that must see a write made just before, also where there are replicas.
	fmt.Println(weft.Repo[Track](db).Primary().Count(context.Background()))
	// Output: 3 <nil>
}

func ExampleQuery_Lock() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := db.Tx(ctx, func(tx *weft.DB) error {
		tracks := weft.Repo[Track](tx)
		t, err := tracks.Where("title", "=", "Loom").Lock().First(ctx)
		if err != nil {
			return err
		}
		t.Plays *= 2 // nobody else changes it meanwhile
		return tracks.Save(ctx, t)
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleLockOption() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	// What several workers do to take the next task without waiting for each other.
	next := []weft.LockOption{weft.SkipLocked()}
	err := db.Tx(ctx, func(tx *weft.DB) error {
		t, err := weft.Repo[Track](tx).OrderBy("plays", weft.Asc).Lock(next...).First(ctx)
		fmt.Println(t.Title)
		return err
	})
	fmt.Println(err)
	// Output:
	// Warp
	// <nil>
}

func ExampleSkipLocked() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := db.Tx(ctx, func(tx *weft.DB) error {
		list, err := weft.Repo[Track](tx).Lock(weft.SkipLocked()).OrderBy("title", weft.Asc).All(ctx)
		fmt.Println(titles(list))
		return err
	})
	fmt.Println(err)
	// Output:
	// [Loom Shuttle Warp]
	// <nil>
}

func ExampleNoWait() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := db.Tx(ctx, func(tx *weft.DB) error {
		_, err := weft.Repo[Track](tx).Where("title", "=", "Loom").Lock(weft.NoWait()).First(ctx)
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleShared() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	err := db.Tx(ctx, func(tx *weft.DB) error {
		// The artist must not go while a track is added.
		ada, err := weft.Repo[Artist](tx).Where("name", "=", "Ada").Lock(weft.Shared()).First(ctx)
		if err != nil {
			return err
		}
		return weft.Repo[Track](tx).Create(ctx, &Track{ArtistID: ada.ID, Title: "Reed"})
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleQuery_Cache() {
	db := music() // without the cache layer
	defer db.Close()

	_, err := weft.Repo[Track](db).Cache(time.Minute).All(context.Background())
	fmt.Println(errors.Is(err, weft.ErrUnsupported)) // never silently nothing
	// Output: true
}

func ExampleQuery_AllowPartial() {
	db := music()
	defer db.Close()

	fmt.Println(weft.Repo[Track](db).AllowPartial().Count(context.Background()))
	// Output: 3 <nil>
}

func ExampleQuery_Apply() {
	db := music()
	defer db.Close()

	popular := func(q *weft.Query[Track]) *weft.Query[Track] {
		return q.Where("plays", ">", 10).OrderBy("plays", weft.Desc)
	}
	list, err := weft.Repo[Track](db).Where("public", "=", true).Apply(popular).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Loom Shuttle] <nil>
}

func ExampleDirection() {
	db := music()
	defer db.Close()

	newestFirst := true // as a request says
	dir := weft.Asc
	if newestFirst {
		dir = weft.Desc
	}
	list, err := weft.Repo[Track](db).OrderBy("released", dir).Limit(1).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Loom] <nil>
}

func ExampleSortKey() {
	key := weft.SortKey{Field: "meta.bpm", Dir: weft.Desc}
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).Sort(key).All(context.Background())
	fmt.Println(titles(list), err) // NULL is smallest
	// Output: [Loom Shuttle Warp] <nil>
}

func ExampleBy() {
	db := music()
	defer db.Close()

	list, err := weft.Repo[Track](db).Sort(weft.By("released", weft.Desc), weft.By("title", weft.Desc)).All(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Loom Warp Shuttle] <nil>
}

package weft_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weftdb/weft"
)

func ExampleRepo() {
	db := music()
	defer db.Close()

	artists := weft.Repo[Artist](db) // cheap, and safe for concurrent use
	fmt.Println(artists.Count(context.Background()))

	_, err := weft.Repo[struct{ ID string }](db).Count(context.Background())
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// struct { ID string } is not a registered model; add it to weft.Models(…) in Open
}

// catalogue is how an application hides queries behind names of its own.
type catalogue struct{ tracks *weft.Repository[Track] }

func (l catalogue) popular(ctx context.Context) ([]*Track, error) {
	return l.tracks.Where("plays", ">", 10).OrderBy("plays", weft.Desc).All(ctx)
}

func ExampleRepository() {
	db := music()
	defer db.Close()

	list, err := catalogue{weft.Repo[Track](db)}.popular(context.Background())
	fmt.Println(titles(list), err)
	// Output: [Loom Shuttle] <nil>
}

func ExampleRepository_In() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)

	err := db.Tx(ctx, func(tx *weft.DB) error {
		return artists.In(tx).Create(ctx, &Artist{Name: "Dora"})
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleRepository_New() {
	db := music()
	defer db.Close()
	tracks := weft.Repo[Track](db)

	t := tracks.New()
	fmt.Println(t.Public) // as its default says
	t.Title, t.Public = "Draft", false
	check(tracks.Create(context.Background(), t))
	fmt.Println(t.Public) // an explicit false is kept
	// Output:
	// true
	// false
}

func ExampleRepository_Create() {
	db := music()
	defer db.Close()

	t := &Track{Title: "Reed", Price: price("2.50")}
	err := weft.Repo[Track](db).Create(context.Background(), t)
	fmt.Println(err)
	fmt.Println(len(t.ID), t.Public, t.CreatedAt.Year()) // filled in
	// Output:
	// <nil>
	// 36 true 2025
}

func ExampleRepository_CreateMany() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)

	err := artists.CreateMany(ctx, []*Artist{{Name: "Dora"}, {Name: ""}})
	fmt.Println(err)
	fmt.Println(artists.Where("name", "=", "Dora").Exists(ctx)) // all or none
	// Output:
	// Artist: [1] name is required
	// false <nil>
}

func ExampleRepository_Get() {
	db := music()
	defer db.Close()

	a, err := weft.Repo[Artist](db).Get(context.Background(), "nobody")
	fmt.Println(a == nil, err)
	// Output: true <nil>
}

func ExampleRepository_Find() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	_, err := weft.Repo[Artist](db).Find(ctx, "nobody")
	fmt.Println(errors.Is(err, weft.ErrNotFound))

	calm, err := weft.Repo[Mood](db).Find(ctx, weft.Key(1))
	fmt.Println(calm.Name, err)
	// Output:
	// true
	// calm <nil>
}

func ExampleRepository_Save() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	t, err := tracks.Where("title", "=", "Warp").First(ctx)
	check(err)
	t.Plays++
	fmt.Println(weft.Changed(t))
	fmt.Println(tracks.Save(ctx, t)) // an UPDATE of that column
	fmt.Println(tracks.Save(ctx, t)) // nothing to do
	// Output:
	// [plays]
	// <nil>
	// <nil>
}

func ExampleRepository_Update() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)
	warp, err := tracks.Where("title", "=", "Warp").First(ctx)
	check(err)

	t, err := tracks.Update(ctx, warp.ID, weft.Set{
		"title":    "Warp and weft",
		"plays":    weft.Inc(3),
		"meta.key": "A", // one place in a JSON field
	})
	fmt.Println(t.Title, t.Plays, t.Meta, err)
	// Output: Warp and weft 10 map[key:A] <nil>
}

func ExampleRepository_Delete() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	moods := weft.Repo[Mood](db)

	fmt.Println(moods.Delete(ctx, weft.Key(1)))
	fmt.Println(moods.Delete(ctx, weft.Key(1)))
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleRepository_Increment() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)
	loom, err := tracks.Where("title", "=", "Loom").First(ctx)
	check(err)

	fmt.Println(tracks.Increment(ctx, loom.ID, "plays", 5))
	fmt.Println(tracks.Increment(ctx, loom.ID, "price", "0.01"))
	// Output:
	// 35 <nil>
	// 1 <nil>
}

func ExampleRepository_Validate() {
	db := music()
	defer db.Close()

	err := weft.Repo[Artist](db).Validate(context.Background(), &Artist{Email: "ada"})
	var invalid *weft.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Failures {
			fmt.Println(f.Field, f.Rule)
		}
	}
	// Output:
	// name required
	// email email
}

func ExampleRepository_Patch() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)
	warp, err := tracks.Where("title", "=", "Warp").First(ctx)
	check(err)

	body := strings.NewReader(`{"title": "Warp II", "price": 1.50}`)
	set, err := tracks.Patch(body, "title", "price", "released") // those may be set
	check(err)
	t, err := tracks.Update(ctx, warp.ID, set)
	fmt.Println(t.Title, t.Price, t.Plays, err)

	_, err = tracks.Patch(strings.NewReader(`{"plays": 1000000, "titel": "x"}`), "title", "price")
	fmt.Println(errors.Is(err, weft.ErrValidation))
	// Output:
	// Warp II 1.5 7 <nil>
	// true
}

func ExampleRepository_OnConflict() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	ada := &Artist{Name: "Ada"}
	created, err := weft.Repo[Artist](db).OnConflict("name").Create(ctx, ada)
	fmt.Println(created, err, ada.ID != "") // the row that was there
	// Output: false <nil> true
}

func ExampleRepository_Load() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	t, err := tracks.Where("title", "=", "Loom").First(ctx)
	check(err)
	check(tracks.Load(ctx, t, "artist", "moods"))
	fmt.Println(t.Artist.Name, len(t.Moods))
	// Output: Ada 2
}

func ExampleRepository_LoadAll() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	list, err := tracks.OrderBy("title", weft.Asc).All(ctx)
	check(err)
	check(tracks.LoadAll(ctx, list, "artist")) // one query
	for _, t := range list {
		fmt.Println(t.Title, "by", t.Artist.Name)
	}
	// Output:
	// Loom by Ada
	// Shuttle by Ada
	// Warp by Ben
}

func ExampleRepository_Link() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)
	t, err := tracks.Where("title", "=", "Shuttle").First(ctx)
	check(err)

	check(tracks.Link(ctx, t, "moods", weft.Key(1), weft.Key(2)))
	check(tracks.Link(ctx, t, "moods", weft.Key(2))) // is there already
	check(tracks.Load(ctx, t, "moods"))
	fmt.Println(len(t.Moods))
	// Output: 2
}

func ExampleRepository_Unlink() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)
	t, err := tracks.Where("title", "=", "Loom").First(ctx)
	check(err)

	check(tracks.Unlink(ctx, t, "moods", weft.Key(1)))
	check(tracks.Load(ctx, t, "moods"))
	fmt.Println(t.Moods[0].Name)
	// Output: loud
}

func ExampleRepository_Relink() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)
	t, err := tracks.Where("title", "=", "Loom").First(ctx)
	check(err)

	check(tracks.Relink(ctx, t, "moods", weft.Key(2))) // exactly these
	check(tracks.Load(ctx, t, "moods"))
	fmt.Println(len(t.Moods), t.Moods[0].Name)
	// Output: 1 loud
}

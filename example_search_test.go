package weft_test

import (
	"context"
	"fmt"

	"github.com/weftdb/weft"
)

func ExampleMatch() {
	found(weft.Match("LOOM"))                   // a whole word, whatever the case
	found(weft.Match("shut* -- OR (", "title")) // a beginning; "or" is a word like others
	found(weft.Match("w*"))
	found(weft.Not(weft.Match("loo")))
	// Output:
	// [Loom] <nil>
	// [] <nil>
	// [Warp] <nil>
	// [Loom Shuttle Warp] <nil>
}

func ExampleByRank() {
	db := music()
	defer db.Close()
	tracks := weft.Repo[Track](db)
	ctx := context.Background()
	loom, err := tracks.Where("title", "=", "Loom").First(ctx)
	check(err)
	for _, title := range []string{"Song of the loom by the window", "Loom, loom, loom"} {
		check(tracks.Create(ctx, &Track{ArtistID: loom.ArtistID, Title: title}))
	}
	list, err := tracks.Filter(weft.Match("loom")).Sort(weft.ByRank()).All(ctx)
	check(err)
	for _, t := range list {
		fmt.Println(t.Title)
	}
	// Output:
	// Loom, loom, loom
	// Loom
	// Song of the loom by the window
}

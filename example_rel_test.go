package weft_test

import (
	"context"
	"fmt"

	"github.com/weftdb/weft"
)

// related prints the artists with those of their tracks that narrow leaves.
func related(narrow func(r *weft.Rel)) {
	db := music()
	defer db.Close()
	list, err := weft.Repo[Artist](db).Where("name", "!=", "Cleo").
		WithQuery("tracks", narrow).OrderBy("name", weft.Asc).All(context.Background())
	check(err)
	for _, a := range list {
		fmt.Println(a.Name, titles(a.Tracks))
	}
}

func ExampleRel() {
	related(func(r *weft.Rel) {
		r.Where("plays", ">", 10).OrderBy("title", weft.Desc)
	})
	// Output:
	// Ada [Shuttle Loom]
	// Ben []
}

func ExampleRel_Where() {
	related(func(r *weft.Rel) { r.Where("plays", "<", 20) })
	// Output:
	// Ada [Shuttle]
	// Ben [Warp]
}

func ExampleRel_Filter() {
	related(func(r *weft.Rel) {
		r.Filter(weft.Or(weft.If("plays", ">", 20), weft.If("plays", "<", 10)))
	})
	// Output:
	// Ada [Loom]
	// Ben [Warp]
}

func ExampleRel_OrderBy() {
	related(func(r *weft.Rel) { r.OrderBy("plays", weft.Asc) })
	// Output:
	// Ada [Shuttle Loom]
	// Ben [Warp]
}

func ExampleRel_Sort() {
	related(func(r *weft.Rel) { r.Sort(weft.By("price", weft.Desc), weft.By("title", weft.Asc)) })
	// Output:
	// Ada [Shuttle Loom]
	// Ben [Warp]
}

func ExampleRel_Limit() {
	related(func(r *weft.Rel) { r.OrderBy("plays", weft.Desc).Limit(1) }) // of each artist
	// Output:
	// Ada [Loom]
	// Ben [Warp]
}

func ExampleRel_Offset() {
	related(func(r *weft.Rel) { r.OrderBy("plays", weft.Desc).Offset(1).Limit(1) })
	// Output:
	// Ada [Shuttle]
	// Ben []
}

func ExampleRel_Select() {
	db := music()
	defer db.Close()

	a, err := weft.Repo[Artist](db).Where("name", "=", "Ben").
		WithQuery("tracks", func(r *weft.Rel) { r.Select("title") }).First(context.Background())
	check(err)
	fmt.Println(a.Tracks[0].Title, a.Tracks[0].Plays) // plays was not loaded
	// Output: Warp 0
}

func ExampleRel_With() {
	db := music()
	defer db.Close()

	a, err := weft.Repo[Artist](db).Where("name", "=", "Ben").
		WithQuery("tracks", func(r *weft.Rel) { r.With("moods") }).First(context.Background())
	check(err)
	fmt.Println(a.Tracks[0].Moods[0].Name)
	// Output: loud
}

func ExampleRel_WithQuery() {
	db := music()
	defer db.Close()

	a, err := weft.Repo[Artist](db).Where("name", "=", "Ada").
		WithQuery("tracks", func(r *weft.Rel) {
			r.Where("title", "=", "Loom").WithQuery("moods", func(r *weft.Rel) {
				r.Where("name", "starts with", "c")
			})
		}).First(context.Background())
	check(err)
	fmt.Println(len(a.Tracks[0].Moods), a.Tracks[0].Moods[0].Name)
	// Output: 1 calm
}

package weft_test

import (
	"context"
	"fmt"

	"github.com/weftdb/weft"
)

// found prints the titles of the tracks for which the conditions hold.
func found(conds ...weft.Cond) {
	db := music()
	defer db.Close()
	list, err := weft.Repo[Track](db).Filter(conds...).OrderBy("title", weft.Asc).All(context.Background())
	fmt.Println(titles(list), err)
}

func ExampleCond() {
	conds := []weft.Cond{weft.If("public", "=", true)}
	if search := "LOO"; search != "" { // as a form says
		conds = append(conds, weft.If("title", "like", search))
	}
	found(conds...)
	// Output: [Loom] <nil>
}

func ExampleIf() {
	found(weft.If("plays", "between", []int{10, 20}))
	found(weft.If("title", "like", "RP"))         // contains, whatever the case
	found(weft.If("title", "starts with", "Sh"))  // case counts
	found(weft.If("released", "=", nil))          // NULL
	found(weft.If("words", "contains", "thread")) // of an array
	found(weft.If("meta.bpm", ">", 100))          // a place in a JSON field
	found(weft.If("title", "not in", []string{"Loom", "Warp"}))
	// Output:
	// [Shuttle] <nil>
	// [Warp] <nil>
	// [Shuttle] <nil>
	// [Shuttle Warp] <nil>
	// [Loom Shuttle] <nil>
	// [Loom] <nil>
	// [Shuttle] <nil>
}

func ExampleAnd() {
	found(weft.Or(weft.And(weft.If("plays", ">", 10), weft.If("price", "<", 1)), weft.If("title", "=", "Warp")))
	// Output: [Loom Warp] <nil>
}

func ExampleOr() {
	found(weft.Or(weft.If("plays", ">", 20), weft.If("plays", "<", 10)))
	// Output: [Loom Warp] <nil>
}

func ExampleNot() {
	found(weft.Not(weft.If("title", "=", "Loom")))
	// Output: [Shuttle Warp] <nil>
}

func ExampleEverything() {
	db := music()
	defer db.Close()

	fmt.Println(weft.Repo[Track](db).Filter(weft.Everything()).Delete(context.Background()))
	// Output: 3 <nil>
}

func ExampleHas() {
	found(weft.Has("artist", weft.If("name", "=", "Ada")))
	found(weft.Not(weft.Has("moods")))
	found(weft.Has("artist", weft.Has("tracks", weft.If("title", "=", "Shuttle")))) // of a relation's relation
	// Output:
	// [Loom Shuttle] <nil>
	// [Shuttle] <nil>
	// [Loom Shuttle] <nil>
}

func ExampleHasCount() {
	found(weft.HasCount("moods", ">=", 2))
	found(weft.HasCount("moods", "=", 0))
	// Output:
	// [Loom] <nil>
	// [Shuttle] <nil>
}

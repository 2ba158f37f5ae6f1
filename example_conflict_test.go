package weft_test

import (
	"context"
	"fmt"

	"github.com/weftdb/weft"
)

func ExampleConflict() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	byName := weft.Repo[Mood](db).OnConflict("name") // can be kept
	for _, name := range []string{"calm", "odd"} {
		created, err := byName.Create(ctx, &Mood{Name: name})
		fmt.Println(name, created, err)
	}
	// Output:
	// calm false <nil>
	// odd true <nil>
}

func ExampleConflict_Create() {
	db := music()
	defer db.Close()

	m := &Mood{Name: "loud"}
	created, err := weft.Repo[Mood](db).OnConflict("name").Create(context.Background(), m)
	fmt.Println(created, err, m.ID) // the row that exists stays, and fills m
	// Output: false <nil> 2
}

func ExampleConflict_Update() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	charts := weft.Repo[Chart](db)

	// Without fields it is the key that decides.
	_, err := charts.OnConflict().Update("title").Create(ctx, &Chart{Year: 1999, Place: 1, Title: "Loom"})
	check(err)
	_, err = charts.OnConflict().Update("title").Create(ctx, &Chart{Year: 1999, Place: 1, Title: "Warp"})
	check(err)
	c, err := charts.Find(ctx, weft.Key(1999, 1))
	fmt.Println(c.Title, err)
	// Output: Warp <nil>
}

func ExampleConflictUpdate() {
	db := music()
	defer db.Close()

	upsert := weft.Repo[Artist](db).OnConflict("name").Update("email")
	n, err := upsert.CreateMany(context.Background(), []*Artist{{Name: "Ada", Email: "ada@example.org"}, {Name: "Dora"}})
	fmt.Println(n, err)
	// Output: 2 <nil>
}

func ExampleConflictUpdate_Create() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	ada := &Artist{Name: "Ada", Email: "ada@example.org"}
	created, err := weft.Repo[Artist](db).OnConflict("name").Update("email").Create(ctx, ada)
	fmt.Println(created, err, weft.VersionOf(ada))
	// Output: false <nil> 2
}

func ExampleConflictUpdate_CreateMany() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)

	list := []*Artist{{Name: "Ada", Email: "ada@example.org"}, {Name: "Ben", Email: "ben@example.org"}}
	n, err := artists.OnConflict("name").Update("email").CreateMany(ctx, list)
	fmt.Println(n, err)
	fmt.Println(artists.Where("email", "ends with", "@example.org").Count(ctx))
	// Output:
	// 2 <nil>
	// 2 <nil>
}

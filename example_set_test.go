package weft_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft"
)

func ExampleSet() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	set := weft.Set{"public": false, "plays": weft.Inc(-1), "meta.bpm": 121}
	n, err := weft.Repo[Track](db).Where("title", "=", "Loom").Update(ctx, set)
	fmt.Println(n, err)
	// Output: 1 <nil>
}

func ExampleSet_IfVersion() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)
	ada, err := artists.Where("name", "=", "Ada").First(ctx)
	check(err)

	// As of an If-Match header: only if nobody was faster.
	_, err = artists.Update(ctx, ada.ID, weft.Set{"email": "ada@example.org"}.IfVersion(weft.VersionOf(ada)))
	fmt.Println(err)
	_, err = artists.Update(ctx, ada.ID, weft.Set{"email": "ada@example.com"}.IfVersion(weft.VersionOf(ada)))
	fmt.Println(errors.Is(err, weft.ErrConflict))
	// Output:
	// <nil>
	// true
}

func ExampleInc() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	_, err := tracks.Where("public", "=", true).Update(ctx, weft.Set{"plays": weft.Inc(1), "price": weft.Inc("-0.09")})
	check(err)
	t, err := tracks.Where("title", "=", "Warp").First(ctx)
	fmt.Println(t.Plays, t.Price, err)
	// Output: 8 0.9 <nil>
}

func ExampleKey() {
	db := music()
	defer db.Close()
	ctx := context.Background()

	m, err := weft.Repo[Mood](db).Find(ctx, weft.Key(2)) // an integer
	fmt.Println(m.Name, err)

	charts := weft.Repo[Chart](db)
	check(charts.Create(ctx, &Chart{Year: 1999, Place: 1, Title: "Loom"}))
	c, err := charts.Find(ctx, weft.Key(1999, 1)) // two fields
	fmt.Println(c.Title, err)
	// Output:
	// loud <nil>
	// Loom <nil>
}

func ExampleNum() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	tracks := weft.Repo[Track](db)

	sum, err := tracks.Sum(ctx, "price")
	check(err)
	fmt.Println(sum, sum.Decimal(), sum.Float64(), sum.Int64())

	sum, err = tracks.Where("plays", ">", 1000).Sum(ctx, "price")
	check(err)
	fmt.Println(sum, sum.IsNull(), sum.Int64())
	// Output:
	// 3.27 3.27 3.27 3
	// NULL true 0
}

// plays is a number of the examples.
func plays() weft.Num {
	db := music()
	defer db.Close()
	n, err := weft.Repo[Track](db).Avg(context.Background(), "plays")
	check(err)
	return n
}

func ExampleNum_Decimal() {
	fmt.Println(plays().Decimal().Round(3))
	// Output: 16.333
}

func ExampleNum_Float64() {
	fmt.Printf("%.3f\n", plays().Float64())
	// Output: 16.333
}

func ExampleNum_Int64() {
	fmt.Println(plays().Int64()) // cut, not rounded
	// Output: 16
}

func ExampleNum_IsNull() {
	var nothing weft.Num
	fmt.Println(nothing.IsNull(), plays().IsNull())
	// Output: true false
}

func ExampleNum_String() {
	fmt.Println(plays().String(), weft.Num{}.String())
	// Output: 16.3333333333333333 NULL
}

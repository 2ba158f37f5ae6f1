package weft_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// track stands for the package track that weft generate writes for the model.
var track = struct {
	Title    weft.Text[string]
	Plays    weft.Number[int64]
	Public   weft.Value[bool]
	Released weft.NullOrdered[time.Time]
	Meta     weft.Doc[map[string]any]
	Words    weft.List[string]
}{
	weft.ColumnOf[weft.Text[string]]("Track", "title"),
	weft.ColumnOf[weft.Number[int64]]("Track", "plays"),
	weft.ColumnOf[weft.Value[bool]]("Track", "public"),
	weft.ColumnOf[weft.NullOrdered[time.Time]]("Track", "released"),
	weft.ColumnOf[weft.Doc[map[string]any]]("Track", "meta"),
	weft.ColumnOf[weft.List[string]]("Track", "words"),
}

func ExampleColumnOf() {
	name := weft.ColumnOf[weft.Text[string]]("Artist", "name")
	found(weft.Has("artist", name.Eq("Ada")))
	found(weft.Has("artist", track.Title.Eq("Loom")))
	// Output:
	// [Loom Shuttle] <nil>
	// [] Artist: title is a column of Track, and these are rows of Artist
}

func ExampleValue() {
	found(track.Public.Eq(true))
	found(track.Public.In(true, false), track.Public.Ne(true))
	// Output:
	// [Loom Shuttle Warp] <nil>
	// [] <nil>
}

func ExampleOrdered() {
	created := weft.ColumnOf[weft.Ordered[time.Time]]("Track", "createdAt")
	day := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	found(created.Between(day, day.AddDate(0, 0, 1)))
	found(created.Lt(day))
	// Output:
	// [Loom Shuttle Warp] <nil>
	// [] <nil>
}

func ExampleNumber() {
	found(track.Plays.Gt(10), track.Plays.Le(20))
	found(track.Plays.NotIn(7, 12))
	// Output:
	// [Shuttle] <nil>
	// [Loom] <nil>
}

func ExampleText() {
	found(track.Title.Like("RP")) // contains, whatever the case
	found(weft.Or(track.Title.StartsWith("Sh"), track.Title.EndsWith("m")))
	// Output:
	// [Warp] <nil>
	// [Loom Shuttle] <nil>
}

func ExampleList() {
	found(track.Words.Contains("thread"))
	// Output: [Loom Shuttle] <nil>
}

func ExampleDoc() {
	found(track.Meta.At("bpm").Gt(100))
	found(track.Meta.At("key").In("C", "G"))
	// Output:
	// [Loom] <nil>
	// [Loom Shuttle] <nil>
}

func ExampleSets() {
	db := music()
	defer db.Close()

	tracks := weft.Repo[Track](db)
	list, err := tracks.Filter(track.Title.Eq("Loom")).
		UpdateAll(context.Background(), weft.Sets(track.Plays.Inc(5), track.Public.Set(false), track.Meta.At("key").Set("D")))
	fmt.Println(list[0].Plays, list[0].Public, list[0].Meta, err)
	// Output: 35 false map[bpm:120 key:D] <nil>
}

func ExampleAssign() {
	db := music()
	defer db.Close()

	var change []weft.Assign // as a form says
	change = append(change, track.Plays.Set(0))
	if title := "Woof"; title != "" {
		change = append(change, track.Title.Set(title))
	}
	fmt.Println(weft.Repo[Track](db).Filter(track.Title.Eq("Warp")).Update(context.Background(), weft.Sets(change...)))
	// Output: 1 <nil>
}

// Remark has fields that may be NULL.
type Remark struct {
	weft.Model
	Text   *string
	Stars  *int64
	Public *bool
	At     *time.Time
	Words  []string       `weft:"nullable"`
	Meta   map[string]any `weft:"nullable"`
}

// remark stands for the package remark that weft generate writes.
var remark = struct {
	Text   weft.NullText[string]
	Stars  weft.NullNumber[int64]
	Public weft.NullValue[bool]
	At     weft.NullOrdered[time.Time]
	Words  weft.NullList[string]
	Meta   weft.NullDoc[map[string]any]
}{
	weft.ColumnOf[weft.NullText[string]]("Remark", "text"),
	weft.ColumnOf[weft.NullNumber[int64]]("Remark", "stars"),
	weft.ColumnOf[weft.NullValue[bool]]("Remark", "public"),
	weft.ColumnOf[weft.NullOrdered[time.Time]]("Remark", "at"),
	weft.ColumnOf[weft.NullList[string]]("Remark", "words"),
	weft.ColumnOf[weft.NullDoc[map[string]any]]("Remark", "meta"),
}

// noted opens a database with one remark, and changes it.
func noted(change weft.Assign) *Remark {
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Remark{}), weft.AutoMigrate())
	check(err)
	defer db.Close()
	ctx := context.Background()
	text, stars, public, at := "fine", int64(4), true, time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	r := &Remark{Text: &text, Stars: &stars, Public: &public, At: &at, Words: []string{"a", "b"}, Meta: map[string]any{"by": "Ada"}}
	remarks := weft.Repo[Remark](db)
	check(remarks.Create(ctx, r))
	for _, holds := range []weft.Cond{
		remark.Text.Like("FIN"), remark.Stars.Ge(4), remark.Public.NotNull(), remark.At.Eq(at), remark.Words.Contains("b"), remark.Meta.At("by").Eq("Ada"),
	} {
		_, err := remarks.Filter(holds).First(ctx)
		check(err)
	}
	r, err = remarks.Update(ctx, r.ID, weft.Sets(change))
	check(err)
	return r
}

func ExampleNullText() {
	fmt.Println(*noted(remark.Text.Set("good")).Text)
	// Output: good
}

func ExampleNullText_SetNull() {
	fmt.Println(noted(remark.Text.SetNull()).Text)
	// Output: <nil>
}

func ExampleNullNumber() {
	fmt.Println(*noted(remark.Stars.Dec(1)).Stars)
	// Output: 3
}

func ExampleNullNumber_SetNull() {
	fmt.Println(noted(remark.Stars.SetNull()).Stars)
	// Output: <nil>
}

func ExampleNullValue() {
	fmt.Println(*noted(remark.Public.Set(false)).Public)
	// Output: false
}

func ExampleNullValue_SetNull() {
	fmt.Println(noted(remark.Public.SetNull()).Public)
	// Output: <nil>
}

func ExampleNullOrdered() {
	fmt.Println(noted(remark.At.Set(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))).At)
	// Output: 2026-01-02 00:00:00 +0000 UTC
}

func ExampleNullOrdered_SetNull() {
	fmt.Println(noted(remark.At.SetNull()).At)
	// Output: <nil>
}

func ExampleNullList() {
	fmt.Println(noted(remark.Words.Set([]string{"c"})).Words)
	// Output: [c]
}

func ExampleNullList_SetNull() {
	fmt.Println(noted(remark.Words.SetNull()).Words == nil)
	// Output: true
}

func ExampleNullDoc() {
	fmt.Println(noted(remark.Meta.At("by").Set("Ben")).Meta)
	// Output: map[by:Ben]
}

func ExampleNullDoc_SetNull() {
	fmt.Println(noted(remark.Meta.SetNull()).Meta == nil)
	// Output: true
}

func ExampleSealed() {
	// Of a field tagged encrypted only NULL can be told.
	secret := weft.ColumnOf[weft.Sealed[string]]("Track", "title")
	found(secret.NotNull())
	// Output: [Loom Shuttle Warp] <nil>
}

func ExampleNullSealed() {
	secret := weft.ColumnOf[weft.NullSealed[string]]("Remark", "text")
	fmt.Println(*noted(secret.Set("good")).Text)
	// Output: good
}

func ExampleNullSealed_SetNull() {
	secret := weft.ColumnOf[weft.NullSealed[string]]("Remark", "text")
	fmt.Println(noted(secret.SetNull()).Text)
	// Output: <nil>
}

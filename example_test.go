package weft_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Artist and those below are the models of all examples.
type Artist struct {
	weft.Model
	Name   string   `weft:"unique" validate:"required,max=50"`
	Email  string   `validate:"omitempty,email"`
	Tracks []*Track `weft:"has_many"`
}

// Track has a field of every kind that the examples need.
type Track struct {
	weft.Model
	ArtistID string          `weft:"index"`
	Title    string          `weft:"search" validate:"required,max=100"`
	Price    decimal.Decimal `weft:"precision=10,scale=2"`
	Plays    int64
	Public   bool `weft:"default=true"`
	Released *time.Time
	Meta     map[string]any
	Words    []string
	Artist   *Artist `weft:"belongs_to"`
	Moods    []*Mood `weft:"many_to_many,through=TrackMood"`
}

// Mood has an integer key that the database hands out.
type Mood struct {
	ID     int64    `weft:"primary,auto"`
	Name   string   `weft:"unique"`
	Tracks []*Track `weft:"many_to_many,through=TrackMood"`
}

// Playlist belongs to a user.
type Playlist struct {
	weft.Model
	UserID string
	Title  string
}

func (Playlist) Weft() weft.Options { return weft.Options{Scope: weft.UserScope} }

// Chart has a key of two fields, and no version.
type Chart struct {
	weft.Tracked
	Year  int    `weft:"primary"`
	Place int    `weft:"primary"`
	Title string `validate:"required"`
}

// music is the database that the examples begin with: in memory, with the
// artists Ada, Ben and Cleo. Loom and Shuttle are by Ada, Warp is by Ben.
func music(opts ...weft.Option) *weft.DB {
	clock := func() time.Time { return time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC) }
	opts = append(opts, weft.Models(Artist{}, Track{}, Mood{}, Playlist{}, Chart{}), weft.AutoMigrate(), weft.Clock(clock))
	db, err := weft.Open(sqlite.Open(":memory:"), opts...)
	check(err)
	ctx := context.Background()
	ada, ben, cleo := &Artist{Name: "Ada"}, &Artist{Name: "Ben"}, &Artist{Name: "Cleo"}
	check(weft.Repo[Artist](db).CreateMany(ctx, []*Artist{ada, ben, cleo}))
	out := time.Date(2021, 5, 1, 0, 0, 0, 0, time.UTC)
	loom := &Track{
		ArtistID: ada.ID, Title: "Loom", Price: price("0.99"), Plays: 30, Released: &out,
		Meta: map[string]any{"key": "C", "bpm": 120}, Words: []string{"wood", "thread"},
	}
	shuttle := &Track{
		ArtistID: ada.ID, Title: "Shuttle", Price: price("1.29"), Plays: 12,
		Meta: map[string]any{"key": "G", "bpm": 90}, Words: []string{"thread"},
	}
	warp := &Track{ArtistID: ben.ID, Title: "Warp", Price: price("0.99"), Plays: 7}
	check(weft.Repo[Track](db).CreateMany(ctx, []*Track{loom, shuttle, warp}))
	calm, loud := &Mood{Name: "calm"}, &Mood{Name: "loud"}
	check(weft.Repo[Mood](db).CreateMany(ctx, []*Mood{calm, loud}))
	check(weft.Repo[Track](db).Link(ctx, loom, "moods", weft.Key(calm.ID), weft.Key(loud.ID)))
	check(weft.Repo[Track](db).Link(ctx, warp, "moods", weft.Key(loud.ID)))
	return db
}

func price(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// check ends an example that went wrong; a program handles its errors.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// titles are those of tracks, for printing.
func titles(list []*Track) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.Title
	}
	return out
}

func Example() {
	type Book struct {
		weft.Model        // ID, CreatedAt, UpdatedAt, and a hidden version
		Title      string `validate:"required,max=100"`
		Sold       int64  `weft:"index"`
	}

	ctx := context.Background()
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Book{}), weft.AutoMigrate())
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	books := weft.Repo[Book](db)
	err = books.CreateMany(ctx, []*Book{{Title: "Looms", Sold: 7}, {Title: "Cards", Sold: 42}, {Title: "Draft"}})
	if err != nil {
		log.Fatal(err)
	}
	list, err := books.Where("sold", ">", 5).OrderBy("sold", weft.Desc).Limit(10).All(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range list {
		fmt.Println(b.Title, b.Sold)
	}
	// Output:
	// Cards 42
	// Looms 7
}

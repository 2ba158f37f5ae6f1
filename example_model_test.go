package weft_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func ExampleModel() {
	type Studio struct {
		weft.Model
		Name string
	}
	ctx := context.Background()
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Studio{}), weft.AutoMigrate())
	check(err)
	defer db.Close()

	s := &Studio{Name: "Hall"}
	check(weft.Repo[Studio](db).Create(ctx, s))
	fmt.Println(len(s.ID), s.CreatedAt.IsZero(), s.UpdatedAt.Equal(s.CreatedAt), weft.VersionOf(s))
	// Output: 36 false true 1
}

func ExampleTracked() {
	type Room struct {
		weft.Tracked        // no columns; Save writes what changed
		No           int    `weft:"primary"`
		Name         string `weft:"column=room_name"`
	}
	ctx := context.Background()
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Room{}), weft.AutoMigrate())
	check(err)
	defer db.Close()
	rooms := weft.Repo[Room](db)

	check(rooms.Create(ctx, &Room{No: 7, Name: "Hall"}))
	r, err := rooms.Find(ctx, weft.Key(7))
	check(err)
	r.Name = "Great hall"
	fmt.Println(weft.Changed(r), rooms.Save(ctx, r))
	// Output: [name] <nil>
}

// Concert says with Weft what its tags cannot.
type Concert struct {
	weft.Model
	UserID string
	Title  string `validate:"required"`
	City   string
	Seats  int64
	Begins time.Time
}

func (Concert) Weft() weft.Options {
	return weft.Options{
		Table: "gigs",
		Scope: weft.UserScope, // rows belong to the user in UserID
		Indexes: []weft.Index{
			{Fields: []string{"city", "begins"}},
			{Fields: []string{"userId", "title"}, Unique: true},
		},
		Defaults:   map[string]func() any{"seats": func() any { return 100 }},
		Transforms: map[string]func(any) any{"city": func(v any) any { return strings.TrimSpace(v.(string)) }},
		Validators: map[string]func(any) string{"title": func(v any) string {
			if strings.Contains(v.(string), "!") {
				return "must not shout"
			}
			return ""
		}},
	}
}

func ExampleOptions() {
	ctx := context.Background()
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Concert{}), weft.AutoMigrate())
	check(err)
	defer db.Close()
	concerts := weft.Repo[Concert](db.User("ada"))

	c := &Concert{Title: "Opening", City: " Oslo "}
	check(concerts.Create(ctx, c))
	fmt.Printf("%q %d %s\n", c.City, c.Seats, c.UserID)
	fmt.Println(concerts.Create(ctx, &Concert{Title: "Loud!"}))
	// Output:
	// "Oslo" 100 ada
	// Concert: title must not shout
}

// Entry is one line of a log that is only ever added to.
type Entry struct {
	weft.Model
	Text string
}

func (Entry) Weft() weft.Options {
	return weft.Options{Kind: weft.EventLog, Scope: weft.GlobalScope}
}

func ExampleOptions_kind() {
	ctx := context.Background()
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Entry{}), weft.AutoMigrate())
	check(err)
	defer db.Close()
	entries := weft.Repo[Entry](db)

	check(entries.Create(ctx, &Entry{Text: "opened"}))
	_, err = entries.Filter(weft.Everything()).Delete(ctx)
	fmt.Println(err)

	for _, m := range db.Schema().Models { // others are weft.DocStore, weft.KeyValue and weft.Counter
		fmt.Println(m.Name, m.Kind, m.Kind == weft.KeyValue || m.Kind == weft.Counter)
	}
	// Output:
	// delete Entry: Entry is an event log: rows are added and never changed or deleted
	// Entry eventlog false
}

func ExampleIndex() {
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Concert{}), weft.AutoMigrate())
	check(err)
	defer db.Close()

	for _, index := range db.Schema().Model("Concert").Indexes {
		fmt.Println(index.Fields, index.Unique)
	}
	// Output:
	// [city begins] false
	// [userId title] true
}

// Message is kept for programs that run on several nodes.
type Message struct {
	weft.Model
	Room string
	Text string
}

func (Message) Weft() weft.Options {
	return weft.Options{
		Kind:     weft.DocStore,
		Sharding: &weft.Sharding{Strategy: "hash", Key: "room", Count: 8},
		Pin:      weft.Pin{Strategy: weft.Fixed, Factor: 2},
		Events:   weft.Events{On: weft.Created | weft.Deleted, Channels: []string{"rooms/{room}"}},
		Cache:    &weft.CacheOptions{TTL: time.Minute},
		Seed:     &weft.Seed{Key: "room", Rows: []map[string]any{{"room": "hall", "text": "Welcome"}}},
	}
}

// message is the model as data.
func message() weft.Options { return Message{}.Weft() }

func ExampleSharding() {
	s := message().Sharding
	fmt.Println(s.Strategy, s.Key, s.Count)
	// Output: hash room 8
}

func ExamplePin() {
	p := message().Pin
	fmt.Println(p.Strategy, p.Factor)

	p.Strategy = weft.Popularity // more copies of what many people like
	fmt.Println(p.Strategy, "or", weft.Tiered)
	// Output:
	// fixed 2
	// popularity or tiered
}

func ExampleEvents() {
	e := message().Events
	fmt.Println(e.On&weft.Created != 0, e.On&weft.Updated != 0, e.Channels)
	// Output: true false [rooms/{room}]
}

func ExampleCacheOptions() {
	c := message().Cache
	fmt.Println(c.TTL)
	// Output: 1m0s
}

func ExampleSeed() {
	s := message().Seed
	fmt.Println(s.Key, s.Rows)
	// Output: room [map[room:hall text:Welcome]]
}

func ExampleChanged() {
	db := music()
	defer db.Close()

	a, err := weft.Repo[Artist](db).Where("name", "=", "Ada").First(context.Background())
	check(err)
	a.Name, a.Email = "Ada L.", "ada@example.org"
	fmt.Println(weft.Changed(a))
	// Output: [name email]
}

func ExampleWas() {
	db := music()
	defer db.Close()

	a, err := weft.Repo[Artist](db).Where("name", "=", "Ada").First(context.Background())
	check(err)
	a.Name = "Ada L."
	fmt.Println(a.Name, "was", weft.Was(a, "name"))
	// Output: Ada L. was Ada
}

func ExampleVersion() {
	db := music()
	defer db.Close()

	a, err := weft.Repo[Artist](db).Where("name", "=", "Ada").First(context.Background())
	check(err)
	v := weft.VersionOf(a)
	fmt.Printf("ETag: \"%d\"\n", v)
	fmt.Println(v == weft.Version(1), v+1)
	// Output:
	// ETag: "1"
	// true 2
}

func ExampleVersionOf() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)

	a, err := artists.Where("name", "=", "Ada").First(ctx)
	check(err)
	a.Email = "ada@example.org"
	fmt.Println(weft.VersionOf(a))
	check(artists.Save(ctx, a))
	fmt.Println(weft.VersionOf(a))
	// Output:
	// 1
	// 2
}

func ExampleLoaded() {
	db := music()
	defer db.Close()

	t, err := weft.Repo[Track](db).With("moods").Where("title", "=", "Shuttle").First(context.Background())
	check(err)
	fmt.Println(weft.Loaded(t, "moods"), len(t.Moods)) // loaded, and there are none
	fmt.Println(weft.Loaded(t, "artist"))
	// Output:
	// true 0
	// false
}

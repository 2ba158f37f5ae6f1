package weft_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func ExampleOpen() {
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Playlist{}, Chart{}), weft.AutoMigrate())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	n, err := weft.Repo[Chart](db).Count(context.Background())
	fmt.Println(n, err)
	// Output: 0 <nil>
}

func ExampleModels() {
	type Wrong struct {
		weft.Model
		Band  *Artist `weft:"belongs_to,fk=Nobody"`
		Chart *Chart  `weft:"belongs_to"`
	}
	_, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Wrong{}, Chart{}))
	fmt.Println(errors.Is(err, weft.ErrValidation))
	fmt.Println(err) // every fault, not only the first
	// Output:
	// true
	// open: schema: 2 faults
	//   Wrong.band: the relation leads to model "Artist", which does not exist; known: Wrong, Chart
	//   Wrong.chart: the foreign key Wrong.chartYear does not exist; add the field or name another with fk= (Wrong has id, createdAt, updatedAt, _version)
}

func ExampleAutoMigrate() {
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Chart{}), weft.AutoMigrate())
	check(err)
	defer db.Close()
	columns, err := weft.SQL[string](context.Background(), db, "SELECT name FROM pragma_table_info('charts')")
	fmt.Println(columns, err)
	// Output: [year place title] <nil>
}

func ExampleOption() {
	// Options that belong together can be kept.
	usual := []weft.Option{weft.Models(Chart{}), weft.AutoMigrate()}

	db, err := weft.Open(sqlite.Open(":memory:"), append(usual, weft.Clock(time.Now))...)
	check(err)
	fmt.Println(db.Close())
	// Output: <nil>
}

func ExampleEngine() {
	// A test may open what a program opens elsewhere.
	open := func(e weft.Engine) (*weft.DB, error) {
		return weft.Open(e, weft.Models(Chart{}), weft.AutoMigrate())
	}
	db, err := open(sqlite.Open(":memory:"))
	check(err)
	defer db.Close()
	fmt.Println(weft.Repo[Chart](db).Exists(context.Background()))
	// Output: false <nil>
}

func ExampleWith() {
	layer, sw := fault.New(fault.Options{})
	db := music(weft.With(layer))
	defer db.Close()

	sw.Add(fault.Rule{Kind: op.Count, Err: errors.New("the network is down"), Times: 1})
	artists := weft.Repo[Artist](db)
	_, err := artists.Count(context.Background())
	fmt.Println(err)
	fmt.Println(artists.Count(context.Background()))
	// Output:
	// the network is down
	// 3 <nil>
}

// finds counts the finds that pass through it.
type finds struct {
	weft.Engine
	n *int
}

func (f finds) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if o.Kind == op.Find {
		*f.n++
	}
	return f.Engine.Do(ctx, o)
}

func ExampleLayer() {
	n := 0
	var layer weft.Layer = func(next weft.Engine) weft.Engine { return finds{next, &n} }
	db := music(weft.With(layer))
	defer db.Close()

	n = 0
	_, err := weft.Repo[Artist](db).With("tracks.moods").All(context.Background())
	fmt.Println(n, err) // artists, tracks, moods
	// Output: 3 <nil>
}

func ExampleLog() {
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: plain}))
	db := music(weft.Log(logger, time.Minute))
	defer db.Close()

	_, err := weft.SQL[int](context.Background(), db, "SELECT wrong FROM artists")
	fmt.Println(errors.Is(err, weft.ErrDatabase))
	// Output:
	// level=ERROR msg="call failed" op=sql code=DATABASE_ERROR error="sql: no such column: wrong: migrate first (weft.AutoMigrate())" sql="SELECT wrong FROM artists"
	// true
}

func ExampleObserve() {
	print := false
	db := music(weft.Observe(func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
		if print {
			fmt.Println("begin", c.Op) // start a span
		}
		return ctx, func(err error) {
			if print {
				fmt.Println("end", c.Op, err)
			}
		}
	}))
	defer db.Close()

	print = true
	_, err := weft.Repo[Artist](db).Count(context.Background())
	print = false
	check(err)
	// Output:
	// begin count Artist
	// end count Artist <nil>
}

func ExampleCall() {
	var last weft.Call
	db := music(weft.Observe(func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
		last = c
		return ctx, nil
	}))
	defer db.Close()

	_, err := weft.Repo[Playlist](db.User("ada")).First(context.Background())
	fmt.Println(last.Op, last.Model, last.User, last.InTx, errors.Is(err, weft.ErrNotFound))
	// Output: find Playlist Playlist ada false true
}

func ExampleCall_SQL() {
	var statements []string
	db := music(weft.Observe(func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
		statements = append(statements, c.SQL())
		return ctx, nil
	}))
	defer db.Close()

	statements = nil
	_, err := weft.Repo[Mood](db).Where("name", "=", "calm").Count(context.Background())
	fmt.Println(statements, err)
	// Output: [SELECT count(*) FROM "moods" AS t0 WHERE t0."name" = ?] <nil>
}

func ExampleClock() {
	noon := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	db, err := weft.Open(sqlite.Open(":memory:"), weft.Models(Playlist{}), weft.AutoMigrate(),
		weft.Clock(func() time.Time { return noon }))
	check(err)
	defer db.Close()

	p := &Playlist{UserID: "ada", Title: "Morning"}
	check(weft.Repo[Playlist](db).Create(context.Background(), p))
	fmt.Println(p.CreatedAt)
	// Output: 2025-03-01 12:00:00 +0000 UTC
}

func ExampleDB() {
	db := music()
	defer db.Close()

	// A handle is passed on like any value; what is made from it keeps its view.
	count := func(db *weft.DB) int64 {
		n, err := weft.Repo[Playlist](db).Count(context.Background())
		check(err)
		return n
	}
	check(weft.Repo[Playlist](db.User("ada")).Create(context.Background(), &Playlist{Title: "Morning"}))
	fmt.Println(count(db), count(db.User("ada")), count(db.User("ben")))
	// Output: 1 1 0
}

func ExampleDB_Close() {
	db := music()
	artists := weft.Repo[Artist](db)
	fmt.Println(db.Close())

	_, err := artists.Count(context.Background())
	fmt.Println(err)
	// Output:
	// <nil>
	// the database is closed
}

func ExampleDB_Backup() {
	db := music()
	defer db.Close()

	var copy bytes.Buffer // or a file
	err := db.Backup(context.Background(), &copy)
	fmt.Printf("%.15s %v\n", copy.Bytes(), err)
	// Output: SQLite format 3 <nil>
}

func ExampleDB_Schema() {
	db := music()
	defer db.Close()

	for _, m := range db.Schema().Models {
		fmt.Println(m.Name, m.Table, len(m.Fields), len(m.Relations))
	}
	// Output:
	// Artist artists 6 1
	// Track tracks 12 2
	// Mood moods 2 1
	// Playlist playlists 6 0
	// Chart charts 3 0
	// TrackMood track_moods 2 0
}

func ExampleDB_Engine() {
	db := music()
	defer db.Close()

	// An operation that comes from elsewhere, such as a network.
	res, err := db.Engine().Do(context.Background(), op.Op{Kind: op.Count, Model: db.Schema().Model("Artist")})
	fmt.Println(res.N, err)
	// Output: 3 <nil>
}

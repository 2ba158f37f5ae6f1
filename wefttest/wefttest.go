// Package wefttest opens databases for an application's own tests: real ones,
// made anew for each test and gone after it. Its faults make a database fail on
// demand, and its counts show a query that is asked once for every row.
package wefttest

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Open opens an empty SQLite database for the test, in a file in its temporary
// folder, with tables for the models. It is closed when the test ends. Tests may
// run in parallel, each with databases of its own. When the test fails, what was
// asked of the database last is logged.
//
// Beside models the list may have values of type [weft.Option], such as
// weft.Clock(clock.Now) or weft.With(…). What cannot be opened fails the test.
func Open(t testing.TB, models ...any) *weft.DB {
	t.Helper()
	return open(t, models)
}

// OpenFaulty is [Open] for a database that fails on demand.
func OpenFaulty(t testing.TB, models ...any) (*weft.DB, *Faults) {
	t.Helper()
	layer, sw := fault.New(fault.Options{})
	db := open(t, append([]any{weft.With(layer)}, models...))
	f := &Faults{t: t, db: db, sw: sw}
	t.Cleanup(f.Off) // before the database is closed
	return db, f
}

func open(t testing.TB, models []any) *weft.DB {
	t.Helper()
	r := &recorder{}
	opts := []weft.Option{weft.AutoMigrate(), weft.Observe(r.observe)}
	var structs []any
	for _, m := range models {
		if o, ok := m.(weft.Option); ok {
			opts = append(opts, o)
		} else {
			structs = append(structs, m)
		}
	}
	// The file is the test's own, so that tests can run side by side.
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := weft.Open(sqlite.Open(path), append(opts, weft.Models(structs...))...)
	if err != nil {
		t.Fatalf("wefttest: %v", err)
	}
	r.reset()
	recorders.Store(db.Schema(), r)
	t.Cleanup(func() {
		recorders.Delete(db.Schema())
		if err := db.Close(); err != nil {
			t.Errorf("wefttest: close the database: %v", err)
		}
		if t.Failed() {
			r.log(t)
		}
	})
	return db
}

// Seed creates rows, all of them or none, and returns them with what was filled
// in: keys, times and defaults. An error fails the test.
//
//	ann := wefttest.Seed(t, db, &User{Name: "Ann"})[0]
func Seed[T any](t testing.TB, db *weft.DB, rows ...*T) []*T {
	t.Helper()
	if err := weft.Repo[T](db).CreateMany(t.Context(), rows); err != nil {
		t.Fatalf("wefttest: seed: %v", err)
	}
	return rows
}

// Clock is a clock that stands still until it is moved. It is safe for
// concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows this time. weft.Clock(c.Now) makes a
// database go by it.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set makes the clock show another time.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = at
}

// Advance moves the clock forward, or back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

package wefttest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/wefttest"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

type User struct {
	weft.Model
	Name  string  `weft:"unique" validate:"required"`
	Posts []*Post `weft:"has_many"`
}

type Post struct {
	weft.Model
	UserID string
	Title  string
	Likes  int64
}

// probe is a testing.TB that notes what a test would have seen.
type probe struct {
	testing.TB
	mu       sync.Mutex
	said     []string
	failed   bool
	cleanups []func()
}

func (p *probe) note(fail bool, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = p.failed || fail
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

func (p *probe) Helper()                           {}
func (p *probe) Cleanup(fn func())                 { p.cleanups = append(p.cleanups, fn) }
func (p *probe) Failed() bool                      { return p.failed }
func (p *probe) Logf(format string, args ...any)   { p.note(false, format, args...) }
func (p *probe) Errorf(format string, args ...any) { p.note(true, format, args...) }
func (p *probe) Fatalf(format string, args ...any) {
	p.note(true, format, args...)
	runtime.Goexit()
}

// run runs a test as the testing package would, and returns what it said.
func run(t *testing.T, fn func(p *probe)) (failed bool, said string) {
	p := &probe{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(p)
	}()
	<-done
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
	return p.failed, strings.Join(p.said, "\n")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func names(t testing.TB, db *weft.DB) int64 {
	t.Helper()
	n, err := weft.Repo[User](db).Count(context.Background())
	must(t, err)
	return n
}

func TestOpen(t *testing.T) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := wefttest.Open(t, User{}, &Post{})
			users := wefttest.Seed(t, db, &User{Name: "Ann"}, &User{Name: "Ben"})
			if users[0].ID == "" || names(t, db) != 2 {
				t.Errorf("got %+v", users[0])
			}
			if caps := db.Engine().Caps(); caps.Engine != "sqlite" {
				t.Errorf("the engine is %s", caps.Engine)
			}
		})
	}
}

func TestDatabaseEndsWithTheTest(t *testing.T) {
	var db *weft.DB
	failed, said := run(t, func(p *probe) {
		db = wefttest.Open(p, User{}, Post{})
		wefttest.Seed(p, db, &User{Name: "Ann"})
	})
	if failed || said != "" {
		t.Errorf("a test that passes says %q", said)
	}
	_, err := weft.Repo[User](db).Count(t.Context())
	is(t, err, weft.ErrDatabase)
	// A test may close the database itself.
	failed, said = run(t, func(p *probe) { must(p, wefttest.Open(p, User{}, Post{}).Close()) })
	if failed {
		t.Errorf("failed: %s", said)
	}
}

func TestFailedTestTellsWhatWasAsked(t *testing.T) {
	_, said := run(t, func(p *probe) {
		db := wefttest.Open(p, User{}, Post{})
		wefttest.Seed(p, db, &User{Name: "Ann"})
		_ = weft.Repo[User](db).Create(context.Background(), &User{Name: "Ann"})
		p.Errorf("it went wrong")
	})
	for _, part := range []string{"it went wrong", "the last calls to the database:", "insert User (", "another row has the same name"} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not in\n%s", part, said)
		}
	}
	if strings.Contains(said, "migrate") {
		t.Errorf("what Open did is in\n%s", said)
	}
}

func TestWhatCannotBeOpenedFailsTheTest(t *testing.T) {
	type Bad struct {
		Name string `weft:"uniqe"`
	}
	failed, said := run(t, func(p *probe) { wefttest.Open(p, Bad{}) })
	if !failed || !strings.Contains(said, `tag "uniqe" is unknown`) {
		t.Errorf("got %q", said)
	}
	failed, said = run(t, func(p *probe) {
		wefttest.Seed(p, wefttest.Open(p, User{}, Post{}), &User{Name: "Ann"}, &User{Name: "Ann"})
	})
	if !failed || !strings.Contains(said, "seed: User") {
		t.Errorf("got %q", said)
	}
}

func TestClock(t *testing.T) {
	start := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	clock := wefttest.NewClock(start)
	db := wefttest.Open(t, User{}, Post{}, weft.Clock(clock.Now))
	u := wefttest.Seed(t, db, &User{Name: "Ann"})[0]
	if !u.CreatedAt.Equal(start) {
		t.Errorf("created at %s", u.CreatedAt)
	}
	clock.Advance(time.Hour)
	u.Name = "Anna"
	must(t, weft.Repo[User](db).Save(t.Context(), u))
	if !u.UpdatedAt.Equal(start.Add(time.Hour)) || !u.CreatedAt.Equal(start) {
		t.Errorf("updated at %s", u.UpdatedAt)
	}
	clock.Set(start)
	if !clock.Now().Equal(start) {
		t.Error(clock.Now())
	}
}

func TestQueries(t *testing.T) {
	db := wefttest.Open(t, User{}, Post{})
	ctx := t.Context()
	for _, name := range []string{"a", "b", "c"} {
		u := wefttest.Seed(t, db, &User{Name: name})[0]
		wefttest.Seed(t, db, &Post{UserID: u.ID}, &Post{UserID: u.ID})
	}
	users := weft.Repo[User](db)
	oneByOne := func() {
		list, err := users.All(ctx)
		must(t, err)
		for _, u := range list {
			must(t, users.Load(ctx, u, "posts"))
		}
	}
	atOnce := func() {
		_, err := users.With("posts").All(ctx)
		must(t, err)
	}
	got := wefttest.Queries(t, db, oneByOne)
	if len(got) != 4 || !strings.HasPrefix(got[0], `find User: SELECT`) || !strings.HasPrefix(got[3], "find Post: SELECT") {
		t.Errorf("got %q", got)
	}
	if got := wefttest.Queries(t, db, atOnce); len(got) != 2 {
		t.Errorf("got %q", got)
	}
	// Transactions and users' handles are the same database; the outer count has the inner one's.
	got = wefttest.Queries(t, db, func() {
		inner := wefttest.Queries(t, db.User("x"), func() {
			must(t, db.Tx(ctx, func(tx *weft.DB) error { return weft.Repo[User](tx).Create(ctx, &User{Name: "d"}) }))
		})
		if len(inner) != 1 || !strings.HasPrefix(inner[0], "insert User: INSERT") {
			t.Errorf("got %q", inner)
		}
		atOnce()
	})
	if len(got) != 3 {
		t.Errorf("got %q", got)
	}
	wefttest.AtMost(t, db, 2, atOnce)
	failed, said := run(t, func(p *probe) { wefttest.AtMost(p, db, 2, oneByOne) })
	if !failed || !strings.Contains(said, "5 queries, at most 2 are expected:\nfind User: SELECT") {
		t.Errorf("got %q", said)
	}
	other, err := weft.Open(memory())
	must(t, err)
	defer other.Close()
	failed, said = run(t, func(p *probe) { wefttest.Queries(p, other, func() {}) })
	if !failed || !strings.Contains(said, "was not opened by wefttest") {
		t.Errorf("got %q", said)
	}
	// A function that panics does not leave the counting on.
	func() {
		defer func() { _ = recover() }()
		wefttest.Queries(t, db, func() { panic("x") })
	}()
	wefttest.AtMost(t, db, 0, func() {})
}

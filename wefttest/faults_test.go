package wefttest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/wefttest"
)

func memory() weft.Engine { return mem.Open() }

func TestFail(t *testing.T) {
	db, faults := wefttest.OpenFaulty(t, User{}, Post{})
	ctx := t.Context()
	users, posts := weft.Repo[User](db), weft.Repo[Post](db)
	faults.Fail(wefttest.When{Op: wefttest.Insert, Model: "User", Nth: 2}, weft.ErrTimeout)
	must(t, posts.Create(ctx, &Post{}))
	must(t, users.Create(ctx, &User{Name: "a"}))
	err := users.Create(ctx, &User{Name: "b"})
	is(t, err, weft.ErrTimeout)
	is(t, err, context.DeadlineExceeded)
	if err == error(weft.ErrTimeout) || !strings.Contains(err.Error(), "made to fail by the test") {
		t.Errorf("got %v", err)
	}
	must(t, users.Create(ctx, &User{Name: "c"}))
	if n := names(t, db); n != 2 {
		t.Errorf("%d rows", n)
	}

	own := errors.New("my own")
	faults.Fail(wefttest.When{Op: wefttest.Find, Times: 1}, own)
	_, err = users.All(ctx)
	is(t, err, own)
	_, err = users.All(ctx)
	must(t, err)

	faults.Fail(wefttest.When{}, nil)
	_, err = users.Count(ctx)
	is(t, err, weft.ErrDatabase)
	faults.Off()
	_, err = users.Count(ctx)
	must(t, err)

	// What takes effect although the caller is told otherwise.
	faults.FailAfter(wefttest.When{Op: wefttest.Insert}, weft.ErrDatabase)
	is(t, users.Create(ctx, &User{Name: "d"}), weft.ErrDatabase)
	if n := names(t, db); n != 3 {
		t.Errorf("%d rows", n)
	}
	faults.Off()
	faults.CutRows(wefttest.When{Op: wefttest.Find, Model: "User"}, 2)
	got := 0
	for _, err = range users.OrderBy("name", weft.Asc).Iter(ctx) {
		if err != nil {
			break
		}
		got++
	}
	is(t, err, weft.ErrDatabase)
	if got != 2 {
		t.Errorf("%d rows came before the cut", got)
	}
}

func TestCut(t *testing.T) {
	db, faults := wefttest.OpenFaulty(t, User{}, Post{})
	ctx := t.Context()
	users := weft.Repo[User](db)
	err := db.Tx(ctx, func(tx *weft.DB) error {
		must(t, users.In(tx).Create(ctx, &User{Name: "a"}))
		faults.Cut()
		return nil
	})
	is(t, err, weft.ErrDatabase)
	_, err = users.All(ctx)
	is(t, err, weft.ErrDatabase)
	is(t, db.Tx(ctx, func(*weft.DB) error { return nil }), weft.ErrDatabase)
	faults.Off()
	if n := names(t, db); n != 0 {
		t.Errorf("%d rows of a transaction that was cut", n)
	}
	faults.Cut() // the database is closed all the same
}

func TestConflictRunsTheTransactionAgain(t *testing.T) {
	db, faults := wefttest.OpenFaulty(t, User{}, Post{})
	ctx := t.Context()
	u := &User{Name: "a"}
	faults.Conflict(2)
	runs := 0
	must(t, db.Tx(ctx, func(tx *weft.DB) error {
		runs++
		return weft.Repo[User](tx).Create(ctx, u)
	}))
	if runs != 3 || names(t, db) != 1 || weft.VersionOf(u) != 1 {
		t.Errorf("%d runs, version %d", runs, weft.VersionOf(u))
	}
	faults.Conflict(1000)
	err := db.Tx(ctx, func(tx *weft.DB) error { return nil })
	var c *weft.ConflictError
	if !errors.As(err, &c) || c.Reason != "serialization" {
		t.Errorf("got %v", err)
	}
}

func TestHoldAndDelay(t *testing.T) {
	db, faults := wefttest.OpenFaulty(t, User{}, Post{})
	users := weft.Repo[User](db)
	release := faults.Hold(wefttest.When{Op: wefttest.Count})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err := users.Count(ctx)
	is(t, err, weft.ErrTimeout)
	answer := make(chan error, 1)
	go func() {
		_, err := users.Count(t.Context())
		answer <- err
	}()
	_, err = users.All(t.Context()) // others do not wait
	must(t, err)
	select {
	case err := <-answer:
		t.Fatalf("the count was not held: %v", err)
	default:
	}
	release()
	release()
	must(t, <-answer)

	faults.Delay(wefttest.When{Op: wefttest.Insert}, time.Hour)
	ctx, cancel = context.WithCancel(t.Context())
	go func() { answer <- users.Create(ctx, &User{Name: "a"}) }()
	cancel()
	is(t, <-answer, context.Canceled)
	faults.Off()
	faults.Delay(wefttest.When{Op: wefttest.Insert}, time.Nanosecond)
	must(t, users.Create(t.Context(), &User{Name: "a"}))
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	for want, use := range map[string]func(f *wefttest.Faults){
		`"insrt" is no operation; there are Find`: func(f *wefttest.Faults) { f.Fail(wefttest.When{Op: "insrt"}, nil) },
		`no model "Usr"; there are User, Post`:    func(f *wefttest.Faults) { f.Fail(wefttest.When{Model: "Usr"}, nil) },
		"commit concerns a transaction":           func(f *wefttest.Faults) { f.Fail(wefttest.When{Op: wefttest.Commit, Model: "User"}, nil) },
		"count from 1":                            func(f *wefttest.Faults) { f.Delay(wefttest.When{Nth: -1}, 0) },
		"begin gives no rows":                     func(f *wefttest.Faults) { f.CutRows(wefttest.When{Op: wefttest.Begin}, 0) },
		"Conflict needs a number of times, not 0": func(f *wefttest.Faults) { f.Conflict(0) },
	} {
		failed, said := run(t, func(p *probe) {
			_, f := wefttest.OpenFaulty(p, User{}, Post{})
			use(f)
		})
		if !failed || !strings.Contains(said, want) {
			t.Errorf("got %q, want %q", said, want)
		}
	}
}

func TestEveryOperationCanFail(t *testing.T) {
	db, faults := wefttest.OpenFaulty(t, User{}, Post{})
	ctx := t.Context()
	p := wefttest.Seed(t, db, &Post{Title: "x"})[0]
	posts := weft.Repo[Post](db)
	second := func(_ any, err error) error { return err }
	for o, do := range map[wefttest.Operation]func() error{
		wefttest.Find:      func() error { return second(posts.Find(ctx, p.ID)) },
		wefttest.Count:     func() error { return second(posts.Count(ctx)) },
		wefttest.Aggregate: func() error { return second(posts.Sum(ctx, "likes")) },
		wefttest.Insert:    func() error { return posts.Create(ctx, &Post{}) },
		wefttest.Update:    func() error { return second(posts.Update(ctx, p.ID, weft.Set{"title": "y"})) },
		wefttest.Delete:    func() error { return second(posts.Delete(ctx, p.ID)) },
		wefttest.Upsert:    func() error { return second(posts.OnConflict("id").Create(ctx, &Post{})) },
		wefttest.SQL:       func() error { return second(db.Exec(ctx, "DELETE FROM posts WHERE title = 'z'")) },
		wefttest.Begin:     func() error { return db.Tx(ctx, func(*weft.DB) error { return nil }) },
		wefttest.Commit:    func() error { return db.Tx(ctx, func(*weft.DB) error { return nil }) },
	} {
		faults.Off()
		faults.Fail(wefttest.When{Op: o}, weft.ErrQuota)
		if err := do(); !errors.Is(err, weft.ErrQuota) {
			t.Errorf("%s: got %v", o, err)
		}
		faults.Off()
		if o != wefttest.Delete {
			must(t, do())
		}
	}
	faults.Fail(wefttest.When{Op: wefttest.Update}, weft.ErrQuota)
	is(t, second(posts.Increment(ctx, p.ID, "likes", 1)), weft.ErrQuota)
}

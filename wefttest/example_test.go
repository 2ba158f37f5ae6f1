package wefttest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/wefttest"
)

func ExampleOpen() {
	_ = func(t *testing.T) { // func TestPublish(t *testing.T)
		db := wefttest.Open(t, User{}, Post{})
		ann := wefttest.Seed(t, db, &User{Name: "Ann"})[0]
		if err := weft.Repo[Post](db).Create(t.Context(), &Post{UserID: ann.ID, Title: "Hello"}); err != nil {
			t.Fatal(err)
		}
	}
}

func ExampleOpenFaulty() {
	_ = func(t *testing.T) { // func TestDatabaseIsGone(t *testing.T)
		db, faults := wefttest.OpenFaulty(t, User{}, Post{})
		faults.Cut()
		if _, err := weft.Repo[User](db).All(t.Context()); !errors.Is(err, weft.ErrDatabase) {
			t.Errorf("got %v", err)
		}
		faults.Off()
	}
}

func ExampleSeed() {
	_ = func(t *testing.T, db *weft.DB) {
		users := wefttest.Seed(t, db, &User{Name: "Ann"}, &User{Name: "Ben"})
		wefttest.Seed(t, db, &Post{UserID: users[0].ID, Title: "Hello"})
	}
}

func ExampleNewClock() {
	_ = func(t *testing.T) { // func TestExpiry(t *testing.T)
		clock := wefttest.NewClock(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))
		db := wefttest.Open(t, User{}, Post{}, weft.Clock(clock.Now))
		wefttest.Seed(t, db, &User{Name: "Ann"}) // created at noon
		clock.Advance(24 * time.Hour)
	}
}

func ExampleQueries() {
	_ = func(t *testing.T, db *weft.DB) {
		asked := wefttest.Queries(t, db, func() {
			_, _ = weft.Repo[User](db).With("posts").All(t.Context())
		})
		for _, query := range asked {
			t.Log(query) // find User: SELECT …
		}
	}
}

func ExampleAtMost() {
	_ = func(t *testing.T, db *weft.DB) {
		wefttest.AtMost(t, db, 2, func() { // however many users there are
			_, _ = weft.Repo[User](db).With("posts").All(t.Context())
		})
	}
}

func ExampleFaults_Fail() {
	_ = func(t *testing.T, db *weft.DB, faults *wefttest.Faults) {
		faults.Fail(wefttest.When{Op: wefttest.Insert, Model: "Post", Nth: 2}, weft.ErrTimeout)
		posts := weft.Repo[Post](db)
		t.Log(posts.Create(t.Context(), &Post{})) // nil
		t.Log(posts.Create(t.Context(), &Post{})) // made to fail by the test
	}
}

func ExampleFaults_Conflict() {
	_ = func(t *testing.T, db *weft.DB, faults *wefttest.Faults) {
		faults.Conflict(1)
		runs := 0
		err := db.Tx(t.Context(), func(tx *weft.DB) error {
			runs++ // 1, then 2
			return nil
		})
		t.Log(err, runs) // nil, 2
	}
}

func ExampleFaults_Hold() {
	_ = func(t *testing.T, db *weft.DB, faults *wefttest.Faults) {
		release := faults.Hold(wefttest.When{Op: wefttest.Update})
		done := make(chan error)
		go func() {
			_, err := weft.Repo[Post](db).Update(t.Context(), "some key", weft.Set{"title": "new"})
			done <- err
		}()
		// Here the update is under way and has not reached the database.
		release()
		<-done
	}
}

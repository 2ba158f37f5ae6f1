package snippets

import (
	"errors"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/wefttest"
)

// snippet:testing-open
func TestShelf(t *testing.T) {
	db := wefttest.Open(t, Author{}, Book{}, Genre{}, BookGenre{})
	ada := wefttest.Seed(t, db, &Author{Name: "Ada"})[0]
	wefttest.Seed(t, db, &Book{AuthorID: ada.ID, Title: "One"}, &Book{AuthorID: ada.ID, Title: "Two"})

	n, err := weft.Repo[Book](db).Where("authorId", "=", ada.ID).Count(t.Context())
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
}

// end:testing-open

func TestTestingClock(t *testing.T) {
	// snippet:testing-clock
	clock := wefttest.NewClock(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))
	db := wefttest.Open(t, Author{}, Book{}, Genre{}, BookGenre{}, weft.Clock(clock.Now))
	ada := wefttest.Seed(t, db, &Author{Name: "Ada"})[0] // ada.CreatedAt is noon
	clock.Advance(time.Hour)
	// end:testing-clock
	if ada.CreatedAt.Hour() != 12 || clock.Now().Hour() != 13 {
		t.Fatal(ada.CreatedAt)
	}
}

func TestTestingQueries(t *testing.T) {
	db := wefttest.Open(t, Author{}, Book{}, Genre{}, BookGenre{})
	wefttest.Seed(t, db, &Author{Name: "Ada"}, &Author{Name: "Ben"})
	ctx := t.Context()
	var err error
	// snippet:testing-queries
	wefttest.AtMost(t, db, 2, func() { // not one more for each author
		_, err = weft.Repo[Author](db).With("books").All(ctx)
	})
	// end:testing-queries
	must(t, err)
}

func TestTestingFaults(t *testing.T) {
	// snippet:testing-faults
	db, faults := wefttest.OpenFaulty(t, Author{}, Book{}, Genre{}, BookGenre{})
	books := weft.Repo[Book](db)
	a := wefttest.Seed(t, db, &Author{Name: "Ada"})[0]

	faults.Fail(wefttest.When{Op: wefttest.Insert, Model: "Book", Nth: 2}, weft.ErrTimeout)
	err := db.Tx(t.Context(), func(tx *weft.DB) error {
		for _, title := range []string{"One", "Two"} {
			if err := books.In(tx).Create(t.Context(), &Book{AuthorID: a.ID, Title: title}); err != nil {
				return err // of the second
			}
		}
		return nil
	})
	faults.Off()
	n, _ := books.Count(t.Context()) // 0: neither was written
	// end:testing-faults
	if !errors.Is(err, weft.ErrTimeout) || n != 0 {
		t.Fatal(n, err)
	}
	// snippet:testing-conflict
	faults.Conflict(1) // the first commit fails, so the function runs a second time
	runs := 0
	err = db.Tx(t.Context(), func(tx *weft.DB) error {
		runs++
		return books.In(tx).Create(t.Context(), &Book{AuthorID: a.ID, Title: "Three"})
	})
	// end:testing-conflict
	must(t, err)
	if runs != 2 {
		t.Fatal(runs)
	}
}

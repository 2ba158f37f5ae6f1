package snippets

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weftdb/weft"
)

func TestUsers(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	articles := weft.Repo[Article](db)
	// snippet:users
	ada := weft.Repo[Article](db.User("ada"))
	err := ada.Create(ctx, &Article{Title: "Mine"}) // UserID is "ada"
	mine, err := ada.All(ctx)                       // hers only
	n, err := ada.Filter(weft.Everything()).Delete(ctx)
	// end:users
	must(t, err)
	same(t, len(mine), 1)
	same(t, n, 1)
	must(t, ada.Create(ctx, &Article{Title: "Again"}))
	// snippet:users-all
	err = articles.Create(ctx, &Article{UserID: "ben", Title: "His"}) // without a handle the owner is given
	all, err := articles.WhereUserIn("ada", "ben").OrderBy("title", weft.Asc).All(ctx)
	// end:users-all
	must(t, err)
	same(t, len(all), 2)
	// snippet:users-refused
	err = ada.Create(ctx, &Article{UserID: "ben", Title: "For him"})      // weft.ErrForbidden
	_, err2 := articles.Update(ctx, all[0].ID, weft.Set{"userId": "eve"}) // weft.ErrValidation: the owner stays
	_, err3 := db.User("ada").Exec(ctx, "DELETE FROM articles")           // weft.ErrForbidden
	// end:users-refused
	if !errors.Is(err, weft.ErrForbidden) || !errors.Is(err2, weft.ErrValidation) || !errors.Is(err3, weft.ErrForbidden) {
		t.Fatal(err, err2, err3)
	}
	if err := articles.Create(ctx, &Article{Title: "Nobody's"}); !errors.Is(err, weft.ErrValidation) {
		t.Fatal(err)
	}
	if _, err := weft.Repo[Article](db.User("")).Count(ctx); err == nil {
		t.Fatal("no user is a user")
	}
}

func TestFlow(t *testing.T) {
	db, ctx := openShop(t), t.Context()
	_, made := fill(t, db)
	books := weft.Repo[Book](db)
	id := made[1].ID
	// snippet:tx-options
	err := db.Tx(ctx, func(tx *weft.DB) error {
		n, err := books.In(tx).Count(ctx)
		if err != nil || n > 1000 {
			return err
		}
		return books.In(tx).Create(ctx, &Book{AuthorID: made[0].AuthorID, Title: "One more"})
	}, weft.Attempts(3))
	// end:tx-options
	must(t, err)
	// snippet:tx-nested
	err = db.Tx(ctx, func(tx *weft.DB) error {
		err := tx.Tx(ctx, func(tx *weft.DB) error {
			return books.In(tx).Create(ctx, &Book{Title: ""}) // fails
		})
		if errors.Is(err, weft.ErrValidation) {
			err = books.In(tx).Create(ctx, &Book{AuthorID: made[0].AuthorID, Title: "Untitled"})
		}
		return err
	})
	// end:tx-nested
	must(t, err)
	// snippet:atomic
	sold, err := books.Increment(ctx, id, "sold", 1)                                   // one step: nothing can come between
	n, err := books.Where("sold", "<", 100).Update(ctx, weft.Set{"sold": weft.Inc(1)}) // the same for many
	// end:atomic
	must(t, err)
	same(t, sold.Int64(), 11)
	same(t, n, 5)
	// snippet:stale-retry
	add := func(ctx context.Context, id string) error {
		for {
			b, err := books.Find(ctx, id)
			if err != nil {
				return err
			}
			b.Sold += 5
			if err = books.Save(ctx, b); err == nil || !errors.Is(err, weft.ErrConflict) {
				return err
			}
		}
	}
	// end:stale-retry
	done := make(chan error)
	for range 4 {
		go func() { done <- add(ctx, id) }()
	}
	for range 4 {
		must(t, <-done)
	}
	b, err := books.Find(ctx, id)
	must(t, err)
	same(t, b.Sold, 32)
	// snippet:deadline
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, err := books.OrderBy("title", weft.Asc).All(short) // weft.ErrTimeout when it takes longer
	// end:deadline
	must(t, err)
	same(t, len(list), 5)
	// snippet:versions
	b, err = books.Find(ctx, id)
	b.Title = "Renamed"
	changed, was := weft.Changed(b), weft.Was(b, "title") // [title], "Two"
	version := weft.VersionOf(b)
	// end:versions
	must(t, err)
	same(t, changed[0]+was.(string), "titleTwo")
	same(t, version > 1, true)
}

// snippet:hooks-audit
type Entry struct {
	weft.Model
	About string
	Text  string
}

func audit(db *weft.DB) error {
	return weft.On(db, weft.OnAfterUpdate, func(ctx context.Context, b *Book) error {
		return weft.Repo[Entry](weft.From(ctx)).Create(ctx, &Entry{About: b.ID, Text: "changed to " + b.Title}) // in the same transaction
	})
}

// end:hooks-audit

func TestHooks(t *testing.T) {
	db, ctx := openShop(t, Entry{}), t.Context()
	must(t, audit(db))
	_, made := fill(t, db)
	books, entries := weft.Repo[Book](db), weft.Repo[Entry](db)
	made[0].Title = "First"
	must(t, books.Save(ctx, made[0]))
	n, err := books.Where("sold", ">", 5).Update(ctx, weft.Set{"inPrint": false})
	must(t, err)
	same(t, n, 2)
	n, err = entries.Count(ctx)
	must(t, err)
	same(t, n, 3)
	err = db.InTx(ctx, func(ctx context.Context) error {
		if _, err := books.Update(ctx, made[0].ID, weft.Set{"sold": 1}); err != nil {
			return err
		}
		return errors.New("no")
	})
	same(t, err.Error(), "no")
	n, err = entries.Count(ctx)
	must(t, err)
	same(t, n, 3)
}

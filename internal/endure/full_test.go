package endure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// TestFull fills a database that may not grow further: by a limit on its pages
// and, where the system lets the test make one, on a disk of one megabyte.
func TestFull(t *testing.T) {
	t.Run("pages", func(t *testing.T) {
		path := file(t)
		full(t, path, open(t, path, sqlite.Pragma("max_page_count=200")), func() {})
	})
	t.Run("disk", func(t *testing.T) {
		dir, ok := smallDisk(t)
		if !ok {
			return
		}
		path, other := filepath.Join(dir, "test.db"), filepath.Join(dir, "other")
		must(t, os.WriteFile(other, make([]byte, 200_000), 0o600))
		db, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
		must(t, err)
		func() {
			defer func() { must(t, db.Close()) }()
			full(t, path, db, func() { must(t, os.Remove(other)) })
		}()
		db, err = weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
		must(t, err)
		sound(t, db)
		must(t, db.Close())
	})
	t.Run("disk is full before it is opened", func(t *testing.T) {
		dir, ok := smallDisk(t)
		if !ok {
			return
		}
		filler := filepath.Join(dir, "filler")
		_ = os.WriteFile(filler, make([]byte, 1<<20-8192), 0o600)
		path := filepath.Join(dir, "test.db")
		_, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
		fails(t, err, weft.ErrDatabase, path)
		must(t, os.Remove(filler))
		db, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
		must(t, err)
		must(t, weft.Repo[Entry](db).Create(t.Context(), &Entry{Kind: "single"}))
		sound(t, db)
		must(t, db.Close())
	})
}

func many(n int, batch string) []*Entry {
	list := make([]*Entry, n)
	for i := range list {
		list[i] = &Entry{Kind: "many", Batch: batch, Body: strings.Repeat("z", 900)}
	}
	return list
}

// full writes until the file cannot grow, in each of the ways to write, and
// then goes on with it once free has made space.
func full(t *testing.T, path string, db *weft.DB, free func()) {
	t.Helper()
	ctx := t.Context()
	entries := weft.Repo[Entry](db)
	written := 0
	fill := func() (err error) {
		for i := range 1000 {
			if err = entries.CreateMany(ctx, many(batchSize, fmt.Sprint(i))); err != nil {
				return err
			}
			written += batchSize
		}
		return nil
	}
	unchanged := func(what string) {
		t.Helper()
		n, err := entries.Count(ctx)
		must(t, err)
		equal(t, "rows after "+what, n, int64(written))
	}
	fails(t, fill(), weft.ErrDatabase, path, "full", "free some space")
	unchanged("CreateMany")
	if written < batchSize {
		t.Fatalf("only %d rows fitted", written)
	}

	list := many(200, "instances")
	fails(t, entries.CreateMany(ctx, list), weft.ErrDatabase, path, "full")
	unchanged("a larger CreateMany")
	for _, p := range list {
		if p.ID != "" || weft.VersionOf(p) != 0 {
			t.Fatalf("an instance looks as if it were written: %+v", p)
		}
	}

	attempts := 0
	err := db.Tx(ctx, func(tx *weft.DB) error {
		attempts++
		in := entries.In(tx)
		if _, err := in.Where("batch", "=", "0").Update(ctx, weft.Set{"kind": "lost"}); err != nil {
			return err
		}
		return in.CreateMany(ctx, many(1500, "tx"))
	})
	fails(t, err, weft.ErrDatabase, path, "full")
	equal(t, "attempts", attempts, 1)
	unchanged("a transaction")

	// One that passes over the error must not be told that all is well.
	err = db.Tx(ctx, func(tx *weft.DB) error {
		in := entries.In(tx)
		if _, err := in.Where("batch", "=", "0").Update(ctx, weft.Set{"kind": "lost"}); err != nil {
			return err
		}
		if err := in.CreateMany(ctx, many(1500, "tx")); err != nil {
			fails(t, err, weft.ErrDatabase, path, "full")
		} else {
			t.Log("the transaction finds out at its end")
		}
		if _, err := in.Where("batch", "=", "0").Update(ctx, weft.Set{"kind": "kept"}); err != nil {
			fails(t, err, weft.ErrDatabase, "rolled back")
		}
		return nil
	})
	lost, cerr := entries.Where("kind", "=", "lost").Count(ctx)
	must(t, cerr)
	kept, cerr := entries.Where("kind", "=", "kept").Count(ctx)
	must(t, cerr)
	equal(t, "rows of an update before the failure", lost, int64(0))
	if err != nil && !strings.Contains(err.Error(), "full") {
		fails(t, err, weft.ErrDatabase, "rolled back")
	}
	if (err == nil) != (kept == batchSize) || (kept != 0 && kept != batchSize) {
		t.Fatalf("the transaction ended with %v and left %d rows of %d", err, kept, batchSize)
	}
	unchanged("a transaction that passed over the error")

	fails(t, weft.Repo[Hooked](db).CreateMany(ctx, hooked(5000)), weft.ErrDatabase, path, "full")
	unchanged("a write with hooks")
	sound(t, db)

	free()
	// Rows that are deleted make space too.
	n, err := entries.Where("batch", "=", "0").Delete(ctx)
	must(t, err)
	written -= int(n)
	equal(t, "rows deleted", n, int64(batchSize))
	for range 3 {
		must(t, entries.Create(ctx, &Entry{Kind: "single"}))
		written++
	}
	unchanged("the end")
	sound(t, db)
}

func hooked(n int) []*Hooked {
	list := make([]*Hooked, n)
	for i := range list {
		list[i] = &Hooked{Name: strings.Repeat("h", 200)}
	}
	return list
}

// The disk is full and several write at once: whoever is acknowledged is kept.
func TestFullTogether(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t), sqlite.Pragma("max_page_count=300"))
	entries := weft.Repo[Entry](db)
	type result struct{ good, bad int }
	results := make(chan result)
	for w := range 4 {
		go func() {
			var r result
			for i := range 100 {
				err := entries.CreateMany(context.WithoutCancel(ctx), many(10, fmt.Sprintf("%d/%d", w, i)))
				switch {
				case err == nil:
					r.good++
				case errors.Is(err, weft.ErrDatabase) && strings.Contains(err.Error(), "full"):
					r.bad++
				default:
					t.Error(err)
				}
			}
			results <- r
		}()
	}
	var sum result
	for range 4 {
		r := <-results
		sum.good += r.good
		sum.bad += r.bad
	}
	n, err := entries.Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(10*sum.good))
	if sum.bad == 0 {
		t.Error("it never became full")
	}
	sound(t, db)
}

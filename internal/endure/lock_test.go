package endure

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// lockChild holds a lock on a file until its input ends: path, how.
func lockChild(args []string) (err error) {
	db, err := sql.Open("sqlite", args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	list := []string{"BEGIN EXCLUSIVE"}
	if args[1] == "whole" { // nobody may even read
		list = []string{"PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE", "CREATE TABLE IF NOT EXISTS held (x)", "COMMIT", "BEGIN EXCLUSIVE"}
	}
	for _, q := range list {
		if _, err := db.Exec(q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_, err = db.Exec("ROLLBACK")
	return err
}

func lock(t *testing.T, path, how string) *child {
	t.Helper()
	c := start(t, "lock", path, how)
	equal(t, "the child's first line", c.line(t), "locked")
	return c
}

const busy = 300 * time.Millisecond

// inTime is within the busy timeout, on a machine that may stand still for
// seconds: less than the minute that package migrate waits for another holder.
const inTime = 30 * time.Second

// about checks that something took at least a part of the busy timeout, and
// not much more than all of it.
func about(t *testing.T, begun time.Time, least, most time.Duration) {
	t.Helper()
	if d := time.Since(begun); d < least || d > most {
		t.Errorf("it took %v, want %v to %v", d, least, most)
	}
}

// Another process holds the file while it is opened.
func TestLockedAtOpen(t *testing.T) {
	for _, how := range []string{"write", "whole"} {
		for _, made := range []bool{true, false} {
			for _, migrate := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s made=%t migrate=%t", how, made, migrate), func(t *testing.T) {
					path := file(t)
					if made {
						db, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
						must(t, err)
						must(t, db.Close())
					}
					c := lock(t, path, how)
					opts := []weft.Option{allModels()}
					if migrate {
						opts = append(opts, weft.AutoMigrate())
					}
					begun := time.Now()
					db, err := weft.Open(sqlite.Open(path, sqlite.BusyTimeout(busy)), opts...)
					if err == nil { // it may be opened as long as nothing has to be written
						if !made || how == "whole" {
							t.Error("opened what is locked")
						}
						must(t, db.Close())
					} else {
						fails(t, err, weft.ErrDatabase, path, "locked by another process", "BusyTimeout")
						about(t, begun, busy/2, inTime)
					}
					c.end(t)
					db, err = weft.Open(sqlite.Open(path, sqlite.BusyTimeout(busy)), allModels(), weft.AutoMigrate())
					must(t, err)
					must(t, weft.Repo[Entry](db).Create(t.Context(), &Entry{Kind: "single"}))
					must(t, db.Close())
				})
			}
		}
	}
}

// Another process holds the write lock of a file that is open.
func TestLockedWhileOpen(t *testing.T) {
	ctx := t.Context()
	path := file(t)
	db := open(t, path, sqlite.BusyTimeout(busy))
	patient := open(t, path, sqlite.BusyTimeout(time.Hour)) // so that contexts end first
	entries := weft.Repo[Entry](db)
	first := &Entry{Kind: "single"}
	must(t, entries.Create(ctx, first))
	c := lock(t, path, "write")

	n, err := entries.Count(ctx)
	must(t, err)
	equal(t, "rows seen by a reader", n, int64(1))

	writes := map[string]func(ctx context.Context, db *weft.DB) error{
		"Create": func(ctx context.Context, db *weft.DB) error {
			return weft.Repo[Entry](db).Create(ctx, &Entry{Kind: "single"})
		},
		"CreateMany": func(ctx context.Context, db *weft.DB) error {
			return weft.Repo[Entry](db).CreateMany(ctx, []*Entry{{Kind: "single"}, {Kind: "single"}})
		},
		"Update": func(ctx context.Context, db *weft.DB) error {
			_, err := weft.Repo[Entry](db).Update(ctx, first.ID, weft.Set{"body": "x"})
			return err
		},
		"Delete": func(ctx context.Context, db *weft.DB) error {
			_, err := weft.Repo[Entry](db).Delete(ctx, first.ID)
			return err
		},
		"InTx": func(ctx context.Context, db *weft.DB) error {
			return db.InTx(ctx, func(context.Context) error { return nil })
		},
		"Exec": func(ctx context.Context, db *weft.DB) error {
			_, err := db.Exec(ctx, "DELETE FROM entries")
			return err
		},
		"hook": func(ctx context.Context, db *weft.DB) error {
			return weft.Repo[Hooked](db).Create(ctx, &Hooked{Name: "x"})
		},
	}
	for name, fn := range writes {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			fails(t, fn(ctx, db), weft.ErrDatabase, path, "locked by another process", "BusyTimeout")
			about(t, begun, busy/2, inTime)

			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			err := fn(short, patient)
			fails(t, err, weft.ErrTimeout)
			fails(t, err, context.DeadlineExceeded)

			stopped, stop := context.WithCancel(ctx)
			timer := time.AfterFunc(50*time.Millisecond, stop)
			defer timer.Stop()
			err = fn(stopped, patient)
			fails(t, err, weft.ErrCancelled)
			fails(t, err, context.Canceled)
		})
	}
	c.end(t)
	must(t, entries.Create(ctx, &Entry{Kind: "single"}))
	n, err = entries.Count(ctx)
	must(t, err)
	equal(t, "rows in the end", n, int64(2))
}

// A lock that ends in time is waited for.
func TestLockThatEnds(t *testing.T) {
	ctx := t.Context()
	path := file(t)
	db := open(t, path, sqlite.BusyTimeout(hung))
	c := lock(t, path, "write")
	done := make(chan error, 1)
	go func() { done <- weft.Repo[Entry](db).Create(ctx, &Entry{Kind: "single"}) }()
	select {
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	c.end(t)
	must(t, <-done)
}

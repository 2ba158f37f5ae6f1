package lock_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/lock"
	"github.com/weftdb/weft/op"

	_ "modernc.org/sqlite"
)

// each runs the test on a fresh database of each dialect.
func each(t *testing.T, fn func(t *testing.T, d catalog.Dialect, db *sql.DB)) {
	for _, d := range []catalog.Dialect{catalog.SQLite, catalog.Postgres, catalog.MySQL} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			fn(t, d, open(t, d))
		})
	}
}

func open(t *testing.T, d catalog.Dialect) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", ""
	switch d {
	case catalog.SQLite:
		dsn = "file:" + filepath.Join(t.TempDir(), "db") + "?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)"
	case catalog.Postgres:
		driver, dsn = "pgx", services.Postgres(t)
	case catalog.MySQL:
		driver, dsn = "mysql", services.MySQL(t)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func acquire(t *testing.T, db *sql.DB, d catalog.Dialect, o lock.Options) *lock.Lock {
	t.Helper()
	l, err := lock.Acquire(t.Context(), db, d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release(context.Background()) })
	return l
}

func run(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// untouched is a lease that is not renewed before a test ends it.
const untouched = time.Hour

// expire ends the lease of whoever holds the lock, as time would.
func expire(t *testing.T, db *sql.DB) {
	t.Helper()
	run(t, db, "UPDATE weft_lock SET expires_at = 1")
}

func TestOneHolder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d catalog.Dialect, db *sql.DB) {
		if h, err := lock.Look(t.Context(), db, d, lock.Migrations); h != nil || err != nil {
			t.Fatalf("a new database: %v, %v", h, err)
		}
		a := acquire(t, db, d, lock.Options{Owner: "a"})
		_, err := lock.Acquire(t.Context(), db, d, lock.Options{Owner: "b", Wait: -1})
		var held *lock.HeldError
		if !errors.As(err, &held) || held.Holder.Owner != "a" || !errors.Is(err, op.ErrConflict) {
			t.Fatalf("held: %v", err)
		}
		for _, want := range []string{"held by a (", "its lease ends in", "without waiting"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v\nlacks %q", err, want)
			}
		}
		h, err := lock.Look(t.Context(), db, d, lock.Migrations)
		if err != nil || h.Owner != "a" || h.Token != a.Token() || h.Left <= 0 || h.Left > 31*time.Second || h.Held < 0 {
			t.Fatalf("%+v, %v", h, err)
		}
		other := acquire(t, db, d, lock.Options{Owner: "c", Name: "another", Wait: -1})
		if err := other.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		b := acquire(t, db, d, lock.Options{Owner: "b", Wait: -1})
		if b.Token() <= a.Token() {
			t.Errorf("token %d after %d", b.Token(), a.Token())
		}
	})
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d catalog.Dialect, db *sql.DB) {
		a := acquire(t, db, d, lock.Options{Owner: "a"})
		// Long enough to have seen who holds it, wherever this runs.
		for patience := 50 * time.Millisecond; ; patience *= 2 {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := lock.Acquire(ctx, db, d, lock.Options{Owner: "b"})
			cancel()
			if errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), "held by a") {
				break
			}
			if err == nil || patience > 20*time.Second {
				t.Fatalf("cancelled after %s: %v", patience, err)
			}
		}
		got := make(chan error, 1)
		go func() {
			l, err := lock.Acquire(t.Context(), db, d, lock.Options{Owner: "b"})
			if err == nil {
				err = l.Release(t.Context())
			}
			got <- err
		}()
		if err := a.Tx(t.Context(), false, func() error { return nil }); err != nil {
			t.Error(err)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
}

// Many at once: a counter without any protection of its own shows whether two
// were ever inside together.
func TestExclusion(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d catalog.Dialect, db *sql.DB) {
		run(t, db, "CREATE TABLE counter (n integer)")
		run(t, db, "INSERT INTO counter VALUES (0)")
		const workers, rounds = 4, 3
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for range rounds {
					l, err := lock.Acquire(t.Context(), db, d, lock.Options{Owner: fmt.Sprint("w", w)})
					if err != nil {
						t.Error(err)
						return
					}
					var n int
					err = l.Conn().QueryRowContext(t.Context(), "SELECT n FROM counter").Scan(&n)
					if err == nil {
						err = l.Tx(t.Context(), false, func() error {
							_, err := l.Conn().ExecContext(t.Context(), fmt.Sprintf("UPDATE counter SET n = %d", n+1))
							return err
						})
					}
					if err != nil {
						t.Error(err)
					}
					if err := l.Release(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT n FROM counter").Scan(&n); err != nil || n != workers*rounds {
			t.Errorf("counted %d, %v", n, err)
		}
	})
}

// A holder whose lease has ended is taken over: it can neither go on nor free
// the lock of its successor.
func TestTakeover(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d catalog.Dialect, db *sql.DB) {
		run(t, db, "CREATE TABLE t (n integer)")
		a := acquire(t, db, d, lock.Options{Owner: "a", TTL: untouched})
		expire(t, db)
		b := acquire(t, db, d, lock.Options{Owner: "b"})
		if b.Token() <= a.Token() {
			t.Errorf("token %d after %d", b.Token(), a.Token())
		}
		err := a.Tx(t.Context(), false, func() error {
			_, err := a.Conn().ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
			return err
		})
		if err == nil {
			t.Error("a goes on")
		}
		var lost *lock.LostError
		if d == catalog.SQLite && (!errors.As(err, &lost) || lost.Holder.Owner != "b" || !errors.Is(err, op.ErrConflict)) {
			t.Errorf("lost: %v", err)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Errorf("release: %v", err)
		}
		if err := b.Check(t.Context()); err != nil {
			t.Error(err)
		}
		err = b.Tx(t.Context(), true, func() error {
			_, err := b.Conn().ExecContext(t.Context(), "INSERT INTO t VALUES (2)")
			return err
		})
		if err != nil {
			t.Error(err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT sum(n) FROM t").Scan(&n); err != nil || n != 2 {
			t.Errorf("sum %d, %v", n, err)
		}
	})
}

// The same in the middle of a transaction of the old holder. On SQLite nothing
// can be done but to wait for it.
func TestTakeoverInside(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d catalog.Dialect, db *sql.DB) {
		run(t, db, "CREATE TABLE t (n integer)")
		a := acquire(t, db, d, lock.Options{Owner: "a", TTL: untouched})
		expire(t, db)
		var wait time.Duration // the default
		if d == catalog.SQLite {
			wait = 2 * time.Second // in vain
		}
		err := a.Tx(t.Context(), false, func() error {
			if _, err := a.Conn().ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
				return err
			}
			b, err := lock.Acquire(t.Context(), db, d, lock.Options{Owner: "b", Wait: wait})
			if d == catalog.SQLite {
				var held *lock.HeldError
				if !errors.As(err, &held) || held.Holder == nil || held.Holder.Owner != "a" || held.Err == nil {
					t.Errorf("held: %v", err)
				}
				return nil
			}
			if err != nil {
				t.Fatal(err)
			}
			return b.Release(t.Context())
		})
		var n int
		if serr := db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); serr != nil {
			t.Fatal(serr)
		}
		if want := d == catalog.SQLite; (err == nil) != want || (n == 1) != want {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

// Who gives the lock back waits for somebody else who writes to the file, longer
// than SQLite does by itself.
func TestReleaseWaits(t *testing.T) {
	t.Parallel()
	db := open(t, catalog.SQLite)
	a := acquire(t, db, catalog.SQLite, lock.Options{Owner: "a"})
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	time.AfterFunc(500*time.Millisecond, func() {
		_, err := other.ExecContext(context.Background(), "ROLLBACK")
		ended <- err
	})
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if h, err := lock.Look(t.Context(), db, catalog.SQLite, lock.Migrations); h != nil || err != nil {
		t.Errorf("%v, %v", h, err)
	}
}

// Who is known to be gone need not be waited for.
func TestHolderGone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d catalog.Dialect, db *sql.DB) {
		if d == catalog.SQLite {
			acquire(t, db, d, lock.Options{Owner: "a", TTL: untouched})
			gone := exec.CommandContext(t.Context(), "true")
			if err := gone.Run(); err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), "UPDATE weft_lock SET connection = 'process ' || ? || substr(connection, instr(connection, ' of '))", gone.Process.Pid); err != nil {
				t.Fatal(err)
			}
		} else {
			// The connection ends, as that of a killed process does.
			a := acquire(t, db, d, lock.Options{Owner: "a", TTL: untouched})
			_ = a.Conn().Raw(func(any) error { return driver.ErrBadConn })
		}
		b := acquire(t, db, d, lock.Options{Owner: "b"})
		if h, err := lock.Look(t.Context(), db, d, lock.Migrations); err != nil || h.Owner != "b" || h.Token != b.Token() {
			t.Errorf("%v, %v", h, err)
		}
	})
}

// A lease is renewed as long as the holder works, and a holder that lost it is told.
func TestRenewal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d catalog.Dialect, db *sql.DB) {
		a := acquire(t, db, d, lock.Options{Owner: "a", TTL: 600 * time.Millisecond})
		ctx, cancel := a.Context(t.Context())
		defer cancel()
		expire(t, db)
		eventually(t, func() bool {
			h, err := lock.Look(t.Context(), db, d, lock.Migrations)
			return err == nil && h != nil && h.Left > 0
		})
		run(t, db, "UPDATE weft_lock SET owner = 'b', token = token + 1")
		eventually(t, func() bool { return ctx.Err() != nil })
		var lost *lock.LostError
		if !errors.As(context.Cause(ctx), &lost) {
			t.Errorf("cause: %v", context.Cause(ctx))
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if h, err := lock.Look(t.Context(), db, d, lock.Migrations); err != nil || h == nil || h.Owner != "b" {
			t.Errorf("%v, %v", h, err)
		}
	})
}

func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen")
		}
	}
}

// A transaction in which a statement has failed is not committed, though fn
// does not say so.
func TestFailedStatement(t *testing.T) {
	t.Parallel()
	db := open(t, catalog.Postgres)
	a := acquire(t, db, catalog.Postgres, lock.Options{})
	err := a.Tx(t.Context(), false, func() error {
		_, _ = a.Conn().ExecContext(t.Context(), "SELECT nonsense")
		return nil
	})
	if !errors.Is(err, op.ErrDatabase) {
		t.Errorf("%v", err)
	}
}

func TestTwoConnections(t *testing.T) {
	t.Parallel()
	db := open(t, catalog.MySQL)
	db.SetMaxOpenConns(1)
	if _, err := lock.Acquire(t.Context(), db, catalog.MySQL, lock.Options{}); !errors.Is(err, op.ErrValidation) {
		t.Errorf("%v", err)
	}
	lite := open(t, catalog.SQLite)
	lite.SetMaxOpenConns(1)
	l := acquire(t, lite, catalog.SQLite, lock.Options{})
	if err := l.Tx(t.Context(), false, func() error { return nil }); err != nil {
		t.Error(err)
	}
}

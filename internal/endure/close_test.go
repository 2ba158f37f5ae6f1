package endure

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// closed checks that err says the database is closed.
func closed(t *testing.T, err error) {
	t.Helper()
	var e *weft.Error
	if !errors.As(err, &e) || !e.Closed {
		t.Fatalf("the error is %v (%s); it should say that the database is closed", err, weft.CodeOf(err))
	}
	fails(t, err, weft.ErrDatabase, "closed")
}

func TestOpenTwice(t *testing.T) {
	ctx := t.Context()
	path := file(t)
	e := sqlite.Open(path)
	db, err := weft.Open(e, allModels(), weft.AutoMigrate())
	must(t, err)
	_, err = weft.Open(e, allModels(), weft.AutoMigrate())
	fails(t, err, weft.ErrValidation, "open already")
	must(t, weft.Repo[Entry](db).Create(ctx, &Entry{Kind: "single"})) // the first is not disturbed

	second, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
	must(t, err)
	n, err := weft.Repo[Entry](second).Count(ctx)
	must(t, err)
	equal(t, "rows seen by a second engine", n, int64(1))
	must(t, db.Close())
	must(t, weft.Repo[Entry](second).Create(ctx, &Entry{Kind: "single"}))
	must(t, second.Close())

	_, err = weft.Open(e, allModels())
	closed(t, err) // and not "open already"
	failed := sqlite.Open(t.TempDir())
	for range 2 { // an engine that could not be opened says why each time, or that it is closed
		_, err = weft.Open(failed, allModels())
		fails(t, err, weft.ErrDatabase)
	}
}

// Whatever is called after Close says so, and closing again is nothing.
func TestUseAfterClose(t *testing.T) {
	defer leak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(file(t)), allModels(), weft.AutoMigrate())
	must(t, err)
	entries := weft.Repo[Entry](db)
	loaded := &Entry{Kind: "single"}
	must(t, entries.Create(ctx, loaded))
	item := &Item{Name: "x"}
	must(t, weft.Repo[Item](db).Create(ctx, item))
	query := entries.Where("kind", "=", "single")
	var inTx *weft.DB
	must(t, db.Tx(ctx, func(tx *weft.DB) error { inTx = tx; return nil }))
	rows := entries.Iter(ctx) // not begun yet
	must(t, db.Close())
	must(t, db.Close())
	must(t, db.Engine().Close())
	loaded.Body = "changed"
	for name, fn := range map[string]func() error{
		"Create":     func() error { return entries.Create(ctx, &Entry{Kind: "single"}) },
		"CreateMany": func() error { return entries.CreateMany(ctx, []*Entry{{Kind: "single"}}) },
		"Save":       func() error { return entries.Save(ctx, loaded) },
		"Get":        func() error { _, err := entries.Get(ctx, loaded.ID); return err },
		"Find":       func() error { _, err := entries.Find(ctx, loaded.ID); return err },
		"Update":     func() error { _, err := entries.Update(ctx, loaded.ID, weft.Set{"body": "x"}); return err },
		"Delete":     func() error { _, err := entries.Delete(ctx, loaded.ID); return err },
		"Increment":  func() error { _, err := weft.Repo[Tally](db).Increment(ctx, loaded.ID, "n", 1); return err },
		"Load":       func() error { return weft.Repo[Item](db).Load(ctx, item, "group", "parts") },
		"All":        func() error { _, err := query.All(ctx); return err },
		"First":      func() error { _, err := query.First(ctx); return err },
		"Page":       func() error { _, err := query.Page(ctx); return err },
		"Count":      func() error { _, err := query.Count(ctx); return err },
		"Exists":     func() error { _, err := query.Exists(ctx); return err },
		"Sum":        func() error { _, err := weft.Repo[Tally](db).Sum(ctx, "n"); return err },
		"Each":       func() error { return query.Each(ctx, func(*Entry) error { return nil }) },
		"Iter": func() error {
			for _, err := range rows {
				return err
			}
			return nil
		},
		"UpdateAll": func() error { _, err := query.UpdateAll(ctx, weft.Set{"body": "x"}); return err },
		"Explain":   func() error { _, err := query.Explain(ctx); return err },
		"Tx":        func() error { return db.Tx(ctx, func(*weft.DB) error { return nil }) },
		"InTx":      func() error { return db.InTx(ctx, func(context.Context) error { return nil }) },
		"Exec":      func() error { _, err := db.Exec(ctx, "DELETE FROM entries"); return err },
		"SQL":       func() error { _, err := weft.SQL[int](ctx, db, "SELECT 1"); return err },
		"Backup":    func() error { return db.Backup(ctx, io.Discard) },
		"User":      func() error { _, err := weft.Repo[Entry](db.User("u")).All(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) { closed(t, fn()) })
	}
	_, err = entries.In(inTx).All(ctx)
	if err == nil {
		t.Error("a transaction that has ended still reads")
	}
}

// Close comes while everything is at work: every call ends, with its result
// or with an error that says the database is closed, and what was acknowledged
// is there.
func TestCloseDuringWork(t *testing.T) {
	r := random(t)
	for range 8 {
		closeDuringWork(t, time.Duration(r.Int64N(int64(30*time.Millisecond))))
	}
}

func closeDuringWork(t *testing.T, after time.Duration) {
	t.Helper()
	defer leak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	path := file(t)
	db, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
	must(t, err)
	entries := weft.Repo[Entry](db)
	must(t, entries.CreateMany(ctx, many(300, "first")))
	var acked, begun atomic.Int64
	var wg sync.WaitGroup
	work := func(fn func() (int, error)) {
		wg.Go(func() {
			for {
				n, err := fn()
				acked.Add(int64(n))
				if err != nil {
					var e *weft.Error
					if !errors.As(err, &e) || !e.Closed {
						t.Errorf("a call ended with %v (%s)", err, weft.CodeOf(err))
					}
					return
				}
				begun.Add(1)
			}
		})
	}
	for range 2 {
		work(func() (int, error) { return one(entries.Create(ctx, &Entry{Kind: "single"}), 1) })
		work(func() (int, error) { return one(entries.CreateMany(ctx, many(20, "x")), 20) })
		work(func() (int, error) {
			return one(db.Tx(ctx, func(tx *weft.DB) error {
				if err := entries.In(tx).Create(ctx, &Entry{Kind: "single"}); err != nil {
					return err
				}
				return tx.Tx(ctx, func(tx *weft.DB) error { return entries.In(tx).Create(ctx, &Entry{Kind: "single"}) })
			}), 2)
		})
		work(func() (int, error) { return one(weft.Repo[Hooked](db).Create(ctx, &Hooked{Name: "h"}), 0) })
		work(func() (int, error) { _, err := entries.Where("body", "like", "Z").Count(ctx); return 0, err })
		work(func() (int, error) { return 0, entries.Each(ctx, func(*Entry) error { return nil }) })
		work(func() (int, error) {
			return 0, db.InTx(ctx, func(ctx context.Context) error { _, err := entries.All(ctx); return err }, weft.ReadOnly())
		})
		work(func() (int, error) { _, err := weft.SQL[int](ctx, db, "SELECT count(*) FROM entries"); return 0, err })
	}
	work(func() (int, error) { return 0, db.Backup(ctx, io.Discard) })
	timer := time.NewTimer(after)
	<-timer.C
	must(t, within(t, hung, "Close", db.Close))
	within(t, hung, "the work after Close", func() error { wg.Wait(); return nil })

	db, err = weft.Open(sqlite.Open(path), allModels())
	must(t, err)
	n, err := weft.Repo[Entry](db).Count(ctx)
	must(t, err)
	equal(t, "rows", n, 300+acked.Load())
	sound(t, db)
	must(t, db.Close())
}

func one(err error, n int) (int, error) {
	if err != nil {
		n = 0
	}
	return n, err
}

// Rows that are being read when the database is closed end with an error.
func TestCloseDuringIter(t *testing.T) {
	defer leak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(file(t), sqlite.CloseTimeout(50*time.Millisecond)), allModels(), weft.AutoMigrate())
	must(t, err)
	entries := weft.Repo[Entry](db)
	must(t, entries.CreateMany(ctx, many(1000, "x")))
	seen := 0
	var last error
	for _, err := range entries.Iter(ctx) {
		if err != nil {
			last = err
			break
		}
		if seen++; seen == 10 {
			err := within(t, hung, "Close inside Iter", db.Close)
			fails(t, err, weft.ErrDatabase, "close", "still open")
		}
	}
	closed(t, last)
	equal(t, "rows seen", seen, 10)
	must(t, db.Close())
}

// Closing inside the function of a transaction is refused, and the transaction
// with it.
func TestCloseInsideTx(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	err := within(t, hung, "a transaction that closes", func() error {
		return db.Tx(ctx, func(tx *weft.DB) error {
			if err := weft.Repo[Entry](tx).Create(ctx, &Entry{Kind: "lost"}); err != nil {
				return err
			}
			fails(t, tx.Close(), weft.ErrValidation, "close", "transaction")
			return db.Close()
		})
	})
	fails(t, err, weft.ErrValidation, "close", "transaction")
	n, err := weft.Repo[Entry](db).Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(0))
}

// A transaction that is open, and does nothing, while the database is closed
// is rolled back.
func TestCloseDuringTx(t *testing.T) {
	defer leak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	path := file(t)
	db, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
	must(t, err)
	entries := weft.Repo[Entry](db)
	must(t, entries.CreateMany(ctx, many(10, "first")))
	ready, goOn := make(chan struct{}, 4), make(chan struct{})
	var wg sync.WaitGroup
	run := func(fn func(tx *weft.DB) error, opts ...weft.TxOption) {
		wg.Go(func() {
			err := db.Tx(ctx, func(tx *weft.DB) error {
				if err := fn(tx); err != nil {
					return err
				}
				ready <- struct{}{}
				<-goOn
				_, err := entries.In(tx).All(ctx)
				var e *weft.Error
				if !errors.As(err, &e) || !e.Closed {
					t.Errorf("read after Close: %v", err)
				}
				return nil // Commit must say it again
			}, opts...)
			var e *weft.Error
			if !errors.As(err, &e) || !e.Closed {
				t.Errorf("committed after Close: %v", err)
			}
		})
	}
	run(func(tx *weft.DB) error {
		return tx.Tx(ctx, func(tx *weft.DB) error { return entries.In(tx).Create(ctx, &Entry{Kind: "lost"}) })
	})
	run(func(tx *weft.DB) error { _, err := entries.In(tx).All(ctx); return err }, weft.ReadOnly())
	<-ready
	<-ready
	must(t, within(t, hung, "Close", db.Close))
	close(goOn)
	wg.Wait()
	db = open(t, path)
	n, err := weft.Repo[Entry](db).Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(10))
}

// An iteration that is left early holds nothing.
func TestIterAbandoned(t *testing.T) {
	defer leak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(file(t), sqlite.Readers(1)), allModels(), weft.AutoMigrate())
	must(t, err)
	entries := weft.Repo[Entry](db)
	must(t, entries.CreateMany(ctx, many(1000, "x")))
	boom := errors.New("boom")
	leave := func(q *weft.Query[Entry]) {
		for range q.Iter(ctx) {
			break
		}
		equal(t, "the error of Each", q.Each(ctx, func(*Entry) error { return boom }), boom)
		next, stop := iter.Pull2(q.Iter(ctx))
		for range 3 {
			_, err, ok := next()
			must(t, err)
			equal(t, "a row", ok, true)
		}
		stop()
		func() {
			defer func() { equal(t, "the panic", recover(), any(boom)) }()
			for range q.Iter(ctx) {
				panic(boom)
			}
		}()
	}
	for range 3 {
		leave(entries.Limit(0))
		leave(entries.Where("kind", "=", "many").OrderBy("body", weft.Desc))
	}
	must(t, db.Tx(ctx, func(tx *weft.DB) error {
		leave(entries.In(tx).Limit(0))
		return entries.In(tx).Create(ctx, &Entry{Kind: "single"})
	}))
	// Rows may be written while they are read.
	seen := 0
	for p, err := range entries.Where("kind", "=", "many").Iter(ctx) {
		must(t, err)
		p.Body = "seen"
		must(t, entries.Save(ctx, p))
		if seen++; seen == 50 {
			break
		}
	}
	n, err := entries.Where("body", "=", "seen").Count(ctx)
	must(t, err)
	equal(t, "rows written", n, int64(50))
	must(t, db.Close()) // it would say that something is still open
}

// More iterations at once than there are readers, and than there may be.
func TestIterMuchAtOnce(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t), sqlite.Readers(2), sqlite.CacheSize(64))
	entries := weft.Repo[Entry](db)
	must(t, entries.CreateMany(ctx, many(10, "x")))
	var stops []func()
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	var err error
	for len(stops) < 5000 && err == nil {
		next, stop := iter.Pull2(entries.Iter(ctx))
		stops = append(stops, stop)
		_, err, _ = next()
	}
	fails(t, err, weft.ErrDatabase, "open at once", "close")
	t.Logf("%d iterations at once", len(stops)-1)
	_, err = entries.Count(ctx)
	fails(t, err, weft.ErrDatabase, "open at once")
	must(t, entries.Create(ctx, &Entry{Kind: "single"})) // the writer is not concerned
	for _, stop := range stops {
		stop()
	}
	stops = nil
	_, err = entries.Count(ctx)
	must(t, err)
}

// A backup taken while others write is a sound database.
func TestBackupDuringTraffic(t *testing.T) {
	r := random(t)
	db := open(t, file(t))
	stock(t, db)
	w, err := newTraffic(t.Context(), db, false, 400*time.Millisecond)
	must(t, err)
	done := make(chan struct{})
	go func() { defer close(done); w.run(t.Context(), r) }()
	for range 3 {
		var b bytes.Buffer
		must(t, db.Backup(t.Context(), &b))
		path := restore(t, b.Bytes())
		copied := open(t, path)
		list, err := weft.Repo[Account](copied).All(t.Context())
		must(t, err)
		must(t, whole("in the backup", list))
		sound(t, copied)
	}
	<-done
	for _, err := range w.errs {
		t.Error(err)
	}
	settled(t, db, w.counts())
}

package endure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
)

func restore(t *testing.T, data []byte) string {
	t.Helper()
	path := file(t)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// prompt is how long a call may take to notice that its context has ended, on
// a machine that has other things to do and may stand still for seconds.
const prompt = 15 * time.Second

// Whatever takes long stops soon after its context has ended, and leaves
// nothing behind.
func TestCancelLongWork(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	n, news := 300_000, 100_000
	if raced {
		n, news = 100_000, 20_000
	}
	count := strconv.Itoa(n)
	fill := `INSERT INTO items (id, group_id, name, price) WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM c WHERE i < ` +
		count + `) SELECT i, 1, 'an item of some length, number ' || i, i FROM c`
	_, err := db.Exec(ctx, fill)
	must(t, err)
	// A write that ended before its context is undone, and made again.
	rewritten := func(ctx context.Context, undo string, write func() error) error {
		return again(ctx, func() error {
			err := write()
			if err == nil {
				_, undone := db.Exec(t.Context(), undo)
				must(t, undone)
			}
			return err
		})
	}
	items := weft.Repo[Item](db)
	none := weft.Or(weft.If("name", "like", "NOT THERE"), weft.If("name", "like", "NEITHER"), weft.If("name", "ends with", "nor this"))
	slow := items.Filter(none)
	endless := "WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM c) SELECT count(*) FROM c"
	list := make([]*Item, news)
	for i := range list {
		list[i] = new(Item)
	}
	for name, fn := range map[string]func(ctx context.Context) error{
		"SQL": func(ctx context.Context) error { _, err := weft.SQL[int](ctx, db, endless); return err },
		"Exec": func(ctx context.Context) error {
			_, err := db.Exec(ctx, "DELETE FROM items WHERE id IN ("+endless+")")
			return err
		},
		"All": func(ctx context.Context) error {
			return again(ctx, func() error { _, err := items.All(ctx); return err })
		},
		"Count": func(ctx context.Context) error {
			return again(ctx, func() error { _, err := slow.Count(ctx); return err })
		},
		"sorted": func(ctx context.Context) error {
			return again(ctx, func() error { _, err := items.OrderBy("name", weft.Desc).First(ctx); return err })
		},
		"Iter": func(ctx context.Context) error {
			return again(ctx, func() error { return items.Each(ctx, func(*Item) error { return nil }) })
		},
		"With": func(ctx context.Context) error {
			return again(ctx, func() error { _, err := items.With("group", "parts").All(ctx); return err })
		},
		"CreateMany": func(ctx context.Context) error {
			return rewritten(ctx, "DELETE FROM items WHERE id > "+count, func() error {
				for _, p := range list {
					*p = Item{Name: "new", GroupID: 1}
				}
				return items.CreateMany(ctx, list)
			})
		},
		"Update": func(ctx context.Context) error {
			return rewritten(ctx, "UPDATE items SET name = 'an item of some length, number ' || id", func() error {
				_, err := items.Filter(weft.Everything()).Update(ctx, weft.Set{"name": "changed and longer than it was before"})
				return err
			})
		},
		"Delete": func(ctx context.Context) error {
			return rewritten(ctx, fill, func() error { _, err := items.Filter(weft.Not(none)).Delete(ctx); return err })
		},
		"in a transaction": func(ctx context.Context) error {
			return db.Tx(ctx, func(tx *weft.DB) error {
				if _, err := items.In(tx).Where("id", "<=", 10).Update(ctx, weft.Set{"name": "half"}); err != nil {
					return err
				}
				_, err := weft.SQL[int](ctx, tx, endless)
				return err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			stopped, stop := context.WithCancel(ctx)
			var at time.Time
			var mu sync.Mutex
			timer := time.AfterFunc(30*time.Millisecond, func() {
				mu.Lock()
				defer mu.Unlock()
				at = time.Now()
				stop()
			})
			defer timer.Stop()
			err := fn(stopped)
			mu.Lock()
			late := time.Since(at)
			mu.Unlock()
			stop()
			fails(t, err, weft.ErrCancelled)
			fails(t, err, context.Canceled)
			if late > prompt {
				t.Errorf("stopped %v after the cancel", late)
			}
			short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
			defer cancel()
			begun := time.Now()
			err = fn(short)
			fails(t, err, weft.ErrTimeout)
			fails(t, err, context.DeadlineExceeded)
			about(t, begun, 0, prompt+30*time.Millisecond)

			over, err := items.Where("name", "starts with", "an item").Count(ctx)
			must(t, err)
			equal(t, "rows that are as they were", over, int64(n))
			over, err = items.Count(ctx)
			must(t, err)
			equal(t, "rows", over, int64(n))
		})
	}
	sound(t, db)
}

// again runs what may be too fast to be cancelled until its context ends.
func again(ctx context.Context, fn func() error) error {
	for {
		if err := fn(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fn()
		}
	}
}

// Somebody who waits for the writer stops waiting when the context ends.
func TestCancelWhileWaiting(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	entries := weft.Repo[Entry](db)
	first := &Entry{Kind: "single"}
	must(t, entries.Create(ctx, first))
	holds, free := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- db.Tx(ctx, func(tx *weft.DB) error {
			if err := entries.In(tx).Create(ctx, &Entry{Kind: "held"}); err != nil {
				return err
			}
			close(holds)
			<-free
			return nil
		})
	}()
	<-holds
	var wg sync.WaitGroup
	for name, fn := range map[string]func(ctx context.Context) error{
		"Create": func(ctx context.Context) error { return entries.Create(ctx, &Entry{Kind: "single"}) },
		"Update": func(ctx context.Context) error {
			_, err := entries.Update(ctx, first.ID, weft.Set{"body": "x"})
			return err
		},
		"Tx":   func(ctx context.Context) error { return db.Tx(ctx, func(*weft.DB) error { return nil }) },
		"Exec": func(ctx context.Context) error { _, err := db.Exec(ctx, "DELETE FROM entries"); return err },
		"hook": func(ctx context.Context) error { return weft.Repo[Hooked](db).Create(ctx, &Hooked{Name: "h"}) },
	} {
		for _, cancelled := range []bool{true, false} {
			wg.Go(func() {
				waiting, stop := context.WithTimeout(ctx, 50*time.Millisecond)
				want := weft.ErrTimeout
				if cancelled {
					stop()
					waiting, stop = context.WithCancel(ctx)
					time.AfterFunc(50*time.Millisecond, stop)
					want = weft.ErrCancelled
				}
				defer stop()
				begun := time.Now()
				if err := fn(waiting); !errors.Is(err, want) || !errors.Is(err, waiting.Err()) {
					t.Errorf("%s: %v; want %v", name, err, want)
				}
				if d := time.Since(begun); d > prompt {
					t.Errorf("%s waited %v", name, d)
				}
			})
		}
	}
	wg.Wait()
	n, err := entries.Count(ctx) // a reader does not wait
	must(t, err)
	equal(t, "rows seen meanwhile", n, int64(1))
	over, stop := context.WithCancel(ctx)
	stop()
	fails(t, entries.Create(over, &Entry{Kind: "single"}), weft.ErrCancelled)
	_, err = entries.All(over)
	fails(t, err, weft.ErrCancelled)
	close(free)
	must(t, <-done)
	n, err = entries.Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(2))
}

// Cancels that come at any moment never leave half a write, and what was
// acknowledged is there.
func TestCancelAnywhere(t *testing.T) {
	r := random(t)
	ctx := t.Context()
	db := open(t, file(t))
	stock(t, db)
	w, err := newTraffic(ctx, db, true, long(time.Second))
	must(t, err)
	var wg sync.WaitGroup
	for range 6 {
		seed := r.Uint64()
		wg.Go(func() {
			if err := w.cancelled(ctx, seed); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	as, err := weft.Repo[Account](db).All(ctx)
	must(t, err)
	must(t, whole("in the end", as))
	ts, err := weft.Repo[Tally](db).OrderBy("name", weft.Asc).All(ctx)
	must(t, err)
	for i, p := range ts {
		if p.N != p.Copy || int64(weft.VersionOf(p)) != p.N+1 || p.N != w.bumps[i].Load() {
			t.Errorf("tally %d: n %d, copy %d, version %d after %d acknowledged changes", i, p.N, p.Copy, weft.VersionOf(p), w.bumps[i].Load())
		}
	}
	t.Logf("%d writes, %d of them cancelled", w.writes.Load(), w.stale.Load())
	sound(t, db)
}

// cancelled writes with contexts that end at random moments.
func (w *traffic) cancelled(ctx context.Context, seed uint64) error {
	r := newRand(seed)
	for time.Now().Before(w.until) {
		short, stop := context.WithTimeout(ctx, time.Duration(r.Int64N(int64(3*time.Millisecond))))
		err := w.write(short, r)
		stop()
		if err != nil {
			if !errors.Is(err, weft.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("a write that was cancelled ended with %w (%s)", err, weft.CodeOf(err))
			}
			w.stale.Add(1)
		}
	}
	return nil
}

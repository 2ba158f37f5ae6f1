package weft_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

var errStop = errors.New("stop")

func serialization() error {
	return &op.ConflictError{Reason: op.ReasonSerialization, Index: -1}
}

func TestTxUndoesInstances(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		loaded := &Book{Title: "old"}
		must(t, books.Create(ctx, loaded))
		made := &Book{Title: "made"}
		err := db.Tx(ctx, func(tx *weft.DB) error {
			must(t, books.In(tx).Create(ctx, made))
			loaded.Title = "new"
			must(t, books.In(tx).Save(ctx, loaded))
			equal(t, weft.VersionOf(loaded), 2)
			return errStop
		})
		is(t, err, errStop)
		if made.ID != "" || made.Slug != "" || !made.CreatedAt.IsZero() || made.Lang != "" || weft.VersionOf(made) != 0 {
			t.Fatalf("not undone: %+v", made)
		}
		equal(t, weft.VersionOf(loaded), 1)
		equal(t, loaded.Title, "new")
		if c := weft.Changed(loaded); len(c) != 1 || c[0] != "title" {
			t.Fatalf("changed %v", c)
		}
		must(t, books.Save(ctx, loaded))
		must(t, books.Save(ctx, made))

		sw.Add(fault.Rule{At: fault.Commit, Err: serialization(), Times: 2})
		attempts, after := 0, 0
		third := &Book{Title: "third"}
		must(t, db.InTx(ctx, func(ctx context.Context) error {
			attempts++
			weft.AfterCommit(ctx, func(ctx context.Context) {
				after++
				if weft.From(ctx) != nil {
					t.Error("still in the transaction")
				}
			})
			if weft.From(ctx) == nil {
				t.Error("no transaction in ctx")
			}
			loaded.Title = "third"
			if err := books.Save(ctx, loaded); err != nil {
				return err
			}
			return books.Save(ctx, third)
		}))
		equal(t, attempts, 3)
		equal(t, after, 1)
		equal(t, weft.VersionOf(loaded), 3)
		n, err := books.Where("title", "=", "third").Count(ctx)
		must(t, err)
		equal(t, n, 2)
		n, err = weft.Repo[Book](db).Count(ctx)
		must(t, err)
		equal(t, n, 3)

		sw.Clear()
		sw.Add(fault.Rule{At: fault.Commit, Err: serialization()})
		attempts = 0
		err = db.Tx(ctx, func(*weft.DB) error { attempts++; return nil }, weft.Attempts(4))
		is(t, err, weft.ErrConflict)
		equal(t, attempts, 4)
		sw.Clear()
		attempts = 0
		err = db.Tx(ctx, func(tx *weft.DB) error { attempts++; return &weft.ConflictError{Reason: "stale", Index: -1} })
		is(t, err, weft.ErrConflict)
		equal(t, attempts, 1)
	})
}

func TestNested(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		genres := weft.Repo[Genre](db)
		ran := ""
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			must(t, genres.In(tx).Create(ctx, &Genre{Name: "outer"}))
			inner := &Genre{Name: "inner"}
			err := tx.Tx(ctx, func(tx2 *weft.DB) error {
				tx2.AfterCommit(ctx, func(context.Context) { ran += "lost " })
				must(t, genres.In(tx2).Create(ctx, inner))
				return errStop
			})
			is(t, err, errStop)
			equal(t, inner.ID, 0)
			return tx.Tx(ctx, func(tx2 *weft.DB) error {
				tx2.AfterCommit(ctx, func(context.Context) { ran += "kept " })
				return genres.In(tx2).Create(ctx, &Genre{Name: "second"})
			})
		}))
		equal(t, ran, "kept ")
		n, err := genres.Count(ctx)
		must(t, err)
		equal(t, n, 2)
		is(t, db.Tx(ctx, func(tx *weft.DB) error {
			must(t, tx.Tx(ctx, func(tx2 *weft.DB) error { return genres.In(tx2).Create(ctx, &Genre{Name: "x"}) }))
			return errStop
		}), errStop)
		n, err = genres.Count(ctx)
		must(t, err)
		equal(t, n, 2)
	})
}

func TestOutsideItsTransaction(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		genres := weft.Repo[Genre](db)
		var leaked *weft.DB
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			leaked = tx
			err := genres.Create(ctx, &Genre{Name: "x"})
			is(t, err, weft.ErrValidation)
			says(t, err, "not in the transaction", "In(tx)")
			_, err = genres.Count(ctx)
			says(t, err, "not in the transaction")
			is(t, db.Tx(ctx, func(*weft.DB) error { return nil }), weft.ErrValidation)
			is(t, tx.Close(), weft.ErrValidation)
			return nil
		}))
		err := genres.In(leaked).Create(ctx, &Genre{Name: "x"})
		says(t, err, "has ended")
		must(t, genres.Create(ctx, &Genre{Name: "x"}))

		func() {
			defer func() { equal(t, recover().(string), "boom") }()
			_ = db.Tx(ctx, func(tx *weft.DB) error {
				must(t, genres.In(tx).Create(ctx, &Genre{Name: "y"}))
				panic("boom")
			})
		}()
		n, err := genres.Count(ctx)
		must(t, err)
		equal(t, n, 1)
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			n, err := genres.In(tx).Count(ctx)
			equal(t, n, 1)
			if err != nil {
				return err
			}
			err = genres.In(tx).Create(ctx, &Genre{Name: "z"})
			if err == nil {
				t.Error("wrote in a read-only transaction")
			}
			return nil
		}, weft.ReadOnly()))
	})
}

func TestLostUpdate(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		b := &Book{Title: "counter"}
		must(t, books.Create(ctx, b))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					err := db.InTx(ctx, func(ctx context.Context) error {
						p, err := books.Find(ctx, b.ID)
						if err != nil {
							return err
						}
						p.Pages++
						return books.Save(ctx, p)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		got, err := books.Find(ctx, b.ID)
		must(t, err)
		equal(t, got.Pages, 80)
		equal(t, weft.VersionOf(got), 81)
	})
}

func TestHooks(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		defer hookFail.Store("")
		hooked := weft.Repo[Hooked](db)
		hookFail.Store("")
		h := &Hooked{Name: "a"}
		must(t, hooked.Create(ctx, h))
		equal(t, h.Log, "bc ")
		h.Name = "b"
		must(t, hooked.Save(ctx, h))
		equal(t, h.Log, "bc bu ")
		got, err := hooked.Find(ctx, h.ID)
		must(t, err)
		equal(t, got.Found, "B")
		equal(t, got.Log, "bc bu ")
		list, err := hooked.All(ctx)
		must(t, err)
		equal(t, list[0].Found, "B")
		n, err := hooked.Where("name", "=", "b").Update(ctx, weft.Set{"name": "c"})
		must(t, err)
		equal(t, n, 1)
		got, err = hooked.Update(ctx, h.ID, weft.Set{"name": "d"})
		must(t, err)
		equal(t, got.Log, "bc bu bu bu ")
		must(t, hooked.CreateMany(ctx, []*Hooked{{Name: "m1"}, {Name: "m2"}}))

		for _, name := range []string{"BeforeCreate", "AfterCreate", "BeforeUpdate", "AfterUpdate", "BeforeDelete", "AfterDelete", "panic BeforeCreate", "panic AfterUpdate"} {
			hookFail.Store(name)
			fresh := &Hooked{Name: "f"}
			fails := []error{hooked.Create(ctx, fresh)}
			_, err := hooked.Update(ctx, h.ID, weft.Set{"name": "z"})
			fails = append(fails, err)
			_, err = hooked.Where("name", "like", "d").Update(ctx, weft.Set{"name": "z"})
			fails = append(fails, err)
			hookFail.Store("")
			hit := 0
			for _, err := range fails {
				if err == nil {
					continue
				}
				hit++
				if name[:5] == "panic" {
					is(t, err, weft.ErrInternal)
					says(t, err, "hook went wrong", "Hooked")
				} else {
					is(t, err, errHook)
				}
			}
			switch name {
			case "BeforeDelete", "AfterDelete":
				hookFail.Store(name)
				_, err = hooked.Delete(ctx, h.ID)
				is(t, err, errHook)
				_, err = hooked.Where("name", "=", "z").Delete(ctx)
				is(t, err, errHook)
				hookFail.Store("")
			default:
				if hit == 0 {
					t.Fatalf("%s did not fail", name)
				}
			}
			if fails[0] != nil {
				if fresh.ID != "" || fresh.Log != "" {
					t.Fatalf("%s left %+v", name, fresh)
				}
			} else {
				_, err := hooked.Delete(ctx, fresh.ID)
				must(t, err)
			}
			got, err := hooked.Where("name", "=", "z").Count(ctx)
			must(t, err)
			if fails[1] != nil {
				equal(t, got, 0)
			} else {
				_, err := hooked.Update(ctx, h.ID, weft.Set{"name": "d"})
				must(t, err)
			}
			total, err := hooked.Count(ctx)
			must(t, err)
			equal(t, total, 3)
		}
		// A hook works in the transaction of its write.
		hookDB["AfterCreate"] = func(ctx context.Context) error {
			if weft.From(ctx) == nil {
				t.Error("hook has no transaction")
			}
			weft.AfterCommit(ctx, func(context.Context) {})
			return weft.Repo[Genre](db).Create(ctx, &Genre{Name: "by hook"})
		}
		defer delete(hookDB, "AfterCreate")
		must(t, hooked.Create(ctx, &Hooked{Name: "x"}))
		is(t, db.Tx(ctx, func(tx *weft.DB) error {
			_, err := weft.Repo[Genre](tx).Filter(weft.Everything()).Delete(ctx)
			must(t, err)
			must(t, hooked.In(tx).Create(ctx, &Hooked{Name: "y"}))
			return errStop
		}), errStop)
		g, err := weft.Repo[Genre](db).Count(ctx)
		must(t, err)
		equal(t, g, 1)
	})
}

func TestClosed(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		must(t, db.Close())
		must(t, db.Close())
		_, err := weft.Repo[Book](db).All(ctx)
		says(t, err, "closed")
		err = weft.Repo[Book](db).Create(ctx, &Book{Title: "x"})
		says(t, err, "closed")
		says(t, db.Tx(ctx, func(*weft.DB) error { return nil }), "closed")
	})
	if _, err := weft.Open(nil); err == nil {
		t.Fatal("nil engine")
	}
}

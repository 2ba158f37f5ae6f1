package weft_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestObserve(t *testing.T) {
	type key struct{}
	var mu sync.Mutex
	var calls []string
	open := 0
	watch := func(ctx context.Context, c weft.Call) (context.Context, func(error)) {
		mu.Lock()
		defer mu.Unlock()
		open++
		line := fmt.Sprint(c.Op, " ", c.InTx)
		if sql := c.SQL(); sql != "" {
			line += " " + strings.Fields(sql)[0]
		}
		return context.WithValue(ctx, key{}, line), func(err error) {
			mu.Lock()
			defer mu.Unlock()
			open--
			if err != nil {
				line += " " + string(weft.CodeOf(err))
			}
			calls = append(calls, line)
		}
	}
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "t.db")), allModels(), weft.AutoMigrate(),
		weft.Observe(nil), weft.Observe(watch), weft.Observe(func(context.Context, weft.Call) (context.Context, func(error)) { return nil, nil }))
	must(t, err)
	defer db.Close()
	ctx := t.Context()
	authors := weft.Repo[Author](db)
	calls = nil
	must(t, authors.Create(ctx, &Author{Name: "a"}))
	is(t, authors.Create(ctx, &Author{Name: "a"}), weft.ErrConflict)
	is(t, authors.Create(ctx, &Author{}), weft.ErrValidation) // never reaches the engine
	_, err = authors.With("books").All(ctx)
	must(t, err)
	for range authors.Iter(ctx) {
		break
	}
	must(t, db.Tx(ctx, func(tx *weft.DB) error { return errOf(authors.In(tx).Count(ctx)) }))
	is(t, db.Tx(ctx, func(tx *weft.DB) error { return errStop }), errStop)
	_, err = db.Exec(ctx, "DELETE FROM authors")
	must(t, err)
	want := []string{
		"insert Author false INSERT", "insert Author false INSERT CONFLICT", "find Author false SELECT", "find Book false SELECT",
		"find Author false SELECT", "begin false", "count Author true SELECT", "commit true", "begin false", "rollback true", "sql false DELETE",
	}
	if strings.Join(calls, "\n") != strings.Join(want, "\n") || open != 0 {
		t.Fatalf("%d open, calls\n%s", open, strings.Join(calls, "\n"))
	}
}

func TestLog(t *testing.T) {
	var buf bytes.Buffer
	l := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelWarn}))
	layer, sw := fault.New(fault.Options{})
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "t.db")), allModels(), weft.AutoMigrate(),
		weft.Log(nil, 0), weft.Log(l, time.Nanosecond), weft.With(layer))
	must(t, err)
	defer db.Close()
	ctx := t.Context()
	buf.Reset()
	must(t, weft.Repo[Author](db).Create(ctx, &Author{Name: "secret"}))
	if s := buf.String(); !strings.Contains(s, `msg="slow call" op="insert Author"`) || !strings.Contains(s, "INSERT INTO") || strings.Contains(s, "secret") {
		t.Fatal(s)
	}
	buf.Reset()
	sw.Clear()
	_, err = db.Exec(ctx, "DELETE FROM nothing")
	if err == nil {
		t.Fatal("no table")
	}
	if s := buf.String(); !strings.Contains(s, "nothing") {
		t.Fatal(s)
	}
}

func TestOn(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		authors := weft.Repo[Author](db)
		a := &Author{Name: "before"}
		must(t, authors.Create(ctx, a))
		log := ""
		hook := func(at weft.HookPoint, name string) {
			must(t, weft.On(db, at, func(ctx context.Context, a *Author) error {
				log += name + a.Name + " "
				if at != weft.OnAfterFind && weft.From(ctx) == nil {
					t.Error("no transaction in", name)
				}
				if strings.HasPrefix(a.Name, "no") {
					return errHook
				}
				return nil
			}))
		}
		for i, name := range []string{"bc:", "ac:", "bu:", "au:", "bd:", "ad:", "af:"} {
			hook(weft.HookPoint(i), name)
		}
		must(t, weft.On(db, weft.OnBeforeUpdate, func(_ context.Context, a *Author) error { a.Name += "!"; return nil }))
		must(t, authors.Create(ctx, &Author{Name: "x"}))
		a.Name = "y"
		must(t, authors.Save(ctx, a))
		equal(t, a.Name, "y!")
		_, err := authors.Update(ctx, a.ID, weft.Set{"name": "z"})
		must(t, err)
		got, err := authors.Find(ctx, a.ID)
		must(t, err)
		equal(t, got.Name, "z!")
		_, err = authors.Delete(ctx, a.ID)
		must(t, err)
		equal(t, log, "bc:x ac:x bu:y au:y! bu:z au:z! af:z! bd:z! ad:z! ")
		is(t, authors.Create(ctx, &Author{Name: "no"}), errHook)

		// On a model with methods it runs behind them.
		hookFail.Store("")
		must(t, weft.On(db, weft.OnBeforeCreate, func(_ context.Context, h *Hooked) error { h.Log += "on"; return nil }))
		h := &Hooked{Name: "h"}
		must(t, weft.Repo[Hooked](db).Create(ctx, h))
		equal(t, h.Log, "bc on")

		is(t, weft.On[Author](db, weft.OnAfterFind, nil), weft.ErrValidation)
		is(t, weft.On(db, 77, func(context.Context, *Author) error { return nil }), weft.ErrValidation)
		is(t, weft.On(db, weft.OnAfterFind, func(context.Context, *Post) error { return nil }), weft.ErrValidation)
		is(t, weft.On(nil, weft.OnAfterFind, func(context.Context, *Post) error { return nil }), weft.ErrValidation)
	})
}

func TestOnWhileInUse(t *testing.T) {
	db, err := weft.Open(mem.Open(), allModels())
	must(t, err)
	defer db.Close()
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 20 {
				g := &Genre{Name: fmt.Sprint(i, " ", j)}
				err := weft.Repo[Genre](db).Create(ctx, g)
				if err != nil && !errors.Is(err, errHook) {
					t.Error(err)
				}
				if j%10 == 0 {
					if err := weft.On(db, weft.OnAfterCreate, func(context.Context, *Genre) error { return nil }); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

package endure

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// A hook that panics is an error; its write did not happen and nothing is
// held.
func TestHookPanics(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	repo := weft.Repo[Hooked](db)
	row := &Hooked{Name: "as it was"}
	must(t, repo.Create(ctx, row))
	defer onHook.Store(nil)
	for _, name := range []string{"BeforeCreate", "AfterCreate", "BeforeUpdate", "AfterUpdate", "BeforeDelete", "AfterDelete", "AfterFind"} {
		for how, fn := range map[string]func(){
			"value": func() { panic("went wrong") },
			"error": func() { panic(errors.New("went wrong")) },
			"nil":   func() { var p *Hooked; p.Name = "went wrong" },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				hit := 0
				call := func(_ context.Context, hook string) error {
					if hook == name {
						hit++
						fn()
					}
					return nil
				}
				onHook.Store(&call)
				fresh := &Hooked{Name: "new"}
				var errs []error
				note := func(err error) { errs = append(errs, err) }
				switch {
				case strings.HasSuffix(name, "Create"):
					note(repo.Create(ctx, fresh))
					note(repo.CreateMany(ctx, []*Hooked{{Name: "a"}, {Name: "b"}}))
					note(db.Tx(ctx, func(tx *weft.DB) error { return repo.In(tx).Create(ctx, fresh) }))
				case strings.HasSuffix(name, "Update"):
					_, err := repo.Update(ctx, row.ID, weft.Set{"name": "x"})
					note(err)
					_, err = repo.Where("name", "!=", "").Update(ctx, weft.Set{"name": "x"})
					note(err)
					row.Name = "x"
					note(repo.Save(ctx, row))
					equal(t, "the version of the instance", weft.VersionOf(row), 1)
					row.Name = "as it was"
				case strings.HasSuffix(name, "Delete"):
					_, err := repo.Delete(ctx, row.ID)
					note(err)
					_, err = repo.Where("name", "!=", "").Delete(ctx)
					note(err)
				default:
					_, err := repo.Find(ctx, row.ID)
					note(err)
					_, err = repo.All(ctx)
					note(err)
					_, err = repo.First(ctx)
					note(err)
					note(repo.Each(ctx, func(*Hooked) error { return nil }))
					note(db.Tx(ctx, func(tx *weft.DB) error { _, err := repo.In(tx).All(ctx); return err }))
				}
				onHook.Store(nil)
				for i, err := range errs {
					t.Logf("%d: %v", i, err)
					fails(t, err, weft.ErrInternal, name, "Hooked")
				}
				if hit < len(errs) {
					t.Errorf("the hook ran %d times for %d calls", hit, len(errs))
				}
				if fresh.ID != "" || weft.VersionOf(fresh) != 0 {
					t.Errorf("the instance looks as if it were written: %+v", fresh)
				}
				list, err := repo.All(ctx)
				must(t, err)
				if len(list) != 1 || list[0].Name != "as it was" || weft.VersionOf(list[0]) != 1 {
					t.Fatalf("%d rows, the first %+v", len(list), list[0])
				}
				must(t, weft.Repo[Entry](db).Create(ctx, &Entry{Kind: "single"})) // the writer is free
			})
		}
	}
}

// The function of a transaction panics or ends its goroutine: rolled back, and
// the writer is free.
func TestTxFunctionPanics(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	entries := weft.Repo[Entry](db)
	func() {
		defer func() { equal(t, "the panic", recover(), any("mine")) }()
		_ = db.Tx(ctx, func(tx *weft.DB) error {
			return tx.Tx(ctx, func(tx *weft.DB) error {
				must(t, entries.In(tx).Create(ctx, &Entry{Kind: "lost"}))
				panic("mine")
			})
		})
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = db.InTx(ctx, func(ctx context.Context) error {
			if err := entries.Create(ctx, &Entry{Kind: "lost"}); err != nil {
				t.Error(err)
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	ran := false
	func() {
		defer func() { equal(t, "the panic", recover(), any("after")) }()
		_ = db.InTx(ctx, func(ctx context.Context) error {
			weft.AfterCommit(ctx, func(context.Context) { ran = true; panic("after") })
			return entries.Create(ctx, &Entry{Kind: "kept"})
		})
	}()
	equal(t, "AfterCommit ran", ran, true)
	must(t, entries.Create(ctx, &Entry{Kind: "kept"}))
	n, err := entries.Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(2))
}

// Faulty has functions that panic.
type Faulty struct {
	weft.Model
	A string
	B string
	C string
}

var faultyPanics string

func panicsIn(name string) {
	if faultyPanics == name {
		panic("went wrong")
	}
}

// Weft names the functions.
func (Faulty) Weft() weft.Options {
	return weft.Options{
		Defaults:   map[string]func() any{"a": func() any { panicsIn("default"); return "a" }},
		Transforms: map[string]func(any) any{"b": func(v any) any { panicsIn("transform"); return v }},
		Validators: map[string]func(any) string{"c": func(any) string { panicsIn("validator"); return "" }},
	}
}

func TestFunctionPanics(t *testing.T) {
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(file(t)), weft.Models(Faulty{}), weft.AutoMigrate())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	repo := weft.Repo[Faulty](db)
	row := &Faulty{B: "b", C: "c"}
	must(t, repo.Create(ctx, row))
	equal(t, "the default", row.A, "a")
	for _, name := range []string{"default", "transform", "validator"} {
		t.Run(name, func(t *testing.T) {
			faultyPanics = name
			defer func() { faultyPanics = "" }()
			fails(t, repo.Create(ctx, &Faulty{B: "b", C: "c"}), weft.ErrInternal, "Faulty", "went wrong")
			if name != "default" {
				_, err := repo.Update(ctx, row.ID, weft.Set{"b": "x", "c": "y"})
				fails(t, err, weft.ErrInternal, "Faulty", "went wrong")
			}
			fails(t, repo.Validate(ctx, &Faulty{B: "b", C: "c"}), weft.ErrInternal, "Faulty", "went wrong")
		})
	}
	n, err := repo.Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(1))
}

func TestNil(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	entries := weft.Repo[Entry](db)
	fails(t, entries.Create(ctx, nil), weft.ErrValidation, "Entry", "nil")
	fails(t, entries.Save(ctx, nil), weft.ErrValidation, "Entry", "nil")
	fails(t, entries.Validate(ctx, nil), weft.ErrValidation, "Entry", "nil")
	err := entries.CreateMany(ctx, []*Entry{{Kind: "a"}, nil, {Kind: "b"}})
	fails(t, err, weft.ErrValidation, "Entry", "nil", "[1]")
	must(t, entries.CreateMany(ctx, nil))
	fails(t, weft.Repo[Item](db).Load(ctx, nil, "group"), weft.ErrValidation, "Item", "nil")
	fails(t, weft.Repo[Item](db).LoadAll(ctx, []*Item{nil}, "group"), weft.ErrValidation, "Item", "nil")
	_, err = entries.Update(ctx, "x", nil)
	fails(t, err, weft.ErrValidation, "nothing is set")
	_, err = entries.Where("kind", "=", "a").Update(ctx, nil)
	fails(t, err, weft.ErrValidation, "nothing is set")
	var none context.Context
	fails(t, entries.Create(none, &Entry{Kind: "a"}), weft.ErrValidation, "context is nil")
	_, err = entries.All(none)
	fails(t, err, weft.ErrValidation, "context is nil")
	for _, e := range entries.Iter(none) {
		err = e
	}
	fails(t, err, weft.ErrValidation, "context is nil")
	fails(t, db.Tx(none, func(*weft.DB) error { return nil }), weft.ErrValidation, "context is nil")
	fails(t, db.Tx(ctx, nil), weft.ErrValidation, "function is nil")
	fails(t, db.InTx(ctx, nil), weft.ErrValidation, "function is nil")
	fails(t, db.Backup(ctx, nil), weft.ErrValidation, "nil")
	_, err = db.Exec(ctx, "")
	fails(t, err, weft.ErrValidation, "empty")
	noDB := weft.Repo[Entry](nil)
	fails(t, noDB.Create(ctx, &Entry{Kind: "a"}), weft.ErrValidation, "database is nil")
	_, err = noDB.Where("kind", "=", "a").All(ctx)
	fails(t, err, weft.ErrValidation, "database is nil")
	_, err = noDB.Explain(ctx)
	fails(t, err, weft.ErrValidation, "database is nil")
	fails(t, entries.In(nil).Create(ctx, &Entry{Kind: "a"}), weft.ErrValidation, "database is nil")
	var nilDB *weft.DB
	must(t, nilDB.Close())
	fails(t, nilDB.Tx(ctx, func(*weft.DB) error { return nil }), weft.ErrValidation, "database is nil")
	_, err = nilDB.Exec(ctx, "DELETE FROM entries")
	fails(t, err, weft.ErrValidation, "database is nil")
	_, err = weft.SQL[int](ctx, nilDB, "SELECT 1")
	fails(t, err, weft.ErrValidation, "database is nil")
	fails(t, nilDB.Backup(ctx, new(strings.Builder)), weft.ErrValidation, "database is nil")
	n, err := entries.Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(0))
}

// A repository that is not in the transaction is told so and does not wait for
// it; from another goroutine it waits as long as its context lasts.
func TestOutsideItsTransaction(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	entries := weft.Repo[Entry](db)
	must(t, within(t, hung, "a transaction", func() error {
		return db.Tx(ctx, func(tx *weft.DB) error {
			fails(t, entries.Create(ctx, &Entry{Kind: "outside"}), weft.ErrValidation, "not in the transaction", "In(tx)")
			_, err := entries.All(ctx)
			fails(t, err, weft.ErrValidation, "not in the transaction")
			for _, e := range entries.Iter(ctx) {
				err = e
			}
			fails(t, err, weft.ErrValidation, "not in the transaction")
			_, err = db.Exec(ctx, "DELETE FROM entries")
			fails(t, err, weft.ErrValidation, "not in the transaction")
			fails(t, db.Tx(ctx, func(*weft.DB) error { return nil }), weft.ErrValidation, "not in the transaction")
			fails(t, weft.Repo[Hooked](db).Create(ctx, &Hooked{Name: "h"}), weft.ErrValidation, "not in the transaction")

			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			done := make(chan error)
			go func() { done <- entries.Create(short, &Entry{Kind: "outside"}) }()
			fails(t, <-done, weft.ErrTimeout)
			return entries.In(tx).Create(ctx, &Entry{Kind: "inside"})
		})
	}))
	// The rows of an iteration may be written in a transaction of their own.
	must(t, entries.CreateMany(ctx, many(5, "x")))
	for p, err := range entries.Where("kind", "=", "many").Iter(ctx) {
		must(t, err)
		must(t, db.InTx(ctx, func(ctx context.Context) error {
			p.Body = "seen"
			return entries.Save(ctx, p)
		}))
	}
	n, err := entries.Where("body", "=", "seen").Count(ctx)
	must(t, err)
	equal(t, "rows", n, int64(5))
}

// Unknown names and wrong types are refused before anything runs.
func TestUnknownNames(t *testing.T) {
	ctx := t.Context()
	db := open(t, file(t))
	items := weft.Repo[Item](db)
	row := &Item{Name: "x"}
	must(t, items.Create(ctx, row))
	id := weft.Key(row.ID)
	for name, c := range map[string]struct {
		fn    func() error
		parts []string
	}{
		"field":          {func() error { _, err := items.Where("nmae", "=", "x").All(ctx); return err }, []string{"nmae", "name"}},
		"operator":       {func() error { _, err := items.Where("name", "~~", "x").All(ctx); return err }, []string{"~~", "starts with"}},
		"operator fits":  {func() error { _, err := items.Where("price", "starts with", "x").All(ctx); return err }, []string{"price", "starts with"}},
		"type":           {func() error { _, err := items.Where("price", ">", "much").All(ctx); return err }, []string{"price"}},
		"relation":       {func() error { _, err := items.With("gruop").All(ctx); return err }, []string{"gruop", "group", "parts"}},
		"nested":         {func() error { _, err := items.With("group.owner").All(ctx); return err }, []string{"owner", "items"}},
		"order":          {func() error { _, err := items.OrderBy("nmae", weft.Asc).All(ctx); return err }, []string{"nmae", "name"}},
		"select":         {func() error { _, err := items.Select("nmae").All(ctx); return err }, []string{"nmae", "name"}},
		"sum":            {func() error { _, err := items.Sum(ctx, "nmae"); return err }, []string{"nmae", "name"}},
		"sum of text":    {func() error { _, err := items.Sum(ctx, "name"); return err }, []string{"name"}},
		"set":            {func() error { _, err := items.Update(ctx, id, weft.Set{"nmae": 1}); return err }, []string{"nmae", "name"}},
		"set type":       {func() error { _, err := items.Update(ctx, id, weft.Set{"price": "much"}); return err }, []string{"price"}},
		"set null":       {func() error { _, err := items.Update(ctx, id, weft.Set{"price": nil}); return err }, []string{"price"}},
		"increment text": {func() error { _, err := items.Increment(ctx, id, "name", 1); return err }, []string{"name"}},
		"key":            {func() error { _, err := items.Find(ctx, "no number"); return err }, []string{"id"}},
		"cursor":         {func() error { _, err := items.After("garbage").All(ctx); return err }, []string{"cursor"}},
		"negative":       {func() error { _, err := items.Limit(-1).All(ctx); return err }, []string{"-1"}},
		"load":           {func() error { return items.Load(ctx, row, "gruop") }, []string{"gruop", "group"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.fn()
			fails(t, err, weft.ErrValidation, c.parts...)
			t.Log(err)
		})
	}
	got, err := items.Find(ctx, id)
	must(t, err)
	equal(t, "the row", fmt.Sprint(*got), fmt.Sprint(*row))
}

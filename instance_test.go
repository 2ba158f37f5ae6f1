package weft_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Stamped has hooks that change the instance, also inside a map.
type Stamped struct {
	weft.Model
	Name string
	Slug string
	Data map[string]any
}

func (s *Stamped) BeforeCreate(context.Context) error {
	s.Slug += "c" + s.Name
	s.Data["n"] = s.Name
	return nil
}

func (s *Stamped) BeforeUpdate(context.Context) error {
	s.Slug = "u" + s.Name
	s.Data["n"] = s.Name
	return nil
}

func TestAttemptsFindTheInstanceAsItWas(t *testing.T) {
	ctx := t.Context()
	layer, sw := fault.New(fault.Options{})
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "t.db")), weft.Models(Stamped{}), weft.AutoMigrate(), weft.With(layer))
	must(t, err)
	defer db.Close()
	r := weft.Repo[Stamped](db)
	fail := func() {
		sw.Clear()
		sw.Add(fault.Rule{At: fault.Commit, Err: serialization(), Times: 2})
	}
	check := func(s *Stamped, slug string) {
		t.Helper()
		got, err := r.Find(ctx, s.ID)
		must(t, err)
		for _, x := range []*Stamped{s, got} {
			if x.Slug != slug || x.Data["n"] != x.Name || weft.Changed(x) != nil {
				t.Fatalf("got %+v, changed %v", x, weft.Changed(x))
			}
		}
	}
	fail()
	s := &Stamped{Name: "a", Data: map[string]any{"k": "v"}}
	must(t, r.Create(ctx, s))
	check(s, "ca")
	fail()
	s.Name = "b"
	must(t, r.Save(ctx, s))
	check(s, "ub")
	fail()
	s.Name = "c"
	must(t, db.InTx(ctx, func(ctx context.Context) error { return r.Save(ctx, s) }))
	check(s, "uc")
	sw.Clear()
	s.Name = "d"
	is(t, db.Tx(ctx, func(tx *weft.DB) error {
		must(t, tx.Tx(ctx, func(tx *weft.DB) error { return r.In(tx).Save(ctx, s) }))
		equal(t, s.Data["n"].(string), "d")
		return errStop
	}), errStop)
	if s.Slug != "uc" || s.Data["n"] != "c" || fmt.Sprint(weft.Changed(s)) != "[name]" {
		t.Fatalf("not undone: %+v", s)
	}
	must(t, r.Save(ctx, s))
	check(s, "ud")
}

// Pair is nothing but a key.
type Pair struct {
	A string `weft:"primary"`
	B string `weft:"primary"`
}

// Counted has a hidden version and is not tracked.
type Counted struct {
	ID   string `weft:"primary,type=uuid"`
	Name string
	_    struct{} `weft:"version"`
}

func TestSaveOfUnusualModels(t *testing.T) {
	on(t, []any{Pair{}, Counted{}, Seat{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		pairs := weft.Repo[Pair](db)
		must(t, pairs.Save(ctx, &Pair{"a", "b"}))
		must(t, pairs.Save(ctx, &Pair{"a", "b"}))
		is(t, pairs.Create(ctx, &Pair{"a", "b"}), weft.ErrConflict)
		is(t, pairs.Create(ctx, &Pair{A: "a"}), weft.ErrValidation)

		counted := weft.Repo[Counted](db)
		c := &Counted{Name: "x"}
		must(t, counted.Save(ctx, c))
		list, err := counted.OrderBy("name", weft.Asc).All(ctx)
		must(t, err)
		list[0].Name = "y"
		must(t, counted.Save(ctx, list[0]))
		p, err := counted.OrderBy("_version", weft.Asc).Page(ctx)
		must(t, err)
		equal(t, p.Data[0].Name, "y")

		seats := weft.Repo[Seat](db)
		must(t, seats.Create(ctx, &Seat{Row: "A", Num: 0}))
		s, err := seats.Find(ctx, weft.Key("A", 0))
		must(t, err)
		s.Guest = "x"
		must(t, seats.Save(ctx, s))
	})
}

// Found is a table made by somebody else, with NULL where Go has none.
type Found struct {
	weft.Tracked
	ID   int64 `weft:"primary,auto"`
	Name string
	X    float32
	N    int64
}

func (Found) Weft() weft.Options { return weft.Options{Table: "found"} }

func TestSaveWhereNullIsReadAsZero(t *testing.T) {
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "t.db")
	db, err := weft.Open(sqlite.Open(file))
	must(t, err)
	_, err = db.Exec(ctx, `CREATE TABLE found (id INTEGER PRIMARY KEY, name TEXT, x REAL, n INTEGER)`)
	must(t, err)
	_, err = db.Exec(ctx, `INSERT INTO found VALUES (1, NULL, 0.1, 3)`)
	must(t, err)
	must(t, db.Close())
	db, err = weft.Open(sqlite.Open(file), weft.Models(Found{}))
	must(t, err)
	defer db.Close()
	found := weft.Repo[Found](db)
	a, err := found.Find(ctx, weft.Key(1))
	must(t, err)
	b, err := found.Find(ctx, weft.Key(1))
	must(t, err)
	a.N = 4
	must(t, found.Save(ctx, a))
	b.N = 5
	is(t, found.Save(ctx, b), weft.ErrConflict)
}

func TestPartsOfRows(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		library(t, db)
		books := weft.Repo[Book](db)
		part, err := books.Select("title").First(ctx)
		must(t, err)
		err = books.Load(ctx, part, "author")
		is(t, err, weft.ErrValidation)
		says(t, err, "authorId", "select")
		if weft.Loaded(part, "author") {
			t.Fatal("loaded as nothing")
		}
		part, err = books.Select("title").With("author").First(ctx)
		must(t, err)
		equal(t, part.Author != nil, true)
		must(t, books.Load(ctx, part, "author"))

		diff, err := books.Select("title").Distinct().First(ctx)
		must(t, err)
		diff.Title = "x"
		err = books.Save(ctx, diff)
		is(t, err, weft.ErrValidation)
		says(t, err, "without its key")
		diff, err = books.Select("id", "title").Distinct().First(ctx)
		must(t, err)
		diff.Title = "x"
		must(t, books.Save(ctx, diff))
		got, err := books.Find(ctx, diff.ID)
		must(t, err)
		if got.Title != "x" || got.AuthorID == "" || weft.VersionOf(diff) != 2 {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestDistinct(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		people(t, db, 30) // ages 0 … 5, each third NULL
		authors := weft.Repo[Author](db)
		q := authors.Select("age").Distinct()
		n, err := q.Count(ctx)
		must(t, err)
		equal(t, n, 7)
		p, err := q.Limit(4).WithTotal().Page(ctx)
		must(t, err)
		equal(t, *p.Total, 7)
		equal(t, p.Data[0].Age == nil, true)
		p2, err := q.Limit(4).After(p.Cursor).Page(ctx)
		must(t, err)
		equal(t, len(p2.Data), 3)
		equal(t, p2.HasMore, false)
		n, err = authors.Distinct().Count(ctx)
		must(t, err)
		equal(t, n, 30)
		_, err = authors.Distinct().First(ctx)
		must(t, err)
		_, err = weft.Repo[Book](db).Distinct().Limit(3).All(ctx)
		must(t, err)
		_, err = weft.Repo[Book](db).Select("data", "lang").Distinct().Limit(3).Page(ctx)
		must(t, err)
		_, err = q.Sum(ctx, "age")
		is(t, err, weft.ErrValidation)
		_, err = authors.Cache(1).Count(ctx)
		is(t, err, weft.ErrUnsupported)
	})
}

func TestCopiesRace(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		authors := weft.Repo[Author](db)
		a := &Author{Name: "a"}
		must(t, authors.Create(ctx, a))
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for i := range 8 {
			cp := *a
			wg.Go(func() {
				cp.Name = fmt.Sprint("copy", i)
				errs <- authors.Save(ctx, &cp)
			})
		}
		wg.Wait()
		close(errs)
		good := 0
		for err := range errs {
			switch {
			case err == nil:
				good++
			case !errors.Is(err, weft.ErrConflict):
				t.Error(err)
			}
		}
		equal(t, good, 1)
	})
}

func TestFailedSaveCanBeRepeated(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		authors := weft.Repo[Author](db)
		list := []*Author{{Name: "m"}, {Name: "m"}}
		is(t, authors.CreateMany(ctx, list), weft.ErrConflict)
		if list[0].ID != "" || weft.VersionOf(list[0]) != 0 || weft.Changed(list[0]) != nil {
			t.Fatalf("left behind: %+v", list[0])
		}
		list[1].Name = "n"
		must(t, authors.CreateMany(ctx, list))
		list[0].Name = ""
		is(t, authors.Save(ctx, list[0]), weft.ErrValidation)
		list[0].Name = "n"
		is(t, authors.Save(ctx, list[0]), weft.ErrConflict)
		list[0].Name = "o"
		must(t, authors.Save(ctx, list[0]))
		equal(t, weft.VersionOf(list[0]), 2)
		list[0].ID = "other"
		err := authors.Save(ctx, list[0])
		is(t, err, weft.ErrValidation)
		says(t, err, "key")
	})
}

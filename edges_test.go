package weft_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

// Counter1 counts its own changes in a field that can be seen, and is not
// tracked.
type Counter1 struct {
	ID   string `weft:"primary"`
	Name string
	Rev  int64 `weft:"version"`
}

// A model without Tracked is guarded by its version field.
func TestSaveByVisibleVersion(t *testing.T) {
	on(t, []any{Counter1{}}, func(t *testing.T, db *weft.DB) {
		ctx, r := t.Context(), weft.Repo[Counter1](db)
		c := &Counter1{ID: "a", Name: "x"}
		must(t, r.Save(ctx, c)) // version 0 was never loaded: inserted
		equal(t, c.Rev, 1)
		is(t, r.Save(ctx, &Counter1{ID: "a", Name: "y"}), weft.ErrConflict)
		other, err := r.Find(ctx, "a")
		must(t, err)
		other.Name = "z"
		must(t, r.Save(ctx, other))
		equal(t, other.Rev, 2)
		c.Name = "mine"
		err = r.Save(ctx, c)
		is(t, err, weft.ErrConflict)
		fresh, ok := weft.Fresh[Counter1](err)
		if !ok || fresh.Name != "z" || fresh.Rev != 2 {
			t.Fatal(fresh, ok)
		}
		if _, ok := weft.Fresh[Book](err); ok {
			t.Fatal("fresh of another model")
		}
		_, err = r.Update(ctx, "a", weft.Set{"name": "u"}.IfVersion(1))
		is(t, err, weft.ErrConflict)
		_, err = r.Delete(ctx, "a")
		must(t, err)
		is(t, r.Save(ctx, fresh), weft.ErrNotFound) // gone, and not inserted again
	})
}

// Preset has defaults of every kind.
type Preset struct {
	weft.Model
	At    time.Time `weft:"default=now"`
	Level int       `weft:"default=3"`
	Code  string
	Wrong int8
}

func (Preset) Weft() weft.Options {
	return weft.Options{Defaults: map[string]func() any{
		"code": func() any { return "made" }, "wrong": func() any { return 4000 },
	}}
}

func TestNewFillsDefaults(t *testing.T) {
	on(t, []any{Preset{}}, func(t *testing.T, db *weft.DB) {
		ctx, r := t.Context(), weft.Repo[Preset](db)
		p := r.New()
		if p.At.IsZero() || p.At.Location() != time.UTC || p.At.Nanosecond()%1000 != 0 || p.Level != 3 || p.Code != "made" || p.Wrong != 0 {
			t.Fatalf("%+v", p)
		}
		p.Level = 0
		p.Wrong = 1
		must(t, r.Create(ctx, p))
		equal(t, p.Level, 0)
		err := r.Create(ctx, &Preset{}) // the default that fits no field
		is(t, err, weft.ErrValidation)
		says(t, err, "wrong")
		if x := weft.Repo[Seat](db).New(); x == nil {
			t.Fatal("New of a model that is not registered")
		}
	})
}

// What is asked of an instance that Weft knows nothing of.
func TestStateOfStrangers(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		b := &Book{Title: "a"}
		must(t, weft.Repo[Book](db).Create(ctx, b))
		if weft.Was(b, "nothing") != nil || weft.Was(&Book{}, "title") != nil || weft.Was(3, "x") != nil || weft.Was(nil, "x") != nil {
			t.Fatal("a value was loaded")
		}
		equal(t, weft.Was(b, "_version"), any(int64(1)))
		equal(t, weft.Was(b, "Data") == nil, false) // a nil map in the field's own type
		equal(t, weft.VersionOf(3), 0)
		equal(t, weft.VersionOf(&Person{}), 0)
		if weft.Changed(3) != nil || weft.Changed(&Person{Name: "x"}) != nil || weft.Changed(nil) != nil {
			t.Fatal("changed")
		}
		p := &Person{}
		if weft.Loaded(p, "reports") || weft.Loaded(p, "nothing") || weft.Loaded(3, "x") || weft.Loaded(nil, "x") {
			t.Fatal("loaded")
		}
		p.Reports = []*Person{}
		equal(t, weft.Loaded(p, "reports"), true) // without Tracked: whether the field holds anything
		equal(t, weft.Loaded(b, "author"), false)
	})
}

type Odd struct {
	ID int64 `weft:"primary,auto"`
	F  float64
	D  map[string]any
}

func TestJSONOfWhatItCannotHold(t *testing.T) {
	for name, v := range map[string]any{
		"a number": 3, "a channel": make(chan int), "NaN": &Odd{F: math.NaN()}, "infinity": []*Odd{{}, {F: math.Inf(1)}},
		"a function inside": &Odd{D: map[string]any{"f": func() {}}}, "a map": map[string]int{"a": 1},
	} {
		if _, err := weft.JSON(v); weft.CodeOf(err) != weft.CodeValidation {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, v := range map[string]any{
		"null": (*Odd)(nil), "[]": []*Odd{}, "[null]": []*Odd{nil}, `{"id":0,"f":0,"d":{}}`: Odd{},
		`[{"id":1,"f":0.5,"d":{"a":1}}]`: []Odd{{ID: 1, F: 0.5, D: map[string]any{"a": 1}}},
	} {
		got, err := weft.JSON(v)
		must(t, err)
		equal(t, string(got), want)
	}
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		_, err := db.JSON(&Odd{})
		is(t, err, weft.ErrValidation)
		says(t, err, "not a registered model")
		data, err := db.JSON([]any{&Person{ID: 1, Name: "a"}, nil})
		must(t, err)
		if !json.Valid(data) || !strings.HasSuffix(string(data), ",null]") {
			t.Fatal(string(data))
		}
	})
}

// Patch takes every type as JSON writes it, and says what it does not take.
func TestPatchOfEveryType(t *testing.T) {
	on(t, []any{Mixed{}}, func(t *testing.T, db *weft.DB) {
		r := weft.Repo[Mixed](db)
		set, err := r.Patch(strings.NewReader(`{"s":"x","n":null,"f":2,"d":"1.25","t":"2025-03-01T12:00:00+02:00","b":true,"r":"AP8=","j":{"a":[1]}}`))
		must(t, err)
		must(t, r.Create(t.Context(), &Mixed{}))
		m, err := r.Update(t.Context(), weft.Key(1), set)
		must(t, err)
		if m.S != "x" || m.N != nil || m.F != 2 || !m.D.Equal(decimal.RequireFromString("1.25")) || m.T.Hour() != 10 || !m.B || m.R[1] != 255 {
			t.Fatalf("%+v", m)
		}
		for name, text := range map[string]string{
			"binary that is no base64": `{"r":"%%"}`, "a long number": `{"n":` + strings.Repeat("9", 2000) + `}`, "too large": `{"n":9223372036854775808}`,
			"a large float": `{"f":1e400}`, "a long decimal": `{"d":"` + strings.Repeat("9", 2000) + `"}`, "cut off": `{"s":"x"`, "a bad member": `{"s":}`,
			"no key": `{1:2}`, "a list": `[]`, "two objects": `{} {}`, "not UTF-8": "{\"s\":\"\xff\"}", "a surrogate": `{"s":"\ud800\u0000"}`,
		} {
			_, err := r.Patch(strings.NewReader(text))
			var bad *weft.ValidationError
			if !errors.As(err, &bad) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = r.Patch(strings.NewReader(`{}`), "nothing")
		is(t, err, weft.ErrValidation)
		_, err = r.Patch(strings.NewReader(`{}`), "id")
		is(t, err, weft.ErrValidation)
	})
}

// What a transaction's function may still do, and what not, at its ends.
func TestTransactionsAtTheirEnds(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		genres := weft.Repo[Genre](db)
		is(t, db.Tx(ctx, nil), weft.ErrValidation)
		is(t, db.InTx(ctx, nil), weft.ErrValidation)

		ran := 0
		db.AfterCommit(ctx, nil)
		db.AfterCommit(ctx, func(context.Context) { ran++ })
		weft.AfterCommit(ctx, nil)
		weft.AfterCommit(ctx, func(context.Context) { ran++ })
		equal(t, ran, 2) // outside a transaction they run at once

		var leaked *weft.DB
		must(t, db.Tx(ctx, func(tx *weft.DB) error { leaked = tx; return nil }))
		for name, err := range map[string]error{
			"tx": leaked.Tx(ctx, func(*weft.DB) error { return nil }), "exec": errOf(leaked.Exec(ctx, "SELECT 1")),
			"begin": errOf(leaked.Engine().Begin(ctx, op.TxOptions{})), "count": errOf(genres.In(leaked).Count(ctx)),
			"link":     weft.Repo[Book](leaked).Link(ctx, &Book{Model: weft.Model{ID: "x"}}, "genres", "1"),
			"conflict": errOf(genres.In(leaked).OnConflict("name").Create(ctx, &Genre{Name: "x"})),
		} {
			if err == nil || !strings.Contains(err.Error(), "has ended") {
				t.Errorf("%s: %v", name, err)
			}
		}

		// The context ends while a conflicting transaction waits for its turn.
		short, cancel := context.WithCancel(ctx)
		sw.Add(fault.Rule{At: fault.Commit, Err: serialization()})
		err := db.Tx(short, func(*weft.DB) error { cancel(); return nil })
		is(t, err, context.Canceled)
		is(t, err, weft.ErrConflict)
		sw.Clear()

		// A rollback that fails is told beside what caused it.
		broken := errors.New("the disk is gone")
		sw.Add(fault.Rule{At: fault.Rollback, Err: broken, After: true, Times: 1})
		err = db.Tx(ctx, func(*weft.DB) error { return errStop })
		is(t, err, errStop)
		is(t, err, broken)
		sw.Clear()
		n, err := genres.Count(ctx)
		must(t, err)
		equal(t, n, 0)
	})
}

// Rows may exist already: what cannot be said about them is refused before
// anything is looked up.
func TestConflictRefuses(t *testing.T) {
	on(t, []any{Task{}, Sub{}, List{}, Preset{}, Seat{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		tasks, seats := weft.Repo[Task](db), weft.Repo[Seat](db)
		for name, err := range map[string]error{
			"the owner":        errOf(tasks.OnConflict().Update("userId").Create(ctx, &Task{UserID: "a"})),
			"the key":          errOf(tasks.OnConflict().Update("id").Create(ctx, &Task{UserID: "a"})),
			"nothing":          errOf(tasks.OnConflict().Update().Create(ctx, &Task{UserID: "a"})),
			"no such field":    errOf(tasks.OnConflict("nope").Create(ctx, &Task{UserID: "a"})),
			"no unique index":  errOf(tasks.OnConflict("title").Create(ctx, &Task{UserID: "a"})),
			"nil":              errOf(tasks.OnConflict().Create(ctx, nil)),
			"nil among others": errOf(seats.OnConflict().Update("guest").CreateMany(ctx, []*Seat{{Row: "A"}, nil})),
			"not registered":   errOf(weft.Repo[Book](db).OnConflict().Create(ctx, &Book{})),
			"no repository":    errOf((*weft.Repository[Seat])(nil).OnConflict().Create(ctx, &Seat{})),
			"no conflict":      errOf((*weft.Conflict[Seat])(nil).Create(ctx, &Seat{})),
			"no update":        errOf((*weft.ConflictUpdate[Seat])(nil).Create(ctx, &Seat{})),
			"not registered 2": errOf(weft.Repo[Book](db).OnConflict().Update("title").Create(ctx, &Book{})),
		} {
			if weft.CodeOf(err) != weft.CodeValidation {
				t.Errorf("%s: %v", name, err)
			}
		}
		n, err := tasks.Count(ctx)
		must(t, err)
		equal(t, n, 0)
		// A user meets a key that belongs to another: a conflict, and not the row.
		mine := &Task{Title: "mine"}
		must(t, weft.Repo[Task](db.User("ada")).Create(ctx, mine))
		theirs := &Task{Model: weft.Model{ID: mine.ID}, Title: "theirs"}
		_, err = weft.Repo[Task](db.User("bob")).OnConflict().Update("title").Create(ctx, theirs)
		is(t, err, weft.ErrConflict)
		got, err := tasks.Find(ctx, mine.ID)
		must(t, err)
		equal(t, got.Title, "mine")
	})
}

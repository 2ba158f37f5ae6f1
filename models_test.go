package weft_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/sqlengine/sqlite"
	"github.com/weftdb/weft/wire"
)

// Author and the others are the models of the behaviour tests.
type Author struct {
	weft.Model
	Name    string `weft:"unique" validate:"required"`
	Age     *int64
	Books   []*Book `weft:"has_many"`
	Profile *Bio    `weft:"has_one"`
}

type Bio struct {
	weft.Model
	AuthorID string
	Text     string  `weft:"search"`
	Author   *Author `weft:"belongs_to"`
}

type Book struct {
	weft.Model
	AuthorID string `weft:"index"`
	Title    string `weft:"search" validate:"required,max=40"`
	Pages    int64
	Price    decimal.Decimal `weft:"precision=10,scale=2"`
	Rating   float64
	InPrint  bool   `weft:"default=true"`
	Lang     string `weft:"default=en"`
	Slug     string `weft:"nanoid"`
	ISBN     string `weft:"immutable"`
	Out      *time.Time
	Data     map[string]any
	Notes    sql.NullString
	Author   *Author  `weft:"belongs_to"`
	Genres   []*Genre `weft:"many_to_many,through=BookGenre"`
}

type Genre struct {
	ID    int64   `weft:"primary,auto"`
	Name  string  `weft:"unique,search"`
	Books []*Book `weft:"many_to_many,through=BookGenre"`
}

// Person is a table with an integer key, no times and no version.
type Person struct {
	ID        int64 `weft:"primary,auto"`
	Name      string
	ManagerID *int64
	Manager   *Person   `weft:"belongs_to,fk=ManagerID"`
	Reports   []*Person `weft:"has_many,fk=ManagerID"`
}

// Seat has a key of two parts and only Tracked.
type Seat struct {
	weft.Tracked
	Row   string `weft:"primary"`
	Num   int64  `weft:"primary"`
	Guest string
	Paid  bool
}

// Note belongs to a user.
type Note struct {
	weft.Model
	UserID string
	Text   string `weft:"search"`
}

func (Note) Weft() weft.Options { return weft.Options{Scope: weft.UserScope} }

// Hooked tells what its hooks saw.
type Hooked struct {
	weft.Model
	Name  string
	Log   string
	Found string `weft:"-"`
}

var (
	hookFail atomic.Value // name of the hook that fails
	errHook  = errors.New("no")
	hookDB   = map[string]func(ctx context.Context) error{}
)

func (h *Hooked) hook(ctx context.Context, name string) error {
	if f := hookDB[name]; f != nil {
		if err := f(ctx); err != nil {
			return err
		}
	}
	switch hookFail.Load() {
	case name:
		return errHook
	case "panic " + name:
		panic("hook went wrong")
	}
	return nil
}

func (h *Hooked) BeforeCreate(ctx context.Context) error {
	h.Log += "bc "
	return h.hook(ctx, "BeforeCreate")
}
func (h *Hooked) AfterCreate(ctx context.Context) error { return h.hook(ctx, "AfterCreate") }
func (h *Hooked) BeforeUpdate(ctx context.Context) error {
	h.Log += "bu "
	return h.hook(ctx, "BeforeUpdate")
}
func (h *Hooked) AfterUpdate(ctx context.Context) error  { return h.hook(ctx, "AfterUpdate") }
func (h *Hooked) BeforeDelete(ctx context.Context) error { return h.hook(ctx, "BeforeDelete") }
func (h *Hooked) AfterDelete(ctx context.Context) error  { return h.hook(ctx, "AfterDelete") }
func (h *Hooked) AfterFind(ctx context.Context) error {
	h.Found = strings.ToUpper(h.Name)
	return h.hook(ctx, "AfterFind")
}

func allModels() weft.Option {
	return weft.Models(Author{}, Bio{}, Book{}, Genre{}, Person{}, Seat{}, Note{}, Hooked{})
}

// engines are those that can be had in this process, and one as if behind a
// network.
var engines = map[string]func(t *testing.T) weft.Engine{
	"mem":    func(*testing.T) weft.Engine { return mem.Open() },
	"sqlite": func(t *testing.T) weft.Engine { return sqlite.Open(filepath.Join(t.TempDir(), "test.db")) },
	"wire": func(t *testing.T) weft.Engine {
		return wire.Loopback(sqlite.Open(filepath.Join(t.TempDir(), "test.db")), nil)
	},
}

// each runs a test on every engine.
func each(t *testing.T, fn func(t *testing.T, db *weft.DB, sw *fault.Switch)) {
	t.Helper()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			layer, sw := fault.New(fault.Options{})
			db, err := weft.Open(open(t), allModels(), weft.AutoMigrate(), weft.With(layer))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { must(t, db.Close()) })
			sw.Reset()
			fn(t, db, sw)
		})
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func says(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Fatalf("error %q does not say %q", err, p)
		}
	}
}

func equal[V comparable](t testing.TB, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

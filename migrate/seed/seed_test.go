package seed_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate/seed"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/mysql"
	"github.com/weftdb/weft/sqlengine/postgres"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

var engines = []string{"sqlite", "postgres", "mysql"}

// each runs the test on a database of each kind; open opens it again.
func each(t *testing.T, fn func(t *testing.T, open func(models ...any) *weft.DB)) {
	t.Parallel()
	for _, name := range engines {
		t.Run(name, func(t *testing.T) {
			where := filepath.Join(t.TempDir(), "db")
			switch name {
			case "postgres":
				where = services.Postgres(t)
			case "mysql":
				where = services.MySQL(t)
			}
			fn(t, func(models ...any) *weft.DB {
				t.Helper()
				var e weft.Engine
				switch name {
				case "sqlite":
					e = sqlite.Open(where)
				case "postgres":
					e = postgres.Open(where)
				case "mysql":
					e = mysql.Open(where)
				}
				db, err := weft.Open(e, weft.Models(models...), weft.AutoMigrate())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				return db
			})
		})
	}
}

func apply(t *testing.T, db *weft.DB) string {
	t.Helper()
	rs, err := seed.Apply(t.Context(), db.Engine(), db.Schema())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rs {
		out = append(out, r.String())
	}
	return strings.Join(out, "; ")
}

// Plant points at its kind, and at another plant that comes later in the seed.
type Plant struct {
	ID        string `weft:"nanoid,primary"`
	Name      string `weft:"unique"`
	KindID    string
	Kind      *PlantKind `weft:"belongs_to,references"`
	ParentID  *string
	Parent    *Plant `weft:"belongs_to,references"`
	Price     decimal.Decimal
	Facts     map[string]any
	Light     string `weft:"default=sun"`
	Sown      time.Time
	Version   int64     `weft:"version"`
	UpdatedAt time.Time `weft:"updated"`
	Note      *string
	Height    *float64
	Eatable   bool
}

func (Plant) Weft() schema.Options {
	return schema.Options{
		Transforms: map[string]func(any) any{"light": func(v any) any { return strings.ToLower(v.(string)) }},
		Seed: &schema.Seed{Key: "name", Rows: []map[string]any{
			{"id": "2", "name": "Apple", "kindId": "tree", "parentId": "1", "price": "12.50", "facts": map[string]any{"b": 1, "a": []any{true, nil}}, "light": "SHADE", "sown": "2020-02-03T04:05:06Z", "height": 1.5, "eatable": true, "note": nil},
			{"id": "1", "name": "Wild apple", "kindId": "tree", "price": 3, "facts": map[string]any{}, "sown": "2020-02-03T04:05:06Z", "eatable": true},
			{"name": "Fern", "kindId": "herb", "price": 0, "facts": map[string]any{}, "sown": "2020-02-03T04:05:06Z", "eatable": false},
		}},
	}
}

// PlantKind is declared after the model that points at it.
type PlantKind struct {
	ID string `weft:"primary"`
	weft.SoftDelete
	Title string
}

func (PlantKind) Weft() schema.Options {
	return schema.Options{Seed: &schema.Seed{Rows: []map[string]any{{"id": "tree", "title": "Trees"}, {"id": "herb", "title": "Herbs"}}}}
}

func TestSeed(t *testing.T) {
	each(t, func(t *testing.T, open func(models ...any) *weft.DB) {
		db := open(Plant{}, PlantKind{})
		if got, want := apply(t, db), "PlantKind: 2 inserted; Plant: 3 inserted"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		plants := weft.Repo[Plant](db)
		read := func(name string) Plant {
			t.Helper()
			p, err := plants.Where("name", "=", name).First(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return *p
		}
		fern, apple := read("Fern"), read("Apple")
		if len(fern.ID) != 21 || fern.Light != "sun" || fern.Version != 1 || apple.Light != "shade" || apple.Price.String() != "12.5" || *apple.ParentID != "1" || *apple.Height != 1.5 {
			t.Errorf("%+v\n%+v", fern, apple)
		}
		// A second run changes nothing, and what the seed does not give is the user's.
		if _, err := plants.Where("name", "=", "Fern").Update(t.Context(), weft.Set{"light": "moon", "note": "mine"}); err != nil {
			t.Fatal(err)
		}
		fern = read("Fern")
		for range 2 {
			if got, want := apply(t, db), "PlantKind: 2 unchanged; Plant: 3 unchanged"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		if now := read("Fern"); now.ID != fern.ID || now.Light != "moon" || *now.Note != "mine" || now.Version != fern.Version || !now.UpdatedAt.Equal(fern.UpdatedAt) {
			t.Errorf("%+v was %+v", now, fern)
		}
		if now := read("Apple"); now.Version != 1 || !now.UpdatedAt.Equal(apple.UpdatedAt) {
			t.Errorf("%+v", now)
		}
		// What differs is brought back; who was marked deleted stays so.
		if _, err := plants.Where("name", "=", "Apple").Update(t.Context(), weft.Set{"price": "1"}); err != nil {
			t.Fatal(err)
		}
		if _, err := weft.Repo[PlantKind](db).Where("id", "=", "herb").Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := apply(t, db), "PlantKind: 1 unchanged, 1 deleted, left alone; Plant: 1 updated, 2 unchanged"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if now := read("Apple"); now.Price.String() != "12.5" || now.Version != 3 {
			t.Errorf("%+v", now)
		}
	})
}

// Several at once make one row of each.
func TestTogether(t *testing.T) {
	each(t, func(t *testing.T, open func(models ...any) *weft.DB) {
		open(Plant{}, PlantKind{}) // makes the tables
		var wg sync.WaitGroup
		for range 3 {
			db := open(Plant{}, PlantKind{})
			wg.Go(func() {
				if _, err := seed.Apply(t.Context(), db.Engine(), db.Schema()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		db := open(Plant{}, PlantKind{})
		if got, want := apply(t, db), "PlantKind: 2 unchanged; Plant: 3 unchanged"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if n, err := weft.Repo[Plant](db).Count(t.Context()); err != nil || n != 3 {
			t.Errorf("%d plants, %v", n, err)
		}
	})
}

// Lost points at nobody.
type Lost struct {
	ID     int64
	Name   string
	KindID string
	Kind   *PlantKind `weft:"belongs_to,references"`
}

func (Lost) Weft() schema.Options {
	return schema.Options{Seed: &schema.Seed{Key: "name", Rows: []map[string]any{{"name": "a", "kindId": "tree"}, {"name": "b", "kindId": "none"}}}}
}

// Strict refuses its second row.
type Strict struct {
	ID   int64
	Name string `weft:"unique" validate:"max=3"`
}

func (Strict) Weft() schema.Options {
	return schema.Options{Seed: &schema.Seed{Key: "name", Rows: []map[string]any{{"name": "abc"}, {"name": "abcd"}}}}
}

// A seed with a mistake does nothing and says which row it is.
func TestMistakes(t *testing.T) {
	each(t, func(t *testing.T, open func(models ...any) *weft.DB) {
		for _, c := range []struct {
			models []any
			code   error
			want   string
		}{
			{[]any{Lost{}, PlantKind{}}, op.ErrConflict, "seed row 2 of Lost"},
			{[]any{Strict{}}, op.ErrValidation, "seed row 2 of Strict"},
		} {
			db := open(c.models...)
			rs, err := seed.Apply(t.Context(), db.Engine(), db.Schema())
			if !errors.Is(err, c.code) || !strings.Contains(fmt.Sprint(err), c.want) || rs != nil {
				t.Errorf("%v, %v; want %s", rs, err, c.want)
			}
			res, err := db.Engine().Do(context.Background(), op.Op{Kind: op.Count, Model: db.Schema().Models[0]})
			if err != nil || res.N != 0 {
				t.Errorf("%d rows, %v", res.N, err)
			}
		}
		db := open(Lost{}, PlantKind{})
		lost := weft.Repo[Lost](db)
		if err := weft.Repo[PlantKind](db).Create(t.Context(), &PlantKind{ID: "none"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := lost.Create(t.Context(), &Lost{Name: "a", KindID: "none"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := seed.Apply(t.Context(), db.Engine(), db.Schema()); !errors.Is(err, op.ErrConflict) || !strings.Contains(err.Error(), "several rows of Lost have name a") {
			t.Errorf("%v", err)
		}
	})
}

func TestBareEngine(t *testing.T) {
	e := sqlite.Open(filepath.Join(t.TempDir(), "db"))
	defer e.Close()
	m, err := schema.FromStruct(Strict{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seed.Apply(t.Context(), e, set); !errors.Is(err, op.ErrValidation) {
		t.Errorf("%v", err)
	}
	if _, err := seed.Apply(t.Context(), e, nil); !errors.Is(err, op.ErrValidation) {
		t.Errorf("%v", err)
	}
}

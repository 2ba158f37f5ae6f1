package weft_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestOnConflict(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		r := weft.Repo[Author](db)
		age := func(n int64) *int64 { return &n }
		a := &Author{Name: "Ann", Age: age(30)}
		created, err := r.OnConflict("name").Create(ctx, a)
		must(t, err)
		if !created || a.ID == "" || a.CreatedAt.IsZero() || weft.VersionOf(a) != 1 || weft.Changed(a) != nil {
			t.Fatalf("created %v: %+v", created, a)
		}
		b := &Author{Name: "Ann", Age: age(99), Books: []*Book{{}}}
		created, err = r.OnConflict("Name").Create(ctx, b)
		must(t, err)
		if created || b.ID != a.ID || *b.Age != 30 || !b.CreatedAt.Equal(a.CreatedAt) || weft.VersionOf(b) != 1 || weft.Changed(b) != nil || b.Books != nil {
			t.Fatalf("created %v: %+v", created, b)
		}
		b.Age = age(31)
		must(t, r.Save(ctx, b))
		equal(t, weft.VersionOf(b), weft.Version(2))

		c := &Author{Name: "Ann", Age: age(40)}
		created, err = r.OnConflict("name").Update("age").Create(ctx, c)
		must(t, err)
		if created || c.ID != a.ID || *c.Age != 40 || weft.VersionOf(c) != 3 || !c.CreatedAt.Equal(a.CreatedAt) || weft.Changed(c) != nil {
			t.Fatalf("created %v: %+v", created, c)
		}
		got, err := r.Find(ctx, a.ID)
		must(t, err)
		equal(t, *got.Age, 40)
		if !got.UpdatedAt.Equal(c.UpdatedAt) {
			t.Fatal(got.UpdatedAt, c.UpdatedAt)
		}
		c.Age = nil
		must(t, r.Save(ctx, c))
		created, err = r.OnConflict("name").Update("age").Create(ctx, &Author{Name: "Ben"})
		must(t, err)
		equal(t, created, true)

		// By key, without fields.
		d := &Author{Name: "Dan"}
		d.ID = a.ID
		created, err = r.OnConflict().Create(ctx, d)
		must(t, err)
		if created || d.Name != "Ann" {
			t.Fatalf("created %v: %+v", created, d)
		}
		// Another unique field stands against it.
		e := &Author{Name: "Ben"}
		e.ID = a.ID
		_, err = r.OnConflict().Update("name").Create(ctx, e)
		is(t, err, weft.ErrConflict)
		if e.ID != a.ID || e.Name != "Ben" || weft.VersionOf(e) != 0 {
			t.Fatalf("%+v", e)
		}
		_, err = r.OnConflict().Create(ctx, &Author{Name: "Ben"})
		is(t, err, weft.ErrConflict)
		n, err := r.Count(ctx)
		must(t, err)
		equal(t, n, 2)

		seats := weft.Repo[Seat](db)
		for i, guest := range []string{"x", "y"} {
			s := &Seat{Row: "A", Num: 0, Guest: guest, Paid: i == 0}
			created, err := seats.OnConflict().Update("guest").Create(ctx, s)
			must(t, err)
			if created != (i == 0) || s.Guest != guest || !s.Paid {
				t.Fatalf("created %v: %+v", created, s)
			}
		}
	})
}

func TestOnConflictMany(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		r := weft.Repo[Book](db).OnConflict().Update("title", "lang")
		first := &Book{Title: "one", Pages: 1}
		must(t, weft.Repo[Book](db).Create(ctx, first))
		again := &Book{Title: "uno", Pages: 2, Lang: "it"}
		again.ID = first.ID
		list := []*Book{{Title: "zero"}, again, {Title: "two", Slug: "two"}, {Title: "three", Lang: "de"}}
		n, err := r.CreateMany(ctx, list)
		must(t, err)
		equal(t, n, 4)
		for i, b := range list {
			got, err := weft.Repo[Book](db).Find(ctx, b.ID)
			must(t, err)
			if got.Title != b.Title || got.Pages != b.Pages || got.Lang != b.Lang || got.Slug != b.Slug || !got.UpdatedAt.Equal(b.UpdatedAt) ||
				weft.VersionOf(got) != weft.VersionOf(b) || weft.Changed(b) != nil {
				t.Fatalf("%d: have %+v, stored %+v", i, b, got)
			}
		}
		if again.Pages != 1 || again.Title != "uno" || weft.VersionOf(again) != 2 || list[0].Lang != "en" {
			t.Fatalf("%+v %+v", again, list[0])
		}
		n, err = r.CreateMany(ctx, nil)
		must(t, err)
		equal(t, n, 0)
		bad := []*Book{{Title: "four"}, {Title: ""}}
		_, err = r.CreateMany(ctx, bad)
		var v *weft.ValidationError
		if !errors.As(err, &v) || v.Index != 1 || bad[0].ID != "" {
			t.Fatalf("%v, %+v", err, bad[0])
		}
		_, err = r.CreateMany(ctx, []*Book{bad[0], bad[0]})
		says(t, err, "twice")
		_, err = r.CreateMany(ctx, []*Book{nil})
		says(t, err, "nil")

		h := weft.Repo[Hooked](db)
		x := &Hooked{Name: "x"}
		must(t, h.Create(ctx, x))
		y := &Hooked{Name: "y"}
		y.ID = x.ID
		n, err = h.OnConflict().Update("name").CreateMany(ctx, []*Hooked{y, {Name: "z"}})
		must(t, err)
		equal(t, n, 2)
		if y.Name != "y" || y.Log != "bc bu " || y.Found != "" && y.Found != "Y" {
			t.Fatalf("%+v", y)
		}
		z := &Hooked{Name: "no"}
		z.ID = x.ID
		created, err := h.OnConflict().Create(ctx, z)
		must(t, err)
		if created || z.Name != "y" || z.Log != "bc bu " || z.Found != "Y" {
			t.Fatalf("%+v", z)
		}
		hookFail.Store("BeforeUpdate")
		defer hookFail.Store("")
		w := &Hooked{Name: "w"}
		w.ID = x.ID
		_, err = h.OnConflict().Update("name").CreateMany(ctx, []*Hooked{{Name: "v"}, w})
		is(t, err, errHook)
		if w.Name != "w" || w.Log != "" {
			t.Fatalf("%+v", w)
		}
		n, err = h.Where("name", "=", "v").Count(ctx)
		must(t, err)
		equal(t, n, 0)
	})
}

func TestOnConflictRefusals(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		authors, books := weft.Repo[Author](db), weft.Repo[Book](db)
		_, err := authors.OnConflict("nme").Create(ctx, &Author{Name: "x"})
		says(t, err, "nme", "name")
		_, err = authors.OnConflict("age").Create(ctx, &Author{Name: "x"})
		says(t, err, "age", "unique")
		_, err = authors.OnConflict("name").Update().Create(ctx, &Author{Name: "x"})
		says(t, err, "no field")
		for _, f := range []string{"nope", "id", "isbn", "_version"} {
			_, err = books.OnConflict().Update(f).Create(ctx, &Book{Title: "x"})
			is(t, err, weft.ErrValidation)
			says(t, err, f)
			_, err = books.OnConflict().Update(f).CreateMany(ctx, []*Book{{Title: "x"}})
			is(t, err, weft.ErrValidation)
		}
		_, err = books.OnConflict().Create(ctx, &Book{})
		is(t, err, weft.ErrValidation)
		_, err = books.OnConflict().Create(ctx, nil)
		says(t, err, "nil")
		var noContext context.Context
		_, err = books.OnConflict().Create(noContext, &Book{Title: "x"})
		says(t, err, "context is nil")
		var none *weft.Conflict[Book]
		_, err = none.Create(ctx, &Book{})
		is(t, err, weft.ErrValidation)
		n, err := books.Count(ctx)
		must(t, err)
		equal(t, n, 0)
	})
}

func TestOnConflictOfUsersAndTransactions(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		ada, ben := weft.Repo[Note](db.User("ada")), weft.Repo[Note](db.User("ben"))
		mine := &Note{Text: "mine"}
		must(t, ada.Create(ctx, mine))
		theirs := &Note{Text: "theirs"}
		theirs.ID = mine.ID
		_, err := ben.OnConflict().Create(ctx, theirs)
		is(t, err, weft.ErrConflict)
		_, err = ben.OnConflict().Update("text").Create(ctx, theirs)
		is(t, err, weft.ErrConflict)
		if _, err = ben.OnConflict().Update("text").CreateMany(ctx, []*Note{theirs}); err == nil {
			t.Fatal("another user's row was changed")
		}
		equal(t, theirs.Text, "theirs")
		got, err := ada.Find(ctx, mine.ID)
		must(t, err)
		equal(t, got.Text, "mine")

		r := weft.Repo[Author](db)
		a := &Author{Name: "Ann"}
		must(t, r.Create(ctx, a))
		b, c := &Author{Name: "Ann"}, &Author{Name: "Cyd"}
		is(t, db.InTx(ctx, func(ctx context.Context) error {
			_, err := r.OnConflict("name").Create(ctx, b)
			must(t, err)
			equal(t, b.ID, a.ID)
			_, err = r.OnConflict("name").Create(ctx, c)
			must(t, err)
			return errStop
		}), errStop)
		if b.ID != "" || c.ID != "" || weft.VersionOf(b) != 0 || weft.VersionOf(c) != 0 {
			t.Fatalf("not undone: %+v %+v", b, c)
		}
		must(t, r.Save(ctx, c))
	})
}

// Mail has a key that a transform changes.
type Mail struct {
	ID   int64  `weft:"primary,auto"`
	Addr string `weft:"unique"`
	Text string
}

func (Mail) Weft() weft.Options {
	return weft.Options{Transforms: map[string]func(any) any{
		"addr": func(v any) any { return strings.ToLower(v.(string)) },
		"text": func(v any) any { return v.(string) + "!" },
	}}
}

func TestOnConflictGoesByTransformedValues(t *testing.T) {
	on(t, []any{Mail{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		r := weft.Repo[Mail](db)
		for i, text := range []string{"a", "b"} {
			m := &Mail{Addr: "X@Y", Text: text}
			created, err := r.OnConflict("addr").Update("text").Create(ctx, m)
			must(t, err)
			if created != (i == 0) || m.Addr != "x@y" || m.Text != text+"!" || m.ID == 0 {
				t.Fatalf("created %v: %+v", created, m)
			}
		}
		m := &Mail{Addr: "X@y", Text: "c"}
		created, err := r.OnConflict("addr").Create(ctx, m)
		must(t, err)
		if created || m.Text != "b!" {
			t.Fatalf("created %v: %+v", created, m)
		}
	})
}

func TestOnConflictFromMany(t *testing.T) {
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "t.db")), allModels(), weft.AutoMigrate())
	must(t, err)
	defer db.Close()
	var wg sync.WaitGroup
	made, ids, errs := make([]bool, 16), make([]string, 16), make([]error, 16)
	for i := range made {
		wg.Go(func() {
			a := &Author{Name: "Ann"}
			c := weft.Repo[Author](db).OnConflict("name")
			if i%2 == 0 {
				made[i], errs[i] = c.Create(ctx, a)
			} else {
				made[i], errs[i] = c.Update("age").Create(ctx, a)
			}
			ids[i] = a.ID
		})
	}
	wg.Wait()
	n := 0
	for i := range made {
		must(t, errs[i])
		equal(t, ids[i], ids[0])
		if made[i] {
			n++
		}
	}
	equal(t, fmt.Sprint(n), "1")
}

// A conflict names the row that could not be written and the fields that are
// taken, the same on every engine.
func TestConflictNamesTheRow(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		authors := weft.Repo[Author](db)
		conflict := func(err error) *weft.ConflictError {
			t.Helper()
			var c *weft.ConflictError
			if !errors.As(err, &c) {
				t.Fatalf("got %v", err)
			}
			return c
		}
		ann, ben := &Author{Name: "Ann"}, &Author{Name: "Ben"}
		must(t, authors.CreateMany(ctx, []*Author{ann, ben}))
		about := func(err error, reason, id string, index int, field string) {
			t.Helper()
			c := conflict(err)
			if c.Reason != reason || c.Model != "Author" || c.ID != id || c.Index != index || len(c.Fields) != 1 || c.Fields[0] != field {
				t.Errorf("got %+v", c)
			}
		}
		mine := &Author{Name: "Ann"}
		mine.ID = "018f0000-0000-7000-8000-000000000001"
		about(authors.Create(ctx, mine), "unique", mine.ID, -1, "name")
		list := []*Author{{Name: "Cyd"}, {Name: "Ben"}}
		list[1].ID = mine.ID
		about(authors.CreateMany(ctx, list), "unique", mine.ID, 1, "name")
		list[1].ID, list[1].Name = ann.ID, "Dee"
		about(authors.CreateMany(ctx, list), "exists", ann.ID, 1, "id")
		about(authors.Create(ctx, list[1]), "exists", ann.ID, -1, "id")
		ben.Name = "Ann"
		about(authors.Save(ctx, ben), "unique", ben.ID, -1, "name")
		about(errOf(authors.Update(ctx, ben.ID, weft.Set{"name": "Ann"})), "unique", ben.ID, -1, "name")
		about(errOf(authors.OnConflict("id").Create(ctx, &Author{Model: mine.Model, Name: "Ann"})), "unique", mine.ID, -1, "name")
		about(errOf(authors.Filter(weft.Everything()).Update(ctx, weft.Set{"name": "same"})), "unique", "", -1, "name")
		// The key is not made by the database, so it is known, though nobody gave one.
		if c := conflict(authors.Create(ctx, &Author{Name: "Ann"})); len(c.ID) != 36 {
			t.Errorf("got %+v", c)
		}
		// The database would have made this one.
		must(t, weft.Repo[Genre](db).Create(ctx, &Genre{Name: "crime"}))
		if c := conflict(weft.Repo[Genre](db).Create(ctx, &Genre{Name: "crime"})); c.ID != "" {
			t.Errorf("got %+v", c)
		}
	})
}

// What is wrong with the rows of CreateMany comes in their order.
func TestCreateManyTellsFailuresInOrder(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		var list []*Author
		for i := range 12 {
			list = append(list, &Author{Name: strings.Repeat("x", min(1, 3/(i+1)))})
		}
		err := weft.Repo[Author](db).CreateMany(t.Context(), list)
		var v *weft.ValidationError
		if !errors.As(err, &v) || v.Index != 3 || len(v.Failures) != 9 || v.Failures[0].Field != "name" {
			t.Fatalf("got %+v", v)
		}
		equal(t, v.Failures[1].Field, "[4].name")
		equal(t, v.Failures[8].Field, "[11].name")
		if said := err.Error(); strings.Index(said, "[9].name") > strings.Index(said, "[10].name") {
			t.Errorf("the rows are out of order in %q", said)
		}
	})
}

// Each instance is filled with its own row, whatever the order in which rows
// exist, and two that stand for one row with that row as it is in the end.
func TestUpsertManyFillsTheRightInstances(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		authors := weft.Repo[Author](db)
		must(t, authors.CreateMany(ctx, []*Author{{Name: "n3"}, {Name: "n1"}}))
		var list []*Author
		for _, name := range []string{"n4", "n1", "n0", "n3", "n2", "n1"} {
			age := int64(len(list))
			list = append(list, &Author{Name: name, Age: &age})
		}
		n, err := authors.OnConflict("name").Update("age").CreateMany(ctx, list)
		must(t, err)
		equal(t, n, 6)
		for i, a := range list {
			row, err := authors.Find(ctx, a.ID)
			must(t, err)
			want := int64(i)
			if i == 1 {
				want = 5
			}
			if row.Name != a.Name || *row.Age != want || *a.Age != want || weft.VersionOf(a) != weft.VersionOf(row) {
				t.Errorf("%d: instance %+v, row %+v", i, a, row)
			}
		}
	})
}

package weft_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

func TestCreateAndGet(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		out := time.Date(2020, 2, 3, 4, 5, 6, 7890, time.FixedZone("x", 3600))
		b := &Book{
			Title: "A", Pages: 1 << 60, Price: decimal.RequireFromString("12.50"), Rating: 0.1, Out: &out,
			Data: map[string]any{"n": map[string]any{"x": 1.5}},
		}
		b.Notes.String, b.Notes.Valid = "n", true
		must(t, books.Create(ctx, b))
		if len(b.ID) != 36 || len(b.Slug) != 21 || !b.InPrint || b.Lang != "en" {
			t.Fatalf("not filled in: %+v", b)
		}
		if b.CreatedAt.IsZero() || b.CreatedAt.Location() != time.UTC || b.CreatedAt.Nanosecond()%1000 != 0 || !b.CreatedAt.Equal(b.UpdatedAt) {
			t.Fatalf("times: %v %v", b.CreatedAt, b.UpdatedAt)
		}
		equal(t, weft.VersionOf(b), 1)
		got, err := books.Get(ctx, b.ID)
		must(t, err)
		if !got.Out.Equal(out.Truncate(time.Microsecond)) || got.Pages != 1<<60 || !got.Price.Equal(b.Price) || got.Rating != 0.1 ||
			got.Notes != b.Notes || !reflect.DeepEqual(got.Data, b.Data) || !got.CreatedAt.Equal(b.CreatedAt) {
			t.Fatalf("got %+v\nwant %+v", got, b)
		}
		if c := weft.Changed(got); c != nil {
			t.Fatalf("changed: %v", c)
		}
		none, err := books.Get(ctx, "nope")
		if none != nil || err != nil {
			t.Fatalf("absent: %v %v", none, err)
		}
		_, err = books.Find(ctx, "nope")
		is(t, err, weft.ErrNotFound)
		says(t, err, "Book", `"nope"`)

		given := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
		old := &Book{Title: "old"}
		old.CreatedAt = given
		must(t, books.Create(ctx, old))
		if !old.CreatedAt.Equal(given) || old.UpdatedAt.Equal(given) {
			t.Fatalf("a CreatedAt that was given is kept: %v %v", old.CreatedAt, old.UpdatedAt)
		}
	})
}

func TestDefaultsKeepExplicitZero(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		b := books.New()
		if !b.InPrint || b.Lang != "en" {
			t.Fatalf("New: %+v", b)
		}
		b.Title, b.InPrint, b.Lang = "x", false, ""
		must(t, books.Create(ctx, b))
		got, err := books.Find(ctx, b.ID)
		must(t, err)
		if got.InPrint || got.Lang != "" || b.InPrint || len(got.Slug) != 21 {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestSaveWritesWhatChanged(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		b := &Book{Title: "A", Data: map[string]any{"k": "v"}}
		must(t, books.Save(ctx, b))
		got, err := books.Find(ctx, b.ID)
		must(t, err)
		sw.Reset()
		must(t, books.Save(ctx, got))
		equal(t, sw.Count(0), 0)

		got.Title = "B"
		got.Data["k"] = "w"
		if c := weft.Changed(got); !reflect.DeepEqual(c, []string{"title", "data"}) {
			t.Fatalf("changed %v", c)
		}
		equal(t, weft.Was(got, "Title").(string), "A")
		equal(t, weft.Was(got, "data").(map[string]any)["k"].(string), "v")
		must(t, books.Save(ctx, got))
		var set []string
		for _, o := range sw.Ops() {
			for _, a := range o.Set {
				set = append(set, a.Field)
			}
		}
		if fmt.Sprint(set) != "[title data updatedAt]" {
			t.Fatalf("set %v", set)
		}
		equal(t, weft.VersionOf(got), 2)
		if weft.Changed(got) != nil {
			t.Fatal("changed after save")
		}

		// b is of version 1 now.
		b.Title = "C"
		err = books.Save(ctx, b)
		is(t, err, weft.ErrConflict)
		var c *weft.ConflictError
		if !errors.As(err, &c) || c.Reason != "stale" || c.Model != "Book" {
			t.Fatalf("conflict %+v", c)
		}
		fresh, ok := weft.Fresh[Book](err)
		if !ok || fresh.Title != "B" || weft.VersionOf(fresh) != 2 {
			t.Fatalf("fresh %+v", fresh)
		}
		if _, ok := weft.Fresh[Author](err); ok {
			t.Fatal("fresh of another model")
		}
		fresh.Title = "C"
		must(t, books.Save(ctx, fresh))

		cp := *fresh
		cp.Title = "copy"
		must(t, books.Save(ctx, &cp))
		fresh.Title = "D"
		is(t, books.Save(ctx, fresh), weft.ErrConflict)

		own := &Book{Title: "own"}
		own.ID = b.ID
		err = books.Save(ctx, own)
		is(t, err, weft.ErrConflict)
		if !errors.As(err, &c) || c.Reason != "exists" {
			t.Fatalf("conflict %+v", c)
		}
		_, err = books.Delete(ctx, b.ID)
		must(t, err)
		cp.Title = "gone"
		is(t, books.Save(ctx, &cp), weft.ErrNotFound)
	})
}

func TestTrackedWithoutVersion(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		seats := weft.Repo[Seat](db)
		must(t, seats.Create(ctx, &Seat{Row: "A,1", Num: 7, Guest: "x"}))
		a, err := seats.Find(ctx, weft.Key("A,1", 7))
		must(t, err)
		b, err := seats.Find(ctx, weft.Key("A,1", 7))
		must(t, err)
		a.Guest = "y"
		must(t, seats.Save(ctx, a))
		a.Paid = true
		must(t, seats.Save(ctx, a))
		b.Paid = true
		err = seats.Save(ctx, b)
		is(t, err, weft.ErrConflict)
		fresh, ok := weft.Fresh[Seat](err)
		if !ok || fresh.Guest != "y" {
			t.Fatalf("fresh %+v", fresh)
		}
		_, err = seats.Find(ctx, "A")
		is(t, err, weft.ErrValidation)
		says(t, err, "2 parts", "weft.Key")
	})
}

func TestUntracked(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		people := weft.Repo[Person](db)
		boss := &Person{Name: "boss"}
		must(t, people.Save(ctx, boss))
		equal(t, boss.ID, 1)
		p := &Person{Name: "p", ManagerID: &boss.ID}
		must(t, people.Create(ctx, p))
		equal(t, p.ID, 2)
		p.Name = "q"
		must(t, people.Save(ctx, p))
		got, err := people.Find(ctx, weft.Key(2))
		must(t, err)
		equal(t, got.Name, "q")
		must(t, people.Save(ctx, &Person{ID: 9, Name: "nine"}))
		n, err := people.Count(ctx)
		must(t, err)
		equal(t, n, 3)
		must(t, people.Load(ctx, got, "manager", "reports"))
		equal(t, got.Manager.Name, "boss")
		equal(t, len(got.Reports), 0)
		if !weft.Loaded(got, "manager") {
			t.Fatal("not loaded")
		}
		_, err = people.Find(ctx, "x")
		is(t, err, weft.ErrValidation)
		says(t, err, "integer")
	})
}

func TestCreateMany(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		genres := weft.Repo[Genre](db)
		list := []*Genre{{Name: "a"}, {Name: "b"}, {Name: "c"}}
		must(t, genres.CreateMany(ctx, list))
		for i, g := range list {
			equal(t, g.ID, int64(i+1))
		}
		err := genres.CreateMany(ctx, []*Genre{{Name: "d"}, {Name: "e"}, {Name: "a"}})
		is(t, err, weft.ErrConflict)
		var c *weft.ConflictError
		if !errors.As(err, &c) || c.Reason != "unique" || c.Index != 2 || !reflect.DeepEqual(c.Fields, []string{"name"}) {
			t.Fatalf("conflict %+v", c)
		}
		n, err := genres.Count(ctx)
		must(t, err)
		equal(t, n, 3)
		is(t, genres.CreateMany(ctx, []*Genre{{Name: "x"}, nil}), weft.ErrValidation)
		must(t, genres.CreateMany(ctx, nil))
		twice := &Genre{Name: "twice"}
		says(t, genres.CreateMany(ctx, []*Genre{twice, twice}), "[1]", "same instance")

		books := weft.Repo[Book](db)
		err = books.CreateMany(ctx, []*Book{{Title: "ok"}, {}, {Title: strings.Repeat("x", 41)}})
		var v *weft.ValidationError
		if !errors.As(err, &v) || v.Index != 1 || v.Failures[0].Field != "title" || v.Failures[0].Rule != "required" {
			t.Fatalf("validation %+v (%v)", v, err)
		}
		many := make([]*Book, 1000)
		for i := range many {
			many[i] = &Book{Title: fmt.Sprint("book ", i), Pages: int64(i)}
		}
		must(t, books.CreateMany(ctx, many))
		sum, err := books.Sum(ctx, "pages")
		must(t, err)
		equal(t, sum.Int64(), 999*1000/2)
	})
}

func TestUpdateByKey(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		b := &Book{Title: "A", Pages: 10, ISBN: "1", Data: map[string]any{"a": map[string]any{"b": "c"}}}
		must(t, books.Create(ctx, b))
		got, err := books.Update(ctx, b.ID, weft.Set{"title": "B", "pages": weft.Inc(-1), "data.a.b": "d", "inPrint": false})
		must(t, err)
		if got.Title != "B" || got.Pages != 9 || got.InPrint || got.Data["a"].(map[string]any)["b"] != "d" || weft.VersionOf(got) != 2 {
			t.Fatalf("got %+v", got)
		}
		_, err = books.Update(ctx, "nope", weft.Set{"title": "B"})
		is(t, err, weft.ErrNotFound)
		_, err = books.Update(ctx, b.ID, weft.Set{"title": "C"}.IfVersion(1))
		is(t, err, weft.ErrConflict)
		if f, ok := weft.Fresh[Book](err); !ok || f.Title != "B" {
			t.Fatal("no fresh row")
		}
		_, err = books.Update(ctx, b.ID, weft.Set{"title": "C"}.IfVersion(2))
		must(t, err)
		for name, set := range map[string]weft.Set{
			"tittle":  {"tittle": "x"},
			"isbn":    {"isbn": "2"},
			"pages":   {"pages": "many"},
			"title":   {"title": strings.Repeat("x", 50)},
			"id":      {"id": "other"},
			"nothing": {},
		} {
			_, err = books.Update(ctx, b.ID, set)
			is(t, err, weft.ErrValidation)
			says(t, err, name)
		}
		_, err = books.Increment(ctx, b.ID, "likes", 1)
		is(t, err, weft.ErrValidation)
		n, err := books.Increment(ctx, b.ID, "pages", 5)
		must(t, err)
		equal(t, n.Int64(), 14)
		n, err = books.Increment(ctx, b.ID, "price", "0.10")
		must(t, err)
		equal(t, n.Decimal().String(), "0.1")
		_, err = books.Increment(ctx, "nope", "pages", 5)
		is(t, err, weft.ErrNotFound)
		ok, err := books.Delete(ctx, b.ID)
		must(t, err)
		equal(t, ok, true)
		ok, err = books.Delete(ctx, b.ID)
		must(t, err)
		equal(t, ok, false)
	})
}

func TestWriteByQuery(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		for i := range 6 {
			must(t, books.Create(ctx, &Book{Title: fmt.Sprint("t", i), Pages: int64(i)}))
		}
		_, err := books.Where("title", "=", "x").Limit(1).Delete(ctx)
		is(t, err, weft.ErrValidation)
		_, err = books.Filter().Delete(ctx)
		is(t, err, weft.ErrValidation)
		says(t, err, "Everything")
		n, err := books.Where("pages", "<", 3).Update(ctx, weft.Set{"lang": "de"})
		must(t, err)
		equal(t, n, 3)
		rows, err := books.Where("lang", "=", "de").UpdateAll(ctx, weft.Set{"pages": weft.Inc(100)})
		must(t, err)
		equal(t, len(rows), 3)
		for _, r := range rows {
			if r.Pages < 100 || weft.VersionOf(r) != 3 {
				t.Fatalf("row %+v", r)
			}
		}
		n, err = books.Where("pages", ">=", 100).Delete(ctx)
		must(t, err)
		equal(t, n, 3)
		n, err = books.Filter(weft.Everything()).Delete(ctx)
		must(t, err)
		equal(t, n, 3)
	})
}

func TestUserHandle(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		ada, bob := weft.Repo[Note](db.User("ada")), weft.Repo[Note](db.User("bob"))
		n := &Note{Text: "hers"}
		must(t, ada.Create(ctx, n))
		equal(t, n.UserID, "ada")
		must(t, bob.Create(ctx, &Note{Text: "his"}))
		list, err := ada.All(ctx)
		must(t, err)
		if len(list) != 1 || list[0].Text != "hers" {
			t.Fatalf("list %v", list)
		}
		if p, err := bob.Get(ctx, n.ID); p != nil || err != nil {
			t.Fatalf("bob sees %v %v", p, err)
		}
		_, err = bob.Update(ctx, n.ID, weft.Set{"text": "mine"})
		is(t, err, weft.ErrNotFound)
		ok, err := bob.Delete(ctx, n.ID)
		must(t, err)
		equal(t, ok, false)
		if err := bob.Create(ctx, &Note{UserID: "ada", Text: "forged"}); err == nil {
			t.Fatal("bob wrote a note of ada")
		}
		is(t, weft.Repo[Note](db).Create(ctx, &Note{Text: "nobody's"}), weft.ErrValidation)
		both, err := weft.Repo[Note](db).WhereUserIn("ada", "bob").Count(ctx)
		must(t, err)
		equal(t, both, 2)
		none, err := weft.Repo[Note](db).WhereUserIn().Count(ctx)
		must(t, err)
		equal(t, none, 0)
		must(t, db.User("ada").Tx(ctx, func(tx *weft.DB) error {
			k, err := weft.Repo[Note](tx).Count(ctx)
			equal(t, k, 1)
			return err
		}))
		_, err = weft.Repo[Book](db).WhereUserIn("ada").All(ctx)
		is(t, err, weft.ErrValidation)
	})
}

func TestBadInput(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		_, err := books.Where("titel", "=", "x").All(ctx)
		is(t, err, weft.ErrValidation)
		says(t, err, "Book", "titel", "title")
		_, err = books.Where("title", "~", "x").All(ctx)
		is(t, err, weft.ErrValidation)
		says(t, err, "~", "like")
		_, err = books.Where("pages", "=", "x").All(ctx)
		is(t, err, weft.ErrValidation)
		says(t, err, "pages")
		_, err = books.With("autor").All(ctx)
		is(t, err, weft.ErrValidation)
		says(t, err, "autor", "author", "genres")
		_, err = books.OrderBy("nope", weft.Asc).First(ctx)
		is(t, err, weft.ErrValidation)
		_, err = books.Select("nope").All(ctx)
		is(t, err, weft.ErrValidation)
		_, err = books.Limit(-1).All(ctx)
		is(t, err, weft.ErrValidation)
		_, err = books.Sum(ctx, "title")
		is(t, err, weft.ErrValidation)
		_, err = books.Cache(time.Minute).All(ctx)
		is(t, err, weft.ErrUnsupported)
		_, err = books.Lock().All(ctx)
		is(t, err, weft.ErrValidation)
		_, err = books.Where("id", "in", "x").All(ctx)
		is(t, err, weft.ErrValidation)
		is(t, books.Create(ctx, nil), weft.ErrValidation)
		is(t, books.Save(ctx, nil), weft.ErrValidation)
		is(t, books.Load(ctx, nil, "author"), weft.ErrValidation)
		_, err = weft.Repo[struct{ X int }](db).All(ctx)
		says(t, err, "not a registered model")
		err = books.Create(ctx, &Book{Title: "bad \xff"})
		is(t, err, weft.ErrValidation)
		err = books.Create(ctx, &Book{Title: "x", Price: decimal.RequireFromString("1.005")})
		is(t, err, weft.ErrValidation)
		says(t, err, "price")
		b := &Book{Title: ""}
		is(t, books.Validate(ctx, b), weft.ErrValidation)
		must(t, books.Validate(ctx, &Book{Title: "fine"}))
		n, err := books.Count(ctx)
		must(t, err)
		equal(t, n, 0)
		if weft.CodeOf(err) != "" || weft.CodeOf(op.ErrClosed()) != weft.CodeDatabase {
			t.Fatal("codes")
		}
	})
	if _, err := weft.Repo[Book](nil).All(t.Context()); err == nil {
		t.Fatal("nil database")
	}
}

func TestJSONOfNums(t *testing.T) {
	equal(t, weft.Num{}.IsNull(), true)
	equal(t, weft.Num{}.String(), "NULL")
}

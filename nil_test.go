package weft_test

import (
	"context"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
)

// errOf drops what comes with an error.
func errOf(_ any, err error) error { return err }

// Nothing that can be nil or zero may panic: it is an error that says so.
func TestNilAndZero(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx, r := t.Context(), weft.Repo[Book](db)
		b := &Book{Title: "x"}
		must(t, r.Create(ctx, b))
		b.Title = "y"
		var none context.Context
		calls := map[string]func() error{
			"all": func() error { return errOf(r.All(none)) }, "first": func() error { return errOf(r.First(none)) },
			"page": func() error { return errOf(r.Page(none)) }, "count": func() error { return errOf(r.Count(none)) },
			"exists": func() error { return errOf(r.Exists(none)) }, "sum": func() error { return errOf(r.Sum(none, "pages")) },
			"iter":   func() error { return r.Each(none, func(*Book) error { return nil }) },
			"each":   func() error { return r.Each(ctx, nil) },
			"get":    func() error { return errOf(r.Get(none, "x")) },
			"create": func() error { return r.Create(none, &Book{Title: "y"}) }, "save": func() error { return r.Save(none, b) },
			"update": func() error { return errOf(r.Update(none, b.ID, weft.Set{"title": "z"})) },
			"delete": func() error { return errOf(r.Delete(none, b.ID)) }, "load": func() error { return r.Load(none, b, "author") },
			"lock": func() error { return errOf(r.Lock(nil).All(none)) }, "explain": func() error { return errOf(r.Explain(none)) },
			"exec": func() error { return errOf(db.Exec(none, "x")) }, "tx": func() error { return db.Tx(none, func(*weft.DB) error { return nil }) },
			"tx fn": func() error { return db.Tx(ctx, nil) }, "intx fn": func() error { return db.InTx(ctx, nil) },
			"begin":   func() error { return errOf(db.Engine().Begin(none, op.TxOptions{})) },
			"no user": func() error { return errOf(weft.Repo[Note](db.User("")).All(ctx)) },
			"apply":   func() error { return errOf(r.Apply(func(*weft.Query[Book]) *weft.Query[Book] { return nil }).All(ctx)) },
			"json":    func() error { return errOf(weft.JSON(map[string]any{})) },
		}
		for name, other := range map[string]*weft.DB{"nil": nil, "zero": {}} {
			calls[name+" tx"] = func() error { return other.Tx(ctx, func(*weft.DB) error { return nil }) }
			calls[name+" user"] = func() error { return errOf(weft.Repo[Note](other.User("x")).All(ctx)) }
			calls[name+" engine"] = func() error { return errOf(other.Engine().Begin(ctx, op.TxOptions{})) }
			calls[name+" json"] = func() error { return errOf(other.JSON(b)) }
			calls[name+" repo"] = func() error { return errOf(weft.Repo[Book](other).Where("title", "=", 1).Limit(3).All(ctx)) }
			calls[name+" create"] = func() error { return weft.Repo[Book](other).Create(ctx, b) }
			equal(t, other.Schema().Model("Book") == nil, true)
			must(t, other.Close())
		}
		var noQuery *weft.Query[Book]
		for name, q := range map[string]*weft.Query[Book]{"nil": noQuery, "zero": {}} {
			calls[name+" query"] = func() error { return errOf(q.Where("title", "=", 1).WhereUserIn("x").All(ctx)) }
			calls[name+" all"] = func() error { return errOf(q.All(ctx)) }
			calls[name+" count"] = func() error { return errOf(q.Count(ctx)) }
			calls[name+" sum"] = func() error { return errOf(q.Avg(ctx, "pages")) }
			calls[name+" delete"] = func() error { return errOf(q.Delete(ctx)) }
			calls[name+" iter"] = func() error { return q.Each(ctx, func(*Book) error { return nil }) }
		}
		empty := &weft.Repository[Book]{}
		calls["empty"] = func() error { return errOf(empty.Where("title", "=", 1).All(ctx)) }
		calls["empty find"] = func() error { return errOf(empty.Find(ctx, "x")) }
		calls["empty new"] = func() error { empty.New(); return empty.Save(ctx, b) }
		for name, call := range calls {
			t.Run(name, func(t *testing.T) { is(t, call(), weft.ErrValidation) })
		}
		if weft.From(none) != nil {
			t.Fatal("a transaction out of nothing")
		}
		ran := 0
		weft.AfterCommit(none, func(context.Context) { ran++ })
		weft.AfterCommit(ctx, nil)
		equal(t, ran, 1)
		must(t, db.Tx(ctx, func(*weft.DB) error { return nil }, nil))
		for _, x := range []any{nil, 3, (*Book)(nil), *b} {
			if weft.Changed(x) != nil || weft.Was(x, "title") != nil || weft.VersionOf(x) != 0 || weft.Loaded(x, "author") {
				t.Fatalf("state of %v", x)
			}
		}
	})
	for name, o := range map[string]weft.Option{"option": nil, "layer": weft.With(nil), "clock": weft.Clock(nil), "model": weft.Models(nil)} {
		_, err := weft.Open(mem.Open(), o)
		is(t, err, weft.ErrValidation)
		says(t, err, "nil")
		_ = name
	}
	_, err := weft.Open(mem.Open(), weft.Models(nil, 3, struct{ X int }{}, Bio{}, Book{}))
	is(t, err, weft.ErrValidation)
	says(t, err, "was given nil", "int", "named struct", "Author", "Genre")
}

func TestJSONOfAnything(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		g := &Genre{Name: "g"}
		must(t, weft.Repo[Genre](db).Create(t.Context(), g))
		one := `{"id":1,"name":"g"}`
		for _, c := range []struct {
			in   any
			want string
		}{
			{nil, "null"},
			{(*Genre)(nil), "null"},
			{[]*Genre(nil), "[]"},
			{[]any{}, "[]"},
			{g, one},
			{*g, one},
			{&g, one},
			{[]any{g, nil, *g}, "[" + one + ",null," + one + "]"},
			{[2]*Genre{nil, g}, "[null," + one + "]"},
		} {
			got, err := db.JSON(c.in)
			must(t, err)
			equal(t, string(got), c.want)
			got, err = weft.JSON(c.in)
			must(t, err)
			equal(t, string(got), c.want)
		}
	})
}

package weft_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/weftdb/weft"
)

// Parent has no hooks, Child has some that read and write other rows.
type Parent struct {
	weft.Model
	Name     string
	Children []*Child `weft:"has_many,fk=ParentID"`
}

type Child struct {
	weft.Model
	ParentID string
	Name     string
	Parent   *Parent `weft:"belongs_to,fk=ParentID"`
	Sees     int64   `weft:"-"`
}

// familyDB is the database that the hooks use, as an application does that keeps
// its repositories in variables.
var familyDB *weft.DB

func (c *Child) AfterFind(ctx context.Context) (err error) {
	c.Sees, err = weft.Repo[Parent](familyDB).Count(ctx)
	return err
}

func (c Child) AfterCreate(ctx context.Context) error {
	err := weft.From(ctx).Tx(ctx, func(tx *weft.DB) error {
		if err := weft.Repo[Parent](tx).Create(ctx, &Parent{Name: "nested"}); err != nil {
			return err
		}
		return errStop
	})
	if err != errStop {
		return fmt.Errorf("nested: %w", err)
	}
	_, err = weft.Repo[Parent](familyDB).Update(ctx, c.ParentID, weft.Set{"name": "touched"})
	return err
}

func TestHooksUseTheDatabase(t *testing.T) {
	on(t, []any{Parent{}, Child{}}, func(t *testing.T, db *weft.DB) {
		familyDB = db
		ctx := t.Context()
		parents, children := weft.Repo[Parent](db), weft.Repo[Child](db)
		p := &Parent{Name: "p"}
		must(t, parents.Create(ctx, p))
		for i := range 3 {
			must(t, children.Create(ctx, &Child{ParentID: p.ID, Name: fmt.Sprint(i)}))
		}
		got, err := parents.Find(ctx, p.ID)
		must(t, err)
		equal(t, got.Name, "touched")
		read := func(ctx context.Context, parents *weft.Repository[Parent], children *weft.Repository[Child]) {
			t.Helper()
			list, err := children.All(ctx)
			must(t, err)
			equal(t, list[0].Sees, 1)
			with, err := parents.With("children.parent").All(ctx)
			must(t, err)
			equal(t, with[0].Children[2].Sees, 1)
			must(t, parents.Load(ctx, with[0], "children"))
			for c, err := range children.Iter(ctx) {
				must(t, err)
				_, err := parents.Update(ctx, p.ID, weft.Set{"name": c.Name})
				must(t, err)
			}
			for c, err := range children.Select("name").Distinct().Iter(ctx) {
				must(t, err)
				_, err := parents.Update(ctx, p.ID, weft.Set{"name": c.Name})
				must(t, err)
			}
		}
		read(ctx, parents, children)
		must(t, db.InTx(ctx, func(ctx context.Context) error { read(ctx, parents, children); return nil }))
		must(t, db.Tx(ctx, func(tx *weft.DB) error { read(ctx, parents.In(tx), children.In(tx)); return nil }))
	})
}

func TestAfterCommitOrder(t *testing.T) {
	on(t, []any{Parent{}, Child{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		got := ""
		note := func(s string) func(context.Context) {
			return func(ctx context.Context) {
				got += s
				n, err := weft.Repo[Parent](db).Count(ctx) // the transaction is over and does not stand in the way
				must(t, err)
				got += fmt.Sprint(n)
			}
		}
		must(t, db.InTx(ctx, func(ctx context.Context) error {
			weft.AfterCommit(ctx, note("a"))
			must(t, weft.Repo[Parent](db).Create(ctx, &Parent{Name: "x"}))
			must(t, db.InTx(ctx, func(ctx context.Context) error {
				weft.AfterCommit(ctx, note("b"))
				return nil
			}))
			is(t, db.InTx(ctx, func(ctx context.Context) error {
				weft.AfterCommit(ctx, note("lost"))
				return errStop
			}), errStop)
			weft.AfterCommit(ctx, func(ctx context.Context) { weft.AfterCommit(ctx, note("c")) })
			weft.AfterCommit(ctx, note("d"))
			equal(t, got, "")
			return nil
		}))
		equal(t, got, "a1b1c1d1")
	})
}

func TestIterBeforeACursor(t *testing.T) {
	on(t, []any{Parent{}, Child{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		parents := weft.Repo[Parent](db)
		for i := range 9 {
			must(t, parents.Create(ctx, &Parent{Name: fmt.Sprint(i)}))
		}
		page, err := parents.OrderBy("name", weft.Asc).Limit(7).Page(ctx)
		must(t, err)
		read := func(q *weft.Query[Parent]) (s string) {
			t.Helper()
			must(t, db.InTx(ctx, func(ctx context.Context) error {
				return q.Each(ctx, func(p *Parent) error { s += p.Name; return nil })
			}))
			out := ""
			must(t, q.Each(ctx, func(p *Parent) error { out += p.Name; return nil }))
			equal(t, s, out)
			return s
		}
		q := parents.OrderBy("name", weft.Asc)
		equal(t, read(q.Before(page.Cursor)), "012345")
		equal(t, read(q.Before(page.Cursor).Limit(2)), "45")
		equal(t, read(q.After(page.Cursor)), "78")
		must(t, db.InTx(ctx, func(ctx context.Context) error {
			_, err := parents.Lock().All(ctx)
			return err
		}))
	})
}

package weft_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
)

// Order has a key of two parts and every kind of relation by it.
type Order struct {
	Region string  `weft:"primary"`
	No     int64   `weft:"primary"`
	Lines  []*Line `weft:"has_many,fk=Region|OrderNo"`
	Top    *Line   `weft:"has_one,fk=Region|OrderNo"`
	Marks  []*Mark `weft:"many_to_many,through=OrderMark"`
}

type Line struct {
	ID      int64 `weft:"primary,auto"`
	Region  string
	OrderNo int64
	What    string
	Order   *Order `weft:"belongs_to,fk=Region|OrderNo"`
}

type Mark struct {
	ID     int64 `weft:"primary,auto"`
	Name   string
	Orders []*Order `weft:"many_to_many,through=OrderMark"`
}

func TestRelationsByCompositeKeys(t *testing.T) {
	on(t, []any{Order{}, Line{}, Mark{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		orders := weft.Repo[Order](db)
		marks := []*Mark{{Name: "m0"}, {Name: "m1"}}
		must(t, weft.Repo[Mark](db).CreateMany(ctx, marks))
		join := db.Schema().Model("OrderMark")
		for _, region := range []string{"eu", "us"} {
			for n := range int64(3) {
				must(t, orders.Create(ctx, &Order{Region: region, No: n}))
				for k := range 4 {
					must(t, weft.Repo[Line](db).Create(ctx, &Line{Region: region, OrderNo: n, What: fmt.Sprintf("%s%d%d", region, n, k)}))
				}
				row := make([]any, len(join.Fields))
				row[join.Field("orderRegion").Pos], row[join.Field("orderNo").Pos], row[join.Field("markId").Pos] = region, n, marks[n%2].ID
				must(t, errOf(db.Engine().Do(ctx, op.Op{Kind: op.Insert, Model: join, Rows: [][]any{row}})))
			}
		}
		list, err := orders.OrderBy("region", weft.Asc).OrderBy("no", weft.Asc).With("marks", "top").WithQuery("lines", func(r *weft.Rel) {
			r.Where("what", "!=", "eu03").OrderBy("what", weft.Desc).Limit(2).WithQuery("order", func(r *weft.Rel) { r.Limit(1).Select("no") })
		}).All(ctx)
		must(t, err)
		for i, o := range list {
			if len(o.Lines) != 2 || o.Lines[0].Order.No != o.No || len(o.Marks) != 1 || o.Marks[0].ID != marks[o.No%2].ID ||
				o.Top.What != fmt.Sprintf("%s%d0", o.Region, o.No) {
				t.Fatalf("order %d: %+v", i, o)
			}
		}
		equal(t, list[0].Lines[0].What, "eu02")
		lines, err := weft.Repo[Line](db).WithQuery("order", func(r *weft.Rel) { r.Where("no", "=", 1).Limit(1) }).All(ctx)
		must(t, err)
		n := 0
		for _, l := range lines {
			if l.Order != nil {
				n++
			}
		}
		equal(t, n, 8)
		back, err := weft.Repo[Mark](db).OrderBy("name", weft.Asc).WithQuery("orders", func(r *weft.Rel) {
			r.OrderBy("region", weft.Desc).OrderBy("no", weft.Desc).Limit(3).With("lines")
		}).All(ctx)
		must(t, err)
		equal(t, len(back[0].Orders), 3)
		equal(t, weft.Key(back[0].Orders[2].Region, back[0].Orders[2].No), weft.Key("eu", 2))
		equal(t, len(back[1].Orders), 2)
		equal(t, len(back[1].Orders[0].Lines), 4)
		o, err := orders.Find(ctx, weft.Key("eu", 2))
		must(t, err)
		must(t, orders.Load(ctx, o, "lines.order", "marks"))
		equal(t, len(o.Lines), 4)
		equal(t, len(o.Marks), 1)
	})
}

// Node points at itself.
type Node struct {
	weft.Model
	Name     string
	ParentID *string
	Parent   *Node   `weft:"belongs_to,fk=ParentID"`
	Kids     []*Node `weft:"has_many,fk=ParentID"`
	First    *Node   `weft:"has_one,fk=ParentID"`
}

func TestRelationsToItself(t *testing.T) {
	on(t, []any{Node{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		nodes := weft.Repo[Node](db)
		root := &Node{Name: "root"}
		must(t, nodes.Create(ctx, root))
		for i := range 3 {
			c := &Node{Name: fmt.Sprint("c", i), ParentID: &root.ID}
			must(t, nodes.Create(ctx, c))
			must(t, nodes.Create(ctx, &Node{Name: fmt.Sprint("g", i), ParentID: &c.ID}))
		}
		list, err := nodes.Where("parentId", "=", nil).With("kids.kids.parent", "first", "parent").WithQuery("kids", nil).All(ctx)
		must(t, err)
		equal(t, len(list), 1)
		equal(t, len(list[0].Kids), 3)
		equal(t, list[0].Kids[0].Kids[0].Parent.Name, list[0].Kids[0].Name)
		equal(t, list[0].First.Name, "c0")
		if list[0].Parent != nil || !weft.Loaded(list[0], "parent") {
			t.Fatal("parent of the root")
		}
		list[0].Kids[1].Parent = list[0]
		data, err := weft.JSON(list[0])
		must(t, err)
		equal(t, strings.Count(string(data), `"name":"root"`), 1)
		one, err := nodes.Where("name", "=", "root").WithQuery("kids", func(r *weft.Rel) {
			r.OrderBy("name", weft.Desc).Offset(1).Limit(1).Where("name", "starts with", "c")
		}).First(ctx)
		must(t, err)
		equal(t, one.Kids[0].Name, "c1")
	})
}

// Album has relations that are loaded without being asked for.
type Album struct {
	weft.Model
	Name  string
	Songs []*Song `weft:"has_many,eager"`
}

type Song struct {
	weft.Model
	AlbumID string
	Takes   []*Take `weft:"has_many,eager"`
	Album   *Album  `weft:"belongs_to"`
}

type Take struct {
	weft.Model
	SongID string
}

func TestEagerByTag(t *testing.T) {
	on(t, []any{Album{}, Song{}, Take{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		albums := weft.Repo[Album](db)
		a := &Album{Name: "a"}
		must(t, albums.Create(ctx, a))
		s := &Song{AlbumID: a.ID}
		must(t, weft.Repo[Song](db).Create(ctx, s))
		must(t, weft.Repo[Take](db).Create(ctx, &Take{SongID: s.ID}))
		found, err := albums.Find(ctx, a.ID)
		must(t, err)
		page, err := albums.Page(ctx)
		must(t, err)
		got := []*Album{found, page.Data[0]}
		for x, err := range albums.Iter(ctx) {
			must(t, err)
			got = append(got, x)
		}
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			return albums.In(tx).Each(ctx, func(x *Album) error { got = append(got, x); return nil })
		}))
		equal(t, len(got), 4)
		for i, x := range got {
			if len(x.Songs) != 1 || len(x.Songs[0].Takes) != 1 {
				t.Fatalf("%d: %+v", i, x)
			}
		}
		part, err := albums.Select("name").First(ctx)
		must(t, err)
		equal(t, weft.Loaded(part, "songs"), false)
	})
}

// Picky refuses to be read.
type Picky struct {
	weft.Model
	Name string
	N    int64
}

func (p *Picky) AfterFind(context.Context) error {
	switch p.Name {
	case "ok":
		return nil
	case "panic":
		panic("ouch")
	}
	return errHook
}

func TestAfterFindThatFails(t *testing.T) {
	on(t, []any{Picky{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		picky := weft.Repo[Picky](db)
		for _, name := range []string{"ok", "bad", "panic"} {
			must(t, picky.Create(ctx, &Picky{Name: name}))
		}
		bad, panics := picky.Where("name", "=", "bad"), picky.Where("name", "=", "panic")
		nothing := func(*Picky) error { return nil }
		must(t, errOf(picky.Where("name", "=", "ok").All(ctx)))
		for _, err := range []error{errOf(picky.All(ctx)), errOf(picky.Page(ctx)), errOf(bad.First(ctx)), bad.Each(ctx, nothing)} {
			is(t, err, errHook)
		}
		is(t, db.Tx(ctx, func(tx *weft.DB) error { return picky.In(tx).Where("name", "=", "bad").Each(ctx, nothing) }), errHook)
		err := errOf(panics.First(ctx))
		is(t, err, weft.ErrInternal)
		says(t, err, "AfterFind Picky", "ouch")
		yes, err := bad.Exists(ctx)
		must(t, err)
		equal(t, yes, true)
		n, err := panics.Count(ctx)
		must(t, err)
		equal(t, n, 1)
	})
}

// One query is extended and asked by many goroutines.
func TestQueryIsShared(t *testing.T) {
	on(t, []any{Node{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		nodes := weft.Repo[Node](db)
		for i := range 20 {
			must(t, nodes.Create(ctx, &Node{Name: fmt.Sprintf("n%02d", i)}))
		}
		names := []any{"n01", "n02", "n03", "n04"}
		base := nodes.WhereIn("Name", names...).With("Kids").OrderBy("Name", weft.Asc).Select("Name")
		names[0] = "changed behind its back"
		var wg sync.WaitGroup
		errs := make(chan error, 100)
		for i := range 8 {
			wg.Go(func() {
				for range 5 {
					all, err := base.All(ctx)
					if err == nil && len(all) != 4 {
						err = fmt.Errorf("%d rows", len(all))
					}
					errs <- err
					some, err := base.Where("Name", "=", fmt.Sprintf("n%02d", i)).With("Parent").OrderBy("id", weft.Desc).Limit(i + 1).All(ctx)
					if want := i >= 1 && i <= 4; err == nil && (len(some) == 1) != want {
						err = fmt.Errorf("n%02d: %d rows", i, len(some))
					}
					errs <- err
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			must(t, err)
		}
	})
}

func TestCodesOverEveryEngine(t *testing.T) {
	on(t, []any{Node{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		nodes := weft.Repo[Node](db)
		n := &Node{Name: "n"}
		must(t, nodes.Create(ctx, n))
		over, cancel := context.WithCancel(ctx)
		cancel()
		past, cancel := context.WithTimeout(ctx, 0)
		defer cancel()
		for _, c := range []struct {
			err  error
			code weft.Code
			is   error
		}{
			{errOf(nodes.Find(ctx, "x")), weft.CodeNotFound, weft.ErrNotFound},
			{nodes.Create(ctx, n), weft.CodeConflict, weft.ErrConflict},
			{errOf(nodes.Where("x", "=", 1).All(ctx)), weft.CodeValidation, weft.ErrValidation},
			{errOf(nodes.All(over)), weft.CodeCancelled, context.Canceled},
			{nodes.Create(over, &Node{}), weft.CodeCancelled, weft.ErrCancelled},
			{errOf(nodes.All(past)), weft.CodeTimeout, context.DeadlineExceeded},
			{db.Tx(past, func(*weft.DB) error { return nil }), weft.CodeTimeout, weft.ErrTimeout},
			{errOf(nodes.Limit(1<<63 - 1).Page(ctx)), "", nil},
			{errStop, weft.CodeInternal, errStop},
			{fmt.Errorf("wrapped: %w", errOf(nodes.Find(ctx, "x"))), weft.CodeNotFound, weft.ErrNotFound},
			{errors.Join(errStop, errOf(nodes.Find(ctx, "x"))), weft.CodeNotFound, errStop},
		} {
			equal(t, weft.CodeOf(c.err), c.code)
			if !errors.Is(c.err, c.is) {
				t.Fatalf("%v is not %v", c.err, c.is)
			}
		}
	})
}

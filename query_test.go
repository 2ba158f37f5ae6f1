package weft_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
)

func people(t *testing.T, db *weft.DB, n int) {
	t.Helper()
	list := make([]*Author, n)
	for i := range list {
		list[i] = &Author{Name: fmt.Sprintf("n%03d", i)}
		if i%3 != 0 {
			age := int64(i / 5)
			list[i].Age = &age
		}
	}
	must(t, weft.Repo[Author](db).CreateMany(t.Context(), list))
}

func names(list []*Author) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.Name + " ")
	}
	return strings.TrimSpace(b.String())
}

func TestQueryIsAValue(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		people(t, db, 30)
		base := weft.Repo[Author](db).Where("age", "not null", nil)
		young := base.Where("age", "<", 2)
		old := base.Where("age", ">=", 2).OrderBy("name", weft.Desc)
		n1, err := base.Count(ctx)
		must(t, err)
		n2, err := young.Count(ctx)
		must(t, err)
		n3, err := old.Count(ctx)
		must(t, err)
		equal(t, n1, 20)
		equal(t, n2+n3, 20)
		a, err := old.First(ctx)
		must(t, err)
		equal(t, a.Name, "n029")
		_, err = base.Where("name", "=", "nobody").First(ctx)
		is(t, err, weft.ErrNotFound)
		n4, err := weft.Repo[Author](db).Filter(weft.Or(weft.If("name", "=", "n001"),
			weft.And(weft.If("age", "=", nil), weft.Not(weft.If("name", "like", "N00"))))).Count(ctx)
		must(t, err)
		equal(t, n4, 7) // n001 and n012, n015, … n027
		n5, err := weft.Repo[Author](db).WhereIn("name", []string{"n001", "n002"}).WhereIn("name", "n002", "n003").Count(ctx)
		must(t, err)
		equal(t, n5, 1)
		n6, err := weft.Repo[Author](db).Where("age", "between", []int{1, 2}).Count(ctx)
		must(t, err)
		equal(t, n6, 7)
		yes, err := weft.Repo[Author](db).Where("Name", "starts with", "n02").Exists(ctx)
		must(t, err)
		equal(t, yes, true)
		no, err := weft.Repo[Author](db).Where("name", "starts with", "N02").Exists(ctx)
		must(t, err)
		equal(t, no, false)
		paged := base.Apply(func(q *weft.Query[Author]) *weft.Query[Author] { return q.Limit(2).Offset(1).OrderBy("name", weft.Asc) })
		list, err := paged.All(ctx)
		must(t, err)
		equal(t, names(list), "n002 n004")
	})
}

func TestCursor(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		people(t, db, 50)
		q := weft.Repo[Author](db).OrderBy("age", weft.Desc)
		all, err := q.All(ctx)
		must(t, err)
		var got []*Author
		var starts []string
		cursor := ""
		for {
			page, err := q.Limit(7).After(cursor).WithTotal().Page(ctx)
			must(t, err)
			equal(t, *page.Total, 50)
			got = append(got, page.Data...)
			starts = append(starts, page.Start)
			cursor = page.Cursor
			if !page.HasMore {
				break
			}
		}
		equal(t, names(got), names(all))
		equal(t, len(starts), 8)
		back, err := q.Limit(7).Before(starts[3]).Page(ctx)
		must(t, err)
		equal(t, names(back.Data), names(all[14:21]))
		equal(t, back.HasMore, true)
		back, err = q.Limit(7).Before(starts[1]).Page(ctx)
		must(t, err)
		equal(t, names(back.Data), names(all[:7]))
		equal(t, back.HasMore, false)
		first, err := q.Page(ctx)
		must(t, err)
		equal(t, len(first.Data), weft.DefaultPage)
		_, err = q.After("nonsense").Page(ctx)
		is(t, err, weft.ErrValidation)
		_, err = weft.Repo[Author](db).OrderBy("name", weft.Asc).After(first.Cursor).Page(ctx)
		is(t, err, weft.ErrValidation)
		says(t, err, "order")
		sel, err := q.Select("name").Limit(7).Page(ctx)
		must(t, err)
		if sel.Data[0].Name != all[0].Name || sel.Data[0].ID == "" || !sel.Data[0].CreatedAt.IsZero() {
			t.Fatalf("selected %+v", sel.Data[0])
		}
		sel.Data[0].Name = "renamed"
		must(t, weft.Repo[Author](db).Save(ctx, sel.Data[0]))
		again, err := weft.Repo[Author](db).Find(ctx, sel.Data[0].ID)
		must(t, err)
		if again.Name != "renamed" || again.Age == nil {
			t.Fatalf("saving a part wrote more: %+v", again)
		}
	})
}

func TestIter(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		people(t, db, 1203)
		authors := weft.Repo[Author](db)
		n := 0
		for a, err := range authors.With("books").Iter(ctx) {
			must(t, err)
			if a.Books == nil {
				t.Fatal("books not loaded")
			}
			n++
		}
		equal(t, n, 1203)
		n = 0
		for _, err := range authors.OrderBy("age", weft.Asc).Iter(ctx) {
			must(t, err)
			if n++; n == 10 {
				break
			}
		}
		must(t, db.Tx(ctx, func(tx *weft.DB) error {
			n, last := 0, ""
			for a, err := range authors.In(tx).Where("age", ">", -1).OrderBy("name", weft.Asc).Iter(ctx) {
				if err != nil {
					return err
				}
				if a.Name <= last {
					return fmt.Errorf("%s after %s", a.Name, last)
				}
				last = a.Name
				n++
				a.Age = nil
				if err := authors.In(tx).Save(ctx, a); err != nil {
					return err
				}
			}
			equal(t, n, 802)
			m := 0
			for range authors.In(tx).Limit(700).Iter(ctx) {
				m++
			}
			equal(t, m, 700)
			return nil
		}))
		stop := errors.New("stop")
		is(t, authors.Each(ctx, func(*Author) error { return stop }), stop)
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		_, err := authors.All(cancelled)
		is(t, err, context.Canceled)
		is(t, err, weft.ErrCancelled)
	})
}

func TestAggregates(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		people(t, db, 9) // ages of 1,2,4,5,7,8: 0,0,0,1,1,1
		q := weft.Repo[Author](db).Filter()
		for name, fn := range map[string]func(context.Context, string) (weft.Num, error){"3": q.Sum, "0": q.Min, "1": q.Max, "0.5": q.Avg} {
			n, err := fn(ctx, "age")
			must(t, err)
			equal(t, n.String(), name)
		}
		n, err := q.Where("name", "=", "none").Sum(ctx, "age")
		must(t, err)
		equal(t, n.IsNull(), true)
		equal(t, n.Int64(), 0)
		n, err = q.Where("name", "=", "none").Avg(ctx, "age")
		must(t, err)
		equal(t, n.IsNull(), true)
	})
}

func TestExplain(t *testing.T) {
	each(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		p, err := weft.Repo[Author](db).Where("name", "=", "x").With("books").Explain(t.Context())
		must(t, err)
		if p.Engine == "" || len(p.With) != 1 {
			t.Fatalf("plan %+v", p)
		}
		if p.Engine == "sqlite" && (len(p.SQL) == 0 || len(p.Index) == 0) {
			t.Fatalf("plan %+v", p)
		}
	})
}

package weft_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

// Errand belongs to a user, and to a list that may be deleted or another
// user's.
type Errand struct {
	ID     int64 `weft:"primary,auto"`
	UserID string
	ListID *int64
	What   string
	Due    time.Time
	Day    time.Time `weft:"type=date"`
	Cost   decimal.Decimal
	Where  map[string]any
	List   *ErrandList `weft:"belongs_to"`
}

func (Errand) Weft() weft.Options { return weft.Options{Scope: weft.UserScope} }

type ErrandList struct {
	ID      int64 `weft:"primary,auto"`
	UserID  string
	Name    string
	OwnerID *int64
	Owner   *Friend   `weft:"belongs_to"`
	Errands []*Errand `weft:"has_many,fk=ListID"`
	weft.SoftDelete
}

func (ErrandList) Weft() weft.Options { return weft.Options{Scope: weft.UserScope} }

type Friend struct {
	ID     int64  `weft:"primary,auto"`
	Name   string `weft:"unique"`
	Secret string
	Boss   string
	Chief  *Friend `weft:"belongs_to,fk=Boss,lk=Name"`
	Twin   *Friend `weft:"belongs_to,fk=Name,lk=Secret"`
}

func eachErrands(t *testing.T, fn func(t *testing.T, db *weft.DB, sw *fault.Switch)) {
	t.Helper()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			layer, sw := fault.New(fault.Options{})
			db, err := weft.Open(open(t), weft.Models(Errand{}, ErrandList{}, Friend{}), weft.AutoMigrate(), weft.With(layer))
			must(t, err)
			t.Cleanup(func() { must(t, db.Close()) })
			ctx := t.Context()
			ada, bea := &Friend{Name: "Ada", Boss: "Bea"}, &Friend{Name: "Bea"}
			must(t, weft.Repo[Friend](db).CreateMany(ctx, []*Friend{ada, bea}))
			lists := []*ErrandList{{UserID: "u", Name: "home", OwnerID: &ada.ID}, {UserID: "u", Name: "work"}, {UserID: "v", Name: "theirs", OwnerID: &bea.ID}}
			must(t, weft.Repo[ErrandList](db).CreateMany(ctx, lists))
			at := func(s string) time.Time {
				d, err := time.Parse("2006-01-02 15", s)
				must(t, err)
				return d
			}
			for i, e := range []Errand{
				{UserID: "u", ListID: &lists[0].ID, What: "bread", Due: at("2024-02-29 08"), Cost: decimal.RequireFromString("1.10")},
				{UserID: "u", ListID: &lists[0].ID, What: "milk", Due: at("2024-12-31 23"), Cost: decimal.RequireFromString("2.20")},
				{UserID: "u", ListID: &lists[1].ID, What: "pens", Due: at("2023-01-01 00"), Cost: decimal.RequireFromString("4.40")},
				{UserID: "u", What: "nothing", Due: at("2024-02-01 12"), Cost: decimal.RequireFromString("8.80")},
				{UserID: "v", ListID: &lists[2].ID, What: "tea", Due: at("2024-02-29 09"), Cost: decimal.RequireFromString("16.60")},
				{UserID: "u", ListID: &lists[2].ID, What: "mistake", Due: at("2025-06-01 00")},
			} {
				e.Day = e.Due.Truncate(24 * time.Hour)
				e.Where = map[string]any{"n": i}
				must(t, weft.Repo[Errand](db).Create(ctx, &e))
			}
			sw.Reset()
			fn(t, db, sw)
		})
	}
}

func lines[R any](t *testing.T, list []R, err error) []string {
	t.Helper()
	must(t, err)
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = fmt.Sprintf("%v", x)
	}
	return out
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%q\nwant\n%q", got, want)
	}
}

func TestGroupsOverRelationsAndTimes(t *testing.T) {
	eachErrands(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		errands := weft.Repo[Errand](db)
		type byList struct {
			ListName string
			Cost     decimal.Decimal
			N        int
		}
		q := errands.GroupBy("list.name").Agg(weft.Sum("cost", "cost"), weft.Count("n"))
		list, err := weft.Into[byList](ctx, q.OrderBy("list.name", weft.Asc))
		same(t, lines(t, list, err), "{ 8.8 1}", "{home 3.3 2}", "{theirs 16.6 2}", "{work 4.4 1}")
		equal(t, sw.Count(op.Aggregate), 1)

		list, err = weft.Into[byList](ctx, q.Having(weft.If("list.name", "!=", nil), weft.If("cost", ">", 4)).OrderBy("cost", weft.Desc).Limit(1))
		same(t, lines(t, list, err), "{theirs 16.6 2}")

		type byYear struct {
			Year  int    `weft:"column=due.year"`
			Month int    `weft:"column=due.month"`
			Who   string `weft:"column=list.owner.name"`
			N     int
		}
		years, err := weft.Into[byYear](ctx, errands.Where("what", "!=", "mistake").GroupBy("due.year", "due.month", "List.Owner.Name").Agg(weft.Count("n")).
			OrderBy("due.year", weft.Asc).OrderBy("due.month", weft.Asc))
		same(t, lines(t, years, err), "{2023 1  1}", "{2024 2  1}", "{2024 2 Ada 1}", "{2024 2 Bea 1}", "{2024 12 Ada 1}")

		rows, err := weft.Into[map[string]any](ctx, errands.GroupBy().Agg(weft.Max("list.owner.name", "last"), weft.Min("due.hour", "early"),
			weft.CountDistinct("list.id", "lists"), weft.Avg("day.year", "mean")))
		same(t, lines(t, rows, err), "map[early:0 last:Bea lists:3 mean:2024]")

		chiefs, err := weft.Into[map[string]any](ctx, errands.GroupBy("list.owner.chief.name").Agg(weft.Count("n")).OrderBy("n", weft.Asc))
		same(t, lines(t, chiefs, err), "map[list.owner.chief.name:Bea n:2]", "map[list.owner.chief.name:<nil> n:4]")
		days, err := weft.Pluck(ctx, errands.GroupBy("due.date").Agg(weft.Count("n")).Having(weft.If("n", ">", 1)), weft.Col[time.Time]("due.date"))
		same(t, lines(t, days, err), "2024-02-29 00:00:00 +0000 UTC")
		weekdays, err := weft.Pluck(ctx, errands.Where("what", "in", []string{"bread", "pens"}).GroupBy("day.weekday").OrderBy("day.weekday", weft.Asc), weft.Col[int]("day.weekday"))
		same(t, lines(t, weekdays, err), "4", "7")
	})
}

func TestRowsWithColumnsOfOthers(t *testing.T) {
	eachErrands(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		errands := weft.Repo[Errand](db)
		type row struct {
			What          string
			ListName      *string
			ListOwnerName string
			DueYear       int
		}
		q := errands.Where("what", "in", []string{"bread", "nothing", "tea"})
		list, err := weft.Into[row](ctx, q.OrderBy("list.owner.name", weft.Desc))
		must(t, err)
		equal(t, sw.Count(op.Find), 1)
		equal(t, fmt.Sprint(list[0].What, *list[0].ListName, list[0].ListOwnerName, list[0].DueYear), "teatheirsBea2024")
		equal(t, list[2].ListName, nil)
		equal(t, fmt.Sprint(list[2].What, list[2].DueYear), "nothing2024")

		maps, err := weft.Into[map[string]any](ctx, q.Select("what", "List.Name").OrderBy("what", weft.Asc).Limit(2))
		same(t, lines(t, maps, err), "map[list.name:home what:bread]", "map[list.name:<nil> what:nothing]")
		names, err := weft.Pluck(ctx, errands.Distinct().OrderBy("list.name", weft.Asc), weft.Col[string]("list.name"))
		same(t, lines(t, names, err), "", "home", "theirs", "work")

		// A whole instance can be in the order of others, with relations loaded.
		all, err := errands.With("list").OrderBy("list.name", weft.Desc).OrderBy("due.month", weft.Desc).Limit(3).All(ctx)
		must(t, err)
		equal(t, all[0].What+" "+all[1].What+" "+all[2].What, "pens mistake tea")
		equal(t, all[1].List.Name, "theirs")
		first, err := errands.OrderBy("due.year", weft.Desc).First(ctx)
		must(t, err)
		equal(t, first.What, "mistake")
	})
}

// The rows of others are those that exist: not deleted, and the user's own.
func TestColumnsOfHiddenRows(t *testing.T) {
	eachErrands(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		lists := weft.Repo[ErrandList](db)
		home, err := lists.Where("name", "=", "home").First(ctx)
		must(t, err)
		mine := weft.Repo[Errand](db.User("u"))
		names := func(r *weft.Repository[Errand]) []string {
			list, err := weft.Into[map[string]any](ctx, r.GroupBy("list.name", "list.owner.name").Agg(weft.Count("n")).OrderBy("n", weft.Desc).OrderBy("list.name", weft.Asc))
			return lines(t, list, err)
		}
		same(t, names(mine), "map[list.name:<nil> list.owner.name:<nil> n:2]", "map[list.name:home list.owner.name:Ada n:2]", "map[list.name:work list.owner.name:<nil> n:1]")
		_, err = lists.Delete(ctx, weft.Key(home.ID))
		must(t, err)
		same(t, names(mine), "map[list.name:<nil> list.owner.name:<nil> n:4]", "map[list.name:work list.owner.name:<nil> n:1]")
		same(t, names(weft.Repo[Errand](db)), "map[list.name:<nil> list.owner.name:<nil> n:3]", "map[list.name:theirs list.owner.name:Bea n:2]", "map[list.name:work list.owner.name:<nil> n:1]")
		err = db.Tx(ctx, func(tx *weft.DB) error {
			must(t, weft.Repo[ErrandList](tx).Restore(ctx, weft.Key(home.ID)))
			equal(t, len(names(weft.Repo[Errand](tx))), 4)
			return errHook
		})
		is(t, err, errHook)
		rows, err := weft.Into[map[string]any](ctx, mine.Select("list.name", "what").OrderBy("list.name", weft.Desc).Limit(1))
		same(t, lines(t, rows, err), "map[list.name:work what:pens]")
	})
}

func TestColumnFaults(t *testing.T) {
	eachErrands(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		errands := weft.Repo[Errand](db)
		for name, parts := range map[string][]string{
			"list":               {"list", "is a relation", "list.id"},
			"list.nam":           {"nam", "did you mean name?"},
			"list.errands.what":  {"errands", "has_many", "may lead to several rows"},
			"what.year":          {"what.year", "only times have parts"},
			"due.century":        {"due.century", "year, month, day, hour"},
			"day.hour":           {"day.hour", "not of a date"},
			"where.n":            {"where", "JSON"},
			"lst.name":           {"lst", "did you mean list?"},
			"what.a.b":           {"what"},
			"list.owner.twin.id": {"twin", "not unique"},
			"nope":               {"nope", "is not a field; there are id, userId"},
		} {
			_, err := weft.Into[map[string]any](ctx, errands.GroupBy(name).Agg(weft.Count("n")))
			is(t, err, weft.ErrValidation)
			says(t, err, parts...)
			_, err = weft.Into[map[string]any](ctx, errands.Select("id", name))
			is(t, err, weft.ErrValidation)
		}
		_, err := errands.Select("what", "list.name").All(ctx)
		says(t, err, "list.name", "weft.Into")
		_, err = errands.OrderBy("list.nope", weft.Asc).All(ctx)
		says(t, err, "nope")
		_, err = weft.Into[struct{ ListNope string }](ctx, errands)
		says(t, err, "ListNope", "is not a field")
		_, err = errands.WithQuery("list", func(r *weft.Rel) { r.OrderBy("owner.name", weft.Asc) }).All(ctx)
		says(t, err, "owner.name", "sorted by fields of ErrandList itself")
		page, err := errands.OrderBy("list.name", weft.Asc).Limit(2).Page(ctx)
		must(t, err)
		if page.Cursor != "" || !page.HasMore {
			t.Fatalf("an order by other rows has the cursor %q", page.Cursor)
		}
		_, err = errands.Where("list.name", "=", "home").All(ctx)
		var v *weft.ValidationError
		if !errors.As(err, &v) {
			t.Fatalf("a condition by a path gave %v", err)
		}
		says(t, err, "list is a relation", `Has("list", …)`)
	})
}

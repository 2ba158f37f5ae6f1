package weft_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

type small uint8

// Crew has ships, ships have sailors of their own and ports in common.
type Crew struct {
	weft.Model
	Name  string
	Ships []*Ship `weft:"has_many"`

	ShipsCount int64  `weft:"count=ships"`
	Few        *small `weft:"count=ships" json:"few"`
	Tiny       int8   `weft:"count=Ships" json:"-"`
}

type Ship struct {
	weft.Model
	CrewID  string
	UserID  string `weft:"owner"`
	Name    string
	Tons    int64
	Crew    *Crew     `weft:"belongs_to"`
	Sailors []*Sailor `weft:"has_many"`
	Ports   []*Port   `weft:"many_to_many,through=Call"`

	SailorsCount int    `weft:"count=sailors"`
	PortsCount   uint16 `weft:"count=ports"`
}

func (Ship) Weft() weft.Options { return weft.Options{Scope: weft.UserScope} }

type Sailor struct {
	weft.Model
	ShipID string
}

// Port has no Tracked.
type Port struct {
	ID    int64   `weft:"primary,auto"`
	Name  string  `weft:"unique"`
	Ships []*Ship `weft:"many_to_many,through=Call"`

	ShipsCount int64 `weft:"count=ships"`
}

// fleet makes n crews; crew i has i%4 ships, of one ton, two and so on, of which
// the first is bob's and the others are ann's. Ship k has k sailors, and calls at
// the first k of three ports.
func fleet(t *testing.T, db *weft.DB, n int) []*Crew {
	t.Helper()
	ctx := t.Context()
	ports := []*Port{{Name: "Aden"}, {Name: "Bari"}, {Name: "Cork"}}
	must(t, weft.Repo[Port](db).CreateMany(ctx, ports))
	crews := make([]*Crew, n)
	for i := range crews {
		crews[i] = &Crew{Name: string(rune('a' + i))}
		must(t, weft.Repo[Crew](db).Create(ctx, crews[i]))
		for k := range i % 4 {
			s := &Ship{CrewID: crews[i].ID, UserID: "ann", Name: strings.Repeat("s", k+1), Tons: int64(k + 1)}
			if k == 0 {
				s.UserID = "bob"
			}
			must(t, weft.Repo[Ship](db).Create(ctx, s))
			for j := range k {
				must(t, weft.Repo[Sailor](db).Create(ctx, &Sailor{ShipID: s.ID}))
				must(t, weft.Repo[Ship](db).Link(ctx, s, "ports", weft.Key(ports[j].ID)))
			}
		}
	}
	return crews
}

// eachFleet runs a test on every engine.
func eachFleet(t *testing.T, fn func(t *testing.T, db *weft.DB, sw *fault.Switch)) {
	t.Helper()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			layer, sw := fault.New(fault.Options{})
			db, err := weft.Open(open(t), weft.Models(Crew{}, Ship{}, Sailor{}, Port{}), weft.AutoMigrate(), weft.With(layer))
			must(t, err)
			t.Cleanup(func() { must(t, db.Close()) })
			fn(t, db, sw)
		})
	}
}

func TestCountFields(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		fleet(t, db, 9)
		crews := weft.Repo[Crew](db)

		list, err := crews.With("shipsCount", "Few", "tiny").OrderBy("name", weft.Asc).All(ctx)
		must(t, err)
		for i, c := range list {
			equal(t, c.ShipsCount, int64(i%4))
			equal(t, *c.Few, small(i%4))
			equal(t, c.Tiny, int8(i%4))
			if !weft.Loaded(c, "shipsCount") || !weft.Loaded(c, "Few") || weft.Loaded(c, "ships") || weft.Changed(c) != nil {
				t.Fatalf("crew %d: ships count loaded %v, ships loaded %v, changed %v", i, weft.Loaded(c, "shipsCount"), weft.Loaded(c, "ships"), weft.Changed(c))
			}
		}

		// Nested, beside the relation, of both kinds, and below a selection.
		list, err = crews.Select("name").OrderBy("name", weft.Asc).
			With("ships.sailorsCount", "ships.portsCount", "shipsCount").All(ctx)
		must(t, err)
		ships := 0
		for i, c := range list {
			equal(t, c.ShipsCount, int64(i%4))
			equal(t, len(c.Ships), i%4)
			for _, s := range c.Ships {
				equal(t, s.SailorsCount, int(s.Tons)-1)
				equal(t, s.PortsCount, uint16(s.Tons)-1)
				ships++
			}
		}
		equal(t, ships, 12) // crews have 0 1 2 3 0 1 2 3 0

		// A condition; the number of what does not hold is 0.
		list, err = crews.OrderBy("name", weft.Asc).
			WithQuery("shipsCount", func(r *weft.Rel) { r.Where("tons", ">=", 2).Filter(weft.Has("ports")) }).All(ctx)
		must(t, err)
		for i, c := range list {
			equal(t, c.ShipsCount, int64(max(0, i%4-1)))
		}
		list, err = crews.OrderBy("name", weft.Asc).WithQuery("ships", func(r *weft.Rel) {
			r.OrderBy("tons", weft.Desc).Limit(1).WithQuery("portsCount", func(r *weft.Rel) { r.Where("name", "!=", "Aden") })
		}).All(ctx)
		must(t, err)
		equal(t, list[3].Ships[0].PortsCount, 1)

		// One row, a page, a stream, and a model without Tracked.
		one, err := crews.With("shipsCount").Where("name", "=", "d").First(ctx)
		must(t, err)
		equal(t, one.ShipsCount, 3)
		page, err := crews.With("shipsCount").OrderBy("name", weft.Asc).Limit(3).Page(ctx)
		must(t, err)
		equal(t, page.Data[2].ShipsCount, 2)
		n := int64(0)
		for c, err := range crews.With("shipsCount").Iter(ctx) {
			must(t, err)
			n += c.ShipsCount
		}
		equal(t, n, 12)
		ports, err := weft.Repo[Port](db).With("shipsCount").OrderBy("name", weft.Asc).All(ctx)
		must(t, err)
		equal(t, ports[0].ShipsCount, 6) // those of two tons and of three: 4 and 2
		equal(t, ports[2].ShipsCount, 0)
		if !weft.Loaded(ports[0], "shipsCount") || weft.Loaded(ports[2], "shipsCount") || weft.Loaded(ports[0], "name") {
			t.Error("without Tracked a count is loaded when it is not 0")
		}
	})
}

// The number of queries is the same however many parents there are.
func TestCountsTakeOneQuery(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		fleet(t, db, 14)
		for _, limit := range []int{1, 4, 14} {
			sw.Reset()
			list, err := weft.Repo[Crew](db).OrderBy("name", weft.Desc).Limit(limit).With("shipsCount", "ships.portsCount", "ships.sailorsCount").All(ctx)
			must(t, err)
			equal(t, len(list), limit)
			equal(t, sw.Count(op.Aggregate), 3)
			equal(t, sw.Count(op.Find), 2)
			equal(t, sw.Count(0), 5)
		}
	})
}

func TestLoadCounts(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, sw *fault.Switch) {
		ctx := t.Context()
		list := fleet(t, db, 6)
		crews := weft.Repo[Crew](db)
		c := list[3]
		cp := *c
		must(t, crews.Load(ctx, c, "shipsCount", "ships.portsCount"))
		equal(t, c.ShipsCount, 3)
		if weft.Loaded(&cp, "shipsCount") {
			t.Fatal("the state of a copy was changed")
		}
		equal(t, len(c.Ships), 3)
		sw.Reset()
		must(t, crews.LoadAll(ctx, list, "shipsCount"))
		equal(t, sw.Count(0), 1)
		equal(t, list[5].ShipsCount, 1)

		// Saving neither writes a count nor forgets it; loading again brings it up to date.
		c.ShipsCount = 99
		sw.Reset()
		must(t, crews.Save(ctx, c))
		equal(t, sw.Count(0), 0)
		c.Name = "renamed"
		must(t, crews.Save(ctx, c))
		equal(t, c.ShipsCount, 99)
		must(t, errOf(weft.Repo[Ship](db).Filter(weft.If("crewId", "=", c.ID)).Delete(ctx)))
		must(t, crews.Load(ctx, c, "shipsCount"))
		equal(t, c.ShipsCount, 0)
		if !weft.Loaded(c, "shipsCount") {
			t.Fatal("a count of 0 is loaded")
		}
		part, err := weft.Repo[Ship](db).Select("name").Distinct().First(ctx)
		must(t, err)
		says(t, weft.Repo[Ship](db).Load(ctx, part, "portsCount"), "was loaded without id, by which portsCount is found")
		made := &Crew{Name: "new", ShipsCount: 7}
		must(t, crews.Create(ctx, made))
		equal(t, made.ShipsCount, 7)
		must(t, crews.Load(ctx, made, "shipsCount"))
		equal(t, made.ShipsCount, 0)
	})
}

func TestLinkForgetsCounts(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		fleet(t, db, 4)
		ships := weft.Repo[Ship](db)
		s, err := ships.Where("tons", "=", 3).With("portsCount", "sailorsCount", "ports").First(ctx)
		must(t, err)
		equal(t, s.PortsCount, 2)
		err = db.Tx(ctx, func(tx *weft.DB) error {
			must(t, ships.In(tx).Relink(ctx, s, "ports"))
			equal(t, s.PortsCount, 0)
			return errStop
		})
		is(t, err, errStop)
		equal(t, s.PortsCount, 2) // as before the transaction
		if !weft.Loaded(s, "portsCount") || len(s.Ports) != 2 {
			t.Fatal("the rollback did not put back what was loaded")
		}
		must(t, ships.Relink(ctx, s, "ports"))
		if weft.Loaded(s, "portsCount") || weft.Loaded(s, "ports") || !weft.Loaded(s, "sailorsCount") || s.PortsCount != 0 {
			t.Fatal("Relink leaves a count loaded that is not true any more")
		}
	})
}

func TestCountsInTransactionsAndForUsers(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		crews := fleet(t, db, 4)
		is(t, db.Tx(ctx, func(tx *weft.DB) error {
			must(t, weft.Repo[Ship](tx).Create(ctx, &Ship{CrewID: crews[0].ID, UserID: "ann"}))
			for c, err := range weft.Repo[Crew](tx).With("shipsCount").OrderBy("name", weft.Asc).Iter(ctx) {
				must(t, err)
				equal(t, c.ShipsCount, map[string]int64{"a": 1, "b": 1, "c": 2, "d": 3}[c.Name])
			}
			return errStop
		}), errStop)
		must(t, weft.Repo[Crew](db).Load(ctx, crews[0], "shipsCount"))
		equal(t, crews[0].ShipsCount, 0)

		for user, want := range map[string]string{"ann": "0 0 1 2", "bob": "0 1 1 1", "eve": "0 0 0 0"} {
			counts := func(list []*Crew, err error) {
				t.Helper()
				must(t, err)
				var got []string
				for _, c := range list {
					got = append(got, string(rune('0'+c.ShipsCount)))
				}
				equal(t, strings.Join(got, " "), want)
			}
			mine := weft.Repo[Crew](db.User(user))
			counts(mine.With("shipsCount").OrderBy("name", weft.Asc).All(ctx))
			list, err := mine.OrderBy("name", weft.Asc).All(ctx)
			must(t, err)
			counts(list, mine.LoadAll(ctx, list, "shipsCount"))
			must(t, db.User(user).Tx(ctx, func(tx *weft.DB) error {
				list, err := weft.Repo[Crew](tx).With("shipsCount").OrderBy("name", weft.Asc).All(ctx)
				counts(list, err)
				return err
			}))
			ports, err := weft.Repo[Port](db.User(user)).With("shipsCount").Where("name", "=", "Aden").First(ctx)
			must(t, err)
			equal(t, ports.ShipsCount, map[string]int64{"ann": 3, "bob": 0, "eve": 0}[user])
		}
	})
}

func TestCountsAreNoColumns(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		crew := fleet(t, db, 2)[1]
		crews := weft.Repo[Crew](db)
		patch := func(body string, allow ...string) error { return errOf(crews.Patch(strings.NewReader(body), allow...)) }
		type row struct{ ShipsCount int64 }
		into := func(q weft.Source[Crew]) error { _, err := weft.Into[row](ctx, q); return err }
		for what, err := range map[string]error{
			"Where":      errOf(crews.Where("shipsCount", ">", 1).All(ctx)),
			"WhereIn":    errOf(crews.WhereIn("shipsCount", 1, 2).All(ctx)),
			"OrderBy":    errOf(crews.OrderBy("ShipsCount", weft.Asc).All(ctx)),
			"Select":     errOf(crews.Select("shipsCount").All(ctx)),
			"Set":        errOf(crews.Update(ctx, crew.ID, weft.Set{"shipsCount": 3})),
			"Inc":        errOf(crews.Increment(ctx, crew.ID, "shipsCount", 1)),
			"UpdateAll":  errOf(crews.Filter(weft.Everything()).UpdateAll(ctx, weft.Set{"shipsCount": 3})),
			"Patch":      patch(`{"name": "x", "shipsCount": 3}`),
			"allow":      patch(`{}`, "shipsCount"),
			"GroupBy":    into(crews.GroupBy("shipsCount").Agg(weft.Count("n"))),
			"Sum":        errOf(crews.Sum(ctx, "shipsCount")),
			"Into":       into(crews),
			"Pluck":      errOf(weft.Pluck(ctx, crews.OrderBy("name", weft.Asc), weft.Col[int64]("shipsCount"))),
			"OnConflict": errOf(crews.OnConflict("shipsCount").Create(ctx, &Crew{})),
		} {
			is(t, err, weft.ErrValidation)
			t.Log(what, err)
			says(t, err, "is a count, which With loads and nothing stores", `HasCount("ships", …)`)
		}
		says(t, errOf(crews.Filter(weft.HasCount("shipsCount", ">", 1)).All(ctx)), "shipsCount is not a relation: it counts ships")
		for _, change := range []func(r *weft.Rel){
			func(r *weft.Rel) { r.Limit(1) },
			func(r *weft.Rel) { r.Offset(1) },
			func(r *weft.Rel) { r.OrderBy("name", weft.Asc) },
			func(r *weft.Rel) { r.Select("name") },
			func(r *weft.Rel) { r.With("ports") },
		} {
			_, err := crews.WithQuery("shipsCount", change).All(ctx)
			is(t, err, weft.ErrValidation)
			says(t, err, "Crew: shipsCount is a number", "no order, limit, fields or relations")
		}
		says(t, errOf(crews.With("shipsCont").All(ctx)), "there are ships, shipsCount, few, tiny")
		says(t, errOf(crews.With("shipsCount.ports").All(ctx)), "shipsCount.ports is not a relation")
		says(t, errOf(crews.WithQuery("shipsCount", func(r *weft.Rel) { r.Where("nope", "=", 1) }).All(ctx)), "Ship", "nope")
	})
}

func TestCountThatDoesNotFit(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		c := &Crew{Name: "many"}
		must(t, weft.Repo[Crew](db).Create(ctx, c))
		ships := make([]*Ship, 300)
		for i := range ships {
			ships[i] = &Ship{CrewID: c.ID, UserID: "ann"}
		}
		must(t, weft.Repo[Ship](db).CreateMany(ctx, ships))
		says(t, errOf(weft.Repo[Crew](db).With("tiny").All(ctx)), "count Crew", "tiny: 300 does not fit a int8")
		says(t, weft.Repo[Crew](db).Load(ctx, c, "few"), "few: 300 does not fit a weft_test.small")
		must(t, weft.Repo[Crew](db).Load(ctx, c, "shipsCount"))
		equal(t, c.ShipsCount, 300)
	})
}

func TestCountsInJSON(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		ctx := t.Context()
		fleet(t, db, 3)
		q := weft.Repo[Crew](db).Where("name", "=", "c")
		read := func(v any, err error) map[string]any {
			t.Helper()
			must(t, err)
			data, err := weft.JSON(v)
			must(t, err)
			out := map[string]any{}
			must(t, json.Unmarshal(data, &out))
			return out
		}
		c, err := q.First(ctx)
		if out := read(c, err); out["shipsCount"] != nil || out["few"] != nil {
			t.Fatalf("counts that are not loaded are in %v", out)
		}
		c, err = q.With("shipsCount", "few", "tiny", "ships.portsCount").First(ctx)
		out := read(c, err)
		equal(t, out["shipsCount"], any(2.0))
		equal(t, out["few"], any(2.0))
		if _, there := out["tiny"]; there || out["Tiny"] != nil {
			t.Fatalf("a hidden count is in %v", out)
		}
		ship := out["ships"].([]any)[0].(map[string]any)
		if _, there := ship["portsCount"]; !there || ship["sailorsCount"] != nil {
			t.Fatalf("the ship is %v", ship)
		}
		// What is written is read again by any JSON decoder.
		data, err := weft.JSON(c)
		must(t, err)
		var back Crew
		must(t, json.Unmarshal(data, &back))
		equal(t, back.ShipsCount, 2)
		equal(t, *back.Few, 2)
		p, err := weft.Repo[Port](db).With("shipsCount").Where("name", "=", "Aden").First(ctx)
		must(t, err)
		data, err = db.JSON(p)
		must(t, err)
		if !strings.Contains(string(data), `"shipsCount":1`) {
			t.Errorf("got %s", data)
		}
	})
}

func TestExplainCounts(t *testing.T) {
	eachFleet(t, func(t *testing.T, db *weft.DB, _ *fault.Switch) {
		plan, err := weft.Repo[Crew](db).With("shipsCount", "ships.portsCount").Explain(t.Context())
		must(t, err)
		equal(t, len(plan.With), 2)
		equal(t, len(plan.With[1].With), 1)
		if plan.Engine == "sqlite" && !strings.Contains(plan.With[0].SQL[0], "count(*)") {
			t.Errorf("plan %+v", plan.With[0])
		}
	})
}

package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
)

// must is the guard that every row of a filter holds a condition.
func (d *db) mustHold(model string, filter, must op.Cond) op.Guard {
	d.Helper()
	return op.Guard{Kind: op.GuardMust, Model: d.model(model), Filter: filter, Must: must}
}

// snapshot is the guard that a filter still has so many rows up to a version.
func (d *db) snapshot(model string, filter op.Cond, rows, version int64) op.Guard {
	d.Helper()
	return op.Guard{Kind: op.GuardSnapshot, Model: d.model(model), Filter: filter, Rows: rows, Version: version}
}

func guarded(o op.Op, gs ...op.Guard) op.Op {
	o.Guards = gs
	return o
}

func testGuard(s *suite, t *testing.T) {
	one := cmp("id", op.Eq, "1")
	s.run(t, "the version check of an update", func(d *db) {
		d.insert("Post", rec{"id": "1", "title": "a"})
		at := func(v int) op.Guard { return d.mustHold("Post", one, cmp("ver", op.Eq, v)) }
		if n := d.n(guarded(d.set("Post", one, to("title", "b")), at(1))); n != 1 {
			d.Errorf("update reports %d rows", n)
		}
		c := d.conflict(guarded(d.set("Post", one, to("title", "c")), at(1)), op.ReasonStale)
		if len(c.Current) != len(d.model("Post").Fields) || c.Current[2] != "b" || c.Current[5] != int64(2) {
			d.Errorf("the conflict's current row is %v", c.Current)
		}
		if got := d.get("Post", "1"); got["title"] != "b" || got["ver"] != int64(2) {
			d.Errorf("the row is %v", got)
		}
		absent := cmp("id", op.Eq, "absent")
		if n := d.n(guarded(d.set("Post", absent, to("title", "c")), d.mustHold("Post", absent, cmp("ver", op.Eq, 1)))); n != 0 {
			d.Errorf("update of no row reports %d", n)
		}
	})
	s.run(t, "on delete, increment, insert and upsert", func(d *db) {
		d.insert("Post", rec{"id": "1", "rank": 5})
		bad, good := d.mustHold("Post", one, cmp("rank", op.Lt, 5)), d.mustHold("Post", one, cmp("rank", op.Le, 6))
		d.conflict(guarded(d.del("Post", one), bad), op.ReasonStale)
		add := op.Op{Kind: op.Increment, Model: d.model("Post"), Filter: one, Set: []op.Assign{inc("rank", int64(1))}}
		d.conflict(guarded(add, bad), op.ReasonStale)
		d.conflict(guarded(d.ins("Post", rec{"id": "2"}), bad), op.ReasonStale)
		d.conflict(guarded(d.ups("Post", op.Conflict{Fields: []string{"id"}}, rec{"id": "2"}), bad), op.ReasonStale)
		d.matches("Post", cmp("rank", op.Eq, 5), "1")
		d.matches("Post", op.Cond{}, "1")
		d.n(guarded(add, good))
		d.n(guarded(d.ins("Post", rec{"id": "2"}), good))
		d.n(guarded(d.ups("Post", op.Conflict{Fields: []string{"id"}}, rec{"id": "3"}), good))
		d.n(guarded(d.del("Post", one), good))
		d.matches("Post", op.Cond{}, "2 3")
	})
	s.run(t, "on rows of another model", func(d *db) {
		d.insert("Plain", rec{"id": "open", "value": 1})
		gate := d.mustHold("Plain", cmp("id", op.Eq, "open"), cmp("value", op.Eq, 1))
		d.n(guarded(d.ins("Tag", rec{"id": "a"}), gate))
		d.n(d.set("Plain", op.Cond{}, to("value", 0)))
		d.conflict(guarded(d.ins("Tag", rec{"id": "b"}), gate), op.ReasonStale)
		d.matches("Tag", op.Cond{}, "a")
	})
	s.run(t, "all of several", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 2})
		yes := d.mustHold("Plain", cmp("id", op.Eq, "a"), cmp("value", op.Eq, 1))
		no := d.mustHold("Plain", op.Cond{}, cmp("value", op.Eq, 1))
		d.n(guarded(d.ins("Tag", rec{"id": "1"}), yes, yes))
		d.conflict(guarded(d.ins("Tag", rec{"id": "2"}), yes, no), op.ReasonStale)
		d.conflict(guarded(d.ins("Tag", rec{"id": "2"}), no, yes), op.ReasonStale)
		d.matches("Tag", op.Cond{}, "1")
	})
	s.run(t, "a snapshot", func(d *db) {
		d.insert("Post", rec{"id": "1", "rank": 1}, rec{"id": "2", "rank": 1}, rec{"id": "3", "rank": 2})
		f := cmp("rank", op.Eq, 1)
		ins := func(id string) op.Op { return d.ins("Tag", rec{"id": id}) }
		d.n(guarded(ins("a"), d.snapshot("Post", f, 2, 1)))
		d.conflict(guarded(ins("b"), d.snapshot("Post", f, 1, 1)), op.ReasonSerialization)
		d.conflict(guarded(ins("b"), d.snapshot("Post", f, 3, 1)), op.ReasonSerialization)
		d.conflict(guarded(ins("b"), d.snapshot("Post", f, 2, 2)), op.ReasonSerialization)
		d.n(d.set("Post", one, to("title", "changed")))
		d.conflict(guarded(ins("b"), d.snapshot("Post", f, 2, 1)), op.ReasonSerialization)
		d.n(guarded(ins("b"), d.snapshot("Post", f, 2, 2)))
		d.n(guarded(ins("c"), d.snapshot("Post", cmp("rank", op.Eq, 9), 0, 0)))
		d.insert("Post", rec{"id": "9", "rank": 9})
		d.conflict(guarded(ins("d"), d.snapshot("Post", cmp("rank", op.Eq, 9), 0, 0)), op.ReasonSerialization)
		d.matches("Tag", op.Cond{}, "a b c")
	})
	s.run(t, "in a transaction", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		d.insert("Post", rec{"id": "1"})
		tx := d.begin()
		in := d.on(tx)
		g := d.mustHold("Post", one, cmp("ver", op.Eq, 1))
		in.n(guarded(in.set("Post", one, to("title", "b")), g))
		in.conflict(guarded(in.set("Post", one, to("title", "c")), g), op.ReasonStale)
		d.commit(tx)
		if v := d.get("Post", "1")["title"]; v != "b" {
			d.Errorf("the title is %s", show(v))
		}
	})
}

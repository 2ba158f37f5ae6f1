package optest

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/weftdb/weft/op"
)

func testBatch(s *suite, t *testing.T) {
	s.run(t, "runs in order and gives each result", func(d *db) {
		m := d.model("Plain")
		up := d.set("Plain", cmp("value", op.Ge, 2), to("label", "big"))
		up.Returning, up.Fields = true, []string{"id", "label"}
		res := d.must(op.Op{Kind: op.Batch, Batch: []op.Op{
			d.ins("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 2}),
			{Kind: op.Find, Model: m, Fields: []string{"id"}, Sort: []op.Sort{by("id")}},
			up,
			{Kind: op.Increment, Model: m, Filter: cmp("id", op.Eq, "a"), Set: []op.Assign{inc("value", int64(10))}},
			{Kind: op.Count, Model: m, Filter: cmp("value", op.Gt, 5)},
			d.del("Plain", cmp("id", op.Eq, "b")),
			d.ups("Plain", op.Conflict{Fields: []string{"id"}, Update: []string{"label"}}, rec{"id": "a", "label": "x"}),
			{Kind: op.Find, Model: m},
		}})
		if len(res.Batch) != 8 {
			d.Fatalf("a batch of 8 has %d results", len(res.Batch))
		}
		for i, n := range map[int]int64{0: 2, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1} {
			if res.Batch[i].N != n {
				d.Errorf("member %d reports %d, want %d", i, res.Batch[i].N, n)
			}
		}
		d.rowsAre(d.drain(res.Batch[1].Rows), []any{"a"}, []any{"b"})
		d.rowsAre(d.drain(res.Batch[2].Rows), []any{"b", "big"})
		d.rowsAre(d.drain(res.Batch[7].Rows), []any{"a", int64(11), "x"})
		closeAll(res)
	})
	s.run(t, "of nothing", func(d *db) {
		if res := d.must(op.Op{Kind: op.Batch}); len(res.Batch) != 0 {
			d.Errorf("an empty batch has %d results", len(res.Batch))
		}
	})
	// Each failure is put at each position among members that succeed.
	type failing struct {
		name  string
		code  op.Code
		cause string // reason of a conflict
		make  func(d *db) op.Op
	}
	failures := []failing{
		{"exists", op.CodeConflict, op.ReasonExists, func(d *db) op.Op { return d.ins("Plain", rec{"id": "taken"}) }},
		{"exists returning", op.CodeConflict, op.ReasonExists, func(d *db) op.Op {
			o := d.ins("Plain", rec{"id": "taken"})
			o.Returning = true
			return o
		}},
		{"unique", op.CodeConflict, op.ReasonUnique, func(d *db) op.Op { return d.ins("Account", rec{"id": "z", "email": "taken"}) }},
		{"unique by update", op.CodeConflict, op.ReasonUnique, func(d *db) op.Op {
			return d.set("Account", cmp("id", op.Eq, "other"), to("email", "taken"))
		}},
		{"unique by update returning", op.CodeConflict, op.ReasonUnique, func(d *db) op.Op {
			o := d.set("Account", cmp("id", op.Eq, "other"), to("email", "taken"))
			o.Returning = true
			return o
		}},
		{"reference", op.CodeConflict, op.ReasonReference, func(d *db) op.Op { return d.ins("ChildNull", rec{"id": "c", "parentId": "absent"}) }},
		{"reference by delete", op.CodeConflict, op.ReasonReference, func(d *db) op.Op { return d.del("Parent", cmp("id", op.Eq, "held")) }},
		{"check", op.CodeForbidden, "", func(d *db) op.Op {
			o := d.ins("Plain", rec{"id": "unchecked", "value": 100})
			o.Check = cmp("value", op.Lt, 10)
			return o
		}},
		{"guard", op.CodeConflict, op.ReasonStale, func(d *db) op.Op {
			return guarded(d.ins("Plain", rec{"id": "guarded"}), d.mustHold("Account", cmp("id", op.Eq, "other"), cmp("ver", op.Eq, 99)))
		}},
		{"snapshot", op.CodeConflict, op.ReasonSerialization, func(d *db) op.Op {
			return guarded(d.ins("Plain", rec{"id": "guarded"}), d.snapshot("Account", op.Cond{}, 77, 1))
		}},
		{"validation", op.CodeValidation, "", func(d *db) op.Op { return d.ins("Plain", rec{"id": op.Unset{}}) }},
		{"overflow", op.CodeValidation, "", func(d *db) op.Op {
			return op.Op{Kind: op.Increment, Model: d.model("Account"), Filter: cmp("id", op.Eq, "other"), Set: []op.Assign{inc("balance", int64(math.MaxInt64))}}
		}},
	}
	if s.open(t).has(op.CapAggregations) {
		failures = append(failures, failing{"overflow of a sum", op.CodeValidation, "", func(d *db) op.Op {
			return op.Op{Kind: op.Aggregate, Model: d.model("Wide"), Aggs: []op.Agg{agg(op.AggSum, "big", "s")}}
		}})
	}
	t.Run("leaves nothing when a member fails", func(t *testing.T) {
		for _, f := range failures {
			s.run(t, f.name, func(d *db) {
				d.insert("Plain", rec{"id": "taken", "value": 1})
				d.insert("Account", rec{"id": "first", "email": "taken"}, rec{"id": "other", "balance": 5})
				d.insert("Parent", rec{"id": "held"})
				d.insert("ChildRestrict", rec{"id": "r", "parentId": "held"})
				d.insert("Wide", rec{"id": "a", "big": int64(math.MaxInt64)}, rec{"id": "b", "big": int64(1)})
				before := d.everything()
				good := []op.Op{
					d.ins("Plain", rec{"id": "g1"}, rec{"id": "g2"}),
					d.set("Plain", cmp("id", op.Eq, "taken"), to("value", 2)),
					{Kind: op.Increment, Model: d.model("Account"), Filter: cmp("id", op.Eq, "first"), Set: []op.Assign{inc("balance", int64(1))}},
					d.del("Plain", cmp("id", op.Eq, "g1")),
				}
				for pos := range len(good) + 1 {
					var members []op.Op
					members = append(members, good[:pos]...)
					members = append(members, f.make(d))
					members = append(members, good[pos:]...)
					err := d.fail(op.Op{Kind: op.Batch, Batch: members}, f.code)
					if f.cause != "" {
						d.isConflict(err, f.cause)
					}
					var e *op.Error
					if !errors.As(err, &e) || e.Index != pos {
						d.Errorf("member %d fails; the error does not say so: %v", pos, err)
					}
					if after := d.everything(); after != before {
						d.Fatalf("a batch that failed at %d left something:\n%s\nbefore:\n%s", pos, after, before)
					}
				}
				d.must(op.Op{Kind: op.Batch, Batch: good})
			})
		}
	})
	s.run(t, "a guard of the batch itself", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		o := op.Op{Kind: op.Batch, Batch: []op.Op{d.set("Plain", op.Cond{}, to("value", 2)), d.ins("Tag", rec{"id": "t"})}}
		d.conflict(guarded(o, d.mustHold("Plain", op.Cond{}, cmp("value", op.Eq, 5))), op.ReasonStale)
		d.conflict(guarded(o, d.snapshot("Plain", op.Cond{}, 7, 0)), op.ReasonSerialization)
		d.matches("Plain", cmp("value", op.Eq, 1), "a")
		d.matches("Tag", op.Cond{}, "")
		closeAll(d.must(guarded(o, d.mustHold("Plain", op.Cond{}, cmp("value", op.Eq, 1)))))
		d.matches("Tag", op.Cond{}, "t")
	})
	s.run(t, "members see each other", func(d *db) {
		d.insert("Parent", rec{"id": "p"})
		closeAll(d.must(op.Op{Kind: op.Batch, Batch: []op.Op{
			d.ins("Parent", rec{"id": "q"}),
			d.ins("ChildRestrict", rec{"id": "c", "parentId": "q"}),
			d.set("ChildRestrict", cmp("parentId", op.Eq, "q"), to("parentId", "p")),
			d.del("Parent", cmp("id", op.Eq, "q")),
		}}))
		d.matches("Parent", op.Cond{}, "p")
		d.matches("ChildRestrict", cmp("parentId", op.Eq, "p"), "c")
	})
	s.run(t, "a large one", func(d *db) {
		var ops []op.Op
		for i := range 500 {
			ops = append(ops, d.ins("Plain", rec{"id": fmt.Sprint(i), "value": i}))
		}
		closeAll(d.must(op.Op{Kind: op.Batch, Batch: ops}))
		ops = append(ops[:0:0], d.ins("Plain", rec{"id": "x"}), d.ins("Plain", rec{"id": "499"}))
		d.conflict(op.Op{Kind: op.Batch, Batch: ops}, op.ReasonExists)
		if n := d.count("Plain", op.Cond{}); n != 500 {
			d.Errorf("there are %d rows, want 500", n)
		}
	})
}

// closeAll closes what a result holds open.
func closeAll(res op.Result) {
	if res.Rows != nil {
		_ = res.Rows.Close()
	}
	for _, b := range res.Batch {
		closeAll(b)
	}
}

// everything writes the whole content down, one line a row.
func (d *db) everything() string {
	d.Helper()
	out := ""
	for _, m := range d.s.models.Models {
		rows := d.find(op.Op{Model: m, Sort: keySort(m)})
		for _, r := range rows {
			out += m.Name + showRow(r) + "\n"
		}
	}
	return out
}

package optest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
)

func testInsert(s *suite, t *testing.T) {
	s.run(t, "one, many and none", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		d.insert("Plain", rec{"id": "b", "value": 2}, rec{"id": "c", "value": 3, "label": "l"})
		if n := d.n(op.Op{Kind: op.Insert, Model: d.model("Plain")}); n != 0 {
			d.Errorf("an insert of no rows reports %d", n)
		}
		d.rowsAre(d.find(op.Op{Model: d.model("Plain"), Sort: []op.Sort{by("id")}}),
			[]any{"a", int64(1), nil}, []any{"b", int64(2), nil}, []any{"c", int64(3), "l"})
	})
	s.run(t, "thousands in one operation", func(d *db) {
		o := op.Op{Kind: op.Insert, Model: d.model("Plain")}
		for i := range 3000 {
			o.Rows = append(o.Rows, []any{fmt.Sprintf("k%05d", i), int64(i), nil})
		}
		if n := d.n(o); n != 3000 {
			d.Errorf("insert reports %d rows", n)
		}
		if n := d.count("Plain", cmp("value", op.Ge, 0)); n != 3000 {
			d.Errorf("there are %d rows", n)
		}
	})
	s.run(t, "the database hands out increasing keys", func(d *db) {
		m := d.model("Ticket")
		first := d.collect(op.Op{Kind: op.Insert, Model: m, Rows: [][]any{d.row("Ticket", rec{"title": "a"}), d.row("Ticket", rec{"title": "b"})}, Returning: true})
		if len(first) != 2 {
			d.Fatalf("%d rows are returned of 2", len(first))
		}
		a, _ := first[0][0].(int64)
		b, _ := first[1][0].(int64)
		if a <= 0 || b <= a {
			d.Errorf("the keys are %v and %v, want positive and increasing", first[0][0], first[1][0])
		}
		if first[0][1] != "a" || first[1][1] != "b" {
			d.Error("rows are not returned in the order given")
		}
		d.insert("Ticket", rec{"id": 1000, "title": "given"})
		later := d.collect(op.Op{Kind: op.Insert, Model: m, Rows: [][]any{d.row("Ticket", rec{"title": "c"})}, Returning: true, Fields: []string{"id"}})
		if c, _ := later[0][0].(int64); c <= 1000 {
			d.Errorf("after key 1000 was given, the next is %d", c)
		}
		if n := d.count("Ticket", op.Cond{}); n != 4 {
			d.Errorf("there are %d rows, want 4", n)
		}
	})
	s.run(t, "a value not given is NULL where that is allowed", func(d *db) {
		d.insert("Plain", rec{"id": "a", "label": op.Unset{}})
		d.matches("Plain", null("label"), "a")
		d.fail(d.ins("Plain", rec{"id": op.Unset{}, "value": 1}), op.CodeValidation) // nothing above the engine fills it
		d.matches("Plain", op.Cond{}, "a")
	})
	s.run(t, "a read-only value that is not null is zero, or the default", func(d *db) {
		m := d.model("Meter")
		meter := func(id string) rec {
			r := rec{"id": id, "name": "n"}
			for _, f := range m.Fields {
				if f.ReadOnly {
					r[f.Name] = op.Unset{}
				}
			}
			return r
		}
		want := func(id string) []any {
			row := []any{id, "n"}
			for _, f := range m.Fields[2:] {
				switch {
				case f.Default != nil:
					row = append(row, f.Default.Value)
				case f.Nullable:
					row = append(row, nil)
				default:
					row = append(row, op.Zero(f))
				}
			}
			return row
		}
		o := d.ins("Meter", meter("a"), meter("b"))
		o.Returning = true
		d.rowsAre(d.collect(o), want("a"), want("b"))
		d.n(d.ups("Meter", op.Conflict{Fields: []string{"id"}}, meter("c")))
		d.n(d.set("Meter", cmp("id", op.Eq, "c"), to("name", "n")))
		d.rowsAre(d.find(op.Op{Model: m, Sort: []op.Sort{by("id")}}), want("a"), want("b"), want("c"))
	})
	s.run(t, "returning", func(d *db) {
		o := d.ins("Plain", rec{"id": "b", "value": 2, "label": "x"}, rec{"id": "a", "value": 1})
		o.Returning = true
		d.rowsAre(d.collect(o), []any{"b", int64(2), "x"}, []any{"a", int64(1), nil})
		o = d.ins("Plain", rec{"id": "c", "value": 3})
		o.Returning, o.Fields = true, []string{"value", "id"}
		d.rowsAre(d.collect(o), []any{int64(3), "c"})
	})
	s.run(t, "many are written together or not at all", func(d *db) {
		d.insert("Plain", rec{"id": "taken"})
		for pos := range 3 {
			rows := []rec{{"id": "x"}, {"id": "y"}, {"id": "z"}}
			rows[pos] = rec{"id": "taken"}
			c := d.conflict(d.ins("Plain", rows...), op.ReasonExists)
			if c.Index != pos {
				d.Errorf("the conflict is in row %d, the error says %d", pos, c.Index)
			}
			d.matches("Plain", op.Cond{}, "taken")
		}
		c := d.conflict(d.ins("Plain", rec{"id": "x"}, rec{"id": "y"}, rec{"id": "x"}), op.ReasonExists)
		if c.Index != 2 {
			d.Errorf("the second x is row 2, the error says %d", c.Index)
		}
		d.matches("Plain", op.Cond{}, "taken")
	})
	s.run(t, "the position in a large insert", func(d *db) {
		o := op.Op{Kind: op.Insert, Model: d.model("Plain")}
		for i := range 2000 {
			o.Rows = append(o.Rows, []any{fmt.Sprint(i), int64(i), nil})
		}
		o.Rows[1700][0] = "5"
		c := d.conflict(o, op.ReasonExists)
		if c.Index != 1700 {
			d.Errorf("the conflict is in row 1700, the error says %d", c.Index)
		}
		if n := d.count("Plain", op.Cond{}); n != 0 {
			d.Errorf("%d rows of a failed insert are there", n)
		}
	})
}

func testUpdate(s *suite, t *testing.T) {
	s.run(t, "rows of the filter only", func(d *db) {
		d.insert("Account", rec{"id": "a", "tenant": "t", "handle": "1"}, rec{"id": "b", "tenant": "t", "handle": "2"}, rec{"id": "c", "tenant": "u"})
		if n := d.n(d.set("Account", cmp("tenant", op.Eq, "t"), to("balance", 7), to("count", 9))); n != 2 {
			d.Errorf("update reports %d rows, want 2", n)
		}
		d.rowsAre(d.find(op.Op{Model: d.model("Account"), Fields: []string{"id", "balance", "count", "ver"}, Sort: []op.Sort{by("id")}}),
			[]any{"a", int64(7), int64(9), int64(2)}, []any{"b", int64(7), int64(9), int64(2)}, []any{"c", int64(0), nil, int64(1)})
		if n := d.n(d.set("Account", cmp("id", op.Eq, "absent"), to("balance", 1))); n != 0 {
			d.Errorf("update of no row reports %d", n)
		}
	})
	s.run(t, "a row counts although nothing changed", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		if n := d.n(d.set("Plain", cmp("id", op.Eq, "a"), to("value", 1))); n != 1 {
			d.Errorf("update reports %d rows, want 1", n)
		}
	})
	s.run(t, "quiet, the version stays", func(d *db) {
		d.insert("Account", rec{"id": "a"}, rec{"id": "b"})
		o := d.set("Account", cmp("id", op.Eq, "a"), to("tenant", "t"))
		o.Quiet, o.Returning, o.Fields = true, true, []string{"tenant", "ver"}
		if slices.Contains(d.eng.Caps().Layers, "validate") { // it keeps everybody above to the rules
			d.fail(o, op.CodeForbidden)
			return
		}
		d.rowsAre(d.collect(o), []any{"t", int64(1)})
		o.Quiet = false
		d.rowsAre(d.collect(o), []any{"t", int64(2)})
		d.rowsAre(d.find(op.Op{Model: d.model("Account"), Fields: []string{"id", "ver"}, Sort: []op.Sort{by("id")}}),
			[]any{"a", int64(2)}, []any{"b", int64(1)})
	})
	s.run(t, "every type, to a value and to NULL", func(d *db) {
		m := d.model("Wide")
		d.insert("Wide", rec{"id": "a"})
		for _, f := range m.Fields {
			if f.Primary || f == m.VersionF {
				continue
			}
			vs := valuesOf(f)
			if f.Nullable {
				vs = append(append([]any{}, vs...), nil, vs[0], nil)
			}
			for _, v := range vs {
				d.must(d.set("Wide", cmp("id", op.Eq, "a"), to(f.Name, v)))
				if got := d.get("Wide", "a")[f.Name]; !same(got, v) {
					d.Errorf("%s set to %s is %s", f.Name, show(v), show(got))
				}
			}
		}
	})
	s.run(t, "returning", func(d *db) {
		d.insert("Post", rec{"id": "1", "rank": 1}, rec{"id": "2", "rank": 2}, rec{"id": "3", "rank": 3})
		o := d.set("Post", cmp("rank", op.Ge, 2), to("rank", 0), to("title", "t"))
		o.Returning, o.Fields = true, []string{"ver", "id", "rank"}
		d.setOf(d.collect(o), []any{int64(2), "2", int64(0)}, []any{int64(2), "3", int64(0)})
		o = d.set("Post", cmp("id", op.Eq, "1"), to("title", "x"))
		o.Returning = true
		d.rowsAre(d.collect(o), []any{"1", nil, "x", int64(1), nil, int64(2)})
		o = d.set("Post", cmp("id", op.Eq, "absent"), to("title", "x"))
		o.Returning = true
		d.rowsAre(d.collect(o))
	})
	s.run(t, "the filter sees the rows as they were", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 2})
		if n := d.n(d.set("Plain", cmp("value", op.Eq, 1), to("value", 2))); n != 1 {
			d.Errorf("update reports %d rows, want 1", n)
		}
		if n := d.n(d.set("Plain", op.Cond{}, to("value", 5))); n != 2 {
			d.Errorf("update of every row reports %d, want 2", n)
		}
	})
	s.run(t, "by a key of two fields", func(d *db) {
		d.insert("Seat", rec{"hall": "A", "row": 1, "group": "x"}, rec{"hall": "A", "row": 2, "group": "x"})
		d.n(d.set("Seat", and(cmp("hall", op.Eq, "A"), cmp("row", op.Eq, 2)), to("group", "y"), to("order", 3)))
		d.rowsAre(d.find(op.Op{Model: d.model("Seat"), Sort: []op.Sort{by("row")}}), []any{"A", int64(1), "x", nil, int64(1)}, []any{"A", int64(2), "y", int64(3), int64(2)})
	})
	s.run(t, "a model without a version", func(d *db) {
		d.insert("Plain", rec{"id": "a"})
		d.n(d.set("Plain", cmp("id", op.Eq, "a"), to("value", 3)))
		d.rowsAre(d.find(op.Op{Model: d.model("Plain")}), []any{"a", int64(3), nil})
	})
}

func testDelete(s *suite, t *testing.T) {
	s.run(t, "rows of the filter only", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 2}, rec{"id": "c", "value": 2})
		if n := d.n(d.del("Plain", cmp("value", op.Eq, 2))); n != 2 {
			d.Errorf("delete reports %d rows, want 2", n)
		}
		d.matches("Plain", op.Cond{}, "a")
		if n := d.n(d.del("Plain", cmp("value", op.Eq, 2))); n != 0 {
			d.Errorf("delete of no row reports %d", n)
		}
		if n := d.n(d.del("Plain", op.Cond{})); n != 1 {
			d.Errorf("delete of every row reports %d, want 1", n)
		}
		d.insert("Plain", rec{"id": "a"})
	})
	s.run(t, "returning the rows as they were", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1, "label": "x"}, rec{"id": "b", "value": 2})
		o := d.del("Plain", op.Cond{})
		o.Returning, o.Fields = true, []string{"label", "id"}
		d.setOf(d.collect(o), []any{"x", "a"}, []any{nil, "b"})
		d.matches("Plain", op.Cond{}, "")
	})
	s.run(t, "rows that point here", func(d *db) {
		d.insert("Parent", rec{"id": "p"}, rec{"id": "q"}, rec{"id": "r"})
		d.insert("ChildCascade", rec{"id": "c1", "parentId": "p"}, rec{"id": "c2", "parentId": "q"}, rec{"id": "c3"})
		d.insert("ChildNull", rec{"id": "n1", "parentId": "p"}, rec{"id": "n2", "parentId": "q"})
		d.insert("ChildRestrict", rec{"id": "r1", "parentId": "r"})
		if n := d.n(d.del("Parent", cmp("id", op.Eq, "p"))); n != 1 {
			d.Errorf("delete reports %d rows; rows that went with it do not count", n)
		}
		d.matches("ChildCascade", op.Cond{}, "c2 c3")
		d.matches("ChildNull", null("parentId"), "n1")
		d.matches("ChildNull", cmp("parentId", op.Eq, "q"), "n2")
		d.conflict(d.del("Parent", cmp("id", op.Eq, "r")), op.ReasonReference)
		d.conflict(d.del("Parent", op.Cond{}), op.ReasonReference)
		d.matches("Parent", op.Cond{}, "q r")
		d.matches("ChildCascade", op.Cond{}, "c2 c3")
		d.n(d.del("ChildRestrict", op.Cond{}))
		d.n(d.del("Parent", cmp("id", op.Eq, "r")))
	})
	s.run(t, "returning rows that point at each other as they were", func(d *db) {
		d.insert("Employee", rec{"id": "a"})
		d.insert("Employee", rec{"id": "b", "managerId": "a"})
		o := d.del("Employee", cmp("id", op.StartsWith, ""))
		o.Returning, o.Fields = true, []string{"id", "managerId"}
		d.setOf(d.collect(o), []any{"a", nil}, []any{"b", "a"})
	})
	s.run(t, "rows of the same table that point here", func(d *db) {
		d.insert("Employee", rec{"id": "a"})
		d.insert("Employee", rec{"id": "b", "managerId": "a"})
		d.n(d.del("Employee", cmp("id", op.Eq, "a")))
		d.rowsAre(d.find(op.Op{Model: d.model("Employee"), Fields: []string{"id", "managerId"}}), []any{"b", nil})
	})
}

func testIncrement(s *suite, t *testing.T) {
	add := func(d *db, c op.Cond, as ...op.Assign) op.Op {
		return op.Op{Kind: op.Increment, Model: d.model("Account"), Filter: c, Set: as}
	}
	s.run(t, "integers, floats and decimals", func(d *db) {
		d.insert("Account", rec{"id": "a", "balance": 10, "credit": dec("1.10"), "score": 0.5}, rec{"id": "b"})
		if n := d.n(add(d, cmp("id", op.Eq, "a"), inc("balance", int64(-3)), inc("credit", dec("0.2")), inc("score", 0.25))); n != 1 {
			d.Errorf("increment reports %d rows", n)
		}
		o := op.Op{Model: d.model("Account"), Fields: []string{"balance", "credit", "score", "ver"}, Sort: []op.Sort{by("id")}}
		d.rowsAre(d.find(o), []any{int64(7), dec("1.3"), 0.75, int64(2)}, []any{int64(0), dec("0"), 0.0, int64(1)})
	})
	s.run(t, "NULL counts as nothing", func(d *db) {
		d.insert("Account", rec{"id": "a"})
		d.n(add(d, op.Cond{}, inc("count", int64(5))))
		d.n(add(d, op.Cond{}, inc("count", int64(-7))))
		if v := d.get("Account", "a")["count"]; v != int64(-2) {
			d.Errorf("the count is %s, want -2", show(v))
		}
	})
	s.run(t, "exact beyond 2^53", func(d *db) {
		d.insert("Account", rec{"id": "a", "balance": int64(1 << 53), "credit": dec("99999999.98")})
		d.n(add(d, op.Cond{}, inc("balance", int64(1)), inc("credit", dec("0.01"))))
		got := d.get("Account", "a")
		if got["balance"] != int64(1<<53+1) || !same(got["credit"], dec("99999999.99")) {
			d.Errorf("the numbers are %s and %s", show(got["balance"]), show(got["credit"]))
		}
	})
	s.run(t, "an overflow is refused", func(d *db) {
		d.insert("Account", rec{"id": "a", "balance": int64(math.MaxInt64)}, rec{"id": "b", "balance": int64(math.MinInt64)})
		d.fail(add(d, cmp("id", op.Eq, "a"), inc("balance", int64(1))), op.CodeValidation)
		d.fail(add(d, cmp("id", op.Eq, "b"), inc("balance", int64(-1))), op.CodeValidation)
		d.fail(add(d, op.Cond{}, inc("balance", int64(1))), op.CodeValidation)
		if a, b := d.get("Account", "a"), d.get("Account", "b"); a["balance"] != int64(math.MaxInt64) || b["balance"] != int64(math.MinInt64) || b["ver"] != int64(1) {
			d.Errorf("a refused increment changed rows: %v %v", a, b)
		}
	})
	s.run(t, "beside other changes in an update", func(d *db) {
		d.insert("Account", rec{"id": "a", "tenant": "t", "balance": 1})
		d.n(d.set("Account", op.Cond{}, inc("balance", int64(2)), to("tenant", "u")))
		if got := d.get("Account", "a"); got["balance"] != int64(3) || got["tenant"] != "u" || got["ver"] != int64(2) {
			d.Errorf("the row is %v", got)
		}
	})
	s.run(t, "returning", func(d *db) {
		d.insert("Account", rec{"id": "a", "balance": 1}, rec{"id": "b", "balance": 5})
		o := add(d, op.Cond{}, inc("balance", int64(10)))
		o.Returning, o.Fields = true, []string{"id", "balance"}
		d.setOf(d.collect(o), []any{"a", int64(11)}, []any{"b", int64(15)})
	})
}

package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
)

func testCapabilities(s *suite, t *testing.T) {
	s.run(t, "reports what was expected", func(d *db) {
		c := d.eng.Caps()
		if c.Engine == "" {
			d.Error("Caps has no engine name")
		}
		if !c.Has(s.f.Caps) {
			d.Errorf("Caps has flags %b, want at least %b", c.Flags, s.f.Caps)
		}
	})
	s.run(t, "refuses kinds it does not have", func(d *db) {
		m := d.model("Plain")
		for _, c := range []struct {
			flag op.Flags
			o    op.Op
		}{
			{op.CapSubscriptions, op.Op{Kind: op.Watch, Model: m}},
			{op.CapSQL, op.Op{Kind: op.SQL, SQL: "SELECT 1"}},
			{op.CapBackup, op.Op{Kind: op.Backup}},
			{op.CapRelations, op.Op{Kind: op.Find, Model: d.model("Post"), With: []op.With{{Relation: "author"}}}},
			{op.CapAggregations, op.Op{Kind: op.Aggregate, Model: m, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}}},
		} {
			if !d.has(c.flag) && (c.o.With == nil || !s.f.Relate) {
				d.fail(c.o, op.CodeUnsupported)
			}
		}
		if !d.has(op.CapTransactions) {
			_, err := d.eng.Begin(d.ctx, op.TxOptions{})
			d.isCode(err, op.CodeUnsupported)
		}
		if _, err := d.eng.Do(d.ctx, op.Op{Kind: op.Kind(200), Model: m}); err == nil {
			d.Error("a kind that does not exist was run")
		}
	})
	s.run(t, "migrates again without loss", func(d *db) {
		if !d.has(op.CapMigrations) {
			return
		}
		d.insert("Plain", rec{"id": "a", "value": 1})
		for _, apply := range []bool{true, false, true} {
			d.must(op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: s.models, Apply: apply}})
		}
		d.matches("Plain", op.Cond{}, "a")
	})
}

func testFind(s *suite, t *testing.T) {
	s.run(t, "empty table", func(d *db) {
		d.rowsAre(d.find(op.Op{Model: d.model("Wide")}))
		if n := d.count("Wide", op.Cond{}); n != 0 {
			d.Errorf("count of an empty table is %d", n)
		}
	})
	s.run(t, "every type comes back as it was written", func(d *db) {
		m := d.model("Wide")
		var want [][]any
		for i, n := 0, deepest(m); i < n; i++ {
			r := rec{"id": string(rune('a'+i/26)) + string(rune('a'+i%26))}
			for _, f := range m.Fields {
				if f.Primary || f == m.VersionF {
					continue
				}
				vs := valuesOf(f)
				if f.Nullable && i%3 == 2 {
					continue
				}
				r[f.Name] = vs[i%len(vs)]
			}
			o := d.ins("Wide", r)
			d.must(o)
			want = append(want, o.Rows[0])
		}
		got := d.find(op.Op{Model: m, Sort: []op.Sort{by("id")}})
		if len(got) != len(want) {
			d.Fatalf("%d rows came back of %d", len(got), len(want))
		}
		for i := range want {
			for j, f := range m.Fields {
				if !same(got[i][j], want[i][j]) {
					d.Errorf("%s (%s): wrote %s, read %s", f.Name, f.Type, show(want[i][j]), show(got[i][j]))
				}
			}
		}
	})
	s.run(t, "empty text and empty bytes are not NULL", func(d *db) {
		d.insert("Wide", rec{"id": "empty", "strN": "", "textN": "", "binN": []byte{}}, rec{"id": "null"})
		for _, f := range []string{"strN", "textN", "binN"} {
			d.matches("Wide", null(f), "null")
			d.matches("Wide", notNull(f), "empty")
		}
		got := d.get("Wide", "empty")
		if v, ok := got["binN"].([]byte); !ok || len(v) != 0 {
			d.Errorf("empty bytes came back as %s", show(got["binN"]))
		}
		if got["strN"] != "" {
			d.Errorf("empty text came back as %s", show(got["strN"]))
		}
		if v := d.get("Wide", "null")["binN"]; v != nil {
			d.Errorf("NULL bytes came back as %s", show(v))
		}
	})
	s.run(t, "some fields in any order", func(d *db) {
		d.insert("Wide", rec{"id": "a", "str": "s", "big": 7, "flag": true})
		m := d.model("Wide")
		d.rowsAre(d.find(op.Op{Model: m, Fields: []string{"flag", "id", "big"}}), []any{true, "a", int64(7)})
		d.rowsAre(d.find(op.Op{Model: m, Fields: []string{"big"}}), []any{int64(7)})
		// Fields of the filter and the order need not be among those asked for.
		d.rowsAre(d.find(op.Op{Model: m, Fields: []string{"big"}, Filter: cmp("str", op.Eq, "s"), Sort: []op.Sort{by("flag")}}), []any{int64(7)})
	})
	s.run(t, "by a key of two fields", func(d *db) {
		d.insert("Seat", rec{"hall": "A", "row": 1, "group": "x"}, rec{"hall": "A", "row": 2, "group": "y", "order": 5}, rec{"hall": "B", "row": 1, "group": "z"})
		m := d.model("Seat")
		d.rowsAre(d.find(op.Op{Model: m, Filter: and(cmp("hall", op.Eq, "A"), cmp("row", op.Eq, 2)), Fields: []string{"group", "order"}}),
			[]any{"y", int64(5)})
		d.rowsAre(d.find(op.Op{Model: m, Filter: cmp("row", op.Eq, 1), Sort: []op.Sort{desc("hall")}, Fields: []string{"group"}}),
			[]any{"z"}, []any{"x"})
	})
	s.run(t, "distinct", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1, "label": "x"}, rec{"id": "b", "value": 1, "label": "x"},
			rec{"id": "c", "value": 1}, rec{"id": "d", "value": 1}, rec{"id": "e", "value": 2, "label": "X"})
		m := d.model("Plain")
		d.setOf(d.find(op.Op{Model: m, Fields: []string{"value", "label"}, Distinct: true}),
			[]any{int64(1), "x"}, []any{int64(1), nil}, []any{int64(2), "X"})
		d.rowsAre(d.find(op.Op{Model: m, Fields: []string{"label"}, Distinct: true, Sort: []op.Sort{by("label")}}),
			[]any{nil}, []any{"X"}, []any{"x"})
		d.rowsAre(d.find(op.Op{Model: m, Fields: []string{"label"}, Distinct: true, Sort: []op.Sort{desc("label")}, Limit: 1, Offset: 1}),
			[]any{"X"})
	})
	s.run(t, "true and false conditions", func(d *db) {
		d.insert("Plain", rec{"id": "a"}, rec{"id": "b"})
		d.matches("Plain", op.Cond{}, "a b")
		d.matches("Plain", op.Cond{Kind: op.False}, "")
		d.matches("Plain", and(), "a b")
		d.matches("Plain", or(), "")
		d.matches("Plain", not(op.Cond{Kind: op.False}), "a b")
		d.matches("Plain", not(op.Cond{}), "")
		d.matches("Plain", and(cmp("id", op.Eq, "a"), or(cmp("id", op.Eq, "b"), cmp("value", op.Eq, 0))), "a")
		d.matches("Plain", not(and(cmp("id", op.Eq, "a"), cmp("value", op.Eq, 0))), "b")
	})
	s.run(t, "count ignores sort, limit and offset", func(d *db) {
		d.insert("Plain", rec{"id": "a"}, rec{"id": "b"}, rec{"id": "c"})
		o := op.Op{Kind: op.Count, Model: d.model("Plain"), Sort: []op.Sort{by("id")}, Limit: 1, Offset: 1}
		if n := d.must(o).N; n != 3 {
			d.Errorf("count is %d, want 3", n)
		}
	})
	s.run(t, "a condition forty levels deep", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 2})
		c := cmp("value", op.Eq, 1)
		for range 40 {
			c = not(and(c, op.Cond{}))
		}
		d.matches("Plain", op.Cond{Kind: op.And, Conds: []op.Cond{cmp("id", op.Eq, "a")}}, "a")
		d.matches("Plain", c, "a")
	})
	s.run(t, "a list of a thousand values", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 999}, rec{"id": "c", "value": 5000})
		var vs []any
		for i := 0; i < 1000; i++ {
			vs = append(vs, i)
		}
		d.matches("Plain", list("value", op.In, vs...), "a b")
		d.matches("Plain", list("value", op.NotIn, vs...), "c")
	})
}

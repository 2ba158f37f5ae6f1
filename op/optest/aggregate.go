package optest

import (
	"math"
	"testing"

	"github.com/weftdb/weft/op"
)

func agg(f op.AggFunc, field, as string) op.Agg { return op.Agg{Func: f, Field: field, As: as} }

func (d *db) aggregate(model string, filter op.Cond, groupBy []string, having op.Cond, aggs ...op.Agg) [][]any {
	d.Helper()
	return d.collect(op.Op{Kind: op.Aggregate, Model: d.model(model), Filter: filter, GroupBy: groupBy, Having: having, Aggs: aggs})
}

func testAggregate(s *suite, t *testing.T) {
	run := func(name string, fn func(d *db)) {
		s.run(t, name, func(d *db) {
			if d.has(op.CapAggregations) {
				fn(d)
			}
		})
	}
	all := op.Cond{}
	run("of no rows", func(d *db) {
		d.rowsAre(d.aggregate("Wide", all, nil, all, agg(op.AggCount, "", "n"), agg(op.AggCount, "big", "c"), agg(op.AggSum, "big", "s"),
			agg(op.AggMin, "str", "lo"), agg(op.AggMax, "at", "hi"), agg(op.AggCountDistinct, "str", "d"), agg(op.AggSum, "dec", "e")),
			[]any{int64(0), int64(0), nil, nil, nil, int64(0), nil})
		d.rowsAre(d.aggregate("Wide", all, []string{"str"}, all, agg(op.AggCount, "", "n")))
	})
	run("null is passed over", func(d *db) {
		d.insert("Wide", rec{"id": "a", "bigN": 5, "strN": "x", "decN": dec("0.1"), "fltN": 0.5}, rec{"id": "b"},
			rec{"id": "c", "bigN": -2, "strN": "X", "decN": dec("0.2"), "fltN": 0.25}, rec{"id": "d", "bigN": 5, "strN": "x"})
		d.rowsAre(d.aggregate("Wide", all, nil, all, agg(op.AggCount, "", "n"), agg(op.AggCount, "bigN", "c"), agg(op.AggCountDistinct, "bigN", "d"),
			agg(op.AggSum, "bigN", "s"), agg(op.AggMin, "bigN", "lo"), agg(op.AggMax, "bigN", "hi")),
			[]any{int64(4), int64(3), int64(2), int64(8), int64(-2), int64(5)})
		d.rowsAre(d.aggregate("Wide", all, nil, all, agg(op.AggSum, "decN", "s"), agg(op.AggSum, "fltN", "f"), agg(op.AggMin, "strN", "lo"), agg(op.AggMax, "strN", "hi"), agg(op.AggCountDistinct, "strN", "d")),
			[]any{dec("0.3"), 0.75, "X", "x", int64(2)})
		d.rowsAre(d.aggregate("Wide", cmp("id", op.Eq, "b"), nil, all, agg(op.AggSum, "bigN", "s"), agg(op.AggCount, "bigN", "c"), agg(op.AggCount, "", "n")),
			[]any{nil, int64(0), int64(1)})
	})
	run("least and greatest of every type", func(d *db) {
		rows := d.seedWide()
		m := d.model("Wide")
		for _, f := range m.Fields {
			if f.Type.Kind() == jsonKind || f.Type.Kind() == bytesKind {
				continue
			}
			var lo, hi any
			distinct := map[string]bool{}
			for _, r := range rows {
				v := r[f.Pos]
				if v == nil {
					continue
				}
				distinct[show(v)] = true
				if lo == nil || op.CompareValues(v, lo) < 0 {
					lo = v
				}
				if hi == nil || op.CompareValues(v, hi) > 0 {
					hi = v
				}
			}
			d.sub(f.Name, func(d *db) {
				got := d.aggregate("Wide", all, nil, all, agg(op.AggMin, f.Name, "lo"), agg(op.AggMax, f.Name, "hi"), agg(op.AggCountDistinct, f.Name, "n"))
				d.rowsAre(got, []any{lo, hi, int64(len(distinct))})
			})
		}
	})
	run("decimals add up exactly", func(d *db) {
		o := op.Op{Kind: op.Insert, Model: d.model("Wide")}
		for i := range 100 {
			o.Rows = append(o.Rows, d.row("Wide", rec{"id": string(rune('a'+i/26)) + string(rune('a'+i%26)), "dec": dec("0.01")}))
		}
		o.Rows = append(o.Rows, d.row("Wide", rec{"id": "zz1", "dec": dec("99999999.99")}), d.row("Wide", rec{"id": "zz2", "dec": dec("99999999.99")}))
		d.must(o)
		d.rowsAre(d.aggregate("Wide", all, nil, all, agg(op.AggSum, "dec", "s")), []any{dec("200000000.98")})
	})
	run("integers add up exactly or not at all", func(d *db) {
		d.insert("Wide", rec{"id": "a", "big": int64(math.MaxInt64)}, rec{"id": "b", "big": int64(-1)}, rec{"id": "c", "big": int64(2)})
		d.rowsAre(d.aggregate("Wide", cmp("id", op.Ne, "c"), nil, all, agg(op.AggSum, "big", "s")), []any{int64(math.MaxInt64 - 1)})
		o := op.Op{Kind: op.Aggregate, Model: d.model("Wide"), Aggs: []op.Agg{agg(op.AggSum, "big", "s")}}
		d.fail(o, op.CodeValidation)
	})
	run("groups", func(d *db) {
		d.seedBlog()
		d.setOf(d.aggregate("Post", all, []string{"authorId"}, all, agg(op.AggCount, "", "n"), agg(op.AggSum, "rank", "s"), agg(op.AggMax, "score", "m")),
			[]any{"a", int64(3), int64(6), 1.5}, []any{"b", int64(1), int64(5), 2.5}, []any{"c", int64(2), int64(2), 0.5}, []any{nil, int64(1), int64(9), nil})
		d.setOf(d.aggregate("Post", cmp("rank", op.Eq, 1), []string{"rank", "authorId"}, all, agg(op.AggCount, "score", "n")),
			[]any{int64(1), "a", int64(1)}, []any{int64(1), "c", int64(1)})
		d.setOf(d.aggregate("Post", all, []string{"rank"}, all), []any{int64(1)}, []any{int64(2)}, []any{int64(3)}, []any{int64(5)}, []any{int64(9)})
	})
	run("groups by every type", func(d *db) {
		rows := d.seedWide()
		m := d.model("Wide")
		for _, f := range m.Fields {
			if f.Type.Kind() == jsonKind {
				continue
			}
			n := map[string]int64{}
			vals := map[string]any{}
			for _, r := range rows {
				k := show(r[f.Pos])
				n[k]++
				vals[k] = r[f.Pos]
			}
			var want [][]any
			for k, c := range n {
				want = append(want, []any{vals[k], c})
			}
			d.sub(f.Name, func(d *db) {
				d.setOf(d.aggregate("Wide", all, []string{f.Name}, all, agg(op.AggCount, "", "n")), want...)
			})
		}
	})
	run("having", func(d *db) {
		d.seedBlog()
		n, sum := agg(op.AggCount, "", "n"), agg(op.AggSum, "rank", "s")
		d.setOf(d.aggregate("Post", all, []string{"authorId"}, cmp("n", op.Ge, 2), n), []any{"a", int64(3)}, []any{"c", int64(2)})
		d.setOf(d.aggregate("Post", all, []string{"authorId"}, and(cmp("n", op.Ge, 2), cmp("s", op.Lt, 5)), n, sum), []any{"c", int64(2), int64(2)})
		d.setOf(d.aggregate("Post", all, []string{"authorId"}, null("authorId"), n), []any{nil, int64(1)})
		d.setOf(d.aggregate("Post", all, []string{"authorId"}, or(cmp("authorId", op.Eq, "b"), cmp("s", op.Eq, 2)), n, sum),
			[]any{"b", int64(1), int64(5)}, []any{"c", int64(2), int64(2)})
		d.rowsAre(d.aggregate("Post", all, nil, cmp("n", op.Gt, 100), n))
	})
	run("having over decimals and floats", func(d *db) {
		d.insert("Wide", rec{"id": "a", "str": "x", "dec": dec("0.1"), "flt": 0.5}, rec{"id": "b", "str": "x", "dec": dec("0.2"), "flt": 0.5}, rec{"id": "c", "str": "y", "dec": dec("0.31"), "flt": 2.5})
		d.setOf(d.aggregate("Wide", all, []string{"str"}, cmp("s", op.Eq, dec("0.3")), agg(op.AggSum, "dec", "s")), []any{"x", dec("0.3")})
		d.setOf(d.aggregate("Wide", all, []string{"str"}, cmp("s", op.Gt, 1.0), agg(op.AggSum, "flt", "s")), []any{"y", 2.5})
	})
}

package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
)

// testAggregateVia holds the groups of an aggregate that goes by a relation:
// they are those of each parent.
func testAggregateVia(s *suite, t *testing.T) {
	run := func(name string, fn func(d *db)) {
		s.run(t, name, func(d *db) {
			if d.has(op.CapAggregations) {
				d.seedBlog()
				fn(d)
			}
		})
	}
	n := agg(op.AggCount, "", "n")
	run("counts for each parent", func(d *db) {
		d.setOf(d.aggregateVia("Author", "posts", op.Op{Aggs: []op.Agg{n}}, "a", "b", "c", "d", "absent"),
			[]any{int64(3), "a"}, []any{int64(1), "b"}, []any{int64(2), "c"})
		d.setOf(d.aggregateVia("Author", "profile", op.Op{Aggs: []op.Agg{n}}, "a", "b", "c"), []any{int64(1), "a"}, []any{int64(1), "b"})
		d.setOf(d.aggregateVia("Post", "author", op.Op{Aggs: []op.Agg{n}}, "a", "c"), []any{int64(1), "a"}, []any{int64(1), "c"})
		d.setOf(d.aggregateVia("Post", "tags", op.Op{Aggs: []op.Agg{n}}, "1", "2", "3", "4"),
			[]any{int64(2), "1"}, []any{int64(1), "2"}, []any{int64(3), "4"})
		d.setOf(d.aggregateVia("Tag", "posts", op.Op{Aggs: []op.Agg{n}}, "x", "y", "z"),
			[]any{int64(3), "x"}, []any{int64(3), "y"}, []any{int64(2), "z"})
		d.rowsAre(d.aggregateVia("Author", "posts", op.Op{Aggs: []op.Agg{n}}))
		d.rowsAre(d.aggregateVia("Author", "posts", op.Op{Aggs: []op.Agg{n}}, "d"))
	})
	run("only the rows of the condition", func(d *db) {
		few := op.Op{Filter: cmp("rank", op.Lt, 3), Aggs: []op.Agg{n}}
		d.setOf(d.aggregateVia("Author", "posts", few, "a", "b", "c"), []any{int64(2), "a"}, []any{int64(2), "c"})
		few.Using = cmp("id", op.Ne, "6")
		d.setOf(d.aggregateVia("Author", "posts", few, "a", "b", "c"), []any{int64(2), "a"}, []any{int64(1), "c"})
		tagged := op.Op{Filter: has("author", cmp("id", op.Eq, "a")), Aggs: []op.Agg{n}}
		d.setOf(d.aggregateVia("Tag", "posts", tagged, "x", "y", "z"), []any{int64(2), "x"}, []any{int64(1), "y"})
	})
	run("other aggregates, groups within a parent, having and an order", func(d *db) {
		d.setOf(d.aggregateVia("Author", "posts", op.Op{Aggs: []op.Agg{agg(op.AggSum, "rank", "s"), agg(op.AggMax, "score", "m")}}, "a", "b", "c"),
			[]any{int64(6), 1.5, "a"}, []any{int64(5), 2.5, "b"}, []any{int64(2), 0.5, "c"})
		d.setOf(d.aggregateVia("Author", "posts", op.Op{GroupBy: []string{"rank"}, Aggs: []op.Agg{n}}, "a", "c"),
			[]any{int64(1), int64(1), "a"}, []any{int64(2), int64(1), "a"}, []any{int64(3), int64(1), "a"}, []any{int64(1), int64(2), "c"})
		d.setOf(d.aggregateVia("Author", "posts", op.Op{GroupBy: []string{"rank"}}, "c", "b"), []any{int64(1), "c"}, []any{int64(5), "b"})
		d.setOf(d.aggregateVia("Author", "posts", op.Op{Aggs: []op.Agg{n}, Having: cmp("n", op.Gt, 1)}, "a", "b", "c"),
			[]any{int64(3), "a"}, []any{int64(2), "c"})
		d.rowsAre(d.aggregateVia("Author", "posts", op.Op{Aggs: []op.Agg{n}, Sort: []op.Sort{desc("n")}}, "c", "b", "a"),
			[]any{int64(3), "a"}, []any{int64(2), "c"}, []any{int64(1), "b"})
		d.rowsAre(d.aggregateVia("Tag", "posts", op.Op{Aggs: []op.Agg{n, agg(op.AggMax, "rank", "m")}, Having: cmp("n", op.Eq, 3), Sort: []op.Sort{desc("m")}}, "x", "y", "z"),
			[]any{int64(3), int64(9), "y"}, []any{int64(3), int64(5), "x"})
	})
	run("of many parents", func(d *db) {
		keys := []any{"a", "b"}
		for i := range 3000 {
			keys = append(keys, "nobody "+string(rune('A'+i%26))+string(rune('0'+i/26%10))+string(rune('a'+i/260)))
		}
		d.setOf(d.aggregateVia("Author", "posts", op.Op{Aggs: []op.Agg{n}}, keys...), []any{int64(3), "a"}, []any{int64(1), "b"})
	})
	run("to itself", func(d *db) {
		d.insert("Employee", rec{"id": "boss"})
		d.insert("Employee", rec{"id": "e1", "managerId": "boss"}, rec{"id": "e2", "managerId": "boss"})
		d.setOf(d.aggregateVia("Employee", "reports", op.Op{Aggs: []op.Agg{n}}, "boss", "e1"), []any{int64(2), "boss"})
	})
	run("takes no limit", func(d *db) {
		for _, change := range []func(o *op.Op){
			func(o *op.Op) { o.Limit = 1 },
			func(o *op.Op) { o.Offset = 1 },
			func(o *op.Op) { o.Via.Limit = 1 },
			func(o *op.Op) { o.Via.Offset = 1 },
		} {
			o := op.Op{Kind: op.Aggregate, Aggs: []op.Agg{n}}
			o.Model, o.Via = d.viaOf("Author", "posts", "a")
			change(&o)
			if err := op.Normalize(&o); op.CodeOf(err) != op.CodeValidation {
				d.Errorf("a limit is taken: %v", err)
			}
		}
	})
}

func (d *db) aggregateVia(model, relation string, o op.Op, keys ...any) [][]any {
	d.Helper()
	o.Kind = op.Aggregate
	o.Model, o.Via = d.viaOf(model, relation, keys...)
	return d.collect(o)
}

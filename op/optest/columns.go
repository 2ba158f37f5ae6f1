package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
)

// testColumns holds columns that are no fields of the model: parts of times,
// and fields of the rows that relations lead to.
func testColumns(s *suite, t *testing.T) {
	groups := func(name string, fn func(d *db)) {
		s.run(t, name, func(d *db) {
			if d.has(op.CapAggregations) {
				fn(d)
			}
		})
	}
	all, n := op.Cond{}, agg(op.AggCount, "", "n")
	times := func(d *db) {
		d.insert("Wide",
			rec{"id": "a", "at": at("2024-02-29 23:59:59.999999"), "day": at("2024-02-29 00:00:00"), "stamp": at("0001-01-01 00:00:00"), "atN": at("2024-02-29 23:59:59"), "big": 1},
			rec{"id": "b", "at": at("2024-03-03 00:00:00"), "day": at("2024-12-31 00:00:00"), "stamp": at("9999-12-31 09:08:07"), "atN": at("1999-02-28 00:00:00"), "big": 2},
			rec{"id": "c", "at": at("2023-01-02 12:00:00.5"), "day": at("2024-12-31 00:00:00"), "stamp": at("2000-01-01 01:01:01"), "big": 4})
	}
	groups("groups by parts of times", func(d *db) {
		times(d)
		sum := agg(op.AggSum, "big", "s")
		d.setOf(d.aggregate("Wide", all, []string{"at.year"}, all, sum), []any{int64(2024), int64(3)}, []any{int64(2023), int64(4)})
		d.setOf(d.aggregate("Wide", all, []string{"at.year", "at.month"}, all, n), []any{int64(2024), int64(2), int64(1)}, []any{int64(2024), int64(3), int64(1)}, []any{int64(2023), int64(1), int64(1)})
		d.setOf(d.aggregate("Wide", all, []string{"atN.day"}, all, sum), []any{int64(29), int64(1)}, []any{int64(28), int64(2)}, []any{nil, int64(4)})
		d.setOf(d.aggregate("Wide", all, []string{"at.hour"}, all, sum), []any{int64(23), int64(1)}, []any{int64(0), int64(2)}, []any{int64(12), int64(4)})
		d.setOf(d.aggregate("Wide", all, []string{"at.weekday"}, all, sum), []any{int64(4), int64(1)}, []any{int64(7), int64(2)}, []any{int64(1), int64(4)})
		d.setOf(d.aggregate("Wide", all, []string{"day.weekday"}, all, sum), []any{int64(4), int64(1)}, []any{int64(2), int64(6)})
		d.setOf(d.aggregate("Wide", all, []string{"at.date"}, all, sum), []any{at("2024-02-29"), int64(1)}, []any{at("2024-03-03"), int64(2)}, []any{at("2023-01-02"), int64(4)})
		d.setOf(d.aggregate("Wide", all, []string{"stamp.year", "stamp.hour"}, all), []any{int64(1), int64(0)}, []any{int64(9999), int64(9)}, []any{int64(2000), int64(1)})
		d.rowsAre(d.aggregate("Wide", all, nil, all, agg(op.AggMin, "at.month", "lo"), agg(op.AggMax, "at.date", "hi"), agg(op.AggCountDistinct, "day.month", "months"), agg(op.AggSum, "atN.year", "sum")),
			[]any{int64(1), at("2024-03-03"), int64(2), int64(2024 + 1999)})
		d.setOf(d.aggregate("Wide", all, []string{"at.date"}, cmp("at.date", op.Gt, at("2024-01-01")), n), []any{at("2024-02-29"), int64(1)}, []any{at("2024-03-03"), int64(1)})
	})
	groups("groups by the rows that relations lead to", func(d *db) {
		d.seedBlog()
		d.setOf(d.aggregate("Post", all, []string{"author.name"}, all, n, agg(op.AggSum, "rank", "s")),
			[]any{"Ann", int64(3), int64(6)}, []any{"Bob", int64(1), int64(5)}, []any{"Cem", int64(2), int64(2)}, []any{nil, int64(1), int64(9)})
		d.rowsAre(d.aggregate("Post", all, nil, all, agg(op.AggSum, "author.age", "s"), agg(op.AggCount, "author.id", "c"), agg(op.AggMax, "author.name", "m")),
			[]any{int64(30*3 + 40 + 50*2), int64(6), "Cem"})
		d.setOf(d.aggregate("Post", cmp("rank", op.Lt, 3), []string{"author.age", "rank"}, cmp("author.age", op.Gt, 30), n),
			[]any{int64(50), int64(1), int64(2)})
		d.setOf(d.aggregate("Profile", all, []string{"author.name"}, all), []any{"Ann"}, []any{"Bob"})
	})
	groups("groups over several relations", func(d *db) {
		d.insert("Employee", rec{"id": "a", "name": "A"}, rec{"id": "b", "name": "B", "managerId": "a"}, rec{"id": "c", "name": "C", "managerId": "b"},
			rec{"id": "d", "name": "D", "managerId": "b"}, rec{"id": "e", "name": "E", "managerId": "a"})
		d.setOf(d.aggregate("Employee", all, []string{"manager.manager.name"}, all, n), []any{nil, int64(3)}, []any{"A", int64(2)})
		d.setOf(d.aggregate("Employee", all, []string{"manager.manager.name", "manager.name", "name"}, all, n),
			[]any{nil, nil, "A", int64(1)}, []any{nil, "A", "B", int64(1)}, []any{"A", "B", "C", int64(1)}, []any{"A", "B", "D", int64(1)}, []any{nil, "A", "E", int64(1)})
		// Who is no row for the join is none for what goes on from there.
		o := op.Op{
			Kind: op.Aggregate, Model: d.model("Employee"), GroupBy: []string{"manager.name", "manager.manager.name"}, Aggs: []op.Agg{n},
			Joins: []op.Join{{Path: "manager", Filter: cmp("id", op.Ne, "b")}, {Path: "manager.manager"}},
		}
		d.setOf(d.collect(o), []any{nil, nil, int64(3)}, []any{"A", nil, int64(2)})
		o.Joins = []op.Join{{Path: "manager"}, {Path: "manager.manager", Filter: has("reports", cmp("id", op.Eq, "nobody"))}}
		d.setOf(d.collect(o), []any{nil, nil, int64(1)}, []any{"A", nil, int64(2)}, []any{"B", nil, int64(2)})
	})
	groups("an order and a limit of such groups", func(d *db) {
		d.seedBlog()
		o := op.Op{Kind: op.Aggregate, Model: d.model("Post"), GroupBy: []string{"author.name"}, Aggs: []op.Agg{n}, Sort: []op.Sort{desc("author.name")}, Limit: 2}
		d.rowsAre(d.collect(o), []any{"Cem", int64(2)}, []any{"Bob", int64(1)})
	})
	s.run(t, "rows with columns of others", func(d *db) {
		d.seedBlog()
		o := op.Op{Kind: op.Find, Model: d.model("Post"), Fields: []string{"title", "author.name", "author.age"}, Filter: cmp("rank", op.Ge, 3), Sort: []op.Sort{by("id")}}
		d.rowsAre(d.collect(o), []any{"one", "Ann", int64(30)}, []any{"four", "Bob", int64(40)}, []any{"seven", nil, nil})
		o.Joins = []op.Join{{Path: "author", Filter: cmp("age", op.Gt, 30)}}
		d.rowsAre(d.collect(o), []any{"one", nil, nil}, []any{"four", "Bob", int64(40)}, []any{"seven", nil, nil})
	})
	s.run(t, "rows in the order of others", func(d *db) {
		d.seedBlog()
		o := op.Op{Kind: op.Find, Model: d.model("Post"), Fields: []string{"id"}, Sort: []op.Sort{desc("author.name"), by("id")}}
		d.inOrder(d.collect(o), "5", "6", "4", "1", "2", "3", "7")
		o.Limit, o.Offset = 2, 2
		d.inOrder(d.collect(o), "4", "1")
		o = op.Op{Kind: op.Find, Model: d.model("Post"), Fields: []string{"author.name"}, Distinct: true, Sort: []op.Sort{by("author.name")}}
		d.rowsAre(d.collect(o), []any{nil}, []any{"Ann"}, []any{"Bob"}, []any{"Cem"})
	})
	s.run(t, "rows with parts of times", func(d *db) {
		times(d)
		o := op.Op{Kind: op.Find, Model: d.model("Wide"), Fields: []string{"id", "at.year", "atN.date"}, Sort: []op.Sort{by("at.month"), by("id")}}
		d.rowsAre(d.collect(o), []any{"c", int64(2023), nil}, []any{"a", int64(2024), at("2024-02-29")}, []any{"b", int64(2024), at("1999-02-28")})
	})
	s.run(t, "what is no column", func(d *db) {
		if d.has(op.CapAggregations) {
			for _, name := range []string{"author", "author.nope", "tags.label", "at.year", "author.name.year", "nope.name"} {
				d.fail(op.Op{Kind: op.Aggregate, Model: d.model("Post"), GroupBy: []string{name}}, op.CodeValidation)
			}
			d.fail(op.Op{Kind: op.Aggregate, Model: d.model("Wide"), GroupBy: []string{"day.hour"}}, op.CodeValidation)
			d.fail(op.Op{Kind: op.Aggregate, Model: d.model("Wide"), GroupBy: []string{"doc.x"}}, op.CodeValidation)
		}
		d.fail(op.Op{Kind: op.Find, Model: d.model("Post"), Fields: []string{"author.name"}, With: []op.With{{Relation: "author"}}}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Find, Model: d.model("Post"), Sort: []op.Sort{by("author.name"), by("id")}, After: []any{"x", "y"}}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Find, Model: d.model("Post"), Fields: []string{"title"}, Joins: []op.Join{{Path: "author"}}}, op.CodeValidation)
	})
}

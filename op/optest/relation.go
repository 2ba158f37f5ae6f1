package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// seedBlog makes authors a to d, posts 1 to 7 and tags x, y, z:
//
//	a: posts 1 (rank 3) [x y], 2 (rank 1) [x], 3 (rank 2) []; profile
//	b: post 4 (rank 5) [x y z]; profile
//	c: posts 5 (rank 1) [z], 6 (rank 1) []
//	d: nothing; age is NULL
//	no author: post 7 [y]
func (d *db) seedBlog() {
	d.Helper()
	d.insert("Author", rec{"id": "a", "name": "Ann", "age": 30}, rec{"id": "b", "name": "Bob", "age": 40},
		rec{"id": "c", "name": "Cem", "age": 50}, rec{"id": "d", "name": "Dee"})
	d.insert("Profile", rec{"id": "pa", "authorId": "a", "bio": "writes"}, rec{"id": "pb", "authorId": "b", "bio": "reads"})
	d.insert("Post", rec{"id": "1", "authorId": "a", "title": "one", "rank": 3}, rec{"id": "2", "authorId": "a", "title": "two", "rank": 1, "score": 1.5},
		rec{"id": "3", "authorId": "a", "title": "three", "rank": 2}, rec{"id": "4", "authorId": "b", "title": "four", "rank": 5, "score": 2.5},
		rec{"id": "5", "authorId": "c", "title": "five", "rank": 1}, rec{"id": "6", "authorId": "c", "title": "six", "rank": 1, "score": 0.5},
		rec{"id": "7", "title": "seven", "rank": 9})
	d.insert("Tag", rec{"id": "x", "label": "X"}, rec{"id": "y", "label": "Y"}, rec{"id": "z", "label": "Z"})
	for _, l := range []string{"1x", "1y", "2x", "4x", "4y", "4z", "5z", "7y"} {
		d.insert("PostTag", rec{"postId": l[:1], "tagId": l[1:]})
	}
}

// seedGuilds makes three guilds: g of a and of b, who joined it twice, h of b,
// and i of nobody.
func (d *db) seedGuilds() {
	d.Helper()
	d.insert("Author", rec{"id": "a", "name": "Ann"}, rec{"id": "b", "name": "Bob"})
	d.insert("Guild", rec{"id": "g"}, rec{"id": "h"}, rec{"id": "i"})
	for i, l := range []string{"ga", "gb", "gb", "hb"} {
		d.insert("Membership", rec{"id": i + 1, "guildId": l[:1], "authorId": l[1:]})
	}
}

func testVia(s *suite, t *testing.T) {
	s.run(t, "belongs to", func(d *db) {
		d.seedBlog()
		got := d.via("Post", "author", op.Op{Fields: []string{"name"}}, 0, 0, "a", "b", "absent")
		d.setOf(got, []any{"Ann", "a"}, []any{"Bob", "b"})
	})
	s.run(t, "has one", func(d *db) {
		d.seedBlog()
		got := d.via("Author", "profile", op.Op{Fields: []string{"bio"}}, 0, 0, "a", "b", "c")
		d.setOf(got, []any{"writes", "a"}, []any{"reads", "b"})
	})
	s.run(t, "has many", func(d *db) {
		d.seedBlog()
		o := op.Op{Fields: []string{"id"}, Sort: []op.Sort{by("rank"), by("id")}}
		d.setOf(d.via("Author", "posts", o, 0, 0, "a", "b", "d"), []any{"2", "a"}, []any{"3", "a"}, []any{"1", "a"}, []any{"4", "b"})
		d.inOrder(d.via("Author", "posts", o, 0, 0, "a"), "2", "3", "1")
	})
	s.run(t, "many to many, a row of two parents twice", func(d *db) {
		d.seedBlog()
		got := d.via("Post", "tags", op.Op{Fields: []string{"label"}}, 0, 0, "1", "4", "3")
		d.setOf(got, []any{"X", "1"}, []any{"Y", "1"}, []any{"X", "4"}, []any{"Y", "4"}, []any{"Z", "4"})
		back := d.via("Tag", "posts", op.Op{Fields: []string{"id"}}, 0, 0, "y", "z")
		d.setOf(back, []any{"1", "y"}, []any{"4", "y"}, []any{"7", "y"}, []any{"4", "z"}, []any{"5", "z"})
	})
	s.run(t, "linked twice is related once", func(d *db) {
		d.seedGuilds()
		got := d.via("Guild", "members", op.Op{Fields: []string{"id"}}, 0, 0, "g", "h")
		d.setOf(got, []any{"a", "g"}, []any{"b", "g"}, []any{"b", "h"})
		byName := op.Op{Fields: []string{"name"}, Sort: []op.Sort{desc("name")}}
		d.setOf(d.via("Guild", "members", byName, 1, 1, "g", "h"), []any{"Ann", "g"})
		d.matches("Guild", hasCount("members", op.Eq, 2), "g")
		d.matches("Guild", hasCount("members", op.Eq, 1, cmp("name", op.Eq, "Bob")), "g h")
		d.matches("Guild", has("members", cmp("name", op.Eq, "Ann")), "g")
		if d.has(op.CapAggregations) {
			n := op.Op{Aggs: []op.Agg{agg(op.AggCount, "", "n")}}
			d.setOf(d.aggregateVia("Guild", "members", n, "g", "h", "i"), []any{int64(2), "g"}, []any{int64(1), "h"})
		}
	})
	s.run(t, "to itself", func(d *db) {
		d.insert("Employee", rec{"id": "boss", "name": "B"})
		d.insert("Employee", rec{"id": "e1", "name": "E1", "managerId": "boss"}, rec{"id": "e2", "name": "E2", "managerId": "boss"})
		d.insert("Employee", rec{"id": "e3", "name": "E3", "managerId": "e1"})
		d.setOf(d.via("Employee", "reports", op.Op{Fields: []string{"id"}}, 0, 0, "boss", "e1"), []any{"e1", "boss"}, []any{"e2", "boss"}, []any{"e3", "e1"})
		d.setOf(d.via("Employee", "manager", op.Op{Fields: []string{"name"}}, 0, 0, "boss", "e1"), []any{"B", "boss"}, []any{"E1", "e1"})
	})
	s.run(t, "limit and offset hold for each parent", func(d *db) {
		d.seedBlog()
		byRank := op.Op{Fields: []string{"id"}, Sort: []op.Sort{desc("rank"), by("id")}}
		d.setOf(d.via("Author", "posts", byRank, 1, 0, "a", "b", "c"), []any{"1", "a"}, []any{"4", "b"}, []any{"5", "c"})
		d.setOf(d.via("Author", "posts", byRank, 2, 1, "a", "b", "c"), []any{"3", "a"}, []any{"2", "a"}, []any{"6", "c"})
		d.setOf(d.via("Author", "posts", byRank, 0, 2, "a", "b", "c"), []any{"2", "a"})
		byLabel := op.Op{Fields: []string{"id"}, Sort: []op.Sort{by("label")}}
		d.setOf(d.via("Post", "tags", byLabel, 1, 0, "1", "2", "4", "5"), []any{"x", "1"}, []any{"x", "2"}, []any{"x", "4"}, []any{"z", "5"})
		d.setOf(d.via("Post", "tags", byLabel, 1, 1, "1", "2", "4"), []any{"y", "1"}, []any{"y", "4"})
		d.setOf(d.via("Post", "author", op.Op{Fields: []string{"id"}, Sort: []op.Sort{by("id")}}, 1, 0, "a", "b"), []any{"a", "a"}, []any{"b", "b"})
		d.setOf(d.via("Author", "profile", op.Op{Fields: []string{"id"}, Sort: []op.Sort{by("id")}}, 1, 0, "a", "b"), []any{"pa", "a"}, []any{"pb", "b"})
		d.rowsAre(d.via("Author", "profile", op.Op{Fields: []string{"id"}, Sort: []op.Sort{by("id")}}, 1, 1, "a", "b"))
	})
	s.run(t, "with a filter, before the limit", func(d *db) {
		d.seedBlog()
		o := op.Op{Fields: []string{"id"}, Filter: cmp("rank", op.Lt, 3), Sort: []op.Sort{desc("rank"), by("id")}}
		d.setOf(d.via("Author", "posts", o, 1, 0, "a", "b", "c"), []any{"3", "a"}, []any{"5", "c"})
	})
	s.run(t, "rows of one parent come in order", func(d *db) {
		d.seedBlog()
		o := op.Op{Fields: []string{"id"}, Sort: []op.Sort{by("rank"), desc("id")}}
		per := map[string][]string{}
		for _, r := range d.via("Author", "posts", o, 0, 0, "c", "a", "b") {
			per[r[1].(string)] = append(per[r[1].(string)], r[0].(string))
		}
		for parent, want := range map[string][]string{"a": {"2", "3", "1"}, "b": {"4"}, "c": {"6", "5"}} {
			if len(per[parent]) != len(want) {
				d.Fatalf("parent %s has rows %v, want %v", parent, per[parent], want)
			}
			for i := range want {
				if per[parent][i] != want[i] {
					d.Errorf("parent %s has rows %v, want %v", parent, per[parent], want)
				}
			}
		}
	})
	s.run(t, "all fields, then the key", func(d *db) {
		d.seedBlog()
		got := d.via("Post", "tags", op.Op{}, 0, 0, "2")
		d.rowsAre(got, []any{"x", "X", "2"})
	})
	s.run(t, "thousands of parents", func(d *db) {
		o := op.Op{Kind: op.Insert, Model: d.model("Post")}
		var keys []any
		d.insert("Author", rec{"id": "a"})
		for i := range 3000 {
			keys = append(keys, "a"+string(rune('0'+i%10))+string(rune('0'+i/10%10))+string(rune('0'+i/100%10))+string(rune('0'+i/1000)))
		}
		keys = append(keys, "a")
		o.Rows = append(o.Rows, d.row("Post", rec{"id": "1", "authorId": "a"}))
		d.must(o)
		d.rowsAre(d.via("Author", "posts", op.Op{Fields: []string{"id"}}, 0, 0, keys...), []any{"1", "a"})
	})
}

// via reads the rows that a relation leads to from parents with a key of one field.
func (d *db) via(model, relation string, o op.Op, limit, offset int, keys ...any) [][]any {
	d.Helper()
	o.Model, o.Via = d.viaOf(model, relation, keys...)
	o.Via.Limit, o.Via.Offset = limit, offset
	return d.find(o)
}

// viaOf is the target of a relation, and the way there from parents with these
// keys.
func (d *db) viaOf(model, relation string, keys ...any) (*schema.Model, *op.Via) {
	d.Helper()
	m := d.model(model)
	r := m.Relation(relation)
	if r == nil {
		d.Fatalf("the suite's model %s has no relation %s", model, relation)
	}
	v := &op.Via{Model: m, Relation: relation}
	for _, k := range keys {
		v.Keys = append(v.Keys, []any{k})
	}
	return r.Target, v
}

// inOrder compares the first column.
func (d *db) inOrder(rows [][]any, want ...any) {
	d.Helper()
	got := make([][]any, len(rows))
	for i, r := range rows {
		got[i] = r[:1]
	}
	w := make([][]any, len(want))
	for i, v := range want {
		w[i] = []any{v}
	}
	d.rowsAre(got, w...)
}

func has(relation string, cs ...op.Cond) op.Cond {
	return op.Cond{Kind: op.Has, Relation: relation, Conds: cs}
}

func hasCount(relation string, o op.Operator, n int64, cs ...op.Cond) op.Cond {
	return op.Cond{Kind: op.HasCount, Relation: relation, Op: o, N: n, Conds: cs}
}

func testHas(s *suite, t *testing.T) {
	s.run(t, "a related row exists", func(d *db) {
		d.seedBlog()
		for _, c := range []struct {
			model string
			cond  op.Cond
			want  string
		}{
			{"Author", has("posts"), "a b c"},
			{"Author", not(has("posts")), "d"},
			{"Author", has("profile"), "a b"},
			{"Author", has("profile", cmp("bio", op.Eq, "reads")), "b"},
			{"Author", has("posts", cmp("rank", op.Eq, 1)), "a c"},
			{"Author", has("posts", cmp("rank", op.Eq, 1), null("score")), "c"},
			{"Author", has("posts", has("tags", cmp("label", op.Eq, "Z"))), "b c"},
			{"Author", and(has("posts"), cmp("age", op.Lt, 45)), "a b"},
			{"Author", or(has("profile"), null("age")), "a b d"},
			{"Post", has("author"), "1 2 3 4 5 6"},
			{"Post", not(has("author")), "7"},
			{"Post", has("author", cmp("age", op.Gt, 35)), "4 5 6"},
			{"Post", has("tags"), "1 2 4 5 7"},
			{"Post", has("tags", cmp("id", op.Eq, "y")), "1 4 7"},
			{"Post", and(has("tags", cmp("id", op.Eq, "x")), has("tags", cmp("id", op.Eq, "y"))), "1 4"},
			{"Post", has("tags", cmp("id", op.Eq, "x"), cmp("id", op.Eq, "y")), ""},
			{"Post", not(has("tags", cmp("id", op.Eq, "x"))), "3 5 6 7"},
			{"Post", has("author", has("profile")), "1 2 3 4"},
			{"Post", has("author", not(has("profile"))), "5 6"},
			{"Tag", has("posts", cmp("authorId", op.Eq, nil)), "y"},
			{"Profile", has("author", cmp("name", op.Like, "ANN")), "pa"},
		} {
			d.matches(c.model, c.cond, c.want)
		}
	})
	s.run(t, "related rows are counted", func(d *db) {
		d.seedBlog()
		for _, c := range []struct {
			model string
			cond  op.Cond
			want  string
		}{
			{"Author", hasCount("posts", op.Eq, 0), "d"},
			{"Author", hasCount("posts", op.Ge, 2), "a c"},
			{"Author", hasCount("posts", op.Ne, 1), "a c d"},
			{"Author", hasCount("posts", op.Lt, 2, cmp("rank", op.Eq, 1)), "a b d"},
			{"Author", hasCount("posts", op.Eq, 2, cmp("rank", op.Eq, 1)), "c"},
			{"Post", hasCount("tags", op.Gt, 1), "1 4"},
			{"Post", hasCount("tags", op.Le, 0), "3 6"},
			{"Post", hasCount("author", op.Eq, 1), "1 2 3 4 5 6"},
			{"Tag", hasCount("posts", op.Eq, 3), "x y"},
			{"Author", not(hasCount("posts", op.Eq, 0)), "a b c"},
			{"Author", hasCount("posts", op.Gt, 0, hasCount("tags", op.Gt, 1)), "a b"},
		} {
			d.matches(c.model, c.cond, c.want)
		}
	})
	s.run(t, "to itself", func(d *db) {
		d.insert("Employee", rec{"id": "a"})
		d.insert("Employee", rec{"id": "b", "managerId": "a"}, rec{"id": "c", "managerId": "a"})
		d.insert("Employee", rec{"id": "d", "managerId": "b"})
		d.matches("Employee", has("manager"), "b c d")
		d.matches("Employee", has("reports"), "a b")
		d.matches("Employee", has("manager", has("manager")), "d")
		d.matches("Employee", has("reports", has("reports", cmp("id", op.Eq, "d"))), "a")
		d.matches("Employee", hasCount("reports", op.Eq, 2), "a")
	})
	s.run(t, "in updates, deletes and aggregates", func(d *db) {
		d.seedBlog()
		if n := d.n(d.set("Post", has("author", cmp("id", op.Eq, "c")), to("title", "changed"))); n != 2 {
			d.Errorf("update changed %d rows, want 2", n)
		}
		d.matches("Post", cmp("title", op.Eq, "changed"), "5 6")
		if d.has(op.CapAggregations) {
			o := op.Op{Kind: op.Aggregate, Model: d.model("Post"), Filter: has("tags"), Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}}
			d.rowsAre(d.collect(o), []any{int64(5)})
		}
		if n := d.n(d.del("Tag", not(has("posts", cmp("rank", op.Gt, 5))))); n != 2 {
			d.Errorf("delete took %d rows, want 2", n)
		}
		d.matches("Tag", op.Cond{}, "y")
	})
}

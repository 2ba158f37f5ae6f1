package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
)

// related makes what a relation leads to from rows of columns named.
func related(d *db, model string, fields []string, rows ...[]any) *op.Related {
	return &op.Related{Model: d.model(model), Fields: fields, Rows: rows}
}

func testWith(s *suite, t *testing.T) {
	if !s.f.Relate {
		return
	}
	s.run(t, "all four kinds", func(d *db) {
		d.seedBlog()
		id := []string{"id"}
		posts := op.With{Relation: "posts", Fields: id, Sort: []op.Sort{by("id")}}
		got := d.find(op.Op{Model: d.model("Author"), Fields: id, Sort: []op.Sort{by("id")}, With: []op.With{posts, {Relation: "profile", Fields: id}}})
		d.rowsAre(got,
			[]any{"a", related(d, "Post", id, []any{"1"}, []any{"2"}, []any{"3"}), related(d, "Profile", id, []any{"pa"})},
			[]any{"b", related(d, "Post", id, []any{"4"}), related(d, "Profile", id, []any{"pb"})},
			[]any{"c", related(d, "Post", id, []any{"5"}, []any{"6"}), related(d, "Profile", id)},
			[]any{"d", related(d, "Post", id), related(d, "Profile", id)})
		got = d.find(op.Op{
			Model: d.model("Post"), Fields: id, Filter: list("id", op.In, "1", "7"), Sort: []op.Sort{by("id")},
			With: []op.With{{Relation: "author", Fields: id}, {Relation: "tags", Fields: id, Sort: []op.Sort{desc("id")}}},
		})
		d.rowsAre(got,
			[]any{"1", related(d, "Author", id, []any{"a"}), related(d, "Tag", id, []any{"y"}, []any{"x"})},
			[]any{"7", related(d, "Author", id), related(d, "Tag", id, []any{"y"})})
	})
	s.run(t, "filter, sort and limit for each parent", func(d *db) {
		d.seedBlog()
		id := []string{"id"}
		w := op.With{Relation: "posts", Fields: id, Filter: cmp("rank", op.Lt, 3), Sort: []op.Sort{desc("rank"), by("id")}, Limit: 1}
		got := d.find(op.Op{Model: d.model("Author"), Fields: id, Sort: []op.Sort{by("id")}, With: []op.With{w}})
		d.rowsAre(got, []any{"a", related(d, "Post", id, []any{"3"})}, []any{"b", related(d, "Post", id)},
			[]any{"c", related(d, "Post", id, []any{"5"})}, []any{"d", related(d, "Post", id)})
	})
	s.run(t, "nested", func(d *db) {
		d.seedBlog()
		id := []string{"id"}
		w := op.With{Relation: "posts", Fields: id, Sort: []op.Sort{by("id")}, With: []op.With{{Relation: "tags", Fields: id, Sort: []op.Sort{by("id")}}}}
		got := d.find(op.Op{Model: d.model("Author"), Fields: id, Filter: cmp("id", op.Eq, "a"), With: []op.With{w}})
		d.rowsAre(got, []any{"a", related(d, "Post", id,
			[]any{"1", related(d, "Tag", id, []any{"x"}, []any{"y"})},
			[]any{"2", related(d, "Tag", id, []any{"x"})},
			[]any{"3", related(d, "Tag", id)})})
	})
	s.run(t, "counts", func(d *db) {
		d.seedBlog()
		id := []string{"id"}
		tags := op.With{Relation: "posts", Fields: id, Sort: []op.Sort{by("id")}, With: []op.With{{Relation: "tagsCount"}}}
		got := d.find(op.Op{
			Model: d.model("Author"), Fields: []string{"name"}, Sort: []op.Sort{by("id")},
			With: []op.With{{Relation: "postsCount"}, tags},
		})
		d.rowsAre(got,
			[]any{"Ann", int64(3), related(d, "Post", id, []any{"1", int64(2)}, []any{"2", int64(1)}, []any{"3", int64(0)})},
			[]any{"Bob", int64(1), related(d, "Post", id, []any{"4", int64(3)})},
			[]any{"Cem", int64(2), related(d, "Post", id, []any{"5", int64(1)}, []any{"6", int64(0)})},
			[]any{"Dee", int64(0), related(d, "Post", id)})
		got = d.find(op.Op{
			Model: d.model("Author"), Fields: id, Sort: []op.Sort{by("id")},
			With: []op.With{{Relation: "PostsCount", Filter: cmp("rank", op.Gt, 2)}},
		})
		d.rowsAre(got, []any{"a", int64(1)}, []any{"b", int64(1)}, []any{"c", int64(0)}, []any{"d", int64(0)})
		for _, w := range []op.With{{Limit: 1}, {Offset: 1}, {Sort: []op.Sort{by("id")}}, {Fields: id}, {With: []op.With{{Relation: "tags"}}}} {
			w.Relation = "postsCount"
			d.fail(op.Op{Kind: op.Find, Model: d.model("Author"), With: []op.With{w}}, op.CodeValidation)
		}
	})
	s.run(t, "counts into a sink", func(d *db) {
		d.seedBlog()
		m, id := d.model("Author"), []string{"id"}
		sink := newRecorder(m, id, 0)
		res := d.must(op.Op{
			Kind: op.Find, Model: m, Fields: id, Sort: []op.Sort{by("id")}, Sink: sink,
			With: []op.With{{Relation: "postsCount"}, {Relation: "posts", With: []op.With{{Relation: "tagsCount"}}}},
		})
		d.drain(res.Rows)
		if sink.breach != nil {
			d.Fatalf("the engine breaks the contract of Sink: %v", sink.breach)
		}
		for row, want := range []int64{3, 1, 2, 0} {
			if n, told := sink.counts["postsCount"][row]; !told || n != want {
				d.Errorf("row %d has the count %d (%v), want %d", row, n, told, want)
			}
		}
		if posts := sink.child["posts"]; posts == nil || posts.breach != nil || len(posts.counts["tagsCount"]) != 6 {
			d.Errorf("the posts are %+v", posts)
		}
	})
	s.run(t, "into a sink", func(d *db) {
		d.seedBlog()
		id := []string{"id"}
		m := d.model("Author")
		sink := newRecorder(m, id, 0)
		res := d.must(op.Op{
			Kind: op.Find, Model: m, Fields: id, Sort: []op.Sort{by("id")}, Sink: sink,
			With: []op.With{{Relation: "posts", Fields: []string{"id", "authorId"}, Sort: []op.Sort{by("id")}}},
		})
		d.drain(res.Rows)
		if sink.breach != nil {
			d.Fatalf("the engine breaks the contract of Sink: %v", sink.breach)
		}
		posts := sink.child["posts"]
		if posts == nil {
			d.Fatal("the sink was never asked for a child")
		}
		if posts.breach != nil {
			d.Fatalf("the engine breaks the contract of Sink: %v", posts.breach)
		}
		for row, want := range [][]any{{"1", "2", "3"}, {"4"}, {"5", "6"}, {}} {
			at, loaded := sink.links["posts"][row]
			if !loaded {
				d.Errorf("nothing was attached to row %d, not even none", row)
			}
			var got []any
			for _, i := range at {
				got = append(got, posts.rows[i][0])
			}
			if showRow(got) != showRow(want) {
				d.Errorf("row %d has children %s, want %s", row, showRow(got), showRow(want))
			}
		}
	})
}

package optest

import (
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
)

var goneAt = at("2024-05-06 07:08:09.101112")

// all is a find of rows whether or not they are marked deleted.
func (d *db) all(model string, fields ...string) [][]any {
	d.Helper()
	return d.find(op.Op{Model: d.model(model), WithDeleted: true, Fields: fields, Sort: []op.Sort{by("id")}})
}

// testSoft checks what an engine itself knows of rows that are marked deleted.
// What is hidden is layer validate's affair, so operations say what they mean.
func testSoft(s *suite, t *testing.T) {
	s.run(t, "a unique field holds among live rows", func(d *db) {
		d.insert("Item", rec{"id": "a", "code": "x", "gone": goneAt}, rec{"id": "b", "code": "x", "gone": goneAt}, rec{"id": "c", "code": "x"})
		c := d.conflict(d.ins("Item", rec{"id": "d", "code": "x"}), op.ReasonUnique)
		if !slices.Equal(c.Fields, []string{"code"}) || c.Deleted {
			d.Errorf("the conflict names %v, deleted %v; want [code] of a live row", c.Fields, c.Deleted)
		}
		o := d.set("Item", cmp("id", op.Eq, "a"), to("gone", nil))
		o.WithDeleted = true
		d.conflict(o, op.ReasonUnique)
		mark := d.set("Item", cmp("id", op.Eq, "c"), to("gone", goneAt))
		mark.WithDeleted = true
		d.n(mark)
		if n := d.n(o); n != 1 {
			d.Errorf("the row is restored %d times, want once", n)
		}
		d.rowsAre(d.all("Item", "id", "gone", "ver"), []any{"a", nil, int64(2)}, []any{"b", goneAt, int64(1)}, []any{"c", goneAt, int64(2)})
	})
	s.run(t, "a unique pair holds among live rows", func(d *db) {
		d.insert("Item", rec{"id": "a", "shelfId": "s", "place": "p", "gone": goneAt}, rec{"id": "b", "shelfId": "s", "place": "p"})
		d.conflict(d.ins("Item", rec{"id": "c", "shelfId": "s", "place": "p"}), op.ReasonUnique)
	})
	s.run(t, "the key of a deleted row is taken", func(d *db) {
		d.insert("Item", rec{"id": "a", "gone": goneAt}, rec{"id": "b"})
		if c := d.conflict(d.ins("Item", rec{"id": "a"}), op.ReasonExists); !c.Deleted {
			d.Errorf("the conflict does not say that the row is deleted: %v", c)
		}
		if c := d.conflict(d.ins("Item", rec{"id": "b"}), op.ReasonExists); c.Deleted {
			d.Errorf("the conflict says that a live row is deleted: %v", c)
		}
		c := d.conflict(d.ins("Item", rec{"id": "c"}, rec{"id": "d"}, rec{"id": "a"}), op.ReasonExists)
		if !c.Deleted || c.Index != 2 {
			d.Errorf("the conflict of many has index %d and deleted %v, want 2 and true", c.Index, c.Deleted)
		}
		d.rowsAre(d.all("Item", "id"), []any{"a"}, []any{"b"})
		d.insert("ItemKind", rec{"itemId": "i", "kindId": "k", "deletedAt": goneAt})
		if c := d.conflict(d.ins("ItemKind", rec{"itemId": "i", "kindId": "k"}), op.ReasonExists); !c.Deleted {
			d.Errorf("the conflict of a pair does not say that the row is deleted: %v", c)
		}
	})
	s.run(t, "an upsert by unique fields meets live rows only", func(d *db) {
		code := op.Conflict{Fields: []string{"code"}, Update: []string{"rank"}}
		d.insert("Item", rec{"id": "a", "code": "x", "gone": goneAt})
		if n := d.n(d.ups("Item", op.Conflict{Fields: []string{"code"}}, rec{"id": "b", "code": "x", "rank": 1})); n != 1 {
			d.Errorf("the upsert reports %d rows, want 1", n)
		}
		if n := d.n(d.ups("Item", code, rec{"id": "c", "code": "x", "rank": 2}, rec{"id": "d", "code": "y"})); n != 2 {
			d.Errorf("the upsert reports %d rows, want 2", n)
		}
		if n := d.n(d.ups("Item", op.Conflict{Fields: []string{"code"}}, rec{"id": "e", "code": "x", "rank": 9})); n != 0 {
			d.Errorf("the upsert reports %d rows, want 0", n)
		}
		d.rowsAre(d.all("Item", "id", "rank", "ver"), []any{"a", int64(0), int64(1)}, []any{"b", int64(2), int64(2)}, []any{"d", int64(0), int64(1)})
		place := op.Conflict{Fields: []string{"shelfId", "place"}, Set: []op.Assign{inc("rank", int64(5))}}
		d.insert("Item", rec{"id": "p", "shelfId": "s", "place": "p", "gone": goneAt})
		d.n(d.ups("Item", place, rec{"id": "q", "shelfId": "s", "place": "p"}))
		d.n(d.ups("Item", place, rec{"id": "r", "shelfId": "s", "place": "p"}))
		o := op.Op{Model: d.model("Item"), WithDeleted: true, Filter: notNull("place"), Fields: []string{"id", "rank"}, Sort: []op.Sort{by("id")}}
		d.rowsAre(d.find(o), []any{"p", int64(0)}, []any{"q", int64(5)})
	})
	s.run(t, "an upsert by the key of a deleted row", func(d *db) {
		d.insert("Item", rec{"id": "a", "gone": goneAt, "rank": 1}, rec{"id": "b"})
		for _, c := range []op.Conflict{{}, {Fields: []string{"id"}}, {Fields: []string{"id"}, Update: []string{"rank"}}, {Fields: []string{"id"}, Set: []op.Assign{to("rank", 7)}}} {
			if c := d.conflict(d.ups("Item", c, rec{"id": "a", "rank": 9}), op.ReasonExists); !c.Deleted || c.Model != "Item" {
				d.Errorf("the conflict does not say that the row of Item is deleted: %v", c)
			}
			o := d.ups("Item", c, rec{"id": "new"}, rec{"id": "b", "rank": 9}, rec{"id": "a", "rank": 9})
			if c := d.conflict(o, op.ReasonExists); !c.Deleted || c.Index != 2 {
				d.Errorf("the conflict of many has index %d and deleted %v, want 2 and true", c.Index, c.Deleted)
			}
			if len(c.Update)+len(c.Set) > 0 {
				o.Returning = true
				d.conflict(o, op.ReasonExists)
			}
		}
		d.rowsAre(d.all("Item", "id", "rank", "ver"), []any{"a", int64(1), int64(1)}, []any{"b", int64(0), int64(1)})
	})
	s.run(t, "conditions on a join model", func(d *db) {
		d.insert("Item", rec{"id": "1"}, rec{"id": "2"}, rec{"id": "3"})
		d.insert("Kind", rec{"id": "x"}, rec{"id": "y"})
		for _, l := range []string{"1x", "1y", "2x", "3y"} {
			row := rec{"itemId": l[:1], "kindId": l[1:]}
			if l == "2x" || l == "1y" {
				row["deletedAt"] = goneAt
			}
			d.insert("ItemKind", row)
		}
		for i, l := range []string{"1x", "1x", "1y", "2x"} {
			d.insert("ItemLike", rec{"id": string(rune('a' + i)), "itemId": l[:1], "kindId": l[1:], "by": i})
		}
		joined := func(c op.Cond, on ...op.Cond) op.Cond {
			c.Join = on
			return c
		}
		live := null("deletedAt")
		for _, c := range []struct {
			cond op.Cond
			want string
		}{
			{joined(has("kinds"), live), "1 3"},
			{joined(has("kinds", cmp("id", op.Eq, "y")), live), "3"},
			{not(joined(has("kinds"), live)), "2"},
			{joined(hasCount("kinds", op.Eq, 1), live), "1 3"},
			{joined(has("kinds"), live, cmp("kindId", op.Eq, "x")), "1"},
			{joined(has("kinds"), live, has("kind", cmp("id", op.Eq, "y"))), "3"},
			// A pair counts once.
			{hasCount("liked", op.Eq, 1), "2"},
			{hasCount("liked", op.Eq, 2), "1"},
			{joined(hasCount("liked", op.Eq, 1), cmp("by", op.Lt, 2)), "1"},
			{joined(has("liked"), cmp("by", op.Gt, 2)), "2"},
		} {
			if got := d.must(op.Op{Kind: op.Count, Model: d.model("Item"), Filter: c.cond, WithDeleted: true}).N; got != int64(len(c.want)+1)/2 {
				d.Errorf("count of %s is %d, want %s", dumpCond(c.cond), got, c.want)
			}
			var ids string
			for _, r := range d.find(op.Op{Model: d.model("Item"), Filter: c.cond, WithDeleted: true, Fields: []string{"id"}, Sort: []op.Sort{by("id")}}) {
				ids += " " + r[0].(string)
			}
			if ids != " "+c.want {
				d.Errorf("%s holds for [%s], want [%s]", dumpCond(c.cond), ids, c.want)
			}
		}
		via := func(relation string, limit int, join op.Cond, keys ...any) [][]any {
			v := &op.Via{Model: d.model("Item"), Relation: relation, Limit: limit, Join: join}
			for _, k := range keys {
				v.Keys = append(v.Keys, []any{k})
			}
			return d.find(op.Op{Model: d.model("Kind"), WithDeleted: true, Via: v, Fields: []string{"id"}, Sort: []op.Sort{by("id")}})
		}
		d.setOf(via("kinds", 0, live, "1", "2", "3"), []any{"x", "1"}, []any{"y", "3"})
		d.setOf(via("kinds", 1, and(live, cmp("kindId", op.Eq, "y")), "1", "2", "3"), []any{"y", "3"})
		d.setOf(via("liked", 0, op.Cond{}, "1", "2", "3"), []any{"x", "1"}, []any{"y", "1"}, []any{"x", "2"})
		d.setOf(via("liked", 1, op.Cond{}, "1", "2", "3"), []any{"x", "1"}, []any{"x", "2"})
		d.setOf(via("liked", 0, cmp("by", op.Gt, 1), "1", "2", "3"), []any{"y", "1"}, []any{"x", "2"})
		d.fail(op.Op{Kind: op.Count, Model: d.model("Item"), Filter: joined(has("shelf"), live)}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Count, Model: d.model("Item"), Filter: joined(has("kinds"), null("nope"))}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Find, Model: d.model("Shelf"), Via: &op.Via{Model: d.model("Item"), Relation: "shelf", Join: live}}, op.CodeValidation)
	})
	s.run(t, "a model without soft delete", func(d *db) {
		d.fail(op.Op{Kind: op.Find, Model: d.model("Plain"), WithDeleted: true}, op.CodeUnsupported)
		d.fail(op.Op{Kind: op.Delete, Model: d.model("Plain"), Purge: true}, op.CodeUnsupported)
		d.fail(op.Op{Kind: op.Count, Model: d.model("Item"), Purge: true}, op.CodeValidation)
		d.fail(op.Op{Kind: op.Find, Model: d.model("Item"), With: []op.With{{Relation: "card", WithDeleted: true}}}, op.CodeUnsupported)
	})
}

// testHidden checks a stack that hides deleted rows.
func testHidden(s *suite, t *testing.T) {
	if !s.f.Hides {
		return
	}
	s.run(t, "a delete marks", func(d *db) {
		d.insert("Item", rec{"id": "a", "code": "x", "rank": 1}, rec{"id": "b"})
		o := d.del("Item", cmp("id", op.Eq, "a"))
		o.Check = op.Cond{Kind: op.False} // of no concern to a delete
		for _, want := range []int64{1, 0} {
			if n := d.n(o); n != want {
				d.Errorf("the delete reports %d rows, want %d", n, want)
			}
		}
		d.matches("Item", op.Cond{}, "b")
		got := d.all("Item", "id", "ver", "gone")
		if len(got) != 2 || got[0][1] != int64(2) || got[0][2] == nil || got[1][2] != nil {
			d.Errorf("the rows are %v, want a marked with version 2, and b", got)
		}
		for _, o := range []op.Op{
			d.set("Item", cmp("id", op.Eq, "a"), to("rank", 5)),
			{Kind: op.Increment, Model: d.model("Item"), Filter: cmp("id", op.Eq, "a"), Set: []op.Assign{inc("rank", int64(1))}},
			{Kind: op.Delete, Model: d.model("Item"), Filter: cmp("id", op.Eq, "a"), Purge: true},
			{Kind: op.Count, Model: d.model("Item"), Filter: cmp("rank", op.Eq, 1)},
		} {
			if n := d.n(o); n != 0 {
				d.Errorf("%s reaches %d hidden rows", dumpOp(o), n)
			}
		}
	})
	s.run(t, "the mark is set by a delete and taken away by a restore", func(d *db) {
		d.insert("Item", rec{"id": "a"})
		d.fail(d.set("Item", op.Cond{}, to("gone", goneAt)), op.CodeValidation)
		d.fail(d.set("Item", op.Cond{}, to("gone", nil)), op.CodeValidation)
		d.fail(d.ups("Item", op.Conflict{Fields: []string{"id"}, Update: []string{"gone"}}, rec{"id": "a"}), op.CodeValidation)
		d.n(d.del("Item", cmp("id", op.Eq, "a")))
		o := d.set("Item", cmp("id", op.Eq, "a"), to("gone", nil))
		o.WithDeleted = true
		if n := d.n(o); n != 1 {
			d.Errorf("the restore reports %d rows, want 1", n)
		}
		d.rowsAre(d.find(op.Op{Model: d.model("Item"), Fields: []string{"id", "ver"}}), []any{"a", int64(3)})
	})
	s.run(t, "purge takes live and marked rows away", func(d *db) {
		d.insert("Item", rec{"id": "a"}, rec{"id": "b"}, rec{"id": "c"})
		d.n(d.del("Item", cmp("id", op.Eq, "a")))
		o := d.del("Item", list("id", op.In, "a", "b"))
		o.Purge, o.WithDeleted = true, true
		if n := d.n(o); n != 2 {
			d.Errorf("the purge reports %d rows, want 2", n)
		}
		d.rowsAre(d.all("Item", "id"), []any{"c"})
		d.insert("Item", rec{"id": "a"})
	})
	s.run(t, "in a batch and behind guards", func(d *db) {
		d.insert("Item", rec{"id": "a"}, rec{"id": "b"}, rec{"id": "c", "rank": 3})
		g := []op.Guard{{Kind: op.GuardMust, Model: d.model("Item"), Filter: cmp("id", op.Eq, "c"), Must: cmp("rank", op.Eq, 4)}}
		members := []op.Op{d.del("Item", cmp("id", op.Eq, "a")), d.set("Item", op.Cond{}, to("rank", 8)), {Kind: op.Count, Model: d.model("Item")}}
		d.conflict(op.Op{Kind: op.Batch, Batch: members, Guards: g}, op.ReasonStale)
		d.n(d.del("Item", cmp("id", op.Eq, "c")))
		res := d.must(op.Op{Kind: op.Batch, Batch: members, Guards: g})
		for i, want := range []int64{1, 1, 1} {
			if res.Batch[i].N != want {
				d.Errorf("member %d reports %d rows, want %d", i, res.Batch[i].N, want)
			}
		}
		d.conflict(op.Op{Kind: op.Batch, Guards: g, WithDeleted: true}, op.ReasonStale)
		snap := []op.Guard{{Kind: op.GuardSnapshot, Model: d.model("Item"), Rows: 1, Version: 2}}
		d.must(op.Op{Kind: op.Batch, Guards: snap})
		d.rowsAre(d.all("Item", "id", "rank"), []any{"a", int64(0)}, []any{"b", int64(8)}, []any{"c", int64(3)})
	})
	s.run(t, "relations", func(d *db) {
		d.insert("Shelf", rec{"id": "s"}, rec{"id": "t"})
		d.insert("Item", rec{"id": "1", "shelfId": "s"}, rec{"id": "2", "shelfId": "s"}, rec{"id": "3", "shelfId": "t"})
		d.insert("Kind", rec{"id": "x"}, rec{"id": "y"})
		d.insert("Card", rec{"id": "c1", "itemId": "1"}, rec{"id": "c2", "itemId": "2"})
		for _, l := range []string{"1x", "1y", "2x", "3x"} {
			d.insert("ItemKind", rec{"itemId": l[:1], "kindId": l[1:]})
		}
		d.n(d.del("Shelf", cmp("id", op.Eq, "t")))
		d.n(d.del("Item", cmp("id", op.Eq, "2")))
		d.n(d.del("Kind", cmp("id", op.Eq, "y")))
		d.n(d.del("ItemKind", cmp("itemId", op.Eq, "3")))
		for _, c := range []struct {
			model string
			cond  op.Cond
			want  string
		}{
			{"Item", has("shelf"), "1"},
			{"Item", not(has("shelf")), "3"},
			{"Item", has("kinds"), "1"},
			{"Item", hasCount("kinds", op.Eq, 1), "1"},
			{"Item", hasCount("kinds", op.Eq, 0), "3"},
			{"Shelf", has("items"), "s"},
			{"Shelf", hasCount("items", op.Eq, 1), "s"},
			{"Shelf", has("items", has("kinds", cmp("id", op.Eq, "y"))), ""},
			{"Shelf", has("items", has("kinds", cmp("id", op.Eq, "x"))), "s"},
			{"Kind", hasCount("items", op.Eq, 1), "x"},
			{"Card", has("item"), "c1"},
			{"Card", not(has("item", has("kinds"))), "c2"},
		} {
			d.matches(c.model, c.cond, c.want)
		}
		d.setOf(d.via("Item", "kinds", op.Op{Fields: []string{"id"}}, 0, 0, "1", "2", "3"), []any{"x", "1"}, []any{"x", "2"})
		d.setOf(d.via("Shelf", "items", op.Op{Fields: []string{"id"}}, 0, 0, "s", "t"), []any{"1", "s"}, []any{"3", "t"})
		d.setOf(d.via("Shelf", "items", op.Op{Fields: []string{"id"}, WithDeleted: true}, 0, 0, "s"), []any{"1", "s"}, []any{"2", "s"})
		if !s.f.Relate {
			return
		}
		id := []string{"id"}
		with := func(relation string, deleted bool) []op.With {
			return []op.With{{Relation: relation, Fields: id, Sort: []op.Sort{by("id")}, WithDeleted: deleted}}
		}
		items := op.Op{Model: d.model("Item"), Fields: id, Sort: []op.Sort{by("id")}, With: with("shelf", false)}
		d.rowsAre(d.find(items), []any{"1", related(d, "Shelf", id, []any{"s"})}, []any{"3", related(d, "Shelf", id)})
		items.WithDeleted, items.With = true, with("shelf", true)
		d.rowsAre(d.find(items), []any{"1", related(d, "Shelf", id, []any{"s"})}, []any{"2", related(d, "Shelf", id, []any{"s"})},
			[]any{"3", related(d, "Shelf", id, []any{"t"})})
		items.With = with("kinds", true)
		d.rowsAre(d.find(items), []any{"1", related(d, "Kind", id, []any{"x"}, []any{"y"})}, []any{"2", related(d, "Kind", id, []any{"x"})},
			[]any{"3", related(d, "Kind", id)})
		shelves := op.Op{Model: d.model("Shelf"), Fields: id, With: with("items", false)}
		shelves.With[0].With = with("kinds", false)
		d.rowsAre(d.find(shelves), []any{"s", related(d, "Item", id, []any{"1", related(d, "Kind", id, []any{"x"})})})
		d.fail(op.Op{Kind: op.Find, Model: d.model("Item"), Filter: op.Cond{Kind: op.False}, With: []op.With{{Relation: "card", WithDeleted: true}}}, op.CodeUnsupported)
	})
	if s.f.Caps&op.CapTransactions != 0 {
		s.run(t, "a rollback takes the mark away", func(d *db) {
			d.insert("Item", rec{"id": "a"})
			tx, err := d.eng.Begin(d.ctx, op.TxOptions{})
			if err != nil {
				d.Fatal(err)
			}
			in := d.on(tx)
			in.n(in.del("Item", op.Cond{}))
			in.matches("Item", op.Cond{}, "")
			if err := tx.Rollback(d.ctx); err != nil {
				d.Fatal(err)
			}
			d.matches("Item", op.Cond{}, "a")
		})
	}
}

package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
)

func (d *db) ups(model string, c op.Conflict, rows ...rec) op.Op {
	d.Helper()
	o := d.ins(model, rows...)
	o.Kind, o.Conflict = op.Upsert, &c
	return o
}

func testUpsert(s *suite, t *testing.T) {
	all := []op.Sort{by("id")}
	s.run(t, "leaves what exists", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		if n := d.n(d.ups("Plain", op.Conflict{Fields: []string{"id"}}, rec{"id": "a", "value": 9}, rec{"id": "b", "value": 2})); n != 1 {
			d.Errorf("upsert reports %d rows, want 1", n)
		}
		d.rowsAre(d.find(op.Op{Model: d.model("Plain"), Sort: all}), []any{"a", int64(1), nil}, []any{"b", int64(2), nil})
	})
	s.run(t, "takes fields from the new row", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1, "label": "old"})
		o := d.ups("Plain", op.Conflict{Fields: []string{"id"}, Update: []string{"value"}}, rec{"id": "a", "value": 9, "label": "new"}, rec{"id": "b", "value": 2})
		if n := d.n(o); n != 2 {
			d.Errorf("upsert reports %d rows, want 2", n)
		}
		d.rowsAre(d.find(op.Op{Model: d.model("Plain"), Sort: all}), []any{"a", int64(9), "old"}, []any{"b", int64(2), nil})
	})
	s.run(t, "changes the row that exists", func(d *db) {
		c := op.Conflict{Fields: []string{"id"}, Set: []op.Assign{inc("value", int64(1)), to("label", "again")}}
		d.n(d.ups("Plain", c, rec{"id": "a", "value": 1}))
		d.n(d.ups("Plain", c, rec{"id": "a", "value": 100}))
		d.n(d.ups("Plain", c, rec{"id": "a", "value": 100}))
		d.rowsAre(d.find(op.Op{Model: d.model("Plain")}), []any{"a", int64(3), "again"})
	})
	s.run(t, "counts the version of a row it changes", func(d *db) {
		c := op.Conflict{Fields: []string{"id"}, Update: []string{"balance"}}
		for i := range 3 {
			d.n(d.ups("Account", c, rec{"id": "a", "balance": i}))
		}
		if got := d.get("Account", "a"); got["ver"] != int64(3) || got["balance"] != int64(2) {
			d.Errorf("the row is %v, want balance 2 and version 3", got)
		}
	})
	s.run(t, "by a unique field", func(d *db) {
		d.insert("Account", rec{"id": "a", "email": "x@y", "balance": 1})
		d.n(d.ups("Account", op.Conflict{Fields: []string{"email"}, Update: []string{"balance"}}, rec{"id": "b", "email": "x@y", "balance": 5}))
		d.matches("Account", op.Cond{}, "a")
		d.matches("Account", cmp("balance", op.Eq, 5), "a")
		// NULL is equal to nothing: two rows.
		d.n(d.ups("Account", op.Conflict{Fields: []string{"email"}, Update: []string{"balance"}}, rec{"id": "c"}))
		d.n(d.ups("Account", op.Conflict{Fields: []string{"email"}, Update: []string{"balance"}}, rec{"id": "d"}))
		d.matches("Account", op.Cond{}, "a c d")
	})
	s.run(t, "by a unique pair", func(d *db) {
		c := op.Conflict{Fields: []string{"tenant", "handle"}, Update: []string{"score"}}
		d.n(d.ups("Account", c, rec{"id": "a", "tenant": "t", "handle": "h", "score": 1.0}))
		d.n(d.ups("Account", c, rec{"id": "b", "tenant": "t", "handle": "h", "score": 2.0}))
		d.n(d.ups("Account", c, rec{"id": "c", "tenant": "u", "handle": "h", "score": 3.0}))
		d.rowsAre(d.find(op.Op{Model: d.model("Account"), Fields: []string{"id", "score"}, Sort: all}), []any{"a", 2.0}, []any{"c", 3.0})
	})
	s.run(t, "another unique field stands against it", func(d *db) {
		d.insert("Account", rec{"id": "a", "email": "x@y"})
		c := d.conflict(d.ups("Account", op.Conflict{Fields: []string{"id"}, Update: []string{"balance"}}, rec{"id": "b", "email": "x@y"}), op.ReasonUnique)
		if len(c.Fields) != 1 || c.Fields[0] != "email" {
			d.Errorf("the conflict names %v, want email", c.Fields)
		}
		d.matches("Account", op.Cond{}, "a")
	})
	s.run(t, "any conflict", func(d *db) {
		d.insert("Account", rec{"id": "a", "email": "x@y"}, rec{"id": "b"})
		if n := d.n(d.ups("Account", op.Conflict{}, rec{"id": "b"}, rec{"id": "c", "email": "x@y"}, rec{"id": "d"})); n != 1 {
			d.Errorf("upsert reports %d rows, want 1", n)
		}
		d.matches("Account", op.Cond{}, "a b d")
	})
	s.run(t, "a key of two fields", func(d *db) {
		c := op.Conflict{Fields: []string{"hall", "row"}, Update: []string{"group"}}
		d.n(d.ups("Seat", c, rec{"hall": "A", "row": 1, "group": "x"}, rec{"hall": "A", "row": 2, "group": "y"}))
		d.n(d.ups("Seat", c, rec{"hall": "A", "row": 2, "group": "z"}))
		d.rowsAre(d.find(op.Op{Model: d.model("Seat"), Fields: []string{"row", "group"}, Sort: []op.Sort{by("row")}}), []any{int64(1), "x"}, []any{int64(2), "z"})
	})
	s.run(t, "returning", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1, "label": "old"})
		o := d.ups("Plain", op.Conflict{Fields: []string{"id"}, Update: []string{"value"}}, rec{"id": "a", "value": 2}, rec{"id": "b", "value": 3})
		o.Returning, o.Fields = true, []string{"id", "value", "label"}
		d.setOf(d.collect(o), []any{"a", int64(2), "old"}, []any{"b", int64(3), nil})
	})
	s.run(t, "returning in the order of the rows", func(d *db) {
		d.insert("Plain", rec{"id": "c", "value": 1}, rec{"id": "a", "value": 1}, rec{"id": "m", "value": 1})
		take := op.Conflict{Fields: []string{"id"}, Update: []string{"value"}}
		o := d.ups("Plain", take, rec{"id": "z", "value": 10}, rec{"id": "a", "value": 11}, rec{"id": "n", "value": 12},
			rec{"id": "c", "value": 13}, rec{"id": "b", "value": 14}, rec{"id": "m", "value": 15})
		o.Returning, o.Fields = true, []string{"id", "value"}
		d.rowsAre(d.collect(o), []any{"z", int64(10)}, []any{"a", int64(11)}, []any{"n", int64(12)}, []any{"c", int64(13)}, []any{"b", int64(14)}, []any{"m", int64(15)})
		var rows []rec
		var want [][]any
		for i := range 300 { // more than one statement has
			id := string(rune('a'+i*7%26)) + string(rune('a'+i%26)) + string(rune('a'+i/26))
			rows = append(rows, rec{"id": id, "value": i})
			want = append(want, []any{id, int64(i)})
		}
		d.n(d.ups("Plain", take, rows[100:200]...))
		o = d.ups("Plain", take, rows...)
		o.Returning, o.Fields = true, []string{"id", "value"}
		d.rowsAre(d.collect(o), want...)
		// One that is left is not returned, one that comes twice is as it is in the end.
		o = d.ups("Plain", op.Conflict{Fields: []string{"id"}}, rec{"id": "z"}, rec{"id": "new", "value": 1}, rec{"id": "a"})
		o.Returning, o.Fields = true, []string{"id", "value"}
		d.rowsAre(d.collect(o), []any{"new", int64(1)})
		o = d.ups("Plain", take, rec{"id": "y", "value": 1}, rec{"id": "a", "value": 2}, rec{"id": "y", "value": 3})
		o.Returning, o.Fields = true, []string{"id", "value"}
		if n := d.must(o).N; n != 3 {
			d.Errorf("upsert reports %d rows, want 3", n)
		}
		d.rowsAre(d.collect(o), []any{"y", int64(3)}, []any{"a", int64(2)}, []any{"y", int64(3)})
	})
	s.run(t, "fails as a whole", func(d *db) {
		d.insert("Account", rec{"id": "a", "email": "x@y"}, rec{"id": "b", "email": "z@y"})
		o := d.ups("Account", op.Conflict{Fields: []string{"id"}, Update: []string{"email", "balance"}}, rec{"id": "a", "email": "new", "balance": 1}, rec{"id": "c", "email": "z@y", "balance": 1})
		d.conflict(o, op.ReasonUnique)
		d.matches("Account", cmp("balance", op.Eq, 0), "a b")
		d.matches("Account", cmp("email", op.Eq, "new"), "")
	})
}

package optest

import (
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
)

// about fails unless a conflict names the row, and the fields where some are
// given.
func (d *db) about(c *op.ConflictError, model, id string, index int, fields ...string) {
	d.Helper()
	if c.Model != model || c.ID != id || c.Index != index || (fields != nil && !slices.Equal(c.Fields, fields)) {
		d.Errorf("the conflict is about %s %q, row %d, fields %v, want %s %q, row %d, fields %v", c.Model, c.ID, c.Index, c.Fields, model, id, index, fields)
	}
}

func testConflict(s *suite, t *testing.T) {
	s.run(t, "names the row and the fields", func(d *db) {
		d.insert("Account", rec{"id": "a", "email": "a@y", "tenant": "t", "handle": "h"}, rec{"id": "b", "email": "b@y"})
		d.insert("Seat", rec{"hall": "A,1", "row": 1})
		d.insert("Ticket", rec{"id": 5, "title": "x"})
		d.about(d.conflict(d.ins("Account", rec{"id": "a"}), op.ReasonExists), "Account", "a", -1, "id")
		d.about(d.conflict(d.ins("Account", rec{"id": "n", "email": "b@y"}), op.ReasonUnique), "Account", "n", -1, "email")
		d.about(d.conflict(d.ins("Account", rec{"id": "n", "tenant": "t", "handle": "h"}), op.ReasonUnique), "Account", "n", -1, "tenant", "handle")
		d.about(d.conflict(d.ins("Account", rec{"id": "n"}, rec{"id": "m", "email": "a@y"}, rec{"id": "l", "email": "b@y"}), op.ReasonUnique), "Account", "m", 1, "email")
		d.about(d.conflict(d.ins("Seat", rec{"hall": "B", "row": 1}, rec{"hall": "A,1", "row": 1}), op.ReasonExists), "Seat", `A\,1,1`, 1, "hall", "row")
		d.about(d.conflict(d.ins("Ticket", rec{"id": 5, "title": "y"}), op.ReasonExists), "Ticket", "5", -1, "id")
		email := to("email", "a@y")
		d.about(d.conflict(d.set("Account", cmp("id", op.Eq, "b"), email), op.ReasonUnique), "Account", "b", -1, "email")
		d.about(d.conflict(d.set("Account", and(cmp("balance", op.Ge, 0), cmp("id", op.Eq, "b")), email), op.ReasonUnique), "Account", "b", -1, "email")
		d.about(d.conflict(d.set("Account", cmp("email", op.Eq, "b@y"), email), op.ReasonUnique), "Account", "", -1, "email")
		by := op.Conflict{Fields: []string{"id"}, Update: []string{"balance"}}
		d.about(d.conflict(d.ups("Account", by, rec{"id": "b"}, rec{"id": "n", "email": "a@y"}), op.ReasonUnique), "Account", "n", 1, "email")
		d.about(d.conflict(op.Op{Kind: op.Batch, Batch: []op.Op{d.ins("Account", rec{"id": "n"}), d.ins("Account", rec{"id": "a"})}}, op.ReasonExists), "Account", "a", -1, "id")
		d.insert("Parent", rec{"id": "p"})
		d.insert("ChildRestrict", rec{"id": "c", "parentId": "p"})
		d.about(d.conflict(d.ins("ChildRestrict", rec{"id": "d", "parentId": "none"}), op.ReasonReference), "ChildRestrict", "d", -1)
		d.about(d.conflict(d.set("ChildRestrict", cmp("id", op.Eq, "c"), to("parentId", "none")), op.ReasonReference), "ChildRestrict", "c", -1)
		d.about(d.conflict(d.del("Parent", cmp("id", op.Eq, "p")), op.ReasonReference), "Parent", "p", -1)
		d.about(d.conflict(d.del("Parent", op.Cond{}), op.ReasonReference), "Parent", "", -1)
	})
	s.run(t, "a key that the database would have made is not named", func(d *db) {
		d.insert("Coupon", rec{"code": "x"})
		d.about(d.conflict(d.ins("Coupon", rec{"code": "x"}), op.ReasonUnique), "Coupon", "", -1, "code")
		d.about(d.conflict(d.ins("Coupon", rec{"code": "y"}, rec{"code": "x"}), op.ReasonUnique), "Coupon", "", 1, "code")
		d.about(d.conflict(d.ins("Coupon", rec{"id": 70, "code": "x"}), op.ReasonUnique), "Coupon", "70", -1, "code")
		d.about(d.conflict(d.ups("Coupon", op.Conflict{Fields: []string{"id"}}, rec{"code": "x"}), op.ReasonUnique), "Coupon", "", -1, "code")
	})
	s.run(t, "the key exists", func(d *db) {
		d.insert("Plain", rec{"id": "a"})
		c := d.conflict(d.ins("Plain", rec{"id": "a"}), op.ReasonExists)
		if c.Model != "Plain" {
			d.Errorf("the conflict names model %q", c.Model)
		}
		d.insert("Seat", rec{"hall": "A", "row": 1})
		d.insert("Seat", rec{"hall": "A", "row": 2})
		d.conflict(d.ins("Seat", rec{"hall": "A", "row": 1}), op.ReasonExists)
		d.insert("Ticket", rec{"id": 5, "title": "x"})
		d.conflict(d.ins("Ticket", rec{"id": 5, "title": "y"}), op.ReasonExists)
	})
	s.run(t, "a unique field", func(d *db) {
		d.insert("Account", rec{"id": "a", "email": "x@y"}, rec{"id": "b", "email": "z@y"})
		c := d.conflict(d.ins("Account", rec{"id": "c", "email": "x@y"}), op.ReasonUnique)
		if !slices.Equal(c.Fields, []string{"email"}) || c.Model != "Account" {
			d.Errorf("the conflict names %s %v, want Account [email]", c.Model, c.Fields)
		}
		c = d.conflict(d.set("Account", cmp("id", op.Eq, "b"), to("email", "x@y")), op.ReasonUnique)
		if !slices.Equal(c.Fields, []string{"email"}) {
			d.Errorf("the conflict names %v, want [email]", c.Fields)
		}
		d.conflict(d.set("Account", op.Cond{}, to("email", "same")), op.ReasonUnique)
		d.matches("Account", cmp("email", op.Eq, "x@y"), "a")
		d.matches("Account", op.Cond{}, "a b")
		// Case and composition differ, so these are different.
		d.insert("Account", rec{"id": "d", "email": "X@y"}, rec{"id": "e", "email": "é"}, rec{"id": "f", "email": "e\u0301"}, rec{"id": "g", "email": "x@y "})
	})
	s.run(t, "a unique pair", func(d *db) {
		d.insert("Account", rec{"id": "a", "tenant": "t", "handle": "h"}, rec{"id": "b", "tenant": "u", "handle": "h"})
		c := d.conflict(d.ins("Account", rec{"id": "c", "tenant": "t", "handle": "h"}), op.ReasonUnique)
		if !slices.Equal(c.Fields, []string{"tenant", "handle"}) {
			d.Errorf("the conflict names %v, want [tenant handle]", c.Fields)
		}
		d.conflict(d.set("Account", cmp("id", op.Eq, "b"), to("tenant", "t")), op.ReasonUnique)
	})
	s.run(t, "null is unlike null", func(d *db) {
		d.insert("Account", rec{"id": "a"}, rec{"id": "b"}, rec{"id": "c", "tenant": "t"}, rec{"id": "d", "tenant": "t"})
	})
	s.run(t, "a freed value can be taken again", func(d *db) {
		d.insert("Account", rec{"id": "a", "email": "x@y"})
		d.n(d.set("Account", cmp("id", op.Eq, "a"), to("email", nil)))
		d.insert("Account", rec{"id": "b", "email": "x@y"})
		d.n(d.del("Account", cmp("id", op.Eq, "b")))
		d.insert("Account", rec{"id": "c", "email": "x@y"})
		// To its own value is no conflict.
		d.n(d.set("Account", cmp("id", op.Eq, "c"), to("email", "x@y")))
	})
	s.run(t, "a foreign key to no row", func(d *db) {
		d.insert("Parent", rec{"id": "p"})
		for _, child := range []string{"ChildCascade", "ChildNull", "ChildRestrict"} {
			c := d.conflict(d.ins(child, rec{"id": "x", "parentId": "absent"}), op.ReasonReference)
			if c.Model == "" {
				d.Errorf("the conflict names no model")
			}
			d.insert(child, rec{"id": "y", "parentId": "p"}, rec{"id": "z"})
			d.conflict(d.set(child, cmp("id", op.Eq, "z"), to("parentId", "absent")), op.ReasonReference)
			d.matches(child, null("parentId"), "z")
		}
		d.conflict(d.ins("Employee", rec{"id": "e", "managerId": "absent"}), op.ReasonReference)
	})
}

func testAccess(s *suite, t *testing.T) {
	s.run(t, "using hides rows from every kind", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 1, "label": "mine"}, rec{"id": "c", "value": 2, "label": "mine"})
		m := d.model("Plain")
		mine := cmp("label", op.Eq, "mine")
		d.setOf(d.find(op.Op{Model: m, Using: mine, Fields: []string{"id"}}), []any{"b"}, []any{"c"})
		d.setOf(d.find(op.Op{Model: m, Using: mine, Filter: cmp("value", op.Eq, 1), Fields: []string{"id"}}), []any{"b"})
		d.setOf(d.find(op.Op{Model: m, Using: mine, Filter: or(cmp("value", op.Eq, 1), cmp("value", op.Eq, 2)), Fields: []string{"id"}}), []any{"b"}, []any{"c"})
		if n := d.must(op.Op{Kind: op.Count, Model: m, Using: mine}).N; n != 2 {
			d.Errorf("count with using is %d, want 2", n)
		}
		if d.has(op.CapAggregations) {
			o := op.Op{Kind: op.Aggregate, Model: m, Using: mine, Aggs: []op.Agg{agg(op.AggSum, "value", "s")}}
			d.rowsAre(d.collect(o), []any{int64(3)})
		}
		o := d.set("Plain", op.Cond{}, to("value", 9))
		o.Using = mine
		if n := d.n(o); n != 2 {
			d.Errorf("update with using changed %d rows, want 2", n)
		}
		o = op.Op{Kind: op.Increment, Model: m, Using: mine, Filter: cmp("id", op.Eq, "a"), Set: []op.Assign{inc("value", int64(1))}}
		if n := d.n(o); n != 0 {
			d.Errorf("increment with using changed %d rows, want 0", n)
		}
		o = d.del("Plain", op.Cond{})
		o.Using = mine
		if n := d.n(o); n != 2 {
			d.Errorf("delete with using took %d rows, want 2", n)
		}
		d.matches("Plain", cmp("value", op.Eq, 1), "a")
	})
	s.run(t, "check holds for the row as written", func(d *db) {
		small := cmp("value", op.Lt, 10)
		o := d.ins("Plain", rec{"id": "a", "value": 5}, rec{"id": "b", "value": 50})
		o.Check = small
		d.fail(o, op.CodeForbidden)
		d.matches("Plain", op.Cond{}, "")
		d.insert("Plain", rec{"id": "a", "value": 5}, rec{"id": "b", "value": 9})
		o = d.set("Plain", cmp("id", op.Eq, "a"), to("value", 10))
		o.Check = small
		d.fail(o, op.CodeForbidden)
		o = op.Op{Kind: op.Increment, Model: d.model("Plain"), Set: []op.Assign{inc("value", int64(1))}, Check: small}
		d.fail(o, op.CodeForbidden)
		d.rowsAre(d.find(op.Op{Model: d.model("Plain"), Sort: []op.Sort{by("id")}}), []any{"a", int64(5), nil}, []any{"b", int64(9), nil})
		o.Filter = cmp("id", op.Eq, "a")
		if n := d.n(o); n != 1 {
			d.Errorf("increment within the check changed %d rows", n)
		}
		u := d.ups("Plain", op.Conflict{Fields: []string{"id"}, Update: []string{"value"}}, rec{"id": "b", "value": 70})
		u.Check = small
		d.fail(u, op.CodeForbidden)
		u = d.ups("Plain", op.Conflict{Fields: []string{"id"}, Update: []string{"value"}}, rec{"id": "new", "value": 70})
		u.Check = small
		d.fail(u, op.CodeForbidden)
		d.rowsAre(d.find(op.Op{Model: d.model("Plain"), Sort: []op.Sort{by("id")}}), []any{"a", int64(6), nil}, []any{"b", int64(9), nil})
	})
	s.run(t, "check over related rows", func(d *db) {
		d.seedBlog()
		o := d.set("Post", list("id", op.In, "1", "7"), to("title", "x"))
		o.Check = has("author", cmp("name", op.Eq, "Ann"))
		d.fail(o, op.CodeForbidden)
		d.matches("Post", cmp("title", op.Eq, "x"), "")
		o.Filter = cmp("id", op.Eq, "1")
		d.n(o)
		d.matches("Post", cmp("title", op.Eq, "x"), "1")
	})
	s.run(t, "check with NULL and returning", func(d *db) {
		o := d.ins("Plain", rec{"id": "a"})
		o.Check, o.Returning = cmp("label", op.Eq, "mine"), true
		d.fail(o, op.CodeForbidden)
		o.Check = null("label")
		d.rowsAre(d.collect(o), []any{"a", int64(0), nil})
	})
	s.run(t, "a user's rows", func(d *db) {
		d.insert("Note", rec{"id": "1", "userId": "ann", "body": "x"}, rec{"id": "2", "userId": "bob", "body": "x"})
		m := d.model("Note")
		o := op.Op{Model: m, User: "ann", Filter: cmp("userId", op.Eq, "ann"), Fields: []string{"id"}}
		d.rowsAre(d.find(o), []any{"1"})
		d.matches("Note", list("userId", op.In, "ann", "bob"), "1 2")
		u := d.set("Note", cmp("userId", op.Eq, "ann"), to("body", "y"))
		u.User = "ann"
		if n := d.n(u); n != 1 {
			d.Errorf("a user's update changed %d rows, want 1", n)
		}
		d.matches("Note", cmp("body", op.Eq, "y"), "1")
	})
}

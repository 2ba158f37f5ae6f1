package op_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// soft are two models with soft delete and a join model with it and with a
// relation of its own.
func soft(t testing.TB) (item, kind, join *schema.Model) {
	t.Helper()
	gone := func() *schema.Field {
		return &schema.Field{Name: "goneAt", GoName: "GoneAt", Type: schema.DateTime, Nullable: true, Role: schema.RoleDeleted}
	}
	id := func() *schema.Field {
		return &schema.Field{Name: "id", GoName: "ID", Type: schema.BigInteger, Primary: true}
	}
	item = &schema.Model{Name: "Item", Fields: []*schema.Field{id(), {Name: "code", Type: schema.String, Unique: true}, gone()}, Relations: []*schema.Relation{
		{Name: "kinds", Kind: schema.ManyToMany, Model: "Kind", Through: "ItemKind"},
		{Name: "joins", Kind: schema.HasMany, Model: "ItemKind"},
	}}
	kind = &schema.Model{Name: "Kind", Fields: []*schema.Field{id(), gone()}}
	join = &schema.Model{Name: "ItemKind", Fields: []*schema.Field{
		{Name: "itemId", GoName: "ItemID", Type: schema.BigInteger, Primary: true},
		{Name: "kindId", GoName: "KindID", Type: schema.BigInteger, Primary: true},
		gone(),
	}, Relations: []*schema.Relation{{Name: "item", Kind: schema.BelongsTo, Model: "Item"}}}
	if _, err := schema.Build(item, kind, join); err != nil {
		t.Fatal(err)
	}
	return item, kind, join
}

func TestDeletedRows(t *testing.T) {
	item, _, _ := soft(t)
	thing, _ := models(t)
	if c := op.Live(thing); c.Kind != op.True {
		t.Errorf("rows of a model without soft delete live under %+v", c)
	}
	live := normalized(t, op.Op{Kind: op.Find, Model: item, Filter: op.Live(item)}).Filter
	for _, c := range []struct {
		mark any
		want bool
	}{{nil, false}, {op.Unset{}, false}, {"2024-05-06 07:08:09", true}} {
		row := []any{int64(1), "x", c.mark}
		if got := op.Deleted(item, row); got != c.want {
			t.Errorf("a row with the mark %v is deleted: %v", c.mark, got)
		}
		if _, unset := c.mark.(op.Unset); unset {
			continue
		}
		if got, err := op.MatchRow(item, row, live, nil); err != nil || got == c.want {
			t.Errorf("a row with the mark %v lives: %v, %v", c.mark, got, err)
		}
	}
	if op.Deleted(thing, nil) {
		t.Error("a row of a model without soft delete is deleted")
	}
	if item.Set() == nil || !item.Set().SoftDelete() || thing.Set().SoftDelete() {
		t.Error("the sets do not say which has soft delete")
	}
}

func TestNormalizeSoftDelete(t *testing.T) {
	item, kind, _ := soft(t)
	thing, _ := models(t)
	joined := func(cs ...op.Cond) op.Cond { return op.Cond{Kind: op.Has, Relation: "kinds", Join: cs} }
	for name, c := range map[string]struct {
		o    op.Op
		code op.Code
		says string
	}{
		"with deleted": {op.Op{Kind: op.Find, Model: thing, WithDeleted: true}, op.CodeUnsupported, "Thing has no soft delete: embed weft.SoftDelete"},
		"purge":        {op.Op{Kind: op.Delete, Model: thing, Purge: true}, op.CodeUnsupported, "Thing has no soft delete"},
		"purge what":   {op.Op{Kind: op.Update, Model: item, Purge: true}, op.CodeValidation, "purge is for delete, not for update"},
		"related":      {op.Op{Kind: op.Find, Model: thing, With: []op.With{{Relation: "user", WithDeleted: true}}}, op.CodeUnsupported, "User has no soft delete"},
		"no join":      {op.Op{Kind: op.Find, Model: item, Filter: op.Cond{Kind: op.Has, Relation: "joins", Join: []op.Cond{op.Cmp("goneAt", op.Eq, nil)}}}, op.CodeValidation, "has no join model"},
		"no join via":  {op.Op{Kind: op.Find, Model: item.Relation("joins").Target, Via: &op.Via{Model: item, Relation: "joins", Join: op.Cmp("goneAt", op.Eq, nil)}}, op.CodeValidation, "has no join model"},
		"join field":   {op.Op{Kind: op.Find, Model: item, Filter: joined(op.Cmp("nope", op.Eq, nil))}, op.CodeValidation, "nope"},
		"join value":   {op.Op{Kind: op.Find, Model: kind, Via: &op.Via{Model: item, Relation: "kinds", Join: op.Cmp("kindId", op.Eq, "x")}}, op.CodeValidation, "kindId"},
	} {
		err := op.Normalize(&c.o)
		if op.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s that says %q", name, err, c.code, c.says)
		}
	}
	given := joined(op.Cmp("KindID", op.Eq, 1), op.Cond{Kind: op.Has, Relation: "item", Conds: []op.Cond{joined(op.Cmp("GoneAt", op.Eq, nil))}})
	via := &op.Via{Model: item, Relation: "kinds", Join: op.Cmp("KindID", op.Eq, 1)}
	o := op.Op{Kind: op.Find, Model: kind, Via: via, WithDeleted: true}
	if err := op.Normalize(&o); err != nil || o.Via.Join.Field != "kindId" || o.Via.Join.Value != int64(1) || via.Join.Field != "KindID" {
		t.Errorf("via: %+v, %v; what was given is now %+v", o.Via, err, via)
	}
	f := normalized(t, op.Op{Kind: op.Count, Model: item, Filter: given}).Filter
	if f.Join[0].Field != "kindId" || f.Join[0].Value != int64(1) || f.Join[1].Conds[0].Join[0].Field != "goneAt" || f.Join[1].Target != item {
		t.Errorf("the condition is %+v", f)
	}
	if given.Join[0].Field != "KindID" {
		t.Error("what was given has changed")
	}
	if again := normalized(t, op.Op{Kind: op.Count, Model: item, Filter: f}).Filter; !reflect.DeepEqual(again, f) {
		t.Errorf("a canonical condition changes to %+v", again)
	}
}

// Rows of the join model are given to the lookup as a condition.
func TestMatchJoin(t *testing.T) {
	item, _, join := soft(t)
	links := [][]any{{int64(1), int64(7), nil}, {int64(1), int64(8), "2024-01-01 00:00:00"}}
	look := func(r *schema.Relation, _ []any, on op.Cond) ([][]any, error) {
		var out [][]any
		for _, l := range links {
			ok, err := op.MatchRow(join, l, on, nil)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, []any{l[1], nil})
			}
		}
		return out, nil
	}
	for _, c := range []struct {
		n    int64
		join []op.Cond
	}{{2, nil}, {1, []op.Cond{op.Live(join)}}, {0, []op.Cond{op.Live(join), op.Cmp("kindId", op.Eq, 8)}}} {
		f := normalized(t, op.Op{Kind: op.Count, Model: item, Filter: op.Cond{Kind: op.HasCount, Relation: "kinds", Op: op.Eq, N: c.n, Join: c.join}}).Filter
		if ok, err := op.MatchRow(item, []any{int64(1), "x", nil}, f, look); err != nil || !ok {
			t.Errorf("%d links under %+v: %v, %v", c.n, c.join, ok, err)
		}
	}
}

func TestConflictWithADeletedRow(t *testing.T) {
	for _, e := range []*op.ConflictError{
		{Reason: op.ReasonExists, Model: "Item", ID: "1", Index: -1}, {Reason: op.ReasonUnique, Model: "Item", Fields: []string{"code"}, Index: -1},
	} {
		if strings.Contains(e.Error(), "deleted") {
			t.Errorf("%q speaks of a deleted row", e)
		}
		e.Deleted = true
		for _, word := range []string{"is deleted", "Restore", "Purge"} {
			if !strings.Contains(e.Error(), word) || !errors.Is(e, op.ErrConflict) {
				t.Errorf("%q does not say %s", e, word)
			}
		}
	}
}

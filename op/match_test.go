package op_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// rowOf makes a full row of the fields given.
func rowOf(m *schema.Model, vals map[string]any) []any {
	row := make([]any, len(m.Fields))
	for name, v := range vals {
		row[m.Field(name).Pos] = v
	}
	return row
}

func TestMatchRow(t *testing.T) {
	thing, _ := models(t)
	row := rowOf(thing, map[string]any{
		"id": "k", "name": "Straße ÄÖ", "small": int64(5), "price": dec("1.50"), "on": true, "at": at("2024-01-02T03:04:05Z"),
		"raw": []byte{1, 2}, "tags": op.JSON(`["a",1,null]`), "doc": op.JSON(`{"a":{"b":1.0},"list":[1],"n":null,"s":"Text","t":true}`), "any": "x",
	})
	list := func(field string, o op.Operator, vs ...any) op.Cond {
		return op.Cond{Kind: op.Compare, Field: field, Op: o, List: vs}
	}
	and := func(cs ...op.Cond) op.Cond { return op.Cond{Kind: op.And, Conds: cs} }
	or := func(cs ...op.Cond) op.Cond { return op.Cond{Kind: op.Or, Conds: cs} }
	yes, no := op.Cond{}, op.Cond{Kind: op.False}
	for _, c := range []struct {
		cond op.Cond
		want bool
	}{
		{yes, true},
		{no, false},
		{and(), true},
		{or(), false},
		{and(yes, no), false},
		{or(no, yes), true},
		{op.Cond{Kind: op.Not, Conds: []op.Cond{no}}, true},

		{op.Cmp("name", op.Eq, "Straße ÄÖ"), true},
		{op.Cmp("name", op.Eq, "straße äö"), false},
		{op.Cmp("name", op.Like, "ße ä"), true},
		{op.Cmp("name", op.Like, "SSE"), false},
		{op.Cmp("name", op.Like, ""), true},
		{op.Cmp("name", op.Like, "%"), false},
		{op.Cmp("name", op.StartsWith, "Str"), true},
		{op.Cmp("name", op.StartsWith, "str"), false},
		{op.Cmp("name", op.EndsWith, "Ö"), true},
		{op.Cmp("name", op.EndsWith, "ö"), false},
		{op.Cmp("name", op.Lt, "a"), true},
		{op.Cmp("name", op.Lt, "Sa"), false},

		{op.Cmp("small", op.Eq, 5), true},
		{op.Cmp("small", op.Ne, 5), false},
		{op.Cmp("small", op.Lt, 6), true},
		{op.Cmp("small", op.Le, 5), true},
		{op.Cmp("small", op.Gt, 5), false},
		{op.Cmp("small", op.Ge, 5), true},
		{list("small", op.Between, 5, 5), true},
		{list("small", op.Between, 6, 4), false},
		{list("small", op.Between, nil, 9), false},
		{list("small", op.In, 1, 5), true},
		{list("small", op.In), false},
		{list("small", op.NotIn), true},
		{list("small", op.NotIn, nil), true},
		{list("small", op.In, nil), false},
		{op.Cmp("price", op.Eq, "1.5"), true},
		{op.Cmp("price", op.Gt, "1.49999"), true},
		{op.Cmp("on", op.Gt, false), true},
		{op.Cmp("raw", op.Eq, []byte{1, 2}), true},
		{op.Cmp("at", op.Lt, "2024-01-03"), true},

		{op.Cmp("note", op.Eq, nil), true},
		{op.Cmp("note", op.Ne, nil), false},
		{op.Cmp("note", op.Eq, "x"), false},
		{op.Cmp("note", op.Ne, "x"), true},
		{op.Cmp("note", op.IsNull, nil), true},
		{op.Cmp("note", op.NotNull, nil), false},
		{op.Cmp("small", op.IsNull, nil), false},
		{op.Cmp("small", op.NotNull, nil), true},
		{op.Cmp("note", op.Like, ""), false},
		{op.Cmp("note", op.StartsWith, ""), false},
		{op.Cmp("note", op.Lt, "x"), false},
		{op.Cmp("small", op.Lt, nil), false},
		{op.Cmp("small", op.Gt, nil), false},
		{list("note", op.In, nil, "x"), true},
		{list("note", op.In, "x"), false},
		{list("note", op.NotIn, "x"), true},
		{list("note", op.NotIn, nil), false},
		{op.Cmp("name", op.Like, nil), false},
		{op.Cmp("name", op.Ne, nil), true},

		{op.Cmp("tags", op.Contains, "a"), true},
		{op.Cmp("tags", op.Contains, 1.0), true},
		{op.Cmp("tags", op.Contains, "1"), false},
		{op.Cmp("tags", op.Contains, nil), false},
		{op.Cmp("doc.list", op.Contains, 1), true},
		{op.Cmp("doc", op.Contains, "s"), false},
		{op.Cmp("doc.a.b", op.Eq, 1), true},
		{op.Cmp("doc.a.b", op.Eq, "1"), false},
		{op.Cmp("doc.a.b", op.Ne, "1"), true},
		{op.Cmp("doc.a.b", op.Lt, "2"), false},
		{op.Cmp("doc.a.b", op.Lt, 1.5), true},
		{op.Cmp("doc.s", op.Like, "EX"), true},
		{op.Cmp("doc.t", op.Eq, true), true},
		{op.Cmp("doc.t", op.Gt, false), true},
		{op.Cmp("doc.a", op.Eq, nil), false},
		{op.Cmp("doc.a", op.NotNull, nil), true},
		{op.Cmp("doc.a", op.Like, "b"), false},
		{op.Cmp("doc.n", op.IsNull, nil), true},
		{op.Cmp("doc.gone", op.IsNull, nil), true},
		{op.Cmp("doc.gone.x", op.Ne, 1), true},
		{list("doc.a.b", op.In, "x", 1), true},
		{op.Cmp("profile.a", op.IsNull, nil), true},
		{op.Cmp("profile", op.IsNull, nil), true},
		{op.Cmp("doc", op.Ne, nil), true},
		{op.Cmp("any", op.Eq, "x"), true},
		{op.Cmp("any", op.Lt, 5), false},
		{op.Cmp("any", op.Like, "X"), true},
	} {
		n := normalized(t, op.Op{Kind: op.Find, Model: thing, Filter: c.cond}).Filter
		got, err := op.MatchRow(thing, row, n, nil)
		if err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c.cond, got, err)
		}
		not, err := op.MatchRow(thing, row, op.Cond{Kind: op.Not, Conds: []op.Cond{n}}, nil)
		if err != nil || not == c.want {
			t.Errorf("not %+v: %v, %v", c.cond, not, err)
		}
	}
	for _, c := range []op.Cond{
		op.Cmp("nope", op.Eq, 1),
		{Kind: op.Match, Value: 5},
		{Kind: op.Match, Value: manyWords(101)},
		{Kind: 99},
		{Kind: op.Not},
		{Kind: op.Has, Relation: "user"},
		{Kind: op.Has, Relation: "nope"},
		{Kind: op.And, Conds: []op.Cond{{Kind: 99}}},
	} {
		if got, err := op.MatchRow(thing, row, c, nil); err == nil || got {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
	if _, err := op.MatchRow(thing, row[:1], op.Cmp("small", op.Eq, int64(5)), nil); err == nil {
		t.Error("a short row is no error")
	}
	if v, err := op.Place(thing, row, "doc", []string{"s"}); err != nil || v != "Text" {
		t.Errorf("Place: %v, %v", v, err)
	}
}

func TestMatchRelations(t *testing.T) {
	thing, user := models(t)
	rows := [][]any{
		rowOf(thing, map[string]any{"id": "1", "userId": "u", "small": int64(1)}),
		rowOf(thing, map[string]any{"id": "2", "userId": "u", "small": int64(2)}),
		rowOf(thing, map[string]any{"id": "3"}),
	}
	owner := []any{"u", "Ann", int64(30)}
	fail := errors.New("broken")
	look := func(r *schema.Relation, key []any, _ op.Cond) ([][]any, error) {
		switch {
		case slices.Contains(key, nil):
			t.Error("a key with NULL is looked up")
		case r.Name == "labels":
			return nil, fail
		case r.Name == "user" && key[0] == "u":
			return [][]any{owner}, nil
		case r.Name == "things" && key[0] == "u":
			return rows[:2], nil
		}
		return nil, nil
	}
	count := func(o op.Operator, n int64, cs ...op.Cond) op.Cond {
		return op.Cond{Kind: op.HasCount, Relation: "things", Op: o, N: n, Conds: cs}
	}
	for _, c := range []struct {
		m    *schema.Model
		row  []any
		cond op.Cond
		want bool
	}{
		{user, owner, op.Cond{Kind: op.Has, Relation: "things"}, true},
		{user, []any{"v", nil, nil}, op.Cond{Kind: op.Has, Relation: "things"}, false},
		{user, owner, op.Cond{Kind: op.Has, Relation: "things", Conds: []op.Cond{op.Cmp("small", op.Gt, 1), op.Cmp("id", op.Eq, "2")}}, true},
		{user, owner, op.Cond{Kind: op.Has, Relation: "things", Conds: []op.Cond{op.Cmp("small", op.Gt, 1), op.Cmp("id", op.Eq, "1")}}, false},
		{user, owner, count(op.Eq, 2), true},
		{user, owner, count(op.Gt, 2), false},
		{user, owner, count(op.Ne, 1, op.Cmp("small", op.Eq, 1)), false},
		{user, []any{"v", nil, nil}, count(op.Eq, 0), true},
		{thing, rows[0], op.Cond{Kind: op.Has, Relation: "user", Conds: []op.Cond{count(op.Ge, 2)}}, true},
		{thing, rows[2], op.Cond{Kind: op.Has, Relation: "user"}, false},
		{thing, rows[2], op.Cond{Kind: op.Not, Conds: []op.Cond{{Kind: op.Has, Relation: "user"}}}, true},
	} {
		n := normalized(t, op.Op{Kind: op.Find, Model: c.m, Filter: c.cond}).Filter
		if got, err := op.MatchRow(c.m, c.row, n, look); err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c.cond, got, err)
		}
	}
	if _, err := op.MatchRow(thing, rows[0], op.Cond{Kind: op.Has, Relation: "labels"}, look); !errors.Is(err, fail) {
		t.Errorf("the lookup's error is lost: %v", err)
	}
	cols := []*schema.Field{{Name: "n", Type: schema.BigInteger}}
	if ok, err := op.MatchColumns(cols, []any{int64(3)}, op.Cmp("n", op.Gt, int64(2))); err != nil || !ok {
		t.Errorf("columns: %v, %v", ok, err)
	}
	if _, err := op.MatchColumns(cols, []any{int64(3)}, op.Cmp("m", op.Gt, int64(2))); err == nil {
		t.Error("an unknown column is no error")
	}
}

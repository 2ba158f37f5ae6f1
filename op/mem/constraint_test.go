package mem_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// family is a parent and a child that points at it by code.
func family(t *testing.T, onDelete, onUpdate schema.Action, nullable bool) (parent, child *schema.Model) {
	t.Helper()
	parent = &schema.Model{Name: "Parent", Fields: []*schema.Field{
		{Name: "id", Type: schema.BigInteger, Primary: true},
		{Name: "code", Type: schema.String, Unique: true, Nullable: true},
	}}
	child = &schema.Model{Name: "Child", Fields: []*schema.Field{
		{Name: "id", Type: schema.BigInteger, Primary: true},
		{
			Name: "parent", Type: schema.String, Nullable: nullable, Default: &schema.Default{Value: "home"},
			References: &schema.Reference{Table: "parents", Column: "code", OnDelete: onDelete, OnUpdate: onUpdate},
		},
	}}
	build(t, parent, child)
	return parent, child
}

func TestForeignKeyActions(t *testing.T) {
	remove := func(m *schema.Model) op.Op {
		return op.Op{Kind: op.Delete, Model: m, Filter: op.Cmp("id", op.Eq, 1)}
	}
	rename := func(m *schema.Model) op.Op {
		return op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, 1), Set: []op.Assign{{Field: "code", Value: "new"}}}
	}
	for _, c := range []struct {
		name     string
		del, upd schema.Action
		nullable bool
		do       func(m *schema.Model) op.Op
		want     []any // the parents of the children; nil is a conflict
	}{
		{"delete, no action", schema.NoAction, "", true, remove, nil},
		{"delete, restrict", schema.Restrict, "", true, remove, nil},
		{"delete, cascade", schema.Cascade, "", true, remove, []any{"b"}},
		{"delete, set null", schema.SetNull, "", true, remove, []any{nil, nil, "b"}},
		{"delete, set default", schema.SetDefault, "", false, remove, []any{"home", "home", "b"}},
		{"rename, no action", "", schema.NoAction, true, rename, nil},
		{"rename, restrict", "", schema.Restrict, true, rename, nil},
		{"rename, cascade", "", schema.Cascade, true, rename, []any{"new", "new", "b"}},
		{"rename, set null", "", schema.SetNull, true, rename, []any{nil, nil, "b"}},
		{"rename, set default", "", schema.SetDefault, true, rename, []any{"home", "home", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			parent, child := family(t, c.del, c.upd, c.nullable)
			e := open(t)
			if err := add(t, e, parent, []any{1, "a"}, []any{2, "b"}, []any{3, "home"}, []any{4, nil}); err != nil {
				t.Fatal(err)
			}
			if err := add(t, e, child, []any{1, "a"}, []any{2, "a"}, []any{3, "b"}); err != nil {
				t.Fatal(err)
			}
			all := op.Op{Kind: op.Find, Model: child, Fields: []string{"parent"}, Sort: []op.Sort{{Field: "id"}}}
			before := values(t, e, all)
			_, err := do(t, e, c.do(parent))
			if c.want == nil {
				if reason(err) != op.ReasonReference {
					t.Errorf("no conflict but %v", err)
				}
				c.want = before
			} else if err != nil {
				t.Fatal(err)
			}
			if got := values(t, e, all); !reflect.DeepEqual(got, c.want) {
				t.Errorf("children point at %v, want %v", got, c.want)
			}
		})
	}
}

func TestForeignKeys(t *testing.T) {
	parent, child := family(t, schema.SetDefault, "", true)
	e := open(t)
	if err := add(t, e, child, []any{1, nil}); err != nil {
		t.Errorf("NULL points nowhere: %v", err)
	}
	err := add(t, e, child, []any{2, nil}, []any{3, "gone"})
	var c *op.ConflictError
	if !errors.As(err, &c) || c.Reason != op.ReasonReference || c.Index != 1 || c.ID != "3" || !reflect.DeepEqual(c.Fields, []string{"parent"}) {
		t.Errorf("%#v", err)
	}
	if _, err := do(t, e, op.Op{Kind: op.Update, Model: child, Set: []op.Assign{{Field: "parent", Value: "gone"}}}); reason(err) != op.ReasonReference {
		t.Errorf("update: %v", err)
	}
	if _, err := do(t, e, op.Op{Kind: op.Upsert, Model: child, Conflict: &op.Conflict{}, Rows: [][]any{{9, "gone"}}}); reason(err) != op.ReasonReference {
		t.Errorf("upsert: %v", err)
	}
	if n := must(t, e, op.Op{Kind: op.Count, Model: child}).N; n != 1 {
		t.Errorf("%d children, want 1", n)
	}
	// The default points nowhere, so the action fails.
	if err := add(t, e, parent, []any{1, "a"}); err != nil {
		t.Fatal(err)
	}
	if err := add(t, e, child, []any{4, "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, e, op.Op{Kind: op.Delete, Model: parent}); reason(err) != op.ReasonReference {
		t.Errorf("set default to nowhere: %v", err)
	}
}

func TestForeignKeyToItself(t *testing.T) {
	node := &schema.Model{Name: "Node", Fields: []*schema.Field{
		{Name: "id", Type: schema.BigInteger, Primary: true},
		{Name: "parentId", Type: schema.BigInteger, Nullable: true},
	}, Relations: []*schema.Relation{{Name: "parent", Kind: schema.BelongsTo, Model: "Node", OnDelete: schema.Cascade}}}
	build(t, node)
	e := open(t)
	if err := add(t, e, node, []any{1, 2}, []any{2, nil}, []any{3, 1}, []any{4, 4}, []any{5, 3}); err != nil {
		t.Fatalf("rows of one insert may point at later ones: %v", err)
	}
	if n := must(t, e, op.Op{Kind: op.Delete, Model: node, Filter: op.Cmp("id", op.Eq, 2)}).N; n != 1 {
		t.Errorf("N counts %d rows, want what the filter chose", n)
	}
	if got := values(t, e, op.Op{Kind: op.Find, Model: node}); !reflect.DeepEqual(got, []any{int64(4)}) {
		t.Errorf("left are %v", got)
	}
}

func TestUnique(t *testing.T) {
	m := &schema.Model{Name: "Seat", Fields: []*schema.Field{
		{Name: "id", Type: schema.BigInteger, Primary: true, Auto: true},
		{Name: "row", Type: schema.Integer, Nullable: true},
		{Name: "place", Type: schema.Integer, Nullable: true},
		{Name: "price", Type: schema.Decimal, Nullable: true, Unique: true},
	}, Indexes: []schema.Index{{Fields: []string{"row", "place"}, Unique: true}}}
	build(t, m)
	e := open(t)
	no := op.Unset{}
	if err := add(t, e, m, []any{no, 1, 1, "1.5"}, []any{no, 1, nil, nil}, []any{no, 1, nil, nil}, []any{10, 1, 2, no}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		row    []any
		reason string
		fields []string
	}{
		{[]any{10, 2, 2, no}, op.ReasonExists, []string{"id"}},
		{[]any{no, 1, 2, no}, op.ReasonUnique, []string{"row", "place"}},
		{[]any{no, 9, 9, "1.50"}, op.ReasonUnique, []string{"price"}},
	} {
		var conflict *op.ConflictError
		if err := add(t, e, m, c.row); !errors.As(err, &conflict) || conflict.Reason != c.reason || !reflect.DeepEqual(conflict.Fields, c.fields) || conflict.Index != -1 {
			t.Errorf("%v: %#v", c.row, err)
		}
	}
	res := must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{no, 5, 5, no}}, Returning: true})
	if !res.Rows.Next() || res.Rows.Row()[0] != int64(11) {
		t.Errorf("the next key after 10 is %v", res.Rows.Row())
	}
	// Only what an update leaves behind counts.
	must(t, e, op.Op{Kind: op.Increment, Model: m, Filter: op.Cmp("place", op.NotNull, nil), Set: []op.Assign{{Field: "place", Inc: true, Value: 1}}})
	if _, err := do(t, e, op.Op{Kind: op.Update, Model: m, Set: []op.Assign{{Field: "price", Value: "7"}}}); reason(err) != op.ReasonUnique {
		t.Errorf("all rows with one price: %v", err)
	}
}

func TestPartialUniqueIndexIsRefused(t *testing.T) {
	m := &schema.Model{
		Name: "Part", Fields: []*schema.Field{{Name: "id", Type: schema.BigInteger, Primary: true}},
		Indexes: []schema.Index{{Fields: []string{"id"}, Unique: true, Where: "id > 0"}},
	}
	build(t, m)
	e := open(t)
	if err := migrate(t, e, m); !errors.Is(err, op.ErrUnsupported) {
		t.Errorf("migrate: %v", err)
	}
	if err := add(t, e, m, []any{1}); !errors.Is(err, op.ErrUnsupported) {
		t.Errorf("insert: %v", err)
	}
	must(t, e, op.Op{Kind: op.Find, Model: m})
}

func TestDefaults(t *testing.T) {
	m := &schema.Model{Name: "Def", Fields: []*schema.Field{
		{Name: "id", Type: schema.BigInteger, Primary: true},
		{Name: "word", Type: schema.String, Default: &schema.Default{Value: "x"}},
		{Name: "at", Type: schema.DateTime, Default: &schema.Default{Now: true}},
		{Name: "note", Type: schema.String, Nullable: true},
		{Name: "version", Type: schema.BigInteger, Role: schema.RoleVersion},
		{Name: "must", Type: schema.String},
	}}
	build(t, m)
	e := open(t)
	no := op.Unset{}
	res := must(t, e, op.Op{Kind: op.Insert, Model: m, Returning: true, Rows: [][]any{{1, no, no, no, no, "m"}}})
	res.Rows.Next()
	row := res.Rows.Row()
	if row[1] != "x" || row[2] == nil || row[3] != nil || row[4] != int64(1) {
		t.Errorf("the row is %v", row)
	}
	err := add(t, e, m, []any{2, no, no, no, no, "m"}, []any{3, no, no, no, no, no})
	var v *op.ValidationError
	if !errors.As(err, &v) || v.Failures[0].Field != "must" || v.Failures[0].Rule != "null" || v.Index != 1 {
		t.Errorf("%#v", err)
	}
	if n := must(t, e, op.Op{Kind: op.Count, Model: m}).N; n != 1 {
		t.Errorf("%d rows after a failed insert", n)
	}
}

func TestMigrate(t *testing.T) {
	field := func(name string, opts ...func(*schema.Field)) *schema.Field {
		f := &schema.Field{Name: name, Type: schema.String, Nullable: true}
		for _, o := range opts {
			o(f)
		}
		return f
	}
	version := func(fields ...*schema.Field) *schema.Model {
		m := &schema.Model{Name: "Doc", Fields: append([]*schema.Field{{Name: "id", Type: schema.BigInteger, Primary: true}}, fields...)}
		build(t, m)
		return m
	}
	e := open(t)
	one := version(field("a"), field("b"))
	if err := migrate(t, e, one); err != nil {
		t.Fatal(err)
	}
	if err := add(t, e, one, []any{1, "x", "y"}); err != nil {
		t.Fatal(err)
	}
	two := version(field("c", func(f *schema.Field) { f.RenamedFrom = "a" }), field("b"),
		field("d", func(f *schema.Field) { f.Nullable, f.Default = false, &schema.Default{Value: "z"} }))
	if _, err := do(t, e, op.Op{Kind: op.Find, Model: two}); !errors.Is(err, op.ErrDatabase) {
		t.Errorf("a table of another shape is used: %v", err)
	}
	if err := migrate(t, e, two); err != nil {
		t.Fatal(err)
	}
	rows := must(t, e, op.Op{Kind: op.Find, Model: two}).Rows
	if !rows.Next() || !reflect.DeepEqual(rows.Row(), []any{int64(1), "x", "y", "z"}) {
		t.Errorf("the row became %v", rows.Row())
	}
	if err := migrate(t, e, version(field("c"))); !errors.Is(err, op.ErrDatabase) {
		t.Errorf("columns are dropped: %v", err)
	}
	if err := migrate(t, e, version(field("c"), field("b"), field("d"), field("e", func(f *schema.Field) { f.Nullable = false }))); !errors.Is(err, op.ErrValidation) {
		t.Errorf("a column that needs a value is added: %v", err)
	}
	if err := migrate(t, e, version(field("c"), field("b"), field("d"))); err != nil {
		t.Errorf("the same columns again: %v", err)
	}
	_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: one.Set()}})
	if err != nil {
		t.Errorf("without Apply: %v", err)
	}
}

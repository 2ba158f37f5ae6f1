package migrate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

func (p place) plan(t testing.TB, set *schema.Set, o migrate.Options) *migrate.Plan {
	t.Helper()
	plan, err := migrate.New(p.db, p.dialect, set, o).Plan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// apply plans and applies, and checks that nothing is left to do.
func (p place) apply(t testing.TB, set *schema.Set, o migrate.Options) *migrate.Plan {
	t.Helper()
	m := migrate.New(p.db, p.dialect, set, o)
	plan := p.plan(t, set, o)
	if err := m.Apply(context.Background(), plan); err != nil {
		t.Fatalf("%v\n%s", err, plan)
	}
	if again := p.plan(t, set, o); !again.Empty() {
		t.Fatalf("the second plan is not empty:\n%s\nafter\n%s", again, plan)
	}
	return plan
}

// specifics are types of the databases' own, in spellings that they do not use
// themselves.
var specifics = map[catalog.Dialect][]string{
	catalog.Postgres: {"varchar( 20 )", "int8", "TIMESTAMPTZ(3)", "inet", "numeric(8 , 3)", "text[]", "FLOAT", "char(5)", "bit varying(7)", "interval"},
	catalog.MySQL:    {"VARCHAR( 20 )", "INTEGER", "mediumint unsigned", "enum('a','B')", "set('x','y')", "NUMERIC(8 , 3)", "year", "bit(3)", "tinytext", "DOUBLE PRECISION", "timestamp(3) NULL"},
}

// variants are the columns of the matrix that a dialect can have.
func variants(d catalog.Dialect) []*schema.Field {
	sized := func(typ schema.Type, sizes ...int) (out []*schema.Field) {
		for _, n := range sizes {
			for _, null := range []bool{false, true} {
				for _, def := range []any{nil, "", "MiXed 'quoted' \\ \"x\""} {
					f := &schema.Field{Type: typ, Size: n, Nullable: null}
					if s, ok := def.(string); ok && (n < 0 || len(s) <= n) {
						f.Default = &schema.Default{Value: s}
					} else if ok {
						continue
					}
					f.Comment = fmt.Sprintf("%s(%d) nullable=%t default=%v", typ, n, null, def)
					out = append(out, f)
				}
			}
		}
		return out
	}
	var out []*schema.Field
	for _, f := range matrix() {
		unbounded := f.Type == schema.Text || f.Type.Kind() == schema.KindJSON
		switch {
		case f.Type == schema.Specific && d != catalog.SQLite, f.IndexGlobal && d != catalog.SQLite:
			continue
		case d == catalog.MySQL && f.Unique && unbounded:
			continue
		case d == catalog.MySQL && (f.Index || f.Unique) && f.Default != nil: // the cross with defaults is PostgreSQL's and SQLite's: here each index takes its time
			continue
		case d == catalog.Postgres && f.Index && f.Type.Kind() == schema.KindJSON:
			continue
		}
		out = append(out, f)
	}
	out = append(out, sized(schema.String, -1, 1, 20, 191, 900, 20000)...)
	if d != catalog.SQLite {
		for _, typ := range specifics[d] {
			for _, null := range []bool{false, true} {
				out = append(out, &schema.Field{Type: schema.Specific, DBType: typ, Nullable: null, Comment: "specific " + typ})
			}
		}
	}
	for _, f := range []*schema.Field{
		{Type: schema.BigInteger, Unsigned: true},
		{Type: schema.Binary, Size: 16},
		{Type: schema.Binary, Size: 300, Nullable: true},
		{Type: schema.NanoID, Size: 12},
		{Type: schema.Decimal, Precision: 38, Scale: 10},
		{Type: schema.Decimal, Precision: 5, Scale: 5},
	} {
		if d == catalog.SQLite && f.Precision > 18 {
			continue
		}
		out = append(out, f)
	}
	for i, f := range out {
		g := *f
		g.Name = fmt.Sprintf("f%d", i)
		g.Column = ""
		out[i] = &g
	}
	return out
}

// TestIdempotent makes every column of the matrix, and adds every column of it
// to a table that has a row: the second plan is empty.
func TestIdempotent(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		var made, bare, added []*schema.Model
		n := 0
		for fs := range slices.Chunk(variants(p.dialect), 15) {
			i := len(made)
			model := func(prefix string, fs ...*schema.Field) *schema.Model {
				return &schema.Model{Name: fmt.Sprintf("%s%d", prefix, i), Comment: "it's " + prefix, Fields: append([]*schema.Field{key(), {Name: "x", Type: schema.String, Default: &schema.Default{Value: ""}}}, fs...)}
			}
			made = append(made, model("Made", fs...))
			bare = append(bare, model("Added"))
			var later []*schema.Field
			for _, f := range fs {
				g := *f
				g.Unique = false // all rows would have the same
				if g.Type != schema.Specific {
					later = append(later, &g)
				}
			}
			added = append(added, model("Added", later...))
			n += len(fs)
		}
		p.apply(t, build(t, made...), migrate.Options{})
		p.apply(t, build(t, bare...), migrate.Options{})
		for _, m := range build(t, bare...).Models {
			p.exec(t, "INSERT INTO "+catalog.Quote(p.dialect, m.Table)+" (x) VALUES ('1')")
		}
		p.apply(t, build(t, added...), migrate.Options{})
		t.Logf("%d columns made and added: types × nullable × default × size, digits, unsigned × index", n)
	})
}

// TestIdempotentKeys goes through keys, indexes and foreign keys with each
// action.
func TestIdempotentKeys(t *testing.T) {
	keys := []*schema.Field{
		{Type: schema.BigInteger, Auto: true},
		{Type: schema.Integer, Auto: true},
		{Type: schema.BigInteger},
		{Type: schema.Integer},
		{Type: schema.Integer, Unsigned: true},
		{Type: schema.String},
		{Type: schema.String, Size: 20},
		{Type: schema.UUID},
		{Type: schema.NanoID},
		{Type: schema.Binary},
		{Type: schema.Binary, Size: 16},
		{Type: schema.Date},
		{Type: schema.DateTime},
		{Type: schema.Decimal},
		{Type: schema.Boolean},
	}
	actions := []schema.Action{schema.NoAction, schema.Cascade, schema.SetNull, schema.Restrict}
	places(t, func(t *testing.T, p place) {
		var ms []*schema.Model
		n := 0
		for i, k := range keys {
			k := *k
			k.Name, k.Primary = "id", true
			parent := &schema.Model{Name: fmt.Sprintf("Parent%d", i), Fields: []*schema.Field{&k, {Name: "a", Type: schema.Integer}, {Name: "b", Type: schema.String, Size: 30, Nullable: true}}}
			parent.Indexes = []schema.Index{
				{Fields: []string{"a", "b"}},
				{Fields: []string{"b", "a"}, Unique: true, Name: fmt.Sprintf("Custom \"Name' %d", i)},
				{Fields: []string{"b"}, Name: fmt.Sprintf("select_%d", i)},
			}
			child := &schema.Model{Name: fmt.Sprintf("Child%d", i), Fields: []*schema.Field{key()}}
			for j, onDelete := range actions {
				onUpdate := actions[(i+j)%len(actions)]
				f := k
				f.Name, f.Primary, f.Auto, f.Nullable = fmt.Sprintf("p%d", j), false, false, true
				f.References = &schema.Reference{Table: strings.ToLower(parent.Name) + "s", Column: "id", OnDelete: onDelete, OnUpdate: onUpdate}
				parent.Table = strings.ToLower(parent.Name) + "s"
				child.Fields = append(child.Fields, &f)
				n++
			}
			ms = append(ms, parent, child)
		}
		// A circle, and a table that points at itself.
		ref := func(table string) *schema.Reference {
			return &schema.Reference{Table: table, Column: "id", OnDelete: schema.SetNull}
		}
		ms = append(ms,
			&schema.Model{Name: "Hen", Table: "hens", Fields: []*schema.Field{key(), {Name: "egg", Type: schema.BigInteger, Nullable: true, References: ref("eggs")}, {Name: "mother", Type: schema.BigInteger, Nullable: true, References: ref("hens")}}},
			&schema.Model{Name: "Egg", Table: "eggs", Fields: []*schema.Field{key(), {Name: "hen", Type: schema.BigInteger, Nullable: true, References: ref("hens")}}},
		)
		// Names that need quoting, and long ones.
		long := strings.Repeat("n", 63)
		ms = append(ms, &schema.Model{Name: "Odd", Table: "select \"x\" `y` 'z'", Fields: []*schema.Field{
			{Name: "order", Column: "order", Type: schema.Integer, Primary: true},
			{Name: "group", Column: "gro\"u`p'; --", Type: schema.String, Unique: true},
			{Name: "table", Column: long, Type: schema.Enum, Enum: []string{"a'b", `c\d`, "e\"f"}, Index: true},
		}})
		// Keys of several columns.
		ms = append(ms, &schema.Model{Name: "Pair", Table: "pairs", Fields: []*schema.Field{
			{Name: "b", Type: schema.String, Size: 50, Primary: true}, {Name: "a", Type: schema.Integer, Primary: true},
		}})
		p.apply(t, build(t, ms...), migrate.Options{})
		t.Logf("%d foreign keys over %d kinds of keys, %d tables", n, len(keys), len(ms))
	})
}

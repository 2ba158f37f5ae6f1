package schema_test

import (
	"os"
	"reflect"
	"testing"

	"github.com/weftdb/weft/schema"
)

// plainOf is a copy of a model without what only Go and Build know.
func plainOf(m *schema.Model) *schema.Model {
	c := &schema.Model{
		Name: m.Name, Table: m.Table, Comment: m.Comment, RenamedFrom: m.RenamedFrom, Version: m.Version,
		Kind: m.Kind, Scope: m.Scope, Indexes: m.Indexes, Sharding: m.Sharding, Pin: m.Pin, Events: m.Events,
		Cache: m.Cache, Seed: m.Seed, NeedsHooks: m.NeedsHooks, Implicit: m.Implicit,
	}
	if m.KindReason != "" {
		c.Kind = ""
	}
	for _, f := range m.Fields {
		// By name, so that what YAML knows nothing of is left behind.
		g := &schema.Field{
			Name: f.Name, Column: f.Column, Type: f.Type, Size: f.Size, Precision: f.Precision, Scale: f.Scale,
			Enum: f.Enum, DBType: f.DBType, Nullable: f.Nullable, Unsigned: f.Unsigned, Comment: f.Comment,
			RenamedFrom: f.RenamedFrom, Primary: f.Primary, Auto: f.Auto, Required: f.Required, Unique: f.Unique,
			Index: f.Index, IndexGlobal: f.IndexGlobal, Search: f.Search, Immutable: f.Immutable, Encrypted: f.Encrypted,
			ReadOnly: f.ReadOnly, Hidden: f.Hidden, Role: f.Role, Default: f.Default, NanoID: f.NanoID,
			Validate: f.Validate, Validator: f.Validator, Transform: f.Transform, References: f.References, EmbedPrefix: f.EmbedPrefix,
		}
		c.Fields = append(c.Fields, g)
	}
	for _, r := range m.Relations {
		fk, lk := r.FK, r.LK
		if r.Target != nil { // built: keys are compared as resolved
			fk, lk = nil, nil
		}
		c.Relations = append(c.Relations, &schema.Relation{
			Name: r.Name, Kind: r.Kind, Model: r.Model, FK: fk, LK: lk, Through: r.Through, OnDelete: r.OnDelete, OnUpdate: r.OnUpdate, References: r.References, Eager: r.Eager, Hidden: r.Hidden,
		})
	}
	for _, x := range m.Counts {
		c.Counts = append(c.Counts, &schema.Count{Name: x.Name, Relation: x.Relation, Hidden: x.Hidden})
	}
	return c
}

// TestPlainKnowsAllFields fails when a part is added to the models that the
// comparison above does not know.
func TestPlainKnowsAllFields(t *testing.T) {
	for typ, n := range map[reflect.Type]int{
		reflect.TypeFor[schema.Model]():    31,
		reflect.TypeFor[schema.Field]():    36,
		reflect.TypeFor[schema.Relation](): 21,
		reflect.TypeFor[schema.Count]():    7,
	} {
		if typ.NumField() != n {
			t.Errorf("%s has %d fields, the comparison was written for %d", typ, typ.NumField(), n)
		}
	}
}

func sameModel(t interface {
	Helper()
	Fatalf(string, ...any)
}, got, want *schema.Model,
) {
	t.Helper()
	g, w := plainOf(got), plainOf(want)
	if len(g.Fields) == len(w.Fields) {
		for i := range g.Fields {
			if !reflect.DeepEqual(g.Fields[i], w.Fields[i]) {
				t.Fatalf("field %s\ngot  %+v\nwant %+v\ndefaults %#v %#v", w.Fields[i].Name, g.Fields[i], w.Fields[i], g.Fields[i].Default, w.Fields[i].Default)
			}
		}
	}
	if !reflect.DeepEqual(g, w) {
		t.Fatalf("got  %+v\nwant %+v", g, w)
	}
}

// roundTrip writes a model and reads it again.
func roundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, m *schema.Model,
) {
	t.Helper()
	text, err := m.YAML()
	if err != nil {
		t.Fatalf("%v", err)
	}
	back, err := schema.ParseYAML("m.yaml", text)
	if err != nil || len(back) != 1 {
		t.Fatalf("%d models, %v, from\n%s", len(back), err, text)
	}
	sameModel(t, back[0], m)
	again, err := back[0].YAML()
	if err != nil || string(again) != string(text) {
		t.Fatalf("%v; got\n%s\nwant\n%s", err, again, text)
	}
}

func TestYAMLExample(t *testing.T) {
	text, err := os.ReadFile("testdata/post.yaml")
	if err != nil {
		t.Fatal(err)
	}
	models, err := schema.ParseYAML("post.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	others, err := schema.ParseYAML("others.yaml", []byte(`
model: User
fields: {name: string}
---
model: Comment
fields:
  postId: uuid
  text: {type: text}
`))
	if err != nil {
		t.Fatal(err)
	}
	out, err := models[0].YAML()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "post.golden.yaml", string(out))
	roundTrip(t, models[0])
	set, err := schema.Build(append(models, others...)...)
	if err != nil {
		t.Fatal(err)
	}
	post := set.Model("Post")
	equal(t, post.OwnerF.Name, "userId")
	equal(t, post.CreatedF.Column, "created_at")
	equal(t, post.Relation("comments").To[0], set.Model("Comment").Field("postId"))
	equal(t, set.Model("User").Primary[0].Type, schema.UUID)
	equal(t, post.Field("slug").NanoID, true)
	sameSet(t, set)
}

// sameSet writes a set, reads it and builds it again.
func sameSet(t *testing.T, set *schema.Set) {
	t.Helper()
	text, err := schema.SetYAML(set)
	if err != nil {
		t.Fatal(err)
	}
	models, err := schema.ParseYAML("set.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	back, err := schema.Build(models...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	equal(t, len(back.Models), len(set.Models))
	for i, m := range back.Models {
		want := set.Models[i]
		sameModel(t, m, want)
		equal(t, m.KindReason, want.KindReason)
		for j, r := range m.Relations {
			w := want.Relations[j]
			equal(t, joined(r.From, r.To, r.ViaFrom, r.ViaTo), joined(w.From, w.To, w.ViaFrom, w.ViaTo))
		}
		for j, f := range []*schema.Field{m.VersionF, m.CreatedF, m.UpdatedF, m.OwnerF, m.DeletedF} {
			w := []*schema.Field{want.VersionF, want.CreatedF, want.UpdatedF, want.OwnerF, want.DeletedF}[j]
			if (f == nil) != (w == nil) || (f != nil && f.Name != w.Name) {
				t.Errorf("role %d of %s is %v, want %v", j, m.Name, f, w)
			}
		}
	}
	again, err := schema.SetYAML(back)
	if err != nil || string(again) != string(text) {
		t.Errorf("%v; got\n%s\nwant\n%s", err, again, text)
	}
}

func joined(lists ...[]*schema.Field) string {
	s := ""
	for _, l := range lists {
		for _, f := range l {
			s += f.Name + ","
		}
		s += ";"
	}
	return s
}

func TestSetYAML(t *testing.T) {
	set := build(t, User{}, Post{})
	sameSet(t, set)
	text, err := schema.SetYAML(set)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "set.golden.yaml", string(text))
	if models, err := schema.ParseYAML("empty.yaml", nil); len(models) != 0 || err != nil {
		t.Errorf("an empty file gives %v, %v", models, err)
	}
}

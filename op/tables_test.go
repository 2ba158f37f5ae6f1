package op_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func TestTables(t *testing.T) {
	thing, user := models(t)
	has := func(cs ...op.Cond) op.Cond { return op.Cond{Kind: op.Has, Relation: "labels", Conds: cs} }
	for _, c := range []struct {
		name string
		op   op.Op
		want string
	}{
		{"find", op.Op{Kind: op.Find, Model: user}, "users"},
		{"filter", op.Op{Kind: op.Find, Model: thing, Filter: op.Cond{Kind: op.Not, Conds: []op.Cond{has()}}}, "labels thing_labels things"},
		{"using", op.Op{Kind: op.Find, Model: user, Using: op.Cond{Kind: op.Has, Relation: "things", Conds: []op.Cond{has()}}}, "labels thing_labels things users"},
		{"check", op.Op{Kind: op.Insert, Model: thing, Check: op.Cond{Kind: op.Has, Relation: "user"}}, "things users"},
		{"with", op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "things", With: []op.With{{Relation: "labels"}}}}}, "labels thing_labels things users"},
		{"with filter", op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "things", Filter: has()}}}, "labels thing_labels things users"},
		{"with unknown", op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "x"}}, Filter: op.Cond{Kind: op.Has, Relation: "x"}}, "users"},
		{"with count", op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "thingsCount", Filter: has()}}}, "labels thing_labels things users"},
		{"join", op.Op{Kind: op.Find, Model: thing, Filter: op.Cond{Kind: op.Has, Relation: "labels", Join: []op.Cond{{Kind: op.Has, Relation: "x"}}}}, "labels thing_labels things"},
		{"via", op.Op{Kind: op.Find, Model: user.Set().Model("Label"), Via: &op.Via{Model: thing, Relation: "labels"}}, "labels thing_labels"},
		{"cascade", op.Op{Kind: op.Delete, Model: user}, "thing_labels things users"},
		{"key changed", op.Op{Kind: op.Update, Model: user, Set: []op.Assign{{Field: "id", Value: "x"}}}, "thing_labels things users"},
		{"path changed", op.Op{Kind: op.Update, Model: thing, Set: []op.Assign{{Field: "doc", Path: []string{"a"}}}}, "things"},
		{"guards", op.Op{Kind: op.Batch, Guards: []op.Guard{{Model: thing, Filter: op.Cond{Kind: op.Has, Relation: "user"}}}}, "things users"},
		{"batch", op.Op{Kind: op.Batch, Batch: []op.Op{{Kind: op.Insert, Model: user}, {Kind: op.Insert, Model: thing}}}, "things users"},
		{"migrate", op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: user.Set()}}, "labels thing_labels things users"},
		{"sql", op.Op{Kind: op.SQL}, ""},
		{"model not built", op.Op{Kind: op.Delete, Model: &schema.Model{Table: "t"}}, "t"},
	} {
		if got := strings.Join(op.Tables(&c.op), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestForeignKeys(t *testing.T) {
	field := func(name string) *schema.Field { return &schema.Field{Name: name, Type: schema.UUID, Nullable: true} }
	key := func() *schema.Field { return &schema.Field{Name: "id", Type: schema.UUID, Primary: true} }
	ref := field("managerId")
	ref.References = &schema.Reference{Table: "people", Column: "id", OnUpdate: schema.Cascade}
	person := &schema.Model{Name: "Person", Table: "people", Fields: []*schema.Field{key(), ref, field("homeId"), field("workId")}, Relations: []*schema.Relation{
		{Name: "manager", Kind: schema.BelongsTo, Model: "Person", FK: []string{"managerId"}, OnDelete: schema.SetNull},
		{Name: "home", Kind: schema.BelongsTo, Model: "Place", FK: []string{"homeId"}},
		{Name: "pets", Kind: schema.HasMany, Model: "Pet", FK: []string{"ownerId"}, OnDelete: schema.Cascade},
	}}
	place := &schema.Model{Name: "Place", Fields: []*schema.Field{key()}, Relations: []*schema.Relation{
		{Name: "boss", Kind: schema.HasOne, Model: "Person", FK: []string{"workId"}, OnDelete: schema.Restrict},
	}}
	pet := &schema.Model{Name: "Pet", Fields: []*schema.Field{key(), field("ownerId")}, Relations: []*schema.Relation{
		{Name: "owner", Kind: schema.BelongsTo, Model: "Person", FK: []string{"ownerId"}, OnDelete: schema.Cascade},
	}}
	set, err := schema.Build(person, place, pet)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range op.ForeignKeys(set.Models) {
		got = append(got, fmt.Sprintf("%s.%s → %s.%s %s/%s", k.Model.Name, k.Fields[0].Name, k.Target.Name, k.TargetFields[0].Name, k.OnDelete, k.OnUpdate))
	}
	want := []string{
		"Person.managerId → Person.id set null/cascade",
		"Pet.ownerId → Person.id cascade/",
		"Person.workId → Place.id restrict/",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

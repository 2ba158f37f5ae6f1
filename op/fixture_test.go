package op_test

import (
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// people has one field of every type, users two relations to it.
func models(t testing.TB) (thing, user *schema.Model) {
	t.Helper()
	thing = &schema.Model{Name: "Thing", Fields: []*schema.Field{
		{Name: "id", GoName: "ID", Type: schema.UUID, Primary: true},
		{Name: "name", GoName: "Name", Type: schema.String, Size: 10, Unique: true, Search: true},
		{Name: "note", Type: schema.Text, Nullable: true, Search: true},
		{Name: "small", Type: schema.Integer, Nullable: true},
		{Name: "count", Type: schema.Integer, Unsigned: true, Nullable: true},
		{Name: "big", Type: schema.BigInteger, Nullable: true},
		{Name: "ratio", Type: schema.Float, Nullable: true},
		{Name: "price", Type: schema.Decimal, Precision: 6, Scale: 2, Nullable: true},
		{Name: "on", Type: schema.Boolean, Nullable: true},
		{Name: "day", Type: schema.Date, Nullable: true},
		{Name: "at", Type: schema.DateTime, Nullable: true},
		{Name: "clock", Type: schema.Time, Nullable: true},
		{Name: "raw", Type: schema.Binary, Nullable: true},
		{Name: "color", Type: schema.Enum, Enum: []string{"red", "green"}, Nullable: true},
		{Name: "tags", Type: schema.Array, Nullable: true},
		{Name: "profile", Type: schema.Object, Nullable: true},
		{Name: "doc", Type: schema.JSON, Nullable: true},
		{Name: "must", Type: schema.Array},
		{Name: "blob", Type: schema.Binary},
		{Name: "any", Type: schema.Specific, DBType: "money", Nullable: true},
		{Name: "userId", GoName: "UserID", Type: schema.UUID, Nullable: true},
		{Name: "version", Type: schema.BigInteger, Role: schema.RoleVersion},
	}, Relations: []*schema.Relation{
		{Name: "user", GoName: "User", Kind: schema.BelongsTo, Model: "User", FK: []string{"userId"}, OnDelete: schema.Cascade},
		{Name: "labels", Kind: schema.ManyToMany, Model: "Label", Through: "ThingLabel"},
	}, Indexes: []schema.Index{{Fields: []string{"day", "color"}, Unique: true}, {Fields: []string{"small"}, Unique: true, Where: "small > 0"}}}
	user = &schema.Model{Name: "User", Fields: []*schema.Field{
		{Name: "id", GoName: "ID", Type: schema.UUID, Primary: true},
		{Name: "name", Type: schema.String, Nullable: true},
		{Name: "age", Type: schema.Integer, Nullable: true},
	}, Relations: []*schema.Relation{
		{Name: "things", GoName: "Things", Kind: schema.HasMany, Model: "Thing", FK: []string{"userId"}},
	}, Counts: []*schema.Count{{Name: "thingsCount", GoName: "ThingsCount", Relation: "things"}}}
	label := &schema.Model{Name: "Label", Fields: []*schema.Field{
		{Name: "id", Type: schema.BigInteger, Primary: true, Auto: true},
		{Name: "text", Type: schema.String},
	}}
	if _, err := schema.Build(thing, user, label); err != nil {
		t.Fatal(err)
	}
	return thing, user
}

// wide is the model of the benchmarks: eight columns, no version.
func wide(t testing.TB) *schema.Model {
	t.Helper()
	m := &schema.Model{Name: "Wide", Fields: []*schema.Field{
		{Name: "id", GoName: "ID", Type: schema.UUID, Primary: true},
		{Name: "title", Type: schema.String},
		{Name: "body", Type: schema.Text},
		{Name: "likes", Type: schema.BigInteger},
		{Name: "score", Type: schema.Float},
		{Name: "isPublic", Type: schema.Boolean},
		{Name: "createdAt", Type: schema.DateTime},
		{Name: "updatedAt", Type: schema.DateTime},
	}}
	if _, err := schema.Build(m); err != nil {
		t.Fatal(err)
	}
	return m
}

func normalized(t testing.TB, o op.Op) op.Op {
	t.Helper()
	if err := op.Normalize(&o); err != nil {
		t.Fatal(err)
	}
	return o
}

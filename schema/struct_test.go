package schema_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// Tracked and Model look like the types of the root package.
type Tracked struct{ _ *int }

type Model struct {
	Tracked

	ID        string    `weft:"primary,type=uuid" json:"id"`
	CreatedAt time.Time `weft:"created" json:"createdAt"`
	UpdatedAt time.Time `weft:"updated" json:"updatedAt"`

	_ struct{} `weft:"version"`
}

type User struct {
	Model
	Username string  `weft:"unique" validate:"required,min=3,max=50"`
	Email    string  `weft:"unique" validate:"required,email,max=255"`
	Posts    []*Post `weft:"has_many,fk=UserID"`
}

type Post struct {
	Model
	UserID   string `weft:"index"`
	Content  string `validate:"required,max=10000"`
	Tags     []string
	IsPublic bool `weft:"index:global,default=true"`
	Likes    int64
	Author   *User `weft:"belongs_to,fk=UserID"`
}

func (Post) Weft() schema.Options {
	return schema.Options{
		Scope:  schema.UserScope,
		Pin:    schema.Pin{Strategy: schema.Popularity, Factor: 3},
		Events: schema.Events{On: schema.Created | schema.Updated, Channels: []string{"users/{userId}/posts"}},
	}
}

func TestSpecExample(t *testing.T) {
	set := build(t, User{}, &Post{})
	post := set.Model("Post")
	var names []string
	for i, f := range post.Fields {
		if f.Pos != i {
			t.Errorf("%s is at %d, Pos says %d", f.Name, i, f.Pos)
		}
		names = append(names, f.Name+":"+f.Column+":"+string(f.Type))
	}
	equal(t, names, []string{
		"id:id:uuid", "createdAt:created_at:datetime", "updatedAt:updated_at:datetime", "_version:_version:bigInteger",
		"userId:user_id:string", "content:content:text", "tags:tags:array", "isPublic:is_public:boolean", "likes:likes:bigInteger",
	})
	equal(t, post.Table, "posts")
	equal(t, post.Kind, schema.DocStore)
	equal(t, post.VersionF.Name, "_version")
	equal(t, post.CreatedF.Name, "createdAt")
	equal(t, post.UpdatedF.Name, "updatedAt")
	equal(t, post.OwnerF.Name, "userId")
	equal(t, post.Primary, []*schema.Field{post.Field("ID")})
	equal(t, post.Field("IsPublic").Default.Value, any(true))
	if f := post.Field("isPublic"); !f.Index || !f.IndexGlobal {
		t.Error("isPublic has no index")
	}
	if !post.Field("content").Required {
		t.Error("content is not required")
	}
	author, posts := post.Relation("author"), set.Model("User").Relation("Posts")
	equal(t, author.From, []*schema.Field{post.Field("userId")})
	equal(t, author.To, []*schema.Field{set.Model("User").Field("id")})
	equal(t, posts.From, author.To)
	equal(t, posts.To, author.From)
	equal(t, posts.Target, post)
}

type Note struct {
	Model
	UserID   string `json:"uid"`
	Title    string `weft:"immutable"`
	Price    decimal.Decimal
	Settings map[string]any
	Revision int64   `weft:"version"` // takes the place of the hidden one
	Replies  []*Note `weft:"has_many,fk=ParentID"`
	ParentID *string `weft:"type=uuid" json:"above"`
	Parent   *Note   `weft:"belongs_to,fk=ParentID,on_delete=set_null,on_update=cascade,references"`
}

func (*Note) Weft() schema.Options {
	return schema.Options{
		Table: "notebook", Comment: "what users write", RenamedFrom: "notes", Version: 3, Kind: schema.DocStore, Scope: schema.UserScope,
		Sharding:   &schema.Sharding{Strategy: "user", Count: 4, Key: "UserID"},
		Cache:      &schema.Cache{TTL: time.Minute},
		Indexes:    []schema.Index{{Fields: []string{"UserID", "title"}, Unique: true, Where: "title <> ''"}},
		Events:     schema.Events{On: schema.Deleted, Channels: []string{"{modelName}/{uid}/{id}"}},
		Seed:       &schema.Seed{Key: "Title", Rows: []map[string]any{{"Title": "a", "Price": 1.5, "UserID": "u", "settings": map[string]any{"x": 1}}}},
		Defaults:   map[string]func() any{"Title": func() any { return "new" }},
		Transforms: map[string]func(any) any{"title": func(v any) any { return v }},
		Validators: map[string]func(any) string{"Title": func(any) string { return "" }},
	}
}

func (*Note) BeforeCreate(context.Context) error { return nil }

func TestOptions(t *testing.T) {
	models := read(t, Note{})
	m := models[0]
	roundTrip(t, m)
	set, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, m.VersionF.Name, "revision")
	equal(t, m.OwnerF.Name, "uid")
	equal(t, m.Field("UserID"), m.OwnerF)
	equal(t, m.Indexes[0].Fields, []string{"uid", "title"})
	equal(t, m.Sharding.Key, "uid")
	equal(t, m.Seed.Rows, []map[string]any{{
		"title": "a", "price": decimal.RequireFromString("1.5"), "uid": "u", "settings": json.RawMessage(`{"x":1}`),
	}})
	f := m.Field("title")
	equal(t, f.Default.Func, "Note.title")
	equal(t, f.Transform, "Note.title")
	equal(t, f.Validator, "Note.title")
	equal(t, joined(m.Relation("parent").From, m.Relation("replies").To), "above,;above,;")
	if !m.NeedsHooks || m.Kind != schema.DocStore || m.KindReason != "" {
		t.Errorf("%v %s %q", m.NeedsHooks, m.Kind, m.KindReason)
	}
	sameSet(t, set)

	// Options are copied: another Build of the same struct starts anew.
	if again := build(t, Note{}); again.Models[0] == m || again.Models[0].Sharding == m.Sharding {
		t.Error("two readings share parts")
	}
}

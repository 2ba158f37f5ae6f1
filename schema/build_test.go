package schema_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

type Article struct {
	Model
	Title      string
	Labels     []*Label  `weft:"many_to_many,through=ArticleLabel"`
	Reviews    []*Review `weft:"has_many,eager"`
	Best       *Review   `weft:"has_one,fk=ArticleID"`
	NumReviews int       `weft:"count=reviews"`
}

type Label struct {
	Name     string     `weft:"primary"`
	Articles []*Article `weft:"many_to_many,through=ArticleLabel"`
}

type Review struct {
	ID        int64
	ArticleID string
	Article   *Article `weft:"belongs_to"`
}

func TestImplicitJoinModel(t *testing.T) {
	models := read(t, Article{}, Label{}, Review{})
	set, err := schema.Build(models...)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(set.Models), 4)
	via := set.Model("ArticleLabel")
	if !via.Implicit || via.Table != "article_labels" || via.Kind != schema.DocStore {
		t.Errorf("%+v", via)
	}
	equal(t, joined(via.Fields, via.Primary), "articleId,labelId,;articleId,labelId,;")
	a, l := via.Fields[0], via.Fields[1]
	equal(t, a.Type, schema.UUID)
	equal(t, l.Type, schema.String)
	equal(t, *a.References, schema.Reference{Table: "articles", Column: "id", OnDelete: schema.Cascade})
	equal(t, *l.References, schema.Reference{Table: "labels", Column: "name", OnDelete: schema.Cascade})
	labels, articles := set.Model("Article").Relation("labels"), set.Model("Label").Relation("articles")
	equal(t, joined(labels.From, labels.To, labels.ViaFrom, labels.ViaTo), "id,;name,;articleId,;labelId,;")
	equal(t, joined(articles.From, articles.To, articles.ViaFrom, articles.ViaTo), "name,;id,;labelId,;articleId,;")
	equal(t, labels.Via, via)
	equal(t, joined(set.Model("Article").Relation("reviews").To, set.Model("Review").Relation("article").From), "articleId,;articleId,;")
	sameSet(t, set)

	// Building the same models again changes nothing.
	first, _ := schema.SetYAML(set)
	again, err := schema.Build(models...)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := schema.SetYAML(again)
	equal(t, string(second), string(first))
	if again.Model("ArticleLabel") != via {
		t.Error("the join model is another one")
	}
	if third, err := schema.Build(set.Models...); err != nil || len(third.Models) != 4 {
		t.Errorf("%v", err)
	}
}

type Person struct {
	ID        int64     `weft:"primary,auto"`
	Following []*Person `weft:"many_to_many,through=Follow,fk=FollowerID|FolloweeID"`
	Followers []*Person `weft:"many_to_many,through=Follow,fk=FolloweeID|FollowerID"`
	BossID    *int64
	Boss      *Person   `weft:"belongs_to"`
	Staff     []*Person `weft:"has_many,fk=BossID"`
}

func TestSelfReference(t *testing.T) {
	set := build(t, Person{})
	p := set.Model("Person")
	equal(t, set.Model("Follow").Fields[0].Type, schema.BigInteger)
	if set.Model("Follow").Fields[0].Auto {
		t.Error("the join key counts")
	}
	r := p.Relation("followers")
	equal(t, joined(r.ViaFrom, r.ViaTo), "followeeId,;followerId,;")
	equal(t, joined(p.Relation("boss").From, p.Relation("staff").To), "bossId,;bossId,;")
	sameSet(t, set)

	declared := build(t, Member{}, Friendship{})
	fr := declared.Model("Member").Relation("friends")
	equal(t, joined(fr.From, fr.ViaFrom, fr.ViaTo), "id,;aId,;bID,;")
}

type Member struct {
	ID      string    `weft:"primary"`
	Friends []*Member `weft:"many_to_many,through=Friendship,fk=aId|bID"`
}

type Friendship struct {
	ID  int64
	AID string `json:"aId"`
	BID string `json:"bID"`
}

type Region struct {
	Area   string  `weft:"primary"`
	Number int     `weft:"primary"`
	Towns  []*Town `weft:"has_many"`
	Roads  []*Road `weft:"many_to_many,through=RegionRoad"`
}

type Town struct {
	Code         string `weft:"primary"`
	RegionArea   string
	RegionNumber int
	Region       *Region `weft:"belongs_to"`
	Same         *Region `weft:"belongs_to,fk=RegionArea|RegionNumber,lk=Area|Number"`
}

type Road struct {
	ID string
}

func TestCompositeKeys(t *testing.T) {
	set := build(t, Region{}, Town{}, Road{})
	r, town := set.Model("Region"), set.Model("Town")
	equal(t, joined(r.Primary), "area,number,;")
	equal(t, joined(r.Relation("towns").From, r.Relation("towns").To), "area,number,;regionArea,regionNumber,;")
	equal(t, joined(town.Relation("region").From, town.Relation("region").To), "regionArea,regionNumber,;area,number,;")
	equal(t, joined(town.Relation("same").From, town.Relation("same").To), "regionArea,regionNumber,;area,number,;")
	roads := r.Relation("roads")
	equal(t, joined(roads.ViaFrom, roads.ViaTo), "regionArea,regionNumber,;roadId,;")
	if roads.ViaFrom[0].References != nil || roads.ViaTo[0].References == nil {
		t.Error("a foreign key by column cannot point at a part of a key")
	}
	sameSet(t, set)
}

// Models over tables that exist: names, keys and columns as they are.

type Artist struct {
	ArtistID int64    `weft:"primary,column=ArtistId"`
	Name     *string  `weft:"column=Name,size=120"`
	Albums   []*Album `weft:"has_many,fk=ArtistID"`
}

func (Artist) Weft() schema.Options { return schema.Options{Table: "Artist"} }

type Album struct {
	AlbumID  int64   `weft:"primary,column=AlbumId"`
	Title    string  `weft:"column=Title,size=160"`
	ArtistID int64   `weft:"column=ArtistId,references=Artist.ArtistId"`
	Artist   *Artist `weft:"belongs_to"`
}

func (Album) Weft() schema.Options { return schema.Options{Table: "Album"} }

type Track struct {
	TrackID   int64           `weft:"primary,column=TrackId"`
	AlbumID   *int64          `weft:"column=AlbumId"`
	UnitPrice decimal.Decimal `weft:"column=UnitPrice,precision=10,scale=2"`
	Album     *Album          `weft:"belongs_to,fk=AlbumID,lk=AlbumID"`
	Playlists []*Playlist     `weft:"many_to_many,through=PlaylistTrack"`
}

func (Track) Weft() schema.Options { return schema.Options{Table: "Track"} }

type Playlist struct {
	PlaylistID int64    `weft:"primary,column=PlaylistId"`
	Tracks     []*Track `weft:"many_to_many,through=PlaylistTrack,fk=PlaylistID|TrackID"`
}

func (Playlist) Weft() schema.Options { return schema.Options{Table: "Playlist"} }

type PlaylistTrack struct {
	PlaylistID int64 `weft:"primary,column=PlaylistId"`
	TrackID    int64 `weft:"primary,column=TrackId"`
}

func (PlaylistTrack) Weft() schema.Options { return schema.Options{Table: "PlaylistTrack"} }

func TestExistingTables(t *testing.T) {
	set := build(t, Artist{}, Album{}, Track{}, Playlist{}, PlaylistTrack{})
	equal(t, len(set.Models), 5)
	track := set.Model("Track")
	equal(t, track.Table, "Track")
	equal(t, track.Field("albumId").Column, "AlbumId")
	pl := track.Relation("playlists")
	equal(t, joined(pl.From, pl.To, pl.ViaFrom, pl.ViaTo), "trackId,;playlistId,;trackId,;playlistId,;")
	if pl.Via.Implicit || pl.Via != set.Model("PlaylistTrack") {
		t.Error("the declared join model was not taken")
	}
	if track.VersionF != nil || track.CreatedF != nil {
		t.Error("the table has no version and times")
	}
	sameSet(t, set)
}

func TestKinds(t *testing.T) {
	type Visit struct {
		ID   int64
		At   time.Time `weft:"created"`
		Path string    `weft:"immutable"`
	}
	type Setting struct {
		Key   string `weft:"primary"`
		Value json.RawMessage
	}
	type Hits struct {
		ID         string
		Count      int64
		ErrorCount int64
	}
	type Score struct {
		ID    string
		Score int64
	}
	set := build(t, Visit{}, Setting{}, Hits{}, Score{})
	for name, want := range map[string]schema.Kind{
		"Visit": schema.EventLog, "Setting": schema.KeyValue, "Hits": schema.Counter, "Score": schema.DocStore,
	} {
		m := set.Model(name)
		if m.Kind != want || m.KindReason == "" {
			t.Errorf("%s is %s, want %s (%s)", name, m.Kind, want, m.KindReason)
		}
	}
	sameSet(t, set)
}

func key() *schema.Field { return &schema.Field{Name: "id", Type: schema.String, Primary: true} }

func field(name string, typ schema.Type, set ...func(*schema.Field)) *schema.Field {
	f := &schema.Field{Name: name, Type: typ}
	for _, s := range set {
		s(f)
	}
	return f
}

// TestBuildFaults holds the report of a set in which everything is wrong.
func TestBuildFaults(t *testing.T) {
	on := func(s func(f *schema.Field)) func(f *schema.Field) { return s }
	bad := &schema.Model{
		Name: "Bad", Scope: schema.UserScope,
		Fields: []*schema.Field{
			key(),
			field("id", schema.Integer),
			field("a.b", schema.Integer),
			field("col1", schema.Integer, on(func(f *schema.Field) { f.Column = "same" })),
			field("col2", schema.Integer, on(func(f *schema.Field) { f.Column = "SAME" })),
			field("none", ""),
			field("odd", "strin"),
			field("counts", schema.Text, on(func(f *schema.Field) { f.Auto = true })),
			field("nano", schema.Integer, on(func(f *schema.Field) { f.NanoID = true })),
			field("list", schema.Enum),
			field("list2", schema.Enum, on(func(f *schema.Field) { f.Enum = []string{"a", "a", ""} })),
			field("list3", schema.String, on(func(f *schema.Field) { f.Enum = []string{"a"} })),
			field("def1", schema.Integer, on(func(f *schema.Field) { f.Default = &schema.Default{Value: "x"} })),
			field("def2", schema.Enum, on(func(f *schema.Field) { f.Enum = []string{"a"}; f.Default = &schema.Default{Value: "b"} })),
			field("def3", schema.Integer, on(func(f *schema.Field) { f.Default = &schema.Default{Value: 1 << 40} })),
			field("def4", schema.Decimal, on(func(f *schema.Field) { f.Default = &schema.Default{Value: "1.234"} })),
			field("def5", schema.Integer, on(func(f *schema.Field) { f.Default = &schema.Default{Now: true} })),
			field("def6", schema.Integer, on(func(f *schema.Field) { f.Default = &schema.Default{} })),
			field("def7", schema.UUID, on(func(f *schema.Field) { f.Default = &schema.Default{Value: "1"} })),
			field("def8", schema.Array, on(func(f *schema.Field) { f.Default = &schema.Default{Value: "{}"} })),
			field("ver", schema.String, on(func(f *schema.Field) { f.Role = schema.RoleVersion })),
			field("made1", schema.DateTime, on(func(f *schema.Field) { f.Role = schema.RoleCreated })),
			field("made2", schema.DateTime, on(func(f *schema.Field) { f.Role = schema.RoleCreated })),
			field("gone", schema.DateTime, on(func(f *schema.Field) { f.Role = schema.RoleDeleted })),
			field("size", schema.Integer, on(func(f *schema.Field) { f.Size = 3 })),
			field("dec", schema.Decimal, on(func(f *schema.Field) { f.Precision, f.Scale = 3, 4 })),
			field("dec2", schema.Decimal, on(func(f *schema.Field) { f.Scale = 4 })),
			field("spec", schema.Specific),
			field("uns", schema.String, on(func(f *schema.Field) { f.Unsigned = true })),
			field("srch", schema.Integer, on(func(f *schema.Field) { f.Search = true })),
			field("uniq", schema.Object, on(func(f *schema.Field) { f.Unique = true })),
			field("enc", schema.Text, on(func(f *schema.Field) { f.Encrypted, f.Search = true, true })),
			field("ref1", schema.Integer, on(func(f *schema.Field) { f.References = &schema.Reference{Table: "oters", Column: "id"} })),
			field("ref2", schema.Integer, on(func(f *schema.Field) { f.References = &schema.Reference{Table: "others", Column: "ix"} })),
			field("ref3", schema.Integer, on(func(f *schema.Field) {
				f.References = &schema.Reference{Table: "others", Column: "id", OnDelete: schema.SetNull}
			})),
			nil,
		},
		Relations: []*schema.Relation{
			{Name: "r1", Kind: schema.BelongsTo, Model: "Othr"},
			{Name: "r2", Kind: schema.BelongsTo, Model: "Other"},
			{Name: "r3", Kind: schema.HasMany, Model: "Other"},
			{Name: "r4", Kind: schema.BelongsTo, Model: "Other", FK: []string{"col1"}},
			{Name: "r5", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id", "nano"}},
			{Name: "r6", Kind: schema.ManyToMany, Model: "Other"},
			{Name: "r7", Kind: schema.ManyToMany, Model: "Other", Through: "Third"},
			{Name: "r8", Kind: schema.BelongsTo, Model: "Other", FK: []string{"nope"}, LK: []string{"idd"}},
			{Name: "r9", Model: "Other"},
			{Name: "r10", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}, OnDelete: schema.SetNull},
			{Name: "r11", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}, OnDelete: "boom", Through: "X"},
			{Name: "r12", Kind: schema.ManyToMany, Model: "Bad", Through: "Selves"},
			{Name: "r13", Kind: schema.ManyToMany, Model: "Other", Through: "Third", References: true},
			{Name: "r14", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}, OnUpdate: schema.SetNull},
			{Name: "r15", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}, OnUpdate: "bang"},
			{Name: "r1", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}},
			{Name: "col1", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}},
		},
		Counts:   []*schema.Count{{Name: "n", Relation: "r99"}},
		Indexes:  []schema.Index{{Fields: []string{"col1", "colx"}, Name: "i"}, {Name: "I"}, {Fields: []string{"uniq"}}},
		Sharding: &schema.Sharding{Strategy: "hash", Key: "shard"},
		Pin:      schema.Pin{Factor: 2},
		Events:   schema.Events{Channels: []string{"a/{nobody}", "{x"}},
		Cache:    &schema.Cache{TTL: -1},
		Seed:     &schema.Seed{Key: "idx", Rows: []map[string]any{{"zzz": 1, "col1": "x"}}},
		Kind:     "docstor",
		Version:  -1,
	}
	other := &schema.Model{Name: "Other", Fields: []*schema.Field{key()}, Relations: []*schema.Relation{
		{Name: "self", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}, Eager: true},
		{Name: "third", Kind: schema.BelongsTo, Model: "Third", FK: []string{"id"}, Eager: true},
	}}
	third := &schema.Model{Name: "Third", Table: "others", Fields: []*schema.Field{key()}, Relations: []*schema.Relation{
		{Name: "other", Kind: schema.BelongsTo, Model: "Other", FK: []string{"id"}, Eager: true},
	}}
	keyless := &schema.Model{Name: "Keyless", Table: "o\x00", Scope: "all", Fields: []*schema.Field{field("x", schema.JSON, func(f *schema.Field) { f.Role = schema.RoleOwner })}}
	owned := &schema.Model{Name: "Owned", Fields: []*schema.Field{key(), field("o", schema.String, func(f *schema.Field) { f.Role = schema.RoleOwner })}}
	_, err := schema.Build(bad, other, nil, third, keyless, owned, &schema.Model{Name: "Other", Table: "x"}, &schema.Model{Name: "a b"})
	golden(t, "build.golden", faults(t, err)+"\n")
}

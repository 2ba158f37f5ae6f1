package migrate_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/schema"
)

var update = flag.Bool("update", false, "write golden files")

type user struct {
	ID        string
	Username  string     `weft:"unique"`
	Email     *string    `weft:"unique"`
	CreatedAt time.Time  `weft:"created"`
	DeletedAt *time.Time `weft:"deleted"`
	Posts     []*post    `weft:"has_many,fk=UserID,on_delete=cascade"`
	Profile   *profile   `weft:"has_one,fk=UserID"`
}

type post struct {
	ID      int64
	UserID  string          `weft:"index"`
	Title   string          `weft:"default=untitled"`
	Price   decimal.Decimal `weft:"precision=12,scale=3"`
	Draft   bool            `weft:"index:global,default=true"`
	Tags    []string
	Image   []byte
	ReplyTo *int64
	Author  *user `weft:"belongs_to,fk=UserID,on_delete=cascade"`
	Parent  *post `weft:"belongs_to,fk=ReplyTo,on_delete=set null"`
}

func (post) Weft() schema.Options {
	return schema.Options{Indexes: []schema.Index{
		{Fields: []string{"userId", "title"}, Unique: true},
		{Fields: []string{"Title", "id"}, Name: "by_title", Where: "draft = 0"},
	}}
}

type profile struct {
	UserID string `weft:"primary"`
	Lang   string `weft:"primary"`
	Bio    string
}

// odd has names that need quoting everywhere.
func odd() *schema.Model {
	return &schema.Model{
		Name: "Order", Table: "o'r der", Fields: []*schema.Field{
			{Name: "select", Column: "select", Type: schema.Text, Primary: true},
			{Name: "group", Column: "gro'up; --", Type: schema.Text, Unique: true},
			{Name: "table", Column: "Tábla", Type: schema.Integer, Index: true, Nullable: true, References: &schema.Reference{Table: "index", Column: "where", OnUpdate: schema.Cascade}},
		},
	}
}

func index() *schema.Model {
	return &schema.Model{Name: "Index", Table: "index", Fields: []*schema.Field{
		{Name: "where", Column: "where", Type: schema.Integer, Primary: true},
	}}
}

func soft() *schema.Model {
	return &schema.Model{
		Name: "Soft", Fields: []*schema.Field{
			{Name: "id", Type: schema.UUID, Primary: true},
			{Name: "slug", Type: schema.String, Unique: true},
			{Name: "a", Type: schema.Integer},
			{Name: "b", Type: schema.Integer},
			{Name: "deletedAt", Type: schema.DateTime, Nullable: true, Role: schema.RoleDeleted},
		},
		Indexes: []schema.Index{{Fields: []string{"a", "b"}, Unique: true, Where: "a > 0"}, {Fields: []string{"b"}}},
	}
}

// patient has encrypted fields of many types.
type patient struct {
	ID     int64             `weft:"primary,auto"`
	Name   string            `weft:"encrypted,size=40,default=nobody"`
	Weight *int32            `weft:"encrypted"`
	Born   time.Time         `weft:"encrypted,type=date"`
	Notes  map[string]string `weft:"encrypted"`
	Scan   []byte            `weft:"encrypted"`
	Bill   decimal.Decimal   `weft:"encrypted,precision=12,scale=3"`
	Ward   string            `weft:"index"`
}

func TestGoldenPlans(t *testing.T) {
	cases := []struct {
		name string
		have []string
		set  *schema.Set
	}{
		{"new", nil, structs(t, user{}, post{}, profile{})},
		{"odd_names", nil, build(t, odd(), index())},
		{"soft_delete", nil, build(t, soft())},
		{"encrypted", nil, structs(t, patient{})},
		{"add_encrypted", []string{
			`CREATE TABLE patients (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, ward TEXT NOT NULL, notes TEXT NOT NULL)`,
			`INSERT INTO patients VALUES (1, 'ann', 'A', '{}')`,
		}, structs(t, patient{})},
		{"add", []string{
			`CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT NOT NULL, legacy TEXT, must TEXT NOT NULL)`,
			`INSERT INTO users VALUES ('1', 'ann', 'x', 'y'), ('2', 'bob', 'x', 'y')`,
			`CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users)`,
			`INSERT INTO posts VALUES (1, '1')`,
			`CREATE TABLE others (x)`, `CREATE VIEW profiles AS SELECT 1`,
		}, structs(t, user{}, post{}, profile{})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn := open(t, c.have...)
			p := plan(t, conn, c.set)
			golden(t, c.name+".txt", []byte(p.String()))
			js, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".json", append(js, '\n'))
			if err := p.Apply(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			if again := plan(t, conn, c.set); !again.Empty() {
				t.Errorf("the second plan is not empty:\n%s", again)
			}
			if bad := query(t, conn, "PRAGMA integrity_check"); bad[0] != "ok" {
				t.Error(bad)
			}
			if bad := query(t, conn, "PRAGMA foreign_key_check"); len(bad) > 0 {
				t.Error(bad)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", file, got)
	}
}

// A plan goes out as JSON and comes back.
func TestPlanJSON(t *testing.T) {
	p := plan(t, open(t), build(t, soft()))
	js, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back migrate.Plan
	if err := json.Unmarshal(js, &back); err != nil {
		t.Fatal(err)
	}
	if back.String() != p.String() {
		t.Errorf("got %s\nwant %s", back.String(), p.String())
	}
}

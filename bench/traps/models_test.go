package traps

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// GUser and GPost are the models as GORM has them.
type GUser struct {
	ID        uint
	CreatedAt time.Time
	UpdatedAt time.Time
	Name      string `gorm:"uniqueIndex"`
	Age       int
	City      *string
	Active    bool `gorm:"default:true"`
	Posts     []GPost
	Seen      string `gorm:"-"` // what hooks saw
}

type GPost struct {
	ID      uint
	GUserID uint
	Title   string
	Likes   int
}

// User and Post are the same as Weft has them.
type User struct {
	weft.Model
	Name   string `weft:"unique"`
	Age    int
	City   *string
	Active bool    `weft:"default=true"`
	Posts  []*Post `weft:"has_many"`
}

type Post struct {
	weft.Model
	UserID string
	Title  string
	Likes  int64
}

// both opens an empty database of each.
func both(t *testing.T) (*gorm.DB, *weft.DB) {
	t.Helper()
	g, err := gorm.Open(gormsqlite.Open(filepath.Join(t.TempDir(), "gorm.db")), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	pool, err := g.DB()
	must(t, err)
	must(t, g.AutoMigrate(&GUser{}, &GPost{}))
	w, err := weft.Open(sqlite.Open(filepath.Join(t.TempDir(), "weft.db")), weft.Models(User{}, Post{}), weft.AutoMigrate())
	must(t, err)
	t.Cleanup(func() {
		must(t, pool.Close())
		must(t, w.Close())
	})
	return g, w
}

// people fills both with Ada (36, Oslo), Ben (20, no city) and Cleo (0, Rome).
func people(t *testing.T, g *gorm.DB, w *weft.DB) {
	t.Helper()
	oslo, rome := "Oslo", "Rome"
	must(t, g.Create([]*GUser{
		{Name: "Ada", Age: 36, City: &oslo, Posts: []GPost{{Title: "a1", Likes: 1}, {Title: "a2", Likes: 2}, {Title: "a3", Likes: 3}}},
		{Name: "Ben", Age: 20, Posts: []GPost{{Title: "b1", Likes: 9}, {Title: "b2", Likes: 8}}},
		{Name: "Cleo", City: &rome},
	}).Error)
	users := []*User{{Name: "Ada", Age: 36, City: &oslo}, {Name: "Ben", Age: 20}, {Name: "Cleo", City: &rome}}
	must(t, weft.Repo[User](w).CreateMany(t.Context(), users))
	must(t, weft.Repo[Post](w).CreateMany(t.Context(), []*Post{
		{UserID: users[0].ID, Title: "a1", Likes: 1},
		{UserID: users[0].ID, Title: "a2", Likes: 2},
		{UserID: users[0].ID, Title: "a3", Likes: 3},
		{UserID: users[1].ID, Title: "b1", Likes: 9},
		{UserID: users[1].ID, Title: "b2", Likes: 8},
	}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func gnames(list []GUser) string {
	var out []string
	for _, u := range list {
		out = append(out, u.Name)
	}
	return strings.Join(out, " ")
}

func wnames(list []*User) string {
	var out []string
	for _, u := range list {
		out = append(out, u.Name)
	}
	return strings.Join(out, " ")
}

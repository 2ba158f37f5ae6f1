package weft_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// The program of the model framework's description, as it stands there.

type User struct {
	weft.Model         // ID, CreatedAt, UpdatedAt (and a hidden version)
	Username   string  `weft:"unique" validate:"required,min=3,max=50"`
	Email      string  `weft:"unique" validate:"required,email,max=255"`
	Posts      []*Post `weft:"has_many,fk=UserID"`
}

type Post struct {
	weft.Model
	UserID   string `weft:"index"`
	Content  string `validate:"required,max=10000"`
	Tags     []string
	IsPublic bool `weft:"index:global,default=true"`
	Likes    int64
	Author   *User `weft:"belongs_to,fk=UserID"`
}

func (Post) Weft() weft.Options {
	return weft.Options{
		Scope:  weft.UserScope,
		Pin:    weft.Pin{Strategy: weft.Popularity, Factor: 3},
		Events: weft.Events{On: weft.Created | weft.Updated, Channels: []string{"users/{userId}/posts"}},
	}
}

func program(ctx context.Context, followed []string) ([]*Post, error) {
	db, err := weft.Open(sqlite.Open("app.db"), weft.Models(User{}, Post{}), weft.AutoMigrate())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	posts := weft.Repo[Post](db)

	list, err := posts.WhereUserIn(followed...).
		Where("isPublic", "=", true).
		With("author").
		OrderBy("createdAt", weft.Desc).
		Limit(50).
		All(ctx)
	return list, err
}

func TestSpecProgram(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(filepath.Join(".", "app.db")), weft.Models(User{}, Post{}), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	ada := &User{Username: "ada", Email: "ada@example.com"}
	bob := &User{Username: "bob", Email: "bob@example.com"}
	must(t, weft.Repo[User](db).CreateMany(ctx, []*User{ada, bob}))
	posts := weft.Repo[Post](db)
	first := &Post{UserID: ada.ID, Content: "first", Tags: []string{"a"}}
	must(t, posts.Create(ctx, first))
	hidden := posts.New()
	hidden.UserID, hidden.Content, hidden.IsPublic = ada.ID, "hidden", false
	must(t, posts.Create(ctx, hidden))
	must(t, posts.Create(ctx, &Post{UserID: ada.ID, Content: "second"}))
	must(t, posts.Create(ctx, &Post{UserID: bob.ID, Content: "other"}))
	must(t, db.Close())

	list, err := program(ctx, []string{ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Content != "second" || list[1].Content != "first" {
		t.Fatalf("got %+v", list)
	}
	if list[0].Author == nil || list[0].Author.Username != "ada" || list[0].Author != list[1].Author {
		t.Fatalf("author %+v", list[0].Author)
	}
	if len(list[1].Tags) != 1 || list[1].Tags[0] != "a" {
		t.Fatalf("tags %v", list[1].Tags)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

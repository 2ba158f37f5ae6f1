package main

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/weftdb/weft"
)

//go:generate go run github.com/weftdb/weft/cmd/weft generate

// User writes posts and comments, and follows other users.
type User struct {
	weft.Model
	Username  string `weft:"unique" validate:"required,min=3,max=50"`
	Email     string `weft:"unique" validate:"required,email,max=255"`
	PostCount int64

	Posts     []*Post `weft:"has_many,fk=AuthorID"`
	Following []*User `weft:"many_to_many,through=Follow,fk=FollowerID|FolloweeID"`
	Followers []*User `weft:"many_to_many,through=Follow,fk=FolloweeID|FollowerID"`
}

// Follow says that one user follows another. Both together are its key, so
// nobody follows anybody twice.
type Follow struct {
	FollowerID string    `weft:"primary,type=uuid"`
	FolloweeID string    `weft:"primary,type=uuid,index"`
	CreatedAt  time.Time `weft:"created"`
}

// Post is one article. Its slug is made from its title.
type Post struct {
	weft.Model
	AuthorID     string    `weft:"index"`
	Title        string    `validate:"required,max=120"`
	Slug         string    `weft:"unique,immutable"`
	Body         string    `weft:"type=text" validate:"required,max=10000"`
	PublishedAt  time.Time `weft:"index"`
	CommentCount int64

	Author   *User      `weft:"belongs_to,fk=AuthorID"`
	Comments []*Comment `weft:"has_many,fk=PostID"`
	Tags     []*Tag     `weft:"many_to_many,through=PostTag"`
}

// BeforeCreate makes the slug. It runs whichever way a post is created.
func (p *Post) BeforeCreate(context.Context) error {
	if p.Slug == "" {
		p.Slug = slug(p.Title)
	}
	return nil
}

// Comment is a remark of a user on a post.
type Comment struct {
	weft.Model
	PostID string `weft:"index"`
	UserID string `weft:"index"`
	Text   string `validate:"required,max=1000"`

	Post   *Post `weft:"belongs_to,fk=PostID"`
	Author *User `weft:"belongs_to,fk=UserID"`
}

// AfterCreate counts the comment on its post, in the transaction that writes
// the comment: both happen or neither does.
func (c *Comment) AfterCreate(ctx context.Context) error {
	_, err := weft.Repo[Post](weft.From(ctx)).Increment(ctx, c.PostID, "commentCount", 1)
	return err
}

// Tag is a word that posts are found by.
type Tag struct {
	weft.Model
	Name  string  `weft:"unique" validate:"required,max=30"`
	Posts []*Post `weft:"many_to_many,through=PostTag"`
}

// PostTag puts a tag on a post.
type PostTag struct {
	PostID string `weft:"primary,type=uuid"`
	TagID  string `weft:"primary,type=uuid,index"`
}

// slug turns a title into the last part of an address: "Warp & Weft!" becomes
// "warp-weft".
func slug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return strings.Join(words, "-")
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/blog/post"
	"github.com/weftdb/weft/examples/blog/tag"
	"github.com/weftdb/weft/examples/blog/user"
)

// blog is what the application does with its data.
type blog struct {
	db       *weft.DB
	users    *weft.Repository[User]
	follows  *weft.Repository[Follow]
	posts    *weft.Repository[Post]
	comments *weft.Repository[Comment]
	tags     *weft.Repository[Tag]
	postTags *weft.Repository[PostTag]
}

func newBlog(db *weft.DB) *blog {
	return &blog{
		db:       db,
		users:    weft.Repo[User](db),
		follows:  weft.Repo[Follow](db),
		posts:    weft.Repo[Post](db),
		comments: weft.Repo[Comment](db),
		tags:     weft.Repo[Tag](db),
		postTags: weft.Repo[PostTag](db),
	}
}

// named finds a user by name.
func (b *blog) named(ctx context.Context, name string) (*User, error) {
	return b.users.Filter(user.Username.Eq(name)).First(ctx)
}

// follow makes one user follow others.
func (b *blog) follow(ctx context.Context, follower string, others ...string) error {
	u, err := b.named(ctx, follower)
	if err != nil {
		return err
	}
	list, err := b.users.Filter(user.Username.In(others...)).All(ctx)
	if err != nil {
		return err
	}
	var rows []*Follow
	for _, other := range list {
		rows = append(rows, &Follow{FollowerID: u.ID, FolloweeID: other.ID})
	}
	return b.follows.CreateMany(ctx, rows)
}

// draft is a post that is not written yet.
type draft struct {
	author, title, body string
	tags                []string
}

// publish writes a post with its tags and counts it, all or nothing. The
// repositories take part in the transaction because they are called with its
// context.
func (b *blog) publish(ctx context.Context, at time.Time, d draft) (*Post, error) {
	var post *Post
	err := b.db.InTx(ctx, func(ctx context.Context) error {
		author, err := b.named(ctx, d.author)
		if err != nil {
			return err
		}
		if _, err := b.users.Increment(ctx, author.ID, "postCount", 1); err != nil {
			return err
		}
		links := make([]*PostTag, len(d.tags))
		for i, name := range d.tags {
			tag, err := b.tag(ctx, name)
			if err != nil {
				return err
			}
			links[i] = &PostTag{TagID: tag.ID}
		}
		post = &Post{AuthorID: author.ID, Title: d.title, Body: d.body, PublishedAt: at}
		if err := b.posts.Create(ctx, post); err != nil {
			return err
		}
		for _, l := range links {
			l.PostID = post.ID
		}
		return b.postTags.CreateMany(ctx, links)
	})
	return post, err
}

// tag finds a tag, or makes it.
func (b *blog) tag(ctx context.Context, name string) (*Tag, error) {
	t, err := b.tags.Filter(tag.Name.Eq(name)).First(ctx)
	if !errors.Is(err, weft.ErrNotFound) {
		return t, err
	}
	t = &Tag{Name: name}
	return t, b.tags.Create(ctx, t)
}

// comment adds a comment to the post with that slug.
func (b *blog) comment(ctx context.Context, author, on, text string) error {
	u, err := b.named(ctx, author)
	if err != nil {
		return err
	}
	p, err := b.posts.Filter(post.Slug.Eq(on)).First(ctx)
	if err != nil {
		return err
	}
	return b.comments.Create(ctx, &Comment{PostID: p.ID, UserID: u.ID, Text: text})
}

// timeline is the newest posts of those whom the user follows.
func (b *blog) timeline(ctx context.Context, name string, n int) ([]*Post, error) {
	u, err := b.users.Filter(user.Username.Eq(name)).With(user.Following).First(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(u.Following))
	for i, f := range u.Following {
		ids[i] = f.ID
	}
	return b.posts.Filter(post.AuthorID.In(ids...)).
		With(post.Author, post.Tags).
		Sort(post.PublishedAt.Desc()).
		Limit(n).
		All(ctx)
}

func usernames(list []*User) string {
	names := make([]string, len(list))
	for i, u := range list {
		names[i] = u.Username
	}
	return orNobody(names)
}

func tagNames(list []*Tag) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = "#" + t.Name
	}
	return strings.Join(names, " ")
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

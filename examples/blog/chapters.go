package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/examples/blog/comment"
	"github.com/weftdb/weft/examples/blog/post"
	"github.com/weftdb/weft/examples/blog/tag"
	"github.com/weftdb/weft/examples/blog/user"
)

// people creates users and lets them follow each other.
func (b *blog) people(ctx context.Context, r *report) error {
	err := b.users.CreateMany(ctx, []*User{
		{Username: "ada", Email: "ada@example.com"},
		{Username: "ben", Email: "ben@example.com"},
		{Username: "cleo", Email: "cleo@example.com"},
		{Username: "dan", Email: "dan@example.com"},
	})
	if err != nil {
		return err
	}
	for follower, others := range map[string][]string{
		"ada": {"ben"}, "ben": {"ada", "cleo"}, "cleo": {"ada"},
	} {
		if err := b.follow(ctx, follower, others...); err != nil {
			return err
		}
	}
	list, err := b.users.Sort(user.Username.Asc()).
		WithQuery(user.Following, byName).WithQuery(user.Followers, byName).All(ctx)
	for _, u := range list {
		r.line("%s follows %s; is followed by %s", u.Username, usernames(u.Following), usernames(u.Followers))
	}
	return err
}

func byName(r *weft.Rel) { r.Sort(user.Username.Asc()) }

// refused shows what happens to wrong input: nothing is written, and the error
// says what is wrong with which field.
func (b *blog) refused(ctx context.Context, r *report) error {
	err := b.users.Create(ctx, &User{Username: "x", Email: "nowhere"})
	var invalid *weft.ValidationError
	if !errors.As(err, &invalid) {
		return fmt.Errorf("a bad user was not refused: %w", err)
	}
	for _, field := range []string{"username", "email"} {
		for _, f := range invalid.Failures {
			if f.Field == field {
				r.line("%s breaks the rule %q", f.Field, f.Rule)
			}
		}
	}

	err = b.users.Create(ctx, &User{Username: "ada", Email: "other@example.com"})
	var conflict *weft.ConflictError
	if !errors.As(err, &conflict) {
		return fmt.Errorf("a name was given twice: %w", err)
	}
	r.line("a second ada: %s, reason %s, fields %v", weft.CodeOf(err), conflict.Reason, conflict.Fields)

	// post.Titel would not compile; a name as text is checked when it is used.
	_, err = b.posts.Where("titel", "=", "x").All(ctx)
	r.line("a misspelt field: %s", weft.CodeOf(err))

	n, err := b.users.Count(ctx)
	r.line("still %s", plural(n, "user"))
	return err
}

// writing publishes posts, comments on them and shows what hooks made of it.
func (b *blog) writing(ctx context.Context, r *report) error {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, d := range []draft{
		{"ada", "Warp & Weft", "How a loom holds two threads together.", []string{"looms", "basics"}},
		{"ada", "Cards that remember", "A pattern is a program.", []string{"looms", "history"}},
		{"ben", "On engines", "Steam first, numbers later.", []string{"history"}},
		{"cleo", "Dyeing with woad", "Blue takes patience.", []string{"colour"}},
		{"cleo", "Madder, red and brown", "One root, many reds.", []string{"colour", "basics"}},
		{"ben", "Letters to Ada", "Collected, with notes.", nil},
		{"ada", "A second loom", "Wider than the first.", []string{"looms"}},
	} {
		if _, err := b.publish(ctx, at, d); err != nil {
			return err
		}
		at = at.Add(26 * time.Hour)
	}
	for _, c := range [][3]string{
		{"ben", "warp-weft", "Clear at last."},
		{"cleo", "warp-weft", "Which yarn?"},
		{"ada", "warp-weft", "Wool, spun twice."},
		{"dan", "dyeing-with-woad", "Mine went green."},
		{"cleo", "dyeing-with-woad", "Then wait for the air."},
		{"ada", "on-engines", "Numbers first!"},
	} {
		if err := b.comment(ctx, c[0], c[1], c[2]); err != nil {
			return err
		}
	}
	list, err := b.posts.With(post.Author).
		WithQuery(post.Tags, func(r *weft.Rel) { r.Sort(tag.Name.Asc()) }).
		Sort(post.PublishedAt.Asc()).All(ctx)
	for _, p := range list {
		r.line("/%s by %s, %s %s", p.Slug, p.Author.Username, plural(p.CommentCount, "comment"), tagNames(p.Tags))
	}
	return err
}

// failing publishes a post whose slug exists: the new tag and the higher count
// of posts, written before it in the same transaction, are gone with it.
func (b *blog) failing(ctx context.Context, r *report) error {
	_, err := b.publish(ctx, time.Now(), draft{"ben", "Warp & weft!", "Mine too.", []string{"brand-new"}})
	var conflict *weft.ConflictError
	if !errors.As(err, &conflict) {
		return fmt.Errorf("the slug was given twice: %w", err)
	}
	r.line("the same slug again: %s on %v", conflict.Reason, conflict.Fields)
	left, err := b.tags.Filter(tag.Name.Eq("brand-new")).Exists(ctx)
	if err != nil {
		return err
	}
	ben, err := b.named(ctx, "ben")
	if err != nil {
		return err
	}
	r.line("the tag it brought is left: %t; ben has %s", left, plural(ben.PostCount, "post"))
	return nil
}

// editors has two people load and save the same post. The second save would
// undo the first; it is a conflict that brings the post as it is now.
func (b *blog) editors(ctx context.Context, r *report) error {
	first, err := b.posts.Filter(post.Slug.Eq("on-engines")).First(ctx)
	if err != nil {
		return err
	}
	second, err := b.posts.Find(ctx, first.ID)
	if err != nil {
		return err
	}

	first.Title = "On engines, revised"
	r.line("ben changes %v", weft.Changed(first))
	if err := b.posts.Save(ctx, first); err != nil {
		return err
	}
	second.Body = "Steam and numbers."
	err = b.posts.Save(ctx, second)
	fresh, stale := weft.Fresh[Post](err)
	if !stale {
		return fmt.Errorf("the second editor overwrote the first: %w", err)
	}
	r.line("cleo is too late: %s; the title is %q by now", weft.CodeOf(err), fresh.Title)

	fresh.Body = second.Body
	if err := b.posts.Save(ctx, fresh); err != nil {
		return err
	}
	now, err := b.posts.Find(ctx, first.ID)
	if err != nil {
		return err
	}
	r.line("she repeats it on the fresh one: %q, %q", now.Title, now.Body)
	return nil
}

// pages walks through all posts, three at a time. A post published meanwhile
// would shift nothing, since each page goes on from the last row of the one
// before.
func (b *blog) pages(ctx context.Context, r *report) error {
	q := b.posts.Sort(post.PublishedAt.Desc()).Limit(3).WithTotal()
	for page, cursor := 1, ""; ; page++ {
		p, err := q.After(cursor).Page(ctx)
		if err != nil {
			return err
		}
		r.line("page %d of %s:", page, plural(*p.Total, "post"))
		for _, post := range p.Data {
			r.line("  %s %s", post.PublishedAt.Format("Jan 02 15:04"), post.Title)
		}
		if !p.HasMore {
			return nil
		}
		cursor = p.Cursor
	}
}

// timelines shows each user the newest posts of those whom they follow.
func (b *blog) timelines(ctx context.Context, r *report) error {
	for _, name := range []string{"ada", "ben", "cleo", "dan"} {
		list, err := b.timeline(ctx, name, 3)
		if err != nil {
			return err
		}
		r.line("%s:", name)
		for _, p := range list {
			r.line("  %s: %s", p.Author.Username, p.Title)
		}
		if len(list) == 0 {
			r.line("  nothing yet")
		}
	}
	return nil
}

// conversations loads four levels at once: users, their two newest posts, the
// comments on these and who wrote them. It takes one query a level, however
// many users there are.
func (b *blog) conversations(ctx context.Context, r *report) error {
	list, err := b.users.Filter(user.PostCount.Gt(0)).Sort(user.Username.Asc()).
		WithQuery(user.Posts, func(posts *weft.Rel) {
			posts.Filter(post.CommentCount.Gt(0)).Sort(post.PublishedAt.Desc()).Limit(2)
			posts.WithQuery(post.Comments, func(c *weft.Rel) {
				c.Sort(comment.CreatedAt.Asc()).With(comment.Author)
			})
		}).All(ctx)
	for _, u := range list {
		for _, p := range u.Posts {
			r.line("%s wrote %q", u.Username, p.Title)
			for _, c := range p.Comments {
				r.line("  %s: %s", c.Author.Username, c.Text)
			}
		}
	}
	return err
}

// numbers counts.
func (b *blog) numbers(ctx context.Context, r *report) error {
	posts, err := b.posts.Count(ctx)
	if err != nil {
		return err
	}
	comments, err := b.comments.Count(ctx)
	if err != nil {
		return err
	}
	quiet, err := b.posts.Filter(post.CommentCount.Eq(0)).Count(ctx)
	if err != nil {
		return err
	}
	most, err := b.posts.Max(ctx, post.CommentCount.Name())
	if err != nil {
		return err
	}
	r.line("%s, %s, %s without any, at most %s on one", plural(posts, "post"), plural(comments, "comment"),
		plural(quiet, "post"), most)
	tags, err := b.tags.Sort(tag.Name.Asc()).With(tag.Posts).All(ctx)
	for _, t := range tags {
		r.line("#%s: %s", t.Name, plural(int64(len(t.Posts)), "post"))
	}
	return err
}

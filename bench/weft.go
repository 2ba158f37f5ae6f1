package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Post and Writer are the benchmark's models for Weft.
type Post struct {
	weft.Model
	Title    string
	WriterID string `weft:"index"`
	Likes    int64  `weft:"index"`
	Public   bool
}

// Writer has posts.
type Writer struct {
	weft.Tracked
	ID        string `weft:"primary"`
	Name      string
	CreatedAt time.Time `weft:"created"`
	Posts     []*Post   `weft:"has_many"`
}

type weftPeer struct {
	db      *weft.DB
	posts   *weft.Repository[Post]
	writers *weft.Repository[Writer]
}

func (w *weftPeer) name() string { return "Weft" }

func (w *weftPeer) setup(dir string) error {
	var err error
	w.db, err = weft.Open(sqlite.Open(filepath.Join(dir, "weft.db")), weft.Models(Post{}, Writer{}), weft.AutoMigrate())
	if err != nil {
		return err
	}
	w.posts, w.writers = weft.Repo[Post](w.db), weft.Repo[Writer](w.db)
	ctx := context.Background()
	var ws []*Writer
	for i := range writers {
		ws = append(ws, &Writer{ID: writerID(i), Name: writerID(i)})
	}
	if err := w.writers.CreateMany(ctx, ws); err != nil {
		return err
	}
	var ps []*Post
	for i := range writers * postsEach {
		ps = append(ps, weftPost(samplePost(i)))
	}
	return w.posts.CreateMany(ctx, ps)
}

func weftPost(p post) *Post {
	x := &Post{Title: p.Title, WriterID: p.WriterID, Likes: p.Likes, Public: p.Public}
	x.ID, x.CreatedAt = p.ID, p.CreatedAt
	return x
}

func (w *weftPeer) get(ctx context.Context, id string) (string, error) {
	p, err := w.posts.Find(ctx, id)
	if err != nil {
		return "", err
	}
	return p.Title, nil
}

func (w *weftPeer) list(ctx context.Context) (int, error) {
	list, err := w.posts.Where("public", "=", true).Where("likes", "<", 40).OrderBy("createdAt", weft.Desc).Limit(listLimit).All(ctx)
	return len(list), err
}

func (w *weftPeer) insert(ctx context.Context, n int) error {
	x := weftPost(newPost(newID(1, n)))
	x.CreatedAt = time.Time{}
	return w.posts.Create(ctx, x)
}

func (w *weftPeer) insertMany(ctx context.Context, n int) error {
	list := make([]*Post, insertBatch)
	for i := range list {
		list[i] = weftPost(newPost(newID(2, n*insertBatch+i)))
	}
	return w.posts.CreateMany(ctx, list)
}

func (w *weftPeer) update(ctx context.Context, id string, likes int64) error {
	_, err := w.posts.Where("id", "=", id).Update(ctx, weft.Set{"likes": likes})
	return err
}

func (w *weftPeer) eager(ctx context.Context) (int, int, error) {
	list, err := w.writers.With("posts").OrderBy("name", weft.Asc).Limit(listLimit).All(ctx)
	n := 0
	for _, x := range list {
		n += len(x.Posts)
	}
	return len(list), n, err
}

func (w *weftPeer) count(ctx context.Context) (int64, error) {
	return w.posts.Where("public", "=", true).Where("likes", "<", 40).Count(ctx)
}

func (w *weftPeer) close() error { return w.db.Close() }

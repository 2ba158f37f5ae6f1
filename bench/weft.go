package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/mysql"
	"github.com/weftdb/weft/sqlengine/postgres"
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

// weftPeer is Weft on the engine that open gives; drop removes what it was on.
type weftPeer struct {
	open    func(dir string) (weft.Engine, error)
	drop    func() error
	settle  string // what lets the server look at the new rows
	db      *weft.DB
	posts   *weft.Repository[Post]
	writers *weft.Repository[Writer]
}

func (w *weftPeer) name() string { return "Weft" }

func (w *weftPeer) setup(dir string) error {
	e, err := w.open(dir)
	if err != nil {
		return err
	}
	w.db, err = weft.Open(e, weft.Models(Post{}, Writer{}), weft.AutoMigrate())
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
	if err := w.posts.CreateMany(ctx, ps); err != nil || w.settle == "" {
		return err
	}
	_, err = w.db.Exec(ctx, w.settle)
	return err
}

func onSQLite() *weftPeer {
	return &weftPeer{open: func(dir string) (weft.Engine, error) { return sqlite.Open(filepath.Join(dir, "weft.db")), nil }}
}

func onPostgres() *weftPeer {
	w := &weftPeer{settle: "ANALYZE"}
	w.open = func(string) (weft.Engine, error) {
		on, err := postgresDatabase()
		if err != nil {
			return nil, err
		}
		w.drop = on.drop
		return postgres.Open(on.address, postgres.MaxConns(poolSize)), nil
	}
	return w
}

func onMySQL() *weftPeer {
	w := &weftPeer{settle: "ANALYZE TABLE writers, posts"}
	w.open = func(string) (weft.Engine, error) {
		on, err := mysqlDatabase()
		if err != nil {
			return nil, err
		}
		w.drop = on.drop
		return mysql.Open(on.address, mysql.MaxConns(poolSize)), nil
	}
	return w
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

func (w *weftPeer) close() error {
	err := w.db.Close()
	if w.drop != nil {
		err = errors.Join(err, w.drop())
	}
	return err
}

package main

import (
	"context"
	"database/sql"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/weftdb/weft/bench/entpeer"
	entpost "github.com/weftdb/weft/bench/entpeer/post"
	entwriter "github.com/weftdb/weft/bench/entpeer/writer"
)

type entPeer struct{ c *entpeer.Client }

func (e *entPeer) name() string { return "ent" }

func (e *entPeer) setup(dir string) error {
	conn, err := sql.Open("sqlite", dsn(dir, "ent")+"&_time_format=sqlite")
	if err != nil {
		return err
	}
	e.c = entpeer.NewClient(entpeer.Driver(entsql.OpenDB(dialect.SQLite, conn)))
	ctx := context.Background()
	if err := e.c.Schema.Create(ctx); err != nil {
		return err
	}
	var ws []*entpeer.WriterCreate
	for i := range writers {
		ws = append(ws, e.c.Writer.Create().SetID(writerID(i)).SetName(writerID(i)))
	}
	if err := e.c.Writer.CreateBulk(ws...).Exec(ctx); err != nil {
		return err
	}
	var ps []*entpeer.PostCreate
	for i := range writers * postsEach {
		ps = append(ps, e.create(samplePost(i)))
	}
	return e.c.Post.CreateBulk(ps...).Exec(ctx)
}

func (e *entPeer) create(p post) *entpeer.PostCreate {
	return e.c.Post.Create().SetID(p.ID).SetCreatedAt(p.CreatedAt).SetTitle(p.Title).SetWriterID(p.WriterID).
		SetLikes(p.Likes).SetPublic(p.Public)
}

func (e *entPeer) get(ctx context.Context, id string) (string, error) {
	p, err := e.c.Post.Get(ctx, id)
	if err != nil {
		return "", err
	}
	return p.Title, nil
}

func (e *entPeer) list(ctx context.Context) (int, error) {
	list, err := e.c.Post.Query().Where(entpost.Public(true), entpost.LikesLT(40)).
		Order(entpost.ByCreatedAt(entsql.OrderDesc()), entpost.ByID()).Limit(listLimit).All(ctx)
	return len(list), err
}

func (e *entPeer) insert(ctx context.Context, n int) error {
	p := newPost(newID(1, n))
	p.CreatedAt = time.Now()
	return e.create(p).Exec(ctx)
}

func (e *entPeer) insertMany(ctx context.Context, n int) error {
	list := make([]*entpeer.PostCreate, insertBatch)
	for i := range list {
		list[i] = e.create(newPost(newID(2, n*insertBatch+i)))
	}
	return e.c.Post.CreateBulk(list...).Exec(ctx)
}

func (e *entPeer) update(ctx context.Context, id string, likes int64) error {
	return e.c.Post.Update().Where(entpost.ID(id)).SetLikes(likes).AddVersion(1).Exec(ctx)
}

func (e *entPeer) eager(ctx context.Context) (int, int, error) {
	list, err := e.c.Writer.Query().WithPosts().Order(entwriter.ByName()).Limit(listLimit).All(ctx)
	n := 0
	for _, w := range list {
		n += len(w.Edges.Posts)
	}
	return len(list), n, err
}

func (e *entPeer) count(ctx context.Context) (int64, error) {
	n, err := e.c.Post.Query().Where(entpost.Public(true), entpost.LikesLT(40)).Count(ctx)
	return int64(n), err
}

func (e *entPeer) close() error { return e.c.Close() }

package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
)

type bunPost struct {
	bun.BaseModel `bun:"table:posts"`

	ID        string `bun:",pk"`
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
	Title     string
	WriterID  string
	Likes     int64
	Public    bool
}

type bunWriter struct {
	bun.BaseModel `bun:"table:writers"`

	ID        string `bun:",pk"`
	Name      string
	CreatedAt time.Time
	Posts     []*bunPost `bun:"rel:has-many,join:id=writer_id"`
}

type bunPeer struct{ db *bun.DB }

func (b *bunPeer) name() string { return "bun" }

func bunOf(p post) *bunPost {
	return &bunPost{
		ID: p.ID, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Version: p.Version,
		Title: p.Title, WriterID: p.WriterID, Likes: p.Likes, Public: p.Public,
	}
}

func (b *bunPeer) setup(dir string) error {
	conn, err := sql.Open("sqlite", dsn(dir, "bun")+"&_time_format=sqlite")
	if err != nil {
		return err
	}
	b.db = bun.NewDB(conn, sqlitedialect.New())
	ctx := context.Background()
	for _, m := range []any{(*bunPost)(nil), (*bunWriter)(nil)} {
		if _, err := b.db.NewCreateTable().Model(m).Exec(ctx); err != nil {
			return err
		}
	}
	for _, c := range []string{"writer_id", "likes"} {
		if _, err := b.db.NewCreateIndex().Model((*bunPost)(nil)).Index("posts_" + c + "_idx").Column(c).Exec(ctx); err != nil {
			return err
		}
	}
	var ws []*bunWriter
	for i := range writers {
		ws = append(ws, &bunWriter{ID: writerID(i), Name: writerID(i), CreatedAt: samplePost(0).CreatedAt})
	}
	if _, err := b.db.NewInsert().Model(&ws).Exec(ctx); err != nil {
		return err
	}
	var ps []*bunPost
	for i := range writers * postsEach {
		ps = append(ps, bunOf(samplePost(i)))
	}
	_, err = b.db.NewInsert().Model(&ps).Exec(ctx)
	return err
}

func (b *bunPeer) get(ctx context.Context, id string) (string, error) {
	p := new(bunPost)
	err := b.db.NewSelect().Model(p).Where("id = ?", id).Scan(ctx)
	return p.Title, err
}

func (b *bunPeer) list(ctx context.Context) (int, error) {
	var list []*bunPost
	err := b.db.NewSelect().Model(&list).Where("public = ? AND likes < ?", true, 40).Order("created_at DESC", "id").Limit(listLimit).Scan(ctx)
	return len(list), err
}

func (b *bunPeer) insert(ctx context.Context, n int) error {
	p := bunOf(newPost(newID(1, n)))
	p.CreatedAt = time.Now()
	p.UpdatedAt = p.CreatedAt
	_, err := b.db.NewInsert().Model(p).Exec(ctx)
	return err
}

func (b *bunPeer) insertMany(ctx context.Context, n int) error {
	list := make([]*bunPost, insertBatch)
	for i := range list {
		list[i] = bunOf(newPost(newID(2, n*insertBatch+i)))
	}
	_, err := b.db.NewInsert().Model(&list).Exec(ctx)
	return err
}

func (b *bunPeer) update(ctx context.Context, id string, likes int64) error {
	_, err := b.db.NewUpdate().Model((*bunPost)(nil)).Set("likes = ?", likes).Set("updated_at = ?", time.Now()).
		Set("version = version + 1").Where("id = ?", id).Exec(ctx)
	return err
}

func (b *bunPeer) eager(ctx context.Context) (int, int, error) {
	var list []*bunWriter
	err := b.db.NewSelect().Model(&list).Relation("Posts").Order("name").Limit(listLimit).Scan(ctx)
	n := 0
	for _, w := range list {
		n += len(w.Posts)
	}
	return len(list), n, err
}

func (b *bunPeer) count(ctx context.Context) (int64, error) {
	n, err := b.db.NewSelect().Model((*bunPost)(nil)).Where("public = ? AND likes < ?", true, 40).Count(ctx)
	return int64(n), err
}

func (b *bunPeer) close() error { return b.db.Close() }

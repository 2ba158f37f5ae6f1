package main

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

type gormPost struct {
	ID        string `gorm:"primaryKey"`
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
	Title     string
	WriterID  string `gorm:"index"`
	Likes     int64  `gorm:"index"`
	Public    bool
}

func (gormPost) TableName() string { return "posts" }

type gormWriter struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	CreatedAt time.Time
	Posts     []*gormPost `gorm:"foreignKey:WriterID"`
}

func (gormWriter) TableName() string { return "writers" }

// gormPeer uses GORM on the shared driver, with the settings that its
// documentation recommends for speed.
type gormPeer struct{ db *gorm.DB }

func (g *gormPeer) name() string { return "GORM" }

func (g *gormPeer) setup(dir string) error {
	conn, err := sql.Open("sqlite", dsn(dir, "gorm")+"&_time_format=sqlite")
	if err != nil {
		return err
	}
	g.db, err = gorm.Open(sqlite.New(sqlite.Config{Conn: conn}), &gorm.Config{
		PrepareStmt: true, SkipDefaultTransaction: true, Logger: logger.Discard,
	})
	if err != nil {
		return err
	}
	if err := g.db.AutoMigrate(&gormPost{}, &gormWriter{}); err != nil {
		return err
	}
	var ws []*gormWriter
	for i := range writers {
		ws = append(ws, &gormWriter{ID: writerID(i), Name: writerID(i)})
	}
	if err := g.db.Create(ws).Error; err != nil {
		return err
	}
	var ps []*gormPost
	for i := range writers * postsEach {
		p := gormPost(samplePost(i))
		ps = append(ps, &p)
	}
	return g.db.CreateInBatches(ps, 500).Error
}

func (g *gormPeer) get(ctx context.Context, id string) (string, error) {
	var p gormPost
	err := g.db.WithContext(ctx).Take(&p, "id = ?", id).Error
	return p.Title, err
}

func (g *gormPeer) list(ctx context.Context) (int, error) {
	var list []*gormPost
	err := g.db.WithContext(ctx).Where("public = ? AND likes < ?", true, 40).Order("created_at DESC, id").Limit(listLimit).Find(&list).Error
	return len(list), err
}

func (g *gormPeer) insert(ctx context.Context, n int) error {
	p := gormPost(newPost(newID(1, n)))
	p.CreatedAt = time.Time{}
	return g.db.WithContext(ctx).Create(&p).Error
}

func (g *gormPeer) insertMany(ctx context.Context, n int) error {
	list := make([]*gormPost, insertBatch)
	for i := range list {
		p := gormPost(newPost(newID(2, n*insertBatch+i)))
		list[i] = &p
	}
	return g.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return tx.CreateInBatches(list, 500).Error })
}

func (g *gormPeer) update(ctx context.Context, id string, likes int64) error {
	return g.db.WithContext(ctx).Model(&gormPost{}).Where("id = ?", id).
		Updates(map[string]any{"likes": likes, "version": gorm.Expr("version + 1")}).Error
}

func (g *gormPeer) eager(ctx context.Context) (int, int, error) {
	var list []*gormWriter
	err := g.db.WithContext(ctx).Preload("Posts").Order("name").Limit(listLimit).Find(&list).Error
	n := 0
	for _, w := range list {
		n += len(w.Posts)
	}
	return len(list), n, err
}

func (g *gormPeer) count(ctx context.Context) (n int64, err error) {
	err = g.db.WithContext(ctx).Model(&gormPost{}).Where("public = ? AND likes < ?", true, 40).Count(&n).Error
	return n, err
}

func (g *gormPeer) close() error {
	db, err := g.db.DB()
	if err != nil {
		return err
	}
	return db.Close()
}

package main

import (
	"context"
	"database/sql"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/sqlengine/mysql"
)

// handMySQL is what a careful programmer writes by hand on database/sql and
// go-sql-driver: prepared statements, a context with a deadline.
type handMySQL struct {
	on                                                                   *database
	db                                                                   *sql.DB
	getSt, listSt, insertSt, manySt, updateSt, writersSt, postsSt, numSt *sql.Stmt
}

func (h *handMySQL) name() string { return "go-sql-driver" }

func (h *handMySQL) setup(string) error {
	var err error
	if h.on, err = mysqlDatabase(); err != nil {
		return err
	}
	if err := tables(mysql.Open(h.on.address)); err != nil {
		return err
	}
	cfg, err := driver.ParseDSN(h.on.address)
	if err != nil {
		return err
	}
	cfg.ParseTime, cfg.Loc = true, time.UTC
	connector, err := driver.NewConnector(cfg)
	if err != nil {
		return err
	}
	h.db = sql.OpenDB(connector)
	h.db.SetMaxOpenConns(poolSize)
	h.db.SetMaxIdleConns(poolSize)
	for _, s := range []struct {
		st  **sql.Stmt
		sql string
	}{
		{&h.getSt, "SELECT " + serverColumns + " FROM posts WHERE id = ?"},
		{&h.listSt, "SELECT " + serverColumns + " FROM posts WHERE public = ? AND likes < ? ORDER BY created_at DESC, id LIMIT ?"},
		{&h.insertSt, "INSERT INTO posts (" + serverColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
		{&h.manySt, manyRows(insertBatch, func(int) string { return "?" })},
		{&h.updateSt, "UPDATE posts SET likes = ?, updated_at = ?, _version = _version + 1 WHERE id = ?"},
		{&h.writersSt, "SELECT id, name, created_at FROM writers ORDER BY name LIMIT ?"},
		{&h.postsSt, "SELECT " + serverColumns + " FROM posts WHERE writer_id IN (?" + strings.Repeat(", ?", listLimit-1) + ") ORDER BY id"},
		{&h.numSt, "SELECT COUNT(*) FROM posts WHERE public = ? AND likes < ?"},
	} {
		if *s.st, err = h.db.Prepare(s.sql); err != nil {
			return err
		}
	}
	ctx := context.Background()
	for i := range writers {
		if _, err := h.db.Exec("INSERT INTO writers (id, name, created_at) VALUES (?, ?, ?)", writerID(i), writerID(i), samplePost(0).CreatedAt); err != nil {
			return err
		}
	}
	for i := range writers * postsEach {
		if err := h.put(ctx, samplePost(i)); err != nil {
			return err
		}
	}
	_, err = h.db.Exec("ANALYZE TABLE writers, posts")
	return err
}

func (h *handMySQL) put(ctx context.Context, p post) error {
	_, err := h.insertSt.ExecContext(ctx, p.ID, p.CreatedAt, p.UpdatedAt, p.Version, p.Title, p.WriterID, p.Likes, p.Public)
	return err
}

func scanMySQL(row scanner, p *post) error {
	return row.Scan(&p.ID, &p.CreatedAt, &p.UpdatedAt, &p.Version, &p.Title, &p.WriterID, &p.Likes, &p.Public)
}

func (h *handMySQL) get(ctx context.Context, id string) (string, error) {
	p := new(post)
	err := scanMySQL(h.getSt.QueryRowContext(ctx, id), p)
	return p.Title, err
}

func readMySQL(rows *sql.Rows, err error) ([]*post, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*post
	for rows.Next() {
		p := new(post)
		if err := scanMySQL(rows, p); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

func (h *handMySQL) list(ctx context.Context) (int, error) {
	list, err := readMySQL(h.listSt.QueryContext(ctx, true, 40, listLimit))
	return len(list), err
}

func (h *handMySQL) insert(ctx context.Context, n int) error {
	p := newPost(newID(1, n))
	p.CreatedAt = time.Now()
	p.UpdatedAt = p.CreatedAt
	return h.put(ctx, p)
}

func (h *handMySQL) insertMany(ctx context.Context, n int) error {
	_, err := h.manySt.ExecContext(ctx, manyArgs(n)...)
	return err
}

func (h *handMySQL) update(ctx context.Context, id string, likes int64) error {
	_, err := h.updateSt.ExecContext(ctx, likes, time.Now(), id)
	return err
}

func (h *handMySQL) eager(ctx context.Context) (int, int, error) {
	rows, err := h.writersSt.QueryContext(ctx, listLimit)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	list, byID, ids := []*handWriter{}, map[string]*handWriter{}, []any{}
	for rows.Next() {
		w := new(handWriter)
		if err := rows.Scan(&w.id, &w.name, &w.created); err != nil {
			return 0, 0, err
		}
		list, ids = append(list, w), append(ids, w.id)
		byID[w.id] = w
	}
	if err := rows.Err(); err != nil {
		return 0, 0, err
	}
	posts, err := readMySQL(h.postsSt.QueryContext(ctx, ids...))
	for _, p := range posts {
		w := byID[p.WriterID]
		w.posts = append(w.posts, p)
	}
	return len(list), len(posts), err
}

func (h *handMySQL) count(ctx context.Context) (n int64, err error) {
	err = h.numSt.QueryRowContext(ctx, true, 40).Scan(&n)
	return n, err
}

func (h *handMySQL) close() error {
	err := h.db.Close()
	if dropErr := h.on.drop(); err == nil {
		err = dropErr
	}
	return err
}

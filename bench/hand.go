package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver that all peers share
)

// dsn gives every peer the pragmas that Weft uses.
func dsn(dir, name string) string {
	return "file:" + filepath.Join(dir, name+".db") + "?_pragma=journal_mode(wal)&_pragma=synchronous(normal)" +
		"&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=cache_size(-8192)" +
		"&_pragma=temp_store(memory)&_txlock=immediate"
}

const ddl = `
CREATE TABLE writers (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE posts (id TEXT NOT NULL PRIMARY KEY, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
	version INTEGER NOT NULL, title TEXT NOT NULL, writer_id TEXT NOT NULL, likes INTEGER NOT NULL, public INTEGER NOT NULL);
CREATE INDEX posts_writer_id_idx ON posts (writer_id);
CREATE INDEX posts_likes_idx ON posts (likes);`

const layout = "2006-01-02 15:04:05.999999"

// hand is what a careful programmer writes by hand on database/sql: prepared
// statements, a context with a deadline, times as text.
type hand struct {
	db                                                           *sql.DB
	getSt, listSt, insertSt, updateSt, writersSt, postsSt, numSt *sql.Stmt
}

func (h *hand) name() string { return "database/sql" }

const columns = "id, created_at, updated_at, version, title, writer_id, likes, public"

func (h *hand) setup(dir string) error {
	var err error
	if h.db, err = sql.Open("sqlite", dsn(dir, "hand")); err != nil {
		return err
	}
	if _, err = h.db.Exec(ddl); err != nil {
		return err
	}
	for _, s := range []struct {
		st  **sql.Stmt
		sql string
	}{
		{&h.getSt, "SELECT " + columns + " FROM posts WHERE id = ?"},
		{&h.listSt, "SELECT " + columns + " FROM posts WHERE public = ? AND likes < ? ORDER BY created_at DESC, id LIMIT ?"},
		{&h.insertSt, "INSERT INTO posts (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
		{&h.updateSt, "UPDATE posts SET likes = ?, updated_at = ?, version = version + 1 WHERE id = ?"},
		{&h.writersSt, "SELECT id, name, created_at FROM writers ORDER BY name LIMIT ?"},
		{&h.postsSt, "SELECT " + columns + " FROM posts WHERE writer_id IN (?" + strings.Repeat(", ?", listLimit-1) + ")"},
		{&h.numSt, "SELECT COUNT(*) FROM posts WHERE public = ? AND likes < ?"},
	} {
		if *s.st, err = h.db.Prepare(s.sql); err != nil {
			return err
		}
	}
	tx, err := h.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := range writers {
		if _, err := tx.Exec("INSERT INTO writers VALUES (?, ?, ?)", writerID(i), writerID(i), samplePost(0).CreatedAt.Format(layout)); err != nil {
			return err
		}
	}
	st := tx.Stmt(h.insertSt)
	for i := range writers * postsEach {
		if err := insertHand(context.Background(), st, samplePost(i)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func insertHand(ctx context.Context, st *sql.Stmt, p post) error {
	_, err := st.ExecContext(ctx, p.ID, p.CreatedAt.UTC().Format(layout), p.UpdatedAt.UTC().Format(layout), p.Version, p.Title, p.WriterID, p.Likes, p.Public)
	return err
}

type scanner interface{ Scan(...any) error }

func scanHand(row scanner, p *post) error {
	var created, updated string
	if err := row.Scan(&p.ID, &created, &updated, &p.Version, &p.Title, &p.WriterID, &p.Likes, &p.Public); err != nil {
		return err
	}
	var err error
	if p.CreatedAt, err = time.Parse(layout, created); err != nil {
		return err
	}
	p.UpdatedAt, err = time.Parse(layout, updated)
	return err
}

func (h *hand) get(ctx context.Context, id string) (string, error) {
	p := new(post)
	err := scanHand(h.getSt.QueryRowContext(ctx, id), p)
	return p.Title, err
}

func readHand(rows *sql.Rows, err error) ([]*post, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*post
	for rows.Next() {
		p := new(post)
		if err := scanHand(rows, p); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

func (h *hand) list(ctx context.Context) (int, error) {
	list, err := readHand(h.listSt.QueryContext(ctx, true, 40, listLimit))
	return len(list), err
}

func (h *hand) insert(ctx context.Context, n int) error {
	p := newPost(newID(1, n))
	p.CreatedAt = time.Now()
	p.UpdatedAt = p.CreatedAt
	return insertHand(ctx, h.insertSt, p)
}

func (h *hand) insertMany(ctx context.Context, n int) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	st := tx.StmtContext(ctx, h.insertSt)
	for i := range insertBatch {
		if err := insertHand(ctx, st, newPost(newID(2, n*insertBatch+i))); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (h *hand) update(ctx context.Context, id string, likes int64) error {
	_, err := h.updateSt.ExecContext(ctx, likes, time.Now().UTC().Format(layout), id)
	return err
}

func (h *hand) eager(ctx context.Context) (int, int, error) {
	type writer struct {
		id, name string
		created  time.Time
		posts    []*post
	}
	rows, err := h.writersSt.QueryContext(ctx, listLimit)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	var list []*writer
	byID := map[string]*writer{}
	args := make([]any, 0, listLimit)
	for rows.Next() {
		w := new(writer)
		var created string
		if err := rows.Scan(&w.id, &w.name, &created); err != nil {
			return 0, 0, err
		}
		if w.created, err = time.Parse(layout, created); err != nil {
			return 0, 0, err
		}
		list = append(list, w)
		byID[w.id] = w
		args = append(args, w.id)
	}
	if err := rows.Err(); err != nil {
		return 0, 0, err
	}
	posts, err := readHand(h.postsSt.QueryContext(ctx, args...))
	for _, p := range posts {
		w := byID[p.WriterID]
		w.posts = append(w.posts, p)
	}
	return len(list), len(posts), err
}

func (h *hand) count(ctx context.Context) (n int64, err error) {
	err = h.numSt.QueryRowContext(ctx, true, 40).Scan(&n)
	return n, err
}

func (h *hand) close() error { return h.db.Close() }

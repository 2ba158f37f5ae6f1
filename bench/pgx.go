package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weftdb/weft/sqlengine/postgres"
)

// handPgx is what a careful programmer writes by hand on pgx's own interface:
// a pool whose connections keep prepared statements, and a context with a
// deadline.
type handPgx struct {
	on   *database
	pool *pgxpool.Pool
	many string // insertBatch rows in one statement
}

func (h *handPgx) name() string { return "pgx" }

func (h *handPgx) setup(string) error {
	var err error
	if h.on, err = postgresDatabase(); err != nil {
		return err
	}
	if err := tables(postgres.Open(h.on.address)); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(h.on.address)
	if err != nil {
		return err
	}
	cfg.MaxConns = poolSize
	ctx := context.Background()
	if h.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return err
	}
	h.many = manyRows(insertBatch, func(n int) string { return fmt.Sprintf("$%d", n) })
	for i := range writers {
		if _, err := h.pool.Exec(ctx, "INSERT INTO writers (id, name, created_at) VALUES ($1, $2, $3)", writerID(i), writerID(i), samplePost(0).CreatedAt); err != nil {
			return err
		}
	}
	for i := range writers * postsEach {
		if err := h.put(ctx, samplePost(i)); err != nil {
			return err
		}
	}
	_, err = h.pool.Exec(ctx, "ANALYZE")
	return err
}

// manyRows is one statement that inserts n posts.
func manyRows(n int, place func(int) string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO posts (" + serverColumns + ") VALUES ")
	for i := range n {
		b.WriteString(map[bool]string{true: "(", false: ", ("}[i == 0])
		for c := range 8 {
			if c > 0 {
				b.WriteString(", ")
			}
			b.WriteString(place(i*8 + c + 1))
		}
		b.WriteString(")")
	}
	return b.String()
}

func (h *handPgx) put(ctx context.Context, p post) error {
	_, err := h.pool.Exec(ctx, "INSERT INTO posts ("+serverColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		p.ID, p.CreatedAt, p.UpdatedAt, p.Version, p.Title, p.WriterID, p.Likes, p.Public)
	return err
}

func scanPgx(row pgx.Row, p *post) error {
	return row.Scan(&p.ID, &p.CreatedAt, &p.UpdatedAt, &p.Version, &p.Title, &p.WriterID, &p.Likes, &p.Public)
}

func (h *handPgx) get(ctx context.Context, id string) (string, error) {
	p := new(post)
	err := scanPgx(h.pool.QueryRow(ctx, "SELECT "+serverColumns+" FROM posts WHERE id = $1", id), p)
	return p.Title, err
}

func readPgx(rows pgx.Rows, err error) ([]*post, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*post
	for rows.Next() {
		p := new(post)
		if err := scanPgx(rows, p); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

func (h *handPgx) list(ctx context.Context) (int, error) {
	list, err := readPgx(h.pool.Query(ctx, "SELECT "+serverColumns+" FROM posts WHERE public = $1 AND likes < $2 ORDER BY created_at DESC, id LIMIT $3",
		true, 40, listLimit))
	return len(list), err
}

func (h *handPgx) insert(ctx context.Context, n int) error {
	p := newPost(newID(1, n))
	p.CreatedAt = time.Now()
	p.UpdatedAt = p.CreatedAt
	return h.put(ctx, p)
}

func (h *handPgx) insertMany(ctx context.Context, n int) error {
	_, err := h.pool.Exec(ctx, h.many, manyArgs(n)...)
	return err
}

// manyArgs are the values of one batch.
func manyArgs(n int) []any {
	args := make([]any, 0, 8*insertBatch)
	for i := range insertBatch {
		p := newPost(newID(2, n*insertBatch+i))
		args = append(args, p.ID, p.CreatedAt, p.UpdatedAt, p.Version, p.Title, p.WriterID, p.Likes, p.Public)
	}
	return args
}

func (h *handPgx) update(ctx context.Context, id string, likes int64) error {
	_, err := h.pool.Exec(ctx, "UPDATE posts SET likes = $1, updated_at = $2, _version = _version + 1 WHERE id = $3", likes, time.Now(), id)
	return err
}

func (h *handPgx) eager(ctx context.Context) (int, int, error) {
	rows, err := h.pool.Query(ctx, "SELECT id, name, created_at FROM writers ORDER BY name LIMIT $1", listLimit)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	list, byID, ids := []*handWriter{}, map[string]*handWriter{}, []string{}
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
	posts, err := readPgx(h.pool.Query(ctx, "SELECT "+serverColumns+" FROM posts WHERE writer_id = ANY($1) ORDER BY id", ids))
	for _, p := range posts {
		w := byID[p.WriterID]
		w.posts = append(w.posts, p)
	}
	return len(list), len(posts), err
}

// handWriter is a writer with the posts that were loaded for it.
type handWriter struct {
	id, name string
	created  time.Time
	posts    []*post
}

func (h *handPgx) count(ctx context.Context) (n int64, err error) {
	err = h.pool.QueryRow(ctx, "SELECT COUNT(*) FROM posts WHERE public = $1 AND likes < $2", true, 40).Scan(&n)
	return n, err
}

func (h *handPgx) close() error {
	h.pool.Close()
	return h.on.drop()
}

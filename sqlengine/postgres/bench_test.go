package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// article is the row of eight columns that is measured.
type article struct {
	ID        string `weft:"primary,type=string"`
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64 `weft:"version"`
	Title     string
	WriterID  string `weft:"index"`
	Likes     int64  `weft:"index"`
	Public    bool
}

const articles = 1000

func articleID(i int) string { return fmt.Sprintf("01930000-0000-7000-8000-%012d", i) }

func sample(i int) []any {
	at := time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC).Add(time.Duration(i) * time.Minute)
	return []any{articleID(i), at, at, int64(1), fmt.Sprintf("The title of article %d", i), articleID(i / 10), int64(i % 50), i%2 == 0}
}

// into is a sink as small as can be: it fills structs.
type into struct {
	list []*article
	cur  *article
}

func (s *into) Begin() { s.cur = new(article) }
func (s *into) End() error {
	s.list = append(s.list, s.cur)
	return nil
}
func (s *into) Null(int)           {}
func (s *into) Float(int, float64) {}
func (s *into) Bytes(int, []byte)  {}
func (s *into) Value(int, any)     {}
func (s *into) Bool(_ int, v bool) { s.cur.Public = v }
func (s *into) Int(col int, v int64) {
	if col == 3 {
		s.cur.Version = v
	} else {
		s.cur.Likes = v
	}
}

func (s *into) Text(col int, v string) {
	switch col {
	case 0:
		s.cur.ID = v
	case 4:
		s.cur.Title = v
	default:
		s.cur.WriterID = v
	}
}

func (s *into) Time(col int, v time.Time) {
	if col == 1 {
		s.cur.CreatedAt = v
	} else {
		s.cur.UpdatedAt = v
	}
}
func (s *into) Len() int                                     { return len(s.list) }
func (s *into) Instance(int) any                             { return nil }
func (s *into) Get(int, *schema.Field) any                   { return nil }
func (s *into) Key(int) []any                                { return nil }
func (s *into) Child(*schema.Relation, *op.With) op.Sink     { return nil }
func (s *into) Attach(int, *schema.Relation, op.Sink, []int) {}
func (s *into) Counted(int, *schema.Count, int64) error      { return nil }

// BenchmarkEngine measures the engine, and code written by hand for pgx's pool
// that does the same.
func BenchmarkEngine(b *testing.B) {
	s := newServer(b)
	s.run(b, "CREATE SCHEMA one")
	set := build(b, article{})
	m := set.Models[0]
	e := migrated(b, s.at(b, "one"), set)
	ctx := context.Background()
	ins := op.Op{Kind: op.Insert, Model: m}
	for i := range articles {
		ins.Rows = append(ins.Rows, sample(i))
	}
	must(b, e, ins)
	s.run(b, "ANALYZE one.articles")
	pool, err := pgxpool.New(ctx, s.at(b, "one"))
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	const columns = `id, created_at, updated_at, version, title, writer_id, likes, public`
	scan := func(sql string, args ...any) []*article {
		rows, err := pool.Query(ctx, sql, args...)
		if err != nil {
			b.Fatal(err)
		}
		defer rows.Close()
		var list []*article
		for rows.Next() {
			a := new(article)
			if err := rows.Scan(&a.ID, &a.CreatedAt, &a.UpdatedAt, &a.Version, &a.Title, &a.WriterID, &a.Likes, &a.Public); err != nil {
				b.Fatal(err)
			}
			list = append(list, a)
		}
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
		return list
	}
	find := func(o op.Op) []*article {
		sink := new(into)
		o.Kind, o.Model, o.Sink = op.Find, m, sink
		res, err := e.Do(ctx, o)
		if err != nil {
			b.Fatal(err)
		}
		for res.Rows.Next() {
		}
		if err := res.Rows.Err(); err != nil {
			b.Fatal(err)
		}
		return sink.list
	}
	do := func(o op.Op) {
		o.Model = m
		if _, err := e.Do(ctx, o); err != nil {
			b.Fatal(err)
		}
	}
	exec := func(sql string, args ...any) {
		if _, err := pool.Exec(ctx, sql, args...); err != nil {
			b.Fatal(err)
		}
	}
	next := articles
	for _, c := range []struct {
		name      string
		weft, pgx func(i int)
	}{
		{"get", func(i int) {
			if len(find(op.Op{Filter: op.Cmp("id", op.Eq, articleID(i%articles))})) != 1 {
				b.Fatal("no row")
			}
		}, func(i int) {
			if len(scan("SELECT "+columns+" FROM articles WHERE id = $1", articleID(i%articles))) != 1 {
				b.Fatal("no row")
			}
		}},
		{"list20", func(i int) {
			if len(find(op.Op{Filter: op.Cmp("likes", op.Eq, int64(i%50)), Sort: []op.Sort{{Field: "likes"}}, Limit: 20})) != 20 {
				b.Fatal("not 20 rows")
			}
		}, func(i int) {
			if len(scan("SELECT "+columns+" FROM articles WHERE likes = $1 ORDER BY likes LIMIT $2", int64(i%50), 20)) != 20 {
				b.Fatal("not 20 rows")
			}
		}},
		{"insert", func(int) { next++; do(op.Op{Kind: op.Insert, Rows: [][]any{sample(next)}}) }, func(int) {
			next++
			r := sample(next)
			exec("INSERT INTO articles ("+columns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", r...)
		}},
		{"update", func(i int) {
			do(op.Op{Kind: op.Update, Filter: op.Cmp("id", op.Eq, articleID(i%articles)), Set: []op.Assign{{Field: "title", Value: "new"}, {Field: "likes", Value: int64(i % 50)}}})
		}, func(i int) {
			exec("UPDATE articles SET title = $1, likes = $2, version = version + 1 WHERE id = $3", "new", int64(i%50), articleID(i%articles))
		}},
	} {
		for who, fn := range map[string]func(int){"weft": c.weft, "pgx": c.pgx} {
			b.Run(c.name+"/"+who, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					fn(i)
				}
			})
		}
	}
}

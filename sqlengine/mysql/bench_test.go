package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/mysql"
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

func benchModel(b *testing.B) *schema.Set {
	b.Helper()
	m, err := schema.FromStruct(article{})
	if err != nil {
		b.Fatal(err)
	}
	set, err := schema.Build(m)
	if err != nil {
		b.Fatal(err)
	}
	return set
}

func benchEngine(b *testing.B) (op.Engine, *schema.Model) {
	b.Helper()
	set := benchModel(b)
	e := mysql.Open(services.MySQL(b))
	b.Cleanup(func() { _ = e.Close() })
	ctx := context.Background()
	if _, err := e.Do(ctx, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set, Apply: true}}); err != nil {
		b.Fatal(err)
	}
	ins := op.Op{Kind: op.Insert, Model: set.Models[0]}
	for i := range articles {
		ins.Rows = append(ins.Rows, sample(i))
	}
	if _, err := e.Do(ctx, ins); err != nil {
		b.Fatal(err)
	}
	return e, set.Models[0]
}

const benchColumns = "id, created_at, updated_at, version, title, writer_id, likes, public"

func benchHand(b *testing.B) *sql.DB {
	b.Helper()
	dsn := services.MySQL(b)
	e := mysql.Open(dsn)
	defer e.Close()
	if _, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: benchModel(b), Apply: true}}); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("mysql", with(b, dsn, func(c *driver.Config) { c.ParseTime, c.Loc = true, time.UTC }))
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxIdleConns(8)
	b.Cleanup(func() { _ = db.Close() })
	tx, err := db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	for i := range articles {
		if _, err := tx.Exec("INSERT INTO articles ("+benchColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)", sample(i)...); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	return db
}

func handScan(row interface{ Scan(...any) error }) (*article, error) {
	a := new(article)
	return a, row.Scan(&a.ID, &a.CreatedAt, &a.UpdatedAt, &a.Version, &a.Title, &a.WriterID, &a.Likes, &a.Public)
}

func prepared(b *testing.B, db *sql.DB, text string) *sql.Stmt {
	b.Helper()
	st, err := db.Prepare(text)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}

// deadline is the context that a request has.
func deadline(b *testing.B) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	b.Cleanup(cancel)
	return ctx
}

func drain(b *testing.B, res op.Result, err error) {
	if err != nil {
		b.Fatal(err)
	}
	for res.Rows.Next() {
	}
	if err := res.Rows.Err(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkGet(b *testing.B) {
	ctx := deadline(b)
	b.Run("hand", func(b *testing.B) {
		st := prepared(b, benchHand(b), "SELECT "+benchColumns+" FROM articles WHERE id = ?")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := handScan(st.QueryRowContext(ctx, articleID(i%articles))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("weft", func(b *testing.B) {
		e, m := benchEngine(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s := &into{}
			res, err := e.Do(ctx, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, articleID(i%articles)), Limit: 1, Sink: s})
			drain(b, res, err)
			if len(s.list) != 1 {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkList20(b *testing.B) {
	ctx := deadline(b)
	b.Run("hand", func(b *testing.B) {
		st := prepared(b, benchHand(b), "SELECT "+benchColumns+" FROM articles WHERE public = ? AND likes < ? ORDER BY likes DESC, id LIMIT ?")
		b.ReportAllocs()
		for b.Loop() {
			rows, err := st.QueryContext(ctx, true, 40, 20)
			if err != nil {
				b.Fatal(err)
			}
			var list []*article
			for rows.Next() {
				a, err := handScan(rows)
				if err != nil {
					b.Fatal(err)
				}
				list = append(list, a)
			}
			if rows.Close(); len(list) != 20 {
				b.Fatal("not 20")
			}
		}
	})
	b.Run("weft", func(b *testing.B) {
		e, m := benchEngine(b)
		b.ReportAllocs()
		for b.Loop() {
			s := &into{}
			res, err := e.Do(ctx, op.Op{
				Kind: op.Find, Model: m, Filter: op.AllOf(op.Cmp("public", op.Eq, true), op.Cmp("likes", op.Lt, int64(40))),
				Sort: []op.Sort{{Field: "likes", Desc: true}, {Field: "id"}}, Limit: 20, Sink: s,
			})
			drain(b, res, err)
			if len(s.list) != 20 {
				b.Fatal("not 20")
			}
		}
	})
}

func BenchmarkInsert(b *testing.B) {
	ctx := deadline(b)
	b.Run("hand", func(b *testing.B) {
		st := prepared(b, benchHand(b), "INSERT INTO articles ("+benchColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
		b.ReportAllocs()
		for i := articles; b.Loop(); i++ {
			if _, err := st.ExecContext(ctx, sample(i)...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("weft", func(b *testing.B) {
		e, m := benchEngine(b)
		b.ReportAllocs()
		for i := articles; b.Loop(); i++ {
			if _, err := e.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{sample(i)}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkInsert1000(b *testing.B) {
	ctx := deadline(b)
	b.Run("hand", func(b *testing.B) {
		db := benchHand(b)
		st := prepared(b, db, "INSERT INTO articles ("+benchColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
		b.ReportAllocs()
		for i := articles; b.Loop(); {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				b.Fatal(err)
			}
			in := tx.StmtContext(ctx, st)
			for range 1000 {
				if _, err := in.ExecContext(ctx, sample(i)...); err != nil {
					b.Fatal(err)
				}
				i++
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("weft", func(b *testing.B) {
		e, m := benchEngine(b)
		b.ReportAllocs()
		for i := articles; b.Loop(); {
			o := op.Op{Kind: op.Insert, Model: m}
			for range 1000 {
				o.Rows = append(o.Rows, sample(i))
				i++
			}
			if _, err := e.Do(ctx, o); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	ctx := deadline(b)
	b.Run("hand", func(b *testing.B) {
		st := prepared(b, benchHand(b), "UPDATE articles SET likes = ?, version = version + 1 WHERE id = ?")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := st.ExecContext(ctx, int64(i), articleID(i%articles)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("weft returning", func(b *testing.B) {
		e, m := benchEngine(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			o := op.Op{
				Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, articleID(i%articles)), Returning: true,
				Set: []op.Assign{{Field: "likes", Value: int64(i)}},
			}
			if _, err := e.Do(ctx, o); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("weft", func(b *testing.B) {
		e, m := benchEngine(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			o := op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, articleID(i%articles)), Set: []op.Assign{{Field: "likes", Value: int64(i)}}}
			if _, err := e.Do(ctx, o); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package conn_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
	"github.com/weftdb/weft/sqlengine/sqlite"
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

// does runs operations.
type does interface {
	Do(ctx context.Context, o op.Op) (op.Result, error)
}

// session is what a group does with a connection.
type session struct {
	core *sqlengine.Core
	c    *conn.Conn
}

func (s session) Do(ctx context.Context, o op.Op) (op.Result, error) { return s.core.Do(ctx, s.c, &o) }

// sides runs a benchmark on modernc's SQLite and on rqlite's, in a transaction
// when write is set.
func sides(b *testing.B, write bool, fn func(b *testing.B, ctx context.Context, d does, m *schema.Model)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	b.Cleanup(cancel)
	m, err := schema.FromStruct(article{})
	if err != nil {
		b.Fatal(err)
	}
	set, err := schema.Build(m)
	if err != nil {
		b.Fatal(err)
	}
	made := func(b *testing.B) (*sqlite.Engine, string) {
		path := filepath.Join(b.TempDir(), "bench.db")
		e := sqlite.Open(path)
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
		return e, path
	}
	b.Run("modernc", func(b *testing.B) {
		e, _ := made(b)
		defer e.Close()
		var d does = e
		if write {
			tx, err := e.Begin(ctx, op.TxOptions{})
			if err != nil {
				b.Fatal(err)
			}
			defer tx.Rollback(ctx)
			d = tx
		}
		b.ReportAllocs()
		fn(b, ctx, d, set.Models[0])
	})
	b.Run("conn", func(b *testing.B) {
		e, path := made(b)
		if err := e.Close(); err != nil { // one SQLite at a time
			b.Fatal(err)
		}
		c := open(b, path, conn.Options{})
		core := sqlengine.New(lite.Dialect, func(ctx context.Context, s sqlengine.Session, m *schema.Model) (*sqlengine.Table, error) {
			return lite.Inspect(ctx, s.(*conn.Conn), m)
		})
		if write {
			if err := c.Begin(ctx, true); err != nil {
				b.Fatal(err)
			}
			defer c.Rollback()
		}
		b.ReportAllocs()
		fn(b, ctx, session{core, c}, set.Models[0])
	})
}

func drain(b *testing.B, want int, res op.Result, err error) {
	n := 0
	for err == nil && res.Rows.Next() {
		n++
	}
	if err == nil {
		err = res.Rows.Err()
	}
	if err != nil || n != want {
		b.Fatal(n, err)
	}
}

func BenchmarkGet(b *testing.B) {
	sides(b, false, func(b *testing.B, ctx context.Context, d does, m *schema.Model) {
		for i := 0; b.Loop(); i++ {
			res, err := d.Do(ctx, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, articleID(i%articles)), Limit: 1})
			drain(b, 1, res, err)
		}
	})
}

func BenchmarkList20(b *testing.B) {
	sides(b, false, func(b *testing.B, ctx context.Context, d does, m *schema.Model) {
		for b.Loop() {
			res, err := d.Do(ctx, op.Op{Kind: op.Find, Model: m, Filter: op.AllOf(op.Cmp("public", op.Eq, true), op.Cmp("likes", op.Lt, int64(40))), Sort: []op.Sort{{Field: "likes", Desc: true}, {Field: "id"}}, Limit: 20})
			drain(b, 20, res, err)
		}
	})
}

func BenchmarkList1000(b *testing.B) {
	sides(b, false, func(b *testing.B, ctx context.Context, d does, m *schema.Model) {
		for b.Loop() {
			res, err := d.Do(ctx, op.Op{Kind: op.Find, Model: m})
			drain(b, articles, res, err)
		}
	})
}

func BenchmarkInsertInTx(b *testing.B) {
	sides(b, true, func(b *testing.B, ctx context.Context, d does, m *schema.Model) {
		for i := articles; b.Loop(); i++ {
			if _, err := d.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{sample(i)}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUpdateInTx(b *testing.B) {
	sides(b, true, func(b *testing.B, ctx context.Context, d does, m *schema.Model) {
		for i := 0; b.Loop(); i++ {
			if _, err := d.Do(ctx, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, articleID(i%articles)), Set: []op.Assign{{Field: "likes", Value: int64(i)}}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRaw is SQL that somebody else wrote.
func BenchmarkRaw(b *testing.B) {
	ctx := context.Background()
	c := numbers(b, 1000)
	one := []sqlengine.Value{sqlengine.IntValue(500)}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k, _, err := c.Raw(ctx, "SELECT id, a FROM t WHERE id = ?", one)
			if err != nil {
				b.Fatal(err)
			}
			if n := count(b, k); n != 1 {
				b.Fatal(n)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			k, _, err := c.Raw(ctx, fmt.Sprintf("SELECT id, a FROM t WHERE id = ? -- %d", i), one)
			if err != nil {
				b.Fatal(err)
			}
			if n := count(b, k); n != 1 {
				b.Fatal(n)
			}
		}
	})
}

// BenchmarkSession is one statement.
func BenchmarkSession(b *testing.B) {
	ctx := context.Background()
	c := numbers(b, 1000)
	get, put := stmt("SELECT id, a FROM t WHERE id = ?"), stmt("INSERT INTO t (a) VALUES (?)")
	args := []sqlengine.Value{sqlengine.IntValue(500)}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k, err := c.Query(ctx, get, args)
			if err != nil {
				b.Fatal(err)
			}
			if n := count(b, k); n != 1 {
				b.Fatal(n)
			}
		}
	})
	if err := c.Begin(ctx, true); err != nil {
		b.Fatal(err)
	}
	defer c.Rollback()
	b.Run("insert", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := c.Exec(ctx, put, args); err != nil {
				b.Fatal(err)
			}
		}
	})
}

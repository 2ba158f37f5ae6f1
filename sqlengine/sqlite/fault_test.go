package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

type item struct {
	ID   int64 `weft:"primary,auto"`
	Name string
	N    int64
}

// must runs an operation that may not fail and gives its rows.
func must(t testing.TB, e op.Engine, o op.Op) (op.Result, [][]any) {
	t.Helper()
	res, err := e.Do(context.Background(), o)
	if err != nil {
		t.Fatalf("%s: %v", o.Describe(), err)
	}
	return res, read(t, res)
}

func read(t testing.TB, res op.Result) (list [][]any) {
	t.Helper()
	if res.Rows == nil {
		return nil
	}
	defer res.Rows.Close()
	for res.Rows.Next() {
		list = append(list, append([]any(nil), res.Rows.Row()...))
	}
	if err := res.Rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func insert(t testing.TB, e op.Engine, m *schema.Model, n int) {
	t.Helper()
	o := op.Op{Kind: op.Insert, Model: m}
	for i := range n {
		o.Rows = append(o.Rows, []any{op.Unset{}, fmt.Sprintf("item %d", i), int64(i)})
	}
	must(t, e, o)
}

// wants checks the code and the words of an error.
func wants(t *testing.T, err error, code op.Code, words ...string) {
	t.Helper()
	if op.CodeOf(err) != code {
		t.Fatalf("the error is %v (%s), want code %s", err, op.CodeOf(err), code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error %q does not say %q", err, w)
		}
	}
}

func TestBadFiles(t *testing.T) {
	ctx := context.Background()
	set := build(t, item{})
	dir := t.TempDir()
	find := op.Op{Kind: op.Find, Model: set.Models[0]}
	try := func(path string, opts ...sqlite.Option) error {
		e := sqlite.Open(path, opts...)
		defer e.Close()
		res, err := e.Do(ctx, find)
		if err != nil {
			return err
		}
		defer res.Rows.Close()
		for res.Rows.Next() {
		}
		return res.Rows.Err()
	}

	junk := filepath.Join(dir, "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, try(junk), op.CodeDatabase, "junk.db", "no SQLite database")
	wants(t, try(filepath.Join(dir, "none", "a.db")), op.CodeDatabase, "cannot be opened", "folder exists")
	wants(t, try(filepath.Join(dir, "absent.db"), sqlite.ReadOnly()), op.CodeDatabase, "cannot be opened")
	wants(t, try(filepath.Join(dir, "empty.db")), op.CodeDatabase, "items", "does not exist", "weft.AutoMigrate()")

	good := filepath.Join(dir, "good.db")
	e := open(t, good, set)
	insert(t, e, set.Models[0], 2000)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(good + "-wal"); err == nil {
		t.Error("the log is still there after Close")
	}
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}

	damaged := filepath.Join(dir, "damaged.db")
	bad := append([]byte(nil), content...)
	for i := 4096; i < len(bad); i++ {
		bad[i] = 0x5a
	}
	if err := os.WriteFile(damaged, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, try(damaged), op.CodeDatabase, "damaged.db", "restore it from a backup")

	e = sqlite.Open(good, sqlite.ReadOnly())
	defer e.Close()
	if _, rows := must(t, e, find); len(rows) != 2000 {
		t.Errorf("read only: %d rows", len(rows))
	}
	_, err = e.Do(ctx, op.Op{Kind: op.Delete, Model: set.Models[0]})
	wants(t, err, op.CodeDatabase, "good.db", "cannot be written")

	newer := filepath.Join(dir, "newer.db")
	e2 := open(t, newer, set)
	must(t, e2, op.Op{Kind: op.SQL, SQL: "UPDATE weft_meta SET value = '99' WHERE key = 'format'"})
	if err := e2.Close(); err != nil {
		t.Fatal(err)
	}
	if err := try(newer); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer database is opened: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	set := build(t, item{})
	e := file(t, set, sqlite.Pragma("max_page_count=30"))
	m := set.Models[0]
	insert(t, e, m, 100)
	row := []any{op.Unset{}, strings.Repeat("x", 200), int64(1)}
	o := op.Op{Kind: op.Insert, Model: m}
	for range 5000 {
		o.Rows = append(o.Rows, row)
	}
	_, err := e.Do(context.Background(), o)
	wants(t, err, op.CodeDatabase, "full", "nothing was changed")
	if res, _ := must(t, e, op.Op{Kind: op.Count, Model: m}); res.N != 100 {
		t.Errorf("%d rows after a full disk, want 100", res.N)
	}

	// A transaction that met it is over, and says so.
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	insert(t, tx, m, 1)
	_, err = tx.Do(context.Background(), o)
	wants(t, err, op.CodeDatabase, "full")
	if err := tx.Commit(context.Background()); err == nil {
		if res, _ := must(t, e, op.Op{Kind: op.Count, Model: m}); res.N != 101 {
			t.Errorf("%d rows after the rest was committed", res.N)
		}
	} else {
		wants(t, err, op.CodeDatabase, "rolled back")
	}
	insert(t, e, m, 1)
}

// The lock is held by a connection that knows nothing of the engine, as that
// of another process.
func TestLocked(t *testing.T) {
	set := build(t, item{})
	path := filepath.Join(t.TempDir(), "test.db")
	e := open(t, path, set, sqlite.BusyTimeout(50*time.Millisecond))
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ins := op.Op{Kind: op.Insert, Model: set.Models[0], Rows: [][]any{{op.Unset{}, "a", int64(1)}}}
	_, err = e.Do(context.Background(), ins)
	wants(t, err, op.CodeDatabase, "test.db", "locked by another process", "50ms")
	_, err = e.Begin(context.Background(), op.TxOptions{})
	wants(t, err, op.CodeDatabase, "locked by another process")
	must(t, e, op.Op{Kind: op.Find, Model: set.Models[0]}) // reading goes on

	patient := sqlite.Open(path, sqlite.BusyTimeout(time.Hour))
	defer patient.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = patient.Do(ctx, ins)
	wants(t, err, op.CodeTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no deadline exceeded", err)
	}
	if _, err := other.Exec("COMMIT"); err != nil {
		t.Fatal(err)
	}
	must(t, patient, ins)
}

func TestCancel(t *testing.T) {
	set := build(t, item{})
	for name, path := range map[string]string{"file": filepath.Join(t.TempDir(), "test.db"), "memory": ":memory:"} {
		t.Run(name, func(t *testing.T) {
			e := open(t, path, set)
			m := set.Models[0]
			insert(t, e, m, 1000)
			long := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
			defer cancel()
			began := time.Now()
			res, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: long})
			if err == nil {
				res.Rows.Next()
				err = res.Rows.Err()
				res.Rows.Close()
			}
			wants(t, err, op.CodeTimeout)
			if d := time.Since(began); d > time.Minute { // to its end it would take far longer
				t.Errorf("a query of 30 ms ended after %s", d)
			}
			if name == "memory" {
				return // its rows are read at once
			}
			ctx2, cancel2 := context.WithCancel(context.Background())
			defer cancel2()
			res, err = e.Do(ctx2, op.Op{Kind: op.Find, Model: m})
			if err != nil {
				t.Fatal(err)
			}
			if !res.Rows.Next() {
				t.Fatal(res.Rows.Err())
			}
			cancel2()
			if res.Rows.Next() {
				t.Error("a row after the context ended")
			}
			wants(t, res.Rows.Err(), op.CodeCancelled)
			must(t, e, op.Op{Kind: op.Count, Model: m})
		})
	}
}

// In a transaction finds stay open while it writes, and give what was there.
func TestStreamsInTx(t *testing.T) {
	set := build(t, item{})
	e := file(t, set)
	ctx := context.Background()
	m := set.Models[0]
	insert(t, e, m, 500)
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var open []op.Rows
	for range 3 { // of one shape, at the same time
		res, err := tx.Do(ctx, op.Op{Kind: op.Find, Model: m, Sort: []op.Sort{{Field: "id"}}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if !res.Rows.Next() || res.Rows.Row()[0] != int64(i+1) {
				t.Fatalf("row %d: %v %v", i, res.Rows.Row(), res.Rows.Err())
			}
		}
		open = append(open, res.Rows)
	}
	if res, err := tx.Do(ctx, op.Op{Kind: op.Delete, Model: m, Filter: op.Cmp("n", op.Ge, int64(5))}); err != nil || res.N != 495 {
		t.Fatalf("%d %v", res.N, err)
	}
	if !open[0].Next() || open[0].Row()[0] != int64(11) {
		t.Fatalf("after the delete: %v %v", open[0].Row(), open[0].Err())
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for i, r := range open {
		n := 10
		if i == 0 {
			n = 11
		}
		for r.Next() {
			n++
		}
		if r.Err() != nil || n != 500 {
			t.Errorf("stream %d gave %d rows, %v", i, n, r.Err())
		}
		r.Close()
	}
	if res, _ := must(t, e, op.Op{Kind: op.Count, Model: m}); res.N != 5 {
		t.Errorf("%d rows, want 5", res.N)
	}
}

// countdown is a context that is cancelled after somebody has looked at it so
// many times: in the middle of a statement.
type countdown struct {
	context.Context
	looks int
}

func (c *countdown) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

// A write that is cancelled takes its whole transaction with it: nothing may
// be committed piecemeal afterwards.
func TestCancelledWriteEndsTx(t *testing.T) {
	set := build(t, item{})
	e := file(t, set)
	m := set.Models[0]
	insert(t, e, m, 20000)
	tx, err := e.Begin(context.Background(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	insert(t, tx, m, 1)
	ctx := &countdown{Context: context.Background(), looks: 5}
	like := op.Cmp("name", op.Like, "item")
	_, err = tx.Do(ctx, op.Op{
		Kind: op.Update, Model: m, Filter: op.Cond{Kind: op.And, Conds: []op.Cond{like, like, like, like, like, like}},
		Set: []op.Assign{{Field: "n", Value: int64(-1)}},
	})
	if err == nil {
		t.Fatal("the write was not cancelled")
	}
	wants(t, err, op.CodeCancelled)
	_, err = tx.Do(context.Background(), op.Op{Kind: op.Delete, Model: m})
	wants(t, err, op.CodeDatabase, "rolled back")
	wants(t, tx.Commit(context.Background()), op.CodeDatabase, "rolled back")
	if res, _ := must(t, e, op.Op{Kind: op.Count, Model: m}); res.N != 20000 {
		t.Errorf("%d rows, want 20000", res.N)
	}
}

func TestCloseWithWorkOpen(t *testing.T) {
	set := build(t, item{})
	path := filepath.Join(t.TempDir(), "test.db")
	e := sqlite.Open(path, sqlite.CloseTimeout(50*time.Millisecond))
	ctx := context.Background()
	if _, err := e.Do(ctx, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set, Apply: true}}); err != nil {
		t.Fatal(err)
	}
	m := set.Models[0]
	insert(t, e, m, 100)
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	insert(t, tx, m, 1)
	res, err := e.Do(ctx, op.Op{Kind: op.Find, Model: m})
	if err != nil || !res.Rows.Next() {
		t.Fatal(err)
	}
	err = e.Close()
	wants(t, err, op.CodeDatabase, "close their Rows")
	_, err = tx.Do(ctx, op.Op{Kind: op.Count, Model: m})
	var closed *op.Error
	if !errors.As(err, &closed) || !closed.Closed {
		t.Errorf("a transaction after Close: %v", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Error(err)
	}
	res.Rows.Close()
	e = sqlite.Open(path)
	defer e.Close()
	if res, _ := must(t, e, op.Op{Kind: op.Count, Model: m}); res.N != 100 {
		t.Errorf("%d rows, want 100", res.N)
	}
}

func TestBackupCopies(t *testing.T) {
	set := build(t, item{})
	for name, source := range map[string]string{"file": filepath.Join(t.TempDir(), "test.db"), "memory": ":memory:"} {
		t.Run(name, func(t *testing.T) {
			e := open(t, source, set)
			insert(t, e, set.Models[0], 3000)
			_, rows := must(t, e, op.Op{Kind: op.Backup})
			path := filepath.Join(t.TempDir(), "copy.db")
			var all []byte
			for _, r := range rows {
				all = append(all, r[0].([]byte)...)
			}
			if err := os.WriteFile(path, all, 0o600); err != nil {
				t.Fatal(err)
			}
			copied := sqlite.Open(path)
			defer copied.Close()
			if res, _ := must(t, copied, op.Op{Kind: op.Count, Model: set.Models[0]}); res.N != 3000 {
				t.Errorf("the copy has %d rows, want 3000", res.N)
			}
		})
	}
}

func TestRawSQL(t *testing.T) {
	set := build(t, item{})
	e := file(t, set)
	ctx := context.Background()
	insert(t, e, set.Models[0], 3)
	res, rows := must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT name, n FROM items WHERE n >= ? ORDER BY n", Args: []any{1}})
	if fmt.Sprint(res.Columns, rows) != "[name n] [[item 1 1] [item 2 2]]" {
		t.Errorf("%v %v", res.Columns, rows)
	}
	if res, _ := must(t, e, op.Op{Kind: op.SQL, SQL: "UPDATE items SET n = n + 1 WHERE n > 0"}); res.N != 2 {
		t.Errorf("changed %d rows", res.N)
	}
	if _, rows := must(t, e, op.Op{Kind: op.SQL, SQL: "INSERT INTO items (name, n) VALUES ('x', 9) RETURNING id"}); fmt.Sprint(rows) != "[[4]]" {
		t.Errorf("returning: %v", rows)
	}
	for text, word := range map[string]string{
		"BEGIN":                        "db.Tx",
		" -- x\n commit":               "db.Tx",
		"ATTACH 'x' AS y":              "one file",
		"PRAGMA journal_mode = DELETE": "sqlite.Pragma",
		"SELECT ?":                     "1 places",
		"  ;":                          "empty",
	} {
		_, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: text})
		wants(t, err, op.CodeValidation, word)
	}
	for _, args := range [][]any{nil, {1, 2}} { // the plan of a statement can be had without its values
		res, _ := must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT name FROM items WHERE n = ? OR n > ?", Args: args, Explain: true})
		if res.Plan == nil || fmt.Sprint(res.Plan.Scan) != "[items]" {
			t.Errorf("explain with %v: %v", args, res.Plan)
		}
	}
	_, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT 1; DELETE FROM items", Returning: true})
	wants(t, err, op.CodeValidation, "one by one")
	_, err = e.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT * FROM nowhere"})
	wants(t, err, op.CodeDatabase, "nowhere")
	_, err = e.Do(ctx, op.Op{Kind: op.SQL, SQL: "INSERT INTO items (name, n) VALUES ('a', 1); INSERT INTO items (nope) VALUES (1)"})
	wants(t, err, op.CodeDatabase, "nope")
	if res, _ := must(t, e, op.Op{Kind: op.Count, Model: set.Models[0]}); res.N != 4 {
		t.Errorf("%d rows after a script that failed, want 4", res.N)
	}
}

package conn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// endless runs for hours.
const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

func numbers(t testing.TB, n int) *conn.Conn {
	t.Helper()
	c := open(t, file(t), conn.Options{})
	must(t, c, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
	must(t, c, "INSERT INTO t WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i, printf('%.*c', i % 50, 'x') FROM n", sqlengine.IntValue(int64(n)))
	return c
}

func code(err error) op.Code {
	var e *op.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// count reads a cursor to its end.
func count(t testing.TB, k sqlengine.Cursor) int {
	t.Helper()
	for n := 0; ; n++ {
		ok, err := k.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return n
		}
	}
}

func TestRowsOfAnySize(t *testing.T) {
	ctx := context.Background()
	c := open(t, file(t), conn.Options{})
	must(t, c, "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
	sizes := []int{0, 1, 7, 8, 9, 1000, 1023, 1024, 70_000, 300_000, 3, 2_000_000, 5}
	for i, n := range sizes {
		if _, _, err := c.Exec(ctx, stmt("INSERT INTO t VALUES (?, ?, ?)"), []sqlengine.Value{
			sqlengine.IntValue(int64(i)), sqlengine.TextValue(strings.Repeat("é", n)), sqlengine.BlobValue(strings.Repeat("\x00", n)),
		}); err != nil {
			t.Fatal(err)
		}
	}
	s := stmt("SELECT id, a, b, length(a), id / 2.0 FROM t ORDER BY id")
	for range 2 {
		k, err := c.Query(ctx, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range sizes {
			ok, err := k.Next()
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			if k.Int(0) != int64(i) || string(k.View(1)) != strings.Repeat("é", n) || string(k.View(2)) != strings.Repeat("\x00", n) || k.Int(3) != int64(n) ||
				k.Float(4) != float64(i)/2 || k.Kind(1) != sqlengine.Text || k.Kind(2) != sqlengine.Blob {
				t.Fatal(i, n)
			}
		}
		if ok, err := k.Next(); ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := k.Next(); ok || err != nil {
			t.Fatal("after the end", ok, err)
		}
	}
	if _, _, err := c.Exec(ctx, stmt("SELECT ?"), nil); code(err) != op.CodeValidation {
		t.Error(err)
	}
	if _, err := c.Query(ctx, stmt("SELECT 'a\x00b'"), nil); code(err) != op.CodeValidation {
		t.Error(err)
	}
}

// What a cursor was to read stays what it was when the transaction goes on to
// write.
func TestCursorsAreDetached(t *testing.T) {
	ctx := context.Background()
	c := numbers(t, 5000)
	err := c.Atomic(ctx, func() error {
		all := stmt("SELECT id FROM t ORDER BY id")
		a, err := c.Query(ctx, all, nil)
		if err != nil {
			return err
		}
		b, err := c.Query(ctx, all, nil)
		if err != nil {
			return err
		}
		for range 20 {
			if ok, err := a.Next(); !ok || err != nil {
				t.Error(ok, err)
			}
		}
		if _, _, err := c.Exec(ctx, stmt("DELETE FROM t"), nil); err != nil {
			return err
		}
		if n, m := count(t, a), count(t, b); n != 4980 || m != 5000 {
			t.Error(n, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := ask1(t, c, "SELECT count(*) FROM t"); n != "0" {
		t.Error(n)
	}
}

func TestErrorAfterRows(t *testing.T) {
	ctx := context.Background()
	c := numbers(t, 5000)
	for _, at := range []int64{1, 5, 16, 17, 64, 65, 3000} {
		k, err := c.Query(ctx, stmt("SELECT weft_add(id, ?, 0, 5000) FROM t ORDER BY id"), []sqlengine.Value{sqlengine.IntValue(5001 - at)})
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for {
			ok, err := k.Next()
			if ok {
				n++
				continue
			}
			var f *sqlengine.Fault
			if !errors.As(err, &f) || f.Class != sqlengine.FaultOverflow || n != at-1 {
				t.Error(at, n, err)
			}
			break
		}
	}
}

func TestTransactionsNest(t *testing.T) {
	ctx := context.Background()
	c := open(t, file(t), conn.Options{})
	must(t, c, "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)")
	insert := stmt("INSERT INTO t (a) VALUES (?)")
	add := func(n int64) error {
		_, _, err := c.Exec(ctx, insert, []sqlengine.Value{sqlengine.IntValue(n)})
		return err
	}
	no := errors.New("no")
	err := c.Atomic(ctx, func() error {
		if err := add(1); err != nil {
			return err
		}
		if err := c.Atomic(ctx, func() error { return errors.Join(add(2), no) }); !errors.Is(err, no) {
			t.Error(err)
		}
		for range 12 { // deeper than the statements that are kept
			if err := c.Begin(ctx, true); err != nil {
				return err
			}
		}
		if c.Depth() != 13 {
			t.Error(c.Depth())
		}
		if err := add(3); err != nil {
			return err
		}
		for range 12 {
			if err := c.Commit(ctx); err != nil {
				return err
			}
		}
		var f *sqlengine.Fault
		if err := add(3); !errors.As(err, &f) || f.Class != sqlengine.FaultUnique || f.Table != "t" || len(f.Columns) != 1 || f.Columns[0] != "a" {
			t.Error(err)
		}
		return nil
	})
	if err != nil || c.Depth() != 0 {
		t.Fatal(err, c.Depth())
	}
	if got := ask1(t, c, "SELECT group_concat(a) FROM t"); got != "1,3" {
		t.Error(got)
	}
	if err := c.Commit(ctx); code(err) != op.CodeInternal {
		t.Error(err)
	}
	if err := c.Rollback(); code(err) != op.CodeInternal {
		t.Error(err)
	}
	// SQLite ended the transaction itself.
	if err := c.Begin(ctx, true); err != nil {
		t.Fatal(err)
	}
	if err := add(4); err != nil {
		t.Fatal(err)
	}
	if err := c.Begin(ctx, true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Exec(ctx, stmt("INSERT OR ROLLBACK INTO t (a) VALUES (4)"), nil); err == nil {
		t.Error("no conflict")
	}
	for _, err := range []error{add(5), c.Commit(ctx), c.Commit(ctx)} {
		if err == nil || !strings.Contains(err.Error(), "rolled back by an earlier failure") {
			t.Error(err)
		}
	}
	if c.Depth() != 0 {
		t.Error(c.Depth())
	}
	if got := ask1(t, c, "SELECT group_concat(a) FROM t"); got != "1,3" {
		t.Error(got)
	}
	if on := ask1(t, c, "PRAGMA foreign_keys"); on != "1" {
		t.Error("foreign keys are off")
	}
}

func TestContextEndsStatements(t *testing.T) {
	c := numbers(t, 50)
	short := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), 20*time.Millisecond)
	}
	ctx, cancel := short()
	if _, err := c.Ask(ctx, endless); code(err) != op.CodeTimeout {
		t.Error(err)
	}
	if _, err := c.Ask(ctx, "SELECT 1"); code(err) != op.CodeTimeout {
		t.Error(err)
	}
	cancel()
	ctx, cancel = context.WithCancel(context.Background())
	k, err := c.Query(ctx, stmt("SELECT a.id FROM t a, t b, t c"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := k.Next(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	cancel()
	if ok, err := k.Next(); ok || code(err) != op.CodeCancelled {
		t.Error(ok, err)
	}
	// A write that is interrupted leaves nothing, and the transaction says so.
	err = c.Atomic(context.Background(), func() error {
		ctx, cancel := short()
		defer cancel()
		_, _, err := c.Exec(ctx, stmt("INSERT INTO t (a) WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"), nil)
		if code(err) != op.CodeTimeout || !conn.Environmental(err) {
			t.Error(err)
		}
		return err
	})
	if code(err) != op.CodeTimeout {
		t.Error(err)
	}
	if n := ask1(t, c, "SELECT count(*) FROM t"); n != "50" {
		t.Error(n)
	}
	// The end of a transaction fails before it begins, or not at all.
	ctx, cancel = context.WithCancel(context.Background())
	err = c.Atomic(ctx, func() error {
		_, _, err := c.Exec(ctx, stmt("DELETE FROM t"), nil)
		cancel()
		return err
	})
	if code(err) != op.CodeCancelled || c.Depth() != 0 {
		t.Error(err, c.Depth())
	}
	if n := ask1(t, c, "SELECT count(*) FROM t"); n != "50" {
		t.Error(n)
	}
}

func TestInterrupt(t *testing.T) {
	c := numbers(t, 10)
	c.Interrupt() // nothing runs
	must(t, c, "SELECT 1")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				c.Interrupt()
			}
		}
	}()
	_, err := c.Ask(context.Background(), endless)
	close(stop)
	<-done
	if code(err) != op.CodeCancelled || !conn.Environmental(err) {
		t.Error(err)
	}
	must(t, c, "SELECT 1")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	c.Interrupt()
	if _, err := c.Ask(context.Background(), "SELECT 1"); err == nil {
		t.Error("a closed connection answers")
	}
	if _, err := c.Check(context.Background(), "SELECT 1"); err == nil {
		t.Error("a closed connection answers")
	}
	if err := c.Fixed(moment, 1, func() error { return nil }); err == nil {
		t.Error("a closed connection answers")
	}
	if err := c.Begin(context.Background(), true); err == nil {
		t.Error("a closed connection answers")
	}
}

// Two connections read, each its own snapshot, while one writes.
func TestReadersAndAWriter(t *testing.T) {
	ctx := context.Background()
	path := file(t)
	w := open(t, path, conn.Options{})
	must(t, w, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)")
	insert, sums := stmt("INSERT INTO t (a) VALUES (?)"), stmt("SELECT a FROM t")
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := make(chan struct{})
	defer close(stop)
	for range 2 {
		r := open(t, path, conn.Options{ReadOnly: true})
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				k, err := r.Query(ctx, sums, nil)
				if err != nil {
					t.Error(err)
					return
				}
				n, sum := 0, int64(0)
				for {
					ok, err := k.Next()
					if err != nil {
						t.Error(err)
						return
					}
					if !ok {
						break
					}
					n++
					sum += k.Int(0)
				}
				if n%2 != 0 || sum != 0 {
					t.Error("half of a transaction is seen", n, sum)
					return
				}
			}
		}()
	}
	for i := range int64(400) {
		if err := w.Atomic(ctx, func() error {
			for _, v := range []int64{i, -i} {
				if _, _, err := w.Exec(ctx, insert, []sqlengine.Value{sqlengine.IntValue(v)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLocks(t *testing.T) {
	ctx := context.Background()
	a := numbers(t, 3)
	b := open(t, a.Path(), conn.Options{Busy: 30 * time.Millisecond})
	if err := a.Begin(ctx, true); err != nil {
		t.Fatal(err)
	}
	err := b.Begin(ctx, true)
	if err == nil || !strings.Contains(err.Error(), "locked") || !conn.Environmental(err) || b.Depth() != 0 {
		t.Error(err, b.Depth())
	}
	slow := open(t, a.Path(), conn.Options{Busy: time.Hour})
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := slow.Begin(short, true); code(err) != op.CodeTimeout {
		t.Error(err)
	}
	if err := a.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := b.Begin(ctx, true); err != nil {
		t.Error(err)
	}
	if err := b.Commit(ctx); err != nil {
		t.Error(err)
	}
	// A snapshot that is too old to be written on.
	if err := a.Begin(ctx, false); err != nil {
		t.Fatal(err)
	}
	must(t, a, "SELECT * FROM t")
	must(t, b, "DELETE FROM t WHERE id = 1")
	_, _, err = a.Exec(ctx, stmt("DELETE FROM t"), nil)
	var f *sqlengine.Fault
	if !errors.As(err, &f) || f.Class != sqlengine.FaultSnapshot {
		t.Error(err)
	}
	if err := a.Rollback(); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	c := numbers(t, 3)
	r := open(t, c.Path(), conn.Options{ReadOnly: true})
	for _, text := range []string{"DELETE FROM t", "CREATE TABLE x (a)", "INSERT INTO t DEFAULT VALUES"} {
		if _, err := r.Ask(context.Background(), text); err == nil {
			t.Error(text)
		}
		if info, err := r.Check(context.Background(), text); err != nil || info.ReadOnly {
			t.Error(text, info, err)
		}
	}
	if _, err := conn.Open(c.Path()+"-missing", conn.Options{}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// More statements than are kept, some of them in use.
func TestStatementsAreKept(t *testing.T) {
	ctx := context.Background()
	c := numbers(t, 100)
	var list []*sqlengine.Statement
	for i := range 600 {
		list = append(list, stmt(fmt.Sprintf("SELECT id, %d FROM t WHERE id > ?", i)))
	}
	var held []sqlengine.Cursor
	for round := range 3 {
		for i, s := range list {
			k, err := c.Query(ctx, s, []sqlengine.Value{sqlengine.IntValue(10)})
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := k.Next(); !ok || err != nil || k.Int(1) != int64(i) {
				t.Fatal(ok, err)
			}
			if i%50 == round {
				held = append(held, k)
				continue
			}
			_ = k.Close()
		}
		if round == 1 {
			c.Forget()
		}
	}
	for _, k := range held {
		if n := count(t, k); n != 89 {
			t.Error(n)
		}
	}
	for i := range 300 { // and of others
		k, _, err := c.Raw(ctx, fmt.Sprintf("SELECT %d FROM t", i%80), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, k); n != 100 {
			t.Error(n)
		}
	}
	must(t, c, "ALTER TABLE t ADD COLUMN more DEFAULT 5")
	k, _, err := c.Raw(ctx, "SELECT * FROM t", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = k.Close()
	must(t, c, "ALTER TABLE t DROP COLUMN more")
	_, info, err := c.Raw(ctx, "SELECT * FROM t", nil)
	if err != nil || len(info.Columns) != 2 {
		t.Error(info, err)
	}
}

func TestCollation(t *testing.T) {
	ctx := context.Background()
	c := open(t, file(t), conn.Options{})
	must(t, c, "CREATE TABLE t (a TEXT, b TEXT COLLATE nocase)")
	must(t, c, "CREATE VIEW v AS SELECT a FROM t")
	for _, s := range []struct{ table, column, want string }{
		{"t", "a", "BINARY"}, {"t", "b", "NOCASE"}, {"v", "a", ""}, {"t", "x", ""}, {"x", "a", ""},
	} {
		if got, err := c.Collation(ctx, s.table, s.column); err != nil || got != s.want {
			t.Errorf("%v: %q %v", s, got, err)
		}
	}
}

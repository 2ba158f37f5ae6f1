package conn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// filled is a database with n rows, of pages of a size.
func filled(t testing.TB, n, page int, journal string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "filled.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, path, conn.Options{})
	must(t, c, fmt.Sprintf("PRAGMA page_size = %d", page))
	must(t, c, "PRAGMA journal_mode = "+journal)
	must(t, c, "CREATE TABLE big (id INTEGER PRIMARY KEY, a BLOB)")
	must(t, c, "INSERT INTO big WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i, zeroblob(500) FROM n", sqlengine.IntValue(int64(n)))
	return path
}

func TestCopyWhileOthersWrite(t *testing.T) {
	ctx := context.Background()
	path := filled(t, 20_000, 4096, "WAL")
	w := open(t, path, conn.Options{})
	r := open(t, path, conn.Options{ReadOnly: true})
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := w.Atomic(ctx, func() error {
				_, err := w.Ask(ctx, "UPDATE big SET a = ? WHERE id IN (1, 20000)", sqlengine.IntValue(int64(i)))
				return err
			}); err != nil {
				done <- err
				return
			}
		}
	}()
	to := filepath.Join(t.TempDir(), "copy.db")
	err := r.Copy(ctx, to)
	close(stop)
	if werr := <-done; err != nil || werr != nil {
		t.Fatal(err, werr)
	}
	d := open(t, to, conn.Options{ReadOnly: true})
	if got := ask1(t, d, "PRAGMA journal_mode"); got != "delete" {
		t.Error(got)
	}
	if got := ask1(t, d, "PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
	if rows := must(t, d, "SELECT count(*), count(DISTINCT a) FROM big WHERE id IN (1, 20000)"); rows[0][0].Int() != 2 || rows[0][1].Int() != 1 {
		t.Error("the copy is not of one moment", rows)
	}
	if err := r.Copy(ctx, to); code(err) != op.CodeValidation {
		t.Error(err)
	}
	if r.Depth() != 0 {
		t.Error(r.Depth())
	}
	ended, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	<-ended.Done()
	gone := filepath.Join(t.TempDir(), "gone.db")
	if err := r.Copy(ended, gone); code(err) != op.CodeTimeout {
		t.Error(err)
	}
	if _, err := os.Stat(gone); err == nil {
		t.Error("half a copy was left")
	}
	if err := r.Copy(ctx, filepath.Join(t.TempDir(), "no", "folder.db")); err == nil || !conn.Environmental(err) {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	ctx := context.Background()
	for _, page := range []int{4096, 1024, 65536} {
		for _, journal := range []string{"DELETE", "WAL"} {
			c := numbers(t, 10)
			r := open(t, c.Path(), conn.Options{ReadOnly: true})
			if err := r.Begin(ctx, false); err != nil {
				t.Fatal(err)
			}
			must(t, r, "SELECT * FROM t")
			if err := c.Load(ctx, filled(t, 3000, page, journal)); err != nil {
				t.Fatal(page, journal, err)
			}
			if got := ask1(t, c, "SELECT count(*) FROM big"); got != "3000" {
				t.Error(got)
			}
			if got := ask1(t, c, "PRAGMA journal_mode"); got != "wal" {
				t.Error(got)
			}
			// A reader goes on with what it saw, and then sees the new.
			if got := ask1(t, r, "SELECT count(*) FROM t"); got != "10" {
				t.Error(got)
			}
			if err := r.Rollback(); err != nil {
				t.Fatal(err)
			}
			if got := ask1(t, r, "SELECT count(*) FROM big"); got != "3000" {
				t.Error(got)
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	ctx := context.Background()
	c := numbers(t, 10)
	make1 := func(texts ...string) string {
		path := filepath.Join(t.TempDir(), "a.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		d := open(t, path, conn.Options{})
		for _, text := range texts {
			must(t, d, text)
		}
		return path
	}
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/nowhere/a.db": "no such file",
		garbage:         "no SQLite database",
		make1("CREATE TABLE h (id INTEGER PRIMARY KEY)", "INSERT INTO h VALUES (9223372036854775807)"):                                      "9223372036854775807",
		make1("CREATE TABLE h (rowid TEXT, oid TEXT)", "INSERT INTO h (_rowid_) VALUES (9223372036854775807)"):                              "9223372036854775807",
		make1("CREATE TABLE h (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO h VALUES (1)", "UPDATE sqlite_sequence SET seq = 1e19"): "used up",
		make1("PRAGMA encoding = 'UTF-16le'", "CREATE TABLE h (a)"):                                                                         "UTF-16",
	} {
		if err := c.Load(ctx, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, path := range []string{make1("CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID", "CREATE TABLE x (rowid, oid, _rowid_)", "CREATE VIRTUAL TABLE f USING fts5 (a)", "CREATE VIEW v AS SELECT 1")} {
		if err := c.Load(ctx, path); err != nil {
			t.Error(err)
		}
	}
	if err := c.Atomic(ctx, func() error { return c.Load(ctx, garbage) }); code(err) != op.CodeInternal {
		t.Error(err)
	}
	r := open(t, c.Path(), conn.Options{ReadOnly: true})
	if err := r.Load(ctx, garbage); code(err) != op.CodeValidation {
		t.Error(err)
	}
	if _, err := conn.Open(make1("PRAGMA encoding = 'UTF-16be'", "CREATE TABLE h (a)"), conn.Options{}); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Error(err)
	}
	if _, err := conn.Open(garbage, conn.Options{}); err == nil || !conn.Environmental(err) {
		t.Error(err)
	}
}

// A restore is an entry of the log.
func TestLoadInStore(t *testing.T) {
	ctx := context.Background()
	from, small := filled(t, 5000, 4096, "DELETE"), filled(t, 10, 1024, "WAL")
	dir := t.TempDir()
	s := single(t, dir, func(c *conn.Conn, _ string, entry []byte) error {
		switch string(entry) {
		case "load":
			return c.Load(ctx, from)
		case "small":
			return c.Load(ctx, small)
		}
		return c.Atomic(ctx, func() error {
			if _, err := c.Ask(ctx, "CREATE TABLE IF NOT EXISTS big (id INTEGER PRIMARY KEY, a)"); err != nil {
				return err
			}
			_, _, err := c.Exec(ctx, addBig, nil)
			return err
		})
	})
	r := (*conn.Conn)(nil)
	for _, step := range []struct {
		entry, count string
	}{{"add", "1"}, {"load", "5000"}, {"add", "5001"}, {"small", "10"}, {"add", "11"}} {
		if err := propose(t, s, step.entry); err != nil {
			t.Fatal(step.entry, err)
		}
		if r == nil {
			r = open(t, storePath(dir), conn.Options{ReadOnly: true})
		}
		if got := ask1(t, r, "SELECT count(*) FROM big"); got != step.count {
			t.Error(step, got)
		}
	}
	if err := s.Snapshot(0); err != nil {
		t.Error(err)
	}
	if got := ask1(t, r, "PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
}

var addBig = stmt("INSERT INTO big (a) VALUES (1)")

func TestEnvironmental(t *testing.T) {
	ctx := context.Background()
	path := filled(t, 2000, 4096, "DELETE")
	c := open(t, path, conn.Options{})
	// A file that may not grow is a full disk.
	must(t, c, "PRAGMA max_page_count = 1")
	_, err := c.Ask(ctx, "INSERT INTO big (a) VALUES (zeroblob(100000))")
	if !conn.Environmental(err) || !strings.Contains(err.Error(), "full") {
		t.Error(err)
	}
	for text, want := range map[string]bool{"INSERT INTO big (id) VALUES (1)": false, "SELECT nosuch": false, "SELECT zeroblob(2000000000)": false} {
		if _, err := c.Ask(ctx, text); err == nil || conn.Environmental(err) != want {
			t.Error(text, err)
		}
	}
	// Damage.
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 100*4096), 4096); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	d := open(t, path, conn.Options{})
	if _, err := d.Ask(ctx, "SELECT sum(length(a)) FROM big"); !conn.Environmental(err) || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
	if conn.Environmental(nil) || conn.Environmental(errors.New("x")) {
		t.Error("what is no error of the environment counts as one")
	}
}

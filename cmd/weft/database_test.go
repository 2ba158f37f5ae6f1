package main

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// makeDatabase makes a database file with these statements. It has a
// write-ahead log only where they ask for one.
func makeDatabase(t testing.TB, path string, statements ...string) {
	t.Helper()
	made := filepath.Join(t.TempDir(), "made.db") // the driver would take a ? in the path for parameters
	db, err := sql.Open("sqlite", made)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := errors.Join(db.Close(), os.Rename(made, path)); err != nil {
		t.Fatal(err)
	}
}

func fileNames(t testing.TB, dir string) (out []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		out = append(out, f.Name())
	}
	return out
}

const wal = "PRAGMA journal_mode=WAL"

func TestDatabaseArgument(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	makeDatabase(t, "app.db", "CREATE TABLE t (a)")
	makeDatabase(t, "odd name?%41#.db", "CREATE TABLE t (a)")
	for _, arg := range []string{
		"app.db", "./app.db", "sqlite:app.db", "SQLITE:app.db", "sqlite://app.db", dir + "/app.db", "sqlite:" + dir + "/app.db",
		"sqlite://" + dir + "/app.db", "odd name?%41#.db", "sqlite:odd name?%41#.db",
	} {
		d, err := findDatabase(arg)
		if err != nil {
			t.Errorf("%s: %v", arg, err)
			continue
		}
		db, err := d.pool()
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Errorf("%s: %v", arg, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if got := countRowsOf(t, d.engine()); got != 0 {
			t.Errorf("%s: %d rows", arg, got)
		}
	}
	if got := fileNames(t, dir); len(got) != 2 {
		t.Errorf("there are the files %q", got)
	}
}

func countRowsOf(t testing.TB, e *sqlite.Engine) int64 {
	t.Helper()
	defer e.Close()
	res, err := e.Do(context.Background(), op.Op{Kind: op.SQL, SQL: "SELECT count(*) FROM t"})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Rows.Close()
	if !res.Rows.Next() {
		t.Fatal(res.Rows.Err())
	}
	return res.Rows.Row()[0].(int64)
}

func TestDatabaseArgumentsRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, content := range map[string]string{
		"text.db": strings.Repeat("no database ", 100), "short.db": "x", "garbage.db": strings.Repeat("\x07\x90", 4096),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", "socket.db")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := fileNames(t, dir)
	for arg, want := range map[string]string{
		"":                       "is empty; give the path",
		"sqlite:":                "is empty; give the path",
		":memory:":               "in memory belongs to the program",
		"sqlite::memory:":        "in memory belongs to the program",
		"absent.db":              "there is no database absent.db; check the path (nothing was created)",
		"none/absent.db":         "there is no database none/absent.db",
		"text.db/x.db":           "text.db/x.db cannot be read: not a directory",
		".":                      ". is a folder",
		"socket.db":              "is no regular file",
		"text.db":                "is no SQLite database, or it is encrypted",
		"short.db":               "is no SQLite database, or it is encrypted",
		"garbage.db":             "is no SQLite database, or it is encrypted",
		"postgres://me@host/app": `reads SQLite files and cannot open "postgres://me@host/app"`,
		"oracle://me:geheim@h/a": `reads SQLite files and cannot open "oracle://me:xxxxx@h/a"`,
		"mysql:app":              "reads SQLite files",
		"file:app.db?mode=ro":    "give the path of the database alone",
		"a\x00b":                 "cannot be the name of a file",
	} {
		_, err := findDatabase(arg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", arg, err, want)
		}
	}
	if after := fileNames(t, dir); !slices.Equal(before, after) {
		t.Errorf("files were made: %q", after)
	}
}

// Reading leaves nothing behind, whatever the journal, and sees what is in the
// log of a program that is running.
func TestReadingLeavesNoTrace(t *testing.T) {
	for _, journal := range []string{wal, "PRAGMA journal_mode=DELETE"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "app.db")
		makeDatabase(t, path, journal, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := findDatabase(path)
		if err != nil {
			t.Fatal(err)
		}
		if d.frozen != (journal == wal) {
			t.Errorf("%s: frozen is %t", journal, d.frozen)
		}
		if n := countRowsOf(t, d.engine()); n != 1 {
			t.Errorf("%d rows", n)
		}
		if err := d.moved(); err != nil {
			t.Error(err)
		}
		if got := fileNames(t, dir); !slices.Equal(got, []string{"app.db"}) {
			t.Errorf("%s: there are the files %q", journal, got)
		}
		after, err := os.ReadFile(path)
		if err != nil || string(after) != string(before) {
			t.Errorf("%s: the file was changed, %v", journal, err)
		}

		// A program that has it open.
		other, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		other.SetMaxOpenConns(1)
		if _, err := other.Exec("INSERT INTO t VALUES (2)"); err != nil {
			t.Fatal(err)
		}
		if journal == wal {
			if err := d.moved(); err == nil || !strings.Contains(err.Error(), "run the command again") {
				t.Errorf("a program that wrote meanwhile: %v", err)
			}
		}
		if d, err = findDatabase(path); err != nil {
			t.Fatal(err)
		}
		if n := countRowsOf(t, d.engine()); n != 2 || d.frozen {
			t.Errorf("%s: %d rows, frozen is %t", journal, n, d.frozen)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What was opened for writing may not come into being by that.
func TestWritableKeepsTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	makeDatabase(t, path, "CREATE TABLE t (a)")
	d, err := findDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	e := d.writable()
	if _, err := e.Do(t.Context(), op.Op{Kind: op.SQL, SQL: "INSERT INTO t VALUES (1)"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	head, err := d.header()
	if err != nil || walHeader(head) {
		t.Errorf("the file has a write-ahead log now, %v", err)
	}
}

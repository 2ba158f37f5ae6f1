package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// names are the files of a folder.
func names(t *testing.T, dir string) (out []string) {
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

// A file that is opened as immutable is read without any file beside it and
// cannot be written.
func TestImmutable(t *testing.T) {
	set := build(t, item{})
	dir := t.TempDir()
	path := filepath.Join(dir, "a b?.db")
	e := open(t, path, set)
	insert(t, e, set.Models[0], 5)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	frozen := sqlite.Open(path, sqlite.Immutable())
	defer frozen.Close()
	if res, _ := must(t, frozen, op.Op{Kind: op.Count, Model: set.Models[0]}); res.N != 5 {
		t.Errorf("%d rows, want 5", res.N)
	}
	_, err = frozen.Do(context.Background(), op.Op{Kind: op.Delete, Model: set.Models[0]})
	wants(t, err, op.CodeDatabase, "cannot be written")
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("there are the files %q", got)
	}
	if err := frozen.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, %v", err)
	}
}

// A file made elsewhere keeps its rollback journal when it is asked for.
func TestKeepJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "found.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		opts []sqlite.Option
		want string
	}{{[]sqlite.Option{sqlite.KeepJournal()}, "delete"}, {nil, "wal"}, {[]sqlite.Option{sqlite.KeepJournal()}, "wal"}} {
		e := sqlite.Open(path, c.opts...)
		must(t, e, op.Op{Kind: op.SQL, SQL: "INSERT INTO t VALUES (1)"})
		if _, rows := must(t, e, op.Op{Kind: op.SQL, SQL: "PRAGMA journal_mode"}); rows[0][0] != c.want {
			t.Errorf("the journal mode is %v, want %s", rows[0][0], c.want)
		}
		tx, err := e.Begin(t.Context(), op.TxOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, rows := must(t, tx, op.Op{Kind: op.SQL, SQL: " pragma main.journal_mode ;"}); rows[0][0] != c.want {
			t.Errorf("a transaction that reads says %v, want %s", rows[0][0], c.want)
		}
		_, err = tx.Do(t.Context(), op.Op{Kind: op.SQL, SQL: "PRAGMA journal_mode(persist)"})
		wants(t, err, op.CodeValidation, "read only")
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

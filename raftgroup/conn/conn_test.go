package conn_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// file makes an empty database with a write-ahead log.
func file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, path, conn.Options{})
	must(t, c, "PRAGMA journal_mode = WAL")
	return path
}

func open(t testing.TB, path string, o conn.Options) *conn.Conn {
	t.Helper()
	c, err := conn.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func must(t testing.TB, c *conn.Conn, text string, args ...sqlengine.Value) [][]sqlengine.Value {
	t.Helper()
	rows, err := c.Ask(context.Background(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rows
}

func stmt(text string) *sqlengine.Statement { return &sqlengine.Statement{SQL: text} }

package conn_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"
	"github.com/rqlite/rqlite/v8/store"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// layer is rqlite's network on loopback.
type layer struct{ net.Listener }

func (l layer) Dial(addr string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", addr, timeout)
}

// single is a store of one node that applies by fn.
func single(t *testing.T, dir string, fn func(c *conn.Conn, path string, entry []byte) error) *store.Store {
	t.Helper()
	if err := conn.OnApply(fn); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := store.NewDBConfig()
	s := store.New(layer{ln}, &store.Config{DBConf: cfg, Dir: dir, ID: "a", Logger: log.New(io.Discard, "", 0)})
	s.RaftLogLevel = "OFF"
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(true); err != nil {
			t.Error(err)
		}
		_ = ln.Close()
	})
	if nodes, err := s.Nodes(); err != nil || len(nodes) == 0 {
		if err := s.Bootstrap(&store.Server{ID: "a", Addr: ln.Addr().String(), Suffrage: "voter"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.WaitForLeader(time.Minute); err != nil {
		t.Fatal(err)
	}
	look, end := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for !s.Ready() {
		select {
		case <-look.C:
		case <-end:
			t.Fatal("the store is not ready")
		}
	}
	return s
}

// propose hands in an entry and gives the error of its statement.
func propose(t testing.TB, s *store.Store, entry string) error {
	t.Helper()
	res, err := s.Execute(&proto.ExecuteRequest{Request: &proto.Request{Statements: []*proto.Statement{{
		Sql: "SELECT weft_apply(?)", Parameters: []*proto.Parameter{{Value: &proto.Parameter_Y{Y: []byte(entry)}}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	if msg := res[0].GetError(); msg != "" {
		return errors.New(msg)
	}
	return nil
}

func storePath(dir string) string { return filepath.Join(dir, "db.sqlite") }

func TestApplyInStore(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	insert, count := stmt("INSERT INTO t (a) VALUES (?)"), stmt("SELECT count(*) FROM t")
	var seen []*conn.Conn
	stray := stmt("SELECT a FROM t")
	apply := func(c *conn.Conn, path string, entry []byte) error {
		seen = append(seen, c)
		if path != c.Path() || filepath.Dir(path) != dir {
			t.Error(path, dir)
		}
		switch string(entry) {
		case "panic":
			_ = c.Begin(ctx, true)
			_, _, _ = c.Exec(ctx, insert, []sqlengine.Value{sqlengine.TextValue("panicked")})
			panic("on purpose")
		case "open":
			if err := c.Begin(ctx, true); err != nil {
				return err
			}
			if err := c.Begin(ctx, true); err != nil {
				return err
			}
			_, _, err := c.Exec(ctx, insert, []sqlengine.Value{sqlengine.TextValue("left open")})
			return err
		case "cursor":
			cur, err := c.Query(ctx, stray, nil)
			if err == nil {
				_, err = cur.Next()
			}
			return err
		case "nested":
			_, err := c.Ask(ctx, "SELECT weft_apply(x'00')")
			return err
		case "keys":
			rows, err := c.Ask(ctx, "SELECT changes(), last_insert_rowid()")
			if err == nil && (rows[0][0].Int() != 0 || rows[0][1].Int() != 0) {
				err = errors.New("changes or the last rowid of an earlier entry is seen")
			}
			return err
		}
		done, cancel := context.WithCancel(ctx)
		cancel() // contexts mean nothing here
		return c.Atomic(done, func() error {
			if _, err := c.Ask(done, "CREATE TABLE IF NOT EXISTS t (a TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP)"); err != nil {
				return err
			}
			if _, _, err := c.Exec(done, insert, []sqlengine.Value{sqlengine.TextValue(string(entry))}); err != nil {
				return err
			}
			err := c.Atomic(done, func() error {
				_, _, err := c.Exec(done, insert, []sqlengine.Value{sqlengine.TextValue("undone")})
				return errors.Join(err, errors.New("no"))
			})
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Error(err)
			}
			cur, err := c.Query(done, count, nil)
			if err != nil {
				return err
			}
			defer cur.Close()
			ok, err := cur.Next()
			if !ok || err != nil || cur.Int(0) != int64(len(seen)) {
				t.Error(ok, err, len(seen))
			}
			if string(entry) == "bad" {
				return errors.New("refused on purpose")
			}
			return nil
		})
	}
	s := single(t, dir, apply)
	for range 3 {
		if err := propose(t, s, "good"); err != nil {
			t.Fatal(err)
		}
	}
	for range seen[1:] {
		if seen[0] != seen[1] {
			t.Error("the connection is another one")
		}
	}
	for entry, want := range map[string]string{
		"panic": "weft_apply: panic: on purpose", "open": "left open", "nested": "called inside itself",
	} {
		if err := propose(t, s, entry); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", entry, err)
		}
	}
	for _, entry := range []string{"cursor", "keys"} {
		if err := propose(t, s, entry); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
	}
	seen = seen[:3]
	if err := propose(t, s, "bad"); err == nil || !strings.Contains(err.Error(), "refused on purpose") {
		t.Error(err)
	}
	rows := func() string {
		t.Helper()
		c := open(t, storePath(dir), conn.Options{ReadOnly: true})
		return must(t, c, "SELECT group_concat(a) FROM t")[0][0].Bytes()
	}
	if got := rows(); got != "good,good,good" {
		t.Error(got)
	}
	// With statements kept prepared, rqlite can still take snapshots, replace its
	// file and close.
	if err := s.Snapshot(0); err != nil {
		t.Fatal(err)
	}
	var image []byte
	{
		c := open(t, storePath(dir), conn.Options{ReadOnly: true})
		to := filepath.Join(t.TempDir(), "copy.db")
		if err := c.Copy(ctx, to); err != nil {
			t.Fatal(err)
		}
		image, _ = os.ReadFile(to)
	}
	seen = seen[:3]
	if err := propose(t, s, "more"); err != nil {
		t.Fatal(err)
	}
	if err := s.Load(&proto.LoadRequest{Data: image}); err != nil {
		t.Fatal(err)
	}
	if got := rows(); got != "good,good,good" {
		t.Error(got)
	}
	seen = seen[:3]
	old := seen[0]
	if err := propose(t, s, "after"); err != nil {
		t.Fatal(err)
	}
	if seen[3] == old {
		t.Error("the connection of the file that was replaced is still used")
	}
	if _, err := old.Ask(ctx, "SELECT 1"); err == nil {
		t.Error("the connection of the file that was replaced still answers")
	}
	if got := rows(); got != "good,good,good,after" {
		t.Error(got)
	}
}

func TestApplyElsewhere(t *testing.T) {
	if err := conn.OnApply(func(c *conn.Conn, _ string, _ []byte) error { t.Error("called"); return nil }); err != nil {
		t.Fatal(err)
	}
	c := open(t, file(t), conn.Options{})
	for _, s := range []struct{ text, want string }{
		{"SELECT weft_apply(x'00')", "not one that applies"},
		{"CREATE VIEW v AS SELECT weft_apply(x'00')", ""},
		{"SELECT * FROM v", "unsafe use of weft_apply"},
	} {
		_, err := c.Ask(context.Background(), s.text)
		if (err == nil) != (s.want == "") || err != nil && !strings.Contains(err.Error(), s.want) {
			t.Errorf("%s: %v", s.text, err)
		}
	}
}

// A statement without an end does not stop the group, and no copy takes it for
// a failure of its own.
func TestEndlessStatementInStore(t *testing.T) {
	defer conn.SetMaxSteps(2000)()
	ctx := context.Background()
	var got []error
	s := single(t, t.TempDir(), func(c *conn.Conn, _ string, entry []byte) error {
		if _, err := c.Ask(ctx, "CREATE TABLE IF NOT EXISTS t (a)"); err != nil {
			return err
		}
		err := c.Atomic(ctx, func() error {
			k, _, err := c.Raw(ctx, string(entry), nil)
			for err == nil {
				var ok bool
				if ok, err = k.Next(); !ok {
					break
				}
			}
			return err
		})
		got = append(got, err)
		_, err = c.Ask(ctx, "SELECT count(*) FROM t")
		return err
	})
	for _, text := range []string{
		endless, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
		"WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i FROM n RETURNING a",
		"INSERT INTO t WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
		"SELECT zeroblob((1 << 27) + 1)", "INSERT INTO t VALUES (1)", "PRAGMA page_count", "EXPLAIN SELECT 1",
	} {
		if err := propose(t, s, text); err != nil {
			t.Error(text, err)
		}
	}
	for i, err := range got[:4] {
		if code(err) != op.CodeValidation || !strings.Contains(err.Error(), "million steps") || conn.Environmental(err) {
			t.Error(i, err)
		}
	}
	if err := got[4]; code(err) != op.CodeValidation || !strings.Contains(err.Error(), "too large") {
		t.Error(err)
	}
	if got[5] != nil {
		t.Error(got[5])
	}
	for _, err := range got[6:] { // what tells of one copy is not for the log
		if code(err) != op.CodeForbidden || !strings.Contains(err.Error(), "tells of one copy") {
			t.Error(err)
		}
	}
}

package client_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/internal/port"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

func exec(t testing.TB, d *client.Database, text string, args ...any) *client.Result {
	t.Helper()
	r, err := d.Execute(within(t), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// One cluster serves all of this: starting one costs a second.
func TestClient(t *testing.T) {
	c := newCluster(t, 3)
	k := c.connect(t, 0)
	d := k.Database()
	ctx := within(t)
	if err := d.CreateTable(ctx, `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, score REAL DEFAULT 1.5, photo BLOB)`); err != nil {
		t.Fatal(err)
	}

	t.Run("database", func(t *testing.T) {
		r := exec(t, d, "INSERT INTO users (name, photo) VALUES (?, ?), (?, NULL)", "Alice", []byte{0, 255}, "Bob")
		if r.RowsAffected != 2 || r.LastInsertID != 2 || r.Rows != nil {
			t.Errorf("%+v", r)
		}
		got, err := d.Query(ctx, "SELECT id, name, score, photo FROM users WHERE name = :name", sql.Named("name", "Alice"))
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprint(got.Columns, got.Rows); text != "[id name score photo] [[1 Alice 1.5 [0 255]]]" {
			t.Error(text)
		}
		if m := got.Maps(); len(m) != 1 || m[0]["name"] != "Alice" || m[0]["id"] != int64(1) {
			t.Errorf("%v", m)
		}
		got, err = d.Query(ctx, "UPDATE users SET score = 2 WHERE name = ?2 AND score > ?1 RETURNING id", 1, "Bob")
		if err != nil || fmt.Sprint(got.Rows) != "[[2]]" {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err = d.Query(ctx, "SELECT 1 WHERE 0"); err != nil || len(got.Rows) != 0 || len(got.Columns) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		for _, bad := range []struct {
			text string
			args []any
		}{
			{"SELEC 1", nil},
			{"SELECT nothing FROM users", nil},
			{"SELECT ?", []any{struct{}{}}},
			{"SELECT 1; SELECT 2", nil},
			{"ATTACH '/etc/passwd' AS x", nil},
			{"BEGIN", nil},
			{"VACUUM INTO '/tmp/x'", nil},
			{"SELECT :a", []any{sql.Named("a", 1), sql.Named("a", 2)}},
			{"SELECT ?", nil},
			{"", nil},
		} {
			if _, err := d.Query(ctx, bad.text, bad.args...); err == nil || op.CodeOf(err) == op.CodeInternal {
				t.Errorf("%q %v: %v", bad.text, bad.args, err)
			}
		}
		if _, err := d.Execute(ctx, "INSERT INTO users (name) VALUES ('Bob')"); op.CodeOf(err) != op.CodeConflict {
			t.Errorf("a name twice: %v (%s)", err, op.CodeOf(err))
		}
	})

	t.Run("transaction", func(t *testing.T) {
		out, err := d.Transaction(ctx, client.SQL("INSERT INTO users (name) VALUES (?)", "Carol"), client.SQL("SELECT count(*) FROM users"))
		if err != nil || len(out) != 2 || out[1].Rows[0][0] != int64(3) {
			t.Fatalf("%+v, %v", out, err)
		}
		_, err = d.Transaction(ctx, client.SQL("INSERT INTO users (name) VALUES ('Dave')"), client.SQL("INSERT INTO users (name) VALUES ('Bob')"))
		if op.CodeOf(err) != op.CodeConflict || !strings.Contains(err.Error(), "statement 2") {
			t.Errorf("%v", err)
		}
		if r, err := d.Query(ctx, "SELECT count(*) FROM users"); err != nil || r.Rows[0][0] != int64(3) {
			t.Errorf("%+v, %v", r, err)
		}
		if _, err := d.Transaction(ctx); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%v", err)
		}
	})

	t.Run("levels", func(t *testing.T) {
		for _, level := range []op.Consistency{op.Weak, op.Linearizable, op.Strong} {
			if r, err := d.WithConsistency(level).Query(ctx, "SELECT count(*) FROM users"); err != nil || r.Rows[0][0] != int64(3) {
				t.Errorf("%s: %+v, %v", level, r, err)
			}
		}
		until(t, "any node has it", func() bool {
			r, err := d.WithFreshness(time.Minute).Query(ctx, "SELECT count(*) FROM users")
			return err == nil && r.Rows[0][0] == int64(3)
		})
		if _, err := d.WithConsistency(op.None).Execute(ctx, "DELETE FROM users"); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%v", err)
		}
	})

	t.Run("schema", func(t *testing.T) {
		exec(t, d, "CREATE INDEX by_score ON users (score)")
		tables, err := d.Schema(ctx)
		if err != nil || len(tables) != 1 {
			t.Fatalf("%+v, %v", tables, err)
		}
		u := tables[0]
		if u.Name != "users" || u.View || !strings.HasPrefix(u.SQL, "CREATE TABLE users") || len(u.Columns) != 4 || len(u.Indexes) != 2 {
			t.Errorf("%+v", u)
		}
		if c := u.Columns[0]; c.Primary != 1 || c.Type != "INTEGER" {
			t.Errorf("%+v", c)
		}
		if c := u.Columns[2]; c.Default != "1.5" || c.NotNull {
			t.Errorf("%+v", c)
		}
		if err := d.CreateTable(ctx, "DROP TABLE users"); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%v", err)
		}
		exec(t, d, `CREATE TABLE "a ""b" (x)`)
		if err := d.DropTable(ctx, `a "b`); err != nil {
			t.Error(err)
		}
		if err := d.DropTable(ctx, "nothing"); err == nil {
			t.Error("a table that does not exist is dropped")
		}
	})

	t.Run("backup", func(t *testing.T) {
		var file bytes.Buffer
		if err := d.Backup(ctx, &file); err != nil || !strings.HasPrefix(file.String(), "SQLite format 3\x00") {
			t.Fatalf("%d bytes, %v", file.Len(), err)
		}
		exec(t, d, "DELETE FROM users")
		if err := d.Restore(ctx, bytes.NewReader(file.Bytes())); err != nil {
			t.Fatal(err)
		}
		if r, err := d.Query(ctx, "SELECT count(*) FROM users"); err != nil || r.Rows[0][0] != int64(3) {
			t.Errorf("%+v, %v", r, err)
		}
		if err := d.Restore(ctx, strings.NewReader("this is no database")); err == nil {
			t.Error("what is no database is restored")
		}
	})

	t.Run("network", func(t *testing.T) {
		s, err := k.Network().Status(ctx)
		if err != nil || !s.Connected || s.PeerCount == 0 || s.DatabaseSize == 0 || s.Uptime <= 0 || s.NodeID == "" {
			t.Errorf("%+v, %v", s, err)
		}
		until(t, "all are connected", func() bool {
			peers, err := k.Network().Peers(ctx)
			if err != nil || len(peers) > 3 {
				t.Fatalf("%+v, %v", peers, err)
			}
			if len(peers) < 3 { // no node has told of the others yet
				return false
			}
			for _, p := range peers {
				if !p.Connected || p.Latency == 0 || len(p.Addresses) == 0 || p.LastSeen.IsZero() {
					return false
				}
			}
			return true
		})
		if err := k.Network().ConnectToPeer(ctx, "nonsense"); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%v", err)
		}
		if err := k.Network().ConnectToPeer(ctx, c.nodes[1].h.Addrs()[0]); err != nil {
			t.Error(err)
		}
		until(t, "all is well", func() bool { // the leader may be changing
			h, err := k.Health(ctx)
			if err != nil || len(h.Checks) != 3 {
				t.Fatalf("%+v, %v", h, err)
			}
			return h.Status == client.Healthy
		})
	})

	t.Run("models", func(t *testing.T) {
		for _, e := range []op.Engine{k.Engine(), client.Open(c.config(2))} {
			db, err := weft.Open(e, weft.Models(Note{}), weft.AutoMigrate())
			if err != nil {
				t.Fatal(err)
			}
			err = db.Tx(ctx, func(tx *weft.DB) error { return weft.Repo[Note](tx).Create(ctx, &Note{Text: "hello"}) })
			if err != nil {
				t.Error(err)
			}
			list, err := weft.Repo[Note](db).Where("text", "=", "hello").All(ctx)
			if err != nil || len(list) == 0 {
				t.Errorf("%v, %v", list, err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := d.Query(ctx, "SELECT 1"); err != nil {
			t.Errorf("closing an engine disconnects the client: %v", err)
		}
	})

	t.Run("failover", func(t *testing.T) {
		// It began with one node only, and knows the others.
		lead := c.leader(t)
		c.nodes[lead].close()
		began := time.Now()
		exec(t, d, "INSERT INTO users (name) VALUES ('Eve')")
		t.Logf("a write after the leader's end took %s", time.Since(began))
		if r, err := d.Query(ctx, "SELECT count(*) FROM users WHERE name = 'Eve'"); err != nil || r.Rows[0][0] != int64(1) {
			t.Errorf("%+v, %v", r, err)
		}
		until(t, "the client sees it", func() bool {
			h, err := k.Health(ctx)
			return err == nil && h.Checks["database"].Status == client.Healthy && h.Checks["network"].Status == client.Healthy
		})
	})

	t.Run("disconnect", func(t *testing.T) {
		for range 2 {
			if err := k.Disconnect(); err != nil {
				t.Error(err)
			}
		}
		if _, err := d.Query(ctx, "SELECT 1"); !errors.Is(err, client.ErrNotConnected) {
			t.Errorf("%v", err)
		}
		if _, err := k.Health(ctx); !errors.Is(err, client.ErrNotConnected) {
			t.Errorf("%v", err)
		}
	})
}

// Note is a model.
type Note struct {
	weft.Model
	Text string
}

func TestNobodyThere(t *testing.T) {
	cfg := client.DefaultConfig("test")
	h, err := host.New(func() host.Config {
		c := host.Default()
		c.DataDir, c.Listen = t.TempDir(), []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port.Keep(t))}
		return c
	}(), nil)
	if err != nil {
		t.Fatal(err)
	}
	addr := h.Addrs()[0]
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.BootstrapPeers = []string{addr}
	k, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Connect(within(t)); !errors.Is(err, host.ErrUnreachable) || !strings.Contains(err.Error(), "is the node running") {
		t.Errorf("%v", err)
	}
	if err := k.Disconnect(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), "weft-client-") {
			if i, err := f.Info(); err == nil && time.Since(i.ModTime()) < 5*time.Second && i.IsDir() {
				t.Logf("%s may be left from here", f.Name())
			}
		}
	}
	e := client.Open(cfg)
	if _, err := e.Do(within(t), op.Op{Kind: op.SQL, SQL: "SELECT 1"}); op.CodeOf(err) != op.CodeDatabase {
		t.Errorf("%v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	var closed *op.Error
	if _, err := e.Do(within(t), op.Op{Kind: op.SQL, SQL: "SELECT 1"}); !errors.As(err, &closed) || !closed.Closed {
		t.Errorf("%v", err)
	}
}

const peerID = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"

func TestConfig(t *testing.T) {
	good := client.DefaultConfig("test")
	good.BootstrapPeers = []string{"/ip4/127.0.0.1/tcp/4001/p2p/" + peerID}
	if _, err := client.New(good); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*client.Config){
		"BootstrapPeers is empty": func(c *client.Config) { c.BootstrapPeers = nil },
		"is not an address like":  func(c *client.Config) { c.BootstrapPeers = []string{"127.0.0.1:4001"} },
		"Namespace is empty":      func(c *client.Config) { c.Namespace = "" },
		"is no name":              func(c *client.Config) { c.Namespace = "a/b" },
		"DialTimeout":             func(c *client.Config) { c.DialTimeout = 0 },
		"Patience":                func(c *client.Config) { c.Patience = -1 },
		"Refresh":                 func(c *client.Config) { c.Refresh = 0 },
	} {
		cfg := good
		change(&cfg)
		if _, err := client.New(cfg); !errors.Is(err, client.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestURL(t *testing.T) {
	for address, want := range map[string]string{
		"weft://10.0.0.1:4001/default?peer=" + peerID:                                     "default /ip4/10.0.0.1/tcp/4001/p2p/" + peerID,
		"weft://10.0.0.1?peer=" + peerID:                                                  "default /ip4/10.0.0.1/tcp/4001/p2p/" + peerID,
		"WEFT://[::1]:5/shop?peer=" + peerID:                                              "shop /ip6/::1/tcp/5/p2p/" + peerID,
		"weft://db.example:4001/shop?peer=" + peerID + "&patience=3s":                     "shop /dns/db.example/tcp/4001/p2p/" + peerID,
		"weft:///x?bootstrap=/ip4/1.2.3.4/tcp/1/p2p/" + peerID:                            "x /ip4/1.2.3.4/tcp/1/p2p/" + peerID,
		"weft://1.1.1.1/x?peer=" + peerID + "&bootstrap=/ip4/1.2.3.4/tcp/1/p2p/" + peerID: "x /ip4/1.1.1.1/tcp/4001/p2p/" + peerID + " /ip4/1.2.3.4/tcp/1/p2p/" + peerID,
	} {
		cfg, err := client.ParseURL(address)
		if got := cfg.Namespace + " " + strings.Join(cfg.BootstrapPeers, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v", address, got, err)
		}
	}
	for address, want := range map[string]string{
		"weft://10.0.0.1:4001/default":              "needs the ID",
		"weft://10.0.0.1:4001/default?peer=abc":     "BootstrapPeers",
		"weft://u:secret@10.0.0.1/x?peer=" + peerID: "user",
		"weft:x":                                "begin with weft://",
		"weft://h/x?peer=" + peerID + "&pear=1": `"pear" is unknown`,
		"weft://h/x?peer=" + peerID + "&patience=soon":  "no duration",
		"weft://h/x?peer=" + peerID + "&peer=" + peerID: "twice",
		"weft://h/a/b?peer=" + peerID:                   "no name",
		"weft:///x":                                     "BootstrapPeers is empty",
		"weft://h:port/x?peer=" + peerID:                "cannot be read",
		"weft://h/x?peer=" + peerID + "#f":              "behind #",
		"weft:///x?peer=" + peerID:                      "needs a host",
	} {
		_, err := client.ParseURL(address)
		if op.CodeOf(err) != op.CodeValidation || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

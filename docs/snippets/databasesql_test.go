package snippets

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/node"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
	"github.com/weftdb/weft/raftgroup/driver"
	"github.com/weftdb/weft/raftgroup/replica"
	"github.com/weftdb/weft/schema"
)

// aGroup is a group of one node.
func aGroup(t *testing.T) *raftgroup.Group {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := host.Default()
	c.DataDir, c.Listen = filepath.Join(t.TempDir(), "host"), []string{"/ip4/127.0.0.1/tcp/0"}
	h, err := host.New(c, nil)
	must(t, err)
	mux := replica.NewMux(h, nil)
	cfg := raftgroup.Config{Host: h, Replica: replica.Default()}
	cfg.Replica.Group, cfg.Replica.Dir = "default", filepath.Join(t.TempDir(), "group")
	g, err := raftgroup.Open(ctx, mux, cfg)
	must(t, err)
	t.Cleanup(func() {
		must(t, g.Close())
		must(t, mux.Close())
		must(t, h.Close())
	})
	must(t, g.Replica().Bootstrap(ctx))
	return g
}

func TestDatabaseSQL(t *testing.T) {
	ctx := t.Context()
	group := aGroup(t)
	// snippet:databasesql
	db := driver.Open(group)
	defer db.Close()

	_, err := db.ExecContext(ctx, "CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT, cents INTEGER, opened DATETIME)")
	if err != nil {
		t.Fatal(err)
	}
	res, err := db.ExecContext(ctx, "INSERT INTO accounts (owner, cents, opened) VALUES (?, ?, :now)", "Ada", 1000, sql.Named("now", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	id, err := res.LastInsertId()
	// end:databasesql
	must(t, err)

	// snippet:databasesqlread
	fresh := op.WithReading(ctx, op.Reading{Consistency: op.Linearizable})
	var opened time.Time
	err = db.QueryRowContext(fresh, "SELECT opened FROM accounts WHERE id = ?", id).Scan(&opened)
	// end:databasesqlread
	must(t, err)

	// snippet:databasesqltx
	take := func(tx *sql.Tx, cents int) error {
		var left int
		if err := tx.QueryRowContext(ctx, "SELECT cents FROM accounts WHERE id = ?", id).Scan(&left); err != nil {
			return err
		}
		if left < cents {
			return errors.New("not enough")
		}
		_, err := tx.ExecContext(ctx, "UPDATE accounts SET cents = ? WHERE id = ?", left-cents, id)
		return err
	}
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err = take(tx, 300); err == nil {
			err = tx.Commit()
		}
		_ = tx.Rollback() // does nothing after Commit
		if !op.Retryable(err) {
			break // done, or for good
		}
	}
	// end:databasesqltx
	var left int
	must(t, db.QueryRowContext(ctx, "SELECT cents FROM accounts").Scan(&left))
	if left != 700 || time.Since(opened) > time.Hour {
		t.Errorf("%d left, opened %v", left, opened)
	}

	song, err := schema.FromStruct(Ticket{})
	must(t, err)
	reply, err := schema.FromStruct(Reply{})
	must(t, err)
	models, err := schema.Build(song, reply)
	must(t, err)
	// snippet:databasesqlmigrate
	m := migrate.New(db, catalog.SQLite, models, migrate.Options{})
	plan, err := m.Plan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = m.Apply(ctx, plan)
	// end:databasesqlmigrate
	must(t, err)
}

// aNode is a cluster of one node.
func aNode(t *testing.T) *node.Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := node.Default()
	cfg.Node.DataDir, cfg.Node.Listen = filepath.Join(t.TempDir(), "node"), []string{"/ip4/127.0.0.1/tcp/0"}
	cfg.Discovery.DHT, cfg.Gateway.Listen = false, ""
	n, err := node.New(cfg, nil)
	must(t, err)
	must(t, n.Start(ctx))
	t.Cleanup(func() { must(t, n.Close(context.WithoutCancel(ctx))) })
	must(t, n.Ready(ctx))
	return n
}

// snippet:databasesqlclient
func openOverNetwork(ctx context.Context, peers []string) (*sql.DB, func() error, error) {
	cfg := client.DefaultConfig("my-app")
	cfg.BootstrapPeers = peers
	c, err := client.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := c.Connect(ctx); err != nil {
		return nil, nil, err
	}
	return driver.Open(c.Group()), c.Disconnect, nil
}

// end:databasesqlclient

func TestDatabaseSQLGroups(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := aNode(t)

	over, disconnect, err := openOverNetwork(ctx, n.Addrs())
	must(t, err)
	defer func() { must(t, disconnect()) }()
	defer over.Close()
	_, err = over.ExecContext(ctx, "CREATE TABLE notes (text TEXT)")
	must(t, err)

	// snippet:databasesqlnode
	db := driver.Open(n.Group("default"))
	// end:databasesqlnode
	defer db.Close()
	_, err = db.ExecContext(ctx, "INSERT INTO notes VALUES ('a'), ('b')")
	must(t, err)

	peer := n.Addrs()[0]
	// snippet:databasesqlregister
	driver.Register(client.Dial)
	named, err := sql.Open("weft", "weft:///default?bootstrap="+peer)
	// end:databasesqlregister
	must(t, err)
	var count int
	must(t, named.QueryRowContext(ctx, "SELECT count(*) FROM notes").Scan(&count))
	if count != 2 {
		t.Errorf("%d notes", count)
	}
	must(t, named.Close()) // disconnects
}

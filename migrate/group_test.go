package migrate_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
	"github.com/weftdb/weft/raftgroup/driver"
	"github.com/weftdb/weft/raftgroup/replica"
)

// groupPlace is a group of one node, by way of database/sql.
func groupPlace(t testing.TB) place {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := host.Default()
	c.DataDir = filepath.Join(t.TempDir(), "host")
	c.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	h, err := host.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := replica.NewMux(h, nil)
	cfg := raftgroup.Config{Host: h, Replica: replica.Default()}
	cfg.Replica.Group, cfg.Replica.Dir = "test", filepath.Join(t.TempDir(), "group")
	cfg.Replica.Heartbeat, cfg.Replica.Lease = 100*time.Millisecond, 50*time.Millisecond
	g, err := raftgroup.Open(ctx, mux, cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := driver.Open(g)
	t.Cleanup(func() {
		_ = db.Close()
		_ = g.Close()
		_ = mux.Close()
		_ = h.Close()
	})
	if err := g.Replica().Bootstrap(ctx); err != nil {
		t.Fatal(err)
	}
	return place{catalog.SQLite, db, driver.Name, ""}
}

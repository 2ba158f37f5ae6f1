package rqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft/gateway/rqlite"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
	"github.com/weftdb/weft/raftgroup/replica"
)

// real is a group on one node, as it serves it.
func real(t *testing.T) (*raftgroup.Group, rqlite.Options) {
	t.Helper()
	dir := t.TempDir()
	c := host.Default()
	c.DataDir, c.Listen = filepath.Join(dir, "host"), []string{"/ip4/127.0.0.1/tcp/0"}
	h, err := host.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	mux := replica.NewMux(h, nil)
	t.Cleanup(func() { mux.Close() })
	r := replica.Default()
	r.Group, r.Dir = "ns/default", filepath.Join(dir, "group")
	r.Heartbeat, r.Lease = 300*time.Millisecond, 150*time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	g, err := raftgroup.Open(ctx, mux, raftgroup.Config{Replica: r, Host: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	if err := g.Replica().Bootstrap(ctx); err != nil {
		t.Fatal(err)
	}
	return g, rqlite.Options{Self: string(h.ID())}
}

func TestRealGroup(t *testing.T) {
	t.Run("golden", func(t *testing.T) {
		g, o := real(t)
		play(t, server(t, g, o).URL)
	})
	t.Run("gorqlite", func(t *testing.T) {
		g, o := real(t)
		useClient(t, server(t, g, o).URL)
	})
	t.Run("backup", func(t *testing.T) {
		g, o := real(t)
		moveData(t, server(t, g, o).URL)
	})
}

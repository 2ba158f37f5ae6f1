package client_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
	"github.com/weftdb/weft/raftgroup/replica"
)

func TestMain(m *testing.M) {
	// A message that arrives while a store of rqlite closes is handed to nobody,
	// for ever: its goroutine has no other way out.
	leak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/rqlite/rqlite/v8/store.(*NodeTransport).Consumer.func1"))
}

// member is a node in this process that holds the namespace default.
type member struct {
	h      *host.Host
	mux    *replica.Mux
	door   *door.Server
	g      *raftgroup.Group
	closed bool
}

type cluster struct {
	dir   string
	nodes []*member
}

// newCluster starts real nodes with one real group.
func newCluster(t testing.TB, n int) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir()} // made first, so removed when all are closed
	t.Cleanup(func() {
		for _, m := range c.nodes {
			m.close()
		}
	})
	for range n {
		c.start(t)
	}
	for _, a := range c.nodes {
		for _, b := range c.nodes {
			if a != b {
				id, addr, err := host.ParseAddr(b.h.Addrs()[0])
				if err != nil {
					t.Fatal(err)
				}
				if err := a.h.Remember(id, []string{addr}, time.Hour, true); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	ctx := within(t)
	if err := c.nodes[0].g.Replica().Bootstrap(ctx); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.nodes[1:] {
		until(t, "it is a member", func() bool { // whoever leads by now adds it; adding it twice is no harm
			return c.nodes[c.leader(t)].g.Replica().Add(ctx, m.h.ID(), m.g.Replica().Server(), true) == nil
		})
	}
	return c
}

func (c *cluster) start(t testing.TB) {
	t.Helper()
	m := &member{}
	dir := filepath.Join(c.dir, strconv.Itoa(len(c.nodes)))
	cfg := host.Default()
	cfg.DataDir, cfg.Listen = filepath.Join(dir, "host"), []string{"/ip4/127.0.0.1/tcp/0"}
	var err error
	if m.h, err = host.New(cfg, nil); err != nil {
		t.Fatal(err)
	}
	m.mux = replica.NewMux(m.h, nil)
	r := replica.Default()
	r.Group, r.Dir = "ns/default", filepath.Join(dir, "group")
	r.Heartbeat, r.Lease = 300*time.Millisecond, 150*time.Millisecond
	if m.g, err = raftgroup.Open(within(t), m.mux, raftgroup.Config{Replica: r, Host: m.h}); err != nil {
		t.Fatal(err)
	}
	m.door = door.Serve(m.h, func(name string) (door.Group, error) {
		if name != r.Group {
			return nil, op.Errorf(op.CodeNotFound, "there is no group %q", name)
		}
		return m.g, nil
	}, nil)
	m.door.Handle("cluster.nodes", func(context.Context, host.ID, []byte) ([]byte, error) {
		var list []map[string]any
		for _, x := range c.nodes {
			list = append(list, map[string]any{"id": x.h.ID(), "addrs": x.h.Addrs(), "state": "live", "groups": []string{r.Group}, "last_seen": time.Now()})
		}
		return json.Marshal(list)
	})
	c.nodes = append(c.nodes, m)
}

// close ends a node. What it says interests nobody.
func (m *member) close() {
	if m.closed {
		return
	}
	m.closed = true
	_ = m.door.Close()
	_ = m.g.Close()
	_ = m.mux.Close()
	_ = m.h.Close()
}

// leader is the place of the node that leads.
func (c *cluster) leader(t testing.TB) int {
	t.Helper()
	at := -1
	until(t, "a leader", func() bool {
		for i, m := range c.nodes {
			if !m.closed && m.g.Replica().IsLeader() {
				at = i
			}
		}
		return at >= 0
	})
	return at
}

func (c *cluster) config(nodes ...int) client.Config {
	cfg := client.DefaultConfig("test")
	cfg.Refresh = 100 * time.Millisecond
	for _, i := range nodes {
		cfg.BootstrapPeers = append(cfg.BootstrapPeers, c.nodes[i].h.Addrs()...)
	}
	return cfg
}

// connect gives a client that begins with some of the nodes.
func (c *cluster) connect(t testing.TB, nodes ...int) *client.Client {
	t.Helper()
	k, err := client.New(c.config(nodes...))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Connect(within(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Disconnect(); err != nil {
			t.Errorf("disconnect: %v", err)
		}
	})
	return k
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(90 * time.Second)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

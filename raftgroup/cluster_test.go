package raftgroup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/replica"
)

// cluster is some nodes in this process with one group on all of them.
type cluster struct {
	dir   string
	nodes []*node
}

// node is one of them.
type node struct {
	dir  string
	host *host.Host
	mux  *replica.Mux
	door *door.Server
	g    *Group // nil when it is closed
	cfg  Config
}

func testLog(t testing.TB) *slog.Logger {
	if os.Getenv("WEFT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("test", t.Name())
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// until waits for something.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// calm is a configuration under which no leader is lost although the machine
// stands still for some seconds.
func calm() (cfg Config) {
	cfg.Replica.Heartbeat, cfg.Replica.Lease = 10*time.Second, 10*time.Second
	return cfg
}

// newCluster starts nodes that form a group. The caller's t owns them.
func newCluster(t testing.TB, n int, cfg Config) *cluster {
	t.Helper()
	return newClusterOf(t, n, func(int) Config { return cfg })
}

// newClusterOf is newCluster with a configuration for each node.
func newClusterOf(t testing.TB, n int, cfg func(i int) Config) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir()}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for i := range n {
		c.start(t, cfg(i))
	}
	for _, a := range c.nodes {
		for _, b := range c.nodes {
			if a != b {
				id, addr, err := host.ParseAddr(b.host.Addrs()[0])
				if err != nil {
					t.Fatal(err)
				}
				if err := a.host.Remember(id, []string{addr}, time.Hour, true); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := c.nodes[0].g.Replica().Bootstrap(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, other := range c.nodes[1:] {
		c.add(t, other, true)
	}
	return c
}

// add makes a node's copy a member, whoever leads meanwhile.
func (c *cluster) add(t testing.TB, n *node, voter bool) {
	t.Helper()
	ctx := within(t, 2*time.Minute)
	until(t, "a member", func() bool {
		err := c.leader(t).g.Replica().Add(ctx, n.host.ID(), n.g.Replica().Server(), voter)
		if err != nil && (ctx.Err() != nil || !again(err)) {
			t.Fatal(err)
		}
		return err == nil // or its leader was lost
	})
}

func (c *cluster) start(t testing.TB, cfg Config) *node {
	t.Helper()
	n := &node{dir: filepath.Join(c.dir, fmt.Sprint(len(c.nodes))), cfg: cfg}
	hc := host.Default()
	hc.DataDir = filepath.Join(n.dir, "host")
	hc.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	var err error
	if n.host, err = host.New(hc, nil); err != nil {
		t.Fatal(err)
	}
	n.mux = replica.NewMux(n.host, testLog(t))
	n.cfg.Host, n.cfg.Log = n.host, testLog(t)
	r := replica.Default()
	r.Group, r.Dir, r.Log = "test", filepath.Join(n.dir, "group"), testLog(t)
	if cfg.Replica.Heartbeat != 0 {
		r.Heartbeat, r.Lease = cfg.Replica.Heartbeat, cfg.Replica.Lease
	}
	if cfg.Replica.Trailing != 0 {
		r.Trailing = cfg.Replica.Trailing
	}
	n.cfg.Replica = r
	n.door = door.Serve(n.host, func(string) (door.Group, error) {
		if n.g == nil {
			return nil, errors.New("no such group")
		}
		return n.g, nil
	}, nil)
	c.nodes = append(c.nodes, n)
	n.open(t)
	return n
}

func (n *node) open(t testing.TB) {
	t.Helper()
	g, err := Open(within(t, 30*time.Second), n.mux, n.cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.g = g
}

func (c *cluster) close() error {
	var errs []error
	c.part()
	for _, n := range c.nodes {
		errs = append(errs, n.door.Close())
	}
	for _, n := range c.nodes {
		if n.g != nil {
			errs = append(errs, n.g.Close())
			n.g = nil
		}
	}
	for _, n := range c.nodes {
		errs = append(errs, n.mux.Close(), n.host.Close())
	}
	c.nodes = nil
	return errors.Join(errs...)
}

// part leaves the leader of a calm group as its only member, which need not wait
// as long as its lease lasts for somebody to take over when it closes.
func (c *cluster) part() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, lead := range c.nodes {
		if lead.g == nil || lead.cfg.Replica.Lease < 5*time.Second || !lead.g.Replica().IsLeader() {
			continue
		}
		members, _ := lead.g.Replica().Members(ctx)
		for _, m := range members {
			if m.Peer != lead.host.ID() {
				_ = lead.g.Replica().Remove(ctx, m.Server) // where it fails, closing takes longer
			}
		}
	}
}

// leader is the node that leads.
func (c *cluster) leader(t testing.TB) *node {
	t.Helper()
	var found *node
	until(t, "a leader", func() bool {
		for _, n := range c.nodes {
			if n.g != nil && n.g.Replica().IsLeader() {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

// follower is a node that does not.
func (c *cluster) follower(t testing.TB) *node {
	t.Helper()
	lead := c.leader(t)
	for _, n := range c.nodes {
		if n != lead && n.g != nil {
			return n
		}
	}
	t.Fatal("all lead")
	return nil
}

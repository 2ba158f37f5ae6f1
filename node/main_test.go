package node

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/internal/lines"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

func TestMain(m *testing.M) {
	leak.VerifyTestMain(m,
		// Ends by itself a little after the last host is closed.
		goleak.IgnoreTopFunction("github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem.(*memoryAddrBook).background"),
		// A message that arrives while a store of rqlite closes is handed to nobody,
		// for ever: its goroutine has no other way out.
		goleak.IgnoreAnyFunction("github.com/rqlite/rqlite/v8/store.(*NodeTransport).Consumer.func1"))
}

var space = directory.NamespaceGroup("default")

// config is that of a node on loopback, quick and with nothing of outside.
func config(t *testing.T, seeds ...string) Config {
	t.Helper()
	c := Default()
	c.Node.DataDir = filepath.Join(t.TempDir(), "data")
	c.Node.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	c.Discovery.BootstrapPeers = seeds
	c.Discovery.Interval = 200 * time.Millisecond
	c.Discovery.Retry = 100 * time.Millisecond
	c.Discovery.DHT = false
	c.Cluster.Grace = 15 * time.Second // with a shorter one, nodes that do not get the processor are replaced
	c.Gateway.Listen = "127.0.0.1:0"
	c.Gateway.OpenLoopback = true
	c.Version = "test"
	return c
}

// run starts a node, which the test's end closes.
func run(t *testing.T, c Config) (*Node, *lines.Log) {
	t.Helper()
	log := &lines.Log{}
	n, err := New(c, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		shut(t, n)
		if t.Failed() {
			t.Logf("log of %s:\n%s", n.ID(), log)
		}
	})
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n, log
}

func shut(t *testing.T, n *Node) {
	t.Helper()
	begin := time.Now()
	if err := n.Close(context.Background()); err != nil {
		t.Errorf("close %s: %v", n.ID(), err)
	}
	if took := time.Since(begin); took > 6*closeWithin { // what is bounded takes longer where others have the processor
		t.Errorf("closing took %s", took)
	}
}

// ready waits for a node.
func ready(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := n.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// until polls a condition, which says what is not yet so.
func until(t *testing.T, cond func() string) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		why := cond()
		if why == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it does not come to be: %s", why)
		}
	}
}

// group is what a node says of a group.
func groupInfo(t *testing.T, n *Node, name string) GroupInfo {
	t.Helper()
	list, err := n.clusterGroups(t.Context(), n.id, struct {
		Group string `json:"group"`
	}{name})
	if err != nil || len(list) != 1 {
		return GroupInfo{Problem: fmt.Sprint(list, err)}
	}
	return list[0]
}

// shape says how many of each role a group has, and of them how many of live
// nodes: "3+1 of 4 live".
func shape(g GroupInfo) string {
	voters, standbys, live := 0, 0, 0
	for _, m := range g.Members {
		if m.Role == "standby" {
			standbys++
		} else {
			voters++
		}
		if m.State == directory.Live {
			live++
		}
	}
	return fmt.Sprintf("%d+%d of %d live", voters, standbys, live)
}

// shaped waits until all groups have a shape, as a node sees them.
func shaped(t *testing.T, n *Node, want string) {
	t.Helper()
	for _, name := range []string{directory.System, space} {
		until(t, func() string {
			g := groupInfo(t, n, name)
			if got := shape(g); got != want || g.Problem != "" || g.Leader == "" {
				return fmt.Sprintf("%s is %s, not %s; %+v", name, got, want, g)
			}
			return ""
		})
	}
}

func sql(t *testing.T, n *Node, text string, args ...any) [][]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	g, err := n.await(ctx, space)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := g.Run(op.WithReading(ctx, op.Reading{Consistency: op.Linearizable}), door.Request{Statements: []door.Statement{{SQL: text, Args: args}}})
	if err == nil && answers[0].Err != nil {
		err = answers[0].Err
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return answers[0].Rows
}

// stranger is a peer that is no node.
func stranger(t *testing.T, n *Node) *host.Host {
	t.Helper()
	c := host.Default()
	c.DataDir, c.Listen = t.TempDir(), nil
	h, err := host.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	id, addr, err := host.ParseAddr(n.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Connect(t.Context(), id, addr); err != nil {
		t.Fatal(err)
	}
	return h
}

// agentNodes are the nodes that the agent has heard of.
func (n *Node) agentNodes() []host.ID {
	n.agent.mu.Lock()
	defer n.agent.mu.Unlock()
	var out []host.ID
	for id := range n.agent.seen {
		out = append(out, id)
	}
	return out
}

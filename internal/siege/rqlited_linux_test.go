package siege

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// start starts a cluster in networks of its own where there may be some, else
// on loopback, and makes the tables.
func start(t *testing.T, p cluster.Program, nodes int) (*cluster.Cluster, *cluster.Namespaces) {
	t.Helper()
	o := cluster.Options{Program: p, Nodes: nodes, Dir: t.TempDir()}
	var network *cluster.Namespaces
	if inside() {
		var err error
		network, err = cluster.NewNamespaces(nodes)
		must(t, err)
		t.Cleanup(func() { must(t, network.Close()) })
		o.Network = network
	}
	ctx := within(t, time.Minute)
	begun := time.Now()
	c, err := cluster.Start(ctx, o)
	must(t, err)
	t.Logf("%d nodes of %s serve after %v", nodes, p.Name(), time.Since(begun).Round(time.Millisecond))
	t.Cleanup(func() {
		must(t, c.Close())
		if t.Failed() {
			keep(t, c)
		}
	})
	must(t, prepare(ctx, c.Nodes[0]))
	return c, network
}

// keep keeps what the nodes said, where WEFT_SIEGE_KEEP is a directory for it,
// and prints the end of it.
func keep(t *testing.T, c *cluster.Cluster) {
	for _, n := range c.Nodes {
		if dir := os.Getenv("WEFT_SIEGE_KEEP"); dir != "" {
			file := filepath.Join(dir, fmt.Sprintf("%s-node%d.txt", strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()), n.Index+1))
			must(t, os.WriteFile(file, []byte(n.Output()), 0o600))
			t.Logf("what node %d said is in %s", n.Index+1, file)
			continue
		}
		t.Log(n.Tail())
	}
}

func doors(c *cluster.Cluster) []door {
	var list []door
	for _, n := range c.Nodes {
		list = append(list, byHTTP{n, "linearizable"})
	}
	return list
}

// The harness finds what there is to find: reads of a copy that is behind are
// told from linearizable ones. And it finds nothing where nothing is wrong.
func TestControl(t *testing.T) {
	c, _ := start(t, cluster.Rqlited{Binary: built("rqlited")}, 3)
	stale(t, c, 10*time.Second)
}

// stale makes one copy stay behind for sure: it stands still while the others
// go on, and when it goes on they are gone.
func stale(t *testing.T, c *cluster.Cluster, patience time.Duration) {
	t.Helper()
	ctx := within(t, time.Minute)
	leader, err := c.Leader(ctx)
	must(t, err)
	var behind *cluster.Node
	for _, n := range c.Nodes {
		if n != leader {
			behind = n
		}
	}
	same(t, ctx, c)
	h := newHistory()
	do := func(d door, w work) {
		t.Helper()
		w.group = "register0"
		call := h.now()
		got, refused, err := d.do(ctx, w, "")
		must(t, err)
		h.add(0, w, call, h.now(), outcome{got: got, refused: refused})
	}
	write := func(v int64) work { return work{steps: []step{{what: 'w', b: v}}} }
	do(byHTTP{leader, "linearizable"}, write(1))
	must(t, cluster.Until(ctx, func(ctx context.Context) error {
		got, err := byHTTP{behind, "none"}.read(ctx, work{group: "register0", steps: []step{{what: 'r'}}})
		if err == nil && got[0] != 1 {
			err = context.DeadlineExceeded
		}
		return err
	}))
	behind.Pause()
	do(byHTTP{leader, "linearizable"}, write(2))
	for _, n := range c.Nodes {
		if n != behind {
			must(t, n.Kill())
		}
	}
	behind.Resume()
	do(byHTTP{behind, "none"}, work{steps: []step{{what: 'r'}}})
	if got := porcupine.CheckOperationsTimeout(model, h.done["register0"], time.Minute); got != porcupine.Illegal {
		t.Fatalf("a read that missed an acknowledged write was found to be %s:\n%s", got, shortest(h.done["register0"]))
	}
	if text := shortest(h.done["register0"]); !strings.Contains(text, "the last answer") {
		t.Errorf("it is not told what is wrong:\n%s", text)
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if got, _, err := (byHTTP{behind, "linearizable"}).do(short, work{group: "register0", steps: []step{{what: 'r'}}}, ""); err == nil {
		t.Errorf("a node that is alone answers a linearizable read: %v", got)
	}
}

// besiege has clients work on a cluster while harm is done to it, and checks
// everything that they were told.
func besiege(t *testing.T, c *cluster.Cluster, network *cluster.Namespaces, d time.Duration, more ...door) *nemesis {
	t.Helper()
	r, seed := random(t)
	l := newLoad(seed, append(doors(c), more...)...)
	n := &nemesis{t: t, c: c, r: r, network: network}
	if network == nil {
		t.Log("NOT TESTED: partitions, for which there is no network here")
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	harmed := make(chan error, 1)
	go func() { harmed <- n.run(ctx) }()
	l.run(ctx, 8)
	err := <-harmed
	n.report()
	if err != nil {
		l.report(t)
		t.Fatal(err)
	}
	verify(t, within(t, time.Minute), c, l)
	return n
}

// TestRqlited besieges the peer: what is known to be right is found to be so.
func TestRqlited(t *testing.T) {
	c, network := start(t, cluster.Rqlited{Binary: built("rqlited")}, 3)
	n := besiege(t, c, network, length(t, "WEFT_SIEGE_CONTROL", 10*time.Second))
	t.Logf("writes are accepted again %v after the leader's death (median of %d)", middle(n.outages), len(n.outages))
}

func TestRqlitedDurable(t *testing.T) {
	c, _ := start(t, cluster.Rqlited{Binary: built("rqlited")}, 3)
	allKilled(t, c, 5)
	leaderStandsStill(t, c, 1)
}

package siege

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// weft is nodes of this repository. Snapshots are made often, so that faults
// meet them.
func weft(settings ...string) *cluster.Weft {
	return &cluster.Weft{Binary: built("weft"), Settings: append([]string{"raft.snapshot_wal=2MiB", "raft.snapshot_logs=2000", "raft.trailing=500"}, settings...)}
}

func repeatedly(c *cluster.Cluster) door { return repeating{c.Nodes, new(atomic.Uint64)} }

// TestBesieged is the siege: WEFT_SIEGE_RUNS runs of WEFT_SIEGE_LENGTH each, on a
// cluster of three; every third run has five nodes.
func TestBesieged(t *testing.T) {
	runs, d := 3, length(t, "WEFT_SIEGE_LENGTH", 30*time.Second)
	if s := number(t, "WEFT_SIEGE_RUNS", 0); s > 0 {
		runs = s
	}
	var outages []time.Duration
	for i := range runs {
		nodes := 3
		if i%3 == 2 {
			nodes = 5
		}
		t.Run(fmt.Sprintf("%d of %d, %d nodes", i+1, runs, nodes), func(t *testing.T) {
			p := weft()
			c, network := start(t, p, nodes)
			n := besiege(t, c, network, d, repeatedly(c), repeatedly(c), goDoor(t, c, p), goDoor(t, c, p))
			outages = append(outages, n.outages...)
		})
	}
	again(t, outages)
}

// The leader dies a few times while nothing else happens.
func TestFailover(t *testing.T) {
	c, network := start(t, weft(), 3)
	r, _ := random(t)
	ctx := within(t, 2*time.Minute)
	n := &nemesis{t: t, c: c, r: r, network: network, begun: time.Now()}
	for range number(t, "WEFT_SIEGE_DEATHS", 5) {
		leader, err := c.Leader(ctx)
		must(t, err)
		must(t, n.kill(ctx, leader))
		must(t, c.Ready(ctx))
	}
	n.report()
	again(t, n.outages)
	same(t, ctx, c)
}

// again tells how long writes were not accepted. The bound is for machines that
// have much else to do.
func again(t *testing.T, outages []time.Duration) {
	t.Helper()
	t.Logf("after the death of a leader writes are accepted again in %v (median of %d; goal 3s), %v at most", middle(outages), len(outages), share(outages, 1))
	if m := middle(outages); m > 8*time.Second {
		t.Errorf("writes are accepted again only after %v", m)
	}
}

// What Weft's copies answer at level none may be old; nothing else is.
func TestStale(t *testing.T) {
	c, _ := start(t, weft(), 3)
	stale(t, c, 10*time.Second)
}

// Power cuts, and a leader that stands still.
func TestDurable(t *testing.T) {
	c, _ := start(t, weft(), 3)
	allKilled(t, c, number(t, "WEFT_SIEGE_KILLS", 20))
	leaderStandsStill(t, c, 1)
}

// Files are damaged while a node is down.
func TestDamage(t *testing.T) {
	c, _ := start(t, weft(), 3)
	r, _ := random(t)
	k := known{}
	for _, h := range logHarms {
		k.damaged(t, c, "log: "+h.name, func(n *cluster.Node, text []byte) error { return h.do(r, c.Program.Log(n), text) })
	}
}

// A bit flips in a snapshot.
func TestDamagedSnapshot(t *testing.T) {
	c, _ := start(t, weft("raft.snapshot_logs=50"), 3)
	r, _ := random(t)
	ctx := within(t, 2*time.Minute)
	k := known{}
	k.damaged(t, c, "snapshot: a bit is flipped", func(n *cluster.Node, text []byte) error {
		// Until the newest snapshot holds the row and is sealed. Without a seal it
		// is not used while the log has what it holds.
		must(t, cluster.Until(ctx, func(context.Context) error {
			must(t, n.Start())
			must(t, c.Ready(ctx))
			must(t, fill(ctx, c.Nodes[0], 80)) // more than it takes for a snapshot
			held := func(context.Context) error {
				files, err := c.Program.Snapshots(n)
				if err != nil {
					return err
				}
				return sealed(files, text)
			}
			must(t, cluster.Until(ctx, held)) // it lives until then
			must(t, n.Kill())
			return held(ctx) // another one may have been begun
		}))
		files, err := c.Program.Snapshots(n)
		if err != nil {
			return err
		}
		return flip(r, files[len(files)-1], text)
	})
}

func TestFullDisk(t *testing.T) { fullDisk(t, weft()) }

// A read of seven seconds does not keep writers waiting.
func TestSlowReader(t *testing.T) {
	c, _ := start(t, weft("raft.snapshot_wal=16MiB", "raft.snapshot_logs=65536"), 3)
	slowReader(t, c, length(t, "WEFT_SIEGE_READS", 15*time.Second), giving, 200)
}

// Nor does one that gives no rows before its end, which takes long to try.
func TestSilentReader(t *testing.T) {
	d := length(t, "WEFT_SIEGE_READS", 0)
	if d == 0 {
		t.Log("it runs with make siege, where WEFT_SIEGE_READS says for how long")
		return
	}
	c, _ := start(t, weft("raft.snapshot_wal=16MiB", "raft.snapshot_logs=65536"), 3)
	slowReader(t, c, d, silent, 2_000_000)
}

// How long clients wait, and what nodes need, over a longer time.
func TestSteady(t *testing.T) {
	c, _ := start(t, weft(), 3)
	steady(t, c, length(t, "WEFT_SIEGE_STEADY", 15*time.Second))
}

package siege

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// inserter inserts marks through all nodes, as fast as it can, and keeps what it
// was told.
type inserter struct {
	c       *cluster.Cluster
	stop    context.CancelFunc
	ended   sync.WaitGroup
	load    *load
	mu      sync.Mutex
	slowest time.Duration
}

// inserting begins n clients. Each sticks to a node until that fails.
func inserting(c *cluster.Cluster, seed uint64, n int) *inserter {
	ctx, cancel := context.WithCancel(context.Background())
	in := &inserter{c: c, stop: cancel, load: newLoad(seed)}
	for client := range n {
		in.ended.Add(1)
		go func() {
			defer in.ended.Done()
			for at := client; ctx.Err() == nil; {
				if in.once(byHTTP{c.Nodes[at%len(c.Nodes)], "linearizable"}) {
					continue
				}
				at++
				select {
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		}()
	}
	return in
}

func (in *inserter) once(d byHTTP) (ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	mark, begun := in.load.mark(), time.Now()
	err := d.insert(ctx, mark)
	in.mu.Lock()
	in.slowest = max(in.slowest, time.Since(begun)) // also when it was given up
	in.mu.Unlock()
	switch {
	case err == nil:
		in.load.note(mark, applied, nil)
	case d.nothing(err):
		in.load.note(mark, never, err)
	default:
		in.load.note(mark, open, err)
	}
	return err == nil
}

// acknowledged is how many were so far.
func (in *inserter) acknowledged() int {
	in.load.mu.Lock()
	defer in.load.mu.Unlock()
	n := 0
	for _, f := range in.load.told {
		if f == applied {
			n++
		}
	}
	return n
}

// more waits until n more are acknowledged. When that takes too long the nodes
// say what they are doing.
func (in *inserter) more(t *testing.T, n int, d time.Duration) {
	t.Helper()
	least := in.acknowledged() + n
	err := cluster.Until(within(t, d), func(context.Context) error {
		if got := in.acknowledged(); got < least {
			return fmt.Errorf("%d changes are acknowledged, not %d", got, least)
		}
		return nil
	})
	if err != nil {
		for _, n := range in.c.Nodes {
			must(t, n.Dump())
		}
	}
	must(t, err)
}

// end stops and checks that all that was acknowledged is there, on a cluster
// that is whole.
func (in *inserter) end(t *testing.T) {
	t.Helper()
	in.stop()
	in.ended.Wait()
	ctx := within(t, time.Minute)
	must(t, in.c.Ready(ctx))
	marks(t, ctx, in.c.Nodes[0], in.load)
	same(t, ctx, in.c)
	in.load.report(t)
}

// The power fails for all nodes at once, again and again, under load.
func allKilled(t *testing.T, c *cluster.Cluster, times int) {
	r, seed := random(t)
	in := inserting(c, seed, 6)
	for i := range times {
		in.more(t, 20+r.IntN(100), 30*time.Second)
		for _, n := range c.Nodes {
			must(t, n.Kill())
		}
		for _, j := range r.Perm(len(c.Nodes)) {
			must(t, c.Nodes[j].Start())
		}
		if i%5 == 4 {
			t.Logf("killed all %d times; %d changes acknowledged", i+1, in.acknowledged())
		}
	}
	in.more(t, 10, 30*time.Second)
	in.end(t)
}

// A leader stands still for longer than an election takes and goes on: it must
// not answer from what it knew.
func leaderStandsStill(t *testing.T, c *cluster.Cluster, times int) {
	ctx := within(t, 2*time.Minute)
	for i := range times {
		old, err := c.Leader(ctx)
		must(t, err)
		w := work{group: "register0", steps: []step{{what: 'w', b: int64(2 * i)}}}
		_, _, err = byHTTP{old, "linearizable"}.do(ctx, w, "")
		must(t, err)
		old.Pause()
		paused := time.Now()
		w.steps[0].b++
		must(t, cluster.Until(ctx, func(ctx context.Context) error {
			for _, n := range c.Nodes {
				if n == old {
					continue
				}
				if _, _, err = (byHTTP{n, "linearizable"}).do(ctx, w, ""); err == nil {
					return nil
				}
			}
			return err
		}))
		t.Logf("another node took a write %v after node %d stood still", time.Since(paused).Round(time.Millisecond), old.Index+1)
		asked := sync.WaitGroup{}
		begun := time.Now()
		for range 8 { // asked while it stands still and in its first moments
			asked.Add(1)
			go func() {
				defer asked.Done()
				for time.Since(begun) < 6*time.Second {
					once, cancel := context.WithTimeout(ctx, 6*time.Second)
					got, err := byHTTP{old, "linearizable"}.read(once, work{group: "register0", steps: []step{{what: 'r'}}})
					cancel()
					if err == nil && got[0] != w.steps[0].b {
						t.Errorf("STALE: the old leader answers %d to a linearizable read, %v after it went on; %d was acknowledged before", got[0], time.Since(begun), w.steps[0].b)
						return
					}
					if err == nil {
						return
					}
				}
			}()
		}
		wait(ctx, 5*time.Second-time.Since(paused))
		old.Resume()
		asked.Wait()
		must(t, c.Ready(ctx))
	}
	same(t, ctx, c)
}

// wait lets time pass that a fault is to last.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// fill makes the database larger, by rows of 64 KiB.
func fill(ctx context.Context, n *cluster.Node, rows int) error {
	body := strings.Repeat("0123456789abcdef", 4096)
	for range rows {
		if _, err := n.Execute(ctx, false, cluster.Stmt{"INSERT INTO noise (body) VALUES (?)", body}); err != nil {
			return err
		}
	}
	return nil
}

package siege

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// slowReader has a read of seven seconds run on the leader, again and again for
// as long as d, while clients write enough for snapshots to be made.
func slowReader(t *testing.T, c *cluster.Cluster, d time.Duration, count string, rows int) {
	t.Helper()
	ctx := within(t, d+2*time.Minute)
	leader, err := c.Leader(ctx)
	must(t, err)
	step := rows
	must(t, cluster.Until(ctx, func(ctx context.Context) error { // what takes this machine about seven seconds
		begun := time.Now()
		rows += step
		_, err := leader.Query(ctx, "weak", cluster.Stmt{count, rows})
		if took := time.Since(begun); err == nil && took < 700*time.Millisecond {
			err = fmt.Errorf("%d rows take %v", rows, took)
		}
		return err
	}))
	_, seed := random(t)
	in := inserting(c, seed, 4)
	in.more(t, 50, 20*time.Second)
	filled := make(chan error, 1)
	filling, stop := context.WithCancel(ctx)
	go func() {
		for filling.Err() == nil {
			if err := fill(context.WithoutCancel(filling), leader, 4); err != nil {
				filled <- err
				return
			}
		}
		filled <- nil
	}()
	in.reset()
	wait(ctx, d/2) // snapshots take their time without readers, too
	calm := in.reset()
	reads, ended := 0, 0
	var longest time.Duration
	for begun := time.Now(); time.Since(begun) < d; {
		one, cancel := context.WithTimeout(ctx, 30*time.Second)
		start := time.Now()
		_, err := leader.Query(one, "weak", cluster.Stmt{count, 10 * rows})
		cancel()
		longest = max(longest, time.Since(start))
		if err != nil {
			ended++
			t.Logf("a read was ended after %v: %.200s", time.Since(start).Round(time.Millisecond), err)
			continue
		}
		reads++
		t.Logf("a read took %v", time.Since(start).Round(time.Millisecond))
	}
	stop()
	must(t, <-filled)
	slowest := in.reset()
	t.Logf("%d long reads, %d of them ended early; the slowest of %d writes meanwhile took %v (%v without readers)",
		reads+ended, ended, in.acknowledged(), slowest.Round(time.Millisecond), calm.Round(time.Millisecond))
	// rqlite's own reads stall writes for as long as they last. What else slows
	// writes down does so without readers too, or while one is as slow.
	if slowest > calm+max(3*time.Second, longest/2) {
		t.Errorf("a reader of %v stalled writes for %v", longest, slowest)
	}
	in.end(t)
}

// Statements that take long and read a table all that time: one gives rows
// meanwhile, the other nothing before its end.
const (
	giving = `WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < ?)
		SELECT i, (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 10000) SELECT count(*) + r.i FROM c),
			(SELECT count(*) FROM bank) FROM r`
	silent = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?) SELECT count(*) + (SELECT count(*) FROM bank) FROM c"
)

// reset is the slowest write since it was called last.
func (in *inserter) reset() time.Duration {
	in.mu.Lock()
	defer in.mu.Unlock()
	slowest := in.slowest
	in.slowest = 0
	return slowest
}

// metric is the sum of a number that a node shows.
func metric(ctx context.Context, n *cluster.Node, name string) (float64, error) {
	data, err := n.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return json.Number(strings.TrimSpace(value)).Float64()
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// sized is what a node needs.
type sized struct{ memory, goroutines float64 }

func sizeOf(ctx context.Context, n *cluster.Node) (s sized, err error) {
	if s.memory, err = metric(ctx, n, "process_resident_memory_bytes"); err != nil {
		return s, err
	}
	s.goroutines, err = metric(ctx, n, "go_goroutines")
	return s, err
}

// steady has clients work for as long as d, and looks how long they wait and
// what the nodes need.
func steady(t *testing.T, c *cluster.Cluster, d time.Duration) {
	t.Helper()
	r, seed := random(t)
	ctx := within(t, d+2*time.Minute)
	l := newLoad(seed, doors(c)...)
	work, stop := context.WithTimeout(ctx, d)
	defer stop()
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		l.keep(work, 8)
	}()
	var local, far []time.Duration
	var seen [][]sized
	next := time.Now()
	for work.Err() == nil {
		n := c.Nodes[r.IntN(len(c.Nodes))]
		for _, level := range []string{"none", "linearizable"} {
			begun := time.Now()
			_, err := n.Query(ctx, level, cluster.Stmt{"SELECT v FROM bank WHERE id = ?", r.IntN(accounts)})
			must(t, err)
			if level == "none" {
				local = append(local, time.Since(begun))
			} else {
				far = append(far, time.Since(begun))
			}
		}
		if time.Now().After(next) {
			next = time.Now().Add(d / 40)
			var all []sized
			for _, n := range c.Nodes {
				s, err := sizeOf(ctx, n)
				must(t, err)
				all = append(all, s)
			}
			seen = append(seen, all)
		}
		wait(work, 2*time.Millisecond)
	}
	<-worked
	t.Logf("reads of a node's own copy: median %v, p99 %v (goal 100ms); linearizable reads: median %v, p99 %v (goal 500ms)",
		middle(local), share(local, 0.99), middle(far), share(far, 0.99))
	t.Logf("inserts acknowledged by a majority: median %v, p99 %v (goal 500ms)", middle(l.waits), share(l.waits, 0.99))
	for i, n := range c.Nodes {
		first, last := seen[len(seen)/4][i], seen[len(seen)-1][i]
		t.Logf("node %d: %.0f MB and %.0f goroutines after a quarter of %v, %.0f MB and %.0f in the end",
			n.Index+1, first.memory/1e6, first.goroutines, d, last.memory/1e6, last.goroutines)
		if last.goroutines > 1.5*first.goroutines+100 {
			t.Errorf("node %d: goroutines grow from %.0f to %.0f", n.Index+1, first.goroutines, last.goroutines)
		}
		if last.memory > 1.5*first.memory+100e6 {
			t.Errorf("node %d: memory grows from %.0f to %.0f MB", n.Index+1, first.memory/1e6, last.memory/1e6)
		}
	}
	l.report(t)
	same(t, ctx, c)
}

// keep has n clients insert and transfer until the context ends: work without
// histories, which a long run would fill memory with.
func (l *load) keep(ctx context.Context, n int) { l.clients(ctx, n, l.light) }

package siege

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	streams "github.com/weftdb/weft/door"
	"github.com/weftdb/weft/internal/siege/cluster"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// Many groups on three nodes: WEFT_SIEGE_GROUPS namespaces beside the first one.
// All hold their own data, also after all nodes were killed at once. What a node
// needs for them is printed.
func TestManyGroups(t *testing.T) {
	p := weft()
	c, _ := start(t, p, 3)
	many := number(t, "WEFT_SIEGE_GROUPS", 8)
	ctx := within(t, 5*time.Minute)
	rest := length(t, "WEFT_SIEGE_REST", 3*time.Second)
	needs(t, ctx, c, "1 namespace", rest)

	begun := time.Now()
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("many%d", i))
		must(t, p.Namespace(ctx, c.Nodes[i%len(c.Nodes)], names[i]))
	}
	groups := openGroups(t, c, p, names)
	each(t, names, func(i int) error {
		_, err := groups[i].Run(ctx, streams.Request{Atomic: true, Statements: []streams.Statement{
			{SQL: "CREATE TABLE held (name TEXT NOT NULL, n INTEGER NOT NULL)"},
			{SQL: fmt.Sprintf("INSERT INTO held (name, n) VALUES ('%s', 0)", names[i])},
		}})
		return err
	})
	t.Logf("%d namespaces took their first write within %v", many, time.Since(begun).Round(time.Millisecond))
	const rows = 20
	write := func(from, to int) {
		t.Helper()
		begun := time.Now()
		each(t, names, func(i int) error {
			for n := from; n < to; n++ {
				_, err := groups[i].Run(ctx, streams.Request{Statements: []streams.Statement{
					{SQL: fmt.Sprintf("INSERT INTO held (name, n) VALUES ('%s', %d)", names[i], n)},
				}})
				if err != nil {
					return err
				}
			}
			return nil
		})
		t.Logf("%d writes to each of %d namespaces took %v", to-from, many, time.Since(begun).Round(time.Millisecond))
	}
	write(1, rows)
	must(t, c.Ready(ctx))
	needs(t, ctx, c, fmt.Sprintf("%d namespaces", many+1), rest)

	for _, n := range c.Nodes {
		must(t, n.Kill())
	}
	begun = time.Now()
	for _, n := range c.Nodes {
		must(t, n.Start())
	}
	holds := func(want int64) {
		t.Helper()
		each(t, names, func(i int) error {
			return cluster.Until(ctx, func(ctx context.Context) error {
				answers, err := groups[i].Run(op.WithReading(ctx, op.Reading{Consistency: op.Linearizable}), streams.Request{
					ReadOnly: true,
					Statements: []streams.Statement{{SQL: fmt.Sprintf(
						"SELECT count(DISTINCT n) FILTER (WHERE name = '%s'), count(*) FROM held", names[i])}},
				})
				if err != nil {
					return err
				}
				if answers[0].Err != nil {
					return answers[0].Err
				}
				if row := answers[0].Rows[0]; row[0] != want || row[1] != want {
					t.Errorf("%s holds %v rows of its own of %v, not %d", names[i], row[0], row[1], want)
				}
				return nil
			})
		})
	}
	holds(rows)
	t.Logf("all %d namespaces lead and hold their data %v after all nodes were killed and started again", many, time.Since(begun).Round(time.Millisecond))
	write(rows, rows+5)
	holds(rows + 5)
	must(t, c.Ready(ctx))
	needs(t, ctx, c, fmt.Sprintf("%d namespaces, started again", many+1), rest)
}

// openGroups opens the groups of namespaces, by one host.
func openGroups(t *testing.T, c *cluster.Cluster, p *cluster.Weft, names []string) []*streams.Remote {
	t.Helper()
	cfg := host.Default()
	cfg.Listen, cfg.DataDir = nil, filepath.Join(t.TempDir(), "host")
	h, err := host.New(cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	var peers []host.ID
	for _, n := range c.Nodes {
		id, addr, err := host.ParseAddr(p.Address(c, n))
		must(t, err)
		must(t, h.Remember(id, []string{addr}, time.Hour, true))
		peers = append(peers, id)
	}
	var list []*streams.Remote
	for _, name := range names {
		r := streams.Open(h, streams.Options{
			Group: "ns/" + name, Patience: 30 * time.Second,
			Peers: func(context.Context) ([]host.ID, error) { return peers, nil },
		})
		t.Cleanup(func() { must(t, r.Close()) })
		list = append(list, r)
	}
	return list
}

// each does something for all names, a few at once.
func each(t *testing.T, names []string, fn func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	next := make(chan int)
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range next {
				if err := fn(i); err != nil {
					t.Errorf("%s: %v", names[i], err)
				}
			}
		}()
	}
	for i := range names {
		next <- i
	}
	close(next)
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// needs prints what nodes need while nobody asks them anything.
func needs(t *testing.T, ctx context.Context, c *cluster.Cluster, what string, d time.Duration) {
	t.Helper()
	cpu := func() (list []float64) {
		for _, n := range c.Nodes {
			v, err := metric(ctx, n, "process_cpu_seconds_total")
			must(t, err)
			list = append(list, v)
		}
		return list
	}
	wait(ctx, d) // what was begun ends
	before, begun := cpu(), time.Now()
	wait(ctx, d)
	after, took := cpu(), time.Since(begun).Seconds()
	for i, n := range c.Nodes {
		s, err := sizeOf(ctx, n)
		must(t, err)
		t.Logf("%s: node %d idles with %.0f MB, %.0f goroutines and %.1f %% of a core", what, i+1, s.memory/1e6, s.goroutines, 100*(after[i]-before[i])/took)
	}
}

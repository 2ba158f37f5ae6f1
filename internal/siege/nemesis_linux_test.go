package siege

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// nemesis does harm to a cluster, in an order that its random numbers decide,
// and mends it.
type nemesis struct {
	t       testing.TB
	c       *cluster.Cluster
	r       *rand.Rand
	network *cluster.Namespaces // nil where there is none
	begun   time.Time
	done    []string
	outages []time.Duration // from a leader's death until a write is accepted
}

// fault is one kind of harm. It ends mended, but for what mend mends.
type fault struct {
	name    string
	network bool // needs one that can be cut
	nodes   int  // needs at least so many
	do      func(ctx context.Context, n *nemesis) error
}

// faults are all kinds; WEFT_SIEGE_FAULTS chooses among them.
var faults = slices.Concat(faultsOfProcesses, faultsOfNetworks)

var faultsOfProcesses = []fault{
	{name: "kill a node", do: func(ctx context.Context, n *nemesis) error { return n.kill(ctx, n.any()) }},
	{name: "kill the leader", do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		return n.kill(ctx, leader)
	}},
	{name: "kill all", do: func(ctx context.Context, n *nemesis) error {
		for _, node := range n.c.Nodes {
			if err := node.Kill(); err != nil {
				return err
			}
		}
		n.wait(ctx, 0, 500)
		return n.start()
	}},
	{name: "pause a node", do: func(ctx context.Context, n *nemesis) error { return n.pause(ctx, n.any()) }},
	{name: "pause the leader", do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		return n.pause(ctx, leader)
	}},
	{name: "step down", do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		n.note("node %d steps down", leader.Index+1)
		return n.c.Program.StepDown(ctx, n.c, leader)
	}},
}

// run does harm until the context ends; then everything is mended.
func (n *nemesis) run(ctx context.Context) error {
	n.begun = time.Now()
	chosen, err := n.choose(os.Getenv("WEFT_SIEGE_FAULTS"))
	if err != nil {
		return err
	}
	var order []int
	for ctx.Err() == nil {
		n.wait(ctx, 300, 2000)
		if len(order) == 0 {
			order = n.r.Perm(len(chosen)) // each once before one comes again
		}
		f := chosen[order[0]]
		order = order[1:]
		if ctx.Err() != nil {
			continue
		}
		n.note("%s", f.name)
		if err := f.do(ctx, n); err != nil && ctx.Err() == nil {
			return errors.Join(fmt.Errorf("%s: %w", f.name, err), n.mend())
		}
	}
	return n.mend()
}

// choose gives the faults whose names match and that can be done here.
func (n *nemesis) choose(names string) ([]fault, error) {
	match, err := regexp.Compile(names)
	if err != nil {
		return nil, fmt.Errorf("WEFT_SIEGE_FAULTS: %w", err)
	}
	var chosen []fault
	for _, f := range faults {
		if match.MatchString(f.name) && (!f.network || n.network != nil) && len(n.c.Nodes) >= f.nodes {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no fault that can be done here has a name like %q", names)
	}
	return chosen, nil
}

// mend makes the cluster whole.
func (n *nemesis) mend() error {
	if n.network != nil {
		if err := n.network.Heal(); err != nil {
			return err
		}
	}
	for _, node := range n.c.Nodes {
		node.Resume()
	}
	n.note("mended")
	return n.start()
}

// start starts what does not run. A node that ended by itself is an error.
func (n *nemesis) start() error {
	for _, node := range n.c.Nodes {
		if err := node.Exited(); err != nil {
			return fmt.Errorf("%w\n%s", err, node.Tail())
		}
		if !node.Running() {
			if err := node.Start(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *nemesis) note(format string, args ...any) {
	n.done = append(n.done, fmt.Sprintf("%8v  ", time.Since(n.begun).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (n *nemesis) report() {
	n.t.Logf("what was done:\n  %s", strings.Join(n.done, "\n  "))
}

func (n *nemesis) any() *cluster.Node { return n.c.Nodes[n.r.IntN(len(n.c.Nodes))] }

// leader finds it, without waiting long.
func (n *nemesis) leader(ctx context.Context) (*cluster.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return n.c.Leader(ctx)
}

// wait lets time pass: at least and at most so many milliseconds.
func (n *nemesis) wait(ctx context.Context, least, most int) {
	select {
	case <-time.After(time.Duration(least+n.r.IntN(most-least)) * time.Millisecond):
	case <-ctx.Done():
	}
}

// kill kills a node and starts it again, some time later. Where it led, it is
// measured when writes are accepted again.
func (n *nemesis) kill(ctx context.Context, node *cluster.Node) error {
	led := false
	if i, err := n.c.Program.Leader(ctx, n.c, node); err == nil {
		led = i == node.Index
	}
	n.note("kill node %d, which leads: %v", node.Index+1, led)
	begun := time.Now()
	if err := node.Kill(); err != nil {
		return err
	}
	if led {
		if took, err := n.outage(ctx, node, begun); err == nil {
			n.outages = append(n.outages, took)
			n.note("writes are accepted again after %v", took.Round(time.Millisecond))
		}
	}
	n.wait(ctx, 0, 2500)
	return n.start()
}

// outage waits until another node takes a write.
func (n *nemesis) outage(ctx context.Context, dead *cluster.Node, begun time.Time) (time.Duration, error) {
	var others []*cluster.Node
	for _, node := range n.c.Nodes {
		if node != dead && node.Running() && !node.Paused() {
			others = append(others, node)
		}
	}
	if len(others) == 0 {
		return 0, errors.New("nobody is left")
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		once, end := context.WithTimeout(ctx, time.Second)
		_, err := others[i%len(others)].Execute(once, false, cluster.Stmt{"UPDATE noise SET body = body WHERE id = 0"})
		end()
		if err == nil {
			return time.Since(begun), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}

func (n *nemesis) pause(ctx context.Context, node *cluster.Node) error {
	n.note("node %d stands still", node.Index+1)
	node.Pause()
	n.wait(ctx, 1000, 5000)
	node.Resume()
	return nil
}

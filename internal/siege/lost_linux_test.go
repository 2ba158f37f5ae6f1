package siege

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// Of five nodes any two may die at once, and changes go on. When a third dies
// they are refused, which is said and why, within the time that the caller gives;
// what a copy holds can be read. When the three are started again all that was
// acknowledged is there, and nothing that was refused.
func TestTwoOfFiveLost(t *testing.T) {
	p := weft()
	c, _ := start(t, p, 5)
	r, seed := random(t)
	ctx := within(t, 8*time.Minute)
	leader, err := c.Leader(ctx)
	must(t, err)
	lost := []*cluster.Node{leader}
	var left []*cluster.Node
	for _, i := range r.Perm(len(c.Nodes)) {
		switch n := c.Nodes[i]; {
		case n == leader:
		case len(lost) < 3:
			lost = append(lost, n)
		default:
			left = append(left, n)
		}
	}
	db := goDoor(t, c, p).db
	in := inserting(c, seed, 4)
	in.more(t, 50, 30*time.Second)
	must(t, lost[0].Kill())
	must(t, lost[1].Kill())
	in.more(t, 100, 30*time.Second)
	before := in.acknowledged()
	t.Logf("nodes %d and %d are dead, %d changes are acknowledged", lost[0].Index+1, lost[1].Index+1, before)
	must(t, lost[2].Kill())
	for _, n := range left {
		must(t, cluster.Until(ctx, func(ctx context.Context) error {
			i, err := p.Leader(ctx, c, n)
			if err == nil && i >= 0 {
				err = fmt.Errorf("node %d thinks that node %d leads", n.Index+1, i+1)
			}
			return err
		}))
	}
	refused := func() {
		t.Helper()
		for _, n := range left {
			within, cancel := context.WithTimeout(cluster.WithTimeout(ctx, 2*time.Second), time.Minute)
			mark, begun := in.load.mark(), time.Now()
			_, err := n.Execute(within, false, cluster.Stmt{"INSERT INTO marks (id, n) VALUES (?, 1)", mark})
			t.Logf("node %d answers after %v: %.200v", n.Index+1, time.Since(begun).Round(time.Millisecond), err)
			f := open
			if cluster.Nothing(err) {
				f = never
			}
			in.load.note(mark, f, err)
			says(t, "a change over HTTP", err)
			_, err = n.Query(within, "linearizable", cluster.Stmt{"SELECT count(*) FROM marks"})
			says(t, "a linearizable read over HTTP", err)
			if within.Err() != nil {
				t.Errorf("node %d does not answer within the time that it was given", n.Index+1)
			}
			cancel()
		}
		within, cancel := context.WithTimeout(ctx, 8*time.Second) // enough to hear of it
		defer cancel()
		mark, begun := in.load.mark(), time.Now()
		_, err := db.Exec(within, "INSERT INTO marks (id, n) VALUES (?, 1)", mark)
		t.Logf("a client is told after %v: %.200v", time.Since(begun).Round(time.Millisecond), err)
		f := never
		if errors.Is(err, errUnknown) {
			f = open
		}
		in.load.note(mark, f, err)
		says(t, "a change of a client", err)
	}
	refused()
	for _, n := range left {
		results, err := n.Query(ctx, "none", cluster.Stmt{"SELECT count(*) FROM marks"})
		must(t, err)
		held, err := results[0].Int()
		must(t, err)
		t.Logf("the copy of node %d holds %d changes", n.Index+1, held)
	}
	refused() // also when nobody has led for long
	for _, n := range lost {
		must(t, n.Start())
	}
	must(t, c.Ready(ctx))
	in.more(t, 20, 30*time.Second)
	in.end(t)
}

// says fails the test unless an error tells what is wrong with the cluster.
func says(t *testing.T, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s is done without a majority", what)
	case !strings.Contains(err.Error(), "majority"):
		t.Errorf("%s: it is not said that a majority is missing: %v", what, err)
	}
}

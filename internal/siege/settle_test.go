//go:build linux

package siege

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// contents of a node's copy, table by table, each as a hash and its rows.
type contents map[string]struct {
	hash string
	rows int
}

// copyOf reads all rows of a node's own copy.
func copyOf(ctx context.Context, n *cluster.Node) (contents, error) {
	out := contents{}
	for _, name := range []string{"regs", "purses", "bank", "marks", "noise"} {
		c, sum := out[name], sha256.New()
		for last := any(-1); ; { // some at a time, from 0: a node gives no more at once than it can keep
			results, err := n.Query(ctx, "none", cluster.Stmt{"SELECT rowid, * FROM " + name + " WHERE rowid > ? ORDER BY rowid LIMIT 500", last})
			if err != nil {
				return nil, err
			}
			rows := results[0].Values
			if err := json.NewEncoder(sum).Encode(rows); err != nil {
				return nil, err
			}
			if c.rows += len(rows); len(rows) < 500 {
				break
			}
			last = rows[len(rows)-1][0]
		}
		c.hash = fmt.Sprintf("%x", sum.Sum(nil))
		out[name] = c
	}
	return out, nil
}

// same waits until all copies hold the same.
func same(t testing.TB, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	err := cluster.Until(ctx, func(ctx context.Context) error {
		var first contents
		for _, n := range c.Nodes {
			held, err := copyOf(ctx, n)
			if err != nil {
				return fmt.Errorf("node %d: %w", n.Index+1, err)
			}
			// A node without a copy answers from another's. What entries did, by
			// their number and a hash, is that of its own.
			s, err := n.Status(ctx)
			if err != nil {
				return fmt.Errorf("node %d: %w", n.Index+1, err)
			}
			c := held["entries"]
			c.hash, c.rows = s.Store.Chain, int(s.Store.Sequence)
			held["entries"] = c
			if first == nil {
				first = held
			}
			for name, c := range held {
				if c != first[name] {
					return fmt.Errorf("node %d holds other rows of %s than node 1: %d, and %d", n.Index+1, name, c.rows, first[name].rows)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("THE COPIES DIFFER: %v", err)
	}
}

// verify checks, on a cluster that is whole again, all that clients were told:
// the last state explains the histories, each acknowledged change is there
// once, each of unknown outcome at most once, each refused one not at all, and
// the copies are equal.
func verify(t testing.TB, ctx context.Context, c *cluster.Cluster, l *load) {
	t.Helper()
	must(t, c.Ready(ctx))
	last := byHTTP{c.Nodes[0], "linearizable"}
	for kind, n := range l.next {
		for g := range n {
			w := work{group: fmt.Sprintf("%s%d", kind, g), floor: kind == "purse"}
			for reg := range width {
				w.steps = append(w.steps, step{what: 'r', reg: reg})
			}
			call := l.history.now()
			got, _, err := last.do(ctx, w, "")
			must(t, err)
			l.history.add(0, w, call, l.history.now(), outcome{got: got})
		}
	}
	marks(t, ctx, c.Nodes[0], l)
	if sum, err := last.total(ctx); err != nil || sum != accounts*funds {
		t.Errorf("the accounts of the bank hold %d together, not %d (%v)", sum, accounts*funds, err)
	}
	same(t, ctx, c)
	l.history.check(t)
	l.report(t)
}

// marks checks what became of each marked change.
func marks(t testing.TB, ctx context.Context, n *cluster.Node, l *load) {
	t.Helper()
	results, err := n.Query(ctx, "linearizable", cluster.Stmt{"SELECT id, count(*) FROM marks GROUP BY id"})
	must(t, err)
	times := map[string]int64{}
	for _, r := range results[0].Values {
		n, err := cluster.Int(r[1])
		must(t, err)
		times[fmt.Sprint(r[0])] = n
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var lost, twice, undead, strange []string
	for mark, f := range l.told {
		switch n := times[mark]; {
		case n > 1:
			twice = append(twice, fmt.Sprintf("%s (%d)", mark, n))
		case f == applied && n == 0:
			lost = append(lost, mark)
		case f == never && n != 0:
			undead = append(undead, mark)
		}
	}
	for mark := range times {
		if l.told[mark] == 0 && strings.HasPrefix(mark, "m") {
			strange = append(strange, mark)
		}
	}
	for what, list := range map[string][]string{
		"LOST: acknowledged and not there":      lost,
		"TWICE: applied more than once":         twice,
		"refused, and yet there":                undead,
		"there, and nobody ever inserted these": strange,
	} {
		if len(list) > 0 {
			slices.Sort(list)
			t.Errorf("%s: %d: %s", what, len(list), strings.Join(list[:min(len(list), 20)], " "))
			for _, name := range list[:min(len(list), 5)] {
				mark, _, _ := strings.Cut(name, " ")
				if trail := l.trails[mark]; trail != nil {
					t.Logf("%s:\n\t%s", mark, strings.Join(trail.lines, "\n\t"))
				}
			}
		}
	}
}

// middle is the median.
func middle(list []time.Duration) time.Duration { return share(list, 0.5) }

// share is what the given share of all is not above.
func share(list []time.Duration, p float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p))].Round(time.Microsecond)
}

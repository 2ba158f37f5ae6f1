package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// get asks a node's gateway.
func get(t *testing.T, n *Node, path string) string {
	t.Helper()
	r, err := http.Get(n.URL() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// All views of a group tell which copies answer, and how far behind they are:
// that of the leader, and that of another node.
func TestMembersThatDoNotAnswer(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	first, _ := run(t, config(t))
	ready(t, first)
	seed := first.Addrs()[0]
	configs := []Config{config(t, seed), config(t, seed)}
	second, _ := run(t, configs[0])
	third, _ := run(t, configs[1])
	for _, n := range []*Node{second, third} {
		ready(t, n)
	}
	shaped(t, first, "3+0 of 3 live")
	sql(t, first, `CREATE TABLE t (a INTEGER)`)
	if groupInfo(t, first, space).Leader == string(third.id) {
		until(t, func() string {
			if err := third.copy(space).group.Replica().StepDown(t.Context()); err != nil && groupInfo(t, first, space).Leader == string(third.id) {
				return err.Error()
			}
			return ""
		})
	}

	// view is what one node says of another's copy, in all ways, as lag and
	// whether it is reachable.
	view := func(n *Node, server string) string {
		t.Helper()
		var out []string
		for _, m := range groupInfo(t, n, space).Members { // weft cluster
			if m.Server == server {
				out = append(out, fmt.Sprint("cluster ", m.Lag))
			}
		}
		for _, g := range n.Status(t.Context()).Groups { // weft status
			for _, m := range g.Members {
				if g.Group == space && m.Server == server {
					out = append(out, fmt.Sprint("status ", m.Lag))
				}
			}
		}
		var nodes map[string]struct {
			Reachable bool
			Error     string
		}
		if err := json.Unmarshal([]byte(get(t, n, "/nodes?nonvoters")), &nodes); err != nil {
			return err.Error() // it is told in words that there is no leader now
		}
		if x, ok := nodes[server]; ok {
			out = append(out, fmt.Sprint("nodes ", x.Reachable))
			if x.Reachable == (x.Error != "") {
				t.Errorf("reachable %v: %q", x.Reachable, x.Error)
			}
		}
		var list []struct {
			ID        string
			Reachable bool
			Lag       int64
		}
		if err := json.Unmarshal([]byte(get(t, n, "/status?key=store.nodes")), &list); err != nil {
			return err.Error()
		}
		for _, x := range list {
			if x.ID == server {
				out = append(out, fmt.Sprint("store ", x.Reachable, " ", x.Lag))
			}
		}
		for l := range strings.Lines(get(t, n, "/metrics")) {
			if rest, ok := strings.CutPrefix(l, fmt.Sprintf("weft_group_member_lag{group=%q,server=%q} ", space, server)); ok {
				out = append(out, "metric "+strings.TrimSpace(rest))
			}
		}
		return strings.Join(out, ", ")
	}
	const (
		level = "cluster 0, status 0, nodes true, store true 0, metric 0"
		gone  = "cluster -1, status -1, nodes false, store false -1, metric -1"
	)
	sees := func(n *Node, server, want string) {
		t.Helper()
		until(t, func() string {
			if got := view(n, server); got != want {
				return got + " is no " + want
			}
			return ""
		})
	}
	server := third.copy(space).group.Replica().Server()
	for _, n := range []*Node{first, second, third} {
		for _, of := range []*Node{first, second, third} {
			sees(n, of.copy(space).group.Replica().Server(), level)
		}
	}
	shut(t, third)
	sees(first, server, gone)
	sees(second, server, gone)
	sees(first, second.copy(space).group.Replica().Server(), level)
	sql(t, first, `INSERT INTO t VALUES (1)`)
	third, _ = run(t, configs[1])
	ready(t, third)
	for _, n := range []*Node{first, second, third} {
		sees(n, server, level)
	}
}

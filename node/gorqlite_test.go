package node

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rqlite/gorqlite"
)

// gorqlite, the client of rqlite's makers, finds the other nodes through any one
// and goes on with them when that one stops.
func TestGorqliteFindsOtherNodes(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	first, _ := run(t, config(t))
	ready(t, first)
	seed := first.Addrs()[0]
	second, _ := run(t, config(t, seed))
	third, _ := run(t, config(t, seed))
	nodes := []*Node{first, second, third}
	for _, n := range nodes {
		ready(t, n)
	}
	shaped(t, first, "3+0 of 3 live")
	follower := func() *Node {
		leader := groupInfo(t, first, space).Leader
		return nodes[slices.IndexFunc(nodes, func(n *Node) bool { return string(n.id) != leader })]
	}()

	var want []string
	for _, n := range nodes {
		u, err := url.Parse(n.URL())
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, u.Host)
	}
	slices.Sort(want)
	var c *gorqlite.Connection
	until(t, func() string {
		var err error
		if c, err = gorqlite.Open(follower.URL()); err != nil {
			return err.Error()
		}
		peers, err := c.Peers()
		slices.Sort(peers)
		if err != nil || !slices.Equal(peers, want) {
			c.Close()
			return strings.Join(peers, " ") + " are no " + strings.Join(want, " ")
		}
		return ""
	})
	defer c.Close()
	var leader string
	until(t, func() string { // another may be elected between the two questions
		var err error
		leader, err = c.Leader()
		at := groupInfo(t, first, space).Leader
		if i := slices.IndexFunc(nodes, func(n *Node) bool { return string(n.id) == at }); err != nil || i < 0 || leader != strings.TrimPrefix(nodes[i].URL(), "http://") {
			return fmt.Sprintf("leader %q, %v; it is %s", leader, err, at)
		}
		return ""
	})

	if _, err := c.WriteOne("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteOne("INSERT INTO people(name) VALUES('Ann')"); err != nil {
		t.Fatal(err)
	}
	names := func(want int64) {
		t.Helper()
		for _, level := range []string{"weak", "linearizable", "strong"} {
			l, err := gorqlite.ParseConsistencyLevel(level)
			if err == nil {
				err = c.SetConsistencyLevel(l)
			}
			if err != nil {
				t.Fatal(err)
			}
			rows, err := c.QueryOne("SELECT count(*) FROM people")
			var n int64
			if err == nil && rows.Next() {
				err = rows.Scan(&n)
			}
			if err != nil || n != want {
				t.Errorf("%s: %d rows, %v", level, n, err)
			}
		}
	}
	names(1)
	// None is the copy of the node that is asked: the leader's, which has them.
	if err := c.SetConsistencyLevel(gorqlite.ConsistencyLevelNone); err != nil {
		t.Fatal(err)
	}
	until(t, func() string { // which another may have become meanwhile, and not have all yet
		if rows, err := c.QueryOne("SELECT name FROM people"); err != nil || rows.NumRows() != 1 {
			return fmt.Sprintf("%d rows, %v", rows.NumRows(), err)
		}
		return ""
	})

	// The leader stops, to which all went.
	i := slices.IndexFunc(nodes, func(n *Node) bool { return strings.TrimPrefix(n.URL(), "http://") == leader })
	shut(t, nodes[i])
	until(t, func() string {
		if _, err := c.WriteOne("INSERT INTO people(id, name) VALUES(2, 'Bob') ON CONFLICT DO NOTHING"); err != nil {
			return err.Error()
		}
		return ""
	})
	names(2)
}

// A gateway's address is handed out where it can be reached, and nowhere else.
func TestAdvertised(t *testing.T) {
	peer := []string{"/ip4/127.0.0.1/tcp/4001/p2p/a", "/ip4/10.0.0.7/tcp/4001/p2p/a", "/ip6/fd00::7/tcp/4001/p2p/a"}
	for listens, want := range map[string]string{
		"127.0.0.1:8420": "127.0.0.1:8420", "10.1.1.1:8420": "10.1.1.1:8420", "0.0.0.0:8420": "10.0.0.7:8420",
		"[::]:8420": "10.0.0.7:8420", ":8420": "10.0.0.7:8420", "": "",
	} {
		if got := advertised(listens, peer); got != want {
			t.Errorf("%q: %q, not %q", listens, got, want)
		}
	}
	if got := advertised("[::]:1", []string{"/ip6/fd00::7/tcp/1/p2p/a"}); got != "[fd00::7]:1" {
		t.Error(got)
	}
	if got := advertised("0.0.0.0:1", peer[:1]); got != "127.0.0.1:1" {
		t.Error(got)
	}
	if got := advertised("0.0.0.0:1", []string{"/dns4/x/tcp/1"}); got != "" {
		t.Error(got)
	}
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "10.0.0.1:1": false, "db.example.org:1": false, "x": true} {
		if hereOnly(addr) != want {
			t.Errorf("%s: %v", addr, !want)
		}
	}
	other := []string{"/ip4/127.0.0.1/tcp/4001/p2p/b", "/ip4/10.0.0.8/tcp/4001/p2p/b"}
	if !sameMachine(peer, peer) || !sameMachine(peer, other[:1]) || sameMachine(peer, other) || sameMachine(peer, nil) {
		t.Error("which nodes are on one machine is not seen")
	}
}

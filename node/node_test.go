package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/internal/port"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// A node alone is a cluster; what it holds is there when it starts again.
func TestOneNode(t *testing.T) {
	c := config(t)
	n, _ := run(t, c)
	ready(t, n)
	sql(t, n, `CREATE TABLE t (a INTEGER)`)
	sql(t, n, `INSERT INTO t VALUES (?)`, int64(7))
	shaped(t, n, "1+0 of 1 live")

	until(t, func() string {
		res, err := http.Get(n.URL() + "/readyz")
		if err != nil {
			return err.Error()
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return string(body)
		}
		return ""
	})
	http.DefaultClient.CloseIdleConnections()

	st := n.Status(t.Context())
	if st.State != phaseRunning || st.ID != n.ID() || len(st.Groups) != 2 || st.Problem != "" || st.ClusterID == "" {
		t.Errorf("%+v", st)
	}
	contact, err := ReadContact(c.Node.DataDir)
	if err != nil || contact.ID != n.ID() || len(contact.Addrs) == 0 || contact.Gateway != n.GatewayAddr() {
		t.Errorf("%+v, %v", contact, err)
	}
	shut(t, n)
	if _, err := ReadContact(c.Node.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a node that is closed still says where it is: %v", err)
	}
	if err := n.Start(t.Context()); err == nil {
		t.Error("a node that was closed starts again")
	}

	again, _ := run(t, c)
	ready(t, again)
	if rows := sql(t, again, `SELECT a FROM t`); len(rows) != 1 || rows[0][0] != int64(7) {
		t.Fatalf("%v", rows)
	}
	if again.clusterID() != st.ClusterID {
		t.Error("it is another cluster")
	}
}

// A program's only change from SQLite is the Open line.
func TestOpen(t *testing.T) {
	type Note struct {
		weft.Model
		Text string
	}
	e := Open(config(t), nil)
	db, err := weft.Open(e, weft.Models(Note{}), weft.AutoMigrate())
	if err != nil {
		t.Fatal(err)
	}
	notes := weft.Repo[Note](db)
	if err := notes.Create(t.Context(), &Note{Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	if n, err := notes.Count(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Do(t.Context(), op.Op{Kind: op.SQL, SQL: "SELECT 1"}); err == nil {
		t.Error("a closed engine answers")
	}
	bad := config(t)
	bad.Cluster.Replication = 2
	if _, err := Open(bad, nil).Do(t.Context(), op.Op{Kind: op.SQL, SQL: "SELECT 1"}); !errors.Is(err, ErrConfig) {
		t.Errorf("%v", err)
	}
}

// Three nodes are three voters; a fourth is a standby, which takes the place of
// one that is gone; that one comes back as standby.
func TestCluster(t *testing.T) {
	first, _ := run(t, config(t))
	ready(t, first)
	seed := first.Addrs()[0]
	configs := []Config{config(t, seed), config(t, seed)}
	second, _ := run(t, configs[0])
	third, _ := run(t, configs[1])
	nodes := []*Node{first, second, third}
	for _, n := range nodes {
		ready(t, n)
	}
	shaped(t, third, "3+0 of 3 live")
	sql(t, third, `CREATE TABLE t (a INTEGER)`)
	sql(t, second, `INSERT INTO t VALUES (1)`)

	fourth, _ := run(t, config(t, seed, second.Addrs()[0]))
	ready(t, fourth)
	shaped(t, fourth, "3+1 of 4 live")
	fifth, _ := run(t, config(t, seed))
	ready(t, fifth)
	until(t, func() string { // holds nothing, and leads on to those who do
		if i, err := fifth.clusterNodes(t.Context(), "", nothing{}); err != nil || len(i) != 5 {
			return "the fifth is not known"
		}
		return ""
	})
	if rows := sql(t, fifth, `SELECT a FROM t`); len(rows) != 1 {
		t.Fatalf("%v", rows)
	}
	if fifth.copy(space) != nil {
		t.Error("the fifth holds a copy")
	}

	// Operators.
	change := func(n *Node, c ClusterChange) {
		t.Helper()
		until(t, func() string {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := n.change(ctx, n.id, c); err != nil {
				return err.Error()
			}
			return ""
		})
	}
	// found is the member of a role, once there is one.
	found := func(role string) (peer string) {
		t.Helper()
		until(t, func() string {
			g := groupInfo(t, fifth, space)
			for _, m := range g.Members {
				if m.Role == role && g.Problem == "" {
					peer = m.Peer
					return ""
				}
			}
			return fmt.Sprintf("there is no %s: %+v", role, g)
		})
		return peer
	}
	standby := found("standby")
	change(fifth, ClusterChange{Do: "promote", Node: standby})
	until(t, func() string {
		for _, m := range groupInfo(t, fifth, space).Members {
			if m.Peer == standby && m.Role == "standby" {
				change(fifth, ClusterChange{Do: "promote", Node: standby}) // again, when the leader changed in the middle
				return "the standby is no voter"
			}
		}
		return ""
	})
	shaped(t, fifth, "3+1 of 4 live")
	leader := found("leader")
	until(t, func() string {
		if g := groupInfo(t, fifth, space); g.Leader == "" || g.Leader == leader {
			change(fifth, ClusterChange{Do: "stepdown", Group: space}) // again, when it was elected anew meanwhile
			return "the leader is " + g.Leader
		}
		return ""
	})

	// One that is closed is gone after the grace time.
	gone := second
	shut(t, gone)
	until(t, func() string {
		for _, name := range []string{directory.System, space} {
			g := groupInfo(t, fifth, name)
			for _, m := range g.Members {
				if m.Peer == gone.ID() {
					return name + " still counts the one that is gone"
				}
			}
		}
		return ""
	})
	shaped(t, fifth, "3+1 of 4 live")
	sql(t, fifth, `INSERT INTO t VALUES (2)`)

	back, _ := run(t, configs[0])
	ready(t, back)
	if rows := sql(t, back, `SELECT a FROM t ORDER BY a`); len(rows) != 2 {
		t.Fatalf("%v", rows)
	}
	// Removed by an operator, a voter is replaced although it runs.
	out := found("leader")
	change(back, ClusterChange{Do: "remove", Node: out[len(out)-10:]})
	until(t, func() string {
		for _, m := range groupInfo(t, back, space).Members {
			if m.Peer == out {
				return "the node that was removed is still a member as " + m.Role
			}
		}
		return ""
	})
	if rows := sql(t, back, `SELECT a FROM t ORDER BY a`); len(rows) != 2 {
		t.Fatalf("%v", rows)
	}
	change(back, ClusterChange{Do: "add", Node: out})
}

// A node with bootstrap peers never starts a cluster of its own: it waits for
// theirs.
func TestWaitsForItsCluster(t *testing.T) {
	c := config(t)
	id, err := host.Identity(c.Node.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	addr := "/ip4/127.0.0.1/tcp/" + itoa(port.Keep(t))
	c.Node.Listen = []string{addr}
	waiting, log := run(t, config(t, addr+"/p2p/"+string(id)))
	until(t, func() string {
		if !strings.Contains(log.String(), "never starts a cluster of its own") {
			return "it does not say that it waits"
		}
		return ""
	})
	if waiting.clusterID() != "" || waiting.Status(t.Context()).State != phaseJoining {
		t.Fatal("it has a cluster")
	}
	if _, err := waiting.group(space); op.CodeOf(err) != op.CodeTimeout {
		t.Errorf("%v", err)
	}
	first, _ := run(t, c)
	ready(t, waiting)
	if waiting.clusterID() != first.clusterID() {
		t.Error("they are of two clusters")
	}
}

func itoa(n int) string {
	s := ""
	for ; n > 0; n /= 10 {
		s = string(rune('0'+n%10)) + s
	}
	return s
}

// Who does not belong to the cluster is refused, and told why.
func TestRefusals(t *testing.T) {
	n, _ := run(t, config(t))
	ready(t, n)
	told := func(what string, c Config, want string) {
		t.Helper()
		x, log := run(t, c)
		until(t, func() string {
			if p := x.trouble(); !strings.Contains(p, want) || !strings.Contains(log.String(), want) {
				return what + ": " + p
			}
			return ""
		})
		if len(n.agentNodes()) != 1 {
			t.Errorf("%s: it was let in", what)
		}
		shut(t, x)
	}
	seed := n.Addrs()[0]
	other := config(t, seed)
	other.Cluster.Name = "other"
	told("another name", other, "correct cluster.name or discovery.bootstrap_peers")

	foreign := config(t)
	alone, _ := run(t, foreign)
	ready(t, alone)
	shut(t, alone)
	foreign.Discovery.BootstrapPeers = []string{seed}
	// It leads the system group of its own cluster, so it never asks the other
	// one by itself; somebody who does is refused.
	h := stranger(t, n)
	ask := func(name string, in any) error {
		return door.Call(t.Context(), h, n.id, name, in, nil)
	}
	now := time.Now()
	for what, r := range map[string]report{
		"another cluster of this name": {Format: 1, Cluster: "main", ClusterID: alone.clusterID(), Time: now},
		"a newer program":              {Format: 2, Cluster: "main", Time: now},
		"a clock off by an hour":       {Format: 1, Cluster: "main", Time: now.Add(time.Hour)},
	} {
		if err := ask(methodJoin, r); op.CodeOf(err) != op.CodeForbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	slow := config(t, seed)
	slow.Clock = func() time.Time { return time.Now().Add(-time.Hour) }
	told("a clock off by an hour", slow, "clock")

	// A stranger gives no orders.
	for name, in := range map[string]any{
		methodOpen:      groupOrder{ClusterID: n.clusterID(), Group: "ns/x"},
		methodAdd:       groupOrder{ClusterID: n.clusterID(), Group: space, Peer: "x", Server: "x.y", Voter: true},
		methodRemove:    groupOrder{ClusterID: n.clusterID(), Group: space},
		methodStepDown:  groupOrder{ClusterID: n.clusterID(), Group: space},
		methodDrop:      groupOrder{ClusterID: n.clusterID(), Group: space},
		methodChange:    ClusterChange{Do: "remove", Node: n.ID()},
		methodBackupNow: map[string]string{"group": space},
		methodConnect:   map[string]string{"addr": seed},
	} {
		if err := ask(name, in); op.CodeOf(err) != op.CodeForbidden {
			t.Errorf("%s by a stranger: %v", name, err)
		}
	}
	if n.copy("ns/x") != nil {
		t.Error("a stranger made it open a copy")
	}
	if err := ask(methodJoin, []int{1}); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("a question of another form: %v", err)
	}
}

// A data directory that is not for this node, and a port that is taken, are
// refused before anything is changed.
func TestStartRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused := func(what string, c Config, want error) {
		t.Helper()
		n, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if err := n.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	taken := config(t)
	taken.Gateway.Listen = l.Addr().String()
	refused("the gateway's port is taken", taken, host.ErrListen)
	if _, err := os.Stat(taken.Node.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory was made: %v", err)
	}
	taken = config(t)
	taken.Node.Listen = []string{"/ip4/127.0.0.1/tcp/" + itoa(l.Addr().(*net.TCPAddr).Port)}
	refused("the port is taken", taken, host.ErrListen)

	c := config(t)
	n, _ := run(t, c)
	ready(t, n)
	refused("two nodes on one directory", c, host.ErrLocked)
	shut(t, n)
	before, err := os.ReadFile(filepath.Join(c.Node.DataDir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.Cluster.Name = "other"
	refused("another cluster", other, ErrForeign)
	if err := os.WriteFile(filepath.Join(c.Node.DataDir, stateFile), []byte(strings.Replace(string(before), `"format": 1`, `"format": 9`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a newer version", c, ErrNewer)
	if err := os.WriteFile(filepath.Join(c.Node.DataDir, stateFile), before, 0o600); err != nil {
		t.Fatal(err)
	}
	again, _ := run(t, c)
	ready(t, again)
}

// What may be asked of a node may be asked at any time, also before it is started,
// while it is, and when it could not be.
func TestAskedAtAnyTime(t *testing.T) {
	ask := func(n *Node) NodeStatus {
		soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, _, _, _ = n.ID(), n.Addrs(), n.URL(), n.GatewayAddr()
		if err := n.Ready(soon); err == nil {
			t.Error("it is ready")
		}
		if err := n.Whole(soon, 1); err == nil {
			t.Error("it is whole")
		}
		if _, err := n.Engine("default").Do(soon, op.Op{Kind: op.SQL, SQL: "SELECT 1"}); err == nil {
			t.Error("it answers")
		}
		if _, err := n.nodePeers(soon, "", nothing{}); err == nil && n.Status(t.Context()).State == phaseNew {
			t.Error("it knows peers")
		}
		return n.Status(t.Context())
	}
	fresh := func(c Config) *Node {
		n, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	c := config(t, "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWDSpqmWtNrqPoHMimqb3TanqK2p2XV5u1Q9KJidg163Xw") // nobody is there
	n := fresh(c)
	if s := ask(n); s.State != phaseNew || s.Cluster == "" {
		t.Errorf("%+v", s)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n.Status(t.Context()).ID == "" {
			ask(n)
		}
	})
	if err := n.Start(t.Context()); err != nil {
		t.Error(err)
	}
	wg.Wait()
	shut(t, n)
	if s := ask(n); s.State != phaseClosing {
		t.Errorf("%+v", s)
	}

	taken := config(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken.Gateway.Listen = l.Addr().String()
	n = fresh(taken)
	if err := n.Start(t.Context()); !errors.Is(err, host.ErrListen) {
		t.Errorf("%v", err)
	}
	if s := ask(n); s.State != phaseClosing {
		t.Errorf("%+v", s)
	}
}

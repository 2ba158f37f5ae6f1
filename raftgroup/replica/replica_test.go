package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"

	"github.com/weftdb/weft/p2p/host"
)

// node is one node of a test: a host, and a network that can be cut.
type node struct {
	t    testing.TB
	dir  string
	host *host.Host
	net  *wire
	mux  *Mux
	r    *Replica
	cfg  Config
}

// wire is a host whose streams to some peers can be cut.
type wire struct {
	onHost
	mu    sync.Mutex
	cut   map[host.ID]bool
	mute  map[host.ID]bool          // raft's own streams to them fail
	hang  map[host.ID]chan struct{} // streams to them do not begin before it is closed
	conns map[*cutConn]bool
}

type cutConn struct {
	net.Conn
	peer host.ID
	w    *wire
	said bool
}

// Write looks at the header, which comes first.
func (c *cutConn) Write(p []byte) (int, error) {
	if !c.said {
		c.said = true
		c.w.mu.Lock()
		mute := c.w.mute[c.peer]
		c.w.mu.Unlock()
		if mute && len(p) > 1 && p[1] == kindRaft {
			return 0, errCut
		}
	}
	return c.Conn.Write(p)
}

var errCut = errors.New("cut")

func (w *wire) isCut(p host.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut[p]
}

func (w *wire) track(p host.ID, c net.Conn) net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	cc := &cutConn{Conn: c, peer: p, w: w}
	w.conns[cc] = true
	return cc
}

func (c *cutConn) Reset() error { return abort(c.Conn) }

func (c *cutConn) Close() error {
	c.w.mu.Lock()
	delete(c.w.conns, c)
	c.w.mu.Unlock()
	return c.Conn.Close()
}

func (w *wire) Open(ctx context.Context, p host.ID, name string) (net.Conn, error) {
	if w.isCut(p) {
		return nil, errCut
	}
	w.mu.Lock()
	hang := w.hang[p]
	w.mu.Unlock()
	if hang != nil {
		<-hang
	}
	c, err := w.onHost.Open(ctx, p, name)
	if err != nil {
		return nil, err
	}
	return w.track(p, c), nil
}

func (w *wire) Handle(name string, fn func(context.Context, host.ID, net.Conn) error) {
	w.onHost.Handle(name, func(ctx context.Context, p host.ID, c net.Conn) error {
		if w.isCut(p) {
			return errCut
		}
		return fn(ctx, p, w.track(p, c))
	})
}

// sever cuts this node off from others, or mends it.
func (w *wire) sever(cut bool, peers ...host.ID) {
	w.mu.Lock()
	var end []*cutConn
	for _, p := range peers {
		w.cut[p] = cut
		for c := range w.conns {
			if cut && c.peer == p {
				end = append(end, c)
			}
		}
	}
	w.mu.Unlock()
	for _, c := range end {
		c.Reset()
	}
}

func quick() Config {
	cfg := Default()
	cfg.Group = "test"
	cfg.Heartbeat, cfg.Lease = 500*time.Millisecond, 500*time.Millisecond
	return cfg
}

// calm is for groups that keep their leader: it is not lost when the machine stands
// still for seconds.
func calm() Config {
	cfg := quick()
	cfg.Heartbeat, cfg.Lease = 5*time.Second, 5*time.Second
	return cfg
}

func testLog(t testing.TB) *slog.Logger {
	if os.Getenv("WEFT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("test", t.Name())
}

// newNode starts a host and opens a replica on it.
func newNode(t testing.TB, cfg Config) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir(), cfg: cfg}
	n.cfg.Dir = filepath.Join(n.dir, "group")
	n.startHost()
	n.open()
	t.Cleanup(n.stop)
	return n
}

func (n *node) startHost() {
	n.t.Helper()
	cfg := host.Default()
	cfg.DataDir = filepath.Join(n.dir, "host")
	cfg.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	h, err := host.New(cfg, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	n.host = h
	n.net = &wire{onHost: onHost{h}, cut: map[host.ID]bool{}, mute: map[host.ID]bool{}, hang: map[host.ID]chan struct{}{}, conns: map[*cutConn]bool{}}
	n.mux = newMux(n.net, testLog(n.t))
}

func (n *node) open() {
	n.t.Helper()
	n.cfg.Log = testLog(n.t)
	r, err := n.mux.Open(within(n.t), n.cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	n.r = r
}

func (n *node) closeReplica() {
	n.t.Helper()
	if n.r == nil {
		return
	}
	if err := n.r.Close(within(n.t)); err != nil {
		n.t.Errorf("close: %v", err)
	}
	n.r = nil
}

func (n *node) stop() {
	n.closeReplica()
	if n.host != nil {
		if err := errors.Join(n.mux.Close(), n.host.Close()); err != nil {
			n.t.Errorf("stop: %v", err)
		}
		n.host = nil
	}
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// meet lets all nodes know all addresses.
func meet(t testing.TB, nodes ...*node) {
	t.Helper()
	for _, a := range nodes {
		for _, b := range nodes {
			if a != b {
				id, addr, err := host.ParseAddr(b.host.Addrs()[0])
				if err != nil {
					t.Fatal(err)
				}
				if err := a.host.Remember(id, []string{addr}, time.Hour, true); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// cluster is n nodes of one group, all voters; the first leads, as long as it does
// not stand still: for good only with the timeouts of calm.
func cluster(t testing.TB, n int, cfg Config) []*node {
	t.Helper()
	var nodes []*node
	for range n {
		nodes = append(nodes, newNode(t, cfg))
	}
	meet(t, nodes...)
	if err := nodes[0].r.Bootstrap(within(t)); err != nil {
		t.Fatal(err)
	}
	for i, o := range nodes[1:] {
		admit(t, o, nodes[:i+1]...)
	}
	return nodes
}

// admit adds a copy as a voter, on whichever of some nodes leads, and returns that.
func admit(t testing.TB, n *node, among ...*node) (on *node) {
	t.Helper()
	var err error
	until(t, "it is added", func() bool {
		on = leader(t, among...)
		if err = on.r.Add(within(t), n.host.ID(), n.r.Server(), true); err != nil {
			t.Log(err) // the leadership may be lost at any time
		}
		return err == nil
	})
	return on
}

// write runs a statement on whichever of some nodes leads, and returns that. It may
// run more than once: the outcome is not known when the leadership is lost.
func write(t testing.TB, nodes []*node, format string, args ...any) (on *node) {
	t.Helper()
	until(t, "a write", func() bool {
		on = leader(t, nodes...)
		err := sql(on, format, args...)
		if err != nil {
			t.Log(err)
		}
		return err == nil
	})
	return on
}

func leader(t testing.TB, nodes ...*node) *node {
	t.Helper()
	var found *node
	until(t, "a leader", func() bool {
		for _, n := range nodes {
			if n.r != nil && n.r.IsLeader() && n.r.Barrier(within(t)) == nil {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

// sql proposes a statement as an entry.
func sql(n *node, format string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return n.r.propose(ctx, &proto.ExecuteRequest{Request: &proto.Request{Statements: []*proto.Statement{{Sql: withChecksum(fmt.Sprintf(format, args...), nil)}}}})
}

// count asks a node's own copy.
func count(n *node, query string) int64 {
	ru, err := n.r.current()
	if err != nil {
		return -1
	}
	rows, err := ru.st.Query(&proto.QueryRequest{Request: &proto.Request{Statements: []*proto.Statement{{Sql: query}}}, Level: proto.QueryRequest_QUERY_REQUEST_LEVEL_NONE})
	if err != nil || len(rows) != 1 || len(rows[0].Values) != 1 {
		return -1
	}
	return rows[0].Values[0].Parameters[0].GetI()
}

func TestThreeNodes(t *testing.T) {
	nodes := cluster(t, 3, calm())
	first := nodes[0]
	if err := sql(first, "CREATE TABLE t (a INTEGER)"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := sql(first, "INSERT INTO t VALUES (%d)", i); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		until(t, "the rows are everywhere", func() bool { return count(n, "SELECT count(*) FROM t") == 20 })
		if peer, server := n.r.Leader(); peer != first.host.ID() || server != first.r.Server() {
			t.Errorf("leader is %s (%s)", peer, server)
		}
	}
	members, err := nodes[2].r.Members(within(t))
	if err != nil || len(members) != 3 {
		t.Fatalf("members %v, %v", members, err)
	}
	for _, m := range members {
		if !m.Voter || m.Leader != (m.Server == first.r.Server()) {
			t.Errorf("member %+v", m)
		}
	}
	if err := first.r.Barrier(within(t)); err != nil {
		t.Error(err)
	}
	if err := nodes[1].r.Barrier(within(t)); !errors.Is(err, ErrNotLeader) || errors.Is(err, ErrNoQuorum) {
		t.Errorf("barrier on a follower: %v", err)
	}
	if err := sql(nodes[1], "DELETE FROM t"); !errors.Is(err, ErrNotLeader) {
		t.Errorf("entry on a follower: %v", err)
	}
	var failed *ApplyError
	if err := sql(first, "INSERT INTO none VALUES (1)"); !errors.As(err, &failed) {
		t.Errorf("an entry that fails: %v", err)
	}

	// The leader stops; the others go on.
	start := time.Now()
	first.closeReplica()
	next := leader(t, nodes[1:]...)
	if err := sql(next, "INSERT INTO t VALUES (100)"); err != nil {
		t.Fatal(err)
	}
	t.Logf("writes again %s after the leader began to close", time.Since(start).Round(time.Millisecond))

	// It comes back with what it missed.
	first.open()
	until(t, "it catches up", func() bool { return count(first, "SELECT count(*) FROM t") == 21 })
}

func TestBarriersShare(t *testing.T) {
	nodes := cluster(t, 3, calm())
	var wg sync.WaitGroup
	for range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 20 {
				if err := nodes[0].r.Barrier(within(t)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	start := time.Now()
	wg.Wait()
	t.Logf("64 × 20 barriers in %s", time.Since(start).Round(time.Millisecond))
}

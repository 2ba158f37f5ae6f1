package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

func others(nodes []*node, n *node) (out []*node) {
	for _, o := range nodes {
		if o != n {
			out = append(out, o)
		}
	}
	return out
}

func ids(nodes []*node) (out []host.ID) {
	for _, n := range nodes {
		out = append(out, n.host.ID())
	}
	return out
}

// TestBarrierOfACutLeader asks a leader that was cut off, all the time: once
// another one was elected and took a write, no barrier may succeed that began
// after that write.
func TestBarrierOfACutLeader(t *testing.T) {
	nodes := cluster(t, 3, quick())
	fillAny(t, nodes, 1)
	for round := range 3 {
		old := leader(t, nodes...)
		rest := others(nodes, old)
		var written atomic.Bool // another leader acknowledged a write
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					select {
					case <-stop:
						return
					default:
					}
					<-time.After(time.Millisecond)
					late := written.Load()
					ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
					err := old.r.Barrier(ctx)
					cancel()
					if err == nil && late {
						t.Error("a barrier on the old leader after a write on the new one")
						return
					}
					if err != nil && !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrNoQuorum) && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("barrier: %v", err)
						return
					}
				}
			}()
		}
		old.net.sever(true, ids(rest)...)
		write(t, rest, "INSERT INTO t VALUES (%d, 'new')", round)
		written.Store(true)
		<-time.After(300 * time.Millisecond) // while it is asked on and on
		close(stop)
		wg.Wait()
		if err := sql(old, "DELETE FROM t"); !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrNoQuorum) && !errors.Is(err, ErrUnknown) {
			t.Errorf("a write on the old leader: %v", err)
		}
		old.net.sever(false, ids(rest)...)
		until(t, "the old leader knows who leads", func() bool {
			peer, _ := old.r.Leader()
			return peer == leader(t, nodes...).host.ID()
		})
	}
}

// TestStaleAnswers is the case in which raft's own check of leadership fails: the
// process stands still after it sent heartbeats, and finds the answers waiting
// when it goes on. Here it is their term that is asked for anew.
func TestStaleAnswers(t *testing.T) {
	nodes := cluster(t, 3, calm())
	ru, err := nodes[0].r.current()
	if err != nil {
		t.Fatal(err)
	}
	h := ru.handle.Load()
	term := h.CurrentTerm()
	if err := ru.confirm(within(t), h, term); err != nil {
		t.Fatal(err)
	}
	// The others have seen a higher term than the one that is asked about.
	if err := ru.confirm(within(t), h, term-1); !errors.Is(err, ErrNotLeader) {
		t.Errorf("confirmed an old term: %v", err)
	}
}

// TestKilledLeader takes the leader's network away, as the end of its process
// does, and measures how long the others take until they accept writes.
func TestKilledLeader(t *testing.T) {
	cfg := quick()
	d := Default()
	cfg.Heartbeat, cfg.Lease = d.Heartbeat, d.Lease
	nodes := cluster(t, 3, cfg)
	fillAny(t, nodes, 1)
	var took []time.Duration
	for i := range 5 {
		old := leader(t, nodes...)
		rest := others(nodes, old)
		start := time.Now()
		old.net.sever(true, ids(rest)...)
		until(t, "writes", func() bool {
			return slices.ContainsFunc(rest, func(n *node) bool { return n.r.IsLeader() && sql(n, "INSERT INTO t VALUES (%d, 'after')", i) == nil })
		})
		took = append(took, time.Since(start))
		old.net.sever(false, ids(rest)...)
	}
	slices.Sort(took)
	t.Logf("writes again after the leader's death: median %s, all %v", took[len(took)/2].Round(time.Millisecond), took)
}

func TestBreak(t *testing.T) {
	nodes := cluster(t, 3, quick())
	fillAny(t, nodes, 10)
	for _, n := range []*node{nodes[1], nodes[0]} { // a follower, then the leader
		before := n.r.Server()
		n.r.Break(errors.New("the chain differs"))
		n.r.Break(errors.New("again"))
		if err := sql(n, "INSERT INTO t VALUES (1, '')"); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrUnknown) {
			t.Errorf("write: %v", err)
		}
		until(t, "it is opened anew", func() bool { s := n.r.Status(); return s.Rebuilt && s.Server != before })
		l := admit(t, n, others(nodes, n)...)
		until(t, "it has everything", func() bool { return count(n, "SELECT count(*) FROM t") >= 10 })
		members, err := l.r.Members(within(t))
		if err != nil || len(members) != 3 {
			t.Fatalf("%v, %v", members, err)
		}
	}
	// The only copy stays as it is.
	n := cluster(t, 1, quick())[0]
	fill(t, n, 3)
	n.r.Break(errors.New("the chain differs"))
	until(t, "it is stopped", func() bool { return strings.Contains(n.r.Status().Broken, "only copy") })
	if s := n.r.Status(); s.State != "broken" {
		t.Errorf("%+v", s)
	}
	if _, _, err := n.r.Hold(within(t)); !errors.Is(err, ErrBroken) {
		t.Errorf("hold: %v", err)
	}
	n.closeReplica()
	n.open()
	leader(t, n)
	if got := count(n, "SELECT count(*) FROM t"); got != 3 {
		t.Errorf("%d rows", got)
	}
}

// A copy that a full disk stopped, and that the group does not decide without, goes
// on when there is room: it is not moved aside, for nobody could let another in.
func TestStoppedForAWhile(t *testing.T) {
	full := &Passing{Err: errors.New("the disk is full")}
	goesOn := func(what string, nodes ...*node) {
		t.Helper()
		var names []string
		for _, n := range nodes { // none stops before all are broken
			n.r.snap.Lock()
		}
		for _, n := range nodes {
			names = append(names, n.r.Server())
			n.r.Break(full)
		}
		for _, n := range nodes {
			n.r.snap.Unlock()
		}
		until(t, what+": it is stopped and open again", func() bool {
			for i, n := range nodes {
				if s := n.r.Status(); s.Broken != "" || s.Server != names[i] || s.Rebuilt {
					return false
				}
			}
			return true
		})
		write(t, nodes, "INSERT INTO t VALUES (NULL, 'x')")
	}
	var free atomic.Int64
	free.Store(1 << 40)
	cfg := quick()
	cfg.room = func(string) (int64, error) { return free.Load(), nil }
	n := cluster(t, 1, cfg)[0]
	fill(t, n, 3)
	goesOn("the only copy", n)
	free.Store(1 << 20)
	n.r.Break(full)
	until(t, "it waits for room", func() bool { return strings.Contains(n.r.Status().Broken, "are needed") })
	free.Store(1 << 40)
	until(t, "it is open again", func() bool { return n.r.Status().Broken == "" })
	leader(t, n)
	standby := newNode(t, quick())
	meet(t, n, standby)
	if err := n.r.Add(within(t), standby.host.ID(), standby.r.Server(), false); err != nil {
		t.Fatal(err)
	}
	until(t, "the standby has everything", func() bool { return count(standby, "SELECT count(*) FROM t") == 4 })
	goesOn("the only voter", n)
	if got := count(n, "SELECT count(*) FROM t"); got != 5 {
		t.Errorf("%d rows", got)
	}

	// None is open again before each has seen that the others are not: one that is
	// late would be rebuilt from them.
	var seen atomic.Int64
	all := make(chan struct{})
	cfg.room = func(string) (int64, error) {
		if seen.Add(1) == 3 {
			close(all)
		}
		<-all
		return 1 << 40, nil
	}
	nodes := cluster(t, 3, cfg)
	fillAny(t, nodes, 3)
	goesOn("all of them", nodes...)
}

// A broken copy is given up only when the others can decide without it: when two of
// three break together, and one is well, both wait.
func TestCopiesThatBreakTogether(t *testing.T) {
	nodes := cluster(t, 3, quick())
	fillAny(t, nodes, 3)
	ru, err := nodes[2].r.current()
	if err != nil {
		t.Fatal(err)
	}
	ru.idMu.Lock() // its tender may be writing down who the members are
	b := &ruin{id: ru.id, why: errors.New("the chain differs")}
	ru.idMu.Unlock()
	b.voters, b.most = ru.rest(nodes[2].host.ID())
	if len(b.voters) != 2 || b.most != 2 || b.needed() {
		t.Fatalf("%+v", b)
	}
	until(t, "both others are well", func() bool { return nodes[2].r.another(b) })
	names := []string{nodes[1].r.Server(), nodes[2].r.Server()}
	for _, n := range nodes[1:] { // none stops before both are broken
		n.r.snap.Lock()
	}
	for _, n := range nodes[1:] {
		n.r.Break(b.why)
	}
	for _, n := range nodes[1:] {
		n.r.snap.Unlock()
	}
	for _, n := range nodes[1:] {
		until(t, "it is stopped", func() bool {
			_, err := n.r.current()
			return errors.Is(err, ErrBroken) && n.r.Status().State == "broken"
		})
	}
	if nodes[2].r.another(b) {
		t.Error("one of two others is well, which is no majority")
	}
	// One that is started again is what it was; then the other is made anew.
	nodes[1].closeReplica()
	nodes[1].open()
	if s := nodes[1].r.Status(); s.Server != names[0] || s.Rebuilt {
		t.Fatalf("it was moved aside: %+v", s)
	}
	until(t, "the last is made anew", func() bool { s := nodes[2].r.Status(); return s.Rebuilt && s.Server != names[1] })
	if got := count(leader(t, nodes[:2]...), "SELECT count(*) FROM t"); got != 3 {
		t.Errorf("%d rows", got)
	}
}

func TestStandbyAndPromotion(t *testing.T) {
	nodes := cluster(t, 3, calm())
	fill(t, nodes[0], 10)
	fourth := newNode(t, quick())
	meet(t, append(nodes, fourth)...)
	add := func(voter bool) error {
		return nodes[0].r.Add(within(t), fourth.host.ID(), fourth.r.Server(), voter)
	}
	voter := func() string {
		members, err := nodes[0].r.Members(within(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if m.Server == fourth.r.Server() {
				return fmt.Sprint(m.Voter)
			}
		}
		return "no member"
	}
	for _, want := range []bool{false, false, true, true, false, true} {
		if err := add(want); err != nil {
			t.Fatal(err)
		}
		if got := voter(); got != fmt.Sprint(want) {
			t.Fatalf("voter: %s", got)
		}
	}
	if err := nodes[0].r.Remove(within(t), fourth.r.Server()); err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].r.Remove(within(t), fourth.r.Server()); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if got := voter(); got != "no member" {
		t.Errorf("voter: %s", got)
	}
	// A copy that is not there is a standby for ever, and the group goes on.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := nodes[0].r.Add(ctx, fourth.host.ID(), serverName(fourth.host.ID(), "0123456789abcdef"), true)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("promoted what does not exist: %v", err)
	} else {
		t.Log(err)
	}
	if err := sql(nodes[0], "INSERT INTO t VALUES (1, '')"); err != nil {
		t.Error(err)
	}
	// Adding the true one removes it.
	if err := add(true); err != nil {
		t.Fatal(err)
	}
	members, err := nodes[0].r.Members(within(t))
	if err != nil || len(members) != 4 {
		t.Errorf("%v, %v", members, err)
	}
	if err := nodes[1].r.Add(within(t), fourth.host.ID(), fourth.r.Server(), true); !errors.Is(err, ErrNotLeader) {
		t.Errorf("add on a follower: %v", err)
	}
	if err := nodes[0].r.Add(within(t), nodes[1].host.ID(), fourth.r.Server(), true); err == nil {
		t.Error("added a copy of another peer")
	}
}

func TestStepDown(t *testing.T) {
	nodes := cluster(t, 3, calm())
	for range 3 {
		old := leader(t, nodes...)
		if err := old.r.StepDown(within(t)); err != nil {
			t.Fatal(err)
		}
		if old.r.IsLeader() {
			t.Error("it leads still")
		}
		leader(t, others(nodes, old)...)
		if err := old.r.StepDown(within(t)); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a follower stepped down: %v", err)
		}
	}
	single := cluster(t, 1, quick())[0]
	if err := single.r.StepDown(within(t)); err == nil {
		t.Error("the only voter stepped down")
	} else {
		t.Log(err)
	}
	if err := single.r.Remove(within(t), single.r.Server()); err == nil {
		t.Error("the only voter was removed")
	}
	if err := single.r.Bootstrap(within(t)); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("bootstrapped twice: %v", err)
	}
}

func TestRecover(t *testing.T) {
	nodes := cluster(t, 3, quick())
	fillAny(t, nodes, 10)
	until(t, "everything is everywhere", func() bool {
		return count(nodes[1], "SELECT count(*) FROM t") == 10 && count(nodes[2], "SELECT count(*) FROM t") == 10
	})
	if err := nodes[2].r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	left := nodes[2]
	nodes[0].closeReplica()
	left.net.sever(true, nodes[1].host.ID())
	nodes[1].stop()
	until(t, "no leader is left", func() bool { _, s := left.r.Leader(); return s == "" })
	self := Member{Server: left.r.Server(), Voter: true}
	for _, bad := range [][]Member{nil, {{Server: left.r.Server()}}, {self, self}, {self, {Server: "x"}}} {
		if err := left.r.Recover(within(t), bad); err == nil {
			t.Errorf("recovered with %v", bad)
		}
	}
	if err := left.r.Recover(within(t), []Member{self}); err != nil {
		t.Fatal(err)
	}
	leader(t, left)
	if got := count(left, "SELECT count(*) FROM t"); got != 10 {
		t.Errorf("%d rows", got)
	}
	if err := sql(left, "INSERT INTO t VALUES (11, 'after')"); err != nil {
		t.Fatal(err)
	}
	// It goes on after a restart, and can grow again.
	left.closeReplica()
	left.open()
	leader(t, left)
	fresh := newNode(t, quick())
	meet(t, left, fresh)
	admit(t, fresh, left)
	until(t, "the new copy has everything", func() bool { return count(fresh, "SELECT count(*) FROM t") == 11 })
	// The first node, which is no member any more, does not disturb it.
	nodes[0].open()
	write(t, []*node{left, fresh}, "INSERT INTO t VALUES (12, 'after')")
}

func TestCloseWhileBusy(t *testing.T) {
	nodes := cluster(t, 3, calm())
	fill(t, nodes[0], 1)
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				err := sql(nodes[0], "INSERT INTO t VALUES (1, '')")
				switch {
				case err == nil:
				case errors.Is(err, ErrClosed):
					return
				case errors.Is(err, ErrUnknown), errors.Is(err, ErrNotLeader):
				default:
					t.Errorf("%v", err)
					return
				}
			}
		}()
	}
	r := nodes[0].r
	until(t, "writes are under way", func() bool { return count(nodes[0], "SELECT count(*) FROM t") > 50 })
	if err := r.Close(within(t)); err != nil {
		t.Error(err)
	}
	if err := r.Close(within(t)); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := r.Barrier(within(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("barrier: %v", err)
	}
	if s := r.Status(); s.State != "stopped" || r.Server() != "" || r.IsLeader() {
		t.Errorf("%+v", s)
	}
	leader(t, nodes[1:]...)
}

// TestSettle opens a copy anew, which has applied nothing but its snapshot then,
// and looks as soon as it leads.
func TestSettle(t *testing.T) {
	n := cluster(t, 1, quick())[0]
	fill(t, n, 50)
	for range 3 {
		n.closeReplica()
		n.open()
		leader(t, n)
		if err := n.r.Settle(within(t)); err != nil {
			t.Fatal(err)
		}
		if got := count(n, "SELECT count(*) FROM t"); got != 50 {
			t.Fatalf("%d rows, want 50", got)
		}
		if err := n.r.Settle(within(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAhead(t *testing.T) {
	for _, c := range []struct {
		a, b  state
		ahead bool
	}{
		{state{last: 10, lastTerm: 2}, state{last: 9, lastTerm: 2}, true},
		{state{last: 10, lastTerm: 2}, state{last: 10, lastTerm: 2}, false},
		{state{last: 20, lastTerm: 1}, state{last: 9, lastTerm: 2}, false}, // nobody accepted its end
		{state{last: 9, lastTerm: 2}, state{last: 20, lastTerm: 1}, true},
		{state{last: 10}, state{last: 9, lastTerm: 2}, true}, // of an earlier version
	} {
		if got := c.a.ahead(&c.b); got != c.ahead {
			t.Errorf("%+v ahead of %+v: %t", c.a, c.b, got)
		}
	}
}

// Copies tell each other the term of their last entry, who asks for it.
func TestLastTerm(t *testing.T) {
	nodes := cluster(t, 2, calm())
	fill(t, leader(t, nodes...), 3)
	ru, err := nodes[0].r.current()
	if err != nil {
		t.Fatal(err)
	}
	server := nodes[1].r.Server()
	until(t, "the other has everything", func() bool {
		s, err := ru.ask(within(t), server)
		return err == nil && s.last == ru.state().last && s.lastTerm == 0
	})
	s, err := ru.inquire(within(t), server, asksTerm)
	if err != nil || s.lastTerm == 0 || s.lastTerm != ru.lastTerm() || s.term < s.lastTerm {
		t.Errorf("%+v, %v; it is %d", s, err, ru.lastTerm())
	}
	if _, err := ru.ask(within(t), server); err != nil { // on the same stream
		t.Error(err)
	}
}

package replica

import (
	"context"
	"testing"
	"time"
)

// lagOf is what a copy says of a member; -1 when it says nothing.
func lagOf(t testing.TB, n, of *node) int64 {
	t.Helper()
	lag, told := n.r.Lags(within(t))[of.r.Server()]
	if !told {
		return -1
	}
	return lag
}

// Every copy says how far behind the others are, also one that does not lead.
func TestLags(t *testing.T) {
	nodes := cluster(t, 3, calm())
	lead, slow, third := nodes[0], nodes[1], nodes[2]
	fill(t, lead, 10)
	level := func() {
		t.Helper()
		for _, n := range nodes {
			for _, of := range nodes {
				until(t, "nobody is behind", func() bool { return lagOf(t, n, of) == 0 })
			}
		}
	}
	level()

	// One that gets no entries, but answers.
	lead.net.mu.Lock()
	lead.net.mute[slow.host.ID()] = true
	lead.net.mu.Unlock()
	lead.net.sever(true, slow.host.ID())
	lead.net.sever(false, slow.host.ID())
	for i := range 5 {
		if err := sql(lead, "INSERT INTO t VALUES (%d, 'more')", 100+i); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		until(t, "it is behind", func() bool { return lagOf(t, n, slow) >= 5 })
	}
	until(t, "the third is not behind", func() bool { return lagOf(t, lead, third) == 0 })
	lead.net.mu.Lock()
	delete(lead.net.mute, slow.host.ID())
	lead.net.mu.Unlock()
	level()

	// One that is stopped.
	gone := third.r.Server()
	third.closeReplica()
	for _, n := range nodes[:2] {
		until(t, "it does not answer", func() bool {
			all := n.r.Lags(within(t))
			_, told := all[gone]
			return !told && len(all) == 2
		})
	}
	third.open()
	level()

	// One that has left is not told of.
	l := leader(t, nodes...)
	var other *node
	for _, n := range nodes {
		if n != l {
			other = n
		}
	}
	if err := l.r.Remove(within(t), other.r.Server()); err != nil {
		t.Fatal(err)
	}
	until(t, "it is forgotten", func() bool { return lagOf(t, l, other) == -1 })
	ru, err := l.r.current()
	if err != nil {
		t.Fatal(err)
	}
	ru.survey.mu.Lock()
	defer ru.survey.mu.Unlock()
	if len(ru.survey.all) != 1 {
		t.Errorf("%d members are remembered", len(ru.survey.all))
	}
}

// A member that does not answer holds nobody up, and none is asked more often
// than once a second, whoever wants to know.
func TestLagsDoNotWait(t *testing.T) {
	nodes := cluster(t, 3, calm())
	well, dead, asks := nodes[0], nodes[1], nodes[2] // raft does not need what is cut here
	until(t, "nobody is behind", func() bool { return lagOf(t, asks, dead) == 0 && lagOf(t, asks, well) == 0 })
	release := make(chan struct{})
	asks.net.mu.Lock()
	asks.net.hang[dead.host.ID()] = release
	asks.net.mu.Unlock()
	defer close(release)
	asks.net.sever(true, dead.host.ID())
	asks.net.sever(false, dead.host.ID())

	ru, err := asks.r.current()
	if err != nil {
		t.Fatal(err)
	}
	line := ru.lines.to(well.r.Server())
	asked := func() uint64 {
		line.busy <- struct{}{}
		defer func() { <-line.busy }()
		return line.seq
	}
	start := time.Now()
	until(t, "no question is under way", func() bool { // it would be counted, and was asked before
		ru.survey.mu.Lock()
		defer ru.survey.mu.Unlock()
		return ru.survey.all[well.r.Server()].pending == nil
	})
	before := asked()
	until(t, "it does not answer", func() bool {
		all := asks.r.Lags(context.Background()) // returns, although that question never does
		_, told := all[dead.r.Server()]
		return !told
	})
	for range 50 {
		asks.r.Lags(context.Background())
	}
	ru.survey.mu.Lock()
	pending := ru.survey.all[dead.r.Server()].pending != nil
	ru.survey.mu.Unlock()
	if !pending {
		t.Error("the member is not asked any more, or has answered: this test shows nothing")
	}
	if n, most := asked()-before, uint64(time.Since(start)/askAgain)+1; n > most {
		t.Errorf("a member was asked %d times, of at most %d", n, most)
	}
	until(t, "the member that answers is told of", func() bool { return lagOf(t, asks, well) == 0 })
}

package directory

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRank(t *testing.T) {
	var nodes []string
	for i := range 10 {
		nodes = append(nodes, fmt.Sprint("node", i))
	}
	first, moved := map[string]int{}, 0
	for i := range 3000 {
		g := fmt.Sprint("group", i)
		all := Rank(g, nodes)
		first[all[0]]++
		shuffled := slices.Clone(nodes)
		slices.Reverse(shuffled)
		if !slices.Equal(all, Rank(g, shuffled)) {
			t.Fatal("the order depends on the order of the nodes")
		}
		// One node less: the order of the others is the same.
		without := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == "node3" })
		if want := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == "node3" }); !slices.Equal(want, Rank(g, without)) {
			t.Fatal("a node that goes moves others")
		}
		if !slices.Equal(all[:3], Rank(g, append(nodes[:10:10], "new"))[:3]) {
			moved++
		}
	}
	for n, c := range first {
		if c < 230 || c > 370 {
			t.Errorf("%s is the first of %d of 3000 groups, it should be about 300", n, c)
		}
	}
	if share := float64(moved) / 3000; share < 0.2 || share > 0.35 { // 3/11
		t.Errorf("an eleventh node comes among the first three of %.2f of the groups", share)
	}
}

// world is a cluster in which the steps that are decided are carried out.
type world struct {
	view    View
	nodes   map[string]*Seen
	holds   map[string]string // node → copy that it has
	serial  int
	catchup bool
}

func newWorld(replication, standby int) *world {
	w := &world{nodes: map[string]*Seen{}, holds: map[string]string{}, catchup: true}
	w.view = View{Group: "g", Replication: replication, Standby: standby}
	w.join("n0")
	w.holds["n0"] = "n0.0"
	w.view.Copies = []Copy{{Peer: "n0", Server: "n0.0", Voter: true}}
	return w
}

func (w *world) join(id string) { w.nodes[id] = &Seen{ID: id, Live: true} }

// see is the view, with a leader where there can be one.
func (w *world) see() View {
	v := w.view
	v.Nodes, v.Leader = nil, ""
	for _, id := range slices.Sorted(keys(w.nodes)) {
		n := *w.nodes[id]
		n.Server = ""
		if n.Live {
			n.Server = w.holds[id]
		}
		n.Ready = w.catchup
		n.Orphan = true
		v.Nodes = append(v.Nodes, n)
	}
	alive, voters := w.quorum()
	if KeepsMajority(alive, voters) {
		if !w.running(w.view.Leader, true) {
			for _, c := range w.view.Copies {
				if w.running(c.Peer, true) {
					w.view.Leader = c.Peer
				}
			}
		}
		v.Leader = w.view.Leader
	}
	return v
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (w *world) running(peer string, voter bool) bool {
	for _, c := range w.view.Copies {
		if c.Peer == peer && c.Voter == voter {
			return w.nodes[peer].Live && w.holds[peer] == c.Server
		}
	}
	return false
}

func (w *world) quorum() (alive, voters int) {
	for _, c := range w.view.Copies {
		if c.Voter {
			voters++
			if w.running(c.Peer, true) {
				alive++
			}
		}
	}
	return alive, voters
}

func (w *world) apply(c Change) error {
	at := slices.IndexFunc(w.view.Copies, func(x Copy) bool { return x.Peer == c.Peer })
	copies := slices.Clone(w.view.Copies)
	switch c.Kind {
	case Add:
		if at >= 0 {
			return fmt.Errorf("%s is a member", c.Peer)
		}
		w.serial++
		w.holds[c.Peer] = fmt.Sprintf("%s.%d", c.Peer, w.serial)
		copies = append(copies, Copy{Peer: c.Peer, Server: w.holds[c.Peer]})
	case Promote:
		if at < 0 || copies[at].Voter {
			return fmt.Errorf("%s is no standby", c.Peer)
		}
		copies[at].Voter = true
	case Remove:
		if at < 0 || copies[at].Server != c.Server {
			return fmt.Errorf("%s is no member", c.Peer)
		}
		if c.Peer == w.view.Leader {
			return fmt.Errorf("%s leads", c.Peer)
		}
		copies = slices.Delete(copies, at, at+1)
	case StepDown:
		for _, x := range copies {
			if x.Voter && x.Peer != c.Peer && w.running(x.Peer, true) {
				w.view.Leader = x.Peer
				return nil
			}
		}
		return fmt.Errorf("nobody else can lead")
	case Drop:
		if at >= 0 {
			return fmt.Errorf("%s is a member", c.Peer)
		}
		delete(w.holds, c.Peer)
	}
	w.view.Copies = copies
	return nil
}

// settle decides until nothing is left to do.
func (w *world) settle(t interface{ Fatalf(string, ...any) }) (steps []string) {
	for range 60 {
		v := w.see()
		c, ok := Decide(v)
		if !ok {
			return steps
		}
		steps = append(steps, c.String())
		if err := w.apply(c); err != nil {
			t.Fatalf("%s: %v, with %+v", c, err, v)
		}
		if alive, voters := w.quorum(); !KeepsMajority(alive, voters) {
			t.Fatalf("%s leaves %d of %d voters alive, with %+v", c, alive, voters, v)
		}
	}
	t.Fatalf("it does not settle: %q", steps)
	return nil
}

func (w *world) count() (voters, standbys int) {
	for _, c := range w.view.Copies {
		if c.Voter {
			voters++
		} else {
			standbys++
		}
	}
	return voters, standbys
}

// What becomes of a cluster as nodes come and go.
func TestDecide(t *testing.T) {
	w := newWorld(3, 1)
	expect := func(what string, voters, standbys int) {
		t.Helper()
		steps := w.settle(t)
		if v, s := w.count(); v != voters || s != standbys {
			t.Fatalf("%s: %d voters and %d standbys, want %d and %d; steps %q", what, v, s, voters, standbys, steps)
		}
	}
	dead := func(id string) {
		*w.nodes[id] = Seen{ID: id}
		if w.view.Leader == id {
			w.view.Leader = ""
		}
	}
	expect("one node", 1, 0)
	w.join("n1")
	expect("two nodes: a second voter would only be one more that must be there", 1, 1)
	w.join("n2")
	expect("three nodes", 3, 0)
	w.join("n3")
	expect("four nodes", 3, 1)
	w.join("n4")
	w.join("n5")
	expect("six nodes", 3, 1)

	voter := func() string {
		for _, c := range w.view.Copies {
			if c.Voter && c.Peer != w.view.Leader {
				return c.Peer
			}
		}
		return ""
	}
	d := voter()
	dead(d)
	expect("a dead voter within the grace time", 3, 1)
	w.nodes[d].Gone = true
	expect("a dead voter after it", 3, 1)
	if w.running(d, true) || slices.ContainsFunc(w.view.Copies, func(c Copy) bool { return c.Peer == d }) {
		t.Fatal("the dead one is still there")
	}
	w.nodes[d].Live, w.nodes[d].Gone = true, false
	expect("it comes back", 3, 1)
	if w.holds[d] != "" && !slices.ContainsFunc(w.view.Copies, func(c Copy) bool { return c.Server == w.holds[d] }) {
		t.Fatal("it keeps a copy that nobody counts")
	}

	lead := w.view.Leader
	w.nodes[lead].Leaving = true
	expect("the leader leaves the cluster", 3, 1)
	if slices.ContainsFunc(w.view.Copies, func(c Copy) bool { return c.Peer == lead }) {
		t.Fatal("the one that leaves is still there")
	}
	v := voter()
	w.holds[v] = "rebuilt"
	expect("a voter that was rebuilt under a new name", 3, 1)

	w.view.Replication = 1
	expect("fewer copies are wanted", 1, 1)
	w.view.Replication = 5
	w.view.Standby = 0
	expect("more are wanted", 5, 0)
}

// With three nodes a dead voter has nobody to take its place and stays.
func TestDecideKeepsTheDead(t *testing.T) {
	w := newWorld(3, 1)
	w.join("n1")
	w.join("n2")
	w.settle(t)
	for id, n := range w.nodes {
		if id != w.see().Leader {
			n.Live, n.Gone = false, true
			break
		}
	}
	if steps := w.settle(t); len(steps) > 0 {
		t.Fatalf("%q", steps)
	}
}

// Standbys become voters only when they have what the leader has.
func TestDecideWaitsForCopies(t *testing.T) {
	w := newWorld(3, 0)
	w.join("n1")
	w.join("n2")
	w.catchup = false
	w.settle(t)
	if v, s := w.count(); v != 1 || s != 2 {
		t.Fatalf("%d voters and %d standbys", v, s)
	}
	w.catchup = true
	w.settle(t)
	if v, s := w.count(); v != 3 || s != 0 {
		t.Fatalf("%d voters and %d standbys", v, s)
	}
}

// Whatever happens, no step takes the majority away (settle looks at that), it
// comes to rest, and with enough nodes alive all copies that are wanted are
// there.
func TestDecideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "replication"), rapid.IntRange(0, 2).Draw(t, "standby"))
		events := rapid.IntRange(1, 40).Draw(t, "events")
		for range events {
			ids := slices.Sorted(keys(w.nodes))
			id := rapid.SampledFrom(ids).Draw(t, "node")
			n := w.nodes[id]
			switch rapid.SampledFrom([]string{"join", "die", "return", "gone", "leave", "stay", "lose", "step", "settle", "lag", "replication"}).Draw(t, "event") {
			case "join":
				if len(w.nodes) < 9 {
					w.join(fmt.Sprint("n", len(w.nodes)))
				}
			case "die":
				n.Live = false
			case "return":
				n.Live, n.Gone = true, false
			case "gone":
				n.Gone = !n.Live
			case "leave":
				n.Leaving = true
			case "stay":
				n.Leaving = false
			case "lose":
				if w.holds[id] != "" {
					w.serial++
					w.holds[id] = fmt.Sprintf("%s.%d", id, w.serial)
				}
			case "step":
				v := w.see()
				if c, ok := Decide(v); ok {
					if err := w.apply(c); err != nil {
						t.Fatalf("%s: %v", c, err)
					}
				}
			case "settle":
				if a, v := w.quorum(); KeepsMajority(a, v) {
					w.settle(t)
				}
			case "lag":
				w.catchup = !w.catchup
			case "replication":
				w.view.Replication = rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "replication")
			}
		}
		w.catchup = true
		if a, v := w.quorum(); !KeepsMajority(a, v) {
			return // an operator must recover it
		}
		for _, n := range w.nodes { // the others are gone for good
			n.Gone = !n.Live
		}
		steps := w.settle(t)
		usable := 0
		for _, n := range w.nodes {
			if n.Live && !n.Leaving {
				usable++
			}
		}
		voters, standbys := w.count()
		r := w.view.Replication
		if usable >= r+w.view.Standby && (voters != r || standbys != w.view.Standby) {
			t.Fatalf("%d voters and %d standbys, with %d nodes, %d and %d wanted; %+v; %q", voters, standbys, usable, r, w.view.Standby, w.view.Copies, steps)
		}
		if alive, _ := w.quorum(); usable >= r && alive != r {
			t.Fatalf("%d of %d voters are alive", alive, voters)
		}
	})
}

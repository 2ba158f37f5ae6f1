package directory

import (
	"fmt"
	"slices"
)

// Seen is a node as it was seen lately.
type Seen struct {
	ID      string
	Live    bool // heard of within a few seconds
	Gone    bool // not heard of for the grace time
	Leaving bool // removed by an operator

	// The node's own copy of the group at hand.
	Server  string // its name; "" when the node holds none
	Opening bool   // the node holds a copy whose name is not known now
	Ready   bool   // it has nearly all that the leader has
	Orphan  bool   // it has been no member for a while
}

// View is a group as it was seen lately.
type View struct {
	Group       string
	Replication int    // voters wanted
	Standby     int    // copies wanted beside them
	Leader      string // peer; "" when nobody leads it
	Copies      []Copy // members, as the leader has them
	Nodes       []Seen // all nodes of the cluster
}

// Kind is what a Change does.
type Kind string

// The kinds of changes.
const (
	Add      Kind = "add"       // make the node open an empty copy, and add it as standby
	Promote  Kind = "promote"   // make a standby a voter
	Remove   Kind = "remove"    // take a copy out of the group
	StepDown Kind = "step down" // let another voter lead
	Drop     Kind = "drop"      // make the node give up a copy that is no member
)

// Change is one step for one group.
type Change struct {
	Kind   Kind
	Group  string
	Peer   string
	Server string // of the copy that there is; "" with Add
	Why    string
}

// String is for logs.
func (c Change) String() string {
	return fmt.Sprintf("%s %s of %s: %s", c.Kind, c.Peer, c.Group, c.Why)
}

// KeepsMajority reports whether a group with so many voters, of which so many
// are alive, can decide.
func KeepsMajority(alive, voters int) bool { return alive*2 > voters }

// Decide is the next step for a group, or false when all is as it should be or
// nothing can be done. It never takes a step after which a majority of the
// voters would not be alive. It is a function of what was seen; whoever carries
// the step out must look once more whether the members are still these.
//
// What should be: as many voters as are wanted, but an odd number of them and
// no more than there are nodes; then standbys. Where copies are is decided once,
// by Rank; they move only when a node is gone.
func Decide(v View) (Change, bool) {
	if v.Leader == "" || len(v.Copies) == 0 {
		return Change{}, false // without a leader Raft changes nothing
	}
	d := newDecision(v)
	for _, rule := range []func() *Change{d.renew, d.excess, d.grow, d.replace, d.spare, d.orphans} {
		if c := rule(); c != nil {
			c.Group = v.Group
			return *c, true
		}
	}
	return Change{}, false
}

type decision struct {
	v        View
	nodes    map[string]Seen
	member   map[string]Copy // by peer
	rank     []string        // all nodes, best first
	voters   []Copy
	standbys []Copy
	alive    int // voters
}

func newDecision(v View) *decision {
	d := &decision{v: v, nodes: map[string]Seen{}, member: map[string]Copy{}}
	var ids []string
	for _, n := range v.Nodes {
		d.nodes[n.ID] = n
		ids = append(ids, n.ID)
	}
	for _, c := range v.Copies {
		if _, ok := d.nodes[c.Peer]; !ok { // a member that the directory does not know
			d.nodes[c.Peer] = Seen{ID: c.Peer}
			ids = append(ids, c.Peer)
		}
		d.member[c.Peer] = c
	}
	d.rank = Rank(v.Group, slices.Compact(slices.Sorted(slices.Values(ids))))
	for _, id := range d.rank {
		c, ok := d.member[id]
		if !ok {
			continue
		}
		if !c.Voter {
			d.standbys = append(d.standbys, c)
			continue
		}
		d.voters = append(d.voters, c)
		if d.running(c) {
			d.alive++
		}
	}
	return d
}

// running reports whether the copy that is a member is the one its node has.
func (d *decision) running(c Copy) bool {
	n := d.nodes[c.Peer]
	return n.Live && n.Server == c.Server
}

// wanted reports whether a node may hold a copy.
func (d *decision) wanted(id string) bool {
	n := d.nodes[id]
	return n.Live && !n.Leaving
}

// target is how many voters there should be: of those nodes that are there, or
// may come back as the voters that they are.
func (d *decision) target() int {
	n := 0
	for _, id := range d.rank {
		c, member := d.member[id]
		s := d.nodes[id]
		if d.wanted(id) || member && c.Voter && !s.Gone && !s.Leaving {
			n++
		}
	}
	n = min(n, d.v.Replication, MaxVoters)
	if n > 0 && n%2 == 0 {
		n--
	}
	return n
}

// missing is how many voters are wanted and not there. One that is gone or
// leaving is not there.
func (d *decision) missing() int {
	staying := 0
	for _, c := range d.voters {
		if n := d.nodes[c.Peer]; !n.Gone && !n.Leaving {
			staying++
		}
	}
	return max(0, d.target()-staying)
}

// ready is the best standby that can become a voter now, and how many there
// are.
func (d *decision) ready() (best Copy, n int) {
	for _, c := range d.standbys {
		if d.wanted(c.Peer) && d.running(c) && d.nodes[c.Peer].Ready {
			if n == 0 {
				best = c
			}
			n++
		}
	}
	return best, n
}

// removable reports whether the group can decide without a copy.
func (d *decision) removable(c Copy) bool {
	if !c.Voter {
		return true
	}
	alive := d.alive
	if d.running(c) {
		alive--
	}
	return len(d.voters) > 1 && KeepsMajority(alive, len(d.voters)-1)
}

// renew puts a node's new copy in the place of one that it has lost.
func (d *decision) renew() *Change {
	for _, id := range d.rank {
		c, ok := d.member[id]
		if n := d.nodes[id]; ok && d.wanted(id) && !n.Opening && n.Server != c.Server && d.removable(c) {
			return &Change{Kind: Remove, Peer: id, Server: c.Server, Why: "the node has lost this copy"}
		}
	}
	return nil
}

// excess takes away a voter of too many: one that is gone or leaving first, one
// that is not there next, then the one of the lowest rank, never the leader.
func (d *decision) excess() *Change {
	limit := min(d.v.Replication, MaxVoters)
	if len(d.voters) <= limit {
		return nil
	}
	worth := func(c Copy) int {
		switch n := d.nodes[c.Peer]; {
		case n.Leaving:
			return 0
		case n.Gone:
			return 1
		case !d.running(c):
			return 2
		}
		return 3
	}
	list := slices.Clone(d.voters)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b Copy) int { return worth(a) - worth(b) })
	for _, c := range list {
		if c := d.take(c, "there are more voters than wanted"); c != nil {
			return c
		}
	}
	return nil
}

// take removes a copy; a leader that must go steps down first.
func (d *decision) take(c Copy, why string) *Change {
	if !d.removable(c) {
		return nil
	}
	if c.Peer == d.v.Leader {
		if !d.nodes[c.Peer].Leaving {
			return nil
		}
		return &Change{Kind: StepDown, Peer: c.Peer, Server: c.Server, Why: why}
	}
	return &Change{Kind: Remove, Peer: c.Peer, Server: c.Server, Why: why}
}

// grow makes standbys voters. From one odd number to the next it goes when it
// can go all the way: with an even number more must be alive, for nothing.
func (d *decision) grow() *Change {
	missing := d.missing()
	if missing == 0 {
		return nil
	}
	best, n := d.ready()
	step := 1
	if missing > 1 && len(d.voters)%2 == 1 && d.alive == len(d.voters) {
		step = 2
	}
	if n < step || !KeepsMajority(d.alive+1, len(d.voters)+1) {
		return nil
	}
	return &Change{Kind: Promote, Peer: best.Peer, Server: best.Server, Why: fmt.Sprintf("%d of %d voters are missing", missing, d.target())}
}

// replace takes away a voter that is gone or leaving once another one can take
// its place, or has.
func (d *decision) replace() *Change {
	_, ready := d.ready()
	for _, c := range d.voters {
		n := d.nodes[c.Peer]
		if !n.Gone && !n.Leaving {
			continue
		}
		why := "the node is gone"
		if n.Leaving {
			why = "the node leaves the cluster"
		}
		// Without anybody for its place it stays: it may come back, and an odd number
		// of voters decides no sooner with one less.
		if ready > 0 || len(d.voters)%2 == 0 || n.Leaving && len(d.voters) > 1 {
			if c := d.take(c, why); c != nil {
				return c
			}
		}
	}
	return nil
}

// spare adds copies that are to become voters or wait to, and takes away those
// that are gone, leaving or too many.
func (d *decision) spare() *Change {
	want, have := d.missing()+d.v.Standby, 0
	var last *Copy
	for i, c := range d.standbys {
		n := d.nodes[c.Peer]
		switch {
		case n.Leaving:
			return &Change{Kind: Remove, Peer: c.Peer, Server: c.Server, Why: "the node leaves the cluster"}
		case n.Gone:
			return &Change{Kind: Remove, Peer: c.Peer, Server: c.Server, Why: "the node is gone"}
		}
		have++
		last = &d.standbys[i]
	}
	if have < want {
		for _, id := range d.rank {
			if _, ok := d.member[id]; !ok && d.wanted(id) {
				return &Change{Kind: Add, Peer: id, Why: fmt.Sprintf("%d of %d standbys are missing", want-have, want)}
			}
		}
	}
	// While a voter is not there, one of them may be needed.
	if have > want && d.alive == len(d.voters) {
		return &Change{Kind: Remove, Peer: last.Peer, Server: last.Server, Why: "there are more standbys than wanted"}
	}
	return nil
}

// orphans makes nodes give up copies that nobody counts.
func (d *decision) orphans() *Change {
	for _, id := range d.rank {
		n := d.nodes[id]
		if _, ok := d.member[id]; !ok && n.Live && n.Orphan && n.Server != "" {
			return &Change{Kind: Drop, Peer: id, Server: n.Server, Why: "it is no member"}
		}
	}
	return nil
}

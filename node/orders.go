package node

import (
	"context"
	"slices"
	"sync"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/replica"
)

// Orders are what the leader of the system group tells nodes to do with their
// copies. They are taken from nodes of the same cluster only, and each can be
// given again without harm.

// ordered checks an order and keeps others out until done is called.
func (n *Node) ordered(peer host.ID, o groupOrder) (done func(), err error) {
	if o.Group == "" || len(o.Group) > 100 {
		return nil, op.Errorf(op.CodeValidation, "the order names no group that there can be: a name has 1 to 100 bytes")
	}
	n.mu.Lock()
	if err := n.obeys(peer, o); err != nil {
		n.mu.Unlock()
		return nil, err
	}
	lock := n.orders[o.Group]
	if lock == nil {
		lock = &sync.Mutex{}
		n.orders[o.Group] = lock
	}
	n.mu.Unlock()
	lock.Lock()
	return lock.Unlock, nil
}

// obeys says why an order is refused. The caller holds n.mu.
func (n *Node) obeys(peer host.ID, o groupOrder) error {
	switch {
	case n.phase == phaseClosing:
		return op.ErrClosed()
	case o.ClusterID != "" && n.st.ClusterID == "":
		return op.Errorf(op.CodeTimeout, "this node does not know its cluster yet; try again")
	case o.ClusterID == "" || o.ClusterID != n.st.ClusterID:
		return op.Errorf(op.CodeForbidden, "the order is of another cluster")
	case peer == n.id:
		return nil
	case n.known == nil:
		return op.Errorf(op.CodeTimeout, "this node does not know its cluster yet; try again")
	}
	if x := n.known.node(string(peer)); x == nil || x.State == directory.Removed {
		return op.Errorf(op.CodeForbidden, "%s is no node of this cluster", peer)
	}
	return nil
}

// groupOpen makes this node hold a copy, an empty one unless it has one, and
// says how it is.
func (n *Node) groupOpen(ctx context.Context, peer host.ID, o groupOrder) (holding, error) {
	done, err := n.ordered(peer, o)
	if err != nil {
		return holding{}, err
	}
	defer done()
	if c := n.copy(o.Group); c != nil && o.Fresh && n.stale(ctx, c, o.Members) {
		if err := n.unneeded(ctx, o); err != nil {
			return holding{}, err
		}
		if why := c.err; why != nil {
			n.log.Error("a copy that does not open is moved aside", "group", o.Group, "error", why)
		} else {
			n.log.Info("a copy that is no member any more is given up", "group", o.Group)
		}
		if err := n.drop(o.Group); err != nil {
			return holding{}, err
		}
	}
	c, err := n.hold(ctx, o.Group, o.Members)
	if err != nil {
		return holding{}, err
	}
	if o.Bootstrap {
		if err := n.begin(ctx, c.group); err != nil {
			return holding{}, err
		}
	}
	return c.holding(ctx), nil
}

// stale reports whether a copy has a log that its group does not count on.
func (n *Node) stale(ctx context.Context, c *held, members []directory.Copy) bool {
	if c.group == nil {
		return true // it does not open
	}
	r := c.group.Replica()
	s := r.Status()
	own, err := r.Members(ctx)
	used := s.Last > 0 || s.Applied > 0 || err == nil && len(own) > 0
	return used && !slices.ContainsFunc(members, func(m directory.Copy) bool { return m.Server == s.Server })
}

// unneeded is nil when the leader of a group says that this node is no member of
// it. Whoever gave the order may have decided on old news: it may not lead the
// directory any more, and the next one may have added this copy since.
func (n *Node) unneeded(ctx context.Context, o groupOrder) error {
	leader := host.ID(o.Leader)
	if leader == "" || leader == n.id {
		return op.Errorf(op.CodeConflict, "the order names no other node that leads the group %s", o.Group)
	}
	r := door.Open(n.h, door.Options{Group: o.Group, Log: n.log, Patience: askWithin, Peers: func(context.Context) ([]host.ID, error) { return []host.ID{leader}, nil }})
	info, err := r.Info(ctx)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	switch {
	case err != nil:
		return op.Errorf(op.CodeTimeout, "the copy of %s is not given up before the group's leader has confirmed it: %w", o.Group, err)
	case host.ID(info.Leader) != leader:
		return op.Errorf(op.CodeConflict, "%s does not lead the group %s", leader, o.Group)
	case slices.ContainsFunc(info.Members, func(m door.Member) bool { return m.Peer == string(n.id) }):
		return op.Errorf(op.CodeConflict, "this node is a member of the group %s", o.Group)
	}
	return nil
}

// led finds this node's copy for an order to the leader, whose members must
// still be those that the order was given for.
func (n *Node) led(ctx context.Context, o groupOrder) (*held, *replica.Replica, error) {
	c := n.copy(o.Group)
	if c == nil || c.group == nil || !c.group.Replica().IsLeader() {
		return nil, nil, op.Errorf(op.CodeConflict, "this node does not lead the group %s", o.Group)
	}
	r := c.group.Replica()
	members, err := copiesOf(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	want := slices.Clone(o.Members)
	slices.SortFunc(want, func(a, b directory.Copy) int { return cmpString(a.Server, b.Server) })
	if !slices.Equal(members, want) {
		return nil, nil, op.Errorf(op.CodeConflict, "the members of the group %s are others than the order was given for", o.Group)
	}
	return c, r, nil
}

// groupAdd adds a copy to a group, or promotes it.
func (n *Node) groupAdd(ctx context.Context, peer host.ID, o groupOrder) (holding, error) {
	done, err := n.ordered(peer, o)
	if err != nil {
		return holding{}, err
	}
	defer done()
	c, r, err := n.led(ctx, o)
	if err != nil {
		return holding{}, err
	}
	if o.Server == "" {
		return holding{}, op.Errorf(op.CodeValidation, "the order names no copy")
	}
	if err := r.Add(ctx, host.ID(o.Peer), o.Server, o.Voter); err != nil {
		return holding{}, err
	}
	return c.holding(ctx), nil
}

// groupRemove takes a copy out of a group.
func (n *Node) groupRemove(ctx context.Context, peer host.ID, o groupOrder) (holding, error) {
	done, err := n.ordered(peer, o)
	if err != nil {
		return holding{}, err
	}
	defer done()
	c, r, err := n.led(ctx, o)
	if err != nil {
		return holding{}, err
	}
	if o.Server == r.Server() {
		return holding{}, op.Errorf(op.CodeConflict, "a leader does not remove itself; let it step down first")
	}
	if err := r.Remove(ctx, o.Server); err != nil {
		return holding{}, err
	}
	return c.holding(ctx), nil
}

// groupStepDown gives up the leadership of a group.
func (n *Node) groupStepDown(ctx context.Context, peer host.ID, o groupOrder) (nothing, error) {
	done, err := n.ordered(peer, o)
	if err != nil {
		return nothing{}, err
	}
	defer done()
	c := n.copy(o.Group)
	if c == nil || c.group == nil || !c.group.Replica().IsLeader() {
		return nothing{}, nil // it leads nothing that it could give up
	}
	return nothing{}, c.group.Replica().StepDown(ctx)
}

// groupDrop gives up a copy that is no member.
func (n *Node) groupDrop(ctx context.Context, peer host.ID, o groupOrder) (nothing, error) {
	done, err := n.ordered(peer, o)
	if err != nil {
		return nothing{}, err
	}
	defer done()
	c := n.copy(o.Group)
	if c == nil || c.group != nil && c.group.Replica().Server() != o.Server {
		return nothing{}, nil // it is another copy by now
	}
	if err := n.unneeded(ctx, o); err != nil {
		return nothing{}, err
	}
	n.log.Info("a copy that is no member is given up", "group", o.Group, "server", o.Server)
	return nothing{}, n.drop(o.Group)
}

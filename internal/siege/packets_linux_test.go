package siege

import (
	"context"
	"errors"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

var faultsOfNetworks = []fault{
	{name: "cut off a node", network: true, do: func(ctx context.Context, n *nemesis) error {
		return n.cutOff(ctx, n.any(), true, true)
	}},
	{name: "cut off the leader", network: true, do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		return n.cutOff(ctx, leader, true, true)
	}},
	{name: "make a node deaf", network: true, do: func(ctx context.Context, n *nemesis) error {
		return n.cutOff(ctx, n.any(), true, false)
	}},
	{name: "make the leader mute", network: true, do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		return n.cutOff(ctx, leader, false, true)
	}},
	{name: "make the leader deaf", network: true, do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		return n.cutOff(ctx, leader, true, false)
	}},
	{name: "cut one way between two", network: true, do: func(ctx context.Context, n *nemesis) error {
		from, to := n.any(), n.any()
		n.note("node %d is not heard by node %d", from.Index+1, to.Index+1)
		if from != to {
			if err := n.network.Cut(from.Index, to.Index); err != nil {
				return err
			}
		}
		n.wait(ctx, 1000, 5000)
		return n.network.Heal()
	}},
	{name: "split in the middle", network: true, nodes: 5, do: func(ctx context.Context, n *nemesis) error {
		order := n.r.Perm(len(n.c.Nodes))
		few, many := order[:len(order)/2], order[len(order)/2:]
		n.note("nodes %v and %v are apart (counted from 0)", few, many)
		for _, a := range few {
			for _, b := range many {
				if err := errors.Join(n.network.Cut(a, b), n.network.Cut(b, a)); err != nil {
					return err
				}
			}
		}
		n.wait(ctx, 1000, 5000)
		return n.network.Heal()
	}},
	{name: "lose packets", network: true, do: func(ctx context.Context, n *nemesis) error {
		n.note("a tenth of all packets is lost")
		return n.between(ctx, all, all, 4000, func(from, to int) error { return n.network.Lose(from, to, 0.1) })
	}},
	{name: "lose packets between two", network: true, do: func(ctx context.Context, n *nemesis) error {
		a, b := n.two()
		share := 0.2 + 0.5*n.r.Float64()
		n.note("%.0f %% of the packets between nodes %d and %d are lost", 100*share, a.Index+1, b.Index+1)
		two := func(node *cluster.Node) bool { return node == a || node == b }
		return n.between(ctx, two, two, 5000, func(from, to int) error { return n.network.Lose(from, to, share) })
	}},
	{name: "lose the leader's packets", network: true, do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		share := 0.2 + 0.6*n.r.Float64()
		n.note("%.0f %% of what node %d sends is lost", 100*share, leader.Index+1)
		return n.between(ctx, only(leader), all, 5000, func(from, to int) error { return n.network.Lose(from, to, share) })
	}},
	{name: "delay all packets", network: true, do: func(ctx context.Context, n *nemesis) error {
		least, most := n.bounds(20, 200)
		n.note("all packets take from %v to %v", least, most)
		return n.between(ctx, all, all, 5000, func(from, to int) error { return n.network.Delay(from, to, least, most) })
	}},
	{name: "delay packets between two", network: true, do: func(ctx context.Context, n *nemesis) error {
		a, b := n.two()
		least, most := n.bounds(300, 1500)
		n.note("packets between nodes %d and %d take from %v to %v", a.Index+1, b.Index+1, least, most)
		two := func(node *cluster.Node) bool { return node == a || node == b }
		return n.between(ctx, two, two, 5000, func(from, to int) error { return n.network.Delay(from, to, least, most) })
	}},
	{name: "delay the leader's packets", network: true, do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		least, most := n.bounds(300, 1500)
		n.note("what node %d sends takes from %v to %v", leader.Index+1, least, most)
		return n.between(ctx, only(leader), all, 5000, func(from, to int) error { return n.network.Delay(from, to, least, most) })
	}},
	{name: "delay packets to the leader", network: true, do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		least, most := n.bounds(300, 1500)
		n.note("what is sent to node %d takes from %v to %v", leader.Index+1, least, most)
		return n.between(ctx, all, only(leader), 5000, func(from, to int) error { return n.network.Delay(from, to, least, most) })
	}},
	// What is held comes all at once when others may lead already.
	{name: "hold the leader's packets", network: true, do: func(ctx context.Context, n *nemesis) error {
		leader, err := n.leader(ctx)
		if err != nil {
			return err
		}
		n.note("what node %d sends is held", leader.Index+1)
		return n.between(ctx, only(leader), all, 5000, n.hold)
	}},
	{name: "hold packets to a node", network: true, do: func(ctx context.Context, n *nemesis) error {
		node := n.any()
		n.note("what is sent to node %d is held", node.Index+1)
		return n.between(ctx, all, only(node), 5000, n.hold)
	}},
}

func all(*cluster.Node) bool { return true }

func only(one *cluster.Node) func(*cluster.Node) bool {
	return func(node *cluster.Node) bool { return node == one }
}

// between does harm to what some nodes send to others, for at most so many
// milliseconds.
func (n *nemesis) between(ctx context.Context, from, to func(*cluster.Node) bool, most int, harm func(from, to int) error) error {
	for _, a := range n.c.Nodes {
		for _, b := range n.c.Nodes {
			if a == b || !from(a) || !to(b) {
				continue
			}
			if err := harm(a.Index, b.Index); err != nil {
				return err
			}
		}
	}
	n.wait(ctx, 1000, most)
	return n.network.Heal()
}

// two draws two nodes.
func (n *nemesis) two() (a, b *cluster.Node) {
	order := n.r.Perm(len(n.c.Nodes))
	return n.c.Nodes[order[0]], n.c.Nodes[order[1]]
}

// bounds draws how long packets take, in milliseconds: the least is below one
// number, the most between that and the other.
func (n *nemesis) bounds(below, most int) (time.Duration, time.Duration) {
	return time.Duration(n.r.IntN(below)) * time.Millisecond, time.Duration(below+n.r.IntN(most-below)) * time.Millisecond
}

// hold holds packets until all is healed.
func (n *nemesis) hold(from, to int) error { return n.network.Delay(from, to, time.Hour, time.Hour) }

// cutOff keeps all others' packets from a node (in), and its packets from them
// (out).
func (n *nemesis) cutOff(ctx context.Context, node *cluster.Node, in, out bool) error {
	n.note("node %d is cut off: it hears nobody: %v, nobody hears it: %v", node.Index+1, in, out)
	for _, other := range n.c.Nodes {
		if other == node {
			continue
		}
		if in {
			if err := n.network.Cut(other.Index, node.Index); err != nil {
				return err
			}
		}
		if out {
			if err := n.network.Cut(node.Index, other.Index); err != nil {
				return err
			}
		}
	}
	n.wait(ctx, 1000, 5000)
	return n.network.Heal()
}

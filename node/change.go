package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/replica"
)

// mayOperate reports whether a peer may change the cluster: its nodes, who can
// read this node's data directory, and those that the configuration names.
func (n *Node) mayOperate(peer host.ID) error {
	if peer == n.id || peer == n.oper || slices.Contains(n.cfg.Cluster.Operators, string(peer)) || n.trusts(peer) {
		return nil
	}
	return op.Errorf(op.CodeForbidden, "%s may not change the cluster: use the identity in %s, or name it in cluster.operators", peer, OperatorDir("the node's data directory"))
}

// changePatience is how long a change waits for a group to have a leader, and
// changePause how long until it looks again.
const (
	changePatience = 5 * time.Second
	changePause    = 100 * time.Millisecond

	// begunPatience is how long a new group is waited for. Its first node is slow to
	// begin it when it does other things as well.
	begunPatience = 15 * time.Second
)

// leaderless says that nothing was done, and why.
const leaderless = "the system group has no leader that this node knows; try again, or see weft cluster recover if most of its voters are lost for good"

// change does what an operator asks. All but recover is done by the leader of
// the system group; any node leads on to it, and waits a while for there to be
// one.
func (n *Node) change(ctx context.Context, peer host.ID, c ClusterChange) (string, error) {
	if err := n.mayOperate(peer); err != nil {
		return "", err
	}
	if c.Do == "recover" {
		return n.recover(ctx, c)
	}
	out := ""
	err := n.patiently(ctx, func(err error) bool {
		var e *op.Error
		return errors.As(err, &e) && e.Message == leaderless && !n.ledOn(peer)
	}, func() (err error) {
		out, err = n.changeNow(ctx, peer, c)
		return err
	})
	if err == nil && c.Do == "namespace" {
		n.begun(ctx, directory.NamespaceGroup(c.Group))
	}
	return out, err
}

// patiently does again, for a while, what was not done because of old news.
func (n *Node) patiently(ctx context.Context, again func(error) bool, do func() error) error {
	end := time.NewTimer(changePatience)
	defer end.Stop()
	for {
		err := do()
		if err == nil || !again(err) {
			return err
		}
		select {
		case <-time.After(changePause):
		case <-end.C:
			return err
		case <-ctx.Done():
			return err
		case <-n.ctx.Done():
			return err
		}
	}
}

// begun waits until this node knows a new group and where its first copy is, so
// that whoever made it can use it; not for long.
func (n *Node) begun(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, begunPatience)
	defer cancel()
	changes, stop := n.changes()
	defer stop()
	for {
		if _, err := n.group(name); err == nil {
			return
		}
		n.poke() // the answer to a report brings the news
		select {
		case <-ctx.Done():
			return
		case <-n.ctx.Done():
			return
		case <-changes:
		case <-time.After(soonest):
		}
	}
}

// ledOn reports whether a change was led on to this node by another.
func (n *Node) ledOn(peer host.ID) bool { return n.trusts(peer) && peer != n.id }

// changeNow does it, if there is a leader now.
func (n *Node) changeNow(ctx context.Context, peer host.ID, c ClusterChange) (string, error) {
	if !n.leadsSystem() {
		leader := host.ID("")
		if s := n.copy(directory.System); s != nil && s.group != nil {
			leader, _ = s.group.Leader()
		}
		if leader == "" {
			n.mu.Lock()
			leader = n.leader
			n.mu.Unlock()
		}
		if leader == "" || leader == n.id || n.ledOn(peer) {
			return "", op.Errorf(op.CodeTimeout, leaderless)
		}
		var out string
		err := n.ask(ctx, leader, methodChange, c, &out)
		return out, err
	}
	x := n.agent.told()
	if x == nil {
		return "", op.Errorf(op.CodeTimeout, leaderless) // it has led for a moment only
	}
	return n.lead(ctx, x, c)
}

// lead does it on the leader of the system group.
func (n *Node) lead(ctx context.Context, x *news, c ClusterChange) (string, error) {
	store := directory.NewStore(n.copy(directory.System).group)
	if c.Node != "" || c.Do == "add" || c.Do == "remove" || c.Do == "promote" {
		id, err := findNode(x, c.Node)
		if err != nil {
			return "", err
		}
		c.Node = id
	}
	defer n.agent.poke()
	switch c.Do {
	case "add":
		if err := store.SetState(ctx, c.Node, directory.Live); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s may hold copies", c.Node), nil
	case "remove":
		others := slices.ContainsFunc(x.Nodes, func(m directory.Node) bool { return m.ID != c.Node && m.State == directory.Live })
		if !others {
			return "", op.Errorf(op.CodeConflict, "%s is the last node that is live; its copies have nowhere to go", c.Node)
		}
		if err := store.SetState(ctx, c.Node, directory.Removed); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s is removed: its copies are replaced by others, where there are nodes for them", c.Node), nil
	case "promote":
		return n.promote(ctx, x, c)
	case "stepdown":
		return n.giveUp(ctx, x, c)
	case "namespace":
		if c.Group == "" || len(c.Group) > 64 || !utf8.ValidString(c.Group) || strings.ContainsFunc(c.Group, noName) {
			return "", op.Errorf(op.CodeValidation, "%q is no name of a namespace: it has 1 to 64 bytes of printable text, without spaces and slashes", c.Group)
		}
		var live []string
		for _, m := range x.Nodes {
			if m.State == directory.Live {
				live = append(live, m.ID)
			}
		}
		name := directory.NamespaceGroup(c.Group)
		if len(live) == 0 {
			return "", op.Errorf(op.CodeTimeout, "no node is live; try again")
		}
		if err := store.AddNamespace(ctx, c.Group, directory.Rank(name, live)[0], n.cfg.Cluster.Replication, n.cfg.now()); err != nil {
			return "", err
		}
		return fmt.Sprintf("the namespace %s is kept in the group %s", c.Group, name), nil
	}
	return "", op.Errorf(op.CodeValidation, "%q is no change; there are add, remove, promote, stepdown, recover, namespace", c.Do)
}

// noName holds for what cannot stand in the name of a namespace: discovery does
// not tell names that cannot be printed, and nobody could write one with a slash
// into an address.
func noName(r rune) bool {
	return r == '/' || r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// findNode finds a node by its ID or the end of it.
func findNode(x *news, id string) (string, error) {
	var found []string
	for _, m := range x.Nodes {
		if m.ID == id {
			return id, nil
		}
		if len(id) >= 4 && strings.HasSuffix(m.ID, id) {
			found = append(found, m.ID)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return "", op.Errorf(op.CodeNotFound, "%q is no node of the cluster (%d match); weft cluster lists them", id, len(found))
}

// promote makes a standby a voter. Where there are as many voters as are wanted,
// it takes the place of one: of one that is not there first, never of the leader.
func (n *Node) promote(ctx context.Context, x *news, c ClusterChange) (string, error) {
	if c.Group == "" {
		c.Group = directory.NamespaceGroup("default")
	}
	a := n.agent
	g := x.group(c.Group)
	if g == nil {
		return "", op.Errorf(op.CodeNotFound, "the cluster has no group %q", c.Group)
	}
	// Between the two steps there is a voter too many: the agent would take one
	// away, perhaps the one that was just promoted.
	free, err := a.claim(ctx, c.Group)
	if err != nil {
		return "", err
	}
	defer free()
	var leader host.ID
	var copies []directory.Copy
	err = n.patiently(ctx, outdated, func() (err error) {
		leader, copies, err = n.ledBy(c.Group)
		return err
	})
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(copies, func(m directory.Copy) bool { return m.Peer == c.Node })
	switch {
	case at < 0:
		return "", op.Errorf(op.CodeConflict, "%s holds no copy of %s; it gets one as standby when one is missing", c.Node, c.Group)
	case copies[at].Voter:
		return fmt.Sprintf("%s is a voter of %s already", c.Node, c.Group), nil
	}
	var voters []string
	for _, m := range copies {
		if m.Voter {
			voters = append(voters, m.Peer)
		}
	}
	change := directory.Change{Kind: directory.Promote, Group: c.Group, Peer: c.Node, Server: copies[at].Server, Why: "an operator asks for it"}
	if err := a.step(ctx, change, leader, copies); err != nil {
		return "", err
	}
	if len(voters) < min(g.Replication, directory.MaxVoters) {
		return fmt.Sprintf("%s is a voter of %s", c.Node, c.Group), nil
	}
	rank := directory.Rank(c.Group, voters)
	slices.Reverse(rank)
	a.mu.Lock()
	slices.SortStableFunc(rank, func(p, q string) int {
		return boolInt(a.live(a.seen[host.ID(p)])) - boolInt(a.live(a.seen[host.ID(q)]))
	})
	leader, copies, ok := a.leaderOf(c.Group)
	a.mu.Unlock()
	for _, p := range rank {
		at := slices.IndexFunc(copies, func(m directory.Copy) bool { return m.Peer == p })
		if !ok || at < 0 || host.ID(p) == leader {
			continue
		}
		out := directory.Change{Kind: directory.Remove, Group: c.Group, Peer: p, Server: copies[at].Server, Why: "an operator gave its place to another"}
		if err := a.step(ctx, out, leader, copies); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s is a voter of %s in the place of %s", c.Node, c.Group, p), nil
	}
	return fmt.Sprintf("%s is a voter of %s", c.Node, c.Group), nil
}

// noLeaderNow ends the error of a group that is between two leaders.
const noLeaderNow = "has no leader now; try again"

// ledBy is who leads a group, with its members, as far as the agent was told.
func (n *Node) ledBy(group string) (host.ID, []directory.Copy, error) {
	n.agent.mu.Lock()
	leader, copies, ok := n.agent.leaderOf(group)
	n.agent.mu.Unlock()
	if !ok {
		return "", nil, op.Errorf(op.CodeTimeout, "the group %s "+noLeaderNow, group)
	}
	return leader, copies, nil
}

// outdated reports whether nothing was done because the group has no leader now, or
// not with the members that were told.
func outdated(err error) bool {
	return op.CodeOf(err) == op.CodeConflict || strings.HasSuffix(err.Error(), noLeaderNow)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// giveUp makes leaders step down: of one group or all, on one node or all.
func (n *Node) giveUp(ctx context.Context, x *news, c ClusterChange) (string, error) {
	if c.Group == "" && c.Node == "" {
		return "", op.Errorf(op.CodeValidation, "say of which group, or which node, the leader is to step down")
	}
	var done []string
	for _, g := range x.Groups {
		if c.Group != "" && g.Name != c.Group {
			continue
		}
		another := false
		err := n.patiently(ctx, outdated, func() error {
			leader, copies, err := n.ledBy(g.Name)
			if another = c.Node != "" && c.Node != string(leader); another {
				return nil
			}
			if err != nil {
				return err
			}
			err = n.ask(ctx, leader, methodStepDown, groupOrder{ClusterID: n.clusterID(), Group: g.Name, Members: copies}, nil)
			if err != nil {
				return fmt.Errorf("the leader of %s does not step down: %w", g.Name, err)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
		if !another {
			done = append(done, g.Name)
		}
	}
	if len(done) == 0 {
		return "", op.Errorf(op.CodeNotFound, "there is no such leader")
	}
	return "the leader stepped down of " + strings.Join(done, ", "), nil
}

// recover makes this node's copy the only member of its group, without asking a
// majority: what is left to do when most voters are lost for good. What only
// they had is lost with them.
func (n *Node) recover(ctx context.Context, c ClusterChange) (string, error) {
	if !c.Sure {
		return "", op.Errorf(op.CodeValidation, "recovering a group gives up what only its other voters have; say that you are sure")
	}
	if c.Group == "" {
		return "", op.Errorf(op.CodeValidation, "say which group is to be recovered: %s is the directory, %s the data of the namespace default", directory.System, directory.NamespaceGroup("default"))
	}
	h := n.copy(c.Group)
	if h == nil || h.group == nil {
		return "", op.Errorf(op.CodeNotFound, "this node holds no copy of %s that opens; ask a node that does", c.Group)
	}
	r := h.group.Replica()
	// A group that is well is without a leader now and then, for a moment.
	var leader host.ID
	err := n.patiently(ctx, outdated, func() error {
		if leader, _ = r.Leader(); leader == "" {
			return op.Errorf(op.CodeTimeout, "the group %s "+noLeaderNow, c.Group)
		}
		return nil
	})
	if err == nil {
		return "", op.Errorf(op.CodeConflict, "the group %s has a leader (%s) and needs no recovery; remove nodes that are lost with weft cluster remove", c.Group, leader)
	}
	if why := cmp.Or(ctx.Err(), n.ctx.Err()); why != nil {
		return "", op.FromContext(why)
	}
	server := r.Server()
	n.log.Warn("a group is recovered by an operator: this copy becomes its only member", "group", c.Group, "server", server)
	if err := r.Recover(ctx, []replica.Member{{Server: server, Peer: n.id, Voter: true}}); err != nil {
		return "", err
	}
	n.poke()
	return fmt.Sprintf("%s has one member now, on this node; the others get new copies from it", c.Group), nil
}

package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// Times of reporting.
const (
	askWithin   = 3 * time.Second
	soonest     = 200 * time.Millisecond
	latest      = 2 * time.Second // between attempts that fail
	addrsLive   = time.Hour       // how long addresses of nodes are remembered
	patientText = "; this node keeps trying, and never starts a cluster of its own"
)

// reporting tells the leader of the system group how this node is, for as long
// as the node runs. So it joins the cluster, and stays known to it.
func (n *Node) reporting(ctx context.Context) {
	fails := 0
	for {
		again, err := n.report(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			fails++
			again = min(soonest<<min(fails, 5), latest)
			// A leader that is being elected is no trouble.
			if fails > 5 || op.CodeOf(err) == op.CodeForbidden {
				n.say(n.explain(err))
			}
		default:
			fails = 0
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-n.kick:
			// Several things that change at once are one report.
			timer.Reset(20 * time.Millisecond)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
	}
}

// explain says why the node is not in its cluster and what to do.
func (n *Node) explain(err error) string {
	n.mu.Lock()
	fresh := n.st.ClusterID == ""
	n.mu.Unlock()
	if !fresh {
		return fmt.Sprintf("the leader of the cluster's system group is not reached: %v", err)
	}
	return fmt.Sprintf("the cluster %s is not joined: %v%s", n.cfg.Cluster.Name, err, patientText)
}

// report reports once and says when to do so again.
func (n *Node) report(ctx context.Context) (time.Duration, error) {
	r := n.mine()
	if n.leadsSystem() {
		n.agent.note(n.id, r)
		n.settle()
		return time.Second, nil
	}
	tried := map[host.ID]bool{}
	var errs []error
	list := n.candidates()
	for len(list) > 0 && len(tried) < 16 {
		peer := list[0]
		list = list[1:]
		if peer == n.id || tried[peer] || peer == "" {
			continue
		}
		tried[peer] = true
		w, err := n.tell(ctx, peer, r)
		if err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			continue
		}
		if w.Taken {
			if err := n.welcomed(peer, w); err != nil {
				return 0, err
			}
			return max(soonest, min(w.Again, 10*time.Second)), nil
		}
		if leader := host.ID(w.Leader); leader != "" && !tried[leader] {
			n.remember(leader, w.Addrs)
			list = append([]host.ID{leader}, list...)
		} else if w.ClusterID == "" {
			errs = append(errs, fmt.Errorf("%s belongs to no cluster yet: one node must start it, without discovery.bootstrap_peers", peer))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("no node of it is known, or it has no leader"))
	}
	return 0, foremost(errs)
}

// foremost is the error of several that says most: a refusal, or the last.
func foremost(errs []error) error {
	for _, err := range errs {
		if op.CodeOf(err) == op.CodeForbidden {
			return err
		}
	}
	return errs[len(errs)-1]
}

// mine is the report of this node.
func (n *Node) mine() report {
	r := report{
		Format: protocolFormat, Cluster: n.cfg.Cluster.Name, Version: n.cfg.Version, Addrs: n.h.Addrs(), Gateway: n.gatewayForOthers(), Holds: n.holdings(), Time: n.cfg.now(),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r.ClusterID = n.st.ClusterID
	if n.known != nil {
		r.Known = n.known.Tag
	}
	return r
}

// candidates are the nodes that may be, or know, the leader of the system
// group, best first. A node that belongs to no cluster yet goes to its bootstrap
// peers and nowhere else: what somebody in between says of itself proves nothing.
func (n *Node) candidates() []host.ID {
	var list []host.ID
	seeds := n.seeds()
	n.mu.Lock()
	fresh := n.st.ClusterID == ""
	leader := n.leader
	if c := n.copies[directory.System]; c != nil && c.group != nil {
		if peer, _ := c.group.Leader(); peer != "" {
			leader = peer
		}
	}
	if !fresh {
		list = append(list, leader)
		if n.known != nil {
			if g := n.known.group(directory.System); g != nil {
				for _, c := range g.Copies {
					list = append(list, host.ID(c.Peer))
				}
			}
		}
	}
	n.mu.Unlock()
	for id, addr := range seeds {
		n.remember(id, []string{addr})
		list = append(list, id)
	}
	if !fresh || len(seeds) == 0 {
		for _, m := range n.disc.Members() {
			list = append(list, m.ID)
		}
	}
	return list
}

// remember makes addresses, with or without /p2p/ID, known to the host.
func (n *Node) remember(id host.ID, addrs []string) {
	if id == n.id || len(addrs) == 0 {
		return
	}
	var plain []string
	for _, a := range addrs {
		plain = append(plain, strings.TrimSuffix(a, "/p2p/"+string(id)))
	}
	if err := n.h.Remember(id, plain, addrsLive, false); err != nil {
		n.log.Debug("addresses of a node cannot be used", "peer", id, "error", err)
	}
}

// tell reports to one node and measures how far the clocks are apart.
func (n *Node) tell(ctx context.Context, peer host.ID, r report) (welcome, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var w welcome
	begin, sent := time.Now(), n.cfg.now()
	r.Time = sent
	if err := door.Call(ctx, n.h, peer, methodJoin, r, &w); err != nil {
		return w, err
	}
	if !w.Time.IsZero() {
		middle := sent.Add(time.Since(begin) / 2)
		n.mu.Lock()
		n.offset = w.Time.Sub(middle).Round(time.Millisecond)
		n.mu.Unlock()
	}
	return w, nil
}

// welcomed takes what the leader said.
func (n *Node) welcomed(peer host.ID, w welcome) error {
	n.mu.Lock()
	if n.st.ClusterID == "" {
		n.st.ClusterID = w.ClusterID
		n.mu.Unlock()
		if err := n.save(); err != nil {
			return err
		}
		n.log.Info("this node has joined a cluster", "cluster", n.cfg.Cluster.Name, "cluster_id", w.ClusterID, "through", peer)
		n.mu.Lock()
	}
	n.leader = peer
	n.mu.Unlock()
	if w.News != nil {
		n.learn(w.News)
	}
	n.settle()
	return nil
}

// learn takes news of the cluster.
func (n *Node) learn(x *news) {
	for _, other := range x.Nodes {
		n.remember(host.ID(other.ID), other.Addrs)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = x
	if n.phase == phaseJoining { // who knows the cluster has reached it
		n.phase = phaseRunning
	}
	n.changed()
}

// settle looks at what this node knows of itself after a report was taken: it
// runs, but for a clock that is wrong or when it was removed.
func (n *Node) settle() {
	n.mu.Lock()
	if n.phase == phaseJoining {
		n.phase = phaseRunning
	}
	offset := n.offset
	removed := false
	if n.known != nil {
		x := n.known.node(string(n.id))
		removed = x != nil && x.State == directory.Removed
	}
	n.mu.Unlock()
	if n.leadsSystem() {
		offset = n.agent.offset()
	}
	switch {
	case offset.Abs() > n.cfg.Cluster.MaxClockOffset:
		n.say(fmt.Sprintf("the clock of this node is %s behind the others' (negative is ahead of them); set it right: until then the node leads no group", offset))
		n.stepDownAll(n.ctx)
	case removed:
		n.say("this node was removed from the cluster and holds nothing for it; stop it, or take it in again with weft cluster add")
	default:
		n.say("")
	}
}

// leadsSystem reports whether this node leads the system group.
func (n *Node) leadsSystem() bool {
	c := n.copy(directory.System)
	return c != nil && c.group != nil && c.group.Replica().IsLeader()
}

// join answers the report of another node.
func (n *Node) join(_ context.Context, peer host.ID, r report) (welcome, error) {
	n.mu.Lock()
	w := welcome{ClusterID: n.st.ClusterID, Time: n.cfg.now(), Leader: string(n.leader)}
	if c := n.copies[directory.System]; c != nil && c.group != nil {
		if leader, _ := c.group.Leader(); leader != "" {
			w.Leader = string(leader)
		}
	}
	if n.known != nil {
		if x := n.known.node(w.Leader); x != nil {
			w.Addrs = x.Addrs
		}
	}
	n.mu.Unlock()
	switch {
	case r.Format > protocolFormat:
		return w, op.Errorf(op.CodeForbidden, "node %s speaks version %d of the cluster's protocol and this node reads %d; update the nodes of the cluster first", peer, r.Format, protocolFormat)
	case r.Format < 1:
		return w, op.Errorf(op.CodeValidation, "the report has no version")
	case r.Cluster != n.cfg.Cluster.Name:
		return w, op.Errorf(op.CodeForbidden, "this node is of the cluster %q, not %q; correct cluster.name or discovery.bootstrap_peers", n.cfg.Cluster.Name, r.Cluster)
	case w.ClusterID == "":
		return welcome{}, nil
	case r.ClusterID != "" && r.ClusterID != w.ClusterID:
		return w, op.Errorf(op.CodeForbidden, "the data directory of node %s belongs to another cluster named %q (%s, this one is %s); give it an empty directory, or the bootstrap peers of its own cluster",
			peer, r.Cluster, r.ClusterID, w.ClusterID)
	}
	if off := w.Time.Sub(r.Time); r.ClusterID == "" && !r.Time.IsZero() && off.Abs() > n.cfg.Cluster.MaxClockOffset+askWithin {
		return w, op.Errorf(op.CodeForbidden, "the clock of node %s is %s behind this node's (negative is ahead of it), %s is allowed; set it right", peer, off.Round(time.Second), n.cfg.Cluster.MaxClockOffset)
	}
	if !n.leadsSystem() {
		if w.Leader == string(n.id) {
			w.Leader = ""
		}
		return w, nil
	}
	x := n.agent.told()
	if x == nil {
		return w, nil // it leads only just now
	}
	n.agent.note(peer, r)
	w.Taken, w.Leader, w.Again = true, string(n.id), n.agent.again()
	if r.Known != x.Tag {
		w.News = x
	}
	return w, nil
}

// serve serves the methods of this node.
func (n *Node) serve() {
	n.server = door.Serve(n.h, n.group, n.log)
	n.server.Guard(func(peer host.ID, group string) error {
		if group != directory.System {
			return nil
		}
		// Who writes it decides which nodes there are, and what becomes of their
		// copies.
		return n.mayOperate(peer)
	})
	n.methods = map[string]door.Method{
		methodJoin:      method(n.join),
		methodNodes:     method(n.clusterNodes),
		methodGroups:    method(n.clusterGroups),
		methodChange:    method(n.change),
		methodStatus:    method(n.nodeStatus),
		methodPeers:     method(n.nodePeers),
		methodConnect:   method(n.nodeConnect),
		methodOpen:      method(n.groupOpen),
		methodAdd:       method(n.groupAdd),
		methodRemove:    method(n.groupRemove),
		methodStepDown:  method(n.groupStepDown),
		methodDrop:      method(n.groupDrop),
		methodBackups:   method(n.backupList),
		methodBackupNow: method(n.backupNow),
	}
	for name, fn := range n.methods {
		n.server.Handle(name, fn)
	}
}

// ask asks a node a method; this node itself without a stream.
func (n *Node) ask(ctx context.Context, peer host.ID, name string, in, out any) error {
	if peer == n.id {
		return local(ctx, n.methods[name], n.id, in, out)
	}
	n.mu.Lock()
	var addrs []string
	if n.known != nil {
		if x := n.known.node(string(peer)); x != nil {
			addrs = slices.Clone(x.Addrs)
		}
	}
	n.mu.Unlock()
	n.remember(peer, addrs)
	return door.Call(ctx, n.h, peer, name, in, out)
}

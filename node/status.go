package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// Status is how this node is; until Start has returned little of it is known.
func (n *Node) Status(ctx context.Context) NodeStatus {
	if !n.up.Load() {
		n.mu.Lock()
		defer n.mu.Unlock()
		return NodeStatus{Version: n.cfg.Version, Cluster: n.cfg.Cluster.Name, State: n.phase, Time: n.cfg.now()}
	}
	s := NodeStatus{
		ID: string(n.id), Addrs: n.h.Addrs(), Version: n.cfg.Version, Cluster: n.cfg.Cluster.Name,
		Uptime: time.Since(n.began), Time: n.cfg.now(), Peers: len(n.h.Peers()), Members: len(n.disc.Members()), Gateway: n.GatewayAddr(),
	}
	n.mu.Lock()
	s.ClusterID, s.State, s.Problem, s.ClockOffset = n.st.ClusterID, n.phase, n.problem, n.offset
	var list []*held
	for _, c := range n.copies {
		list = append(list, c)
	}
	n.mu.Unlock()
	slices.SortFunc(list, func(a, b *held) int { return cmpString(a.name, b.name) })
	s.Groups = make([]door.Info, len(list))
	var wg sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	for i, c := range list {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			s.Groups[i] = c.info(ctx)
		})
	}
	wg.Wait()
	for _, i := range s.Groups {
		s.DatabaseSize += i.DBSize + i.WALSize
	}
	return s
}

// atOnce is how many copies are asked at a time. Each waits a little for members
// that may not answer.
const atOnce = 64

// info is how a copy is, whatever it is.
func (c *held) info(ctx context.Context) door.Info {
	if c.group == nil {
		return door.Info{Group: c.name, State: "failed", Broken: c.err.Error()}
	}
	info, err := c.group.Info(ctx)
	if err != nil {
		return door.Info{Group: c.name, State: c.group.Replica().Status().State, Broken: err.Error()}
	}
	return info
}

func (n *Node) nodeStatus(ctx context.Context, _ host.ID, _ nothing) (NodeStatus, error) {
	return n.Status(ctx), nil
}

// nodePeers are the nodes that this one knows, with how long the way to each
// connected one is.
func (n *Node) nodePeers(ctx context.Context, _ host.ID, _ nothing) ([]PeerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if !n.up.Load() {
		return nil, op.Errorf(op.CodeTimeout, "the node is starting: ask again")
	}
	known := n.disc.Known()
	out := make([]PeerInfo, len(known))
	var wg sync.WaitGroup
	for i, m := range known {
		out[i] = PeerInfo{ID: string(m.ID), Addrs: m.Addrs, Connected: m.Connected, Live: m.Live, LastSeen: m.LastSeen, Groups: m.Groups}
		if !m.Connected {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			if d, err := n.h.Ping(ctx, m.ID); err == nil {
				out[i].Latency = d
			}
		}()
	}
	wg.Wait()
	return out, nil
}

// connection is what came of a wish to connect.
type connection struct {
	Before bool `json:"before"` // there was one already, which may be at another address
}

// nodeConnect connects this node to a peer.
func (n *Node) nodeConnect(ctx context.Context, peer host.ID, in struct {
	Addr string `json:"addr"`
},
) (connection, error) {
	if err := n.mayOperate(peer); err != nil {
		return connection{}, err
	}
	id, addr, err := host.ParseAddr(in.Addr)
	if err != nil {
		return connection{}, op.Errorf(op.CodeValidation, "%w", err)
	}
	if n.h.Connected(id) {
		return connection{Before: true}, nil
	}
	return connection{}, n.h.Connect(ctx, id, addr)
}

// here is what this node knows of its cluster.
func (n *Node) here() (*news, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		text := n.problem
		if text == "" {
			text = "it has started only just now"
		}
		return nil, op.Errorf(op.CodeTimeout, "this node has not reached its cluster yet: %s", text)
	}
	return n.known, nil
}

// clusterNodes are the nodes of the cluster, as the leader of the system group
// told them last.
func (n *Node) clusterNodes(_ context.Context, _ host.ID, _ nothing) ([]NodeInfo, error) {
	x, err := n.here()
	if err != nil {
		return nil, err
	}
	out := make([]NodeInfo, 0, len(x.Nodes))
	for _, m := range x.Nodes {
		i := NodeInfo{ID: m.ID, Addrs: m.Addrs, State: m.State, Version: m.Version, FirstSeen: m.FirstSeen, LastSeen: m.LastSeen, Groups: []string{}}
		for _, g := range x.Groups {
			if slices.ContainsFunc(g.Copies, func(c directory.Copy) bool { return c.Peer == m.ID }) {
				i.Groups = append(i.Groups, g.Name)
			}
		}
		out = append(out, i)
	}
	return out, nil
}

// infoWithin bounds how long one group is asked.
const infoWithin = 3 * time.Second

// clusterGroups are the groups of the cluster, each as its leader has it.
func (n *Node) clusterGroups(ctx context.Context, _ host.ID, in struct {
	Group string `json:"group"`
},
) ([]GroupInfo, error) {
	x, err := n.here()
	if err != nil {
		return nil, err
	}
	out := []GroupInfo{}
	var wg sync.WaitGroup
	limit := make(chan struct{}, 16)
	for _, g := range x.Groups {
		if in.Group != "" && in.Group != g.Name {
			continue
		}
		out = append(out, GroupInfo{Name: g.Name, Namespace: g.Namespace, Replication: g.Replication})
	}
	for i := range out {
		wg.Add(1)
		limit <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-limit }()
			n.inform(ctx, x, &out[i])
		}()
	}
	wg.Wait()
	return out, nil
}

// inform fills in how a group is; when its leader does not say, what the
// directory has.
func (n *Node) inform(ctx context.Context, x *news, g *GroupInfo) {
	ctx, cancel := context.WithTimeout(ctx, infoWithin)
	defer cancel()
	state := func(peer string) string {
		if m := x.node(peer); m != nil {
			return m.State
		}
		return directory.Lost
	}
	info, err := n.leaderInfo(ctx, g.Name)
	if err != nil {
		g.Problem = err.Error()
		for _, c := range x.group(g.Name).Copies {
			g.Members = append(g.Members, MemberInfo{Peer: c.Peer, Server: c.Server, Role: role(c.Voter, false), State: state(c.Peer), Lag: -1})
		}
		return
	}
	g.Leader, g.Sequence, g.DBSize = info.Leader, info.Sequence, info.DBSize
	for _, m := range info.Members {
		g.Members = append(g.Members, MemberInfo{Peer: m.Peer, Server: m.Server, Role: role(m.Voter, m.Peer == info.Leader), State: state(m.Peer), Lag: m.Lag})
	}
	if g.Leader == "" {
		g.Problem = "it has no leader"
	}
}

func role(voter, leader bool) string {
	switch {
	case leader:
		return "leader"
	case voter:
		return "voter"
	}
	return "standby"
}

// leaderInfo asks the leader of a group how it is, and whoever else has a copy
// when there is none.
func (n *Node) leaderInfo(ctx context.Context, name string) (door.Info, error) {
	g, err := n.group(name)
	if err != nil {
		return door.Info{}, err
	}
	leader, isHere := g.Leader()
	if !isHere && leader != "" && leader != n.id {
		r := door.Open(n.h, door.Options{Group: name, Log: n.log, Peers: func(context.Context) ([]host.ID, error) { return []host.ID{leader}, nil }})
		info, err := r.Info(ctx)
		if cerr := r.Close(); err == nil && cerr == nil {
			return info, nil
		}
	}
	return g.Info(ctx)
}

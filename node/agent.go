package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// agent does what the leader of the system group has to do. It is there on every
// node and sleeps on the others.
type agent struct {
	n    *Node
	wake chan struct{}
	wg   sync.WaitGroup // steps under way

	mu      sync.Mutex
	since   time.Time // it leads since then; zero when it does not
	seen    map[host.ID]*sighting
	news    *news // nil until the directory was read
	busy    map[string]bool
	moved   time.Time // when something was last done
	pauses  map[string]*pause
	orphans map[string]time.Time
}

// sighting is what a node last said.
type sighting struct {
	report
	at     time.Time // monotonic
	offset time.Duration
	steps  map[string]time.Time // by group, when a step left the copy as it is held here
}

// pause keeps a step that failed from being tried again at once.
type pause struct {
	until time.Time
	next  time.Duration
}

// Times of the agent.
const (
	tick       = time.Second
	stepWithin = 30 * time.Second
	readWithin = 5 * time.Second
	orphanFor  = 10 * time.Second // a copy is no member for so long before it is given up
	seenEvery  = time.Minute      // how often it is written that a node is still there
	readyLag   = 256              // entries that a standby may be behind to become a voter
)

func newAgent(n *Node) *agent {
	a := &agent{n: n, wake: make(chan struct{}, 1)}
	a.reset()
	return a
}

func (a *agent) reset() {
	a.since, a.news = time.Time{}, nil
	a.seen, a.busy, a.pauses, a.orphans = map[host.ID]*sighting{}, map[string]bool{}, map[string]*pause{}, map[string]time.Time{}
}

// poke makes the agent look now.
func (a *agent) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// wait returns when no step is under way.
func (a *agent) wait() { a.wg.Wait() }

// run works for as long as the node runs.
func (a *agent) run(ctx context.Context) {
	timer := time.NewTicker(tick)
	defer timer.Stop()
	var said string // and when: what lasts is not told each second
	var when time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.wake:
		}
		err := a.look(ctx)
		switch {
		case err == nil:
			said = ""
		case ctx.Err() == nil && a.n.leadsSystem() && (err.Error() != said || time.Since(when) > time.Minute):
			said, when = err.Error(), time.Now()
			a.n.log.Warn("the directory cannot be kept now; trying again", "error", err)
		}
	}
}

// note takes a report.
func (a *agent) note(peer host.ID, r report) {
	s := &sighting{report: r, at: time.Now()}
	if !r.Time.IsZero() {
		s.offset = r.Time.Sub(a.n.cfg.now())
	}
	a.mu.Lock()
	old := a.seen[peer]
	s.keep(old)
	a.seen[peer] = s
	a.mu.Unlock()
	if old == nil || !sameHoldings(old.Holds, r.Holds) {
		a.poke()
	}
}

// keep takes over copies that a step has just made: a report that lacks them may
// have been on its way meanwhile, and they would count as lost.
func (s *sighting) keep(old *sighting) {
	if old == nil {
		return
	}
	for group, at := range old.steps {
		in := func(h holding) bool { return h.Group == group }
		i := slices.IndexFunc(old.Holds, in)
		if i < 0 || time.Since(at) > askWithin || slices.ContainsFunc(s.Holds, in) {
			continue
		}
		s.Holds = append(slices.Clone(s.Holds), old.Holds[i])
		s.stepped(group, at)
	}
}

func (s *sighting) stepped(group string, at time.Time) {
	if s.steps == nil {
		s.steps = map[string]time.Time{}
	}
	s.steps[group] = at
}

// sameHoldings compares but for how far the copies are.
func sameHoldings(a, b []holding) bool {
	return slices.EqualFunc(a, b, func(x, y holding) bool {
		return x.Group == y.Group && x.Server == y.Server && x.Leads == y.Leads && x.Term == y.Term && slices.Equal(x.Members, y.Members) && (x.Applied > 0) == (y.Applied > 0)
	})
}

// held notes how a copy is after a step.
func (a *agent) held(peer host.ID, h holding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.seen[peer]
	if s == nil {
		return
	}
	s.Holds = slices.DeleteFunc(slices.Clone(s.Holds), func(x holding) bool { return x.Group == h.Group })
	if h.State != "" {
		s.Holds = append(s.Holds, h)
		s.stepped(h.Group, time.Now())
	}
}

// told is what nodes are told, nil before there is anything.
func (a *agent) told() *news {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.news
}

// again is when nodes are to report next: soon while something is under way.
func (a *agent) again() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.busy) > 0 || time.Since(a.moved) < 3*time.Second || time.Since(a.since) < 5*time.Second {
		return soonest
	}
	return 2*time.Second + time.Duration(len(a.seen))*20*time.Millisecond
}

// offset is how far this node is behind most others.
func (a *agent) offset() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []time.Duration
	for id, s := range a.seen {
		if id != a.n.id && a.live(s) {
			all = append(all, s.offset)
		}
	}
	if len(all) < 2 { // of two clocks nobody knows which is right
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// live reports whether a node was heard of lately. The caller holds a.mu.
func (a *agent) live(s *sighting) bool { return s != nil && time.Since(s.at) < a.n.liveFor() }

// liveFor is how long a node counts as live after its last report.
func (n *Node) liveFor() time.Duration {
	return min(10*time.Second, max(n.cfg.Cluster.Grace/2, 3*time.Second))
}

// look reads the directory, writes what has changed, and begins the next step of
// each group.
func (a *agent) look(ctx context.Context) error {
	if !a.n.leadsSystem() {
		a.mu.Lock()
		if !a.since.IsZero() {
			a.reset()
		}
		a.mu.Unlock()
		return nil
	}
	a.mu.Lock()
	if a.since.IsZero() {
		a.since = time.Now()
	}
	a.mu.Unlock()
	a.note1(a.n.mine())
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	c := a.n.copy(directory.System)
	store := directory.NewStore(c.group)
	snap, err := store.Read(ctx)
	if errors.Is(err, directory.ErrEmpty) && a.n.founder() {
		if err = store.Found(ctx, a.n.clusterID(), a.n.cfg.Cluster.Name, string(a.n.id), a.n.cfg.Cluster.Replication, a.n.cfg.now()); err == nil {
			snap, err = store.Read(ctx)
		}
	}
	if err != nil {
		return err
	}
	if snap.ClusterID != a.n.clusterID() {
		return op.Errorf(op.CodeDatabase, "the directory is of the cluster %s and this node of %s", snap.ClusterID, a.n.clusterID())
	}
	wrote, err := a.write(ctx, store, snap)
	if err != nil {
		return err
	}
	if wrote {
		if snap, err = store.Read(ctx); err != nil {
			return err
		}
	}
	if err := a.n.founded(); err != nil {
		return err
	}
	a.publish(snap)
	for i := range snap.Groups {
		a.tend(snap, &snap.Groups[i])
	}
	return nil
}

// note1 notes this node's own report.
func (a *agent) note1(r report) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &sighting{report: r, at: time.Now()}
	s.keep(a.seen[a.n.id])
	a.seen[a.n.id] = s
}

func (n *Node) founder() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.st.Founder
}

func (n *Node) clusterID() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.st.ClusterID
}

// write brings the directory up to what was seen.
func (a *agent) write(ctx context.Context, store *directory.Store, snap *directory.Snapshot) (wrote bool, err error) {
	now := a.n.cfg.now()
	var nodes []directory.Node
	a.mu.Lock()
	for id, s := range a.seen {
		state := directory.Lost
		if a.live(s) {
			state = directory.Live
		}
		x := directory.Node{ID: string(id), Addrs: s.Addrs, Version: s.Version, State: state, FirstSeen: now, LastSeen: now.Add(-time.Since(s.at))}
		old := snap.Node(x.ID)
		if old == nil || !slices.Equal(old.Addrs, x.Addrs) || old.Version != x.Version ||
			old.State != directory.Removed && old.State != state || x.LastSeen.Sub(old.LastSeen) > seenEvery {
			nodes = append(nodes, x)
		}
	}
	for _, old := range snap.Nodes {
		if a.seen[host.ID(old.ID)] == nil && old.State == directory.Live && time.Since(a.since) > a.n.liveFor() {
			old.State = directory.Lost
			nodes = append(nodes, old)
		}
	}
	type change struct {
		g      directory.Group
		copies []directory.Copy
	}
	var changes []change
	for _, g := range snap.Groups {
		if _, copies, ok := a.leaderOf(g.Name); ok && !slices.Equal(copies, g.Copies) {
			changes = append(changes, change{g, copies})
		}
	}
	a.mu.Unlock()
	if err := store.SaveNodes(ctx, nodes...); err != nil {
		return false, err
	}
	for _, c := range changes {
		if err := store.SaveCopies(ctx, c.g, c.copies); err != nil {
			return true, err
		}
	}
	return len(nodes)+len(changes) > 0, nil
}

// leaderOf is who leads a group, and its members as that one has them. The
// caller holds a.mu.
func (a *agent) leaderOf(group string) (leader host.ID, copies []directory.Copy, ok bool) {
	var term uint64
	for id, s := range a.seen {
		if !a.live(s) {
			continue
		}
		for _, h := range s.Holds {
			if h.Group == group && h.Leads && len(h.Members) > 0 && (!ok || h.Term > term) {
				leader, copies, term, ok = id, h.Members, h.Term, true
			}
		}
	}
	return leader, copies, ok
}

// publish makes the news of what the directory has.
func (a *agent) publish(snap *directory.Snapshot) {
	a.addGateways(snap.Nodes)
	x := &news{ClusterID: snap.ClusterID, Nodes: snap.Nodes, Groups: snap.Groups}
	plain := slices.Clone(snap.Nodes) // what changes all the time is no news
	for i := range plain {
		plain[i].LastSeen = time.Time{}
	}
	text, err := json.Marshal(news{Nodes: plain, Groups: snap.Groups})
	if err != nil {
		a.n.log.Error("the news of the cluster cannot be written", "error", err)
		return
	}
	sum := sha256.Sum256(text)
	x.Tag = hex.EncodeToString(sum[:12])
	a.mu.Lock()
	if a.news == nil || a.news.Tag != x.Tag {
		a.moved = time.Now()
	}
	a.news = x
	a.mu.Unlock()
	a.n.learn(x)
}

// addGateways fills in where the nodes' gateways are. That is no part of the
// tables: each node says it again and again, and a new leader knows it from the
// news of the one before.
func (a *agent) addGateways(nodes []directory.Node) {
	a.n.mu.Lock()
	before := a.n.known
	a.n.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range nodes {
		x := &nodes[i]
		if s := a.seen[host.ID(x.ID)]; s != nil {
			x.Gateway = s.Gateway
		} else if before != nil {
			if old := before.node(x.ID); old != nil {
				x.Gateway = old.Gateway
			}
		}
	}
}

// tend begins the next step of a group, unless one is under way.
func (a *agent) tend(snap *directory.Snapshot, g *directory.Group) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy[g.Name] {
		return
	}
	var work func(ctx context.Context) error
	var name string
	leader, copies, ok := a.leaderOf(g.Name)
	switch {
	case ok:
		c, found := directory.Decide(a.view(snap, g, leader, copies))
		if !found {
			return
		}
		name = string(c.Kind) + " " + c.Peer + " " + c.Group
		work = func(ctx context.Context) error { return a.step(ctx, c, leader, copies) }
	case len(g.Copies) == 0 && g.Founder != "" && a.live(a.seen[host.ID(g.Founder)]):
		name = "begin " + g.Name
		work = func(ctx context.Context) error { return a.begin(ctx, g.Name, host.ID(g.Founder)) }
	default:
		return
	}
	p := a.pauses[name]
	if p != nil && time.Now().Before(p.until) {
		return
	}
	a.busy[g.Name] = true
	since := a.since
	a.wg.Add(1)
	go func() {
		defer a.wg.Done()
		ctx, cancel := context.WithTimeout(a.n.ctx, stepWithin)
		defer cancel()
		err := work(ctx)
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.since != since {
			return // it led no more meanwhile, and all was forgotten
		}
		delete(a.busy, g.Name)
		a.moved = time.Now()
		if err == nil {
			delete(a.pauses, name)
			a.poke()
			return
		}
		if p == nil {
			p = &pause{next: soonest}
		}
		// What was decided on old news is decided anew at once.
		if op.CodeOf(err) != op.CodeConflict {
			p.until = time.Now().Add(p.next)
			p.next = min(2*p.next, time.Minute)
			a.pauses[name] = p
			if a.n.ctx.Err() == nil {
				level := slog.LevelWarn
				if p.next <= 4*soonest && op.CodeOf(err) == op.CodeTimeout {
					level = slog.LevelInfo // a node that is starting is not ready for it at once
				}
				a.n.log.Log(ctx, level, "a step for a group failed; it is tried again", "step", name, "error", err, "in", p.next/2)
			}
		}
	}()
}

// claim keeps the agent from changing a group until free is called. It waits for
// the step that is under way.
func (a *agent) claim(ctx context.Context, group string) (free func(), err error) {
	for {
		a.mu.Lock()
		since, busy := a.since, a.busy[group]
		if !busy && !since.IsZero() {
			a.busy[group] = true
			a.mu.Unlock()
			return func() {
				a.mu.Lock()
				defer a.mu.Unlock()
				if a.since == since { // else all was forgotten
					delete(a.busy, group)
					a.moved = time.Now()
				}
			}, nil
		}
		a.mu.Unlock()
		if since.IsZero() {
			return nil, op.Errorf(op.CodeTimeout, leaderless)
		}
		select {
		case <-time.After(changePause):
		case <-ctx.Done():
			return nil, op.Errorf(op.CodeTimeout, "another change of the group %s is under way; try again (%w)", group, ctx.Err())
		case <-a.n.ctx.Done():
			return nil, op.ErrClosed()
		}
	}
}

// view is a group as it was seen. The caller holds a.mu.
func (a *agent) view(snap *directory.Snapshot, g *directory.Group, leader host.ID, copies []directory.Copy) directory.View {
	v := directory.View{Group: g.Name, Replication: g.Replication, Standby: a.n.cfg.Cluster.Standby, Leader: string(leader), Copies: copies}
	var commit uint64
	for _, h := range a.seen[leader].Holds {
		if h.Group == g.Name {
			commit = h.Commit
		}
	}
	for _, x := range snap.Nodes {
		s := a.seen[host.ID(x.ID)]
		node := directory.Seen{ID: x.ID, Live: a.live(s), Leaving: x.State == directory.Removed}
		silent := time.Since(a.since)
		if s != nil {
			silent = time.Since(s.at)
		}
		node.Gone = !node.Live && silent > a.n.cfg.Cluster.Grace
		key := g.Name + " " + x.ID
		orphan := false
		if node.Live {
			for _, h := range s.Holds {
				if h.Group != g.Name {
					continue
				}
				node.Server = h.Server
				node.Opening = h.Server == "" && h.State != "failed"
				node.Ready = h.Applied > 0 && h.Applied+readyLag >= commit && h.Broken == ""
				orphan = h.Server != "" && !slices.ContainsFunc(copies, func(c directory.Copy) bool { return c.Peer == x.ID })
			}
		}
		if !orphan {
			delete(a.orphans, key)
		} else if a.orphans[key].IsZero() {
			a.orphans[key] = time.Now()
		}
		node.Orphan = orphan && time.Since(a.orphans[key]) > orphanFor
		v.Nodes = append(v.Nodes, node)
	}
	return v
}

// begin makes the founder of a group begin it.
func (a *agent) begin(ctx context.Context, group string, founder host.ID) error {
	var h holding
	if err := a.n.ask(ctx, founder, methodOpen, groupOrder{ClusterID: a.n.clusterID(), Group: group, Bootstrap: true}, &h); err != nil {
		return err
	}
	a.held(founder, h)
	a.n.log.Info("a group was begun", "group", group, "node", founder)
	return nil
}

// step carries out one change.
func (a *agent) step(ctx context.Context, c directory.Change, leader host.ID, members []directory.Copy) error {
	o := groupOrder{ClusterID: a.n.clusterID(), Group: c.Group, Peer: c.Peer, Server: c.Server, Members: members, Leader: string(leader)}
	to, name := leader, methodRemove
	switch c.Kind {
	case directory.Add:
		o.Fresh = true
		var h holding
		if err := a.n.ask(ctx, host.ID(c.Peer), methodOpen, o, &h); err != nil {
			return err
		}
		if h.Server == "" {
			return op.Errorf(op.CodeTimeout, "the copy on %s is not open yet", c.Peer)
		}
		a.held(host.ID(c.Peer), h)
		o.Server, name = h.Server, methodAdd
	case directory.Promote:
		o.Voter, name = true, methodAdd
	case directory.StepDown:
		name = methodStepDown
	case directory.Drop:
		to, name = host.ID(c.Peer), methodDrop
	}
	var h holding
	if err := a.n.ask(ctx, to, name, o, &h); err != nil {
		return err
	}
	switch name {
	case methodDrop:
		a.held(to, holding{Group: c.Group})
	case methodAdd, methodRemove:
		a.held(to, h)
	}
	a.n.log.Info("a group was changed", "change", string(c.Kind), "node", c.Peer, "group", c.Group, "why", c.Why)
	return nil
}

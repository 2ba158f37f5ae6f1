package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
	"github.com/weftdb/weft/raftgroup/archive"
	"github.com/weftdb/weft/raftgroup/replica"
)

// held is a group that this node holds a copy of.
type held struct {
	name  string
	group *raftgroup.Group // nil when it did not open
	err   error            // why
	stop  func()           // ends watching it
	going bool             // it is given up; under the node's mu
}

// newID makes the ID of a cluster.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// openHeld opens all groups that the state names. One that does not open does
// not keep the others from it, but for what must not be touched at all.
func (n *Node) openHeld(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(n.st.Groups))
	for i, name := range n.st.Groups {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, errs[i] = n.open(ctx, name, nil)
		}()
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		// What did not open for this reason is well: a node that went on without it
		// would be given new copies.
		return fmt.Errorf("the node was told to stop while it opened its groups: %w", err)
	}
	for i, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, replica.ErrForeign), errors.Is(err, replica.ErrVersion), errors.Is(err, replica.ErrInUse):
			return fmt.Errorf("group %s: %w", n.st.Groups[i], err)
		default:
			n.log.Error("a group does not open; the node goes on without its copy", "group", n.st.Groups[i], "error", err)
		}
	}
	c := n.copy(directory.System)
	if !n.st.Founding || c == nil || c.group == nil {
		return nil
	}
	// A founder that was killed in the middle may have begun the group already;
	// then it is refused, and leads as soon as it has elected itself.
	if err := n.begin(ctx, c.group); err != nil {
		n.log.Warn("the system group was not begun now", "error", err)
	}
	return ctx.Err()
}

// founded notes that the directory of the cluster that this node started is
// written.
func (n *Node) founded() error {
	n.mu.Lock()
	if !n.st.Founding {
		n.mu.Unlock()
		return nil
	}
	n.st.Founding = false
	n.mu.Unlock()
	return n.save()
}

// begin makes a copy that is empty the first of its group.
func (n *Node) begin(ctx context.Context, g *raftgroup.Group) error {
	r := g.Replica()
	if members, err := r.Members(ctx); err != nil || len(members) > 0 {
		return err
	}
	return r.Bootstrap(ctx)
}

// open opens this node's copy of a group and serves it. The members are those
// of the group as far as they are known.
func (n *Node) open(ctx context.Context, name string, members []directory.Copy) (*held, error) {
	rc := n.cfg.replica()
	rc.Group, rc.Dir, rc.Log, rc.Trust = name, groupDir(n.cfg.Node.DataDir, name), n.log, n.trusts
	for _, m := range members {
		rc.Members = append(rc.Members, m.Server)
	}
	cfg := raftgroup.Config{Replica: rc, Host: n.h, Log: n.log, Window: n.cfg.Raft.Window, Gather: n.cfg.Raft.Gather, Clock: n.cfg.Clock}
	if n.cfg.Backup.Archive != "" {
		cfg.Archive = archive.Config{Dir: archiveDir(n.cfg.Backup.Archive, name, n.id), Node: string(n.id), Keep: n.cfg.Backup.ArchiveKeep}
	}
	c := &held{name: name, stop: func() {}}
	c.group, c.err = raftgroup.Open(ctx, n.mux, cfg)
	if c.err == nil {
		changes, stop := c.group.Replica().Changes()
		ended := make(chan struct{})
		c.stop = sync.OnceFunc(func() { stop(); close(ended) })
		n.watch.Add(1)
		go func() { // until the copy is closed
			defer n.watch.Done()
			for {
				select {
				case <-changes:
					n.poke()
					n.agent.poke()
				case <-ended:
					return
				}
			}
		}()
	}
	n.mu.Lock()
	n.copies[name] = c
	n.changed()
	n.mu.Unlock()
	return c, c.err
}

// copy is this node's copy of a group, nil when it holds none.
func (n *Node) copy(name string) *held {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.copies[name]
}

// holdings says how each copy is.
func (n *Node) holdings() []holding {
	n.mu.Lock()
	list := make([]*held, 0, len(n.copies))
	for _, c := range n.copies {
		list = append(list, c)
	}
	n.mu.Unlock()
	out := make([]holding, 0, len(list))
	for _, c := range list {
		out = append(out, c.holding(n.ctx))
	}
	slices.SortFunc(out, func(a, b holding) int { return cmpString(a.Group, b.Group) })
	return out
}

func cmpString(a, b string) int {
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

func (c *held) holding(ctx context.Context) holding {
	if c.group == nil {
		return holding{Group: c.name, State: "failed", Broken: c.err.Error()}
	}
	r := c.group.Replica()
	s := r.Status()
	h := holding{
		Group: c.name, Server: s.Server, State: s.State, Leads: r.IsLeader(), Term: s.Term, Commit: s.Commit, Applied: s.Applied, Broken: s.Broken,
	}
	if h.Leads {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		members, err := copiesOf(ctx, r)
		if err != nil {
			h.Leads = false // it lost the leadership just now
		}
		h.Members = members
	}
	return h
}

// copiesOf are the members of a group as this copy has them.
func copiesOf(ctx context.Context, r *replica.Replica) ([]directory.Copy, error) {
	members, err := r.Members(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]directory.Copy, 0, len(members))
	for _, m := range members {
		out = append(out, directory.Copy{Peer: string(m.Peer), Server: m.Server, Voter: m.Voter})
	}
	slices.SortFunc(out, func(a, b directory.Copy) int { return cmpString(a.Server, b.Server) })
	return out, nil
}

// trusts reports whether a peer belongs to the cluster. Until this node knows who
// does, its copies trust the members that they remember.
func (n *Node) trusts(peer host.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		return false
	}
	x := n.known.node(string(peer))
	return x != nil && x.State != directory.Removed
}

// save writes down what this node is and holds. One at a time, and what is true
// then: of two that were begun in one order and ended in the other, the file would
// lack what the second knew, and a copy that it does not name is not opened again.
func (n *Node) save() error {
	n.saving.Lock()
	defer n.saving.Unlock()
	n.mu.Lock()
	st := n.st
	n.mu.Unlock()
	return st.save(n.cfg.Node.DataDir)
}

// hold makes sure that this node holds a copy of a group. The state has it on
// disk first: a copy that nobody knows of would never be opened again.
func (n *Node) hold(ctx context.Context, name string, members []directory.Copy) (*held, error) {
	if c := n.copy(name); c != nil && c.group != nil {
		return c, nil
	}
	n.mu.Lock()
	n.st.Groups = append(slices.Clone(n.st.Groups), name)
	n.mu.Unlock()
	if err := n.save(); err != nil {
		return nil, err
	}
	c, err := n.open(ctx, name, members)
	n.advertise()
	return c, err
}

// drop gives up a copy. Its files are kept aside until the next one of that
// group is given up.
func (n *Node) drop(name string) error {
	n.mu.Lock()
	c := n.copies[name]
	if c != nil {
		c.going = true // calls go to other nodes from now on
	}
	n.mu.Unlock()
	if c != nil {
		c.stop()
		if c.group != nil {
			if err := c.group.Close(); err != nil {
				n.log.Warn("a copy that is given up did not close in order", "group", name, "error", err)
			}
		}
	}
	n.mu.Lock()
	delete(n.copies, name)
	n.mu.Unlock()
	dir, aside := groupDir(n.cfg.Node.DataDir, name), filepath.Join(n.cfg.Node.DataDir, droppedDir, fileName(name))
	if err := os.MkdirAll(filepath.Dir(aside), 0o700); err != nil {
		return fmt.Errorf("give up the copy of %s: %w", name, err)
	}
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("give up the copy of %s: %w", name, err)
	}
	if err := os.Rename(dir, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("give up the copy of %s: %w", name, err)
	}
	n.mu.Lock()
	n.st.Groups = slices.DeleteFunc(slices.Clone(n.st.Groups), func(g string) bool { return g == name })
	n.changed()
	n.mu.Unlock()
	n.advertise()
	return n.save()
}

// advertise tells the others what this node holds.
func (n *Node) advertise() {
	if !n.up.Load() { // Start does it
		return
	}
	n.mu.Lock()
	groups := slices.Sorted(func(yield func(string) bool) {
		for g := range n.copies {
			if !yield(g) {
				return
			}
		}
	})
	n.mu.Unlock()
	if err := n.disc.Advertise([]string{"node"}, groups); err != nil {
		n.log.Warn("what this node holds cannot be told to the others", "error", err)
	}
	n.poke()
}

// stepDownAll gives up every leadership, at once.
func (n *Node) stepDownAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeWithin/3)
	defer cancel()
	var wg sync.WaitGroup
	n.mu.Lock()
	defer wg.Wait()
	defer n.mu.Unlock()
	for _, c := range n.copies {
		if c.group == nil {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := c.group.Replica()
			if !r.IsLeader() {
				return
			}
			if members, err := r.Members(ctx); err != nil || !slices.ContainsFunc(members, func(m replica.Member) bool { return m.Voter && m.Server != r.Server() }) {
				return // there is nobody to lead in its place
			}
			if err := r.StepDown(ctx); err != nil {
				n.log.Info("the leadership was not handed over", "group", c.name, "error", err)
			}
		}()
	}
}

func (n *Node) closeGroups() error {
	n.mu.Lock()
	list := make([]*held, 0, len(n.copies))
	for _, c := range n.copies {
		list = append(list, c)
	}
	remotes := n.remotes
	n.remotes = nil
	n.mu.Unlock()
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, c := range list {
		c.stop()
		if c.group == nil {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = c.group.Close()
		}()
	}
	wg.Wait()
	for _, r := range remotes {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// group finds a group: this node's copy, or the way to those of others.
func (n *Node) group(name string) (door.Group, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.phase == phaseClosing {
		return nil, op.ErrClosed()
	}
	c := n.copies[name]
	var known *directory.Group
	if n.known != nil {
		known = n.known.group(name)
	}
	if c != nil && c.group != nil && !c.going && (known == nil || n.isMember(c, known)) {
		return c.group, nil
	}
	if known == nil {
		if n.known == nil {
			return nil, op.Errorf(op.CodeTimeout, "this node has not reached its cluster yet, so it does not know the group %q; try again, or ask another node", name)
		}
		return nil, op.Errorf(op.CodeNotFound, "the cluster has no group %q", name)
	}
	if len(known.Copies) == 0 {
		return nil, op.Errorf(op.CodeTimeout, "the group %q has not begun yet; try again", name)
	}
	r := n.remotes[name]
	if r == nil {
		r = door.Open(n.h, door.Options{Group: name, Timeless: true, Log: n.log, Peers: func(context.Context) ([]host.ID, error) { return n.holders(name), nil }})
		n.remotes[name] = r
	}
	return r, nil
}

// isMember reports whether a copy belongs to its group, as far as is known here.
// The caller holds n.mu.
func (n *Node) isMember(c *held, known *directory.Group) bool {
	if leader, _ := c.group.Leader(); leader != "" {
		return true
	}
	if len(known.Copies) == 0 {
		return true
	}
	server := c.group.Replica().Server()
	return slices.ContainsFunc(known.Copies, func(x directory.Copy) bool { return x.Server == server })
}

// holders are the other nodes with a copy of a group, voters first.
func (n *Node) holders(name string) []host.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	var voters, standbys []host.ID
	if n.known == nil {
		return nil
	}
	g := n.known.group(name)
	if g == nil {
		return nil
	}
	for _, c := range g.Copies {
		switch {
		case c.Peer == string(n.id):
		case c.Voter:
			voters = append(voters, host.ID(c.Peer))
		default:
			standbys = append(standbys, host.ID(c.Peer))
		}
	}
	return append(voters, standbys...)
}

// await is group, but waits until the node knows its cluster and the group has
// begun.
func (n *Node) await(ctx context.Context, name string) (door.Group, error) {
	changes, stop := n.changes()
	defer stop()
	for {
		g, err := n.group(name)
		if err == nil || op.CodeOf(err) != op.CodeTimeout {
			return g, err
		}
		select {
		case <-ctx.Done():
			return nil, op.Errorf(op.CodeTimeout, "%w (%w)", err, ctx.Err())
		case <-n.ctx.Done():
			return nil, op.ErrClosed()
		case <-changes:
		}
	}
}

func (n *Node) knows() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known != nil
}

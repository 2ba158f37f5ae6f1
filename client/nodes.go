package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// methodNodes is how a node is asked for all of them.
const methodNodes = "cluster.nodes"

// told is a node, as nodes tell of it.
type told struct {
	ID       string    `json:"id"`
	Addrs    []string  `json:"addrs"` // with /p2p/ID, or without
	State    string    `json:"state"`
	Groups   []string  `json:"groups"`
	LastSeen time.Time `json:"last_seen"`
}

// stateRemoved is of a node that an operator took out of the cluster.
const stateRemoved = "removed"

// node is one that is known.
type node struct {
	id       host.ID
	addrs    []string // without /p2p/; those given by the user first
	given    int      // so many
	groups   []string
	lastSeen time.Time
	boot     bool // given by the user: never forgotten
	pause    time.Duration
	next     time.Time // of an attempt to connect
}

// nodes are those that are known.
type nodes struct {
	mu sync.Mutex
	by map[host.ID]*node
}

const (
	// wanted is to how many nodes a client keeps connections.
	wanted = 3

	firstPause = 200 * time.Millisecond
	lastPause  = 15 * time.Second

	// remembered is for how long the host keeps addresses; they are told again
	// long before.
	remembered = 30 * 24 * time.Hour

	askWithin = 3 * time.Second
)

// boot makes the bootstrap peers known.
func (l *link) boot() error {
	l.nodes.by = map[host.ID]*node{}
	for _, s := range l.c.cfg.BootstrapPeers {
		id, addr, err := host.ParseAddr(s)
		if err != nil {
			return err // Validate has seen it
		}
		n := l.nodes.by[id]
		if n == nil {
			n = &node{id: id, boot: true}
			l.nodes.by[id] = n
		}
		n.addrs = append(n.addrs, addr)
		n.given = len(n.addrs)
	}
	for _, n := range l.nodes.by {
		if err := l.h.Remember(n.id, n.addrs, remembered, false); err != nil {
			return err
		}
	}
	return nil
}

// first connects to a bootstrap peer: to all at once, and the first one counts.
func (l *link) first(ctx context.Context) error {
	if err := l.boot(); err != nil {
		return err
	}
	all := l.nodes.list()
	type outcome struct {
		id  host.ID
		err error
	}
	dial, cancel := context.WithTimeout(ctx, l.c.cfg.DialTimeout)
	defer cancel()
	done := make(chan outcome, len(all))
	for _, n := range all {
		go func() { done <- outcome{n.id, l.h.Connect(dial, n.id)} }()
	}
	var errs []error
	found := host.ID("")
	for range all {
		o := <-done
		switch {
		case o.err == nil && found == "":
			found = o.id
			cancel() // one is enough; the others are waited for
		case o.err != nil:
			errs = append(errs, o.err)
		}
	}
	if found != "" {
		if err := l.learn(ctx, found); err != nil {
			l.c.log.Info("a node does not tell of the others yet", "peer", found, "error", err)
		}
		return nil
	}
	if ctx.Err() != nil {
		errs = append(errs, op.FromContext(ctx.Err()))
	}
	return fmt.Errorf("client: no bootstrap peer can be reached: %w", errors.Join(errs...))
}

// learn asks a node for all of them.
func (l *link) learn(ctx context.Context, from host.ID) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var list []told
	if err := door.Call(ctx, l.h, from, methodNodes, struct{}{}, &list); err != nil {
		return err
	}
	return l.take(list)
}

// maxNodes bounds what a node can make a client remember.
const maxNodes = 4096

// take takes over a list of nodes. Those that are not on it are forgotten.
func (l *link) take(list []told) error {
	if len(list) > maxNodes {
		return op.Errorf(op.CodeInternal, "a node tells of %d nodes, at most %d are believed", len(list), maxNodes)
	}
	seen := map[host.ID]bool{}
	l.nodes.mu.Lock()
	defer l.nodes.mu.Unlock()
	for _, t := range list {
		id := host.ID(t.ID)
		if _, err := id.Raw(); err != nil || id == l.h.ID() || t.State == stateRemoved {
			continue
		}
		var addrs []string
		for _, a := range t.Addrs {
			if p, at, err := host.ParseAddr(a); err == nil {
				if p == id {
					addrs = append(addrs, at)
				}
				continue
			}
			addrs = append(addrs, a)
		}
		seen[id] = true
		n := l.nodes.by[id]
		if n == nil {
			n = &node{id: id}
			l.nodes.by[id] = n
		}
		n.groups, n.lastSeen = t.Groups, t.LastSeen
		n.addrs = slices.Clone(n.addrs[:n.given]) // where it was before it is no more
		for _, a := range addrs {
			if l.h.Remember(id, []string{a}, remembered, false) == nil && !slices.Contains(n.addrs, a) {
				n.addrs = append(n.addrs, a)
			}
		}
	}
	for id, n := range l.nodes.by {
		if !n.boot && !seen[id] {
			delete(l.nodes.by, id)
		}
	}
	return nil
}

// list are all known nodes, in no order.
func (n *nodes) list() []node {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]node, 0, len(n.by))
	for _, x := range n.by {
		out = append(out, *x)
	}
	return out
}

// peers are the nodes to ask for the group: those that hold a copy and are
// connected first, then other holders, then the rest.
func (l *link) peers(context.Context) ([]host.ID, error) {
	group := l.c.cfg.group()
	type ranked struct {
		id   host.ID
		rank int
	}
	var list []ranked
	for _, n := range l.nodes.list() {
		r := ranked{id: n.id, rank: rand.IntN(8)} // spread the reads of many clients
		if !slices.Contains(n.groups, group) {
			r.rank += 200
		}
		if !l.h.Connected(n.id) {
			r.rank += 100
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b ranked) int { return a.rank - b.rank })
	out := make([]host.ID, len(list))
	for i := range list {
		out[i] = list[i].id
	}
	return out, nil
}

// connected are the nodes that there are connections to.
func (l *link) connected() []host.ID {
	var out []host.ID
	for _, n := range l.nodes.list() {
		if l.h.Connected(n.id) {
			out = append(out, n.id)
		}
	}
	return out
}

// keep keeps connections to some nodes, and the list of nodes up to date.
func (l *link) keep(ctx context.Context) {
	defer l.wg.Done()
	watch := l.h.Watch()
	defer watch.Stop()
	refresh := time.NewTicker(l.c.cfg.Refresh)
	defer refresh.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-watch.C:
			if !ok {
				return
			}
			if e.Connected {
				continue
			}
			l.c.log.Debug("a connection ended", "peer", e.Peer)
		case <-refresh.C:
			l.refresh(ctx)
		case <-again.C:
		}
		again.Reset(l.seek(ctx))
	}
}

// refresh asks one connected node after the other, until one tells.
func (l *link) refresh(ctx context.Context) {
	for _, id := range l.connected() {
		err := l.learn(ctx, id)
		if err == nil || ctx.Err() != nil {
			return
		}
		l.c.log.Debug("a node does not tell of the others", "peer", id, "error", err)
	}
}

// seek connects to nodes while there are too few connections, and says when to
// look again.
func (l *link) seek(ctx context.Context) time.Duration {
	have := l.connected()
	all := l.nodes.list()
	rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	slices.SortStableFunc(all, func(a, b node) int { return a.next.Compare(b.next) })
	wait := lastPause
	alone := len(have) == 0
	for _, n := range all {
		if len(have) >= min(wanted, len(all)) || ctx.Err() != nil {
			break
		}
		if slices.Contains(have, n.id) {
			continue
		}
		if left := time.Until(n.next); left > 0 {
			wait = min(wait, left)
			continue
		}
		dial, cancel := context.WithTimeout(ctx, l.c.cfg.DialTimeout)
		err := l.h.Connect(dial, n.id, n.addrs...)
		cancel()
		l.nodes.tried(n.id, err == nil)
		if err == nil {
			have = append(have, n.id)
			continue
		}
		l.c.log.Debug("a node is not reached", "peer", n.id, "error", err)
		wait = min(wait, firstPause)
	}
	if alone && len(have) > 0 {
		l.refresh(ctx)
	}
	return wait
}

// tried notes how an attempt to connect went.
func (n *nodes) tried(id host.ID, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	x := n.by[id]
	if x == nil {
		return
	}
	if ok {
		x.pause, x.next = 0, time.Time{}
		return
	}
	x.pause = min(max(2*x.pause, firstPause), lastPause)
	x.next = time.Now().Add(x.pause/2 + rand.N(x.pause))
}

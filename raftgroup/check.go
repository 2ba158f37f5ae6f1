package raftgroup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// checkEvery is how often a follower compares its chain with the leader's.
const checkEvery = 3 * time.Second

// maxLinks is how many states are remembered for the comparison. A follower that
// is further behind compares later.
const maxLinks = 1 << 14

// chain remembers what the chain was at each of the last entries.
type chain struct {
	mu    sync.Mutex
	first int64 // sequence of the oldest
	links [][sha256.Size]byte
	from  int // place of the oldest in links, once they go round
}

// add remembers a state.
func (c *chain) add(st *state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := int64(len(c.links)); n == 0 || st.sequence != c.first+n {
		c.first, c.links, c.from = st.sequence, c.links[:0], 0
	}
	if len(c.links) < maxLinks {
		c.links = append(c.links, st.chain)
		return
	}
	c.links[c.from] = st.chain
	c.from = (c.from + 1) % maxLinks
	c.first++
}

// forget drops all: they are of a copy that is no more.
func (c *chain) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.first, c.links, c.from = 0, nil, 0
}

// at is the chain after an entry, if it is remembered.
func (c *chain) at(seq int64) (link [sha256.Size]byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := seq - c.first
	if i < 0 || i >= int64(len(c.links)) {
		return link, false
	}
	return c.links[(int(i)+c.from)%len(c.links)], true
}

// last is the newest sequence that is remembered.
func (c *chain) last() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first + int64(len(c.links)) - 1
}

// check compares this copy with the leader's from time to time. One that differs
// is stopped and rebuilt.
func (g *Group) check() {
	defer g.wg.Done()
	t := time.NewTicker(checkEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-g.ctx.Done():
			return
		}
		if g.rep.IsLeader() || g.closing() {
			continue
		}
		ctx, cancel := context.WithTimeout(g.ctx, checkEvery)
		err := g.compare(ctx)
		cancel()
		var d *differs
		switch {
		case errors.As(err, &d):
			g.broke(err)
		case err != nil && g.ctx.Err() == nil:
			g.log.Debug("the chain could not be compared with the leader's", "error", err)
		}
	}
}

// differs says that this copy is not what the leader's is.
type differs struct {
	seq          int64
	mine, theirs string
}

func (d *differs) Error() string {
	return fmt.Sprintf("raftgroup: this copy differs from the leader's after entry %d (chain %.16s…, the leader's %.16s…)", d.seq, d.mine, d.theirs)
}

// compare asks the leader where it stands and compares when this copy stands
// there too.
func (g *Group) compare(ctx context.Context) error {
	info, err := g.remote.Info(ctx)
	if err != nil || info.State != "leader" {
		return err
	}
	for g.links.last() < info.Sequence {
		if err := g.nap(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	link, ok := g.links.at(info.Sequence)
	if !ok {
		return nil // passed long ago: another time
	}
	if mine := hex.EncodeToString(link[:]); mine != info.Chain {
		return &differs{info.Sequence, mine, info.Chain}
	}
	return nil
}

// nap waits a little.
func (g *Group) nap(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-g.ctx.Done():
		return op.ErrClosed()
	}
}

// Info is how the group is, seen from this node.
func (g *Group) Info(ctx context.Context) (door.Info, error) {
	if err := g.enter(ctx); err != nil {
		return door.Info{}, err
	}
	defer g.leave()
	s := g.rep.Status()
	i := door.Info{
		Group: g.cfg.Replica.Group, Server: s.Server, State: s.State, Leader: string(s.Leader), Term: s.Term, Commit: s.Commit, Applied: s.Applied,
		DBSize: s.DBSize, WALSize: s.WALSize, LogSize: s.LogSize, Broken: s.Broken, Problem: s.Problem, Read: g.cfg.Clock().UTC(),
	}
	if s.Broken != "" {
		return i, nil
	}
	if st, err := g.state(ctx); err == nil {
		i.Sequence, i.Chain = st.sequence, hex.EncodeToString(st.chain[:])
	} else if !errors.Is(err, errNoState) {
		return i, err
	}
	members, err := g.rep.Members(ctx)
	if err != nil {
		return i, g.replicaError(err)
	}
	lags := g.rep.Lags(ctx)
	for _, m := range members {
		lag, told := lags[m.Server]
		if !told {
			lag = -1
		}
		i.Members = append(i.Members, door.Member{Server: m.Server, Peer: string(m.Peer), Voter: m.Voter, Leader: m.Leader, Lag: lag})
	}
	return i, nil
}

// state is where this copy stands.
func (g *Group) state(ctx context.Context) (st state, err error) {
	err = g.view(ctx, func(v *viewer) error {
		st, err = readState(ctx, v.Conn)
		return err
	})
	return st, err
}

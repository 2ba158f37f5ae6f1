package discovery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/weftdb/weft/p2p/host"
)

// dialer runs what reaches out to peers: at most MaxConnections dials at once,
// at most one per peer, and as many exchanges over connections that exist.
type dialer struct {
	d    *Discovery
	ctx  context.Context // of the discovery; ended by its Close
	wg   sync.WaitGroup
	mu   sync.Mutex
	busy map[peer.ID]bool
	open int // dials under way
	// ended is set by wait: whatever began before has been counted.
	ended bool
}

func newDialer(ctx context.Context, d *Discovery) *dialer {
	return &dialer{d: d, ctx: ctx, busy: map[peer.ID]bool{}}
}

// wait lets nothing begin any more and waits for what did; the context has
// ended.
func (r *dialer) wait() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.wg.Wait()
}

// room is how many dials may begin now.
func (r *dialer) room() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.d.cfg.MaxConnections - r.open
}

// begin runs work for a peer in a goroutine, unless one does already or there
// is no room. done, when given, is called with its outcome.
func (r *dialer) begin(p peer.ID, dial bool, work func(ctx context.Context) error, done func(error)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[p] || r.ended || r.ctx.Err() != nil || dial && r.open >= r.d.cfg.MaxConnections || len(r.busy) >= 4*r.d.cfg.MaxConnections {
		return false
	}
	r.busy[p] = true
	if dial {
		r.open++
	}
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		err := work(r.ctx)
		if done != nil && r.ctx.Err() == nil {
			done(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.busy, p)
		if dial {
			r.open--
		}
	}()
	return true
}

// reach connects to a peer and exchanges with it.
func (d *Discovery) reach(ctx context.Context, p peer.ID, addrs []string) error {
	d.n.dials.Add(1)
	ctx, cancel := context.WithTimeout(ctx, d.cfg.DialTimeout)
	defer cancel()
	err := d.h.Connect(ctx, host.FromRaw(p), addrs...)
	if err == nil {
		err = d.exchange(ctx, p)
	}
	if err != nil && !errors.Is(err, errOtherCluster) {
		d.n.failed.Add(1)
	}
	return err
}

// dial begins to reach a member.
func (d *Discovery) dial(t target) bool {
	return d.dials.begin(t.id, true, func(ctx context.Context) error { return d.reach(ctx, t.id, t.addrs) }, func(err error) {
		if err == nil {
			return
		}
		d.log.Debug("member not reached", "peer", t.id, "error", err)
		d.table.failed(t.id, time.Now())
		d.changed()
	})
}

// found takes a peer that the DHT or the local network named. Whether it is a
// member, the exchange will say.
func (d *Discovery) found(info peer.AddrInfo) {
	if info.ID == d.self || d.table.isMember(info.ID, time.Now()) {
		return
	}
	var addrs []string
	for _, a := range info.Addrs[:min(len(info.Addrs), maxAddrs)] {
		addrs = append(addrs, a.String())
	}
	d.dials.begin(info.ID, true, func(ctx context.Context) error { return d.reach(ctx, info.ID, addrs) }, func(err error) {
		if err != nil {
			d.log.Debug("a node that was found is not reached", "peer", info.ID, "error", err)
			return
		}
		d.poke()
	})
}

// seek dials those that are missing: bootstrap peers, members up to the degree,
// and one that is lost.
func (d *Discovery) seek(now time.Time) {
	for _, s := range d.seeds {
		d.seed(s, now)
	}
	_, _, linked := d.table.count(now)
	if lack := min(d.cfg.Degree-linked, d.dials.room()); lack > 0 {
		for _, t := range d.table.choose(lack, func(e *entry) bool { return e.live && !e.linked && !now.Before(e.next) }) {
			d.dial(t)
		}
	}
	if d.dials.room() > 0 {
		for _, t := range d.table.choose(1, func(e *entry) bool { return !e.live && !now.Before(e.next) }) {
			d.dial(t)
		}
	}
}

// seed dials a bootstrap peer that is not a member yet, or no more.
func (d *Discovery) seed(s *seed, now time.Time) {
	d.mu.Lock()
	due := !now.Before(s.next)
	d.mu.Unlock()
	if !due || d.table.isMember(s.id, now) {
		return
	}
	d.dials.begin(s.id, true, func(ctx context.Context) error { return d.reach(ctx, s.id, []string{s.addr}) }, func(err error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case err == nil:
			if s.failures > 0 {
				d.log.Info("bootstrap peer reached", "peer", s.id, "attempts", s.failures+1)
			}
			s.failures, s.next = 0, time.Time{}
			d.poke()
			return
		case errors.Is(err, errOtherCluster):
			if !s.foreign {
				d.log.Warn("a bootstrap peer belongs to another cluster; set cluster.name to its name, or remove it", "peer", s.id, "error", err)
			}
			s.foreign = true
		case s.failures == 0:
			d.log.Warn("bootstrap peer not reached; it is tried again", "peer", s.id, "error", err)
		}
		s.failures++
		s.next = time.Now().Add(backoff(d.cfg.Retry, s.failures, mostSearch))
	})
}

// probe looks at one member that is not connected. So a part of the cluster
// that was cut off is found again, and one that died is noticed.
func (d *Discovery) probe(now time.Time) {
	for _, t := range d.table.choose(1, func(e *entry) bool { return e.live && !e.linked && !now.Before(e.next) }) {
		d.dial(t)
	}
}

// talk exchanges with two connected members.
func (d *Discovery) talk() {
	for _, t := range d.table.choose(2, func(e *entry) bool { return e.linked }) {
		d.dials.begin(t.id, false, func(ctx context.Context) error { return d.exchange(ctx, t.id) }, func(err error) {
			if err != nil {
				d.log.Debug("exchange failed", "peer", t.id, "error", err)
			}
		})
	}
}

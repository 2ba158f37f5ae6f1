package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/weftdb/weft/p2p/host"
)

// Discovery finds the nodes of a cluster and keeps the list of them. Its
// methods are safe for concurrent use.
type Discovery struct {
	h     *host.Host
	cfg   Config
	log   *slog.Logger
	self  peer.ID
	table *table
	dials *dialer
	seeds []*seed
	dht   *rendezvous // nil without
	lan   *lan        // nil without
	watch *host.Watch

	mu       sync.Mutex
	record   rec    // of this node
	sealed   []byte // the same, signed
	services []string
	groups   []string
	readers  map[chan struct{}]bool
	told     uint64 // version of the table that readers were woken for
	ended    bool

	wake   chan struct{}
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
	n      counts
}

// seed is a bootstrap peer.
type seed struct {
	id       peer.ID
	addr     string
	failures int
	next     time.Time
	foreign  bool // of another cluster, which was said already
}

// New begins to find the nodes of a cluster. The host must stay open until
// Close. A nil logger discards.
func New(h *host.Host, cfg Config, log *slog.Logger) (*Discovery, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	self, err := h.ID().Raw()
	if err != nil {
		return nil, err
	}
	d := &Discovery{
		h: h, cfg: cfg, log: log, self: self, table: newTable(cfg.Cluster, self, cfg.Interval, cfg.Retry),
		readers: map[chan struct{}]bool{}, wake: make(chan struct{}, 1),
	}
	for _, s := range cfg.Bootstrap {
		id, addr, err := host.ParseAddr(s)
		if err != nil {
			return nil, err
		}
		if p, err := id.Raw(); err == nil && p != self {
			d.seeds = append(d.seeds, &seed{id: p, addr: addr})
		}
	}
	if err := d.sign(); err != nil {
		return nil, err
	}
	if err := d.load(); err != nil {
		// Not worth a node that does not start: the others are found again.
		log.Warn("the list of known nodes cannot be used; it is made anew", "file", cfg.File, "error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.dials = newDialer(ctx, d)
	if cfg.DHT {
		if d.dht, err = newRendezvous(ctx, d); err != nil {
			cancel()
			return nil, err
		}
	}
	if cfg.MDNS {
		if d.lan, err = newLAN(d); err != nil {
			cancel()
			return nil, errors.Join(err, d.dht.close())
		}
	}
	h.Handle(protocolName, exchangeLimits(cfg), d.serve)
	d.watch = h.Watch()
	d.wg.Add(2)
	go d.follow()
	go d.run(ctx)
	return d, nil
}

// Close stops asking and answering, waits for what it began and writes the list
// of known nodes. It tells nobody: others notice as with a node that died. The
// host stays open; answers under way end with their streams. Further calls
// return what the first did.
func (d *Discovery) Close() error {
	d.once.Do(func() {
		d.h.Unhandle(protocolName)
		d.cancel()
		d.watch.Stop()
		d.err = errors.Join(d.lan.close(), d.dht.close())
		d.wg.Wait()
		d.dials.wait()
		d.err = errors.Join(d.err, d.save())
		d.mu.Lock()
		d.ended = true
		for c := range d.readers {
			close(c)
		}
		clear(d.readers)
		d.mu.Unlock()
	})
	return d.err
}

// sign makes the record of this node anew.
func (d *Discovery) sign() error {
	key := d.h.LibP2P().Peerstore().PrivKey(d.self)
	addrs := own(d.h.Addrs(), d.h.ID())
	d.mu.Lock()
	defer d.mu.Unlock()
	r := rec{
		cluster: d.cfg.Cluster, id: d.self, addrs: addrs, services: d.services, groups: d.groups,
		// Above what it was, and above what others have of an earlier run even
		// if the clock was set back since.
		seq: max(uint64(time.Now().UnixMicro()), d.record.seq+1, d.table.newest()+1),
	}
	sealed, err := r.seal(key)
	if err != nil {
		return err
	}
	d.record, d.sealed = r, sealed
	return nil
}

// mine is the signed record of this node. It is made anew when others turn out
// to have a newer one, of an earlier run.
func (d *Discovery) mine() ([]byte, uint64) {
	d.mu.Lock()
	stale := d.record.seq < d.table.newest()
	sealed, seq := d.sealed, d.record.seq
	d.mu.Unlock()
	if stale {
		if err := d.sign(); err != nil {
			d.log.Error("this node's record cannot be signed", "error", err)
		} else {
			d.mu.Lock()
			sealed, seq = d.sealed, d.record.seq
			d.mu.Unlock()
		}
	}
	return sealed, seq
}

func (t *table) newest() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.behind
}

// Advertise says what services and groups this node holds, in place of what it
// said before. Others know within a few intervals, connected ones at once.
func (d *Discovery) Advertise(services, groups []string) error {
	services, groups = slices.Clone(services), slices.Clone(groups)
	slices.Sort(services)
	slices.Sort(groups)
	probe := rec{cluster: d.cfg.Cluster, id: d.self, services: slices.Compact(services), groups: slices.Compact(groups)}
	if err := probe.check(); err != nil {
		return fmt.Errorf("advertise: %w", err)
	}
	d.mu.Lock()
	before, beforeGroups := d.services, d.groups
	d.services, d.groups = probe.services, probe.groups
	d.mu.Unlock()
	if err := d.sign(); err != nil {
		d.mu.Lock()
		d.services, d.groups = before, beforeGroups
		d.mu.Unlock()
		return fmt.Errorf("advertise: %w", err)
	}
	d.poke()
	return nil
}

// Members are the live nodes of the cluster without this one, sorted by ID.
func (d *Discovery) Members() []Member { return d.table.list(time.Now(), false) }

// Known are the members and those that are lost and still tried, sorted by ID.
func (d *Discovery) Known() []Member { return d.table.list(time.Now(), true) }

// Holders are the live nodes that advertise a group.
func (d *Discovery) Holders(group string) []Member {
	return slices.DeleteFunc(d.Members(), func(m Member) bool { return !slices.Contains(m.Groups, group) })
}

// Providers are the live nodes that advertise a service.
func (d *Discovery) Providers(service string) []Member {
	return slices.DeleteFunc(d.Members(), func(m Member) bool { return !slices.Contains(m.Services, service) })
}

// Changes returns a channel that receives after the list of members, or what
// they hold, has changed; several changes may come as one. stop ends it. It is
// closed by stop and by Close.
func (d *Discovery) Changes() (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		close(c)
		return c, func() {}
	}
	d.readers[c] = true
	return c, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.readers[c] {
			delete(d.readers, c)
			close(c)
		}
	}
}

// changed wakes the readers when the table has changed since they were woken.
func (d *Discovery) changed() {
	d.table.mu.Lock()
	version := d.table.version
	d.table.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if version == d.told {
		return
	}
	d.told = version
	for c := range d.readers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// poke makes the loop run now.
func (d *Discovery) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// follow notes connections that come and go. It ends with the watch.
func (d *Discovery) follow() {
	defer d.wg.Done()
	for e := range d.watch.C {
		p, err := e.Peer.Raw()
		if err != nil {
			continue
		}
		d.table.link(p, d.linked(p), time.Now())
		d.changed()
		if !e.Connected {
			d.poke()
		}
	}
}

// run is the loop.
func (d *Discovery) run(ctx context.Context) {
	defer d.wg.Done()
	var settled int // ticks since the list changed
	var version uint64
	var probed, saved time.Time
	signed := time.Now() // by New
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			due = true
		case <-d.wake:
		}
		now := time.Now()
		if d.watch.Missed() > 0 {
			d.relink(now)
		}
		d.table.sweep(now)
		d.changed()
		if now.Sub(signed) >= renewal*d.cfg.Interval || d.moved() {
			if err := d.sign(); err != nil {
				d.log.Error("this node's record cannot be signed", "error", err)
			}
			signed = now
		}
		if now.Sub(probed) >= d.cfg.Interval {
			d.probe(now)
			probed = now
		}
		d.seek(now)
		if !due { // woken for what seek does
			continue
		}
		d.talk()
		d.table.mu.Lock()
		v := d.table.version
		d.table.mu.Unlock()
		if settled++; v != version {
			version, settled = v, 0
		}
		if version > 0 && now.Sub(saved) >= d.cfg.Interval && settled == 3 {
			saved = now
			if err := d.save(); err != nil {
				d.log.Warn("the list of known nodes cannot be written", "file", d.cfg.File, "error", err)
			}
		}
		timer.Reset(d.pause(settled, now))
	}
}

// pause is how long the loop rests: a tenth of the interval while things
// change or the node is alone, else the interval; both vary by a fifth.
func (d *Discovery) pause(settled int, now time.Time) time.Duration {
	p := d.cfg.Interval
	if settled < 10 || d.seeking(now) {
		p /= 10
	}
	return p*4/5 + rand.N(p*2/5+1)
}

// seeking reports whether this node is alone and should not be.
func (d *Discovery) seeking(now time.Time) bool {
	live, lost, _ := d.table.count(now)
	return live == 0 && (len(d.seeds) > 0 || lost > 0)
}

// moved reports whether the addresses of this host have changed.
func (d *Discovery) moved() bool {
	addrs := own(d.h.Addrs(), d.h.ID())
	d.mu.Lock()
	defer d.mu.Unlock()
	return !slices.Equal(addrs, d.record.addrs)
}

// relink looks at each connection, because events were missed.
func (d *Discovery) relink(now time.Time) {
	for _, t := range d.table.choose(maxMembers, func(*entry) bool { return true }) {
		up := d.linked(t.id)
		d.table.mu.Lock()
		if e := d.table.all[t.id]; e != nil && e.linked != up {
			e.linked = up
			d.table.look(e, now)
		}
		d.table.mu.Unlock()
	}
}

// Counters are numbers of a discovery since it was made, but for those said to
// be of now.
type Counters struct {
	Members     int // of now, live ones, without this node
	Lost        int // of now
	Connected   int // of now, members
	Dials       uint64
	DialsFailed uint64
	Exchanges   uint64 // asked
	Served      uint64 // answered
	Records     uint64 // that were news
	Rejected    uint64 // records that could not be true
	Rendezvous  uint64 // nodes found through the DHT
	LAN         uint64 // nodes found by mDNS
}

type counts struct {
	dials, failed, exchanges, served, records, rejected, rendezvous, lan atomic.Uint64
}

// Counters reads all numbers; they are not of one instant.
func (d *Discovery) Counters() Counters {
	live, lost, linked := d.table.count(time.Now())
	return Counters{
		Members: live, Lost: lost, Connected: linked,
		Dials: d.n.dials.Load(), DialsFailed: d.n.failed.Load(), Exchanges: d.n.exchanges.Load(), Served: d.n.served.Load(),
		Records: d.n.records.Load(), Rejected: d.n.rejected.Load(), Rendezvous: d.n.rendezvous.Load(), LAN: d.n.lan.Load(),
	}
}

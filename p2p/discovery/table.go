package discovery

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/weftdb/weft/p2p/host"
)

// Member is one node of the cluster as this node knows it.
type Member struct {
	ID       host.ID
	Addrs    []string // without /p2p/
	Services []string
	Groups   []string
	// Connected: there is a connection to it.
	Connected bool
	// Live: it is connected, or was heard of within twelve intervals and not found
	// unreachable since.
	Live bool
	// LastSeen is when it, or news of it, last arrived; zero for one that is
	// known from the last run only.
	LastSeen time.Time
}

// entry is what the table has of a peer. It is there for a member, and for one
// that is lost until it is forgotten.
type entry struct {
	rec      *rec
	sealed   []byte
	key      uint64
	seen     time.Time // news or contact
	added    time.Time
	failures int
	next     time.Time // no attempt before
	linked   bool      // there is a connection
	live     bool      // as of the last look, to notice changes
}

// table holds the members. It knows no network and no clock, so that its rules
// can be tested alone.
type table struct {
	mu      sync.Mutex
	cluster string
	self    peer.ID
	expire  time.Duration
	retry   time.Duration
	all     map[peer.ID]*entry
	byKey   map[uint64]*entry
	version uint64 // grows when members come, go, move or hold something else
	behind  uint64 // a record of this node that others have and that is newer
}

func newTable(cluster string, self peer.ID, interval, retry time.Duration) *table {
	return &table{
		cluster: cluster, self: self, expire: expiry * interval, retry: retry,
		all: map[peer.ID]*entry{}, byKey: map[uint64]*entry{},
	}
}

func (t *table) isLive(e *entry, now time.Time) bool {
	if e.linked {
		return true
	}
	return e.failures < lostAfter && !e.seen.IsZero() && now.Sub(e.seen) < t.expire
}

// look notices what changed in an entry; the caller holds mu.
func (t *table) look(e *entry, now time.Time) {
	if live := t.isLive(e, now); live != e.live {
		e.live = live
		t.version++
	}
}

// offer takes a sealed record. It reports whether it was news. An error means
// that whoever sent it is at fault.
func (t *table) offer(sealed []byte, now time.Time, remembered bool) (*rec, bool, error) {
	r, err := peek(sealed)
	if err != nil {
		return nil, false, err
	}
	if r.cluster != t.cluster {
		// A honest peer of this cluster does not pass such a record on.
		return nil, false, malformed("a record of cluster %q", r.cluster)
	}
	if !t.wanted(r) {
		return r, false, nil
	}
	if r, err = unseal(sealed); err != nil {
		return nil, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.id == t.self {
		t.behind = max(t.behind, r.seq)
		return r, false, nil
	}
	e := t.all[r.id]
	switch {
	case e == nil:
		if len(t.all) >= maxMembers-1 && !t.evict(now) {
			return r, false, nil
		}
		e = &entry{key: keyOf(r.id), added: now}
		t.all[r.id], t.byKey[e.key] = e, e
	case r.seq <= e.rec.seq:
		return r, false, nil
	}
	if e.rec == nil || !slices.Equal(e.rec.addrs, r.addrs) {
		e.failures, e.next = 0, time.Time{}
		t.version++
	} else if !slices.Equal(e.rec.services, r.services) || !slices.Equal(e.rec.groups, r.groups) {
		t.version++
	}
	e.rec, e.sealed = r, slices.Clone(sealed)
	if !remembered {
		e.seen = now
		if !t.isLive(e, now) { // it speaks again
			e.failures, e.next = 0, time.Time{}
		}
	}
	t.look(e, now)
	return r, true, nil
}

// wanted reports whether a record would be news.
func (t *table) wanted(r *rec) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.id == t.self {
		return r.seq > t.behind
	}
	e := t.all[r.id]
	return e == nil || r.seq > e.rec.seq
}

// evict makes room by forgetting the lost one that was silent for longest. The
// caller holds mu.
func (t *table) evict(now time.Time) bool {
	var worst peer.ID
	for p, e := range t.all {
		if !t.isLive(e, now) && (worst == "" || e.seen.Before(t.all[worst].seen)) {
			worst = p
		}
	}
	if worst == "" {
		return false
	}
	t.drop(worst)
	return true
}

func (t *table) drop(p peer.ID) {
	if e := t.all[p]; e != nil {
		delete(t.byKey, e.key)
		delete(t.all, p)
	}
}

// link notes that the connection to a peer came or went.
func (t *table) link(p peer.ID, up bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.all[p]
	if e == nil {
		return
	}
	if up {
		e.failures = 0
	}
	if up || e.linked { // until now it was there
		e.seen = now
	}
	e.linked = up
	e.next = time.Time{}
	t.look(e, now)
}

// contact notes that a peer answered.
func (t *table) contact(p peer.ID, up bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.all[p]; e != nil {
		e.linked, e.seen, e.failures, e.next = up, now, 0, time.Time{}
		t.look(e, now)
	}
}

// failed notes that a peer could not be reached.
func (t *table) failed(p peer.ID, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.all[p]; e != nil {
		e.failures++
		e.next = now.Add(backoff(t.retry, e.failures, mostRetry))
		t.look(e, now)
	}
}

// backoff is the pause after the n-th failure: it doubles up to a limit, and
// varies by half so that nodes do not try in step.
func backoff(first time.Duration, n int, most time.Duration) time.Duration {
	d := most
	if n < 20 {
		d = min(most, first<<(n-1))
	}
	return d/2 + rand.N(d+1)
}

// sweep forgets those gone for long and notices those that fell silent.
func (t *table) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, e := range t.all {
		t.look(e, now)
		since := e.seen
		if since.IsZero() {
			since = e.added
		}
		if !e.live && now.Sub(since) > forget {
			t.drop(p)
		}
	}
}

// digest says what this node has, its own record included, for others to send
// what it lacks.
func (t *table) digest(seq uint64) []digest {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []digest{{keyOf(t.self), seq}}
	for _, e := range t.all {
		out = append(out, digest{e.key, e.rec.seq})
	}
	return out
}

// answer compares a digest with the table: the records that its sender lacks,
// and the keys of those that this node lacks. The sender's own record comes by
// itself.
func (t *table) answer(theirs []digest, now time.Time) (give [][]byte, want []uint64) {
	has := make(map[uint64]uint64, len(theirs))
	for _, g := range theirs {
		has[g.key] = g.seq
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := keyOf(t.self)
	size := 0
	for _, e := range t.all {
		if seq, ok := has[e.key]; (!ok || seq < e.rec.seq) && t.isLive(e, now) {
			give, size = append(give, e.sealed), size+len(e.sealed)
			if len(give) >= maxBatch-1 || size > batchBytes {
				break // the rest comes with a later exchange
			}
		}
	}
	for key, seq := range has {
		e := t.byKey[key]
		switch {
		case key == mine:
			t.behind = max(t.behind, seq)
		case e == nil || e.rec.seq < seq:
			want = append(want, key)
		}
	}
	return give, want[:min(len(want), maxMembers)]
}

// named are the sealed records of peers by their keys.
func (t *table) named(keys []uint64) [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out [][]byte
	size := 0
	for _, k := range keys {
		if e := t.byKey[k]; e != nil && len(out) < maxBatch && size < batchBytes {
			out, size = append(out, e.sealed), size+len(e.sealed)
		}
	}
	return out
}

// live are the sealed records worth keeping over a restart.
func (t *table) live(now time.Time) [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out [][]byte
	size := 0
	for _, e := range t.all {
		if t.isLive(e, now) && len(out) < maxBatch && size < batchBytes {
			out, size = append(out, e.sealed), size+len(e.sealed)
		}
	}
	return out
}

// target is a peer to dial.
type target struct {
	id    peer.ID
	addrs []string
}

// choose picks peers that fit, in random order.
func (t *table) choose(n int, fits func(e *entry) bool) []target {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []target
	for p, e := range t.all {
		if fits(e) {
			out = append(out, target{p, e.rec.addrs})
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:max(0, min(n, len(out)))]
}

// count is how many members are live, lost and connected.
func (t *table) count(now time.Time) (live, lost, linked int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.all {
		if t.isLive(e, now) {
			live++
		} else {
			lost++
		}
		if e.linked {
			linked++
		}
	}
	return live, lost, linked
}

// rank is the place of this node among the live ones, in an order that all
// agree on.
func (t *table) rank(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, mine := 0, keyOf(t.self)
	for _, e := range t.all {
		if e.key < mine && t.isLive(e, now) {
			n++
		}
	}
	return n
}

func (t *table) isMember(p peer.ID, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.all[p]
	return e != nil && t.isLive(e, now)
}

// list copies members, sorted by ID.
func (t *table) list(now time.Time, all bool) []Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Member
	for p, e := range t.all {
		if live := t.isLive(e, now); live || all {
			out = append(out, Member{
				ID: host.FromRaw(p), Addrs: slices.Clone(e.rec.addrs), Services: slices.Clone(e.rec.services), Groups: slices.Clone(e.rec.groups),
				Connected: e.linked, Live: live, LastSeen: e.seen,
			})
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

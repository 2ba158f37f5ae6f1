// Package replica is one node's copy of a group: an rqlite store with its log,
// snapshots and members, over the streams of the node's host. It knows nothing
// of operations: an entry is bytes, applied by SELECT weft_apply(entry).
//
// weft_apply runs on the connection that rqlite has open on [Replica.Path], with
// foreign keys on, once for each entry after the last snapshot whenever the copy
// is opened. It runs on the goroutine on which raft applies: as long as it does,
// the copy applies nothing else. It may call [Replica.Break], and must then
// refuse what follows.
package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/weftdb/weft/p2p/host"
)

var (
	// ErrNotLeader says that this node does not lead the group. Nothing happened.
	// When nobody is known to lead, the error is ErrNoQuorum, too.
	ErrNotLeader = errors.New("replica: not the leader")
	// ErrUnknown says that leadership was lost, or the node closed, after the
	// entry was handed in: it may or may not be applied, now or later.
	ErrUnknown = errors.New("replica: the outcome is not known")
	// ErrNoQuorum says that the group has no leader that reaches a majority.
	// Nothing happened.
	ErrNoQuorum = errors.New("replica: no majority of the voters can be reached")
	// ErrBroken says that this copy was found to be damaged or to differ from
	// the others, and is being rebuilt. It serves nothing.
	ErrBroken = errors.New("replica: this copy is broken")
	// ErrClosed says that the copy is closed. Nothing happened.
	ErrClosed = errors.New("replica: closed")
	// ErrForeign says that a directory belongs to another node or group.
	ErrForeign = errors.New("replica: the directory is not this copy's")
	// ErrVersion says that a directory was written by a newer version.
	ErrVersion = errors.New("replica: the directory is of a newer version")
	// ErrDamaged says that a copy is damaged and that no other is known from
	// which it could be rebuilt. Nothing was changed.
	ErrDamaged = errors.New("replica: the only copy is damaged")
	// ErrInUse says that another process, or another replica of this one, has the
	// directory open.
	ErrInUse = errors.New("replica: the directory is in use")
)

// Config says what a replica is. Start from Default; a number that is 0 takes
// its value of there.
type Config struct {
	Group string // name of the group, at most 255 bytes; streams begin with it
	Dir   string // its own directory; made when missing
	Log   *slog.Logger

	// Members are the copies of the group, by name, that a new copy of it is to
	// join, when they are known: should its log be damaged before it learnt its
	// members, it asks these. One that is there already remembers its own.
	Members []string

	// Trust says whether a peer that is not a member may speak to this copy, as a
	// leader does that adds it, or that was added while this copy was away. nil
	// trusts every peer that the host lets in.
	Trust func(host.ID) bool

	Heartbeat    time.Duration // raft's heartbeat and election timeouts
	Lease        time.Duration // of the leader; at most Heartbeat
	ApplyTimeout time.Duration // for an entry to be taken up
	SnapshotWAL  int64         // bytes of SQLite's log that call for a snapshot
	SnapshotLogs uint64        // entries since the last that do so too
	Trailing     uint64        // entries kept behind a snapshot for slow followers

	room func(dir string) (int64, error) // free bytes; tests put another in its place
}

// Default is what a server uses.
func Default() Config {
	return Config{
		Heartbeat: time.Second, Lease: 500 * time.Millisecond, ApplyTimeout: 10 * time.Second,
		SnapshotWAL: 16 << 20, SnapshotLogs: 65536, Trailing: 16384,
	}
}

func (c Config) filled() Config {
	d := Default()
	c.Heartbeat = or(c.Heartbeat, d.Heartbeat)
	c.Lease = or(c.Lease, min(d.Lease, c.Heartbeat))
	c.ApplyTimeout = or(c.ApplyTimeout, d.ApplyTimeout)
	c.SnapshotWAL = or(c.SnapshotWAL, d.SnapshotWAL)
	c.SnapshotLogs = or(c.SnapshotLogs, d.SnapshotLogs)
	c.Trailing = or(c.Trailing, d.Trailing)
	if c.room == nil {
		c.room = diskRoom
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func or[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

func (c Config) validate() error {
	switch {
	case c.Group == "" || len(c.Group) > 255:
		return fmt.Errorf("replica: the name of a group must have 1 to 255 bytes, not %d", len(c.Group))
	case c.Dir == "":
		return fmt.Errorf("replica: group %q has no directory", c.Group)
	case c.Heartbeat < 5*time.Millisecond || c.Lease < 5*time.Millisecond || c.Lease > c.Heartbeat:
		return fmt.Errorf("replica: heartbeat (%s) and lease (%s) must be at least 5 ms, and the lease not above the heartbeat", c.Heartbeat, c.Lease)
	case c.ApplyTimeout < 0 || c.SnapshotWAL < 0:
		return errors.New("replica: the timeout to apply and the size for a snapshot must not be negative")
	}
	return nil
}

// Replica is one copy. Its methods are safe for concurrent use.
type Replica struct {
	mux *Mux
	cfg Config
	log *slog.Logger
	// lock keeps other processes out of the directory.
	lock io.Closer

	mu      sync.RWMutex
	ru      *running // nil while stopped
	broken  error    // why, while it is
	rebuilt bool     // opened empty under a new incarnation, and not added since
	closed  bool
	problem string // why no snapshot is taken although one is due; "" when nothing is wrong

	ctx    context.Context // of the goroutines; Close ends it
	cancel context.CancelFunc
	gate   sync.RWMutex // held for reading while wg grows
	ended  bool         // under gate
	wg     sync.WaitGroup

	watchers watchers
	holds    holds
	kick     chan struct{} // wakes the tender
	change   chan error    // why the copy is to be rebuilt
	// Of the tender alone: a broken copy that waits for another member, and when
	// the last one was rebuilt.
	ruin      *ruin
	rebuiltAt time.Time
	againIn   time.Duration // the pause before a copy is opened again as it is
	recovery  chan recovery
	snap      sync.Mutex // held while a snapshot is taken or sealed
	closing   sync.Once
	closeErr  error
}

// enter counts a goroutine, unless the replica is closed.
func (r *Replica) enter() bool {
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.ended {
		return false
	}
	r.wg.Add(1)
	return true
}

func (r *Replica) leave() { r.wg.Done() }

// current is the store that runs now.
func (r *Replica) current() (*running, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch {
	case r.closed:
		return nil, ErrClosed
	case r.broken != nil:
		return nil, fmt.Errorf("%w: %w", ErrBroken, r.broken)
	case r.ru == nil:
		return nil, fmt.Errorf("%w: it is being opened anew", ErrBroken)
	}
	return r.ru, nil
}

// trusts reports whether a peer may speak to this copy.
func (r *Replica) trusts(ru *running, peer host.ID) bool {
	if r.cfg.Trust == nil || r.cfg.Trust(peer) {
		return true
	}
	return slices.ContainsFunc(ru.peers(), func(server string) bool {
		p, err := PeerOf(server)
		return err == nil && p == peer
	})
}

// Server is the name of this copy in the group: peer ID and incarnation. It
// changes when the copy is rebuilt; "" while it is stopped.
func (r *Replica) Server() string {
	ru, err := r.current()
	if err != nil {
		return ""
	}
	return ru.server
}

// Bootstrap makes this copy the only voter of a new group, and returns when it
// leads. A copy that has a log already is refused.
func (r *Replica) Bootstrap(ctx context.Context) error {
	ru, err := r.current()
	if err != nil {
		return err
	}
	changes, stop := r.Changes()
	defer stop()
	if err := ru.bootstrap(); err != nil {
		if errors.Is(err, raft.ErrCantBootstrap) {
			return fmt.Errorf("replica: bootstrap group %q: this copy has a log already; a group is bootstrapped once, on one node", r.cfg.Group)
		}
		return fmt.Errorf("replica: bootstrap group %q: %w", r.cfg.Group, err)
	}
	if err := ru.elect(); err != nil {
		r.log.Debug("no election at once", keyError, err) // it comes by itself, later
	}
	for !ru.leads() {
		select {
		case <-changes:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.ctx.Done():
			return ErrClosed
		}
	}
	return nil
}

// Leader is the peer that leads the group and the name of its copy, as far as
// this node knows; "" when there is none.
func (r *Replica) Leader() (peer host.ID, server string) {
	ru, err := r.current()
	if err != nil {
		return "", ""
	}
	_, server = ru.st.LeaderWithID()
	if server == "" {
		return "", ""
	}
	if peer, err = PeerOf(server); err != nil {
		return "", ""
	}
	return peer, server
}

// IsLeader reports whether this node believes to lead the group.
func (r *Replica) IsLeader() bool {
	ru, err := r.current()
	return err == nil && ru.leads()
}

// Age is how long ago this node heard from the leader; 0 on the leader itself.
// A copy that never heard from one says the time since it was opened.
func (r *Replica) Age() time.Duration {
	ru, err := r.current()
	if err != nil {
		return 0
	}
	return ru.age()
}

// watchers are those who want to hear of changes of the leader.
type watchers struct {
	mu  sync.Mutex
	all map[chan struct{}]bool
}

// Changes returns a channel that receives after the leader may have changed.
func (r *Replica) Changes() (changes <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	w := &r.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[chan struct{}]bool{}
	}
	w.all[ch] = true
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, ch)
	}
}

func (w *watchers) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.all {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

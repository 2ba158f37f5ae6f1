package replica

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/snapshot"
	"github.com/rqlite/rqlite/v8/store"
)

// holds are the readers at work, and the door in front of them.
type holds struct {
	mu      sync.Mutex
	n       int
	shut    bool
	open    chan struct{} // closed when the door opens again; nil while it is
	idle    chan struct{} // closed when the last reader leaves; nil when nobody waits
	expired chan struct{} // of the readers at work; closed when they are to give up
}

// Hold keeps a snapshot from starting while a reader is at work, until release,
// which may be called more than once. While a snapshot begins, new readers wait.
// When snapshots are due for too long, they wait longer and those at work are
// told to give up by closing expired: they should, and may try again.
func (r *Replica) Hold(ctx context.Context) (release func(), expired <-chan struct{}, err error) {
	h := &r.holds
	for {
		if _, err := r.current(); err != nil {
			return nil, nil, err
		}
		h.mu.Lock()
		if !h.shut {
			break
		}
		open := h.open
		h.mu.Unlock()
		select {
		case <-open:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-r.ctx.Done():
			return nil, nil, ErrClosed
		}
	}
	defer h.mu.Unlock()
	if h.expired == nil {
		h.expired = make(chan struct{})
	}
	h.n++
	var once sync.Once
	return func() { once.Do(h.release) }, h.expired, nil
}

func (h *holds) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n--; h.n > 0 {
		return
	}
	h.expired = nil
	if h.idle != nil {
		close(h.idle)
		h.idle = nil
	}
}

// tryShut shuts the door when nobody reads.
func (h *holds) tryShut() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n > 0 || h.shut {
		return false
	}
	h.shut, h.open = true, make(chan struct{})
	return true
}

// expire shuts the door, tells readers to give up and waits for them.
func (h *holds) expire(ctx context.Context) error {
	h.mu.Lock()
	if h.shut {
		h.mu.Unlock()
		return errors.New("replica: a snapshot is under way")
	}
	h.shut, h.open = true, make(chan struct{})
	if h.n == 0 {
		h.mu.Unlock()
		return nil
	}
	close(h.expired)
	idle := make(chan struct{})
	h.idle = idle
	h.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		h.unshut()
		return fmt.Errorf("replica: readers that were told to give up did not: %w", ctx.Err())
	}
}

func (h *holds) unshut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.shut {
		return
	}
	h.shut, h.idle = false, nil
	close(h.open)
	if h.n > 0 {
		// Those that did not give up keep the channel that was closed; later ones
		// get a new one.
		h.expired = make(chan struct{})
	}
}

const (
	// overdue is how long readers may hold a snapshot off, and overSize how many
	// times the limit SQLite's log may grow by it.
	overdue  = 30 * time.Second
	overSize = 4
	// giveUp is how long readers have that were told to give up.
	giveUp = 5 * time.Second
	// restFor is how many times as long as a snapshot took its copy rests from
	// snapshots, unless SQLite's log grows over overSize times the limit. Under a
	// constant load they would otherwise take a sixth of a busy node's time.
	restFor = 20
	// stall is how long writes may wait while SQLite's log is cut: by how long the
	// last one took, the log is not let grow larger. smallCut is one that says
	// nothing of that.
	stall    = 250 * time.Millisecond
	smallCut = 4 << 20
	// retrySnapshot is how long a failed snapshot is not tried again.
	retrySnapshot = 5 * time.Second
)

// due is when snapshots are.
type due struct {
	since  time.Time // from when on one was due
	notyet time.Time // none is tried before
	rested time.Time // none is due before, unless the log is far too large
	warned time.Time // of a lack of room
	extra  float64   // how much beyond the limit this copy goes: not all at once
	now    bool      // whatever the sizes are; under r.snap
	cut    float64   // how long a byte of SQLite's log takes to be cut, in seconds; 0 is not known; under r.snap
}

// most is how large SQLite's log may be at all, by readers or rest, where limit is
// what calls for a snapshot, and least what it may be however long it takes to cut.
func (d *due) most(limit, least float64) float64 {
	most := overSize * limit
	if d.cut > 0 {
		most = min(most, max(least, stall.Seconds()/d.cut))
	}
	return most
}

// took notes how long a log was cut. A slow one counts for some time: the next may
// be as slow.
func (d *due) took(bytes int64, t time.Duration) {
	if bytes >= smallCut {
		d.cut = max(t.Seconds()/float64(bytes), 0.7*d.cut)
	}
}

// snapshotIfDue takes a snapshot when one is due and readers allow it. Only the
// tender calls it.
func (r *Replica) snapshotIfDue(ru *running) {
	r.sealIfMissing(ru)
	h := ru.handle.Load()
	if h == nil {
		return
	}
	d := &ru.due
	if d.extra == 0 {
		d.extra = 1 + rand.Float64()/2
	}
	limit := float64(r.walLimit()) * d.extra
	wal := float64(size(r.Path() + "-wal"))
	entries := h.AppliedIndex() - min(h.AppliedIndex(), ru.snapshotIndex())
	if !r.snap.TryLock() {
		return // somebody asked for one
	}
	defer r.snap.Unlock()
	if ru.ctx.Err() != nil {
		return // it is closed, or will be
	}
	most := d.most(limit, float64(r.cfg.SnapshotWAL))
	limit = min(limit, most)
	logs := float64(r.cfg.SnapshotLogs) * d.extra
	if time.Now().Before(d.rested) {
		limit, logs = most, overSize*logs
	}
	if !d.now && wal < limit && float64(entries) < logs {
		d.since = time.Time{}
		r.short(d, nil)
		return
	}
	if d.since.IsZero() {
		d.since = time.Now()
	}
	if time.Now().Before(d.notyet) {
		return
	}
	err := r.checkRoom()
	if r.short(d, err) {
		r.log.Warn("no snapshot is taken", keyError, err)
	}
	if err != nil {
		d.notyet = time.Now().Add(retrySnapshot)
		return
	}
	if !r.holds.tryShut() {
		if wal < most && time.Since(d.since) < overdue {
			return
		}
		r.log.Warn("readers held a snapshot off for too long and are ended", "due_since", d.since, "wal_bytes", int64(wal))
		ctx, cancel := context.WithTimeout(r.ctx, giveUp)
		err := r.holds.expire(ctx)
		cancel()
		if err != nil {
			r.log.Error("snapshot", keyError, err)
			d.notyet = time.Now().Add(retrySnapshot)
			return
		}
	}
	began := time.Now()
	if err := r.snapshotNow(ru); err != nil {
		r.log.Warn("no snapshot was taken; it is tried again", keyError, err)
		d.notyet = time.Now().Add(retrySnapshot)
		return
	}
	d.since, d.notyet, d.extra = time.Time{}, time.Time{}, 0
	d.rested = time.Now().Add(restFor * time.Since(began))
}

// walLimit is how large SQLite's log may be. A seal reads the whole database, so
// for large ones snapshots are rarer.
func (r *Replica) walLimit() int64 {
	return max(r.cfg.SnapshotWAL, min(size(r.Path())/16, 4*r.cfg.SnapshotWAL))
}

// snapshotNow takes a snapshot, seals it, and opens the door again. The caller
// has shut it and holds r.snap.
func (r *Replica) snapshotNow(ru *running) error {
	start := time.Now()
	ru.due.now = false
	err := r.take(ru)
	if errors.Is(err, store.ErrNothingNewToSnapshot) || errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	if err != nil && strings.Contains(err.Error(), "wait until the configuration entry") {
		return fmt.Errorf("replica: snapshot: %w", errJustChanged)
	}
	if err != nil {
		r.unfinished(err)
		return fmt.Errorf("replica: snapshot: %w", err)
	}
	ru.snapshots.Add(1)
	r.log.Debug("snapshot", "index", ru.snapshotIndex(), "took", time.Since(start))
	return r.seal(ru)
}

// take takes a snapshot and opens the door as soon as SQLite's log is cut: what
// comes then, writing the snapshot, does not mind readers.
func (r *Replica) take(ru *running) error {
	before := r.marks()
	began, wal := time.Now(), size(r.Path()+"-wal")
	done := make(chan error, 1)
	snapshot := ru.snapshot
	go func() { done <- snapshot(r.cfg.Trailing) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			r.holds.unshut()
			return err
		case <-ru.unnoted: // then nobody will answer
			r.holds.unshut()
			return errNotNoted
		case <-tick.C:
		}
		if !slices.Equal(r.marks(), before) {
			r.holds.unshut()
			ru.due.took(wal, time.Since(began))
			select {
			case err := <-done:
				return err
			case <-ru.unnoted:
				return errNotNoted
			}
		}
	}
}

// marks are the names of snapshots, also of one that is being written.
func (r *Replica) marks() []string {
	list, err := os.ReadDir(filepath.Join(r.cfg.Dir, snapshotsDir))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range list {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

// errJustChanged says that no entry was applied since the members changed, which
// raft wants before a snapshot.
var errJustChanged = errors.New("the members have just changed")

// Snapshot makes a snapshot now, once readers allow it. A copy with nothing new
// has one already, which is no error. On a copy that does not lead it waits for
// an entry when the members have just changed.
func (r *Replica) Snapshot(ctx context.Context) error {
	for why := errors.New("readers are at work"); ; {
		ru, err := r.current()
		if err != nil {
			return err
		}
		r.snap.Lock()
		if ru.ctx.Err() != nil {
			r.snap.Unlock()
			if _, err := r.current(); err != nil {
				return err
			}
			continue
		}
		if err := r.checkRoom(); err != nil {
			r.snap.Unlock()
			return err
		}
		shut := r.holds.tryShut()
		if shut {
			err = r.snapshotNow(ru)
		}
		r.snap.Unlock()
		if shut {
			if !errors.Is(err, errJustChanged) {
				return err
			}
			why = err
			if h := ru.handle.Load(); h != nil && ru.leads() {
				ru.settled.Store(0)
				if err := ru.settle(ctx, h, h.CurrentTerm()); err != nil {
					return err
				}
			}
		}
		select {
		case <-time.After(catchUpPoll):
		case <-ctx.Done():
			return fmt.Errorf("replica: snapshot: %w: %w", ctx.Err(), why)
		}
	}
}

// snapshotIndex is that of the latest snapshot, 0 when there is none.
func (ru *running) snapshotIndex() uint64 {
	index, _, err := snapshot.LatestIndexTerm(filepath.Join(ru.r.cfg.Dir, snapshotsDir))
	if err != nil {
		return 0
	}
	return index
}

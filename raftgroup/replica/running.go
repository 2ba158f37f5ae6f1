package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/store"
)

// running is a store that is open.
type running struct {
	r      *Replica
	server string
	st     *store.Store
	layer  *layer
	log    *slog.Logger
	opened time.Time
	idMu   sync.Mutex
	id     identity // of the directory; under idMu

	ctx    context.Context // ends when the store is stopped
	cancel context.CancelFunc
	gone   chan struct{} // closed when it is closed
	set    func()        // gives opening back
	calls  calls

	// handle is raft itself, which the store keeps to itself but for what it
	// tells observers. It is nil until the first event: before, this node is not
	// the leader and knows none.
	handle atomic.Pointer[raft.Raft]

	settled  atomic.Uint64 // the last term of which an entry was applied here as its leader
	quiet    sync.Map      // uint64 → true: entries of this node that SQLite never sees
	barriers barriers
	lines    lines
	survey   survey
	members  chan struct{} // held while members are changed
	once     sync.Once
	unnoted  chan struct{} // closed when a snapshot failed and that cannot be noted

	due       due
	found     string                      // the newest snapshot when the store was opened
	sealed    string                      // the newest snapshot that is known to have a seal; under r.snap
	differs   int                         // how often the newest was found to differ from the database; under r.snap
	snapshots atomic.Uint64               // taken
	snapshot  func(trailing uint64) error // takes one; tests put another in its place, under r.snap
}

// FileName is the name of the SQLite file in a copy's directory.
const FileName = "db.sqlite"

const (
	sqliteName   = FileName
	logName      = "raft.db"
	snapshotsDir = "rsnapshots"
	// never is a number of entries, and of hours, that is not reached: snapshots
	// are started by this package only.
	never = 1 << 40
)

// open opens the store of a directory whose identity is known.
func (r *Replica) open(server string) (*running, error) {
	// A store that becomes the leader between its own opening and the observer's
	// is one whose handle would never be known. It takes a disk that stands still
	// for a second; opening it again gives it another chance.
	for try := 0; ; try++ {
		ru, err := r.openOnce(server)
		if err != nil || ru.handle.Load() != nil || !ru.st.IsLeader() {
			return ru, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		err = ru.stop(ctx)
		cancel()
		if err != nil || try == 5 {
			return nil, errors.Join(errors.New("replica: the store became leader before it could be observed"), err)
		}
	}
}

// opening is held while a store sets itself up, in which it writes variables of
// the whole process. Only the first steps are in it, which wait for nothing: what
// comes after may take long, and several groups open at the same time.
var opening sync.Mutex

func (r *Replica) openOnce(server string) (*running, error) {
	ru := &running{r: r, server: server, members: make(chan struct{}, 1), log: r.log.With(keyServer, server), opened: time.Now(), gone: make(chan struct{}), unnoted: make(chan struct{})}
	ru.ctx, ru.cancel = context.WithCancel(r.ctx)
	ru.layer = newLayer(r.mux, r.cfg.Group, server)
	db := store.NewDBConfig()
	db.FKConstraints = true
	st := store.New(ru.layer, &store.Config{DBConf: db, Dir: r.cfg.Dir, ID: server, Logger: storeLogger(ru.log, ru.snapshotFailed, func() { ru.set() })})
	st.RaftLogLevel = "OFF" // it would go to the standard error output
	st.HeartbeatTimeout, st.ElectionTimeout = r.cfg.Heartbeat, r.cfg.Heartbeat
	st.LeaderLeaseTimeout = r.cfg.Lease
	st.ApplyTimeout = r.cfg.ApplyTimeout
	st.SnapshotThreshold, st.SnapshotInterval, st.SnapshotThresholdWALSize = never, math.MaxInt64/4, 0
	st.SetRequestCompression(neverCompress, neverCompress)
	ru.st, ru.snapshot = st, st.Snapshot
	if list, err := snaps(filepath.Join(r.cfg.Dir, snapshotsDir)); err == nil && len(list) > 0 {
		ru.found = list[len(list)-1].meta.ID
	}
	opening.Lock()
	ru.set = sync.OnceFunc(opening.Unlock)
	err := st.Open()
	ru.set()
	if err != nil {
		ru.cancel()
		ru.layer.sever() // not closed: what raft began to listen on it would complain for ever
		return nil, fmt.Errorf("replica: open group %q in %s: %w", r.cfg.Group, r.cfg.Dir, err)
	}
	st.RegisterObserver(raft.NewObserver(nil, false, ru.observe))
	close(ru.layer.ready)
	return ru, nil
}

// observe is called by raft, on its goroutines, whenever something happens.
func (ru *running) observe(o *raft.Observation) bool {
	ru.handle.Store(o.Raft)
	switch e := o.Data.(type) {
	case raft.LeaderObservation:
		ru.log.Info("leader", "leader", string(e.LeaderID))
		ru.r.watchers.tell()
		ru.r.wake()
	case raft.RaftState:
		ru.log.Debug("state", "state", e.String())
		ru.r.watchers.tell()
	case raft.PeerObservation:
		ru.r.wake()
	case raft.FailedHeartbeatObservation:
		ru.log.Debug("a member does not answer", "member", string(e.PeerID), "since", e.LastContact)
	}
	return false // nothing for the channel
}

func (ru *running) bootstrap() error {
	return ru.st.Bootstrap(&store.Server{ID: ru.server, Addr: ru.server, Suffrage: "voter"})
}

// leads reports whether this copy leads. For a moment raft is the leader and does
// not say so yet to those who ask who is; the store turns entries down then.
func (ru *running) leads() bool {
	h := ru.handle.Load()
	if h == nil || h.State() != raft.Leader {
		return false
	}
	_, leader := h.LeaderWithID()
	return string(leader) == ru.server
}

// notLeader is the error for a copy that does not lead.
func (ru *running) notLeader() error {
	if _, leader := ru.st.LeaderWithID(); leader != "" && leader != ru.server {
		return fmt.Errorf("%w: %s is", ErrNotLeader, leader)
	}
	return fmt.Errorf("%w: none is known (%w)", ErrNotLeader, ErrNoQuorum)
}

// servers are those of the configuration, which may not be committed yet.
func (ru *running) servers() []raft.Server {
	h := ru.handle.Load()
	if h == nil {
		return nil
	}
	return h.GetConfiguration().Configuration().Servers
}

// names are those of the servers.
func (ru *running) names() (names []string) {
	for _, s := range ru.servers() {
		names = append(names, string(s.ID))
	}
	return names
}

// peers are the names of those who may speak to this copy: the servers, and until
// raft says who they are those who were when the copy was last open. They must be
// let in to elect a leader.
func (ru *running) peers() []string {
	if ru.handle.Load() != nil {
		return ru.names()
	}
	ru.idMu.Lock()
	defer ru.idMu.Unlock()
	return slices.Clone(ru.id.Members)
}

func (ru *running) isQuiet(index uint64) bool {
	_, ok := ru.quiet.Load(index)
	return ok
}

func (ru *running) age() time.Duration {
	h := ru.handle.Load()
	if h != nil && h.State() == raft.Leader {
		return 0
	}
	if h != nil {
		if at := h.LastContact(); !at.IsZero() {
			return time.Since(at)
		}
	}
	return time.Since(ru.opened)
}

// Path is the SQLite file. It is replaced by a restore: compare the inode.
func (r *Replica) Path() string { return filepath.Join(r.cfg.Dir, sqliteName) }

// Package raftgroup is a database that lives on several nodes: one SQLite file
// on each, kept the same by Raft. A group is an [op.Engine] with serializable
// transactions. See DESIGN.md.
package raftgroup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/archive"
	"github.com/weftdb/weft/raftgroup/replica"
)

// Config says what a group is on this node.
type Config struct {
	Replica replica.Config
	// Host reaches the group's other nodes, for what only the leader can do.
	Host *host.Host
	Log  *slog.Logger // nil discards

	Window time.Duration    // how long IDs of changes are remembered, as the leader has it; 0 is 2 minutes
	Gather int              // bytes of changes that go into one entry of the log; 0 is 256 KiB
	Clock  func() time.Time // what entries are stamped with; nil is time.Now

	// Archive, when it has a directory, keeps each entry that this copy applies, so
	// that a backup can be brought to any moment after it: see [PointInTime]. Its
	// group is set by Open.
	Archive archive.Config
}

// closePatience bounds how long Close waits for what runs. Tests have more of it.
var closePatience = 10 * time.Second

// engineName is how a group calls itself.
const engineName = "group"

// held is what a group needs of its replica. Tests put others in its place, that
// fail on demand.
type held interface {
	Propose(ctx context.Context, entry []byte) error
	Barrier(ctx context.Context) error
	Settle(ctx context.Context) error
	Leader() (peer host.ID, server string)
	IsLeader() bool
	Changes() (changes <-chan struct{}, stop func())
	Age() time.Duration
	Path() string
	Hold(ctx context.Context) (release func(), expired <-chan struct{}, err error)
	Members(ctx context.Context) ([]replica.Member, error)
	Lags(ctx context.Context) map[string]int64
	Break(why error)
	Status() replica.Status
	Close(ctx context.Context) error
}

var _ held = (*replica.Replica)(nil)

// Group is one group on a node that holds a copy. It is safe for concurrent use.
type Group struct {
	cfg     Config
	log     *slog.Logger
	rep     held
	replica *replica.Replica
	remote  *door.Remote
	readers *readers
	gather  *gatherer
	scratch *scratch
	archive *archive.Writer // nil when nothing is archived
	touched touched
	hashes  hashes
	metrics metrics
	fits    fits
	turns   turns
	plain   plainNames
	links   chain
	stamped atomic.Int64 // the stamp of the last entry that was applied here; 0 before one was

	migrating sync.Mutex // one at a time on this node

	ctx    context.Context // ends when the group closes, after what runs has had its time
	cancel context.CancelFunc
	wg     sync.WaitGroup // of the group's own goroutines

	mu           sync.Mutex
	following    context.Context // ends when this node becomes the leader
	endFollowing context.CancelFunc
	running      int
	closed       bool
	idle         chan struct{} // closed when closed and nothing runs
	txs          map[*tx]struct{}
	done         chan struct{} // closed when Close has ended
}

var (
	_ op.Engine  = (*Group)(nil)
	_ door.Group = (*Group)(nil)
)

// Open opens this node's copy. A new one waits to be bootstrapped or added: see
// [Group.Replica].
func Open(ctx context.Context, m *replica.Mux, cfg Config) (*Group, error) {
	if cfg.Host == nil {
		return nil, errors.New("raftgroup: a group needs the node's host")
	}
	if err := appliers.install(); err != nil {
		return nil, err
	}
	cfg = cfg.filled()
	var keep *archive.Writer
	// Entries may be applied before the replica is known here.
	path := filepath.Join(cfg.Replica.Dir, replica.FileName)
	early := &applier{}
	if cfg.Archive.Dir != "" {
		keep = archive.NewWriter(cfg.Archive)
		early.archive = keep.Add
	}
	// What they did, or failed to do, the same applier goes on from.
	reserved := cfg.Replica.Dir != "" && os.MkdirAll(cfg.Replica.Dir, 0o700) == nil && appliers.reserve(path, early)
	rep, err := m.Open(ctx, cfg.Replica)
	if err != nil {
		if reserved {
			appliers.remove(path)
		}
		if keep != nil {
			err = errors.Join(err, keep.Close())
		}
		return nil, err
	}
	if !reserved { // the replica made the directory
		early = &applier{archive: early.archive}
		appliers.add(rep.Path(), early)
	}
	g := openWith(rep, cfg, keep, early)
	g.replica = rep
	return g, nil
}

// filled fills in what is not given.
func (cfg Config) filled() Config {
	if cfg.Window <= 0 {
		cfg.Window = firstWindow
	}
	if cfg.Gather <= 0 {
		cfg.Gather = 256 << 10
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Archive.Group = cfg.Replica.Group
	if cfg.Archive.Log == nil {
		cfg.Archive.Log = cfg.Log
	}
	return cfg
}

// open makes a group of a replica.
func open(rep held, cfg Config) *Group {
	cfg = cfg.filled()
	var keep *archive.Writer
	if cfg.Archive.Dir != "" {
		keep = archive.NewWriter(cfg.Archive)
	}
	a := &applier{}
	if keep != nil {
		a.archive = keep.Add
	}
	appliers.add(rep.Path(), a)
	return openWith(rep, cfg, keep, a)
}

// openWith makes a group of a replica, of the archive, if there is one, that the
// group closes, and of what applies entries to the file.
func openWith(rep held, cfg Config, keep *archive.Writer, a *applier) *Group {
	g := &Group{
		cfg: cfg, log: cfg.Log.With("group", cfg.Replica.Group), rep: rep, archive: keep,
		idle: make(chan struct{}), done: make(chan struct{}), txs: map[*tx]struct{}{},
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.following, g.endFollowing = context.WithCancel(context.Background())
	g.gather = &gatherer{g: g, flights: map[nonce][]*call{}}
	g.readers = newReaders(rep.Path())
	g.scratch = newScratch(g)
	g.remote = door.Open(cfg.Host, door.Options{Group: cfg.Replica.Group, Peers: g.peers, Patience: patience, Timeless: true, Log: cfg.Log})
	a.belong(g)
	g.wg.Add(2)
	go g.watch()
	go g.check()
	return g
}

// Replica is the copy underneath: members, leadership, snapshots.
func (g *Group) Replica() *replica.Replica { return g.replica }

// Caps says what a group can do.
func (g *Group) Caps() op.Caps {
	return op.Caps{Engine: engineName, Flags: door.Flags}
}

// Leader is the peer that leads, and whether it is this node.
func (g *Group) Leader() (peer host.ID, here bool) {
	if g.rep.IsLeader() {
		return g.cfg.Host.ID(), true
	}
	peer, _ = g.rep.Leader()
	return peer, false
}

// enter counts an operation that Close waits for.
func (g *Group) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		if g.closing() {
			return op.ErrClosed()
		}
		return op.FromContext(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return op.ErrClosed()
	}
	g.running++
	return nil
}

func (g *Group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.closed && g.running == 0 {
		close(g.idle)
	}
}

func (g *Group) closing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Close ends open transactions, waits for operations that run, and stops the
// copy; a leader steps down first. Closing twice is safe.
func (g *Group) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		<-g.done
		return nil
	}
	g.closed = true
	open := g.txs
	g.txs = nil
	if g.running == 0 {
		close(g.idle)
	}
	g.mu.Unlock()
	defer close(g.done)
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	for t := range open {
		t.abandon()
	}
	var errs []error
	select {
	case <-g.idle:
	case <-ctx.Done():
		errs = append(errs, op.Errorf(op.CodeDatabase, "close the group: operations are still under way"))
	}
	g.cancel()
	g.gather.wg.Wait()
	g.wg.Wait()
	errs = append(errs, g.remote.Close(), g.scratch.close(), g.readers.close(ctx))
	end, cancelEnd := context.WithTimeout(context.Background(), closePatience)
	defer cancelEnd()
	if err := g.rep.Close(end); err != nil {
		errs = append(errs, fmt.Errorf("close the group: %w", err))
	}
	appliers.remove(g.rep.Path())
	if g.archive != nil {
		errs = append(errs, g.archive.Close())
	}
	return errors.Join(errs...)
}

// applied is called when this node has applied an entry, on the goroutine that
// did.
func (g *Group) applied(r *run) {
	if r.reshape || r.loaded {
		g.readers.reshape()
	}
	if r.loaded {
		g.touched.reset(r.st.sequence)
	} else {
		g.touched.set(r.st.sequence, r.change.names, r.change.all)
	}
	for i := range r.outs {
		if r.outs[i].again {
			g.metrics.duplicates.Add(1)
		}
	}
	g.stamped.Store(r.st.stamp)
	g.links.add(&r.st)
	g.gather.landed(r.e, r.outs)
}

// broke is called when an entry could not be applied.
func (g *Group) broke(err error) {
	g.log.Error("this copy cannot go on: it stops and is rebuilt", "error", err)
	g.links.forget() // the next copy must not be judged by this one
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed { // the copy stops anyway, and nothing more is applied to it
		return
	}
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		if environmental(err) {
			err = &replica.Passing{Err: err}
		}
		g.rep.Break(err)
	}()
}

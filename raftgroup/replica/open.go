package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/weftdb/weft/p2p/host"
)

// Open opens a replica, which waits to be bootstrapped or added when it is new.
// It has applied what its snapshot holds when Open returns; entries after it are
// applied as soon as the group's leader says that they may be.
//
// A directory of another group or node (ErrForeign), of a newer version
// (ErrVersion), one that is open elsewhere (ErrInUse) or whose name SQLite would
// misread (ErrDirName) is refused. A log whose
// end is torn and a snapshot that was damaged are found here: the copy is broken
// then (Status says why) until another member's copy answers. What there is is
// moved aside, to broken-TIME in the directory, and the replica starts empty
// under a new incarnation (Status says Rebuilt), to be added again. When no
// other member is known from which it could get the data, it is ErrDamaged and
// everything stays as it is.
func (m *Mux) Open(ctx context.Context, cfg Config) (_ *Replica, err error) {
	cfg = cfg.filled()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &Replica{
		mux: m, cfg: cfg, log: cfg.Log.With(keyGroup, cfg.Group),
		kick: make(chan struct{}, 1), change: make(chan error, 1), recovery: make(chan recovery),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if err := m.claim(r); err != nil {
		r.cancel()
		return nil, err
	}
	defer func() {
		if err != nil {
			r.cancel()
			m.release(r)
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("replica: make directory of group %q: %w", cfg.Group, err)
	}
	// SQLite names its files in this way, too, and weft_apply is told their names.
	if r.cfg.Dir, err = canonical(cfg.Dir); err != nil {
		return nil, fmt.Errorf("replica: directory of group %q: %w", cfg.Group, err)
	}
	cfg.Dir = r.cfg.Dir
	if err := checkName(cfg.Dir); err != nil {
		return nil, fmt.Errorf("group %q: %w", cfg.Group, err)
	}
	if r.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.lock.Close())
		}
	}()
	id, err := readIdentity(cfg.Dir, cfg.Group, m.net.ID(), cfg.Members)
	if err != nil {
		return nil, err
	}
	ru, err := r.start(id)
	if err != nil && r.ruin == nil {
		return nil, err
	}
	r.mu.Lock() // other nodes may speak to it already
	if r.ruin != nil {
		r.log.Error("this copy is broken; it is rebuilt when another member answers", keyServer, id.server(), keyError, r.ruin.why)
		r.broken, err = r.ruin.why, nil
	} else {
		r.ru, r.rebuilt = ru, ru.id.Rebuilt
	}
	r.mu.Unlock()
	r.enter()
	go r.tend()
	return r, nil
}

// canonical is a path from the root, without links.
func canonical(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// start checks what a directory holds and opens it.
func (r *Replica) start(id identity) (*running, error) {
	dir := r.cfg.Dir
	if id.Aside != "" {
		// Stopped while the broken copy was moved away.
		if err := finishAside(dir, &id); err != nil {
			return nil, err
		}
	}
	if members, err := checkCopy(dir, id.Used); err != nil {
		err = fmt.Errorf("group %q in %s: %w", r.cfg.Group, dir, err)
		if !errors.Is(err, errTorn) {
			return nil, fmt.Errorf("replica: check %w", err)
		}
		b := &ruin{id: id, members: members, why: err}
		if len(b.others(r.mux.net.ID())) == 0 {
			return nil, fmt.Errorf("%w: %w; nothing was changed: restore a backup into a new group, or repair the files and start again", ErrDamaged, err)
		}
		r.ruin = b
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	ru, err := r.open(id.server())
	if err != nil {
		return nil, err
	}
	if !id.Used {
		id.Used = true
		if err := id.write(dir); err != nil {
			ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
			defer cancel()
			return nil, errors.Join(err, ru.stop(ctx))
		}
	}
	ru.id = id
	return ru, nil
}

// withdraw stops others from using the store and returns it, nil when none runs.
func (r *Replica) withdraw(why error) *running {
	r.mu.Lock()
	defer r.mu.Unlock()
	ru := r.ru
	r.ru, r.broken = nil, why
	return ru
}

func (r *Replica) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// tendEvery is how often a copy is looked after without being asked to.
const tendEvery = 250 * time.Millisecond

// stopTimeout bounds the closing of a store that must be opened again.
const stopTimeout = 30 * time.Second

// tend looks after the copy until it is closed: its members, its snapshots, and
// rebuilding it.
func (r *Replica) tend() {
	defer r.leave()
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	protected := map[host.ID]bool{}
	defer func() {
		for p := range protected {
			r.mux.net.Unprotect(p, r.reason())
		}
	}()
	for {
		r.rebuild()
		if ru, err := r.current(); err == nil {
			r.meet(ru, protected)
			r.snapshotIfDue(ru)
		}
		select {
		case <-r.ctx.Done():
			return
		case why := <-r.change:
			r.halt(why)
		case rec := <-r.recovery:
			rec.done <- r.recover(rec.conf)
		case <-r.kick:
		case <-tick.C:
		}
	}
}

func (r *Replica) reason() string { return "raft/" + r.cfg.Group }

// meet keeps connections to the members, and writes down who they are.
func (r *Replica) meet(ru *running, protected map[host.ID]bool) {
	servers := ru.servers()
	if len(servers) == 0 {
		return
	}
	now := map[host.ID]bool{}
	for _, s := range servers {
		peer, err := PeerOf(string(s.ID))
		if err != nil || peer == r.mux.net.ID() {
			continue
		}
		now[peer] = true
		if !protected[peer] {
			protected[peer] = true
			r.mux.net.Protect(peer, r.reason())
		}
	}
	for p := range protected {
		if !now[p] {
			delete(protected, p)
			r.mux.net.Unprotect(p, r.reason())
		}
	}
	r.record(ru)
}

// record writes down who the members are, when they are others than before.
func (r *Replica) record(ru *running) {
	ru.idMu.Lock()
	defer ru.idMu.Unlock()
	names := ru.names()
	slices.Sort(names)
	member := slices.Contains(names, ru.server)
	id := ru.id
	if len(names) == 0 || slices.Equal(id.Members, names) && !(member && id.Rebuilt) {
		return
	}
	id.Members, id.Rebuilt = names, id.Rebuilt && !member
	if err := id.write(r.cfg.Dir); err != nil {
		r.log.Error("the members could not be written down", keyError, err)
		return
	}
	ru.id = id
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ru == ru {
		r.rebuilt = id.Rebuilt
	}
}

// Close stops the copy; a leader gives the leadership away first when there is
// another voter, within the context. The second call returns what the first did.
func (r *Replica) Close(ctx context.Context) error {
	r.closing.Do(func() { r.closeErr = r.close(ctx) })
	return r.closeErr
}

// closeShare is how much of a context Close spends on giving leadership away.
const closeShare = 2

func (r *Replica) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if ru, err := r.current(); err == nil && ru.leads() && ru.voters() > 1 {
		end, _ := ctx.Deadline()
		give, cancel := context.WithTimeout(ctx, time.Until(end)/closeShare)
		if err := r.StepDown(give); err != nil {
			r.log.Info("closed without giving the leadership away", keyError, err)
		}
		cancel()
	}
	if ru, err := r.current(); err == nil {
		r.record(ru)
	}
	r.mu.Lock()
	ru := r.ru
	r.ru, r.closed = nil, true
	r.mu.Unlock()
	r.gate.Lock()
	r.ended = true
	r.gate.Unlock()
	r.cancel()
	var err error
	if ru != nil {
		err = ru.stop(ctx)
	}
	done := make(chan struct{})
	go func() {
		r.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("replica: close group %q: what is under way did not end: %w", r.cfg.Group, ctx.Err()))
	}
	// A store that was left behind keeps the directory until it has closed.
	if errors.Is(err, errLeft) {
		go func() {
			<-ru.gone
			if err := r.lock.Close(); err != nil {
				r.log.Error("close a store that was left behind", keyError, err)
			}
		}()
	} else {
		err = errors.Join(err, r.lock.Close())
	}
	r.mux.release(r)
	return err
}

func (ru *running) voters() int {
	n := 0
	for _, s := range ru.servers() {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}

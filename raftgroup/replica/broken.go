package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/weftdb/weft/p2p/host"
)

// Break marks the copy as broken, with why: it stops, and as soon as another
// member's copy answers it is moved aside, and opened anew and empty under a new
// incarnation, which must be added again. It returns at once and may be called
// while an entry is applied. The only copy of a group is stopped and stays as it
// is, as do all copies of a group that broke together; but where why is Passing,
// they are opened again as they are, and so is a voter without which the others
// are no majority.
func (r *Replica) Break(why error) {
	if why == nil {
		why = errors.New("no reason was given")
	}
	r.mu.Lock()
	if r.closed || r.broken != nil {
		r.mu.Unlock()
		return
	}
	r.broken = why
	r.mu.Unlock()
	select {
	case r.change <- why:
	default:
	}
}

// Passing is why a copy broke when the copy itself is well, and what kept it from
// applying an entry may pass: a disk that is full.
type Passing struct{ Err error }

func (p *Passing) Error() string { return p.Err.Error() }

// Unwrap gives what was in the way.
func (p *Passing) Unwrap() error { return p.Err }

// ruin is a broken copy that waits to be moved aside.
type ruin struct {
	passing bool // it may be opened again as it is
	// The peers of the group's other voters, and how many of them must be well
	// before this copy is given up; none where that is not known: any one then.
	voters  []host.ID
	most    int
	id      identity
	members []string // that were found beside those of the identity
	why     error
	next    *identity // of the copy that takes its place, once that is written
	tried   bool      // to open it
}

// others are the peers of a broken copy's group, without this one.
func (b *ruin) others(self host.ID) []host.ID {
	var out []host.ID
	for _, m := range append(slices.Clone(b.members), b.id.Members...) {
		if p, err := PeerOf(m); err == nil && p != self && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

const (
	// rebuildPause is how long it takes at least from one rebuilding to the next.
	rebuildPause = 10 * time.Second
	// firstAgain is the pause before a copy is opened again as it is; it doubles up
	// to latestAgain, for each time its log is read and its database made anew.
	firstAgain  = time.Second
	latestAgain = 2 * time.Minute
	// probeTimeout is how long another member may take to say that it is well.
	probeTimeout = 3 * time.Second
)

// halt stops the store of a broken copy. Only the tender calls it.
func (r *Replica) halt(why error) {
	ru := r.withdraw(why)
	if ru == nil {
		return
	}
	r.log.Error("this copy is broken", keyServer, ru.server, keyError, why)
	r.watchers.tell()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	r.record(ru)
	var passing *Passing
	b := &ruin{id: ru.id, why: why, passing: errors.As(why, &passing)}
	b.voters, b.most = ru.rest(r.mux.net.ID())
	if err := ru.stop(ctx); errors.Is(err, errLeft) {
		r.failed(why, err)
		return
	} else if err != nil {
		r.log.Warn("close a broken copy", keyError, err)
	}
	switch {
	case b.passing && b.needed():
		r.later(b, errors.New("the group does not decide without this copy, which is kept"))
	case len(b.others(r.mux.net.ID())) == 0:
		r.failed(why, fmt.Errorf("%w; nothing was changed", ErrDamaged))
		return
	}
	r.ruin = b
}

// rest are the peers of the group's other voters, and how many voters are a
// majority.
func (ru *running) rest(self host.ID) (others []host.ID, most int) {
	voters := 0
	for _, s := range ru.servers() {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if p, err := PeerOf(string(s.ID)); err == nil && p != self {
			others = append(others, p)
		}
	}
	if voters == 0 {
		return nil, 0 // it was no member yet
	}
	return others, voters/2 + 1
}

// needed reports whether the group could not go on without this copy, nor let
// another in.
func (b *ruin) needed() bool { return b.most > 0 && len(b.voters) < b.most }

// later notes that a broken copy is opened again as it is, and when.
func (r *Replica) later(b *ruin, err error) {
	if time.Since(r.rebuiltAt) > 2*latestAgain { // it was well for a while
		r.againIn = firstAgain
	} else {
		r.againIn = min(2*r.againIn, latestAgain)
	}
	r.rebuiltAt = time.Now()
	r.log.Warn("a copy that stopped is opened again as it is", keyError, b.why, "because", err, "in", r.againIn)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = fmt.Errorf("%w; it is opened again in %s: %w", b.why, r.againIn, err)
}

// again opens a copy as it is: its log has what it could not apply. It reports
// whether it took the matter on.
func (r *Replica) again(b *ruin) bool {
	if !b.passing || !b.needed() && r.another(b) {
		return false
	}
	wait := r.againIn
	if !b.needed() {
		wait = rebuildPause // the others may be well soon
	}
	if time.Since(r.rebuiltAt) < wait {
		return true
	}
	if err := r.roomAgain(); err != nil {
		r.later(b, err)
		return true
	}
	r.ruin = nil
	ru, err := r.start(b.id)
	if err != nil {
		if r.ruin == nil { // or its log is damaged, which is another matter
			// Not once more: a store that does not open keeps its log locked.
			r.failed(b.why, err)
		}
		return true
	}
	r.rebuiltAt = time.Now()
	r.log.Info("the copy is open again", keyServer, ru.server)
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	r.resume(ctx, ru)
	return true
}

// failed notes that a broken copy stays one until the node is started again.
func (r *Replica) failed(why, err error) {
	r.log.Error("this copy is not rebuilt; it stays stopped until the node is started again", keyError, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = fmt.Errorf("%w; it is not rebuilt: %w", why, err)
}

// roomAgain says, as an error, that the disk has too little room for a copy that
// is opened again: its database is made anew, as large as it is, and then goes on.
func (r *Replica) roomAgain() error {
	free, err := r.cfg.room(r.cfg.Dir)
	if err != nil || free >= spareRoom { // opening will say what is wrong with the disk
		return nil
	}
	return fmt.Errorf("%d MiB are free in %s, and %d MiB are needed", free>>20, r.cfg.Dir, spareRoom>>20)
}

// rebuild moves a broken copy aside and opens an empty one in its place, once
// another member says that it is well. Only the tender calls it.
func (r *Replica) rebuild() {
	b := r.ruin
	if b == nil || r.again(b) || time.Since(r.rebuiltAt) < rebuildPause || !r.another(b) {
		return
	}
	ru, err := r.anew(b)
	r.rebuiltAt = time.Now()
	if err != nil { // a disk that is full has room later
		r.log.Warn("this copy is not rebuilt yet; it is tried again", keyError, err, "in", rebuildPause)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.broken = fmt.Errorf("%w; it is not rebuilt yet: %w", b.why, err)
		return
	}
	r.ruin = nil
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	r.resume(ctx, ru)
}

// anew goes on with a rebuilding where it was broken off.
func (r *Replica) anew(b *ruin) (*running, error) {
	if b.next == nil {
		if err := r.setAside(b); err != nil {
			return nil, err
		}
	}
	if b.next.Aside != "" {
		if err := finishAside(r.cfg.Dir, b.next); err != nil {
			return nil, err
		}
	}
	if b.tried { // what it left is nobody's
		list, err := rest(r.cfg.Dir)
		for _, name := range list {
			err = errors.Join(err, os.RemoveAll(filepath.Join(r.cfg.Dir, name)))
		}
		if err != nil {
			return nil, fmt.Errorf("replica: %w", err)
		}
	}
	b.tried = true
	return r.start(*b.next)
}

// rest is what lies in a directory beside the identity and broken copies.
func rest(dir string) (names []string, err error) {
	list, err := os.ReadDir(dir)
	for _, e := range list {
		if n := e.Name(); n != identityName && n != lockName && !strings.HasPrefix(n, brokenPrefix) {
			names = append(names, n)
		}
	}
	return names, err
}

// another reports whether copies on other nodes run and hold something: so many
// that the group decides without this one. Fewer would lose it for good when
// several copies broke together, and each made room for the first that is well.
func (r *Replica) another(b *ruin) bool {
	ctx, cancel := context.WithTimeout(r.ctx, probeTimeout)
	defer cancel()
	peers, want := b.voters, b.most
	if want == 0 {
		peers, want = b.others(r.mux.net.ID()), 1
	}
	found := make(chan bool, len(peers))
	for _, p := range peers {
		if !r.enter() {
			return false
		}
		go func() {
			defer r.leave()
			s, err := r.probe(ctx, p, b.id.server())
			if err != nil {
				r.log.Debug("another member does not answer", keyPeer, p, keyError, err)
			}
			found <- err == nil && s.known && s.last > 0
		}()
	}
	for range peers {
		if <-found {
			if want--; want == 0 {
				return true
			}
		}
	}
	return false
}

// probe asks a node once how its copy is, whichever that is.
func (r *Replica) probe(ctx context.Context, peer host.ID, from string) (state, error) {
	c, err := r.mux.dial(ctx, peer, header{kind: kindAsk, group: r.cfg.Group, from: from})
	if err != nil {
		return state{}, err
	}
	l := line{c: c}
	s, err := l.ask(ctx, 0)
	return s, errors.Join(err, abort(c))
}

// resume makes a store that was opened anew the one that runs, unless the
// replica was closed meanwhile.
func (r *Replica) resume(ctx context.Context, ru *running) {
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.ru, r.broken, r.rebuilt = ru, nil, ru.id.Rebuilt
	}
	r.mu.Unlock()
	if closed {
		if err := ru.stop(ctx); err != nil {
			r.log.Error("close", keyError, err)
		}
		return
	}
	r.watchers.tell()
}

// brokenPrefix begins the names of directories of broken copies.
const brokenPrefix = "broken-"

// setAside gives a directory a new incarnation, which says where what is in it is
// to be moved.
func (r *Replica) setAside(b *ruin) error {
	dir, id, why := r.cfg.Dir, b.id, b.why
	next := identity{
		Format: format, Group: id.Group, Peer: id.Peer, Incarnation: newIncarnation(), Members: b.id.Members, Rebuilt: true,
		Aside: brokenPrefix + time.Now().UTC().Format("20060102T150405.000"),
	}
	if err := forgetBroken(dir); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, next.Aside), 0o700); err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	if err := host.WriteFile(filepath.Join(dir, next.Aside, "why.txt"), []byte(id.server()+"\n"+why.Error()+"\n")); err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	// From here on what is in the directory is nobody's, even if the process ends.
	if err := next.write(dir); err != nil {
		return err
	}
	b.next = &next
	r.log.Error("a broken copy is moved aside; this one is empty and must be added to the group again",
		"broken", id.server(), keyServer, next.server(), "aside", filepath.Join(dir, next.Aside), keyError, why)
	return nil
}

// forgetBroken removes broken copies from before: only the last is kept.
func forgetBroken(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, brokenPrefix+"*"))
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	for _, d := range old {
		if err := os.RemoveAll(d); err != nil {
			return fmt.Errorf("replica: %w", err)
		}
	}
	return nil
}

// finishAside moves everything but the identity to where it says.
func finishAside(dir string, id *identity) error {
	aside := filepath.Join(dir, id.Aside)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	list, err := rest(dir)
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	for _, name := range list {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil {
			return fmt.Errorf("replica: move a broken copy aside: %w", err)
		}
	}
	done := *id
	done.Aside = ""
	if err := done.write(dir); err != nil {
		return err
	}
	*id = done
	return nil
}

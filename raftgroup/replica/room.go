package replica

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// ErrNoRoom says that a snapshot was not begun because the disk has too little
// room for it. Everything else goes on.
var ErrNoRoom = errors.New("replica: the disk has too little room for a snapshot")

const (
	// spareRoom is what must be left beside a snapshot, for the log.
	spareRoom = 8 << 20
	// warnRoom is how often a lack of room is written about.
	warnRoom = time.Minute
	// fullName is the file by which rqlite knows that the next snapshot must hold
	// the whole database.
	fullName = "FULL_NEEDED"
	// snapshotLost is what rqlite's store logs before it writes that file, after a
	// snapshot that did not succeed. When it cannot, it ends the process.
	snapshotLost = "Persisting snapshot did not succeed"
)

// checkRoom is ErrNoRoom when a snapshot would not fit on the disk. One that is
// begun and fails half-way costs more than one that is not begun: what was cut off
// SQLite's log is in no snapshot then, and the next must be whole.
func (r *Replica) checkRoom() error {
	free, err := r.cfg.room(r.cfg.Dir)
	if err != nil {
		return nil // the snapshot itself will say what is wrong with the disk
	}
	if need := r.snapshotNeeds(); free < need {
		return fmt.Errorf("%w: %d MiB are free in %s, and %d MiB are needed; until there is room, its logs grow",
			ErrNoRoom, free>>20, r.cfg.Dir, (need+1<<20-1)>>20)
	}
	return nil
}

// snapshotNeeds is how much the next snapshot may write at most.
func (r *Replica) snapshotNeeds() int64 {
	db, wal := size(r.Path()), size(r.Path()+"-wal")
	dir := filepath.Join(r.cfg.Dir, snapshotsDir)
	_, err := os.Stat(filepath.Join(dir, fullName))
	list, lerr := snaps(dir)
	if !errors.Is(err, fs.ErrNotExist) || lerr != nil || len(list) == 0 {
		// The log goes into the database, which may grow by it, and is copied.
		return db + 2*wal + spareRoom
	}
	// The log is copied, goes into the database, and into that of the snapshot.
	return 3*wal + spareRoom
}

// short notes that there is no room for a snapshot, or with nil that there is, for
// Status. It reports whether it is to be written about. Only the tender calls it.
func (r *Replica) short(d *due, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.problem = ""
		return false
	}
	r.problem = err.Error()
	if time.Since(d.warned) < warnRoom {
		return false
	}
	d.warned = time.Now()
	return true
}

// noteFull notes that the next snapshot must be whole.
func (r *Replica) noteFull() error {
	f, err := os.Create(filepath.Join(r.cfg.Dir, snapshotsDir, fullName))
	if err != nil {
		return err
	}
	return f.Close()
}

// unfinished notes that the next snapshot must be whole when one was written, but
// could not be put in its place: SQLite's log was cut for it. rqlite's store does
// that only for those that could not be written.
func (r *Replica) unfinished(err error) {
	if !strings.Contains(err.Error(), "failed to close snapshot") {
		return
	}
	if err := r.noteFull(); err != nil {
		r.Break(fmt.Errorf("%w: %w", errNotNoted, err))
	}
}

// errNotNoted says that a snapshot failed and that this could not be noted.
var errNotNoted = errors.New("replica: a snapshot failed, and that the next one must be whole cannot be noted")

// snapshotFailed is called by the log of rqlite's store, on raft's goroutine for
// snapshots, before the store notes that the next must be whole. Where that is
// not possible the store would end the process, with all other groups on it: so
// the copy is broken instead, and this goroutine of raft's, which is good for
// snapshots only, ends. Who waits for the snapshot is told by ru.unnoted.
func (ru *running) snapshotFailed() {
	err := ru.r.noteFull()
	if err == nil {
		return
	}
	ru.once.Do(func() { close(ru.unnoted) })
	ru.r.Break(fmt.Errorf("%w: %w", errNotNoted, err))
	runtime.Goexit()
}

// isSnapshotLost reports whether a line of the store's log says so.
func isSnapshotLost(line string) bool { return strings.HasPrefix(line, snapshotLost) }

package replica

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A snapshot that does not fit on the disk is not begun; all else goes on, and
// Status says so until there is room.
func TestNoRoomForASnapshot(t *testing.T) {
	var free atomic.Int64
	cfg := quick()
	cfg.SnapshotLogs = 5
	cfg.room = func(string) (int64, error) { return free.Load(), nil }
	n := cluster(t, 1, cfg)[0]
	ru, err := n.r.current()
	if err != nil {
		t.Fatal(err)
	}
	fill(t, n, 200)
	until(t, "it is said", func() bool { return strings.Contains(n.r.Status().Problem, "too little room") })
	need := n.r.snapshotNeeds()
	if db := size(n.r.Path()); need < db+size(n.r.Path()+"-wal")+spareRoom {
		t.Errorf("the first snapshot needs %d bytes, of a database of %d", need, db)
	}
	free.Store(need - 1)
	if err := n.r.Snapshot(within(t)); !errors.Is(err, ErrNoRoom) {
		t.Errorf("snapshot: %v", err)
	}
	if err := sql(n, "INSERT INTO t VALUES (1, 'goes on')"); err != nil {
		t.Error(err)
	}
	if got := ru.snapshots.Load(); got != 0 {
		t.Errorf("%d snapshots without room", got)
	}

	free.Store(math.MaxInt64)
	until(t, "a snapshot is taken", func() bool { return ru.snapshots.Load() > 0 })
	until(t, "nothing is wrong", func() bool { return n.r.Status().Problem == "" })
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	// The next one holds only what has changed.
	if db, need := size(n.r.Path()), n.r.snapshotNeeds(); need != 3*size(n.r.Path()+"-wal")+spareRoom || need >= db+spareRoom {
		t.Errorf("the next snapshot needs %d bytes, of a database of %d", need, db)
	}
	if err := os.WriteFile(filepath.Join(n.r.cfg.Dir, snapshotsDir, fullName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, need := size(n.r.Path()), n.r.snapshotNeeds(); need < db+spareRoom {
		t.Errorf("a whole snapshot needs %d bytes, of a database of %d", need, db)
	}
	if free, err := diskRoom(n.r.cfg.Dir); err != nil || free <= 0 {
		t.Errorf("%d bytes are free, %v", free, err)
	}
	if _, err := diskRoom(filepath.Join(n.r.cfg.Dir, "none")); err == nil {
		t.Error("a directory that is not there has room")
	}
}

// rqlite's store ends the process when it cannot note that a snapshot failed. Here
// the copy is broken, and built anew from the others. In a process of its own: it
// could end, and a goroutine waits for the snapshot for ever.
func TestSnapshotThatCannotBeNoted(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), childEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	nodes := cluster(t, 4, calm()) // so that three are left, of whom two are a majority
	lead, victim := nodes[0], nodes[1]
	fill(t, lead, 10)
	until(t, "it has everything", func() bool { return count(victim, "SELECT count(*) FROM t") == 10 })
	// The file cannot be made where a link leads nowhere.
	if err := os.Symlink(filepath.Join(victim.dir, "none", "none"), filepath.Join(victim.r.cfg.Dir, snapshotsDir, fullName)); err != nil {
		t.Fatal(err)
	}
	// raft refuses a snapshot after a change of the members, which is a failed one
	// for the store.
	if err := lead.r.Remove(within(t), nodes[3].r.Server()); err != nil {
		t.Fatal(err)
	}
	until(t, "it knows", func() bool {
		m, err := victim.r.Members(within(t))
		l, v := lead.r.Status(), victim.r.Status()
		return err == nil && len(m) == 3 && v.Commit == l.Commit && v.Applied == l.Commit
	})
	was := victim.r.Server()
	if err := victim.r.Snapshot(within(t)); !errors.Is(err, errNotNoted) && !errors.Is(err, ErrBroken) {
		t.Fatalf("snapshot: %v", err)
	}
	until(t, "it is built anew", func() bool { s := victim.r.Status(); return s.Rebuilt && s.Server != was })
}

// What was cut off SQLite's log for a snapshot that was not put in its place is in
// no snapshot: the next one is whole.
func TestSnapshotThatIsNotPutInPlace(t *testing.T) {
	cfg := quick()
	cfg.SnapshotLogs = 1 << 40 // none by itself
	n := cluster(t, 1, cfg)[0]
	fill(t, n, 10)
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	ru, err := n.r.current()
	if err != nil {
		t.Fatal(err)
	}
	fail := func(text string) {
		t.Helper()
		n.r.snap.Lock()
		take := ru.snapshot
		ru.snapshot = func(uint64) error { return errors.New(text) }
		n.r.snap.Unlock()
		if err := n.r.Snapshot(within(t)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("snapshot: %v", err)
		}
		n.r.snap.Lock()
		ru.snapshot = take
		n.r.snap.Unlock()
	}
	full := filepath.Join(n.r.cfg.Dir, snapshotsDir, fullName)
	fail("failed to start snapshot: database is locked") // nothing was cut
	if _, err := os.Stat(full); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a whole snapshot is asked for: %v", err)
	}
	fail("failed to close snapshot: no space left on device")
	if _, err := os.Stat(full); err != nil {
		t.Errorf("no whole snapshot is asked for: %v", err)
	}
	if err := sql(n, "INSERT INTO t VALUES (1, 'on')"); err != nil {
		t.Fatal(err)
	}
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(full); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a whole snapshot another is asked for: %v", err)
	}
	// Where it cannot be noted, the copy is broken.
	if err := os.Symlink(filepath.Join(n.dir, "none", "none"), full); err != nil {
		t.Fatal(err)
	}
	fail("failed to close snapshot: no space left on device")
	until(t, "the copy is broken", func() bool { return strings.Contains(n.r.Status().Broken, "cannot be noted") })
}

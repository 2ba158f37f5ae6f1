package replica

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/conn"
)

// applied is what SELECT weft_apply did in these tests: an entry is a statement.
type applied struct {
	mu    sync.Mutex
	paths map[string]int
}

func (a *applied) apply(c *conn.Conn, path string, entry []byte) error {
	ctx := context.Background()
	a.mu.Lock()
	a.paths[path]++
	a.mu.Unlock()
	if text := string(entry); text == "fail" {
		return errors.New("the disk is full")
	}
	return c.Atomic(ctx, func() error {
		_, err := c.Ask(ctx, string(entry))
		return err
	})
}

func TestEntriesAreApplied(t *testing.T) {
	a := &applied{paths: map[string]int{}}
	if err := conn.OnApply(a.apply); err != nil {
		t.Fatal(err)
	}
	nodes := cluster(t, 3, calm())
	for _, s := range []string{
		"CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p INTEGER REFERENCES p ON DELETE CASCADE)",
		"INSERT INTO p VALUES (1), (2)", "INSERT INTO c VALUES (1), (1), (2)", "DELETE FROM p WHERE id = 1",
	} {
		if err := nodes[0].r.Propose(within(t), []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	var failed *ApplyError
	if err := nodes[0].r.Propose(within(t), []byte("fail")); !errors.As(err, &failed) || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("an entry that fails: %v", err)
	}
	for _, n := range nodes {
		// The rows that pointed at the first are gone with it: keys are checked.
		until(t, "all is applied", func() bool { return count(n, "SELECT count(*) FROM c") == 1 })
		a.mu.Lock()
		if a.paths[n.r.Path()] == 0 {
			t.Errorf("%s: %v", n.r.Path(), a)
		}
		a.mu.Unlock()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := nodes[0].r.Propose(ctx, []byte("SELECT 1")); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknown) {
		t.Errorf("a caller who is gone: %v", err)
	}
	// A large entry.
	if err := nodes[0].r.Propose(within(t), []byte("INSERT INTO p VALUES (3) -- "+strings.Repeat("x", 2<<20))); err != nil {
		t.Error(err)
	}
}

func TestGivesUp(t *testing.T) {
	nodes := cluster(t, 3, quick())
	fillAny(t, nodes, 1)
	l := leader(t, nodes...)
	l.net.sever(true, ids(others(nodes, l))...)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := l.r.Propose(ctx, []byte("SELECT 1"))
	if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrNotLeader) && !errors.Is(err, context.DeadlineExceeded) { // the last is of one that was not begun
		t.Errorf("without a majority: %v", err)
	}
	until(t, "it notices", func() bool { return errors.Is(l.r.Propose(within(t), nil), ErrNotLeader) })
	l.net.sever(false, ids(others(nodes, l))...)
}

// TestSnapshotFromTheLeader has a follower so far behind that it gets a snapshot.
func TestSnapshotFromTheLeader(t *testing.T) {
	cfg := calm()
	cfg.Trailing = 1
	nodes := cluster(t, 3, cfg)
	fill(t, nodes[0], 20)
	last := nodes[2]
	until(t, "it has everything", func() bool { return count(last, "SELECT count(*) FROM t") == 20 })
	before, err := os.Stat(last.r.Path())
	if err != nil {
		t.Fatal(err)
	}
	last.net.sever(true, ids(nodes[:2])...)
	l := leader(t, nodes[:2]...)
	for range 20 {
		if err := sql(l, "INSERT INTO t VALUES (1, '')"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	last.net.sever(false, ids(nodes[:2])...)
	until(t, "it has everything", func() bool { return count(last, "SELECT count(*) FROM t") == 40 })
	after, err := os.Stat(last.r.Path())
	if err != nil || os.SameFile(before, after) {
		t.Errorf("the file was not replaced: %v", err)
	}
	until(t, "its snapshot is sealed", func() bool {
		list, err := snaps(filepath.Join(last.cfg.Dir, snapshotsDir))
		return err == nil && len(list) == 1 && list[0].verify() == nil
	})
	last.closeReplica()
	last.open()
	if s := last.r.Status(); s.Rebuilt || s.Snapshot == 0 {
		t.Errorf("%+v", s)
	}
	until(t, "it has everything", func() bool { return count(last, "SELECT count(*) FROM t") == 40 })
}

// copyDir copies what a process that is killed now would leave.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKilledInASnapshot opens what a process leaves that is killed at different
// points of a snapshot.
func TestKilledInASnapshot(t *testing.T) {
	cfg := quick()
	cfg.Trailing = 1000
	n := cluster(t, 1, cfg)[0]
	fill(t, n, 20)
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := sql(n, "INSERT INTO t VALUES (1, 'last')"); err != nil {
		t.Fatal(err)
	}
	dir := n.cfg.Dir
	kept := dir + "-kept"
	copyDir(t, dir, kept) // nothing is being written: as if it was killed here
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	n.closeReplica()
	olds, err := snaps(filepath.Join(kept, snapshotsDir))
	if err != nil || len(olds) != 1 {
		t.Fatal(olds, err)
	}
	news, err := snaps(filepath.Join(dir, snapshotsDir))
	if err != nil || len(news) != 1 {
		t.Fatal(news, err)
	}
	after := dir + "-after"
	copyDir(t, dir, after)
	copyFile := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newDir := func(suffix string) string {
		d := filepath.Join(dir, snapshotsDir, news[0].meta.ID+suffix)
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
		return d
	}
	meta := filepath.Join(after, snapshotsDir, news[0].meta.ID, "meta.json")
	wal := filepath.Join(kept, sqliteName+"-wal")
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"before", func() {}},
		{"while it is written", func() { copyFile(meta, filepath.Join(newDir(".tmp"), "meta.json")) }},
		{"before it is merged", func() {
			copyFile(meta, filepath.Join(newDir(""), "meta.json"))
			copyFile(wal, filepath.Join(dir, snapshotsDir, news[0].meta.ID+".db-wal"))
		}},
		{"while it is merged", func() {
			copyFile(meta, filepath.Join(newDir(""), "meta.json"))
			copyFile(wal, filepath.Join(dir, snapshotsDir, news[0].meta.ID+".db-wal"))
			old := filepath.Join(dir, snapshotsDir, olds[0].meta.ID+".db")
			if err := os.Rename(old, filepath.Join(dir, snapshotsDir, news[0].meta.ID+".db")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			copyDir(t, kept, dir)
			c.do()
			n.open()
			leader(t, n)
			until(t, "everything is there", func() bool { return count(n, "SELECT count(*) FROM t WHERE b = 'last'") == 1 })
			if got := count(n, "SELECT count(*) FROM t"); got != 21 {
				t.Errorf("%d rows", got)
			}
			until(t, "the snapshot is sealed", func() bool {
				list, err := snaps(filepath.Join(dir, snapshotsDir))
				return err == nil && list[len(list)-1].verify() == nil
			})
			n.closeReplica()
		})
	}
}

func TestStrangersAreRefused(t *testing.T) {
	cfg := quick()
	cfg.Trust = func(host.ID) bool { return false }
	n := cluster(t, 1, cfg)[0]
	stranger := newNode(t, quick())
	meet(t, n, stranger)
	for _, c := range []struct {
		h    header
		want byte
	}{
		{header{kind: kindRaft, group: "test", to: n.r.Server()}, answerForbidden},
		{header{kind: kindAsk, group: "test"}, answerForbidden},
		{header{kind: kindRaft, group: "other"}, answerNoGroup},
	} {
		var no *refusal
		if _, err := stranger.mux.dial(within(t), n.host.ID(), c.h); !errors.As(err, &no) || no.code != c.want {
			t.Errorf("%+v: %v", c.h, err)
		} else if no.Error() == "" {
			t.Error("it says nothing")
		}
	}
	// Another incarnation is refused with the name of the one that is there.
	var no *refusal
	if _, err := n.mux.dial(within(t), stranger.host.ID(), header{kind: kindRaft, group: "test", to: serverName(stranger.host.ID(), "00")}); !errors.As(err, &no) || no.code != answerOther || no.text != stranger.r.Server() {
		t.Errorf("another incarnation: %v", err)
	}
	if c, err := n.mux.dial(within(t), stranger.host.ID(), header{kind: kindAsk, group: "test"}); err != nil {
		t.Error(err)
	} else if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A copy that has just been opened lets those in who were members before: raft
// says only later who they are, and nobody is elected until then.
func TestMembersAreTrustedFromTheStart(t *testing.T) {
	nodes := cluster(t, 3, calm())
	stranger := newNode(t, quick())
	n := nodes[2]
	until(t, "the members are written down", func() bool {
		id, err := readIdentity(n.cfg.Dir, "test", n.host.ID(), nil)
		return err == nil && len(id.Members) == 3
	})
	n.closeReplica()
	n.cfg.Trust = func(host.ID) bool { return false }
	n.open()
	ru, err := n.r.current()
	if err != nil {
		t.Fatal(err)
	}
	ru.handle.Store(nil) // as it is until the first event
	if !n.r.trusts(ru, nodes[0].host.ID()) || !n.r.trusts(ru, nodes[1].host.ID()) {
		t.Error("a member is refused")
	}
	if n.r.trusts(ru, stranger.host.ID()) {
		t.Error("a stranger is let in")
	}
}

func TestAge(t *testing.T) {
	nodes := cluster(t, 3, calm())
	if got := nodes[0].r.Age(); got != 0 {
		t.Errorf("the leader heard from itself %s ago", got)
	}
	until(t, "a follower hears from the leader", func() bool { return nodes[1].r.Age() < 300*time.Millisecond })
	nodes[1].net.sever(true, nodes[0].host.ID(), nodes[2].host.ID())
	until(t, "it does not any more", func() bool { return nodes[1].r.Age() > 400*time.Millisecond })
	nodes[1].net.sever(false, nodes[0].host.ID(), nodes[2].host.ID())
	until(t, "it does again", func() bool { return nodes[1].r.Age() < 300*time.Millisecond })
}

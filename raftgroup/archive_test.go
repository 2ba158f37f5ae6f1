package raftgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftdb/weft/raftgroup/archive"
	"github.com/weftdb/weft/raftgroup/conn"
)

// A copy that differed and was made anew has archived both what it computed
// wrongly and what is right, and its archive alone leads to what is right.
func TestArchiveOfCopyMadeAnew(t *testing.T) {
	c, dir := newArchived(t, 3)
	lead, other := c.leader(t), c.follower(t)
	run1(t, lead.g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t (v) VALUES (1), (2)")
	c.same(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, lead.g, backup)
	was := other.g.Replica().Server()
	a := appliers.find(other.g.Replica().Path())
	done := false
	a.hook = func(c *conn.Conn) error {
		if done {
			return nil
		}
		done = true
		_, err := c.Ask(background, "DELETE FROM t WHERE id = 2")
		return err
	}
	run1(t, lead.g, "UPDATE t SET v = v + 1") // two rows on one copy, one on the other
	update := pointOf(t, lead.g)
	until(t, "the follower is rebuilt", func() bool {
		s := other.g.Replica().Server()
		return s != "" && s != was
	})
	c.add(t, other, true)
	run1(t, lead.g, "INSERT INTO t (v) VALUES (3)")
	c.same(t)
	end := pointOf(t, lead.g)
	var own string
	for i, n := range c.nodes {
		if n == other {
			own = filepath.Join(dir, fmt.Sprint(i))
		}
	}
	reaches(t, own, end.seq)
	chains := map[int64]map[archive.Chain]bool{}
	for _, r := range kept1(t, own) {
		if chains[r.Sequence][r.After] {
			t.Errorf("entry %d is archived twice", r.Sequence)
		}
		if chains[r.Sequence] == nil {
			chains[r.Sequence] = map[archive.Chain]bool{}
		}
		chains[r.Sequence][r.After] = true
	}
	if n := len(chains[update.seq]); n != 2 {
		t.Errorf("the entry that the copy applied in two ways is there in %d", n)
	}
	for _, p := range []point{update, end} {
		made(t, backup, Moment{Group: "test", Archives: []string{own}, Until: p.at}, p)
	}
}

// What the archive lost and the log still has is archived when the log is applied
// again.
func TestArchiveFromLog(t *testing.T) {
	c, dir := newArchived(t, 1)
	n := c.nodes[0]
	run1(t, n.g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, n.g, backup)
	for range 5 {
		run1(t, n.g, "INSERT INTO t DEFAULT VALUES")
	}
	end := pointOf(t, n.g)
	for _, lose := range []func(path string) error{
		func(path string) error { return os.Truncate(path, size(t, path)-5) },
		os.Remove,
	} {
		if err := n.g.Close(); err != nil {
			t.Fatal(err)
		}
		n.g = nil
		list, err := archive.Find("test", dir)
		if err != nil {
			t.Fatal(err)
		}
		last := list[len(list)-1]
		if last.Last != end.seq {
			t.Fatalf("the archive ends at %d", last.Last)
		}
		if err := lose(last.Path); err != nil {
			t.Fatal(err)
		}
		n.open(t)
		until(t, "a leader", n.g.Replica().IsLeader)
		run1(t, n.g, "INSERT INTO t DEFAULT VALUES")
		end = pointOf(t, n.g)
		reaches(t, dir, end.seq)
		made(t, backup, Moment{Group: "test", Archives: []string{dir}}, end)
	}
}

// A copy that came from another node as a whole leaves a gap in its node's
// archive, which is told, and which the archive of that node fills.
func TestArchiveOfCopyFromSnapshot(t *testing.T) {
	dir := t.TempDir()
	c := newClusterOf(t, 3, func(i int) Config {
		cfg := calm()
		cfg.Archive, cfg.Replica.Trailing = archived(dir, i), 1
		return cfg
	})
	ctx := within(t, 120*time.Second)
	lead, other := c.leader(t), c.follower(t)
	run1(t, lead.g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	c.same(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, lead.g, backup)
	start := pointOf(t, lead.g)
	if err := other.g.Close(); err != nil {
		t.Fatal(err)
	}
	other.g = nil
	for range 20 {
		run1(t, lead.g, "INSERT INTO t DEFAULT VALUES")
	}
	if err := lead.g.Replica().Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	other.open(t)
	c.same(t)
	run1(t, lead.g, "INSERT INTO t DEFAULT VALUES")
	c.same(t)
	end := pointOf(t, lead.g)
	var own, whole string
	for i, n := range c.nodes {
		at := filepath.Join(dir, fmt.Sprint(i))
		switch n {
		case other:
			own = at
		case lead:
			whole = at
		}
	}
	reaches(t, own, end.seq)
	reaches(t, whole, end.seq)
	list, err := archive.Find("test", own)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Last != start.seq || list[1].First <= start.seq+1 {
		t.Fatalf("there is no gap: %+v", list)
	}
	refused(t, backup, Moment{Group: "test", Archives: []string{own}},
		fmt.Sprintf("missing in the archives: %d to %d", start.seq+1, list[1].First-1), "possible up to "+moment(start.at))
	made(t, backup, Moment{Group: "test", Archives: []string{own, whole}}, end)
}

package raftgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/archive"
	"github.com/weftdb/weft/raftgroup/conn"
)

// archived is a configuration whose entries go below a directory.
func archived(dir string, n int) archive.Config {
	return archive.Config{Dir: filepath.Join(dir, fmt.Sprint(n)), Node: fmt.Sprint(n), Sync: 20 * time.Millisecond, Retry: 20 * time.Millisecond}
}

// forward is a clock of which no two times are one, also when that of the machine
// is set back.
func forward() func() time.Time {
	var mu sync.Mutex
	last := time.Now()
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		last = last.Add(max(time.Since(last), time.Microsecond))
		return last
	}
}

// newArchived is newCluster with an archive on each node; dir is above them.
func newArchived(t *testing.T, n int) (c *cluster, dir string) {
	t.Helper()
	dir = t.TempDir()
	clock := forward()
	c = newClusterOf(t, n, func(i int) (cfg Config) {
		if n > 1 {
			cfg = calm()
		}
		cfg.Archive, cfg.Clock = archived(dir, i), clock
		return cfg
	})
	return c, dir
}

// hashOf is the hash of the content of a file.
func hashOf(t testing.TB, path string) (hash string, st state) {
	t.Helper()
	ctx := context.Background()
	c, err := conn.Open(path, conn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v := &viewer{Conn: c}
	if hash, err = v.hash(ctx); err != nil {
		t.Fatal(err)
	}
	if st, err = readState(ctx, c); err != nil {
		t.Fatal(err)
	}
	return hash, st
}

// point is what a group was at some moment.
type point struct {
	hash string
	seq  int64
	at   time.Time
}

func pointOf(t testing.TB, g *Group) point {
	t.Helper()
	ctx := within(t, time.Minute)
	hash, seq, err := g.Hash(ctx)
	if err != nil {
		t.Fatal(err)
	}
	st, err := g.state(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if st.sequence != seq {
		t.Fatalf("the group moved from %d to %d", seq, st.sequence)
	}
	return point{hash, seq, time.UnixMicro(st.stamp)}
}

func backupTo(t testing.TB, g *Group, path string) {
	t.Helper()
	var b bytes.Buffer
	if err := g.Backup(within(t, time.Minute), &b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reaches waits until an archive holds an entry.
func reaches(t testing.TB, dir string, seq int64) {
	t.Helper()
	until(t, fmt.Sprintf("entry %d in %s", seq, dir), func() bool {
		list, err := archive.Find("test", dir)
		if err != nil {
			return false
		}
		for _, s := range list {
			if s.Last >= seq {
				return true
			}
		}
		return false
	})
}

// refused checks that a restore is refused with some words, and leaves nothing.
func refused(t *testing.T, backup string, m Moment, words ...string) {
	t.Helper()
	dir := t.TempDir()
	_, err := PointInTime(within(t, 60*time.Second), backup, filepath.Join(dir, "out.db"), m)
	if op.CodeOf(err) != op.CodeValidation {
		t.Errorf("%s: %v", op.CodeOf(err), err)
	}
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in %v", w, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// made checks that a restore gives what the group was at a point.
func made(t *testing.T, backup string, m Moment, p point) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.db")
	r, err := PointInTime(within(t, 60*time.Second), backup, out, m)
	if err != nil {
		t.Fatal(err)
	}
	hash, st := hashOf(t, out)
	if hash != p.hash || st.sequence != p.seq || r.Sequence != p.seq || !r.Stamp.Equal(p.at) {
		t.Errorf("%+v at %d, hash %s; it was at %d of %s, hash %s", r, st.sequence, hash, p.seq, p.at, p.hash)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 1 {
		t.Errorf("beside the file are %v, %v", left, err)
	}
	return out
}

// write makes entries of many kinds and gives the points after each.
func write(t testing.TB, c *cluster, round int) (points []point) {
	t.Helper()
	lead, other := c.leader(t).g, c.follower(t).g
	step := func(g *Group, list ...string) {
		run1(t, g, list...)
		points = append(points, pointOf(t, lead))
	}
	step(lead, fmt.Sprintf("CREATE TABLE t%d (id INTEGER PRIMARY KEY, v TEXT DEFAULT CURRENT_TIMESTAMP, n INTEGER)", round))
	step(other, fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO t%d (v, n) SELECT hex(randomblob(20)), random() FROM n", round))
	for i := range 5 {
		step(lead, fmt.Sprintf("INSERT INTO t%d (n) VALUES (%d)", round, i), fmt.Sprintf("UPDATE t%d SET n = n + 1 WHERE id %% 3 = %d", round, i%3))
	}
	_, err := lead.Run(within(t, time.Minute), door.Request{Statements: []door.Statement{ // of which one fails
		{SQL: fmt.Sprintf("INSERT INTO t%d (id) VALUES (1)", round)}, {SQL: fmt.Sprintf("DELETE FROM t%d WHERE id = 2", round)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	points = append(points, pointOf(t, lead))
	return points
}

// A backup of a cluster of three is brought to every moment after it, by the
// archive of each node, and through a restore into the cluster.
func TestPointInTime(t *testing.T) {
	c, dir := newArchived(t, 3)
	ctx := within(t, 120*time.Second)
	write(t, c, 0)
	backup := filepath.Join(t.TempDir(), "backup.db")
	lead := c.leader(t).g
	start := pointOf(t, lead)
	backupTo(t, lead, backup)
	points := append([]point{start}, write(t, c, 1)...)
	kept := points[len(points)-3]
	for i := range 3 {
		reaches(t, filepath.Join(dir, fmt.Sprint(i)), points[len(points)-1].seq)
	}
	for i, p := range points {
		m := Moment{Group: "test", Archives: []string{filepath.Join(dir, fmt.Sprint(i%3))}, Until: p.at}
		made(t, backup, m, p)
		if i+1 < len(points) { // just before the next one
			m.Until = points[i+1].at.Add(-time.Microsecond)
			made(t, backup, m, p)
		}
	}
	last := points[len(points)-1]
	made(t, backup, Moment{Group: "test", Archives: []string{dir}}, last)
	refused(t, backup, Moment{Group: "test", Archives: []string{dir}, Until: start.at.Add(-time.Second)}, "before the backup", moment(start.at), moment(last.at))
	refused(t, backup, Moment{Group: "test", Archives: []string{dir}, Until: last.at.Add(time.Second)}, "after the last archived entry", moment(start.at), moment(last.at))
	refused(t, backup, Moment{Group: "other", Archives: []string{dir}}, "none of the group other", "test")

	// The cluster goes back, and on: both are part of one history.
	f, err := os.Open(made(t, backup, Moment{Group: "test", Archives: []string{dir}, Until: kept.at}, kept))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lead.Restore(ctx, f); err != nil {
		t.Fatal(err)
	}
	back := pointOf(t, lead)
	if back.hash != kept.hash {
		t.Errorf("the cluster has not what it was restored to")
	}
	after := write(t, c, 2)
	end := after[len(after)-1]
	reaches(t, filepath.Join(dir, "1"), end.seq)
	one := Moment{Group: "test", Archives: []string{filepath.Join(dir, "1")}}
	for _, p := range []point{kept, last, back, after[2], end} {
		one.Until = p.at
		made(t, backup, one, p)
	}
	c.same(t)
}

// A node that is opened again goes on where its archive ends, writes nothing
// twice, and what was torn by its end is passed over.
func TestArchiveGoesOn(t *testing.T) {
	c, dir := newArchived(t, 1)
	n := c.nodes[0]
	run1(t, n.g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, n.g, backup)
	var points []point
	for range 3 {
		for range 4 {
			run1(t, n.g, "INSERT INTO t DEFAULT VALUES")
			points = append(points, pointOf(t, n.g))
		}
		if err := n.g.Close(); err != nil {
			t.Fatal(err)
		}
		n.g = nil
		n.open(t)
		until(t, "a leader", n.g.Replica().IsLeader)
	}
	run1(t, n.g, "INSERT INTO t DEFAULT VALUES")
	end := pointOf(t, n.g)
	reaches(t, dir, end.seq)
	list, err := archive.Find("test", dir)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(1)
	for _, s := range list {
		if s.First != next || s.Torn != nil {
			t.Errorf("%s holds %d to %d (%v); %d is the next", s.Path, s.First, s.Last, s.Torn, next)
		}
		next = s.Last + 1
	}
	if len(list) != 4 {
		t.Errorf("there are %d segments", len(list))
	}
	// As after a kill: the last segment ends in the middle of an entry.
	f, err := os.OpenFile(list[2].Path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write([]byte{0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3})
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, p := range append(points, end) {
		made(t, backup, Moment{Group: "test", Archives: []string{dir}, Until: p.at}, p)
	}
	// One that lost an entry leaves a gap, which another archive fills.
	whole := t.TempDir()
	if err := os.CopyFS(whole, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(list[1].Path, size(t, list[1].Path)-3); err != nil {
		t.Fatal(err)
	}
	lost := list[1].Last
	before := points[0]
	for _, p := range points {
		if p.seq == lost-1 {
			before = p
		}
	}
	m := Moment{Group: "test", Archives: []string{dir}}
	refused(t, backup, m, fmt.Sprintf("missing in the archives: %d to %d", lost, lost), "possible up to "+moment(before.at), "torn or damaged", list[1].Path)
	m.Until = end.at
	refused(t, backup, m, "possible up to "+moment(before.at))
	m.Until = before.at
	made(t, backup, m, before)
	m.Archives, m.Until = []string{dir, whole}, time.Time{}
	made(t, backup, m, end)
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// full is a disk that takes nothing while it is full.
type full struct {
	mu sync.Mutex
	is bool
}

func (d *full) set(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.is = is
}

func (d *full) check() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.is {
		return errors.New("no space left on device")
	}
	return nil
}

type fullFile struct {
	*os.File
	d *full
}

func (f fullFile) Write(b []byte) (int, error) {
	if err := f.d.check(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f fullFile) Sync() error { return errors.Join(f.d.check(), f.File.Sync()) }

// Two nodes whose disks are full at other times go on, and their archives make
// one whole.
func TestArchiveDiskFull(t *testing.T) {
	dir := t.TempDir()
	var disks [2]full
	c := newClusterOf(t, 3, func(i int) Config {
		cfg := calm()
		if i == 2 {
			return cfg
		}
		a := archived(dir, i)
		a.Queue = 1 // one entry waits, the others are left out
		a.Open = func(path string) (archive.File, error) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			return fullFile{f, &disks[i]}, err
		}
		cfg.Archive = a
		return cfg
	})
	lead := c.leader(t).g
	settle := func(i int) { // nothing waits
		until(t, "the archive to be written", func() bool {
			s := c.nodes[i].g.archive.Stats()
			info, err := c.nodes[i].g.Info(within(t, time.Minute))
			return err == nil && s.Written+s.Missed >= uint64(info.Sequence)
		})
	}
	insert := func() {
		run1(t, lead, "INSERT INTO t DEFAULT VALUES")
		c.same(t)
		for i := range 2 {
			if disks[i].check() == nil {
				settle(i)
			}
		}
	}
	run1(t, lead, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	c.same(t)
	settle(0)
	settle(1)
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, lead, backup)
	for i := range 4 {
		disks[i%2].set(true)
		for range 6 {
			insert()
		}
		disks[i%2].set(false)
		settle(i % 2)
		insert()
	}
	end := pointOf(t, lead)
	for i := range 2 {
		settle(i)
		if s := c.nodes[i].g.archive.Stats(); s.Missed == 0 || s.Failing {
			t.Errorf("the archive of node %d: %+v", i, s)
		}
		refused(t, backup, Moment{Group: "test", Archives: []string{filepath.Join(dir, fmt.Sprint(i))}}, "missing in the archives")
	}
	made(t, backup, Moment{Group: "test", Archives: []string{filepath.Join(dir, "0"), filepath.Join(dir, "1")}}, end)
}

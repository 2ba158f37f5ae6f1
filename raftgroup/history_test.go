package raftgroup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/raftgroup/archive"
)

// kept1 reads all entries of an archive, in order.
func kept1(t testing.TB, dir string) (list []archive.Record) {
	t.Helper()
	segments, err := archive.Find("test", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		r, err := archive.OpenSegment(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		for {
			x, err := r.Next()
			if err != nil {
				break
			}
			list = append(list, x)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// put makes an archive of entries.
func put(t testing.TB, dir string, list []archive.Record) string {
	t.Helper()
	w := archive.NewWriter(archive.Config{Dir: dir, Group: "test", Node: "made"})
	for _, r := range list {
		w.Add(r)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lone is a group on one file that is archived.
func lone(t testing.TB, image, dir string, cfg Config) (*Group, *alone) {
	t.Helper()
	cfg.Replica.Group, cfg.Archive, cfg.Clock = "test", archived(dir, 0), forward()
	a := newAlone(t)
	if image != "" {
		if err := a.c.Load(context.Background(), image); err != nil {
			t.Fatal(err)
		}
	}
	g := open(a, cfg)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return g, a
}

// Where a group went on in two ways, a restore follows one of them: that which
// is named, or that which is all there is. They are never mixed.
func TestTwoHistories(t *testing.T) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	first, _ := lone(t, "", dirs[0], Config{})
	run1(t, first, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
	backup, later := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "later.db")
	backupTo(t, first, backup)
	run1(t, first, "INSERT INTO t (v) VALUES ('common')")
	fork := pointOf(t, first)
	backupTo(t, first, later)
	second, _ := lone(t, later, dirs[1], Config{})
	var ends [2]point
	for i, g := range []*Group{first, second} {
		for k := range 3 + i {
			run1(t, g, fmt.Sprintf("INSERT INTO t (v) VALUES ('%d in %d')", k, i))
		}
		ends[i] = pointOf(t, g)
		reaches(t, dirs[i], ends[i].seq)
	}
	both := Moment{Group: "test", Archives: dirs[:]}
	refused(t, backup, both, fmt.Sprintf("2 histories from entry %d on", fork.seq+1), dirs[0], dirs[1])
	at := both
	at.Until = fork.at
	made(t, backup, at, fork)
	var ways []string
	for i := range dirs {
		m := both
		for _, r := range kept1(t, dirs[i]) {
			if r.Sequence == fork.seq+1 {
				m.Branches = []string{fmt.Sprintf("%X", r.After[:6])}
				ways = append(ways, m.Branches...)
			}
		}
		made(t, backup, m, ends[i])
		if i == 0 { // the other one goes on
			m.Until = ends[1].at
			refused(t, backup, m, "after the last archived entry of the history", "possible up to "+moment(ends[0].at))
		}
		made(t, later, Moment{Group: "test", Archives: dirs[i : i+1]}, ends[i])
	}
	both.Branches = slices.DeleteFunc([]string{"00", "01", "02"}, func(b string) bool { // of which neither is one
		return slices.ContainsFunc(ways, func(way string) bool { return strings.HasPrefix(way, b) })
	})
	refused(t, backup, both, "2 histories")
	// A backup of one history and an archive of the other.
	own := filepath.Join(t.TempDir(), "own.db")
	backupTo(t, first, own)
	refused(t, own, Moment{Group: "test", Archives: dirs[1:]}, "is of another history", "possible up to "+moment(ends[0].at))
}

// A group that began anew under the name of another, which archives to the same
// place, takes no part in what becomes of a backup of the other.
func TestHistoryOfNewGroup(t *testing.T) {
	dir := t.TempDir()
	var ends, starts [2]point
	var backups [2]string
	for i := range ends {
		own := filepath.Join(dir, fmt.Sprint(i))
		g, _ := lone(t, "", own, Config{})
		run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
		backups[i], starts[i] = filepath.Join(t.TempDir(), "backup.db"), pointOf(t, g)
		backupTo(t, g, backups[i])
		for range 4 * (i + 1) {
			run1(t, g, "INSERT INTO t (v) VALUES (random())")
		}
		ends[i] = pointOf(t, g)
		reaches(t, own, ends[i].seq)
	}
	m := Moment{Group: "test", Archives: []string{dir}}
	for i := range ends {
		made(t, backups[i], m, ends[i])
		at := m
		at.Until = starts[i].at
		made(t, backups[i], at, starts[i])
	}
	m.Until = ends[1].at
	refused(t, backups[0], m, "after the last archived entry of the history", "possible up to "+moment(ends[0].at))
}

// What a copy archived that computed something else is passed over; when there is
// nothing else, the restore ends before it.
func TestMomentOfCopyThatDiffered(t *testing.T) {
	dir := t.TempDir()
	g, _ := lone(t, "", dir, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, g, backup)
	var points []point
	for range 5 {
		run1(t, g, "INSERT INTO t (v) VALUES (random())")
		points = append(points, pointOf(t, g))
	}
	end := points[4]
	reaches(t, dir, end.seq)
	list := kept1(t, dir)
	odd := append([]archive.Record(nil), list...)
	for i := range odd[3:] { // from the third insert on
		odd[3+i].After[0] ^= 1
		if i > 0 {
			odd[3+i].Before[0] ^= 1
		}
	}
	bad := put(t, t.TempDir(), odd)
	good := put(t, t.TempDir(), list)
	for _, dirs := range [][]string{{bad, good}, {good, bad}} {
		made(t, backup, Moment{Group: "test", Archives: dirs}, end)
	}
	out := filepath.Join(t.TempDir(), "out.db")
	_, err := PointInTime(within(t, 60*time.Second), backup, out, Moment{Group: "test", Archives: []string{bad}})
	if err == nil || !strings.Contains(err.Error(), "leads to another state") || !strings.Contains(err.Error(), "possible up to "+moment(points[1].at)) {
		t.Error(err)
	}
	made(t, backup, Moment{Group: "test", Archives: []string{bad}, Until: points[1].at}, points[1])
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// Entries are applied with the window of IDs that they were applied with.
func TestMomentKeepsWindow(t *testing.T) {
	dir := t.TempDir()
	g, _ := lone(t, "", dir, Config{Window: 20 * time.Second})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, g, backup)
	before := pointOf(t, g)
	_, err := g.Run(within(t, time.Minute), door.Request{
		ID: idOf(time.Now().Add(-30 * time.Second)), Statements: []door.Statement{{SQL: "INSERT INTO t DEFAULT VALUES"}},
	})
	end := pointOf(t, g)
	if op.CodeOf(err) != op.CodeValidation || end.seq != before.seq+1 {
		t.Fatalf("%v at %d after %d", err, end.seq, before.seq)
	}
	reaches(t, dir, end.seq)
	made(t, backup, Moment{Group: "test", Archives: []string{dir}}, end)
}

// Operations on models, transactions, migrations and what a copy refuses are
// part of a restore as well.
func TestMomentOfOperations(t *testing.T) {
	c, dir := newArchived(t, 3)
	ctx := within(t, 120*time.Second)
	lead, other := c.leader(t).g, c.follower(t).g
	run1(t, lead, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
	backup := filepath.Join(t.TempDir(), "backup.db")
	backupTo(t, lead, backup)
	var points []point
	note := func() { points = append(points, pointOf(t, lead)) }
	models := optest.Models()
	migrated(t, other, models)
	note()
	plain := models.Model("Plain")
	for i, g := range []*Group{lead, other} {
		for k := range 3 {
			if _, err := g.Do(ctx, op.Op{Kind: op.Insert, Model: plain, Rows: [][]any{{fmt.Sprint(i, k), int64(k), nil}}}); err != nil {
				t.Fatal(err)
			}
			note()
		}
		if _, err := g.Do(ctx, op.Op{Kind: op.Insert, Model: plain, Rows: [][]any{{fmt.Sprint(i, 0), int64(9), nil}}}); op.CodeOf(err) != op.CodeConflict {
			t.Errorf("a key that is taken: %v", err)
		}
		note()
		tx, err := g.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []op.Op{
			{Kind: op.Increment, Model: plain, Set: []op.Assign{{Field: "value", Inc: true, Value: int64(1)}}},
			{Kind: op.SQL, SQL: "INSERT INTO t (v) SELECT random() FROM plains"},
			{Kind: op.SQL, SQL: "UPDATE t SET v = v || last_insert_rowid() || changes() || datetime('now')"},
		} {
			if _, err := tx.Do(ctx, o); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		note()
		// Of one copy only: refused on all, and on a restore.
		answers, err := g.Run(ctx, door.Request{Statements: []door.Statement{{SQL: "INSERT INTO t DEFAULT VALUES"}, {SQL: "PRAGMA page_count"}}})
		if err != nil || len(answers) != 2 || answers[1].Err == nil {
			t.Errorf("%v, %v", answers, err)
		}
		note()
	}
	c.same(t)
	for i := range 3 {
		reaches(t, filepath.Join(dir, fmt.Sprint(i)), points[len(points)-1].seq)
	}
	for i, p := range points {
		made(t, backup, Moment{Group: "test", Archives: []string{filepath.Join(dir, fmt.Sprint(i%3))}, Until: p.at}, p)
	}
}

// What cannot be done leaves nothing behind and touches nothing.
func TestMomentRefuses(t *testing.T) {
	dir, place := t.TempDir(), t.TempDir()
	g, _ := lone(t, "", dir, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	backup := filepath.Join(place, "backup.db")
	backupTo(t, g, backup)
	run1(t, g, "INSERT INTO t DEFAULT VALUES")
	end := pointOf(t, g)
	reaches(t, dir, end.seq)
	image, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) string {
		path := filepath.Join(place, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	m := Moment{Group: "test", Archives: []string{dir}}
	none := newAlone(t)
	if _, err := none.c.Ask(context.Background(), "CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(place, "plain.db")
	if err := none.c.Copy(context.Background(), plain); err != nil {
		t.Fatal(err)
	}
	if err := none.c.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, plain, m, "does not say where in the log of a group it stands")
	refused(t, file("text.db", []byte("hello")), m, "no SQLite file")
	refused(t, file("cut.db", image[:len(image)/2]), m, "SQLite file to restore")
	open := file("open.db", image)
	file("open.db-wal", []byte("something"))
	refused(t, open, m, "was not closed in order")
	taken := file("taken.db", []byte("mine"))
	if _, err := PointInTime(context.Background(), backup, taken, m); op.CodeOf(err) != op.CodeValidation || !strings.Contains(err.Error(), "exists") {
		t.Error(err)
	}
	if data, err := os.ReadFile(taken); err != nil || string(data) != "mine" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := PointInTime(context.Background(), backup, filepath.Join(place, "absent", "out.db"), m); err == nil {
		t.Error("a directory that is not there")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	empty := t.TempDir()
	if _, err := PointInTime(ended, backup, filepath.Join(empty, "out.db"), m); err == nil {
		t.Error("a context that has ended")
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	now, err := os.ReadFile(backup)
	if err != nil || string(now) != string(image) {
		t.Errorf("the backup is not what it was: %v", err)
	}
	made(t, backup, m, end)
}

// The new file may be named in any way in which files are.
func TestMomentNames(t *testing.T) {
	dir, place := t.TempDir(), t.TempDir()
	g, _ := lone(t, "", dir, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	backup := filepath.Join(place, "backup.db")
	backupTo(t, g, backup)
	run1(t, g, "INSERT INTO t DEFAULT VALUES")
	end := pointOf(t, g)
	reaches(t, dir, end.seq)
	m := Moment{Group: "test", Archives: []string{dir}}
	real := filepath.Join(place, "real [1] %")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(place, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(real)
	for _, out := range []string{"plain.db", "./a?b#c%20.db", filepath.Join(link, "linked.db"), filepath.Join("..", "link", "up.db")} {
		if _, err := PointInTime(within(t, 60*time.Second), backup, out, m); err != nil {
			t.Errorf("%s: %v", out, err)
			continue
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(copied, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if hash, st := hashOf(t, copied); hash != end.hash || st.sequence != end.seq {
			t.Errorf("%s is at %d", out, st.sequence)
		}
	}
	odd := filepath.Join(place, "a#b")
	if err := os.Mkdir(odd, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := PointInTime(within(t, 60*time.Second), backup, filepath.Join(odd, "out.db"), m); op.CodeOf(err) != op.CodeValidation || !strings.Contains(err.Error(), "choose a directory without it") {
		t.Error(err)
	}
	if left, err := os.ReadDir(odd); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

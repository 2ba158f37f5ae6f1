package archive

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/lines"
)

// quick is a writer's configuration for tests.
func quick(dir string) Config {
	return Config{Dir: dir, Group: "g", Node: "n", Sync: 10 * time.Millisecond, Retry: 10 * time.Millisecond, patience: time.Minute}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func shut(t *testing.T, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error("twice:", err)
	}
}

// runs are the sequences that the segments of a directory hold.
func runs(t *testing.T, dir string) (list [][2]int64) {
	t.Helper()
	segments, err := Find("g", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if s.Torn != nil {
			t.Errorf("%s: %v", s.Path, s.Torn)
		}
		list = append(list, [2]int64{s.First, s.Last})
	}
	return list
}

func equal(a, b [][2]int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func add(w *Writer, list []Record) {
	for _, r := range list {
		w.Add(r)
	}
}

// Entries that are handed in again are not written twice, a gap and another
// history begin segments of their own, and so does a new writer.
func TestWriter(t *testing.T) {
	dir := t.TempDir()
	a := records(1, 30, "a")
	w := NewWriter(quick(dir))
	add(w, a[:10])
	add(w, a[12:15])
	shut(t, w)
	w.Add(a[15]) // closed
	if got := runs(t, dir); !equal(got, [][2]int64{{1, 10}, {13, 15}}) {
		t.Fatal(got)
	}
	w = NewWriter(quick(dir))
	add(w, a[5:20]) // the log is applied again, and on
	add(w, a[3:25]) // a copy is made anew
	shut(t, w)
	if got := runs(t, dir); !equal(got, [][2]int64{{1, 10}, {11, 12}, {13, 15}, {16, 20}, {21, 25}}) {
		t.Fatal(got)
	}
	// The same sequences in another history, which is that of this node from now on.
	w = NewWriter(quick(dir))
	b := records(1, 30, "b")
	b[21].Before = a[20].After
	add(w, a[18:21])
	add(w, b[21:26])
	shut(t, w)
	if got := runs(t, dir); !equal(got, [][2]int64{{1, 10}, {11, 12}, {13, 15}, {16, 20}, {21, 25}, {22, 26}}) {
		t.Fatal(got)
	}
	var all []Record
	segments, err := Find("g", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments[:5] {
		data, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		_, list, err := decoded(data)
		if err != nil {
			t.Fatal(err)
		}
		if s.Node != "n" {
			t.Errorf("%+v", s.Header)
		}
		all = append(all, list...)
	}
	if !same(all, a[:25]) {
		t.Error("the entries are not those that were handed in")
	}
}

// Segments end when they are large.
func TestRoll(t *testing.T) {
	dir := t.TempDir()
	c := quick(dir)
	c.Size = 1
	w := NewWriter(c)
	for i, r := range records(1, 4, "a") {
		w.Add(r)
		until(t, "an entry to be written", func() bool { return w.Stats().Written == uint64(i+1) })
	}
	shut(t, w)
	if got := runs(t, dir); !equal(got, [][2]int64{{1, 1}, {2, 2}, {3, 3}, {4, 4}}) {
		t.Error(got)
	}
	c.Size, c.Roll = 0, time.Nanosecond
	w = NewWriter(c)
	for i, r := range records(5, 2, "b") {
		w.Add(r)
		until(t, "an entry to be written", func() bool { return w.Stats().Written == uint64(i+1) })
	}
	shut(t, w)
	if got := runs(t, dir); len(got) != 6 {
		t.Error(got)
	}
}

// Old segments go, others stay.
func TestRetention(t *testing.T) {
	dir := t.TempDir()
	w := NewWriter(quick(dir))
	a := records(1, 9, "a")
	add(w, a[:3])
	add(w, a[4:6])
	shut(t, w)
	segments, err := Find("g", dir)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for _, p := range []string{segments[0].Path, other} {
		if err := os.Chtimes(p, long, long); err != nil {
			t.Fatal(err)
		}
	}
	c := quick(dir)
	c.Keep = time.Minute
	w = NewWriter(c)
	until(t, "the old segment to go", func() bool { _, err := os.Stat(segments[0].Path); return err != nil })
	add(w, a[6:])
	shut(t, w)
	if got := runs(t, dir); !equal(got, [][2]int64{{5, 6}, {7, 9}}) {
		t.Error(got)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// disk fails on demand.
type disk struct {
	mu                sync.Mutex
	open, write, sync error
}

func (d *disk) set(open, write, sync error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open, d.write, d.sync = open, write, sync
}

func (d *disk) fails() (open, write, sync error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open, d.write, d.sync
}

type file struct {
	*os.File
	d *disk
}

func (f file) Write(b []byte) (int, error) {
	if _, err, _ := f.d.fails(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f file) Sync() error {
	if _, _, err := f.d.fails(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (d *disk) file(path string) (File, error) {
	if err, _, _ := d.fails(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return file{f, d}, err
}

// A disk that fails for a while costs nothing while there is room to wait, and
// leaves a gap beyond. It is said once.
func TestFailingDisk(t *testing.T) {
	gone := errors.New("no space left on device")
	for name, fail := range map[string][3]error{"open": {gone, nil, nil}, "write": {nil, gone, nil}, "sync": {nil, nil, gone}} {
		t.Run(name, func(t *testing.T) {
			dir, d, log := t.TempDir(), &disk{}, &lines.Log{}
			a := records(1, 60, "a")
			c := quick(dir)
			c.Open, c.Log = d.file, slog.New(slog.NewTextHandler(log, nil))
			for i := range 35 {
				c.Queue += int64(a[i].size())
			}
			w := NewWriter(c)
			add(w, a[:5])
			until(t, "the first entries to be written", func() bool { return w.Stats().Written == 5 })
			d.set(fail[0], fail[1], fail[2])
			if name == "open" { // the segment that is open would go on
				add(w, records(1, 1, "b"))
			} else {
				add(w, a[5:6])
			}
			until(t, "the disk to fail", func() bool { return w.Stats().Failing })
			add(w, a[6:20])
			d.set(nil, nil, nil)
			until(t, "the disk to take what waited", func() bool { return w.Stats().Written >= 20 })
			if s := w.Stats(); s.Missed > 0 || s.Failing {
				t.Errorf("%+v", s)
			}
			d.set(gone, gone, gone)
			add(w, a[20:])
			until(t, "the disk to fail", func() bool { return w.Stats().Failing })
			missed := w.Stats().Missed
			if missed == 0 || missed > 10 {
				t.Errorf("%d entries were left out", missed)
			}
			d.set(nil, nil, nil)
			until(t, "the disk to take what waited", func() bool { return w.Stats().Written >= 60-missed })
			w.Add(records(61, 1, "a")[0])
			shut(t, w)
			seen := map[int64]bool{}
			segments, err := Find("g", dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range segments {
				for seq := s.First; seq <= s.Last; seq++ {
					seen[seq] = true
				}
			}
			for seq := int64(1); seq <= 61; seq++ {
				want := seq <= 60-int64(missed) || seq == 61
				if name == "open" && seq == 6 {
					continue // it was never handed in
				}
				if seen[seq] != want {
					t.Errorf("entry %d: %v", seq, seen[seq])
				}
			}
			if n := strings.Count(log.String(), "cannot be written"); n != 1 {
				t.Errorf("it is said %d times:\n%s", n, log)
			}
			if !strings.Contains(log.String(), "left out") {
				t.Errorf("what was left out is not said:\n%s", log)
			}
		})
	}
}

// A disk that fails to the end is told when the writer closes.
func TestCloseFailing(t *testing.T) {
	d := &disk{open: errors.New("gone")}
	c := quick(t.TempDir())
	c.Open = d.file
	w := NewWriter(c)
	add(w, records(7, 3, "a"))
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "3 entries could not be written, from 7 on") {
		t.Error(err)
	}
}

// What Find cannot use is said.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "full")
	w := NewWriter(quick(full))
	add(w, records(1, 3, "a"))
	shut(t, w)
	newer := encoded(records(1, 1, "a"))
	newer[len(magic)]++
	if err := os.WriteFile(filepath.Join(full, "torn"+Suffix), newer[:5], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runs(t, dir); !equal(got, [][2]int64{{1, 3}}) {
		t.Error(got)
	}
	for _, c := range []struct{ group, dir, want string }{
		{"g", filepath.Join(dir, "absent"), "no such file or directory"},
		{"g", filepath.Join(full, "torn"+Suffix), "is no directory"},
		{"g", empty, "there are no archived entries"},
		{"h", dir, "archived entries of g, and none of the group h"},
	} {
		if list, err := Find(c.group, c.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", c.want, list, err)
		}
	}
	if err := os.WriteFile(filepath.Join(full, "newer"+Suffix), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Find("g", dir); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
}

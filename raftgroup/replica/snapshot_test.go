package replica

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlite/go-sqlite3"
)

// reader begins to read a node's copy, and goes on until end.
func reader(t *testing.T, n *node) (rows driver.Rows, end func()) {
	t.Helper()
	c, err := (&sqlite3.SQLiteDriver{}).Open("file:" + n.r.Path() + "?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	rows, err = c.(driver.QueryerContext).QueryContext(context.Background(), "SELECT a FROM t", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Next(make([]driver.Value, 1)); err != nil {
		t.Fatal(err)
	}
	return rows, func() {
		if err := errors.Join(rows.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestLongReader has a reader of seven seconds while writes go on that call for
// snapshots all the time.
func TestLongReader(t *testing.T) {
	cfg := calm()
	cfg.SnapshotWAL = 4 << 20
	nodes := cluster(t, 3, cfg)
	n := nodes[0]
	fill(t, n, 10)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var longest time.Duration
	writes := 0
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-stop:
				return
			default:
			}
			start := time.Now()
			if err := sql(n, "INSERT INTO t VALUES (1, '%s')", strings.Repeat("y", 8000)); err != nil {
				t.Error(err)
				return
			}
			writes++
			longest = max(longest, time.Since(start))
		}
	}()
	ru, err := n.r.current()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	release, expired, err := n.r.Hold(within(t))
	if err != nil {
		t.Fatal(err)
	}
	// Readers are let in before a snapshot is counted.
	n.r.snap.Lock()
	taken := ru.snapshots.Load()
	n.r.snap.Unlock()
	rows, end := reader(t, n)
	began := time.Now()
	over := time.After(7 * time.Second)
reading:
	for {
		select {
		case <-over:
			break reading
		case <-expired:
			// The log grew to four times its limit: the reader is ended.
			break reading
		case <-time.After(50 * time.Millisecond):
			if err := rows.Next(make([]driver.Value, 1)); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
	}
	if got := ru.snapshots.Load(); got != taken {
		t.Errorf("%d snapshots while a reader was at work", got-taken)
	}
	read := time.Since(began)
	end()
	release()
	release()
	until(t, "a snapshot is taken after it", func() bool { return ru.snapshots.Load() > taken })
	close(stop)
	wg.Wait()
	t.Logf("a reader of %s; %d writes, the longest %s; %d snapshots", read.Round(time.Millisecond), writes, longest.Round(time.Millisecond), ru.snapshots.Load())
}

func TestReadersAreEnded(t *testing.T) {
	cfg := quick()
	cfg.SnapshotWAL = 64 << 10
	n := cluster(t, 1, cfg)[0]
	fill(t, n, 1)
	ru, err := n.r.current()
	if err != nil {
		t.Fatal(err)
	}
	release, expired, err := n.r.Hold(within(t))
	if err != nil {
		t.Fatal(err)
	}
	_, end := reader(t, n)
	taken := ru.snapshots.Load()
	for done := false; !done; {
		if err := sql(n, "INSERT INTO t VALUES (1, '%s')", strings.Repeat("y", 20000)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-expired:
			done = true
		default:
		}
	}
	if ru.snapshots.Load() != taken {
		t.Error("a snapshot while a reader was at work")
	}
	// The door is shut for others until the snapshot is taken.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	if _, _, err := n.r.Hold(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new reader: %v", err)
	}
	cancel()
	end()
	release()
	release2, _, err := n.r.Hold(within(t))
	if err != nil {
		t.Fatal(err)
	}
	release2()
	until(t, "the snapshot is taken", func() bool { return ru.snapshots.Load() > taken })
}

// TestSealEachSnapshot writes all kinds of changes with a snapshot after each
// few: every one must be equal to the database file, and sealed.
func TestSealEachSnapshot(t *testing.T) {
	cfg := quick()
	n := cluster(t, 1, cfg)[0]
	fill(t, n, 5)
	for i := range 10 {
		for _, s := range []string{
			"INSERT INTO t SELECT a+1, b||b FROM t LIMIT 200", "UPDATE t SET b = substr(b, 2) WHERE a % 3 = 0", "DELETE FROM t WHERE a % 7 = 1",
			"CREATE INDEX IF NOT EXISTS i ON t (b)", "DROP INDEX i",
		}[:2+i%4] {
			if err := sql(n, "%s", s); err != nil {
				t.Fatal(err)
			}
		}
		if i == 6 {
			if err := sql(n, "VACUUM"); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.r.Snapshot(within(t)); err != nil {
			t.Fatal(err)
		}
		list, err := snaps(n.cfg.Dir + "/" + snapshotsDir)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		if err := list[0].verify(); err != nil {
			t.Fatal(err)
		}
		if i%5 == 4 {
			n.closeReplica()
			n.open()
			leader(t, n)
		}
	}
}

// SQLite's log grows no larger than can be cut while writes wait, whatever readers
// do, and on a slow disk as large as was asked for.
func TestLogThatCanBeCut(t *testing.T) {
	const mb = 1 << 20
	var d due
	for i, c := range []struct {
		cut  int64 // of which length, in so long a time
		took time.Duration
		want float64 // of a log that calls for a snapshot at 16 MB
	}{
		{0, 0, 64 * mb}, // nothing is known
		{60 * mb, 600 * time.Millisecond, 25 * mb},      // 10 ms a megabyte
		{mb, time.Second, 25 * mb},                      // too little to tell
		{60 * mb, 60 * time.Millisecond, 25 / 0.7 * mb}, // faster, but not to be relied on at once
		{60 * mb, 6 * time.Second, 16 * mb},             // slower than anybody wants to wait
	} {
		d.took(c.cut, c.took)
		if got := d.most(16*mb, 16*mb); math.Abs(got-c.want) > mb/100 {
			t.Errorf("%d: the log may have %.2f MB, want %.2f", i, got/mb, c.want/mb)
		}
	}
}

package endure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// Safe has encrypted fields: its code always ends with its name.
type Safe struct {
	weft.Model
	weft.SoftDelete
	Name  string
	Code  string `weft:"encrypted"`
	Level *int64 `weft:"encrypted"`
}

// openSafes opens a database of safes with keys by their IDs, the current one
// first.
func openSafes(path string, ids ...string) (*weft.DB, error) {
	var keys []weft.SecretKey
	for _, id := range ids {
		k, err := weft.NewSecretKey(id, []byte(id+strings.Repeat(".", 32-len(id))))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	ring, err := weft.NewKeyRing(keys[0], keys[1:]...)
	if err != nil {
		return nil, err
	}
	return weft.Open(sqlite.Open(path), weft.Models(Safe{}), weft.AutoMigrate(), weft.Encrypt(ring))
}

func safes(t *testing.T, path string, ids ...string) *weft.DB {
	t.Helper()
	db, err := openSafes(path, ids...)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// rotateChild rotates until it is killed, and prints how far it came. At the
// half it stands still: who kills it may be slow.
func rotateChild(args []string) error {
	db, err := openSafes(args[0], "new", "old")
	if err != nil {
		return err
	}
	return db.Rotate(context.Background(), weft.Rotation{Progress: func(_ string, done, total int64) {
		fmt.Println(done, total)
		if done >= total/2 {
			_, _ = io.Copy(io.Discard, os.Stdin)
		}
	}})
}

// progress fails the test when a progress goes back.
type progress struct {
	t           *testing.T
	done, total int64
	calls       int
	stop        func(done, total int64)
}

func (p *progress) tell(model string, done, total int64) {
	if model != "Safe" || done < p.done || total < p.total || done > total {
		p.t.Errorf("progress of %s goes from %d of %d to %d of %d", model, p.done, p.total, done, total)
	}
	p.done, p.total = done, total
	p.calls++
	if p.stop != nil {
		p.stop(done, total)
	}
}

// under counts values by key, both fields together; values under no key too.
func under(t *testing.T, db *weft.DB) map[string]int64 {
	t.Helper()
	list, err := db.KeyUse(t.Context())
	must(t, err)
	out := map[string]int64{}
	for _, u := range list {
		out[u.Key] += u.Rows
	}
	return out
}

// A key ring is rotated over many rows: killed in the middle, cancelled in the
// middle, ended, while others read and write.
func TestRotate(t *testing.T) {
	rows := 100_000
	if raced {
		rows = 5_000
	}
	ctx := t.Context()
	path := file(t)
	db, err := openSafes(path, "old")
	must(t, err)
	repo := weft.Repo[Safe](db)
	values := int64(0)
	var ids []string
	for i := 0; i < rows; i += 1000 {
		list := make([]*Safe, 1000)
		for j := range list {
			s := &Safe{Name: fmt.Sprint("s", i+j), Code: fmt.Sprint("first of s", i+j)}
			values++
			if (i+j)%3 == 0 {
				level := int64(i + j)
				s.Level = &level
				values++
			}
			list[j] = s
		}
		must(t, repo.CreateMany(ctx, list))
		for _, s := range list {
			ids = append(ids, s.ID)
		}
	}
	deleted, err := repo.Where("name", "ends with", "77").Delete(ctx)
	must(t, err)
	must(t, db.Close())

	// Another process begins, and is killed.
	c := start(t, "rotate", path)
	for {
		var done, total int
		if _, err := fmt.Sscan(c.line(t), &done, &total); err != nil {
			t.Fatal(err)
		}
		equal(t, "rows to rotate", total, rows)
		if done >= rows/4 {
			break
		}
	}
	must(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()

	db = safes(t, path, "new", "old")
	sound(t, db)
	use := under(t, db)
	if use["new"] < values/5 || use["old"] < values/10 || use["new"]+use["old"] != values {
		t.Fatalf("after the kill there are %v of %d values", use, values)
	}

	// This process goes on, with readers and writers beside it.
	quit := make(chan struct{})
	w := &safeTraffic{db: db, quit: quit, ids: ids, last: map[string]string{}}
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() { w.read(ctx, rand.New(rand.NewPCG(1, uint64(i)))) })
		wg.Go(func() { w.write(ctx, rand.New(rand.NewPCG(2, uint64(i))), i) })
	}
	p := &progress{t: t}
	cut, cancel := context.WithCancel(ctx)
	p.stop = func(done, total int64) {
		if done > total/2 {
			cancel()
		}
	}
	fails(t, db.Rotate(cut, weft.Rotation{Progress: p.tell}), context.Canceled)
	left := p.total - p.done
	use = under(t, db)
	if use["old"] == 0 || p.calls < 3 {
		t.Fatalf("the rotation was not cut off: %v after %d calls", use, p.calls)
	}
	p = &progress{t: t}
	must(t, db.Rotate(ctx, weft.Rotation{Progress: p.tell}))
	close(quit)
	wg.Wait()
	must(t, errors.Join(w.errs...))
	if p.done != p.total || p.total > left+1 || p.calls < 3 {
		t.Errorf("the rest was %d rows, and the progress ended at %d of %d after %d calls", left, p.done, p.total, p.calls)
	}
	if w.reads.Load() == 0 || w.writes.Load() == 0 {
		t.Errorf("beside the rotation there were %d reads and %d writes", w.reads.Load(), w.writes.Load())
	}
	if use := under(t, db); use["old"] != 0 || use[""] != 0 || use["new"] != values {
		t.Fatalf("in the end there are %v of %d values", use, values)
	}
	must(t, db.Close())
	t.Logf("%d rows, %d reads and %d writes beside the second half", rows, w.reads.Load(), w.writes.Load())

	// The old key is dropped; every value is there, and rows that nobody wrote
	// are as they were.
	db = safes(t, path, "new")
	repo = weft.Repo[Safe](db)
	seen, marked := 0, int64(0)
	for s, err := range repo.WithDeleted().Iter(ctx) {
		must(t, err)
		seen++
		want, touched := w.last[s.ID]
		if !touched {
			want = "first of " + s.Name
		}
		equal(t, "code of "+s.Name, s.Code, want)
		var no int64
		if _, err := fmt.Sscanf(s.Name, "s%d", &no); err != nil {
			t.Fatal(err)
		}
		if (no%3 == 0) != (s.Level != nil) || s.Level != nil && *s.Level != no {
			t.Fatalf("the level of %s is %v", s.Name, s.Level)
		}
		version := weft.Version(1)
		if s.DeletedAt != nil {
			marked++
			version++
		}
		if !touched && weft.VersionOf(s) != version {
			t.Fatalf("%s has version %d, want %d", s.Name, weft.VersionOf(s), version)
		}
		if !touched && s.DeletedAt == nil && !s.UpdatedAt.Equal(s.CreatedAt) {
			t.Fatalf("%s counts as updated", s.Name)
		}
	}
	equal(t, "rows", seen, rows)
	equal(t, "deleted rows", marked, deleted)
	sound(t, db)
}

// safeTraffic reads and writes safes while their keys are rotated.
type safeTraffic struct {
	db            *weft.DB
	quit          chan struct{}
	ids           []string
	reads, writes atomic.Int64

	mu   sync.Mutex
	last map[string]string // what was written last, by key
	errs []error
}

func (w *safeTraffic) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

func (w *safeTraffic) going() bool {
	select {
	case <-w.quit:
		return false
	default:
		return true
	}
}

// read finds rows: each has a code that belongs to it.
func (w *safeTraffic) read(ctx context.Context, r *rand.Rand) {
	for w.going() {
		list, err := weft.Repo[Safe](w.db).Where("id", ">=", w.ids[r.IntN(len(w.ids))]).OrderBy("id", weft.Asc).Limit(20).WithDeleted().All(ctx)
		if err != nil {
			w.fail(err)
			return
		}
		for _, s := range list {
			if !strings.HasSuffix(s.Code, " of "+s.Name) {
				w.fail(fmt.Errorf("%s has the code %q", s.Name, s.Code))
				return
			}
		}
		w.reads.Add(1)
	}
}

// write saves rows of its own, a third of them each, one in five by a
// condition.
func (w *safeTraffic) write(ctx context.Context, r *rand.Rand, mine int) {
	repo := weft.Repo[Safe](w.db)
	for n := 0; w.going(); n++ {
		id := w.ids[r.IntN(len(w.ids)/3)*3+mine]
		s, err := repo.Get(ctx, id)
		if s == nil || err != nil { // deleted
			if err != nil {
				w.fail(err)
				return
			}
			continue
		}
		s.Code = fmt.Sprintf("write %d of %s", n, s.Name)
		if n%5 == 0 {
			_, err = repo.Where("id", "in", []string{id}).Update(ctx, weft.Set{"code": s.Code})
		} else {
			err = repo.Save(ctx, s)
		}
		if err != nil {
			w.fail(err)
			return
		}
		w.mu.Lock()
		w.last[id] = s.Code
		w.mu.Unlock()
		w.writes.Add(1)
	}
}

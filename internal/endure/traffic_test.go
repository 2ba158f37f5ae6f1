package endure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

const (
	tallies  = 5
	accounts = 4
	total    = 1000 * accounts
)

// stock makes the rows that the traffic changes.
func stock(t *testing.T, db *weft.DB) {
	t.Helper()
	for i := range tallies {
		must(t, weft.Repo[Tally](db).Create(t.Context(), &Tally{Name: fmt.Sprint(i)}))
	}
	for i := range accounts {
		must(t, weft.Repo[Account](db).Create(t.Context(), &Account{Name: fmt.Sprint(i), Balance: total / accounts}))
	}
}

// traffic is 8 writers and 8 readers on one database.
type traffic struct {
	db       *weft.DB
	tallies  []string // keys
	accounts []string
	inTx     bool
	until    time.Time

	bumps  [tallies]atomic.Int64  // acknowledged changes
	moves  [accounts]atomic.Int64 // acknowledged transfers
	writes atomic.Int64
	reads  atomic.Int64
	stale  atomic.Int64

	mu   sync.Mutex
	errs []error
}

func newTraffic(ctx context.Context, db *weft.DB, inTx bool, d time.Duration) (*traffic, error) {
	w := &traffic{db: db, inTx: inTx, until: time.Now().Add(d)}
	ts, err := weft.Repo[Tally](db).OrderBy("name", weft.Asc).All(ctx)
	if err != nil {
		return nil, err
	}
	for _, x := range ts {
		w.tallies = append(w.tallies, x.ID)
	}
	as, err := weft.Repo[Account](db).OrderBy("name", weft.Asc).All(ctx)
	if err != nil {
		return nil, err
	}
	for _, x := range as {
		w.accounts = append(w.accounts, x.ID)
	}
	return w, nil
}

func (w *traffic) run(ctx context.Context, r *rand.Rand) {
	var wg sync.WaitGroup
	loop := func(n int, fn func(ctx context.Context, r *rand.Rand) error) {
		for range n {
			r := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
			wg.Go(func() {
				for time.Now().Before(w.until) {
					if err := fn(ctx, r); err != nil {
						w.mu.Lock()
						w.errs = append(w.errs, err)
						w.mu.Unlock()
						return
					}
				}
			})
		}
	}
	loop(8, w.write)
	loop(8, w.read)
	wg.Wait()
}

// write makes one change and notes that it was acknowledged.
func (w *traffic) write(ctx context.Context, r *rand.Rand) error {
	defer w.writes.Add(1)
	if r.IntN(3) == 0 {
		return w.transfer(ctx, r)
	}
	i := r.IntN(len(w.tallies))
	change := func(ctx context.Context) error { return w.bump(ctx, r, w.tallies[i]) }
	var err error
	if w.inTx {
		err = w.db.InTx(ctx, change)
	} else {
		err = change(ctx)
	}
	if err != nil {
		return fmt.Errorf("change: %w", err)
	}
	w.bumps[i].Add(1)
	return nil
}

// bump adds one to a tally in one of the ways there are.
func (w *traffic) bump(ctx context.Context, r *rand.Rand, id string) error {
	repo := weft.Repo[Tally](w.db)
	switch r.IntN(4) {
	case 0:
		_, err := repo.Update(ctx, id, weft.Set{"n": weft.Inc(1), "copy": weft.Inc(1)})
		return err
	case 1:
		n, err := repo.Where("id", "=", id).Update(ctx, weft.Set{"n": weft.Inc(1), "copy": weft.Inc(1)})
		if err == nil && n != 1 {
			err = fmt.Errorf("%d rows changed, want 1", n)
		}
		return err
	case 2: // read, change, save; somebody may be faster
		for {
			p, err := repo.Find(ctx, id)
			for err == nil {
				p.N, p.Copy = p.N+1, p.Copy+1
				if err = repo.Save(ctx, p); err == nil {
					return nil
				}
				if fresh, ok := weft.Fresh[Tally](err); ok { // go on with the row from the error
					p, err = fresh, nil
					w.stale.Add(1)
				}
			}
			var c *weft.ConflictError
			if !errors.As(err, &c) || c.Reason != "stale" {
				return err
			}
		}
	default:
		for {
			p, err := repo.Find(ctx, id)
			if err != nil {
				return err
			}
			_, err = repo.Update(ctx, id, weft.Set{"n": p.N + 1, "copy": p.N + 1}.IfVersion(weft.VersionOf(p)))
			var c *weft.ConflictError
			if !errors.As(err, &c) || c.Reason != "stale" {
				return err
			}
			w.stale.Add(1)
		}
	}
}

// transfer moves an amount from one account to another.
func (w *traffic) transfer(ctx context.Context, r *rand.Rand) error {
	from := r.IntN(len(w.accounts))
	to := (from + 1 + r.IntN(len(w.accounts)-1)) % len(w.accounts)
	sum, way := r.Int64N(100), r.IntN(2)
	err := w.db.Tx(ctx, func(tx *weft.DB) error {
		repo := weft.Repo[Account](tx)
		if way == 0 {
			if _, err := repo.Update(ctx, w.accounts[from], weft.Set{"balance": weft.Inc(-sum), "moves": weft.Inc(1)}); err != nil {
				return err
			}
			_, err := repo.Update(ctx, w.accounts[to], weft.Set{"balance": weft.Inc(sum), "moves": weft.Inc(1)})
			return err
		}
		a, err := repo.Find(ctx, w.accounts[from])
		if err != nil {
			return err
		}
		b, err := repo.Find(ctx, w.accounts[to])
		if err != nil {
			return err
		}
		a.Balance, a.Moves = a.Balance-sum, a.Moves+1
		b.Balance, b.Moves = b.Balance+sum, b.Moves+1
		if err := repo.Save(ctx, a); err != nil {
			return err
		}
		return repo.Save(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	w.moves[from].Add(1)
	w.moves[to].Add(1)
	return nil
}

// read looks for a transaction that is only half there.
func (w *traffic) read(ctx context.Context, r *rand.Rand) error {
	defer w.reads.Add(1)
	switch r.IntN(5) {
	case 0:
		list, err := weft.Repo[Account](w.db).All(ctx)
		if err != nil {
			return fmt.Errorf("read accounts: %w", err)
		}
		return whole("All", list)
	case 1: // two finds, one snapshot
		return w.db.InTx(ctx, func(ctx context.Context) error {
			var list []*Account
			for _, id := range w.accounts {
				a, err := weft.Repo[Account](w.db).Find(ctx, id)
				if err != nil {
					return fmt.Errorf("read an account: %w", err)
				}
				list = append(list, a)
			}
			return whole("finds in a transaction", list)
		}, weft.ReadOnly())
	case 2:
		sum, err := weft.Repo[Account](w.db).Sum(ctx, "balance")
		if err == nil && sum.Int64() != total {
			err = fmt.Errorf("half a transfer: the sum is %d, want %d", sum.Int64(), total)
		}
		return err
	case 3:
		var list []*Account
		for a, err := range weft.Repo[Account](w.db).Iter(ctx) {
			if err != nil {
				return fmt.Errorf("iterate accounts: %w", err)
			}
			list = append(list, a)
		}
		return whole("Iter", list)
	default:
		p, err := weft.Repo[Tally](w.db).Find(ctx, w.tallies[r.IntN(len(w.tallies))])
		if err != nil {
			return fmt.Errorf("read a tally: %w", err)
		}
		if p.N != p.Copy || int64(weft.VersionOf(p)) != p.N+1 {
			return fmt.Errorf("half a row: n %d, copy %d, version %d", p.N, p.Copy, weft.VersionOf(p))
		}
		return nil
	}
}

func whole(how string, list []*Account) error {
	var sum, moves int64
	for _, a := range list {
		sum += a.Balance
		moves += a.Moves
		if int64(weft.VersionOf(a)) != a.Moves+1 {
			return fmt.Errorf("%s: account %s has %d moves and version %d", how, a.Name, a.Moves, weft.VersionOf(a))
		}
	}
	if sum != total || moves%2 != 0 || len(list) != accounts {
		return fmt.Errorf("%s: half a transfer: the sum of %d accounts is %d, want %d (%d moves)", how, len(list), sum, total, moves)
	}
	return nil
}

// counts are what a process was acknowledged.
type counts struct {
	Bumps  [tallies]int64
	Moves  [accounts]int64
	Writes int64
	Reads  int64
	Stale  int64
}

func (w *traffic) counts() counts {
	c := counts{Writes: w.writes.Load(), Reads: w.reads.Load(), Stale: w.stale.Load()}
	for i := range w.bumps {
		c.Bumps[i] = w.bumps[i].Load()
	}
	for i := range w.moves {
		c.Moves[i] = w.moves[i].Load()
	}
	return c
}

// settled compares the rows with what was acknowledged to all.
func settled(t *testing.T, db *weft.DB, all ...counts) {
	t.Helper()
	var want counts
	for _, c := range all {
		for i := range c.Bumps {
			want.Bumps[i] += c.Bumps[i]
		}
		for i := range c.Moves {
			want.Moves[i] += c.Moves[i]
		}
		t.Logf("%d writes, %d reads, %d times somebody was faster", c.Writes, c.Reads, c.Stale)
	}
	ts, err := weft.Repo[Tally](db).OrderBy("name", weft.Asc).All(t.Context())
	must(t, err)
	for i, p := range ts {
		if p.N != want.Bumps[i] || p.Copy != p.N || int64(weft.VersionOf(p)) != p.N+1 {
			t.Errorf("tally %d: n %d, copy %d, version %d after %d changes", i, p.N, p.Copy, weft.VersionOf(p), want.Bumps[i])
		}
	}
	as, err := weft.Repo[Account](db).OrderBy("name", weft.Asc).All(t.Context())
	must(t, err)
	must(t, whole("in the end", as))
	for i, p := range as {
		if p.Moves != want.Moves[i] {
			t.Errorf("account %d: %d moves after %d", i, p.Moves, want.Moves[i])
		}
	}
	sound(t, db)
}

func TestWritersAndReaders(t *testing.T) {
	for name, inTx := range map[string]bool{"alone": false, "InTx": true} {
		t.Run(name, func(t *testing.T) {
			r := random(t)
			db := open(t, file(t))
			stock(t, db)
			w, err := newTraffic(t.Context(), db, inTx, long(1500*time.Millisecond))
			must(t, err)
			w.run(t.Context(), r)
			for _, err := range w.errs {
				t.Error(err)
			}
			settled(t, db, w.counts())
		})
	}
}

// Two processes work on one file at the same time.
func TestTwoProcesses(t *testing.T) {
	r := random(t)
	path := file(t)
	db := open(t, path)
	stock(t, db)
	d := long(3 * time.Second)
	c := start(t, "traffic", path, d.String(), fmt.Sprint(r.Uint64()))
	equal(t, "the child's first line", c.line(t), "ready")
	w, err := newTraffic(t.Context(), db, r.IntN(2) == 0, d)
	must(t, err)
	_, err = io.WriteString(c.in, "go\n")
	must(t, err)
	w.run(t.Context(), r)
	for _, err := range w.errs {
		t.Error(err)
	}
	var theirs counts
	must(t, json.Unmarshal([]byte(c.line(t)), &theirs))
	c.end(t)
	settled(t, db, w.counts(), theirs)
}

// trafficChild is the second process: path, duration, seed.
func trafficChild(args []string) error {
	ctx := context.Background()
	db, err := weft.Open(sqlite.Open(args[0]), allModels(), weft.AutoMigrate())
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	var seed uint64
	if _, err := fmt.Sscan(args[2], &seed); err != nil {
		return err
	}
	fmt.Println("ready")
	var word string
	if _, err := fmt.Scan(&word); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 1))
	w, err := newTraffic(ctx, db, r.IntN(2) == 0, d)
	if err != nil {
		return err
	}
	w.run(ctx, r)
	if err := errors.Join(append(w.errs, db.Close())...); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(w.counts())
}

package raftgroup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/replica"
)

// A clock that jumps ahead does not let a change be applied twice whose ID
// carries no time: what it jumps is no time in which IDs grow old.
func TestJumpForgetsNothing(t *testing.T) {
	now := time.Now()
	g, _ := single(t, Config{Clock: func() time.Time { return now }})
	ctx := context.Background()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	insert := op.Op{Kind: op.SQL, ID: "order 1", SQL: "INSERT INTO t DEFAULT VALUES"}
	for _, jump := range []time.Duration{0, time.Hour, -time.Hour, 0, time.Hour, 24 * time.Hour, -25 * time.Hour} {
		now = now.Add(jump)
		run1(t, g, "DELETE FROM t WHERE id > 1")
		now = now.Add(time.Millisecond)
		if _, err := g.Do(ctx, insert); err != nil {
			t.Errorf("after a jump of %v: %v", jump, err)
		}
		if was, err := g.Resolve(ctx, insert.ID); !was || err != nil {
			t.Errorf("after a jump of %v: resolved: %t %v", jump, was, err)
		}
		if n := count1(t, g, "SELECT count(*) FROM t"); n != 1 {
			t.Fatalf("after a jump of %v: %d rows, want 1", jump, n)
		}
	}
	// It is forgotten in time, also by a clock that is an hour behind its stamps.
	for range 60 {
		now = now.Add(7 * time.Second)
		run1(t, g, "DELETE FROM t WHERE id > 1")
	}
	if n := count1(t, g, "SELECT count(*) FROM weft_group_ids"); n > 20 {
		t.Errorf("%d entries are remembered", n)
	}
}

// What the form before kept is used: IDs are known, and are forgotten in time.
func TestStateOfFormat1(t *testing.T) {
	now := time.Now()
	g, a := single(t, Config{Clock: func() time.Time { return now }})
	ctx := context.Background()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	insert := op.Op{Kind: op.SQL, ID: "order 1", SQL: "INSERT INTO t DEFAULT VALUES"}
	if _, err := g.Do(ctx, insert); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	for _, q := range []string{
		"UPDATE weft_group_ids SET stamp = (SELECT stamp FROM weft_group_state)",
		"CREATE TABLE old (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, sequence INTEGER NOT NULL, chain BLOB NOT NULL, stamp INTEGER NOT NULL, forgot INTEGER NOT NULL)",
		"INSERT INTO old SELECT id, 1, sequence, chain, stamp, forgot FROM weft_group_state",
		"DROP TABLE weft_group_state",
		"ALTER TABLE old RENAME TO weft_group_state",
	} {
		if _, err := a.c.Ask(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	appliers.find(a.path).forget()
	a.mu.Unlock()
	if _, _, err := g.Hash(ctx); err != nil {
		t.Errorf("before the first entry: %v", err)
	}
	now = now.Add(time.Second)
	for range 2 {
		if _, err := g.Do(ctx, insert); err != nil {
			t.Fatal(err)
		}
		appliers.find(a.path).forget()
	}
	if n := count1(t, g, "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := count1(t, g, "SELECT format FROM weft_group_state"); n != stateFormat {
		t.Errorf("the format is %d, want %d", n, stateFormat)
	}
	for range 60 {
		now = now.Add(7 * time.Second)
		run1(t, g, "DELETE FROM t WHERE id > 1")
	}
	if n := count1(t, g, "SELECT count(*) FROM weft_group_ids"); n > 20 {
		t.Errorf("%d entries are remembered", n)
	}
}

// What follows a transaction is told no earlier time than it was, also when the
// clock was set back while it was open.
func TestClockSetBackInTransaction(t *testing.T) {
	now := time.Now()
	g, _ := single(t, Config{Clock: func() time.Time { return now }})
	ctx := context.Background()
	const insert = "INSERT INTO t (at) VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'))"
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT NOT NULL)")
	for range 2 {
		now = now.Add(time.Hour)
		tx, err := g.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Do(ctx, op.Op{Kind: op.SQL, SQL: insert}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(-time.Hour)
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		run1(t, g, insert)
	}
	if n := count1(t, g, "SELECT count(*) FROM t a JOIN t b ON b.id > a.id AND b.at < a.at"); n != 0 {
		t.Errorf("time goes back: %v", run1(t, g, "SELECT * FROM t")[0].Rows)
	}
}

// jumping is the clocks of some nodes, each of which is off by so many
// nanoseconds.
type jumping []atomic.Int64

func (j jumping) clock(i int) func() time.Time {
	return func() time.Time { return time.Now().Add(time.Duration(j[i].Load())) }
}

// The clocks of nodes jump an hour ahead and back while they lead, and others
// begin to lead. Nothing is lost, applied twice or forgotten in a way that lets a
// repetition be applied, reads miss nothing that was acknowledged, and the times
// that SQL is told never go back.
func TestClocksJump(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	clocks := make(jumping, 3)
	c := newClusterOf(t, len(clocks), func(i int) Config {
		// However slow the machine is, no ID is forgotten for the time that passes.
		cfg := Config{Clock: clocks.clock(i), Window: 30 * time.Minute}
		cfg.Replica = replica.Config{Heartbeat: 300 * time.Millisecond, Lease: 150 * time.Millisecond}
		return cfg
	})
	run1(t, c.leader(t).g, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0)", "INSERT INTO t (id) VALUES (1), (2)",
		"CREATE TABLE marks (id TEXT NOT NULL)", "CREATE TABLE times (id INTEGER PRIMARY KEY, at TEXT NOT NULL, how TEXT NOT NULL)")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	w := &jumpWork{t: t, c: c, told: map[string]string{}}
	var stop atomic.Bool
	var wg sync.WaitGroup
	begin := func(what func(ctx context.Context, g *Group, r *rand.Rand)) {
		seed++
		at := seed
		wg.Go(func() {
			r := rand.New(rand.NewPCG(at, at))
			for !stop.Load() {
				what(ctx, c.nodes[r.IntN(3)].g, r)
			}
		})
	}
	for range 2 {
		begin(w.change)
		begin(w.mark)
		begin(w.transaction)
	}
	begin(w.time)
	goesOn := func() {
		was := [4]int64{w.acked.Load(), w.marked.Load(), w.commits.Load(), w.timed.Load()}
		until(t, "the work goes on", func() bool {
			return w.acked.Load() >= was[0]+10 && w.marked.Load() >= was[1]+10 && w.commits.Load() >= was[2]+3 && w.timed.Load() >= was[3]+3
		})
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 9 {
		goesOn()
		lead := c.leader(t)
		for j, n := range c.nodes {
			if n == lead {
				off := []time.Duration{-time.Hour, 0, time.Hour}[(i+1+r.IntN(2))%3]
				t.Logf("the clock of node %d, which leads, is off by %v", j+1, off)
				clocks[j].Store(int64(off))
			}
		}
		if i%3 == 2 {
			goesOn()
			if err := lead.g.Replica().StepDown(within(t, 10*time.Second)); err != nil {
				t.Logf("step down: %v", err)
			}
		}
	}
	for i := range clocks {
		clocks[i].Store(0)
	}
	goesOn()
	stop.Store(true)
	wg.Wait()
	c.same(t)
	w.verify()
}

// jumpWork is clients of a group whose clocks jump.
type jumpWork struct {
	t *testing.T
	c *cluster

	acked, unknown, commits, lost, marked, timed, untimed, refused atomic.Int64

	mu   sync.Mutex
	told map[string]string // by the ID of a change: "applied", "unknown" or "refused"
	ids  []string          // that were acknowledged
}

// change adds one, and reads that what was acknowledged before is there.
func (w *jumpWork) change(ctx context.Context, g *Group, _ *rand.Rand) {
	_, err := g.Do(ctx, op.Op{Kind: op.SQL, SQL: "UPDATE t SET n = n + 1 WHERE id = 1"})
	switch {
	case err == nil:
		w.acked.Add(1)
	case errors.Is(err, door.ErrUnknown):
		w.unknown.Add(1)
	default:
		w.t.Errorf("a change: %v", err)
	}
	least := w.acked.Load()
	n, err := w.ask(op.WithReading(ctx, op.Reading{Consistency: op.Linearizable}), g, "SELECT n FROM t WHERE id = 1")
	if err != nil {
		w.t.Errorf("a read: %v", err)
	} else if n < least {
		w.t.Errorf("a linearizable read says %d, after %d were acknowledged", n, least)
	}
}

func (w *jumpWork) ask(ctx context.Context, e interface {
	Do(ctx context.Context, o op.Op) (op.Result, error)
}, query string,
) (int64, error) {
	res, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: query})
	if err != nil {
		return 0, err
	}
	rows, err := drain(res.Rows)
	if err != nil {
		return 0, err
	}
	return rows[0][0].(int64), nil
}

// mark does a change under an ID, and repeats one that was acknowledged.
func (w *jumpWork) mark(ctx context.Context, g *Group, r *rand.Rand) {
	id := "mark " + uuid.NewString()
	timed := r.IntN(2) == 0
	if timed {
		id = uuid.Must(uuid.NewV7()).String()
	}
	again := ""
	w.mu.Lock()
	if n := len(w.ids); n > 0 {
		again = w.ids[n-1-r.IntN(min(n, 200))]
	}
	w.mu.Unlock()
	do := func(id string) error {
		_, err := g.Do(ctx, op.Op{Kind: op.SQL, ID: id, SQL: "INSERT INTO marks (id) VALUES (?)", Args: []any{id}})
		return err
	}
	said := "applied"
	switch err := do(id); {
	case err == nil:
		w.marked.Add(1)
	case errors.Is(err, door.ErrUnknown):
		said = "unknown"
	case timed && op.CodeOf(err) == op.CodeValidation: // one of the clocks is wrong
		said = "refused"
		w.refused.Add(1)
	default:
		w.t.Errorf("a change with an ID: %v", err)
	}
	w.mu.Lock()
	w.told[id] = said
	if said == "applied" {
		w.ids = append(w.ids, id)
	}
	w.mu.Unlock()
	if again == "" {
		return
	}
	if err := do(again); err != nil && !errors.Is(err, door.ErrUnknown) {
		w.t.Errorf("the repetition of %s: %v", again, err)
	}
	if was, err := g.Resolve(ctx, again); err == nil && !was {
		w.t.Errorf("%s was acknowledged, and it is said that it was not applied", again)
	} else if err != nil && !errors.Is(err, door.ErrUnknown) {
		w.t.Errorf("resolve %s: %v", again, err)
	}
}

// transaction reads, adds one and commits.
func (w *jumpWork) transaction(ctx context.Context, g *Group, _ *rand.Rand) {
	err := w.within(ctx, g, func(tx op.Tx) error {
		n, err := w.ask(ctx, tx, "SELECT n FROM t WHERE id = 2")
		if err != nil {
			return err
		}
		_, err = tx.Do(ctx, op.Op{Kind: op.SQL, SQL: "UPDATE t SET n = ? WHERE id = 2", Args: []any{n + 1}})
		return err
	})
	switch {
	case err == nil:
		w.commits.Add(1)
	case errors.Is(err, door.ErrUnknown):
		w.lost.Add(1)
	case !op.Retryable(err):
		w.t.Errorf("a transaction: %v", err)
	}
}

func (w *jumpWork) within(ctx context.Context, g *Group, fn func(tx op.Tx) error) error {
	tx, err := g.Begin(ctx, op.TxOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// time writes what time it is, by a change and in a transaction, one after the
// other.
func (w *jumpWork) time(ctx context.Context, g *Group, r *rand.Rand) {
	const insert = "INSERT INTO times (at, how) VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), ?)"
	var err error
	if r.IntN(2) == 0 {
		_, err = g.Do(ctx, op.Op{Kind: op.SQL, SQL: insert, Args: []any{"a change"}})
	} else {
		err = w.within(ctx, g, func(tx op.Tx) error {
			_, err := tx.Do(ctx, op.Op{Kind: op.SQL, SQL: insert, Args: []any{"a transaction"}})
			return err
		})
	}
	switch {
	case err == nil:
		w.timed.Add(1)
	case errors.Is(err, door.ErrUnknown):
		w.untimed.Add(1)
	case !op.Retryable(err):
		w.t.Errorf("what time it is: %v", err)
	}
}

func (w *jumpWork) verify() {
	t, g := w.t, w.c.leader(w.t).g
	for i, count := range []struct{ sure, maybe int64 }{{w.acked.Load(), w.unknown.Load()}, {w.commits.Load(), w.lost.Load()}} {
		n := count1(t, g, fmt.Sprintf("SELECT n FROM t WHERE id = %d", i+1))
		if n < count.sure || n > count.sure+count.maybe {
			t.Errorf("row %d says %d; %d were acknowledged and %d are unknown", i+1, n, count.sure, count.maybe)
		}
		t.Logf("row %d: %d acknowledged, %d unknown, it says %d", i+1, count.sure, count.maybe, n)
	}
	times := map[string]int64{}
	for _, row := range run1(t, g, "SELECT id, count(*) FROM marks GROUP BY id")[0].Rows {
		times[row[0].(string)] = row[1].(int64)
	}
	for id, said := range w.told {
		switch n := times[id]; {
		case n > 1:
			t.Errorf("%s (%s) was applied %d times", id, said, n)
		case said == "applied" && n == 0:
			t.Errorf("%s was acknowledged and is not there", id)
		case said == "refused" && n != 0:
			t.Errorf("%s was refused and is there", id)
		}
	}
	t.Logf("%d changes with an ID, %d of them refused for a clock; %d times", len(w.told), w.refused.Load(), w.timed.Load())
	query := "SELECT a.id, a.how, a.at, b.how, b.at FROM times a JOIN times b ON b.id = a.id + 1 WHERE b.at < a.at"
	if w.untimed.Load() > 0 { // a transaction may have been committed after others had begun
		query += " AND b.how = 'a change'"
	}
	for _, row := range run1(t, g, query)[0].Rows {
		t.Errorf("row %v: %v is told %v, and then %v %v", row...)
	}
}

package raftgroup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/raftgroup/replica"
)

func count1(t testing.TB, g *Group, query string) int64 {
	t.Helper()
	return run1(t, g, query)[0].Rows[0][0].(int64)
}

// strange makes an entry that this node does not know as its own, as if the
// answer to it had been lost.
func strange(t testing.TB, data []byte) []byte {
	t.Helper()
	e, err := decodeEntry(data)
	if err != nil {
		t.Fatal(err)
	}
	e.nonce = newNonce()
	return e.append(nil)
}

func TestOneIDOnce(t *testing.T) {
	g, a := single(t, Config{})
	ctx := context.Background()
	models := optest.Models()
	migrated(t, g, models)
	plain := models.Model("Plain")
	insert := op.Op{Kind: op.Insert, ID: "my change", Model: plain, Rows: [][]any{{"a", int64(1), nil}}, Returning: true}
	for range 3 {
		res, err := g.Do(ctx, insert)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := drain(res.Rows)
		if err != nil || res.N != 1 || len(rows) != 1 || rows[0][0] != "a" {
			t.Fatalf("%d rows, %v, %v", res.N, rows, err)
		}
		appliers.find(a.path).forget() // as after a start
	}
	failing := op.Op{Kind: op.Insert, ID: "another", Model: plain, Rows: [][]any{{"a", int64(1), nil}}}
	for range 2 {
		_, err := g.Do(ctx, failing)
		var c *op.ConflictError
		if !errors.As(err, &c) || c.Reason != op.ReasonExists || c.ID != "a" {
			t.Fatalf("the second time: %v", err)
		}
		run1(t, g, "DELETE FROM plains WHERE 0")
	}
	// The answer is lost, after the change was applied or before.
	for i, applied := range []bool{true, false} {
		lost := 0
		a.before = func(entry []byte) error {
			if lost++; lost > 1 {
				return nil
			}
			if applied {
				if err := appliers.apply(a.c, a.path, strange(t, entry)); err != nil {
					t.Error(err)
				}
			}
			return replica.ErrUnknown
		}
		res, err := g.Do(ctx, op.Op{Kind: op.Increment, Model: plain, Set: []op.Assign{{Field: "value", Inc: true, Value: int64(1)}}})
		a.before = nil
		if err != nil || res.N != 1 {
			t.Fatalf("%d %v", res.N, err)
		}
		if v := count1(t, g, "SELECT value FROM "+plain.Table); v != int64(i+2) {
			t.Errorf("applied before the answer was lost: %t; the value is %d, want %d", applied, v, i+2)
		}
	}
	if n := g.Metrics().Duplicates; n < 4 {
		t.Errorf("%d duplicates are counted", n)
	}
}

// ending is a context that ends when it is told to, which nobody hears of who
// does not look.
type ending struct {
	context.Context
	over atomic.Bool
}

func (e *ending) Err() error {
	if e.over.Load() {
		return context.Canceled
	}
	return nil
}

// When an attempt may have been applied, and those after it find no leader, it is
// not known whether the change was; without such an attempt nothing was done.
func TestNoLeaderAfterLostAnswer(t *testing.T) {
	for _, applied := range []bool{true, false} {
		g, a := single(t, Config{})
		run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
		ctx := &ending{Context: context.Background()}
		tries := 0
		a.before = func(entry []byte) error {
			switch tries++; {
			case tries == 1 && applied:
				if err := appliers.apply(a.c, a.path, strange(t, entry)); err != nil {
					t.Error(err)
				}
				return replica.ErrUnknown
			case tries == 3: // while it is under way nobody could say that nothing was done
				ctx.over.Store(true)
			}
			return replica.ErrNoQuorum
		}
		_, err := g.Do(ctx, op.Op{Kind: op.SQL, SQL: "INSERT INTO t DEFAULT VALUES"})
		if errors.Is(err, door.ErrUnknown) != applied || op.CodeOf(err) != op.CodeCancelled || !errors.Is(err, context.Canceled) {
			t.Errorf("applied: %t: %v", applied, err)
		}
		if !applied && !strings.Contains(err.Error(), "majority") {
			t.Errorf("it is not said what was waited for: %v", err)
		}
	}
}

func TestCommitWithoutAnswer(t *testing.T) {
	g, a := single(t, Config{})
	ctx := context.Background()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	for _, applied := range []bool{true, false} {
		tx, err := g.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Do(ctx, op.Op{Kind: op.SQL, SQL: "INSERT INTO t DEFAULT VALUES"}); err != nil {
			t.Fatal(err)
		}
		lost := 0
		a.before = func(entry []byte) error {
			if lost++; lost > 1 {
				return nil
			}
			if applied {
				if err := appliers.apply(a.c, a.path, strange(t, entry)); err != nil {
					t.Error(err)
				}
			}
			return replica.ErrUnknown
		}
		id := uuid.Must(uuid.NewV7()).String()
		err = tx.Commit(door.WithID(ctx, id))
		a.before = nil
		if applied && err != nil || !applied && !op.Retryable(err) {
			t.Errorf("applied: %t; commit: %v", applied, err)
		}
		if was, err := g.Resolve(ctx, id); was != applied || err != nil {
			t.Errorf("applied: %t; resolved: %t %v", applied, was, err)
		}
	}
	if n := count1(t, g, "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	// Asked for before it comes, it never comes.
	id := uuid.Must(uuid.NewV7()).String()
	if was, err := g.Resolve(ctx, id); was || err != nil {
		t.Errorf("%t %v", was, err)
	}
	if _, err := g.Do(ctx, op.Op{Kind: op.SQL, ID: id, SQL: "INSERT INTO t DEFAULT VALUES"}); op.CodeOf(err) != op.CodeCancelled {
		t.Errorf("a change that was given up: %v", err)
	}
	if _, err := g.Resolve(ctx, idOf(time.Now().Add(-time.Hour))); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("an ID of an hour ago: %v", err)
	}
}

// idOf is an ID that was made at a time.
func idOf(at time.Time) string {
	u := uuid.Must(uuid.NewV7())
	binary.BigEndian.PutUint64(u[:8], uint64(at.UnixMilli())<<16|uint64(binary.BigEndian.Uint16(u[6:8])))
	return u.String()
}

func TestClockThatIsOff(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	g, _ := single(t, Config{Clock: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	set := func(at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		now = at
	}
	ctx := context.Background()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP)")
	begun := now
	made := time.Now() // by the clock of who makes IDs, which is right
	do := func() error {
		made = made.Add(time.Second)
		_, err := g.Do(ctx, op.Op{Kind: op.SQL, ID: idOf(made), SQL: "INSERT INTO t DEFAULT VALUES"})
		return err
	}
	if err := do(); err != nil {
		t.Fatal(err)
	}
	set(begun.Add(time.Hour))
	if err := do(); op.CodeOf(err) != op.CodeValidation || !strings.Contains(err.Error(), "clock") {
		t.Errorf("the leader's clock is an hour ahead: %v", err)
	}
	run1(t, g, "INSERT INTO t DEFAULT VALUES") // who gives no ID is not concerned
	set(begun)
	if err := do(); err != nil {
		t.Errorf("after the clock was set right: %v", err)
	}
	if n := count1(t, g, "SELECT count(*) FROM t WHERE at < (SELECT max(at) FROM t WHERE id < 3)"); n != 1 {
		t.Errorf("after the clock was set back time went back: %v", run1(t, g, "SELECT * FROM t")[0].Rows)
	}
	set(begun.Add(-time.Hour))
	if err := do(); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("the leader's clock is an hour behind: %v", err)
	}
}

// An ID that was forgotten is refused, and not applied again.
func TestForgottenID(t *testing.T) {
	now := time.Now()
	g, _ := single(t, Config{Clock: func() time.Time { return now }})
	ctx := context.Background()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	id := uuid.Must(uuid.NewV7()).String()
	insert := op.Op{Kind: op.SQL, ID: id, SQL: "INSERT INTO t DEFAULT VALUES"}
	for range 2 {
		if _, err := g.Do(ctx, insert); err != nil {
			t.Fatal(err)
		}
	}
	real := now
	for range 60 {
		now = now.Add(7 * time.Second)
		run1(t, g, "DELETE FROM t WHERE id > 1")
	}
	if _, err := g.Do(ctx, insert); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("minutes later: %v", err)
	}
	now = real // also when the clock is set back to where the ID looks young
	if _, err := g.Do(ctx, insert); op.CodeOf(err) != op.CodeValidation {
		t.Errorf("minutes later, by a clock that was set back: %v", err)
	}
	if n := count1(t, g, "SELECT count(*) FROM t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := count1(t, g, "SELECT count(*) FROM weft_group_ids"); n > 20 {
		t.Errorf("%d entries are remembered", n)
	}
}

// A failure at each position and of each kind leaves nothing of an atomic list,
// and nothing of the failed one in a list that is not.
func TestFailuresLeaveNothing(t *testing.T) {
	g, _ := single(t, Config{})
	ctx := context.Background()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, u INTEGER UNIQUE, c INTEGER CHECK (c < 100), n INTEGER NOT NULL DEFAULT 0)",
		"CREATE TABLE r (id INTEGER PRIMARY KEY, u INTEGER UNIQUE ON CONFLICT ROLLBACK)", "INSERT INTO t (id, u) VALUES (1, 1)", "INSERT INTO r VALUES (1, 1)",
		"CREATE TRIGGER tr BEFORE INSERT ON r WHEN NEW.id = 77 BEGIN SELECT RAISE(ROLLBACK, 'no'); END")
	kinds := map[string]string{
		"unique":            "INSERT INTO t (id, u) VALUES (50, 50), (51, 1)",
		"unique, returning": "INSERT INTO t (id, u) VALUES (50, 50), (51, 1) RETURNING id",
		"or fail":           "INSERT OR FAIL INTO t (id, u) VALUES (50, 50), (51, 1)",
		"or rollback":       "INSERT OR ROLLBACK INTO t (id, u) VALUES (50, 50), (51, 1)",
		"rollback of table": "INSERT INTO r VALUES (50, 50), (51, 1)",
		"raise":             "INSERT INTO r VALUES (77, 77)",
		"check":             "UPDATE t SET c = 200",
		"not null":          "INSERT INTO t (id, n) VALUES (50, NULL)",
		"column":            "INSERT INTO t (nothing) VALUES (1)",
		"table":             "INSERT INTO nothing VALUES (1)",
		"syntax":            "INSERT INTO",
		"attach":            "ATTACH 'x.db' AS x",
		"begin":             "BEGIN",
		"commit":            "COMMIT",
		"savepoint":         "SAVEPOINT weft_1",
		"two":               "DELETE FROM t; DELETE FROM r",
		"vacuum":            "VACUUM INTO 'x.db'",
		"pragma":            "PRAGMA journal_mode = DELETE",
		"own table":         "DELETE FROM weft_group_ids",
		"random rowid":      "INSERT INTO t (id) VALUES (9223372036854775807)",
		"arguments":         "INSERT INTO t (id) VALUES (?)",
	}
	state := func() string {
		return fmt.Sprint(run1(t, g, "SELECT * FROM t ORDER BY id", "SELECT * FROM r ORDER BY id")[0].Rows, run1(t, g, "SELECT * FROM r ORDER BY id")[0].Rows)
	}
	before := state()
	for name, bad := range kinds {
		for at := range 4 {
			for _, atomic := range []bool{true, false} {
				var r door.Request
				r.Atomic = atomic
				for i := range 4 {
					s := door.Statement{SQL: fmt.Sprintf("INSERT INTO t (id, u) VALUES (%d, %d)", 10+i, 10+i)}
					if i == at {
						s = door.Statement{SQL: bad}
					}
					r.Statements = append(r.Statements, s)
				}
				answers, err := g.Run(ctx, r)
				failed := err != nil
				for i := range answers {
					if answers[i].Err != nil {
						failed = true
						if i != at {
							t.Errorf("%s at %d: statement %d fails: %v", name, at, i, answers[i].Err)
						}
					}
				}
				if !failed {
					t.Errorf("%s at %d: nothing fails", name, at)
				}
				if !atomic {
					// What ends the whole transaction takes the list with it.
					want := int64(3)
					if err != nil {
						want = 0
					}
					if n := count1(t, g, "SELECT count(*) FROM t WHERE id BETWEEN 10 AND 20"); n != want {
						t.Errorf("%s at %d of a list: %d rows are there, want %d (%v)", name, at, n, want, err)
					}
					run1(t, g, "DELETE FROM t WHERE id BETWEEN 10 AND 20")
				}
				if after := state(); after != before {
					t.Fatalf("%s at %d, atomic %t: there is %s, want %s", name, at, atomic, after, before)
				}
			}
		}
		tx, err := g.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Do(ctx, op.Op{Kind: op.SQL, SQL: "INSERT INTO t (id, u) VALUES (10, 10)"}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Do(ctx, op.Op{Kind: op.SQL, SQL: bad}); err == nil {
			t.Errorf("%s does not fail in a transaction", name)
		}
		cerr := tx.Commit(ctx)
		n := count1(t, g, "SELECT count(*) FROM t WHERE id = 10")
		if (cerr == nil) != (n == 1) {
			t.Errorf("%s in a transaction: commit says %v, %d rows", name, cerr, n)
		}
		run1(t, g, "DELETE FROM t WHERE id = 10")
		if after := state(); after != before {
			t.Fatalf("%s in a transaction: there is %s, want %s", name, after, before)
		}
	}
}

// A failure of the disk is no outcome: the entry is taken back and the copy
// stops.
func TestFullDisk(t *testing.T) {
	g, a := single(t, Config{})
	ctx := context.Background()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t (v) VALUES ('a')")
	before, _, err := g.Hash(ctx)
	if err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		t.Helper()
		a.mu.Lock()
		defer a.mu.Unlock()
		if _, err := a.c.Ask(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // no less than it has
	_, err = g.Run(ctx, door.Request{Statements: []door.Statement{
		{SQL: "UPDATE t SET v = 'b'"}, {SQL: "INSERT INTO t (v) VALUES (hex(zeroblob(100000)))"},
	}})
	if err == nil {
		t.Fatal("a change that does not fit on the disk succeeds")
	}
	until(t, "the copy stops", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.broken != nil
	})
	after, _, err := g.Hash(ctx)
	if err != nil || after != before {
		t.Errorf("%s, want %s (%v)", after, before, err)
	}
	limit(1 << 30)
	a.mu.Lock()
	a.broken = nil
	a.mu.Unlock()
	if _, err := g.Run(within(t, 300*time.Millisecond), door.Request{Statements: []door.Statement{{SQL: "DELETE FROM t"}}}); err == nil {
		t.Error("a copy that missed an entry applies the next one")
	}
}

// A follower whose disk is full is stopped and rebuilt; the others go on.
func TestFollowerWithFullDisk(t *testing.T) {
	c := newCluster(t, 3, calm())
	lead, other := c.leader(t), c.follower(t)
	run1(t, lead.g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
	c.same(t)
	was := other.g.Replica().Server()
	a := appliers.find(other.g.Replica().Path())
	a.hook = func(c *conn.Conn) error {
		_, err := c.Ask(background, "PRAGMA max_page_count = 1")
		return err
	}
	run1(t, lead.g, "INSERT INTO t (v) VALUES (hex(zeroblob(1000000)))")
	until(t, "the follower is rebuilt", func() bool {
		s := other.g.Replica().Server()
		return s != "" && s != was
	})
	a.hook = nil
	run1(t, lead.g, "INSERT INTO t (v) VALUES ('on')")
	c.add(t, other, true)
	c.same(t)
	if n := count1(t, other.g, "SELECT count(*) FROM t"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// A copy that differs from the leader's is found, stopped and rebuilt.
func TestCopyThatDiffers(t *testing.T) {
	c := newCluster(t, 3, calm())
	lead, other := c.leader(t), c.follower(t)
	run1(t, lead.g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t (v) VALUES (1), (2)")
	c.same(t)
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
	until(t, "the follower is rebuilt", func() bool {
		s := other.g.Replica().Server()
		return s != "" && s != was
	})
	c.add(t, other, true)
	c.same(t)
}

type counter struct {
	weft.Model
	N int
}

// Thirty-two transactions at a time add one to the same row. Each succeeds within
// the attempts that db.Tx makes.
func TestManyTransactionsOnOneRow(t *testing.T) {
	c := newCluster(t, 3, calm())
	for _, g := range []*Group{c.leader(t).g, c.follower(t).g} {
		db, err := weft.Open(keepOpen{g}, weft.Models(counter{}), weft.AutoMigrate())
		if err != nil {
			t.Fatal(err)
		}
		counters := weft.Repo[counter](db)
		ctx := within(t, 5*time.Minute)
		row := &counter{}
		if err := counters.Create(ctx, row); err != nil {
			t.Fatal(err)
		}
		const each = 4
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range each {
					err := db.Tx(ctx, func(tx *weft.DB) error {
						r, err := counters.In(tx).Find(ctx, row.ID)
						if err != nil {
							return err
						}
						r.N++
						return counters.In(tx).Save(ctx, r)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		r, err := counters.Find(ctx, row.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r.N != 32*each {
			t.Errorf("%d, want %d", r.N, 32*each)
		}
	}
	c.same(t)
}

// keepOpen is a group that a DB does not close.
type keepOpen struct{ *Group }

func (keepOpen) Close() error { return nil }

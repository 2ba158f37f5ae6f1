package raftgroup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/raftgroup/replica"
	"github.com/weftdb/weft/schema"
)

func text(sql string, args ...any) op.Op { return op.Op{Kind: op.SQL, SQL: sql, Args: args} }

// must1 runs operations that must succeed.
func must1(t testing.TB, e interface {
	Do(ctx context.Context, o op.Op) (op.Result, error)
}, list ...op.Op,
) {
	t.Helper()
	for _, o := range list {
		res, err := e.Do(t.Context(), o)
		if err == nil && res.Rows != nil {
			_, err = drain(res.Rows)
		}
		if err != nil {
			t.Fatalf("%s: %v", o.SQL, err)
		}
	}
}

// A conflict inside a nested transaction takes the whole transaction back, and
// nothing else: what shares its entry, and what comes after it, is kept.
func TestConflictInNestedTransaction(t *testing.T) {
	g, a := single(t, Config{})
	ctx := t.Context()
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t (v) VALUES (1)")
	tx, err := g.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must1(t, tx, text("INSERT INTO t (id, v) VALUES (100, 1)"))
	in, err := tx.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must1(t, in, op.Op{Kind: op.SQL, SQL: "SELECT v FROM t WHERE id = 1", Returning: true})
	if err := in.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	run1(t, g, "UPDATE t SET v = 2 WHERE id = 1")
	if err := tx.Commit(ctx); !op.Retryable(err) {
		t.Errorf("a transaction that read what has changed: %v", err)
	}
	if n := a.c.Depth(); n != 0 {
		t.Errorf("%d transactions are open after the entry", n)
	}
	run1(t, g, "INSERT INTO t (id, v) VALUES (7, 7)")
	if n := count1(t, g, "SELECT count(*) FROM t WHERE id = 7"); n != 1 {
		t.Error("a change that was acknowledged is not there")
	}
	if n := count1(t, g, "SELECT count(*) FROM t WHERE id = 100"); n != 0 {
		t.Error("a transaction that met a conflict left something behind")
	}
}

// Foreign keys that are checked at the end of a transaction are checked at the
// end of each change, and a failure is its own.
func TestDeferredKeys(t *testing.T) {
	g, a := single(t, Config{})
	ctx := t.Context()
	models := optest.Models()
	migrated(t, g, models)
	plain := models.Model("Plain")
	run1(t, g, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
		"DROP TABLE "+plain.Table, "CREATE TABLE "+plain.Table+" (id TEXT PRIMARY KEY, value INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED, label TEXT)")
	refused := func(what string, err error) {
		t.Helper()
		var c *op.ConflictError
		if !errors.As(err, &c) || c.Reason != op.ReasonReference {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := g.Do(ctx, text("INSERT INTO c (p) VALUES (42)"))
	refused("a statement", err)
	insert := op.Op{Kind: op.Insert, Model: plain, Rows: [][]any{{"a", int64(42), nil}}}
	_, err = g.Do(ctx, insert)
	refused("an operation", err)
	for _, atomic := range []bool{true, false} {
		answers, err := g.Run(ctx, door.Request{Atomic: atomic, Statements: []door.Statement{
			{SQL: "INSERT INTO p (id) VALUES (1)"}, {SQL: "INSERT INTO c (p) VALUES (43)"},
		}})
		if err != nil || len(answers) != 2 || answers[0].Err != nil {
			t.Fatalf("%v %v", answers, err)
		}
		refused("a list", answers[1].Err)
		want := int64(1)
		if atomic {
			want = 0
		}
		if n := count1(t, g, "SELECT count(*) FROM p"); n != want {
			t.Errorf("atomic %t: %d rows are there, want %d", atomic, n, want)
		}
	}
	for _, whole := range []bool{false, true} {
		tx, err := g.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		must1(t, tx, text("INSERT INTO c (p) VALUES (44)"))
		if whole {
			must1(t, tx, text("INSERT INTO p (id) VALUES (44)"))
		}
		err = tx.Commit(ctx)
		if whole && err != nil {
			t.Errorf("a transaction that ends whole: %v", err)
		}
		if !whole {
			refused("a transaction", err)
		}
	}
	// In one entry with others.
	insert.ID = ""
	var calls []*call
	for _, o := range []op.Op{text("INSERT INTO p (id) VALUES (50)"), insert, text("INSERT INTO p (id) VALUES (51)")} {
		var c call
		o.ID = newID()
		if err := g.encode(&o, &c); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, &c)
	}
	for _, c := range calls {
		c.done = make(chan struct{})
	}
	g.gather.mu.Lock()
	e := g.gather.entry(calls)
	g.gather.flights[e.nonce] = calls
	g.gather.mu.Unlock()
	g.gather.propose(e, calls)
	for i, c := range calls {
		if i == 1 {
			refused("one of several", c.out.err)
		} else if c.err != nil || c.out.err != nil {
			t.Errorf("who shares the entry: %v %v", c.err, c.out.err)
		}
	}
	if n := count1(t, g, "SELECT count(*) FROM p WHERE id IN (50, 51)"); n != 2 {
		t.Errorf("%d of 2 rows of who shares the entry", n)
	}
	if a.broken != nil {
		t.Errorf("the copy is broken: %v", a.broken)
	}
}

// A file that copies could not keep the same, or that has other things under the
// group's names, is refused, and the group goes on.
func TestRestoreOfWhatCannotBe(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	for name, statements := range map[string][]string{
		"highest key": {"CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (9223372036854775807)"},
		"last key":    {"CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO t VALUES (1)", "UPDATE sqlite_sequence SET seq = 9223372036854775807"},
		"a view":      {"CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE VIEW weft_group_state AS SELECT 1"},
		"an index":    {"CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE INDEX weft_group_ids ON t (id)"},
		"shadows":     {"CREATE VIRTUAL TABLE weft_group USING fts5 (x)"},
		"references":  {"CREATE TABLE weft_group_x (id INTEGER PRIMARY KEY)", "CREATE TABLE t (id INTEGER REFERENCES weft_group_x)", "INSERT INTO weft_group_x VALUES (1)", "INSERT INTO t VALUES (1)"},
	} {
		path := filepath.Join(t.TempDir(), "a.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := conn.Open(path, conn.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if _, err := c.Ask(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Restore(t.Context(), bytes.NewReader(b)); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%s: %v", name, err)
		}
		// Each copy looks again, whatever the node that sent it has found.
		sum, pieces, err := receive(t.Context(), filepath.Join(t.TempDir(), "b.db"), bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var id string
		if err := g.send(t.Context(), path, sum, pieces, &id); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%s, unchecked: %v", name, err)
		}
		if was, err := g.Resolve(t.Context(), id); was || err != nil {
			t.Errorf("%s: %t %v", name, was, err)
		}
	}
	run1(t, g, "INSERT INTO t VALUES (2)")
	if n := count1(t, g, "SELECT count(*) FROM t"); n != 2 || a.broken != nil {
		t.Errorf("%d rows, want 2; broken: %v", n, a.broken)
	}
}

// A restore whose answer was lost is not done again: what was changed since stays.
func TestRestoreOnce(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	var b bytes.Buffer
	if err := g.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	lost := false
	a.before = func(entry []byte) error {
		e, err := decodeEntry(entry)
		if err != nil {
			t.Error(err)
		}
		if lost || e.members[0].kind != memberRestore {
			return nil
		}
		lost = true
		insert := call{}
		o := text("INSERT INTO t VALUES (1)")
		o.ID = newID()
		if err := g.encode(&o, &insert); err != nil {
			t.Error(err)
		}
		for _, data := range [][]byte{strange(t, entry), g.gather.entry([]*call{&insert}).append(nil)} {
			if err := appliers.apply(a.c, a.path, data); err != nil {
				t.Error(err)
			}
		}
		return replica.ErrUnknown
	}
	if err := g.Restore(t.Context(), &b); err != nil || !lost {
		t.Fatal(err, lost)
	}
	if n := count1(t, g, "SELECT count(*) FROM t"); n != 1 {
		t.Error("a change that came after the restore is lost")
	}
}

// twin applies entries to a second copy of a group's file, on a connection that
// has run nothing else, and compares.
func twin(t testing.TB, a *alone, statements ...string) {
	t.Helper()
	g := appliers.find(a.path).g.Load()
	path := filepath.Join(t.TempDir(), "twin.db")
	if err := a.c.Copy(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	var entries [][]byte
	a.before = func(entry []byte) error { // callers have their answer as soon as an entry is applied
		entries = append(entries, bytes.Clone(entry))
		return nil
	}
	run1(t, g, statements...)
	a.before = nil
	if len(entries) == 0 {
		t.Fatalf("%q: nothing was proposed", statements)
	}
	c, err := conn.Open(path, conn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, e := range entries {
		if err := appliers.apply(c, path, e); err != nil {
			t.Fatal(err)
		}
	}
	mine, err := readState(t.Context(), a.c)
	if err != nil {
		t.Fatal(err)
	}
	other, err := readState(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if mine != other {
		t.Errorf("%q: copies differ when one was just started", statements)
	}
}

// What statements that change no rows are told does not depend on what the
// connection has run before.
func TestCountsAfterStart(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)", "CREATE INDEX i ON t (v)", "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
		"INSERT INTO t (v) VALUES (1), (2)", "ANALYZE")
	for _, s := range []string{
		"ANALYZE", "ANALYZE t", "REINDEX", "CREATE INDEX IF NOT EXISTS i ON t (v)", "CREATE TABLE IF NOT EXISTS t (x)", "DROP TABLE IF EXISTS u",
		"DROP INDEX IF EXISTS u", "DROP VIEW IF EXISTS u",
		"CREATE VIEW v AS SELECT * FROM t", "DROP VIEW v", "ALTER TABLE t ADD COLUMN w", "INSERT INTO t (v) VALUES (3), (4)", "WITH x AS (SELECT 1) DELETE FROM t WHERE v = 1",
	} {
		twin(t, a, s)
	}
}

// When the connection of transactions could not be had, what was set on it for
// one does not hold for the next.
func TestKeysOffForOne(t *testing.T) {
	g, a := single(t, Config{})
	run1(t, g, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p)")
	tx, err := g.Begin(t.Context(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must1(t, tx, text("PRAGMA foreign_keys = OFF"))
	if err := a.c.Begin(t.Context(), true); err != nil { // somebody else writes
		t.Fatal(err)
	}
	if _, err := tx.Do(within(t, 100*time.Millisecond), text("INSERT INTO c (p) VALUES (1)")); err == nil {
		t.Error("two write at a time")
	}
	if err := errors.Join(a.c.Rollback(), tx.Rollback(t.Context())); err != nil {
		t.Fatal(err)
	}
	if tx, err = g.Begin(t.Context(), op.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Do(t.Context(), text("INSERT INTO c (p) VALUES (1)")); op.CodeOf(err) != op.CodeConflict {
		t.Errorf("a key that points nowhere: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Leaf and Twig are of a program that does not know what their tables point at.
type Leaf struct {
	ID   string `weft:"primary,type=string"`
	Note *string
}

type Twig struct {
	ID   string `weft:"primary,type=string"`
	Note *string
}

// Foreign keys of which the models do not tell carry changes too, and a
// transaction that read what they lead to is in the way of them.
func TestCarriedUnknown(t *testing.T) {
	g, _ := single(t, Config{})
	models := optest.Models()
	migrated(t, g, models)
	plain := models.Model("Plain")
	var list []*schema.Model
	for _, v := range []any{Leaf{}, Twig{}} {
		m, err := schema.FromStruct(v)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	others, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	leaf, twig := others.Model("Leaf"), others.Model("Twig")
	run1(t, g, "CREATE TABLE "+leaf.Table+" (id TEXT PRIMARY KEY, note TEXT REFERENCES "+plain.Table+" ON DELETE CASCADE)",
		"CREATE TABLE "+twig.Table+" (id TEXT PRIMARY KEY, note TEXT REFERENCES "+strings.ToUpper(leaf.Table)+" ON DELETE SET NULL)")
	insert := func(m *schema.Model, row ...any) op.Op { return op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row}} }
	for _, read := range []*schema.Model{leaf, twig} {
		must1(t, g, insert(plain, "a", int64(1), nil), insert(leaf, "l", "a"), insert(twig, "t", "l"))
		must1(t, g, insert(plain, "b", int64(1), nil)) // of these entries touched knows
		tx, err := g.Begin(t.Context(), op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		must1(t, tx, op.Op{Kind: op.Find, Model: read}, insert(plain, "c", int64(1), nil))
		must1(t, g, op.Op{Kind: op.Delete, Model: plain})
		if err := tx.Commit(t.Context()); !op.Retryable(err) {
			t.Errorf("%s: what was read is another now, and the commit says %v", read.Name, err)
		}
		must1(t, g, op.Op{Kind: op.Delete, Model: leaf}, op.Op{Kind: op.Delete, Model: twig})
	}
}

// A copy that failed at an entry before its group was open applies nothing after
// it: changes would be acknowledged on a state that misses one.
func TestFailedBeforeOpen(t *testing.T) {
	a := newAlone(t)
	early := &applier{}
	appliers.add(a.path, early)
	proposer := &gatherer{g: &Group{cfg: Config{}.filled()}}
	entry := func(sql string) []byte {
		var c call
		o := text(sql)
		o.ID = newID()
		if err := proposer.g.encode(&o, &c); err != nil {
			t.Fatal(err)
		}
		return proposer.entry([]*call{&c}).append(nil)
	}
	if err := appliers.apply(a.c, a.path, entry("CREATE TABLE t (id INTEGER PRIMARY KEY)")); err != nil {
		t.Fatal(err)
	}
	early.hook = func(*conn.Conn) error { return errors.New("the disk is full") }
	if err := appliers.apply(a.c, a.path, entry("INSERT INTO t VALUES (1)")); err == nil {
		t.Fatal("an entry is applied though it fails")
	}
	early.hook = nil
	g := openWith(a, Config{}.filled(), nil, early)
	defer g.Close()
	until(t, "the copy stops", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.broken != nil
	})
	if err := appliers.apply(a.c, a.path, entry("INSERT INTO t VALUES (2)")); err == nil {
		t.Error("an entry is applied behind one that is missing")
	}
}

// What a trigger of somebody else changes is known to have changed, whatever its
// name is.
func TestTriggerOfAnyName(t *testing.T) {
	g, _ := single(t, Config{})
	models := optest.Models()
	migrated(t, g, models)
	plain, shelf := models.Model("Plain"), models.Model("Shelf")
	run1(t, g, "CREATE TRIGGER weft_mine AFTER DELETE ON "+plain.Table+" BEGIN DELETE FROM "+shelf.Table+"; END")
	must1(t, g, text("INSERT INTO "+shelf.Table+" (id) VALUES ('s')"))
	for _, id := range []string{"a", "b"} { // of these entries touched knows
		must1(t, g, op.Op{Kind: op.Insert, Model: plain, Rows: [][]any{{id, int64(1), nil}}})
	}
	tx, err := g.Begin(t.Context(), op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	must1(t, tx, op.Op{Kind: op.Find, Model: shelf}, op.Op{Kind: op.Insert, Model: plain, Rows: [][]any{{"c", int64(1), nil}}})
	must1(t, g, op.Op{Kind: op.Delete, Model: plain})
	if err := tx.Commit(t.Context()); !op.Retryable(err) {
		t.Errorf("what was read is gone, and the commit says %v", err)
	}
}

package driver_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
	"github.com/weftdb/weft/raftgroup/driver"
	"github.com/weftdb/weft/raftgroup/replica"
)

var ctx = context.Background()

// node is a node with a copy of the group.
type node struct {
	host *host.Host
	g    *raftgroup.Group
}

// group starts n nodes in this process that hold one group.
func group(t testing.TB, n int) []*node {
	t.Helper()
	var nodes []*node
	for range n {
		x := &node{host: newHost(t)}
		mux := replica.NewMux(x.host, nil)
		d := door.Serve(x.host, func(string) (door.Group, error) {
			if x.g == nil {
				return nil, errors.New("no such group")
			}
			return x.g, nil
		}, nil)
		cfg := raftgroup.Config{Host: x.host, Replica: replica.Default()}
		cfg.Replica.Group, cfg.Replica.Dir = "test", filepath.Join(t.TempDir(), "group")
		// Nobody is to lose the leadership, also when the machine stands still for seconds:
		// a transaction would end with it.
		cfg.Replica.Heartbeat, cfg.Replica.Lease = 5*time.Second, 5*time.Second
		start, cancel := context.WithTimeout(ctx, 2*time.Minute)
		g, err := raftgroup.Open(start, mux, cfg)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		x.g = g
		t.Cleanup(func() { // in the order in which a node closes them
			_ = d.Close()
			_ = g.Close()
			_ = mux.Close()
		})
		nodes = append(nodes, x)
	}
	for _, a := range nodes {
		know(t, a.host, nodes)
	}
	start, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	first := nodes[0].g.Replica()
	if err := first.Bootstrap(start); err != nil {
		t.Fatal(err)
	}
	for _, x := range nodes[1:] {
		if err := first.Add(start, x.host.ID(), x.g.Replica().Server(), true); err != nil {
			t.Fatal(err)
		}
	}
	return nodes
}

func newHost(t testing.TB) *host.Host {
	t.Helper()
	c := host.Default()
	c.DataDir = filepath.Join(t.TempDir(), "host")
	c.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	h, err := host.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// know tells a host where the nodes are.
func know(t testing.TB, h *host.Host, nodes []*node) {
	t.Helper()
	for _, x := range nodes {
		if x.host == h {
			continue
		}
		id, addr, err := host.ParseAddr(x.host.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Remember(id, []string{addr}, time.Hour, true); err != nil {
			t.Fatal(err)
		}
	}
}

// remote is the group for a program that is no node.
func remote(t testing.TB, nodes []*node) *door.Remote {
	t.Helper()
	h := newHost(t)
	know(t, h, nodes)
	r := door.Open(h, door.Options{Group: "test", Peers: func(context.Context) ([]host.ID, error) {
		var list []host.ID
		for _, x := range nodes {
			list = append(list, x.host.ID())
		}
		return list, nil
	}})
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// each runs a test on a group of one node, on a follower of three, and from
// outside.
func each(t *testing.T, fn func(t *testing.T, db *sql.DB)) {
	for _, c := range []struct {
		name  string
		nodes int
		pick  func(t *testing.T, nodes []*node) door.Group
	}{
		{"one", 1, func(_ *testing.T, nodes []*node) door.Group { return nodes[0].g }},
		{"follower", 3, func(_ *testing.T, nodes []*node) door.Group {
			for _, x := range nodes {
				if !x.g.Replica().IsLeader() {
					return x.g
				}
			}
			return nodes[0].g
		}},
		{"remote", 3, func(t *testing.T, nodes []*node) door.Group { return remote(t, nodes) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := group(t, c.nodes)
			db := driver.Open(c.pick(t, nodes))
			defer db.Close()
			fn(t, db)
			same(t, nodes)
		})
	}
}

// same checks that all copies are the same in the end.
func same(t *testing.T, nodes []*node) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for {
		seen := map[string]bool{}
		for _, x := range nodes {
			i, err := x.g.Info(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if i.Broken != "" {
				t.Fatalf("a copy is broken: %s", i.Broken)
			}
			seen[fmt.Sprint(i.Sequence, " ", i.Chain)] = true
		}
		if len(seen) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the copies differ: %v", seen)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func must(t testing.TB, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, text string, args ...any,
) sql.Result {
	t.Helper()
	r, err := on.ExecContext(ctx, text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func number(t testing.TB, on interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, text string, args ...any,
) (n int64) {
	t.Helper()
	if err := on.QueryRowContext(ctx, text, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

func TestLive(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		must(t, db, "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT CHECK (body <> 'bad'), done BOOLEAN, made DATETIME, price INTEGER DECIMAL(10,2))")
		at := time.Date(2026, 1, 2, 3, 4, 5, 600000000, time.UTC)
		r := must(t, db, "INSERT INTO notes (body, done, made, price) VALUES (?, :done, :made, ?)", "a", 12345, sql.Named("done", true), sql.Named("made", at))
		if id, _ := r.LastInsertId(); id != 1 {
			t.Errorf("the last ID is %d", id)
		}
		read := func(on interface {
			QueryRowContext(context.Context, string, ...any) *sql.Row
		},
		) {
			t.Helper()
			var body, price string
			var done bool
			var made time.Time
			if err := on.QueryRowContext(ctx, "SELECT body, done, made, price FROM notes WHERE id = ?", 1).Scan(&body, &done, &made, &price); err != nil {
				t.Fatal(err)
			}
			if body != "a" || !done || !made.Equal(at) || price != "123.45" {
				t.Errorf("got %q %v %v %s", body, done, made, price)
			}
		}
		read(db)
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		number(t, tx, "PRAGMA page_count")
		read(tx)
		r = must(t, tx, "INSERT INTO notes (body) VALUES ('b'), ('c')")
		if id, _ := r.LastInsertId(); id != 3 {
			t.Errorf("the last ID is %d", id)
		}
		if n, _ := r.RowsAffected(); n != 2 {
			t.Errorf("%d rows", n)
		}
		if n := number(t, tx, "SELECT last_insert_rowid()"); n != 3 {
			t.Errorf("last_insert_rowid is %d", n)
		}
		if n := number(t, tx, "INSERT INTO notes (body) VALUES ('d') RETURNING id"); n != 4 {
			t.Errorf("RETURNING gave %d", n)
		}
		must(t, tx, "SAVEPOINT s")
		must(t, tx, "DELETE FROM notes")
		must(t, tx, "ROLLBACK TO s")
		r = must(t, tx, "DELETE FROM notes WHERE id = 2 RETURNING id")
		if n, _ := r.RowsAffected(); n != 1 {
			t.Errorf("%d rows", n)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO notes (body) VALUES ('bad')"); err == nil {
			t.Error("a check let a row pass")
		}
		// What tells of one copy is answered, and no matter of the others.
		number(t, tx, "PRAGMA page_count")
		number(t, tx, "SELECT count(*) FROM pragma_index_list('notes')")
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if n := number(t, db, "SELECT sum(id) FROM notes"); n != 8 {
			t.Errorf("the sum is %d", n)
		}
		for text, part := range map[string]string{
			"SELECT 1; SELECT 2":      "more than one statement",
			"ATTACH 'x' AS y":         "ATTACH",
			"VACUUM":                  "VACUUM",
			"PRAGMA journal_mode = x": "PRAGMA",
			"SELEC":                   "",
			"DELETE FROM nowhere":     "nowhere",
		} {
			if _, err := db.ExecContext(ctx, text); err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", text, err)
			}
		}
		ro, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ro.ExecContext(ctx, "DELETE FROM notes"); err == nil {
			t.Error("a transaction that only reads has written")
		}
		_ = ro.Rollback()
	})
}

// Transactions that add to one number at the same time lose nothing.
func TestLiveConflicts(t *testing.T) {
	nodes := group(t, 3)
	must(t, driverOf(t, nodes[0]), "CREATE TABLE n (id INTEGER PRIMARY KEY, n INTEGER)")
	must(t, driverOf(t, nodes[0]), "INSERT INTO n VALUES (1, 0)")
	const each = 10
	var wg sync.WaitGroup
	for _, x := range nodes {
		db := driverOf(t, x)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for done := 0; done < each; {
				err := addOne(db)
				switch {
				case err == nil:
					done++
				case !errors.Is(err, op.ErrConflict) || !op.Retryable(err):
					t.Errorf("neither done nor a conflict: %v", err)
					return
				}
			}
		}()
	}
	wg.Wait()
	if n := number(t, driverOf(t, nodes[0]), "SELECT n FROM n"); n != 3*each {
		t.Errorf("%d of %d", n, 3*each)
	}
	same(t, nodes)
}

func driverOf(t testing.TB, x *node) *sql.DB {
	db := driver.Open(x.g)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func addOne(db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT n FROM n WHERE id = 1").Scan(&n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE n SET n = ? WHERE id = 1", n+1); err != nil {
		return err
	}
	return tx.Commit()
}

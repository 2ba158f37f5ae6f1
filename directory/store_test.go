package directory

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/weftdb/weft/door"
)

// file is a group of one SQLite file, for as much as the directory asks of one.
type file struct {
	door.Group
	db *sql.DB
}

func (f *file) Run(ctx context.Context, r door.Request) (out []door.Answer, err error) {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	for _, s := range r.Statements {
		if !r.ReadOnly {
			if _, err := tx.ExecContext(ctx, s.SQL, s.Args...); err != nil {
				return nil, err
			}
			out = append(out, door.Answer{})
			continue
		}
		var a door.Answer
		rows, err := tx.QueryContext(ctx, s.SQL, s.Args...)
		if err != nil {
			a.Err = err
			out = append(out, a)
			continue
		}
		a.Columns, _ = rows.Columns()
		for rows.Next() {
			row, into := make([]any, len(a.Columns)), make([]any, len(a.Columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				return nil, err
			}
			a.Rows = append(a.Rows, row)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, tx.Commit()
}

func TestStore(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "d.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, s, now := t.Context(), NewStore(&file{db: db}), time.UnixMilli(1700000000123).UTC()
	if _, err := s.Read(ctx); !errors.Is(err, ErrEmpty) {
		t.Fatalf("before it is founded: %v", err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice: a founder that was killed does it again
		check(s.Found(ctx, "c1", "main", "n1", 3, now))
	}
	check(s.Found(ctx, "other", "other", "n2", 1, now))
	check(s.AddNamespace(ctx, "shop", "n2", 5, now))
	a := Node{ID: "a", Addrs: []string{"/ip4/1.2.3.4/tcp/1/p2p/a"}, Version: "v1", State: Live, FirstSeen: now, LastSeen: now}
	b := Node{ID: "b", State: Live, FirstSeen: now, LastSeen: now}
	check(s.SaveNodes(ctx, b, a))
	check(s.SaveNodes(ctx))
	check(s.SetState(ctx, "b", Removed))
	later := b
	later.LastSeen, later.FirstSeen, later.Version = now.Add(time.Minute), now.Add(time.Minute), "v2"
	check(s.SaveNodes(ctx, later)) // does not bring it back, nor change when it was first seen

	got, err := s.Read(ctx)
	check(err)
	b.State, b.LastSeen, b.Version = Removed, later.LastSeen, "v2"
	want := &Snapshot{
		ClusterID: "c1", Cluster: "main", Nodes: []Node{a, b}, Spaces: []string{"default", "shop"},
		Groups: []Group{
			{Name: "ns/default", Namespace: "default", Replication: 3, Founder: "n1", Copies: []Copy{}},
			{Name: "ns/shop", Namespace: "shop", Replication: 5, Founder: "n2", Copies: []Copy{}},
			{Name: "system", Replication: 3, Founder: "n1", Copies: []Copy{}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	copies := []Copy{{Peer: "b", Server: "b.1"}, {Peer: "a", Server: "a.1", Voter: true}}
	check(s.SaveCopies(ctx, *got.Group("system"), copies))
	got, err = s.Read(ctx)
	check(err)
	g := got.Group("system")
	if g.Version != 1 || !reflect.DeepEqual(g.Copies, []Copy{{Peer: "a", Server: "a.1", Voter: true}, {Peer: "b", Server: "b.1"}}) {
		t.Fatalf("%+v", g)
	}
	check(s.SaveCopies(ctx, *g, copies))
	if got, _ = s.Read(ctx); got.Group("system").Version != 1 {
		t.Fatal("the version counts what did not change")
	}
	if got.Node("a") == nil || got.Node("x") != nil || got.Group("x") != nil {
		t.Fatal("finding is wrong")
	}

	if _, err := db.Exec(`UPDATE weft_settings SET value = '2' WHERE key = 'format'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(ctx); !errors.Is(err, ErrNewer) {
		t.Fatalf("of a newer version: %v", err)
	}
	if _, err := db.Exec(`UPDATE weft_settings SET value = '1' WHERE key = 'format'; UPDATE weft_nodes SET addrs = 'x' WHERE id = 'a'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(ctx); err == nil || !strings.Contains(err.Error(), "addresses of node a") {
		t.Fatalf("damaged: %v", err)
	}
}

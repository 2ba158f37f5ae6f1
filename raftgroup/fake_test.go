package raftgroup

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/raftgroup/replica"
)

// alone is a replica without raft: what is proposed is applied at once, on one
// file. It fails on demand.
type alone struct {
	path string

	mu     sync.Mutex
	c      *conn.Conn
	broken error

	follower atomic.Bool
	// before may fail a proposal before it is applied.
	before func(entry []byte) error
	// expired gives, if it is set, the channel of a reader.
	expired func() <-chan struct{}
	// settle is what a new leader waits for.
	settle func() error
}

func newAlone(t testing.TB) *alone {
	t.Helper()
	a := &alone{path: filepath.Join(t.TempDir(), "db.sqlite")}
	if err := os.WriteFile(a.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.c, err = conn.Open(a.path, conn.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.c.Ask(context.Background(), "PRAGMA journal_mode = WAL"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.c.Ask(context.Background(), "PRAGMA synchronous = OFF"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.c.Ask(context.Background(), "PRAGMA foreign_keys = ON"); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *alone) Propose(_ context.Context, entry []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.follower.Load() {
		return replica.ErrNotLeader
	}
	if a.broken != nil {
		return replica.ErrBroken
	}
	if a.before != nil {
		if err := a.before(entry); err != nil {
			return err
		}
	}
	return appliers.apply(a.c, a.path, entry)
}

func (a *alone) Barrier(context.Context) error { return nil }
func (a *alone) Settle(ctx context.Context) error {
	if a.settle != nil {
		return a.settle()
	}
	return nil
}
func (a *alone) Leader() (host.ID, string)          { return "", "" }
func (a *alone) IsLeader() bool                     { return !a.follower.Load() }
func (a *alone) Changes() (<-chan struct{}, func()) { return make(chan struct{}), func() {} }
func (a *alone) Age() time.Duration                 { return 0 }
func (a *alone) Path() string                       { return a.path }
func (a *alone) Status() replica.Status             { return replica.Status{State: "leader"} }

func (a *alone) Hold(context.Context) (func(), <-chan struct{}, error) {
	if a.expired != nil {
		return func() {}, a.expired(), nil
	}
	return func() {}, nil, nil
}

func (a *alone) Members(context.Context) ([]replica.Member, error) { return nil, nil }
func (a *alone) Lags(context.Context) map[string]int64             { return nil }

func (a *alone) Break(why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = why
}

func (a *alone) Close(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.c.Close()
}

// single is a group on one file, without raft.
func single(t testing.TB, cfg Config) (*Group, *alone) {
	t.Helper()
	a := newAlone(t)
	g := open(a, cfg)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return g, a
}

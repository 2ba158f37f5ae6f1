package replica

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestCloseAtOnce closes all copies of a group at the same time, while writes,
// barriers, snapshots and changes of members are under way.
func TestCloseAtOnce(t *testing.T) {
	for round := range 4 {
		closeAtOnce(t, round)
	}
}

func closeAtOnce(t *testing.T, round int) {
	cfg := quick()
	cfg.SnapshotLogs = 50
	nodes := cluster(t, 3, cfg)
	fillAny(t, nodes, 1)
	last, server := nodes[2], nodes[2].r.Server()
	var wg sync.WaitGroup
	load := func(call func() error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				<-time.After(time.Millisecond)
				if err := call(); errors.Is(err, ErrClosed) {
					return
				}
			}
		}()
	}
	for _, n := range nodes {
		r := n.r
		ctx := context.Background()
		for range 8 {
			load(func() error { return sql(n, "INSERT INTO t VALUES (1, 'x')") })
		}
		load(func() error { return r.Barrier(ctx) })
		load(func() error { return r.Snapshot(ctx) })
		load(func() error {
			return r.Add(ctx, last.host.ID(), server, time.Now().UnixNano()%2 == 0)
		})
		load(func() error { return r.StepDown(ctx) })
	}
	<-time.After(time.Duration(200+round*137) * time.Millisecond)
	start := time.Now()
	var closing sync.WaitGroup
	for _, n := range nodes {
		closing.Add(1)
		go func() {
			defer closing.Done()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := n.r.Close(ctx); err != nil {
				t.Errorf("close: %v", err)
			}
		}()
	}
	closing.Wait()
	t.Logf("closed in %s", time.Since(start).Round(time.Millisecond))
	wg.Wait()
}

// TestCloseLeftBehind closes a copy whose store cannot close now: Close returns all
// the same, and the directory is free once the store has closed.
func TestCloseLeftBehind(t *testing.T) {
	n := newNode(t, quick())
	if err := n.r.Bootstrap(within(t)); err != nil {
		t.Fatal(err)
	}
	r := n.r
	n.r = nil
	r.snap.Lock() // as a snapshot under way holds it
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); !errors.Is(err, errLeft) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
	if _, err := n.mux.Open(within(t), n.cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("open: %v", err)
	}
	r.snap.Unlock()
	until(t, "the directory is free", func() bool {
		var err error
		if n.r, err = n.mux.Open(within(t), n.cfg); err != nil && !errors.Is(err, ErrInUse) {
			t.Fatal(err)
		}
		return err == nil
	})
	leader(t, n)
}

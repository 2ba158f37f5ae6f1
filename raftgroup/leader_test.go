package raftgroup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/replica"
)

// While the leader changes again and again, every change that is acknowledged is
// there, and each is there once.
func TestLeaderChanges(t *testing.T) {
	var cfg Config
	cfg.Replica = replica.Config{Heartbeat: 300 * time.Millisecond, Lease: 150 * time.Millisecond}
	c := newCluster(t, 3, cfg)
	run1(t, c.leader(t).g, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0)", "INSERT INTO t (id) VALUES (1), (2)")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var stop atomic.Bool
	var acked, unknown, commits, lost atomic.Int64
	var wg sync.WaitGroup
	for i := range 6 {
		g := c.nodes[i%3].g
		wg.Go(func() {
			for !stop.Load() {
				_, err := g.Do(ctx, op.Op{Kind: op.SQL, SQL: "UPDATE t SET n = n + 1 WHERE id = 1"})
				switch {
				case err == nil:
					acked.Add(1)
				case errors.Is(err, door.ErrUnknown):
					unknown.Add(1)
				default:
					t.Errorf("a change: %v", err)
				}
			}
		})
		wg.Go(func() {
			for !stop.Load() {
				err := func() error {
					tx, err := g.Begin(ctx, op.TxOptions{})
					if err != nil {
						return err
					}
					defer func() { _ = tx.Rollback(ctx) }()
					res, err := tx.Do(ctx, op.Op{Kind: op.SQL, SQL: "SELECT n FROM t WHERE id = 2"})
					if err != nil {
						return err
					}
					rows, err := drain(res.Rows)
					if err != nil {
						return err
					}
					_, err = tx.Do(ctx, op.Op{Kind: op.SQL, SQL: "UPDATE t SET n = ? WHERE id = 2", Args: []any{rows[0][0].(int64) + 1}})
					if err != nil {
						return err
					}
					return tx.Commit(ctx)
				}()
				switch {
				case err == nil:
					commits.Add(1)
				case errors.Is(err, door.ErrUnknown):
					lost.Add(1)
				case !op.Retryable(err):
					t.Errorf("a transaction: %v", err)
				}
			}
		})
	}
	goesOn := func() {
		was, then := acked.Load(), commits.Load()
		until(t, "the work goes on", func() bool { return acked.Load() >= was+20 && commits.Load() >= then+3 })
	}
	for range 4 {
		goesOn()
		if err := c.leader(t).g.Replica().StepDown(within(t, 10*time.Second)); err != nil {
			t.Logf("step down: %v", err)
		}
	}
	goesOn()
	stop.Store(true)
	wg.Wait()
	c.same(t)
	for i, count := range []struct{ sure, maybe int64 }{{acked.Load(), unknown.Load()}, {commits.Load(), lost.Load()}} {
		n := count1(t, c.leader(t).g, fmt.Sprintf("SELECT n FROM t WHERE id = %d", i+1))
		if n < count.sure || n > count.sure+count.maybe {
			t.Errorf("row %d says %d; %d were acknowledged and %d are unknown", i+1, n, count.sure, count.maybe)
		}
		t.Logf("row %d: %d acknowledged, %d unknown, it says %d", i+1, count.sure, count.maybe, n)
	}
}

package raftgroup

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
)

// writers runs fn in as many goroutines until b.N calls have ended.
func writers(b *testing.B, n int, fn func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range n {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				if err := fn(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkGroup(b *testing.B) {
	ctx := context.Background()
	c := newCluster(b, 3, Config{})
	g := c.leader(b).g
	models := optest.Models()
	migrated(b, g, models)
	m := models.Model("Plain")
	const rows = 1000
	o := op.Op{Kind: op.Insert, Model: m}
	for i := range rows {
		o.Rows = append(o.Rows, []any{fmt.Sprint(i), int64(i), "some text"})
	}
	if _, err := g.Do(ctx, o); err != nil {
		b.Fatal(err)
	}
	key := func(i int) op.Cond {
		return op.Cond{Kind: op.Compare, Field: "id", Op: op.Eq, Value: fmt.Sprint(i % rows)}
	}
	for _, n := range []int{1, 8, 32, 128} {
		b.Run(fmt.Sprintf("update/%d", n), func(b *testing.B) {
			before := g.Metrics().Entries
			writers(b, n, func(i int) error {
				_, err := g.Do(ctx, op.Op{Kind: op.Update, Model: m, Filter: key(i), Set: []op.Assign{{Field: "value", Value: int64(i)}}})
				return err
			})
			b.ReportMetric(float64(b.N)/float64(g.Metrics().Entries-before), "ops/entry")
		})
	}
	var ids atomic.Int64
	b.Run("insert/128", func(b *testing.B) {
		writers(b, 128, func(int) error {
			_, err := g.Do(ctx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{fmt.Sprint("n", ids.Add(1)), int64(1), "some text"}}})
			return err
		})
	})
	// Lists of statements, as rqlite's interface has them.
	const many = 500
	for _, atomic := range []bool{true, false} {
		b.Run(fmt.Sprintf("statements/%d/atomic=%v", many, atomic), func(b *testing.B) {
			writers(b, 4, func(int) error {
				r := door.Request{Atomic: atomic}
				for range many {
					r.Statements = append(r.Statements, door.Statement{
						SQL:  "INSERT INTO " + m.Table + " (id, value, label) VALUES (?, ?, ?)",
						Args: []any{fmt.Sprint("s", ids.Add(1)), int64(1), "some text"},
					})
				}
				answers, err := g.Run(ctx, r)
				for _, a := range answers {
					if a.Err != nil {
						return a.Err
					}
				}
				return err
			})
			b.ReportMetric(float64(many*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	b.Run("get/8", func(b *testing.B) {
		writers(b, 8, func(i int) error {
			res, err := g.Do(ctx, op.Op{Kind: op.Find, Model: m, Filter: key(i)})
			if err != nil {
				return err
			}
			rows, err := drain(res.Rows)
			if len(rows) != 1 {
				return fmt.Errorf("%d rows", len(rows))
			}
			return err
		})
	})
	b.Run("transaction/32", func(b *testing.B) {
		writers(b, 32, func(i int) error {
			for {
				err := func() error {
					tx, err := g.Begin(ctx, op.TxOptions{})
					if err != nil {
						return err
					}
					defer tx.Rollback(ctx)
					res, err := tx.Do(ctx, op.Op{Kind: op.Find, Model: m, Filter: key(i)})
					if err != nil {
						return err
					}
					if _, err := drain(res.Rows); err != nil {
						return err
					}
					if _, err := tx.Do(ctx, op.Op{Kind: op.Update, Model: m, Filter: key(i), Set: []op.Assign{{Field: "value", Value: int64(i)}}}); err != nil {
						return err
					}
					return tx.Commit(ctx)
				}()
				if !op.Retryable(err) {
					return err
				}
			}
		})
	})
}

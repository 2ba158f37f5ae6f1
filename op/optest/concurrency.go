package optest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weftdb/weft/op"
)

func testConcurrency(s *suite, t *testing.T) {
	const writers, each = 8, 25
	s.run(t, "no increment is lost", func(d *db) {
		d.insert("Account", rec{"id": "a"}, rec{"id": "b"})
		o := op.Op{Kind: op.Increment, Model: d.model("Account"), Filter: cmp("id", op.Eq, "a"), Set: []op.Assign{inc("balance", int64(1)), inc("count", int64(2))}}
		var f faults
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					_, err := d.retrying(o)
					f.add(err)
				}
			})
		}
		wg.Wait()
		f.report(d)
		got := d.get("Account", "a")
		if got["balance"] != int64(writers*each) || got["count"] != int64(2*writers*each) || got["ver"] != int64(writers*each+1) {
			d.Errorf("after %d increments the row is %v", writers*each, got)
		}
	})
	s.run(t, "no increment inside a transaction is lost", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		d.insert("Plain", rec{"id": "x"})
		var f faults
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					f.add(d.atomically(op.TxOptions{}, func(in *db) error {
						v, err := in.value("x")
						if err != nil {
							return err
						}
						return in.setValue("x", v+1)
					}))
				}
			})
		}
		wg.Wait()
		f.report(d)
		if v := d.get("Plain", "x")["value"]; v != int64(writers*each) {
			d.Errorf("after %d increments the value is %v", writers*each, v)
		}
	})
	s.run(t, "one of many wins a unique value", func(d *db) {
		var won atomic.Int64
		var f faults
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				for j := range each {
					o := op.Op{Kind: op.Insert, Model: s.models.Model("Account")}
					row, err := fullRow(o.Model, rec{"id": fmt.Sprintf("%d-%d", i, j), "email": fmt.Sprint(j)})
					if err != nil {
						f.add(err)
						return
					}
					o.Rows = [][]any{row}
					switch _, err := d.retrying(o); {
					case err == nil:
						won.Add(1)
					case op.CodeOf(err) != op.CodeConflict:
						f.add(err)
					}
				}
			})
		}
		wg.Wait()
		f.report(d)
		if won.Load() != each || d.count("Account", op.Cond{}) != each {
			d.Errorf("%d inserts succeeded and %d rows are there, want %d", won.Load(), d.count("Account", op.Cond{}), each)
		}
	})
	s.run(t, "readers see whole writes", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 0}, rec{"id": "b", "value": 0}, rec{"id": "c", "value": 0})
		ctx, stop := context.WithTimeout(d.ctx, patience)
		defer stop()
		var f faults
		var writing, reading sync.WaitGroup
		done := make(chan struct{})
		for w := range 3 {
			writing.Go(func() {
				for i := range each {
					v := int64(w*1000 + i + 1)
					switch {
					case w == 1 && d.has(op.CapTransactions):
						f.add(d.within(ctx).atomically(op.TxOptions{}, func(in *db) error {
							for _, id := range []string{"a", "b", "c"} {
								if err := in.setValue(id, v); err != nil {
									return err
								}
							}
							return nil
						}))
					case w == 2:
						var b []op.Op
						for _, id := range []string{"c", "b", "a"} {
							b = append(b, op.Op{Kind: op.Update, Model: s.models.Model("Plain"), Filter: cmp("id", op.Eq, id), Set: []op.Assign{to("value", v)}})
						}
						_, err := d.within(ctx).retrying(op.Op{Kind: op.Batch, Batch: b})
						f.add(err)
					default:
						_, err := d.within(ctx).retrying(op.Op{Kind: op.Update, Model: s.models.Model("Plain"), Set: []op.Assign{to("value", v)}})
						f.add(err)
					}
				}
			})
		}
		for range 3 {
			reading.Go(func() {
				for {
					rows, err := d.within(ctx).try(op.Op{Kind: op.Find, Model: s.models.Model("Plain"), Fields: []string{"value"}})
					f.add(err)
					for _, r := range rows {
						if r[0] != rows[0][0] {
							f.add(fmt.Errorf("a reader sees half a write: %v", rows))
						}
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		writing.Wait()
		close(done)
		reading.Wait()
		f.report(d)
	})
	s.run(t, "everything at once", func(d *db) {
		var f faults
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				for j := range each {
					id := fmt.Sprintf("%d-%d", i, j)
					m := s.models.Model("Plain")
					for _, o := range []op.Op{
						{Kind: op.Insert, Model: m, Rows: [][]any{{id, int64(j), nil}}},
						{Kind: op.Update, Model: m, Filter: cmp("id", op.Eq, id), Set: []op.Assign{to("label", "x")}},
						{Kind: op.Find, Model: m, Filter: cmp("label", op.Eq, "x"), Sort: []op.Sort{by("id")}, Limit: 5},
						{Kind: op.Count, Model: m},
						{Kind: op.Delete, Model: m, Filter: and(cmp("id", op.Eq, id), cmp("value", op.Ge, each/2))},
					} {
						_, err := d.retrying(o)
						f.add(err)
					}
				}
			})
		}
		wg.Wait()
		f.report(d)
		if n := d.count("Plain", op.Cond{}); n != writers*(each/2) {
			d.Errorf("there are %d rows, want %d", n, writers*(each/2))
		}
	})
}

// retrying runs an operation again while it meets a serialization conflict.
func (d *db) retrying(o op.Op) (res op.Result, err error) {
	if err = op.Normalize(&o); err != nil {
		return res, err
	}
	for range 200 {
		if res, err = d.eng.Do(d.ctx, o); !op.Retryable(err) {
			if err == nil && res.Rows != nil {
				_, err = drain(res.Rows)
			}
			closeAll(res)
			return res, err
		}
	}
	return res, err
}

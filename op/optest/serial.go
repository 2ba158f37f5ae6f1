package optest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
)

// A pacer lets transactions in several goroutines take their steps in a random
// order. Each calls step before every operation and waits there for its turn.
// A transaction that does not come to its next step is waiting for another one
// inside the engine, so the next is let go instead.
type pacer struct {
	rand   *rand.Rand
	arrive chan int
	leave  chan int
	turn   []chan struct{}
}

func newPacer(seed uint64, n int) *pacer {
	p := &pacer{rand: rand.New(rand.NewPCG(seed, uint64(n))), arrive: make(chan int), leave: make(chan int)}
	for range n {
		p.turn = append(p.turn, make(chan struct{}))
	}
	return p
}

// run calls fn in as many goroutines as the pacer is for, and waits for them.
func (p *pacer) run(fn func(i int, step func())) {
	for i := range p.turn {
		go func() {
			defer func() { p.leave <- i }()
			fn(i, func() {
				p.arrive <- i
				<-p.turn[i]
			})
		}()
	}
	var ready []int
	running := len(p.turn)
	for left := len(p.turn); left > 0; {
		// Nobody is ready: wait. Somebody is: give the running ones a moment.
		var moment <-chan time.Time
		if len(ready) > 0 {
			moment = time.After(time.Millisecond)
		}
		if len(ready) == 0 || running > 0 {
			select {
			case i := <-p.arrive:
				ready = append(ready, i)
				running--
				continue
			case <-p.leave:
				running--
				left--
				continue
			case <-moment:
			}
		}
		k := p.rand.IntN(len(ready))
		i := ready[k]
		ready = append(ready[:k], ready[k+1:]...)
		running++
		p.turn[i] <- struct{}{}
	}
}

// atomically runs fn in a transaction and again while that fails with a
// serialization conflict, as applications do.
func (d *db) atomically(opts op.TxOptions, fn func(in *db) error) error {
	for range 200 {
		err := d.once(opts, fn)
		if !op.Retryable(err) {
			return err
		}
	}
	return errors.New("200 attempts met a serialization conflict")
}

func (d *db) once(opts op.TxOptions, fn func(in *db) error) error {
	tx, err := d.eng.Begin(d.ctx, opts)
	if err != nil {
		return err
	}
	if err := fn(d.on(tx)); err != nil {
		_ = tx.Rollback(d.ctx)
		return err
	}
	if err := tx.Commit(d.ctx); err != nil {
		_ = tx.Rollback(d.ctx)
		return err
	}
	return nil
}

// value reads Plain.value of a row, for use in goroutines.
func (d *db) value(id string) (int64, error) {
	rows, err := d.try(op.Op{Kind: op.Find, Model: d.s.models.Model("Plain"), Filter: cmp("id", op.Eq, id), Fields: []string{"value"}})
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 {
		return 0, fmt.Errorf("%d rows have key %s", len(rows), id)
	}
	return rows[0][0].(int64), nil
}

func (d *db) setValue(id string, v int64) error {
	_, err := d.try(op.Op{Kind: op.Update, Model: d.s.models.Model("Plain"), Filter: cmp("id", op.Eq, id), Set: []op.Assign{to("value", v)}})
	return err
}

// try runs an operation and drains its rows; it may be called in goroutines.
func (d *db) try(o op.Op) ([][]any, error) {
	if err := op.Normalize(&o); err != nil {
		return nil, err
	}
	res, err := d.eng.Do(d.ctx, o)
	if err != nil || res.Rows == nil {
		return nil, err
	}
	return drain(res.Rows)
}

// faults gathers what goes wrong in goroutines.
type faults struct {
	mu   sync.Mutex
	errs []error
}

func (f *faults) add(err error) {
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.errs = append(f.errs, err)
	}
}

func (f *faults) report(d *db) {
	d.Helper()
	if len(f.errs) > 0 {
		d.Fatalf("%d calls failed, the first with: %v", len(f.errs), f.errs[0])
	}
}

// rounds is how many random interleavings each anomaly is looked for in.
func rounds() int {
	if testing.Short() {
		return 10
	}
	return 40
}

func testSerializable(s *suite, t *testing.T) {
	// play runs the transactions interleaved, many times; every one of them
	// must succeed in the end.
	play := func(name string, setup func(d *db), txs []func(in *db, step func()) error, check func(d *db)) {
		s.run(t, name, func(d *db) {
			if !d.has(op.CapTransactions) {
				return
			}
			ctx, cancel := context.WithTimeout(d.ctx, patience)
			defer cancel()
			d = d.within(ctx)
			base := uint64(Seed())
			for round := range rounds() {
				d.n(d.del("Plain", op.Cond{}))
				setup(d)
				var f faults
				newPacer(base+uint64(round), len(txs)).run(func(i int, step func()) {
					f.add(d.atomically(op.TxOptions{}, func(in *db) error {
						step()
						return txs[i](in, step)
					}))
				})
				f.report(d)
				check(d)
				if d.Failed() {
					d.Fatalf("in round %d of seed %d", round, base)
				}
			}
		})
	}

	// lost update: each adds one to what it read
	add := func(in *db, step func()) error {
		v, err := in.value("x")
		if err != nil {
			return err
		}
		step()
		return in.setValue("x", v+1)
	}
	play("lost update", func(d *db) { d.insert("Plain", rec{"id": "x"}) }, []func(*db, func()) error{add, add, add, add},
		func(d *db) {
			if v, err := d.value("x"); err != nil || v != 4 {
				d.Errorf("four increments made %d (%v)", v, err)
			}
		})

	// write skew: of two on call one may leave, if the other stays
	leave := func(me string) func(*db, func()) error {
		return func(in *db, step func()) error {
			rows, err := in.try(op.Op{Kind: op.Find, Model: in.s.models.Model("Plain"), Filter: cmp("value", op.Eq, 1), Fields: []string{"id"}})
			if err != nil || len(rows) < 2 {
				return err
			}
			step()
			return in.setValue(me, 0)
		}
	}
	play("write skew", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 1}, rec{"id": "c", "value": 1})
	},
		[]func(*db, func()) error{leave("a"), leave("b"), leave("c")},
		func(d *db) {
			if n := d.count("Plain", cmp("value", op.Eq, 1)); n != 1 {
				d.Errorf("%d are on call, want 1", n)
			}
		})

	// phantom: each adds a row unless there is one
	only := func(me string) func(*db, func()) error {
		return func(in *db, step func()) error {
			o := op.Op{Kind: op.Count, Model: in.s.models.Model("Plain"), Filter: cmp("label", op.Eq, "boss")}
			res, err := in.eng.Do(in.ctx, o)
			if err != nil || res.N > 0 {
				return err
			}
			step()
			_, err = in.try(op.Op{Kind: op.Insert, Model: o.Model, Rows: [][]any{{me, int64(0), "boss"}}})
			return err
		}
	}
	play("phantom", func(*db) {}, []func(*db, func()) error{only("a"), only("b"), only("c")},
		func(d *db) {
			if n := d.count("Plain", cmp("label", op.Eq, "boss")); n != 1 {
				d.Errorf("there are %d, want 1", n)
			}
		})

	// read skew: whoever commits has seen a sum that never changes
	move := func(from, dest string) func(*db, func()) error {
		return func(in *db, step func()) error {
			a, err := in.value(from)
			if err != nil {
				return err
			}
			step()
			if err := in.setValue(from, a-1); err != nil {
				return err
			}
			step()
			b, err := in.value(dest)
			if err != nil {
				return err
			}
			step()
			return in.setValue(dest, b+1)
		}
	}
	var mu sync.Mutex
	var sums []int64
	look := func(in *db, step func()) error {
		a, err := in.value("a")
		if err != nil {
			return err
		}
		step()
		b, err := in.value("b")
		if err != nil {
			return err
		}
		step()
		// The write makes it a transaction that has to be serialized.
		if err := in.setValue("sum", a+b); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		sums = append(sums, a+b)
		return nil
	}
	play("read skew", func(d *db) {
		sums = nil
		d.insert("Plain", rec{"id": "a", "value": 50}, rec{"id": "b", "value": 50}, rec{"id": "sum"})
	}, []func(*db, func()) error{move("a", "b"), look, move("b", "a")},
		func(d *db) {
			a, errA := d.value("a")
			b, errB := d.value("b")
			sum, errS := d.value("sum")
			if err := errors.Join(errA, errB, errS); err != nil || a+b != 100 || sum != 100 {
				d.Errorf("a and b are %d and %d, their sum as seen %d, want 100 (%v)", a, b, sum, err)
			}
		})

	s.run(t, "a read-only transaction sees one snapshot while others write", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		ctx, cancel := context.WithTimeout(d.ctx, patience)
		defer cancel()
		d = d.within(ctx)
		d.insert("Plain", rec{"id": "a", "value": 50}, rec{"id": "b", "value": 50})
		base := uint64(Seed())
		for round := range rounds() {
			var f faults
			newPacer(base+uint64(round), 3).run(func(i int, step func()) {
				if i < 2 {
					f.add(d.atomically(op.TxOptions{}, func(in *db) error {
						step()
						return move([]string{"a", "b"}[i], []string{"b", "a"}[i])(in, step)
					}))
					return
				}
				f.add(d.atomically(op.TxOptions{ReadOnly: true}, func(in *db) error {
					step()
					a, err := in.value("a")
					if err != nil {
						return err
					}
					for range 3 {
						step()
						b, err := in.value("b")
						if err != nil {
							return err
						}
						if a+b != 100 {
							return fmt.Errorf("in round %d of seed %d the snapshot has a = %d and b = %d", round, base, a, b)
						}
					}
					return nil
				}))
			})
			f.report(d)
		}
	})
}

package optest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
)

// shortly is a context that ends soon, for calls that may have to wait for ever.
func shortly(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 100*time.Millisecond)
}

// ended checks the error of a call whose context had ended.
func (d *db) ended(what string, err, cause error) {
	d.Helper()
	if err == nil {
		d.Errorf("%s succeeds although its context has ended", what)
		return
	}
	code := op.CodeCancelled
	if cause == context.DeadlineExceeded {
		code = op.CodeTimeout
	}
	if got := op.CodeOf(err); got != code {
		d.Errorf("%s fails with %s, want %s: %v", what, got, code, err)
	}
	if !errors.Is(err, cause) {
		d.Errorf("%s: errors.Is does not hold for %v: %v", what, cause, err)
	}
}

func testContext(s *suite, t *testing.T) {
	s.run(t, "ended before", func(d *db) {
		d.insert("Plain", rec{"id": "a"})
		cancelled, cancel := context.WithCancel(d.ctx)
		cancel()
		late, cancel := context.WithDeadline(d.ctx, time.Now().Add(-time.Second))
		defer cancel()
		for _, c := range []struct {
			ctx   context.Context
			cause error
		}{{cancelled, context.Canceled}, {late, context.DeadlineExceeded}} {
			ops := []op.Op{
				d.ins("Plain", rec{"id": "b"}), d.set("Plain", op.Cond{}, to("value", 5)), d.del("Plain", op.Cond{}),
				{Kind: op.Count, Model: d.model("Plain")},
				{Kind: op.Batch, Batch: []op.Op{d.ins("Plain", rec{"id": "b"})}},
				d.ups("Plain", op.Conflict{}, rec{"id": "b"}),
			}
			for _, o := range ops {
				_, err := d.within(c.ctx).do(o)
				d.ended(kindName(o.Kind), err, c.cause)
			}
			res, err := d.within(c.ctx).do(op.Op{Kind: op.Find, Model: d.model("Plain")})
			if err == nil {
				_, err = drain(res.Rows)
			}
			d.ended("Find", err, c.cause)
			if d.has(op.CapTransactions) {
				tx, err := d.eng.Begin(c.ctx, op.TxOptions{})
				if err == nil {
					_ = tx.Rollback(d.ctx)
				}
				d.ended("Begin", err, c.cause)
			}
		}
		d.rowsAre(d.find(op.Op{Model: d.model("Plain")}), []any{"a", int64(0), nil})
	})
	s.run(t, "ends during a long find", func(d *db) {
		o := op.Op{Kind: op.Insert, Model: d.model("Plain")}
		const n = 3000
		for i := range n {
			o.Rows = append(o.Rows, []any{time.Duration(i).String(), int64(i), "some text to make the row longer"})
		}
		d.must(o)
		ctx, cancel := context.WithCancel(d.ctx)
		defer cancel()
		res, err := d.within(ctx).do(op.Op{Kind: op.Find, Model: d.model("Plain")})
		if err != nil {
			d.Fatal(err)
		}
		seen := 0
		for res.Rows.Next() {
			if seen++; seen == 10 {
				cancel()
			}
		}
		// Rows that were on their way may still come; a list cut short must say so.
		if err := res.Rows.Err(); err != nil {
			d.ended("reading rows", err, context.Canceled)
		} else if seen != n {
			d.Errorf("%d rows of %d came and no error", seen, n)
		}
		_ = res.Rows.Close()
		if got := d.count("Plain", op.Cond{}); got != n {
			d.Errorf("there are %d rows afterwards, want %d", got, n)
		}
	})
	s.run(t, "ends while waiting for a transaction", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		d.insert("Plain", rec{"id": "a", "value": 1})
		tx := d.begin()
		d.on(tx).n(d.set("Plain", cmp("id", op.Eq, "a"), to("value", 2)))

		// An engine that does not let writers wait refuses the second with a
		// serialization conflict; one that lets them wait gives up in time.
		met := func(what string, err, cause error) {
			if err != nil && !op.Retryable(err) {
				d.ended(what, err, cause)
			}
		}
		update := d.set("Plain", cmp("id", op.Eq, "a"), to("value", 3))
		ctx, cancel := shortly(d.ctx)
		_, err := d.within(ctx).do(update)
		cancel()
		wrote := err == nil
		met("update", err, context.DeadlineExceeded)

		ctx, cancel = context.WithCancel(d.ctx)
		timer := time.AfterFunc(50*time.Millisecond, cancel)
		_, err = d.within(ctx).do(update)
		timer.Stop()
		cancel()
		wrote = wrote || err == nil
		met("update", err, context.Canceled)

		ctx, cancel = shortly(d.ctx)
		second, err := d.eng.Begin(ctx, op.TxOptions{})
		if err == nil {
			_, err = d.on(second).within(ctx).do(update)
			_ = second.Rollback(d.ctx)
		}
		cancel()
		met("begin and update", err, context.DeadlineExceeded)

		switch err = tx.Commit(d.ctx); {
		case wrote && !op.Retryable(err):
			d.Errorf("two transactions wrote one row at the same time; the first then got: %v", err)
		case wrote:
		case err == nil:
			d.matches("Plain", cmp("value", op.Eq, 2), "a")
		case op.Retryable(err): // only for an update that was done although its caller had gone
			d.matches("Plain", cmp("value", op.Eq, 3), "a")
		default:
			d.Fatalf("commit: %v", err)
		}
		d.n(update)
		d.matches("Plain", cmp("value", op.Eq, 3), "a")
	})
	s.run(t, "ends before commit", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		tx := d.begin()
		d.on(tx).insert("Plain", rec{"id": "a"})
		ctx, cancel := context.WithCancel(d.ctx)
		cancel()
		if err := tx.Commit(ctx); err != nil {
			d.ended("commit", err, context.Canceled)
			d.rollback(tx)
			d.matches("Plain", op.Cond{}, "")
		} else {
			d.matches("Plain", op.Cond{}, "a")
		}
		d.insert("Plain", rec{"id": "b"})
	})
	s.run(t, "ends before rollback", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		tx := d.begin()
		d.on(tx).insert("Plain", rec{"id": "a"})
		ctx, cancel := context.WithCancel(d.ctx)
		cancel()
		// Whatever it answers, the transaction is over and holds nothing up.
		_ = tx.Rollback(ctx)
		d.insert("Plain", rec{"id": "b"})
		d.matches("Plain", op.Cond{}, "b")
	})
	s.run(t, "ends inside a transaction", func(d *db) {
		if !d.has(op.CapTransactions) {
			return
		}
		tx := d.begin()
		ctx, cancel := context.WithCancel(d.ctx)
		cancel()
		d.on(tx).insert("Plain", rec{"id": "a"})
		_, err := d.on(tx).within(ctx).do(d.ins("Plain", rec{"id": "b"}))
		d.ended("insert", err, context.Canceled)
		d.rollback(tx)
		d.matches("Plain", op.Cond{}, "")
	})
}

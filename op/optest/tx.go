package optest

import (
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func keySort(m *schema.Model) []op.Sort {
	out := make([]op.Sort, len(m.Primary))
	for i, f := range m.Primary {
		out[i] = by(f.Name)
	}
	return out
}

// begin starts a transaction that is rolled back at the end of the test at the latest.
func (d *db) begin(opts ...op.TxOptions) op.Tx {
	d.Helper()
	var o op.TxOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	tx, err := d.eng.Begin(d.ctx, o)
	if err != nil {
		d.Fatalf("begin: %v", err)
	}
	d.Cleanup(func() { _ = tx.Rollback(d.ctx) })
	return tx
}

func (d *db) commit(tx op.Tx) {
	d.Helper()
	if err := tx.Commit(d.ctx); err != nil {
		d.Fatalf("commit: %v", err)
	}
}

func (d *db) rollback(tx op.Tx) {
	d.Helper()
	if err := tx.Rollback(d.ctx); err != nil {
		d.Fatalf("roll back: %v", err)
	}
}

func testTx(s *suite, t *testing.T) {
	run := func(name string, fn func(d *db)) {
		s.run(t, name, func(d *db) {
			if d.has(op.CapTransactions) {
				fn(d)
			}
		})
	}
	run("commit keeps", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		tx := d.begin()
		in := d.on(tx)
		in.insert("Plain", rec{"id": "b", "value": 2})
		in.n(in.set("Plain", cmp("id", op.Eq, "a"), to("value", 9)))
		in.matches("Plain", op.Cond{}, "a b")
		in.matches("Plain", cmp("value", op.Eq, 9), "a")
		d.commit(tx)
		d.matches("Plain", cmp("value", op.Gt, 1), "a b")
	})
	run("rollback undoes", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		d.insert("Account", rec{"id": "x", "email": "e"})
		before := d.everything()
		tx := d.begin()
		in := d.on(tx)
		in.insert("Plain", rec{"id": "b"})
		in.n(in.set("Plain", op.Cond{}, to("value", 9)))
		in.n(in.del("Account", op.Cond{}))
		in.insert("Account", rec{"id": "y", "email": "e"})
		in.must(op.Op{Kind: op.Batch, Batch: []op.Op{in.ins("Tag", rec{"id": "t"}), in.del("Plain", cmp("id", op.Eq, "a"))}})
		in.n(in.ups("Plain", op.Conflict{Fields: []string{"id"}, Update: []string{"value"}}, rec{"id": "b", "value": 4}))
		d.rollback(tx)
		if after := d.everything(); after != before {
			d.Errorf("after rollback:\n%s\nbefore:\n%s", after, before)
		}
		d.insert("Plain", rec{"id": "b"})
	})
	run("a failed operation leaves the transaction usable", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		tx := d.begin()
		in := d.on(tx)
		in.insert("Plain", rec{"id": "b"})
		in.conflict(in.ins("Plain", rec{"id": "c"}, rec{"id": "a"}), op.ReasonExists)
		in.conflict(op.Op{Kind: op.Batch, Batch: []op.Op{in.ins("Plain", rec{"id": "d"}), in.ins("Plain", rec{"id": "a"})}}, op.ReasonExists)
		bad := in.set("Plain", op.Cond{}, to("value", 50))
		bad.Check = cmp("value", op.Lt, 10)
		in.fail(bad, op.CodeForbidden)
		in.matches("Plain", op.Cond{}, "a b")
		in.insert("Plain", rec{"id": "e"})
		d.commit(tx)
		d.matches("Plain", op.Cond{}, "a b e")
		d.matches("Plain", cmp("value", op.Eq, 1), "a")
	})
	run("others do not see what is not committed", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		tx := d.begin()
		in := d.on(tx)
		in.insert("Plain", rec{"id": "b"})
		in.n(in.set("Plain", cmp("id", op.Eq, "a"), to("value", 2)))
		// An engine may also let the reader wait: then it gives up, which is fine.
		ctx, cancel := shortly(d.ctx)
		defer cancel()
		res, err := d.eng.Do(ctx, op.Op{Kind: op.Find, Model: d.model("Plain"), Sort: []op.Sort{by("id")}})
		if err == nil {
			var rows [][]any
			if rows, err = drain(res.Rows); err == nil {
				d.rowsAre(rows, []any{"a", int64(1), nil})
			}
		}
		if err != nil {
			d.isCode(err, op.CodeTimeout)
		}
		d.rollback(tx)
	})
	run("commit and rollback twice, and use after them", func(d *db) {
		for _, end := range []func(tx op.Tx){func(tx op.Tx) { d.commit(tx) }, func(tx op.Tx) { d.rollback(tx) }} {
			tx := d.begin()
			d.on(tx).count("Plain", op.Cond{})
			end(tx)
			if err := tx.Rollback(d.ctx); err != nil {
				d.Errorf("rollback of a transaction that has ended: %v", err)
			}
			if tx.Commit(d.ctx) == nil {
				d.Error("commit of a transaction that has ended succeeds")
			}
			if _, err := d.on(tx).do(d.ins("Plain", rec{"id": "late"})); err == nil {
				d.Error("a transaction that has ended still writes")
			}
			if _, err := d.on(tx).do(op.Op{Kind: op.Find, Model: d.model("Plain")}); err == nil {
				d.Error("a transaction that has ended still reads")
			}
			if n, err := tx.Begin(d.ctx, op.TxOptions{}); err == nil {
				_ = n.Rollback(d.ctx)
				d.Error("a transaction that has ended still begins nested ones")
			}
			d.matches("Plain", op.Cond{}, "")
		}
	})
	run("close rolls back", func(d *db) {
		tx := d.begin()
		d.on(tx).insert("Plain", rec{"id": "a"})
		if err := tx.Close(); err != nil {
			d.Errorf("close: %v", err)
		}
		if err := tx.Close(); err != nil {
			d.Errorf("close again: %v", err)
		}
		d.matches("Plain", op.Cond{}, "")
		d.insert("Plain", rec{"id": "a"})
	})
	run("read only", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1})
		tx := d.begin(op.TxOptions{ReadOnly: true})
		in := d.on(tx)
		in.matches("Plain", op.Cond{}, "a")
		for _, o := range []op.Op{
			in.ins("Plain", rec{"id": "b"}), in.set("Plain", op.Cond{}, to("value", 2)), in.del("Plain", op.Cond{}),
			{Kind: op.Batch, Batch: []op.Op{in.ins("Plain", rec{"id": "b"})}},
		} {
			if _, err := in.do(o); err == nil {
				d.Errorf("a read-only transaction runs %s", dumpOp(o))
			} else if c := op.CodeOf(err); c == op.CodeInternal {
				d.Errorf("a write in a read-only transaction fails with %s: %v", c, err)
			}
		}
		in.matches("Plain", cmp("value", op.Eq, 1), "a")
		d.commit(tx)
		d.matches("Plain", cmp("value", op.Eq, 1), "a")
	})
	run("read only sees one snapshot", func(d *db) {
		d.insert("Plain", rec{"id": "a", "value": 1}, rec{"id": "b", "value": 1})
		tx := d.begin(op.TxOptions{ReadOnly: true})
		in := d.on(tx)
		in.matches("Plain", cmp("value", op.Eq, 1), "a b")
		ctx, cancel := shortly(d.ctx)
		defer cancel()
		// The writer may go ahead or wait for the reader; the reader sees neither.
		if _, err := d.within(ctx).do(d.set("Plain", op.Cond{}, to("value", 2))); err != nil && op.CodeOf(err) != op.CodeTimeout {
			d.Errorf("a write beside a read-only transaction: %v", err)
		}
		in.matches("Plain", cmp("value", op.Eq, 1), "a b")
		in.matches("Plain", cmp("value", op.Eq, 2), "")
		d.commit(tx)
	})
	run("row locks", func(d *db) {
		d.insert("Plain", rec{"id": "a"})
		for _, l := range []op.Lock{op.ForUpdate, op.ForUpdateSkipLocked, op.ForUpdateNoWait, op.ForShare} {
			o := op.Op{Kind: op.Find, Model: d.model("Plain"), Lock: l}
			if _, err := d.do(o); err == nil {
				d.Errorf("a find with lock %d runs outside of a transaction, where the lock ends at once", l)
			} else if c := op.CodeOf(err); c != op.CodeValidation && c != op.CodeUnsupported {
				d.Errorf("a find with lock %d outside of a transaction fails with %s: %v", l, c, err)
			}
			tx := d.begin()
			// Where writers take turns there is nothing to lock.
			if res, err := d.on(tx).do(o); err == nil {
				d.rowsAre(d.drain(res.Rows), []any{"a", int64(0), nil})
			} else {
				d.isCode(err, op.CodeUnsupported)
			}
			d.rollback(tx)
		}
	})
	run("nested", func(d *db) {
		if !d.has(op.CapNestedTransactions) {
			tx := d.begin()
			_, err := tx.Begin(d.ctx, op.TxOptions{})
			d.isCode(err, op.CodeUnsupported)
			return
		}
		d.sub("rollback of the inner leaves the outer", func(d *db) {
			tx := d.begin()
			d.on(tx).insert("Plain", rec{"id": "a"})
			inner := d.on(tx).begin()
			d.on(inner).insert("Plain", rec{"id": "b"})
			d.on(inner).matches("Plain", op.Cond{}, "a b")
			d.on(inner).n(d.del("Plain", cmp("id", op.Eq, "a")))
			d.rollback(inner)
			d.on(tx).matches("Plain", op.Cond{}, "a")
			d.on(tx).insert("Plain", rec{"id": "c"})
			d.commit(tx)
			d.matches("Plain", op.Cond{}, "a c")
			d.n(d.del("Plain", op.Cond{}))
		})
		d.sub("commit of the inner, then rollback of the outer", func(d *db) {
			tx := d.begin()
			inner := d.on(tx).begin()
			d.on(inner).insert("Plain", rec{"id": "a"})
			d.commit(inner)
			d.on(tx).matches("Plain", op.Cond{}, "a")
			d.rollback(tx)
			d.matches("Plain", op.Cond{}, "")
		})
		d.sub("three deep, one after the other", func(d *db) {
			tx := d.begin()
			one := d.on(tx).begin()
			d.on(one).insert("Plain", rec{"id": "1"})
			two := d.on(one).begin()
			d.on(two).insert("Plain", rec{"id": "2"})
			d.commit(two)
			three := d.on(one).begin()
			d.on(three).insert("Plain", rec{"id": "3"})
			d.rollback(three)
			d.on(one).matches("Plain", op.Cond{}, "1 2")
			d.commit(one)
			if err := one.Rollback(d.ctx); err != nil {
				d.Errorf("rollback of an inner transaction after its commit: %v", err)
			}
			d.on(tx).matches("Plain", op.Cond{}, "1 2")
			d.commit(tx)
			d.matches("Plain", op.Cond{}, "1 2")
			d.n(d.del("Plain", op.Cond{}))
		})
		d.sub("an ended inner one is of no use", func(d *db) {
			tx := d.begin()
			inner := d.on(tx).begin()
			d.commit(inner)
			if _, err := d.on(inner).do(d.ins("Plain", rec{"id": "late"})); err == nil {
				d.Error("an inner transaction that has ended still writes")
			}
			d.on(tx).insert("Plain", rec{"id": "a"})
			d.rollback(tx)
			d.matches("Plain", op.Cond{}, "")
		})
	})
}

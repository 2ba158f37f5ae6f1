package weft

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
)

// do runs an operation where it belongs: in the transaction of the handle, in
// the one that ctx carries, or by itself.
func (db *DB) do(ctx context.Context, o *op.Op) (op.Result, error) {
	if err := db.unusable(); err != nil {
		return op.Result{}, err
	}
	if ctx == nil {
		return op.Result{}, invalid("the context is nil")
	}
	k := db.core
	db = db.joined(ctx)
	o.User = db.user
	if o.Kind == op.Batch && db.user != "" {
		o.Batch = slices.Clone(o.Batch)
		for i := range o.Batch {
			o.Batch[i].User = db.user
		}
	}
	if db.tx != nil {
		if db.tx.ended {
			return op.Result{}, errEnded()
		}
		if k.hooks.reaches(o) {
			ctx = db.with(ctx)
		}
		return db.tx.eng.Do(ctx, *o)
	}
	if k.closed.Load() {
		return op.Result{}, op.ErrClosed()
	}
	if err := k.outside(); err != nil {
		return op.Result{}, err
	}
	if !o.Explain && k.hooks.wraps(o) {
		return db.doInTx(ctx, o)
	}
	return k.eng.Do(ctx, *o)
}

// doInTx runs one operation whose hooks need a transaction. Its rows are read
// before the commit.
func (db *DB) doInTx(ctx context.Context, o *op.Op) (res op.Result, err error) {
	err = db.transact(ctx, nil, func(ctx context.Context, tx *DB) (err error) {
		if in, ok := o.Instances.(*instances); ok { // the next attempt finds them as this one did
			keep := tx.keep(ctx, in.b, in.ps)
			defer func() { keep(err) }()
		}
		run := *o
		if run.Rows, err = copyRows(o.Rows); err != nil { // an attempt fills them in
			return err
		}
		if s, ok := o.Sink.(*sink); ok {
			s.base, s.rows, s.keys = 0, nil, nil // of an attempt that failed
		}
		if res, err = tx.tx.eng.Do(ctx, run); err != nil {
			return err
		}
		res.Rows, err = gathered(res.Rows)
		return err
	})
	return res, err
}

func copyRows(rows [][]any) ([][]any, error) {
	if rows == nil {
		return nil, nil
	}
	out := make([][]any, len(rows))
	for i, r := range rows {
		out[i] = append([]any(nil), r...)
	}
	return out, nil
}

// gathered reads all rows, so that they outlive their transaction.
func gathered(rows op.Rows) (op.Rows, error) {
	if rows == nil {
		return nil, nil
	}
	defer rows.Close()
	var all [][]any
	for rows.Next() {
		if r := rows.Row(); r != nil {
			all = append(all, append([]any(nil), r...))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return op.NewRows(all), nil
}

// drain lets all rows flow into the operation's sink.
func drain(res op.Result, err error) error {
	if err != nil {
		return err
	}
	if res.Rows == nil {
		return nil
	}
	for res.Rows.Next() {
	}
	err = res.Rows.Err()
	if cerr := res.Rows.Close(); err == nil {
		err = cerr
	}
	return err
}

// door is the engine that [DB.Engine] gives: operations through it run as those
// of the typed API do.
type door struct{ db *DB }

var _ op.Engine = (*door)(nil)

func (d *door) Do(ctx context.Context, o op.Op) (op.Result, error) { return d.db.do(ctx, &o) }

func (d *door) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := d.db.unusable(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, invalid("the context is nil")
	}
	db := d.db.joined(ctx)
	eng := db.core.eng
	if db.tx != nil {
		if db.tx.ended {
			return nil, errEnded()
		}
		eng = db.tx.eng
	} else {
		if db.core.closed.Load() {
			return nil, op.ErrClosed()
		}
		if err := db.core.outside(); err != nil {
			return nil, err
		}
	}
	tx, err := eng.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &doorTx{Tx: tx, db: &DB{core: db.core, user: db.user, tx: &txState{eng: tx, parent: db.tx}}}, nil
}

func (d *door) Caps() op.Caps {
	if d.db.unusable() != nil {
		return op.Caps{}
	}
	return d.db.core.eng.Caps()
}

func (d *door) Close() error { return d.db.Close() }

// doorTx is a transaction begun through a door.
type doorTx struct {
	op.Tx
	db *DB
}

func (t *doorTx) Do(ctx context.Context, o op.Op) (op.Result, error) { return t.db.do(ctx, &o) }

func (t *doorTx) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	return (&door{db: t.db}).Begin(ctx, opts)
}

func (t *doorTx) Commit(ctx context.Context) error {
	if t.db.tx.ended {
		return op.ErrTxDone()
	}
	err := t.Tx.Commit(ctx)
	if err != nil {
		t.db.tx.undone()
		return err
	}
	t.db.tx.done(ctx, t.db.core)
	return nil
}

func (t *doorTx) Rollback(ctx context.Context) error {
	err := t.Tx.Rollback(ctx)
	if !t.db.tx.ended {
		t.db.tx.undone()
	}
	return err
}

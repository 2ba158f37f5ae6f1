package encrypt

import (
	"context"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// engine is the layer around one engine or transaction.
type engine struct {
	*layer
	next op.Engine
	inTx bool
}

var _ op.Engine = (*engine)(nil)

// Do runs one operation.
func (e *engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := e.ready(); err != nil {
		return op.Result{}, err
	}
	switch o.Kind {
	case op.SQL, op.Backup:
		return e.next.Do(ctx, o)
	case op.Migrate:
		return e.migrate(ctx, o)
	case op.Batch:
		return e.batch(ctx, o)
	}
	p, err := e.prepare(o)
	if err != nil {
		return op.Result{}, err
	}
	return e.run(ctx, p)
}

// run runs what was prepared.
func (e *engine) run(ctx context.Context, p *prepared) (op.Result, error) {
	switch {
	case p.o.Explain:
		return e.explain(ctx, p)
	case len(p.own) > 0 || p.later != nil:
		return e.atomic(ctx, func(e *engine) (op.Result, error) {
			if err := e.checkOwn(ctx, p.own, &p.asked); err != nil {
				return op.Result{}, err
			}
			if p.later != nil {
				return e.writeLater(ctx, p)
			}
			res, err := e.once(ctx, p)
			if err != nil {
				return op.Result{}, err
			}
			return gathered(p.asked.Sink, res)
		})
	}
	return e.once(ctx, p)
}

// once runs a prepared operation as one of the engine.
func (e *engine) once(ctx context.Context, p *prepared) (op.Result, error) {
	o := p.o
	if p.view != nil && o.Sink != nil {
		o.Sink = newSink(e.layer, p.view, o.Sink)
	}
	res, err := e.next.Do(ctx, o)
	if err != nil {
		return op.Result{}, e.revealed(err, &p.asked)
	}
	if p.exact && res.N == 0 {
		// The row may be there under a key that only the database takes for the
		// same, such as one in other letters.
		if res.Rows != nil {
			if err := res.Rows.Close(); err != nil {
				return op.Result{}, err
			}
		}
		p, err := e.prepareLater(p.asked)
		if err != nil {
			return op.Result{}, err
		}
		return e.run(ctx, p)
	}
	return e.opened(p, res), nil
}

// opened has the rows of a result pass through their view.
func (e *engine) opened(p *prepared, res op.Result) op.Result {
	if p.view != nil && p.asked.Sink == nil && res.Rows != nil {
		res.Rows = &rows{Rows: res.Rows, l: e.layer, v: p.view}
	}
	return res
}

func (e *engine) explain(ctx context.Context, p *prepared) (op.Result, error) {
	o := p.o
	o.Sink = nil
	res, err := e.next.Do(ctx, o)
	if err != nil || res.Plan == nil {
		return res, err
	}
	note := func(s string) { res.Plan.Notes = append(slices.Clip(res.Plan.Notes), s) }
	if p.later != nil {
		note("encrypted values are put in place row by row, in the same transaction, once the rows' keys are known")
	}
	if len(p.own) > 0 {
		note("rows are read first, to compare encrypted values with those that were loaded")
	}
	return res, nil
}

func (e *engine) migrate(ctx context.Context, o op.Op) (op.Result, error) {
	g := o.Migration
	if g == nil || g.Models == nil || g.Models.Stored() == g.Models {
		return e.next.Do(ctx, o)
	}
	o.Migration = &op.Migration{Models: g.Models.Stored(), Apply: g.Apply}
	res, err := e.next.Do(ctx, o)
	if err != nil && op.CodeOf(err) == op.CodeValidation {
		err = op.Errorf(op.CodeValidation, "%w; note that %s need columns of text, or of bytes for binary fields", err, encryptedNames(g.Models))
	}
	return res, err
}

func encryptedNames(set *schema.Set) string {
	s := "the encrypted fields "
	n := 0
	for _, m := range set.Models {
		for _, f := range m.Fields {
			if !f.Encrypted {
				continue
			}
			if n > 0 {
				s += ", "
			}
			s += m.Name + "." + f.Name
			n++
		}
	}
	return s
}

// Begin starts a transaction in which the layer holds as well.
func (e *engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	t, err := e.next.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &tx{engine: engine{layer: e.layer, next: t, inTx: true}, tx: t}, nil
}

// Caps are those of the engine below.
func (e *engine) Caps() op.Caps {
	c := e.next.Caps()
	c.Layers = slices.Insert(slices.Clone(c.Layers), 0, Name)
	return c
}

// Close closes the engine below.
func (e *engine) Close() error { return e.next.Close() }

// tx is the layer around a transaction.
type tx struct {
	engine
	tx op.Tx
}

var _ op.Tx = (*tx)(nil)

// Commit commits the transaction below.
func (t *tx) Commit(ctx context.Context) error { return t.tx.Commit(ctx) }

// Rollback rolls the transaction below back.
func (t *tx) Rollback(ctx context.Context) error { return t.tx.Rollback(ctx) }

// atomic runs fn in a transaction of its own, nested in the one there is where
// the engine can nest, so that an operation of several steps leaves nothing
// behind when it fails.
func (e *engine) atomic(ctx context.Context, fn func(e *engine) (op.Result, error)) (op.Result, error) {
	caps := e.next.Caps()
	switch {
	case e.inTx && !caps.Has(op.CapNestedTransactions):
		return fn(e)
	case !caps.Has(op.CapTransactions):
		return op.Result{}, op.Errorf(op.CodeUnsupported, "engine %s has no transactions, and encrypted values of rows whose key is not known beforehand need one", caps.Engine)
	}
	t, err := e.next.Begin(ctx, op.TxOptions{})
	if err != nil {
		return op.Result{}, err
	}
	done := false
	defer func() {
		if !done {
			// The rollback must happen also when ctx is why we fail. A second
			// error here would hide the first.
			_ = t.Rollback(context.WithoutCancel(ctx))
		}
	}()
	res, err := fn(&engine{layer: e.layer, next: t, inTx: true})
	if err != nil {
		return op.Result{}, err
	}
	if err := t.Commit(ctx); err != nil {
		return op.Result{}, err
	}
	done = true
	return res, nil
}

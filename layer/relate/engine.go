package relate

import (
	"context"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// engine is the layer around one engine or transaction.
type engine struct {
	Options
	next op.Engine
	inTx bool
}

var _ op.Engine = (*engine)(nil)

// Do runs one operation.
func (e *engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	switch o.Kind {
	case op.Find:
		if wants(&o) {
			return e.find(ctx, o)
		}
	case op.Batch:
		for i := range o.Batch {
			if o.Batch[i].Kind == op.Find && wants(&o.Batch[i]) {
				return e.batch(ctx, o)
			}
		}
	}
	return e.next.Do(ctx, o)
}

// wants reports whether a find has relations to load.
func wants(o *op.Op) bool {
	if len(o.With) > 0 {
		return true
	}
	if !whole(o) || o.Model == nil {
		return false
	}
	for _, r := range o.Model.Relations {
		if r.Eager {
			return true
		}
	}
	return false
}

// whole reports whether a find gives rows with their eager relations. Children
// are asked for with theirs in With.
func whole(o *op.Op) bool { return len(o.Fields) == 0 && o.Via == nil && !o.Distinct }

func (e *engine) find(ctx context.Context, o op.Op) (op.Result, error) {
	f, err := e.plan(ctx, &o)
	if err != nil {
		return op.Result{}, err
	}
	res, err := e.next.Do(ctx, o)
	if err != nil || f == nil {
		return res, err
	}
	return f.result(res)
}

func (e *engine) batch(ctx context.Context, o op.Op) (op.Result, error) {
	o.Batch = slices.Clone(o.Batch)
	finds := make([]*finding, len(o.Batch))
	for i := range o.Batch {
		m := &o.Batch[i]
		if m.User == "" {
			m.User = o.User
		}
		if m.Kind != op.Find || !wants(m) {
			continue
		}
		var err error
		if finds[i], err = e.plan(ctx, m); err != nil {
			return op.Result{}, op.InBatch(i, err)
		}
	}
	res, err := e.next.Do(ctx, o)
	if err != nil {
		return res, err
	}
	for i, f := range finds {
		if f == nil || i >= len(res.Batch) {
			continue
		}
		if res.Batch[i], err = f.result(res.Batch[i]); err != nil {
			for _, r := range res.Batch {
				if r.Rows != nil {
					r.Rows.Close()
				}
			}
			return op.Result{}, op.InBatch(i, err)
		}
	}
	return res, nil
}

// Begin starts a transaction in which the layer holds as well.
func (e *engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	t, err := e.next.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &tx{engine: engine{Options: e.Options, next: t, inTx: true}, tx: t}, nil
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

// step is one relation to load, or its rows to count.
type step struct {
	r     *schema.Relation
	count *schema.Count // nil where the rows themselves are loaded
	with  op.With
}

// resolve finds the relations and counts by name.
func resolve(m *schema.Model, with []op.With) ([]step, error) {
	steps := make([]step, len(with))
	for i, w := range with {
		if c := m.Count(w.Relation); c != nil {
			if err := op.CountOnly(m, c, &w); err != nil {
				return nil, err
			}
			if err := deletedToo(c.Of, &w); err != nil {
				return nil, err
			}
			steps[i] = step{c.Of, c, w}
			continue
		}
		r := m.Relation(w.Relation)
		if r == nil || r.Target == nil {
			return nil, unknown(m, w.Relation)
		}
		if w.Limit < 0 || w.Offset < 0 {
			return nil, op.Errorf(op.CodeValidation, "limit and offset of %s.%s must not be negative", m.Name, r.Name)
		}
		if err := deletedToo(r, &w); err != nil {
			return nil, err
		}
		if _, err := resolve(r.Target, w.With); err != nil {
			return nil, err
		}
		steps[i] = step{r, nil, w}
	}
	return steps, nil
}

// deletedToo refuses to look for deleted rows where there are none, also when
// there is nobody to load the relation for.
func deletedToo(r *schema.Relation, w *op.With) error {
	if !w.WithDeleted {
		return nil
	}
	return op.Normalize(&op.Op{Kind: op.Find, Model: r.Target, WithDeleted: true})
}

// unknown names the relations and counts that there are.
func unknown(m *schema.Model, name string) error {
	var list []string
	for _, r := range m.Relations {
		list = append(list, r.Name)
	}
	for _, c := range m.Counts {
		list = append(list, c.Name)
	}
	if list == nil {
		return op.Invalid(m.Name, name, "relation", "is not a relation; %s has none", m.Name)
	}
	return op.Invalid(m.Name, name, "relation", "is not a relation of %s; there are %s", m.Name, strings.Join(list, ", "))
}

package sqlengine

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Core runs operations on sessions. It holds what is known of tables and of
// operations' shapes, and is safe for concurrent use.
type Core struct {
	dialect *Dialect
	inspect func(ctx context.Context, s Session, m *schema.Model) (*Table, error)
	plans   plans
	known   atomic.Pointer[map[*schema.Model]*Table]
	mu      sync.Mutex // of changes of known
}

// New makes a Core. inspect looks at a model's table in the database; it is
// called once for each model.
func New(d *Dialect, inspect func(ctx context.Context, s Session, m *schema.Model) (*Table, error)) *Core {
	return &Core{dialect: d, inspect: inspect}
}

// Dialect is the one that the Core was made with.
func (c *Core) Dialect() *Dialect { return c.dialect }

// Forget lets go of what is known of tables, after they were changed.
func (c *Core) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Store(nil)
	c.plans.clear()
}

// missing asks for a table to be looked at.
type missing struct{ m *schema.Model }

func (e *missing) Error() string { return "the table of " + e.m.Name + " was not looked at" }

func (c *Core) table(m *schema.Model) (*Table, error) {
	if known := c.known.Load(); known != nil {
		if t := (*known)[m]; t != nil {
			return t, nil
		}
	}
	return nil, &missing{m}
}

// Table is the table of a model, looked at when it is not known yet.
func (c *Core) Table(ctx context.Context, s Session, m *schema.Model) (*Table, error) {
	if t, err := c.table(m); err == nil {
		return t, nil
	}
	t, err := c.inspect(ctx, s, m)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[*schema.Model]*Table{}
	if known := c.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	next[m] = t
	c.known.Store(&next)
	return t, nil
}

// form says which of an operation's statements is meant. It stands beside the
// operation, and not in one struct with it, so that operations can stay on
// their callers' stacks.
type form struct {
	rows [][]any  // of an insert
	must *op.Cond // of a guard that is part of the statement
	give written
}

func (b *builder) shape(o *op.Op, f form) {
	switch o.Kind {
	case op.Find, op.Count:
		b.kFind(o)
	case op.Aggregate:
		b.kAggregate(o)
	case op.Insert, op.Upsert:
		b.kInsert(o, f.rows, f.give)
	case op.Update, op.Increment, op.Delete:
		b.kUpdate(o, f.must, f.give)
	}
}

func (b *builder) write(o *op.Op, f form) {
	switch o.Kind {
	case op.Find:
		b.find(o)
	case op.Count:
		b.count(o)
	case op.Aggregate:
		b.aggregate(o)
	case op.Insert, op.Upsert:
		b.insert(o, f.rows, f.give)
	case op.Update, op.Increment:
		b.update(o, f.must, f.give)
	case op.Delete:
		b.remove(o, f.must, f.give)
	}
}

// verify makes every use of a cached plan write its text again.
var verify func(cached, written string)

// Verify is for tests: from now on every use of a cached plan writes the text
// again and gives both to fn, which should find them the same. It must not be
// called while operations run.
func Verify(fn func(cached, written string)) { verify = fn }

// plan gives the plan of a statement and leaves its arguments in b.
func (c *Core) plan(ctx context.Context, s Session, b *builder, o *op.Op, f form) (*plan, error) {
	b.shape(o, f)
	p := c.plans.get(b.key)
	for {
		b.text = p == nil || verify != nil
		b.sql, b.args, b.out, b.aliases, b.err = b.sql[:0], b.args[:0], nil, 0, nil
		b.write(o, f)
		if b.err == nil {
			break
		}
		var m *missing
		if !errors.As(b.err, &m) {
			return nil, b.err
		}
		if _, err := c.Table(ctx, s, m.m); err != nil {
			return nil, err
		}
	}
	if p != nil {
		if verify != nil {
			verify(p.stmt.SQL, string(b.sql))
		}
		return p, nil
	}
	p = &plan{stmt: &Statement{SQL: string(b.sql)}, out: b.out, model: o.Model}
	if o.Via != nil {
		p.via = o.Via.Model
	}
	c.plans.put(b.key, p)
	return p, nil
}

// query starts a statement that gives rows.
func (c *Core) query(ctx context.Context, s Session, o *op.Op, f form) (Cursor, *plan, error) {
	b := c.builder()
	defer b.done()
	p, err := c.plan(ctx, s, b, o, f)
	if err != nil {
		return nil, nil, err
	}
	cur, err := s.Query(ctx, p.stmt, b.args)
	return cur, p, err
}

// exec runs a statement that gives none.
func (c *Core) exec(ctx context.Context, s Session, o *op.Op, f form) (changed, lastKey int64, err error) {
	b := c.builder()
	defer b.done()
	p, err := c.plan(ctx, s, b, o, f)
	if err != nil {
		return 0, 0, err
	}
	return s.Exec(ctx, p.stmt, b.args)
}

// all runs a statement and gives its rows as canonical values.
func (c *Core) all(ctx context.Context, s Session, o *op.Op, f form) ([][]any, error) {
	cur, p, err := c.query(ctx, s, o, f)
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	var rows [][]any
	for {
		ok, err := cur.Next()
		if err != nil || !ok {
			return rows, err
		}
		row := make([]any, len(p.out))
		for i := range p.out {
			if row[i], err = p.out[i].col.value(cur, i); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
}

// Do runs one operation. A find's Rows read from the session until they are
// closed; everything else has ended when Do returns. Kinds that concern more
// than rows (SQL, migrate, backup, watch) are the engine's own.
func (c *Core) Do(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	if o.Model == nil && o.Kind != op.Batch {
		return op.Result{}, op.Errorf(op.CodeValidation, "the operation has no model")
	}
	switch o.Kind {
	case op.Find, op.Aggregate, op.Count:
		if len(o.Guards) > 0 {
			return c.readGuarded(ctx, s, *o)
		}
		return c.Read(ctx, s, o)
	case op.Insert, op.Update, op.Delete, op.Upsert, op.Increment:
		return c.change(ctx, s, o)
	case op.Batch:
		return c.batch(ctx, s, *o)
	}
	return op.Result{}, op.Errorf(op.CodeUnsupported, "%s cannot run %s", c.dialect.Name, o.Kind)
}

// Reads reports whether an operation changes nothing, so that any connection
// can run it.
func Reads(o *op.Op) bool {
	switch o.Kind {
	case op.Find, op.Count, op.Aggregate:
		return len(o.Guards) == 0
	case op.Batch:
		for i := range o.Batch {
			if !Reads(&o.Batch[i]) {
				return false
			}
		}
		return len(o.Guards) == 0
	}
	return false
}

// Read runs a find, an aggregate or a count. It is Do without a way for o to
// leave the caller's stack.
func (c *Core) Read(ctx context.Context, s Session, o *op.Op) (op.Result, error) {
	verb := o.Kind.String()
	if o.Model == nil {
		return op.Result{}, op.Errorf(op.CodeValidation, "the operation has no model")
	}
	if len(o.With) > 0 {
		return op.Result{}, op.Errorf(op.CodeUnsupported, "%s does not load relations; layer relate does", c.dialect.Name)
	}
	if o.Kind == op.Count {
		n, err := c.number(ctx, s, o)
		return op.Result{N: n}, explain(err, verb, o.Model, -1)
	}
	b := c.builder()
	p, err := c.plan(ctx, s, b, o, form{})
	if err != nil {
		b.done()
		return op.Result{}, explain(err, verb, o.Model, -1)
	}
	cur, err := s.Query(ctx, p.stmt, b.args)
	b.done()
	if err != nil {
		return op.Result{}, explain(err, verb, o.Model, -1)
	}
	return op.Result{Rows: &rows{cur: cur, out: p.out, sink: o.Sink, verb: verb, model: o.Model}}, nil
}

// readGuarded is Read for an operation with guards.
func (c *Core) readGuarded(ctx context.Context, s Session, o op.Op) (res op.Result, err error) {
	err = s.Atomic(ctx, func() error {
		if err := c.guards(ctx, s, &o); err != nil {
			return err
		}
		if res, err = c.Read(ctx, s, &o); err != nil {
			return err
		}
		return Detach(res.Rows)
	})
	if err != nil {
		return op.Result{}, explain(err, o.Kind.String(), o.Model, -1)
	}
	return res, nil
}

// number runs a statement that gives one integer.
func (c *Core) number(ctx context.Context, s Session, o *op.Op) (int64, error) {
	cur, _, err := c.query(ctx, s, o, form{})
	if err != nil {
		return 0, err
	}
	defer cur.Close()
	ok, err := cur.Next()
	if err != nil || !ok {
		return 0, err
	}
	return cur.Int(0), nil
}

func (c *Core) batch(ctx context.Context, s Session, o op.Op) (op.Result, error) {
	var out []op.Result
	err := s.Atomic(ctx, func() error {
		out = make([]op.Result, 0, len(o.Batch))
		if err := c.guards(ctx, s, &o); err != nil {
			return err
		}
		for i := range o.Batch {
			sub := &o.Batch[i]
			res, err := c.Do(ctx, s, sub)
			if r, ok := res.Rows.(*rows); ok && err == nil {
				err = r.detach()
			}
			if err != nil {
				return op.InBatch(i, err)
			}
			out = append(out, res)
		}
		return nil
	})
	if err != nil {
		return op.Result{}, explain(err, "batch", nil, -1)
	}
	return op.Result{Batch: out}, nil
}

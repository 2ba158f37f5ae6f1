package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// Engine keeps its data in one PostgreSQL database.
type Engine struct {
	opt    options
	config *pgxpool.Config
	faulty error  // why the address cannot be used
	name   string // of the database, for messages: without a password
	core   *sqlengine.Core
	icu    atomic.Bool // the server has the collation that lower-cases by Unicode

	opened  atomic.Bool
	closed  atomic.Bool
	mu      sync.Mutex // of opening and closing, of txs, streams and out
	pool    *pgxpool.Pool
	txs     map[*tx]struct{}
	held    map[*conn]struct{} // connections that are out
	streams int                // of them, those that results hold
	empty   chan struct{}      // closed when the engine is and none is out
	uniques sync.Map           // "table.constraint" → unique
	keepers texts
	raws    texts // of raw SQL
}

var (
	_ op.Engine = (*Engine)(nil)
	_ op.Tx     = (*tx)(nil)
)

// Open names a database: a URL ("postgres://user:password@host:5432/name") or
// words ("host=… user=… dbname=…"), as PostgreSQL's own tools read them, with
// what the environment says (PGHOST, PGPASSFILE, …) for what is left out. Its
// search_path is honoured: the engine works in the first schema of it. Nothing
// connects before the first operation, which fails when the address is faulty.
func Open(dsn string, opts ...Option) *Engine {
	e := &Engine{opt: defaults(), txs: map[*tx]struct{}{}, held: map[*conn]struct{}{}, empty: make(chan struct{})}
	for _, o := range opts {
		o(&e.opt)
	}
	e.core = sqlengine.New(e.dialect(), e.inspect)
	e.config, e.faulty = e.configure(dsn)
	return e
}

// Caps says what the engine can do.
func (e *Engine) Caps() op.Caps {
	return op.Caps{Engine: "postgres", Flags: op.CapTransactions | op.CapNestedTransactions | op.CapJoins |
		op.CapJSONQueries | op.CapAggregations | op.CapMigrations | op.CapIntrospection | op.CapSQL}
}

// ready opens the pool at the first call.
func (e *Engine) ready(ctx context.Context) error {
	if e.opened.Load() && !e.closed.Load() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed.Load():
		return op.ErrClosed()
	case e.opened.Load():
		return nil
	case e.faulty != nil:
		return e.faulty
	case ctx.Err() != nil:
		return op.FromContext(ctx.Err())
	}
	if e.pool == nil {
		pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), e.config.Copy())
		if err != nil {
			return e.explain(ctx, err)
		}
		e.pool = pool
	}
	p, err := e.pool.Acquire(ctx)
	if err != nil {
		return named("open", e.explain(ctx, err))
	}
	defer p.Release()
	if err := e.look(ctx, p.Conn().PgConn()); err != nil {
		return named("open", e.explain(ctx, err))
	}
	e.opened.Store(true)
	return nil
}

// Do runs one operation.
func (e *Engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := e.ready(ctx); err != nil {
		return op.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return op.Result{}, op.FromContext(err)
	}
	if o.Lock != op.NoLock {
		return op.Result{}, op.Errorf(op.CodeValidation, "row locks need a transaction")
	}
	switch {
	case o.Explain:
		return e.explainOp(ctx, o)
	case o.Kind == op.Find || o.Kind == op.Count || o.Kind == op.Aggregate || o.Kind >= op.Insert && o.Kind <= op.Increment:
		if e.opt.readOnly && o.Writes() {
			break
		}
		if !e.core.Alone(&o) {
			return e.serially(ctx, o)
		}
		res, err := e.alone(ctx, &o)
		if err != nil && passing(err, !o.Writes()) {
			return e.aloneAgain(ctx, o, err)
		}
		return res, err
	}
	return e.other(ctx, o)
}

// other runs what is no plain operation on rows.
func (e *Engine) other(ctx context.Context, o op.Op) (op.Result, error) {
	switch o.Kind {
	case op.Migrate:
		return op.Result{}, e.migrate(ctx, o.Migration)
	case op.SQL:
		return e.sql(ctx, &o)
	case op.Backup:
		return op.Result{}, op.Errorf(op.CodeUnsupported, "postgres makes no backups: use pg_dump, or the backups of who runs the server")
	case op.Watch:
		return op.Result{}, op.Errorf(op.CodeUnsupported, "postgres has no subscriptions")
	}
	if e.opt.readOnly && o.Writes() {
		return op.Result{}, op.Errorf(op.CodeDatabase, "%s is open for reading only", e.name)
	}
	return e.serially(ctx, o)
}

// alone runs an operation that is one statement. It keeps o on its caller's
// stack.
func (e *Engine) alone(ctx context.Context, o *op.Op) (op.Result, error) {
	c, err := e.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	res, err := e.core.Do(ctx, c, o)
	return e.give(c, res, err)
}

func (e *Engine) aloneAgain(ctx context.Context, o op.Op, err error) (res op.Result, _ error) {
	first := err
	err = e.again(ctx, !o.Writes(), func() (err error) {
		if err, first = first, nil; err != nil {
			return err
		}
		res, err = e.alone(ctx, &o)
		return err
	})
	return res, err
}

// serially runs an operation in a transaction of its own.
func (e *Engine) serially(ctx context.Context, o op.Op) (res op.Result, err error) {
	err = e.again(ctx, !o.Writes(), func() error {
		c, err := e.get(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		return sqlengine.Explain(c.Atomic(ctx, func() error {
			if res, err = e.core.Do(ctx, c, &o); err != nil || res.Rows == nil {
				return err
			}
			return sqlengine.Detach(res.Rows)
		}), o.Kind.String(), o.Model)
	})
	if err != nil {
		return op.Result{}, err
	}
	return res, nil
}

// give lets a result keep its connection while it is read, or gives the
// connection back.
func (e *Engine) give(c *conn, res op.Result, err error) (op.Result, error) {
	if err == nil && res.Rows != nil {
		if e.stream(c) {
			if sqlengine.Hold(res.Rows, c) {
				return res, nil
			}
		} else {
			err = sqlengine.Detach(res.Rows)
		}
	}
	c.Release()
	return res, err
}

// Begin starts a transaction. It is sent to the server with its first
// operation.
func (e *Engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, op.FromContext(err)
	}
	c, err := e.get(ctx)
	if err != nil {
		return nil, err
	}
	readOnly := opts.ReadOnly || e.opt.readOnly
	c.begin(readOnly)
	t := &tx{e: e, c: c, mu: new(sync.Mutex), readOnly: readOnly}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		c.depth = 0
		go c.Release() // takes the lock
		return nil, op.ErrClosed()
	}
	e.txs[t] = struct{}{}
	return t, nil
}

// Close waits for running operations, rolls open transactions back and closes
// the connections. Those that are still in use after the close timeout are cut
// off; results of finds that were not closed until then fail at their next row.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed.Swap(true) {
		e.mu.Unlock()
		return nil
	}
	open := e.txs
	e.txs = nil
	out, pool := len(e.held), e.pool
	e.mu.Unlock()
	if pool == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), e.opt.patience)
	defer cancel()
	for t := range open {
		t.abandon()
	}
	if out > 0 {
		e.mu.Lock()
		out = len(e.held)
		e.mu.Unlock()
	}
	if out > 0 {
		select {
		case <-e.empty:
		case <-ctx.Done():
			return e.cut()
		}
	}
	pool.Close()
	return nil
}

// cut closes the connections that are still in use.
func (e *Engine) cut() error {
	e.mu.Lock()
	for c := range e.held {
		_ = c.pg.Conn().Close()
	}
	n, pool := len(e.held), e.pool
	e.mu.Unlock()
	go pool.Close() // it waits for whoever has them
	return op.Errorf(op.CodeDatabase, "close %s: %d operations or results of finds were still under way: close their Rows", e.name, n)
}

// texts are statements by their text, each with one address.
type texts struct {
	mu sync.Mutex
	m  map[string]*sqlengine.Statement
}

func (t *texts) statement(sql string) *sqlengine.Statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.m[sql]
	if s == nil {
		if t.m == nil || len(t.m) >= maxStatements {
			t.m = map[string]*sqlengine.Statement{}
		}
		s = &sqlengine.Statement{SQL: sql}
		t.m[sql] = s
	}
	return s
}

// named says what was tried.
func named(verb string, err error) error {
	var e *op.Error
	if errors.As(err, &e) && e.Op == "" {
		e.Op = verb
	}
	return err
}

// code is the SQLSTATE of an error of the server, "" for others.
func code(err error) string {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

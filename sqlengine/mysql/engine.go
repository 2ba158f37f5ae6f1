package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	my "github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// Engine keeps its data on a MySQL or MariaDB server.
type Engine struct {
	opt       options
	cfg       *my.Config // nil when the address could not be read
	badDSN    error
	connector driver.Connector
	name      string // of the server, for messages
	core      atomic.Pointer[sqlengine.Core]
	server    atomic.Pointer[server]
	keys      sync.Map // columns of unique keys, for faults: table and key → []string

	closed atomic.Bool
	mu     sync.Mutex // of opening and closing, and of txs
	txs    map[*tx]struct{}
	pool   *pool
	killer killer
}

var (
	_ op.Engine = (*Engine)(nil)
	_ op.Tx     = (*tx)(nil)
)

// Open names a database on a server: user:password@tcp(host:3306)/database, as
// github.com/go-sql-driver/mysql reads it, or mysql://user:password@host:3306/database.
// Parameters behind a question mark are those of the driver (tls, timeout, …);
// what Weft needs of the session it sets itself. Nothing connects before the
// first operation, which fails when the server cannot be used.
func Open(dsn string, opts ...Option) *Engine {
	e := &Engine{opt: defaults(), txs: map[*tx]struct{}{}, name: "the MySQL server"}
	for _, o := range opts {
		o(&e.opt)
	}
	if e.cfg, e.badDSN = config(dsn, &e.opt); e.badDSN == nil {
		e.name = e.cfg.Addr
		e.connector, e.badDSN = my.NewConnector(e.cfg)
	}
	e.pool = newPool(e.opt.conns, e.opt.life, e.opt.idle, e.connect)
	e.killer.e = e
	return e
}

func (e *Engine) user() string     { return e.cfg.User }
func (e *Engine) database() string { return e.cfg.DBName }

func (e *Engine) maria() bool {
	s := e.server.Load()
	return s != nil && s.maria
}

// Caps says what the engine can do.
func (e *Engine) Caps() op.Caps {
	return op.Caps{Engine: "mysql", Flags: op.CapTransactions | op.CapNestedTransactions | op.CapJoins |
		op.CapJSONQueries | op.CapAggregations | op.CapMigrations | op.CapIntrospection | op.CapSQL}
}

// get gives a connection; the first one tells what the server is.
func (e *Engine) get(ctx context.Context, fresh bool) (*conn, *sqlengine.Core, error) {
	switch {
	case e.closed.Load():
		return nil, nil, op.ErrClosed()
	case e.badDSN != nil:
		return nil, nil, e.badDSN
	case ctx.Err() != nil:
		return nil, nil, op.FromContext(ctx.Err())
	}
	c, err := e.pool.get(ctx, fresh)
	if err != nil {
		return nil, nil, err
	}
	core := e.core.Load()
	if core == nil {
		if core, err = e.first(ctx, c); err != nil {
			c.Release()
			return nil, nil, err
		}
	}
	return c, core, nil
}

// first looks at the database before it is used.
func (e *Engine) first(ctx context.Context, c *conn) (*sqlengine.Core, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if core := e.core.Load(); core != nil {
		return core, nil
	}
	if err := c.checkFormat(ctx); err != nil {
		return nil, err
	}
	core := sqlengine.New(newDialect(e.server.Load()), inspect)
	e.core.Store(core)
	return core, nil
}

// forget lets go of what is known of tables.
func (e *Engine) forget() {
	if core := e.core.Load(); core != nil {
		core.Forget()
	}
	e.keys.Clear()
}

// Do runs one operation.
func (e *Engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	switch {
	case e.closed.Load():
		return op.Result{}, op.ErrClosed()
	case o.Lock != op.NoLock:
		return op.Result{}, op.Errorf(op.CodeValidation, "row locks need a transaction")
	case e.opt.readOnly && o.Writes() && o.Kind != op.SQL && !o.Explain && !(o.Kind == op.Migrate && !applies(o.Migration)):
		return op.Result{}, e.onlyReads()
	}
	switch {
	case o.Explain:
		return e.explain(ctx, o)
	case len(o.Guards) == 0 && (o.Kind == op.Find || o.Kind == op.Count || o.Kind == op.Aggregate):
		return e.read(ctx, &o)
	}
	switch o.Kind {
	case op.Migrate:
		return op.Result{}, e.migrate(ctx, o.Migration)
	case op.Backup:
		return op.Result{}, op.Errorf(op.CodeUnsupported, "mysql makes no backups of its own: use mysqldump or mariadb-dump with --single-transaction")
	case op.SQL:
		return e.sql(ctx, &o)
	case op.Watch:
		return op.Result{}, op.Errorf(op.CodeUnsupported, "mysql has no subscriptions")
	}
	return e.write(ctx, &o)
}

func (e *Engine) onlyReads() error {
	return op.Errorf(op.CodeDatabase, "%s was opened for reading only (mysql.ReadOnly)", e.name)
}

// read runs a find, a count or an aggregate. It changes nothing, so it is tried
// once more when a connection that stood unused turns out to be dead.
func (e *Engine) read(ctx context.Context, o *op.Op) (op.Result, error) {
	for again := false; ; again = true {
		c, core, err := e.get(ctx, again)
		if err != nil {
			return op.Result{}, err
		}
		res, err := core.Read(ctx, c, o)
		if err == nil || again || !c.bad || ctx.Err() != nil {
			return c.hand(res, err)
		}
		c.Release()
	}
}

// attempts is how often an operation is tried that meets other transactions.
const attempts = 30

// write runs an operation that is a transaction of its own. It is tried again
// when it was undone because of another transaction, or was never sent.
func (e *Engine) write(ctx context.Context, o *op.Op) (op.Result, error) {
	fresh, start := false, time.Now()
	for i := 1; ; i++ {
		c, core, err := e.get(ctx, fresh)
		if err != nil {
			return op.Result{}, err
		}
		res, err := core.Do(ctx, c, o)
		c.Release()
		switch {
		case err == nil || i >= attempts:
			return res, err
		case errors.As(err, new(*unsent)) && !fresh:
			fresh = true
		case op.Retryable(err) && !guarded(o) && e.patient(start):
			if !pause(ctx, i) {
				return res, err
			}
		default:
			return res, err
		}
	}
}

// patient reports whether an operation may be tried again that began at start:
// not when waiting for locks took all the time there is for that.
func (e *Engine) patient(start time.Time) bool { return time.Since(start) < e.opt.lock }

// guarded reports whether a conflict may be the operation's own answer: a
// snapshot of rows that does not hold any more.
func guarded(o *op.Op) bool {
	for i := range o.Guards {
		if o.Guards[i].Kind == op.GuardSnapshot {
			return true
		}
	}
	for i := range o.Batch {
		if guarded(&o.Batch[i]) {
			return true
		}
	}
	return false
}

// pause waits a little before attempt i+1, not in step with anybody.
func pause(ctx context.Context, i int) bool {
	t := time.NewTimer(rand.N(time.Millisecond << min(i, 6)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Begin starts a transaction.
func (e *Engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	readOnly := opts.ReadOnly || e.opt.readOnly
	fresh := false
	for {
		c, core, err := e.get(ctx, fresh)
		if err != nil {
			return nil, err
		}
		if err := c.begin(ctx, readOnly); err != nil {
			c.Release()
			if errors.As(err, new(*unsent)) && !fresh {
				fresh = true
				continue
			}
			return nil, sqlengine.Explain(err, "begin", nil)
		}
		t := &tx{e: e, c: c, core: core, mu: new(sync.Mutex), readOnly: readOnly}
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.closed.Load() {
			_ = c.rollback()
			c.Release()
			return nil, op.ErrClosed()
		}
		e.txs[t] = struct{}{}
		return t, nil
	}
}

// Close waits for running operations, rolls open transactions back and closes
// the connections. What still runs after the close timeout is cut off; results
// of finds that were not closed until then fail at their next row.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed.Swap(true) {
		e.mu.Unlock()
		return nil
	}
	open := e.txs
	e.txs = nil
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), e.opt.patience)
	defer cancel()
	stop := context.AfterFunc(ctx, e.pool.cut)
	defer stop()
	for t := range open {
		t.abandon()
	}
	err := e.pool.shut(ctx)
	e.killer.close()
	if err != nil {
		e.pool.cut()
		return op.Errorf(op.CodeDatabase, "close %s: operations are still under way, or results of finds are open: close their Rows", e.name)
	}
	return nil
}

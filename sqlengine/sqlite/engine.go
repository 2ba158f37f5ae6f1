package sqlite

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// Engine keeps its data in one SQLite file.
type Engine struct {
	path   string
	name   string // as SQLite is given it: a URI
	memory bool
	opt    options
	core   *sqlengine.Core

	opened   atomic.Bool
	closed   atomic.Bool
	stopping atomic.Bool // interrupts what runs
	mu       sync.Mutex  // of opening and closing, and of txs
	txs      map[*tx]struct{}
	writers  *pool // of one
	readers  *pool // the same for a database in memory
}

var (
	_ op.Engine = (*Engine)(nil)
	_ op.Tx     = (*tx)(nil)
)

var memories atomic.Int64

// Open names a database file, made when it does not exist. The path is that of
// a file, a URI that begins with "file:", or ":memory:" for a database that is
// gone when the engine is closed. Nothing is opened before the first
// operation, which fails when the file cannot be used.
func Open(path string, opts ...Option) *Engine {
	e := &Engine{path: path, opt: defaults(), txs: map[*tx]struct{}{}}
	for _, o := range opts {
		o(&e.opt)
	}
	switch {
	case path == "" || path == ":memory:" || strings.HasPrefix(path, "file:") && (strings.HasPrefix(path, "file::memory:") || strings.Contains(path, "mode=memory")):
		e.memory = true
		e.name = fmt.Sprintf("file:/weft-memory-%d?vfs=memdb", memories.Add(1))
	case strings.HasPrefix(path, "file:"):
		e.name = path
		e.opt.readOnly = e.opt.readOnly || strings.Contains(path, "mode=ro") || strings.Contains(path, "immutable=1")
	case strings.HasPrefix(path, "/"): // with its own host, or two slashes would name one
		e.name = "file://" + (&url.URL{Path: path}).EscapedPath()
	default:
		e.name = "file:" + (&url.URL{Path: path}).EscapedPath()
	}
	if e.opt.immutable && !e.memory {
		e.name = parameter(e.name, "immutable=1")
	}
	e.core = sqlengine.New(lite.Dialect, inspect)
	e.writers = newPool(1, e.connect)
	e.readers = e.writers
	if !e.memory {
		e.readers = newPool(e.opt.readers, e.connect)
	}
	return e
}

// parameter adds one to a URI.
func parameter(uri, text string) string {
	if strings.Contains(uri, "?") {
		return uri + "&" + text
	}
	return uri + "?" + text
}

// Caps says what the engine can do.
func (e *Engine) Caps() op.Caps {
	return op.Caps{Engine: "sqlite", Flags: op.CapTransactions | op.CapNestedTransactions | op.CapJoins | op.CapFullTextSearch |
		op.CapJSONQueries | op.CapAggregations | op.CapMigrations | op.CapIntrospection | op.CapSQL | op.CapBackup}
}

// connect opens one connection and sets it up.
func (e *Engine) connect(ctx context.Context) (*conn, error) {
	flags := int32(lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_CREATE | lib.SQLITE_OPEN_NOMUTEX | lib.SQLITE_OPEN_URI)
	if e.opt.readOnly {
		flags = lib.SQLITE_OPEN_READONLY | lib.SQLITE_OPEN_NOMUTEX | lib.SQLITE_OPEN_URI
	}
	c, err := connect(e.name, flags, e.opt.busy)
	if err != nil {
		named := conn{file: e.path, busy: e.opt.busy}
		return nil, named.explain(ctx, err)
	}
	c.file, c.stop = e.path, e.stopping.Load
	if err := e.setUp(ctx, c); err != nil {
		_ = c.close()
		return nil, err
	}
	return c, nil
}

func (e *Engine) setUp(ctx context.Context, c *conn) error {
	pragmas := []string{
		"foreign_keys=ON",
		"temp_store=MEMORY",
		fmt.Sprintf("cache_size=-%d", e.opt.cacheKB),
	}
	if !e.memory && !e.opt.readOnly {
		if !e.opt.keepJournal {
			pragmas = append(pragmas, "journal_mode=WAL")
		}
		pragmas = append(pragmas, "journal_size_limit=67108864")
	}
	if e.opt.full {
		pragmas = append(pragmas, "synchronous=FULL")
	} else {
		pragmas = append(pragmas, "synchronous=NORMAL")
	}
	for _, p := range append(pragmas, e.opt.pragmas...) {
		if err := c.patiently(func() error { _, err := c.Ask(ctx, "PRAGMA "+p); return err }); err != nil {
			return err
		}
	}
	return nil
}

// ready opens the database at the first call.
func (e *Engine) ready(ctx context.Context) error {
	if e.opened.Load() && !e.closed.Load() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return op.ErrClosed()
	}
	if e.opened.Load() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return op.FromContext(err)
	}
	if strings.ContainsRune(e.path, 0) || strings.Contains(e.name, "%00") { // SQLite would read the name up to there
		return wrap("open", op.Errorf(op.CodeDatabase, "%q cannot be opened: a file name has no zero byte", e.path))
	}
	c, err := e.writers.get(ctx)
	if err != nil {
		return wrap("open "+e.path, err)
	}
	defer c.Release()
	if err := lite.CheckFormat(ctx, c, c.file); err != nil {
		return wrap("open "+e.path, err)
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
		return e.explain(ctx, o)
	case len(o.Guards) == 0 && (o.Kind == op.Find || o.Kind == op.Count || o.Kind == op.Aggregate):
		return e.read(ctx, &o)
	case o.Kind >= op.Insert && o.Kind <= op.Increment:
		return e.write(ctx, &o)
	}
	return e.other(ctx, o)
}

func (e *Engine) read(ctx context.Context, o *op.Op) (op.Result, error) {
	c, err := e.readers.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	res, err := e.core.Read(ctx, c, o)
	if err == nil && e.memory && res.Rows != nil {
		err = sqlengine.Detach(res.Rows)
	}
	if err != nil || e.memory || !sqlengine.Hold(res.Rows, c) {
		c.Release()
	} else {
		c.stream()
	}
	return res, err
}

func (e *Engine) write(ctx context.Context, o *op.Op) (op.Result, error) {
	c, err := e.writers.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	res, err := e.core.Do(ctx, c, o)
	c.Release()
	return res, err
}

// other runs what is no plain read.
func (e *Engine) other(ctx context.Context, o op.Op) (op.Result, error) {
	switch o.Kind {
	case op.Migrate:
		return op.Result{}, e.migrate(ctx, o.Migration)
	case op.Backup:
		return e.backup(ctx)
	case op.SQL:
		return e.sql(ctx, &o)
	case op.Watch:
		return op.Result{}, op.Errorf(op.CodeUnsupported, "sqlite has no subscriptions")
	}
	from := e.writers
	if sqlengine.Reads(&o) {
		from = e.readers
	}
	c, err := from.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	defer c.Release()
	return e.core.Do(ctx, c, &o)
}

// Begin starts a transaction.
func (e *Engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	from, first := e.writers, lite.BeginWrite
	if opts.ReadOnly || e.opt.readOnly {
		from, first = e.readers, lite.BeginRead
	}
	c, err := from.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.begin(ctx, first); err != nil {
		c.Release()
		return nil, wrap("begin", err)
	}
	if first == lite.BeginRead { // the snapshot is taken by the first read: now
		if _, err := c.Ask(ctx, "SELECT 1 FROM sqlite_schema LIMIT 1"); err != nil {
			_ = c.rollback()
			c.Release()
			return nil, wrap("begin", err)
		}
	}
	if first == lite.BeginRead && !e.memory {
		c.stream()
	}
	t := &tx{e: e, c: c, mu: new(sync.Mutex), readOnly: opts.ReadOnly}
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

// Close waits for running operations, rolls open transactions back and closes
// the file. What still runs after the close timeout is interrupted; results of
// finds that were not closed until then fail at their next row.
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
	stop := context.AfterFunc(ctx, func() { e.stopping.Store(true) })
	defer stop()
	for t := range open {
		t.abandon()
	}
	if e.readers != e.writers {
		if err := e.readers.shut(ctx); err != nil {
			e.stopping.Store(true)
			_ = e.writers.shut(ctx)
			return op.Errorf(op.CodeDatabase, "close %s: results of finds are still open: close their Rows", e.path)
		}
	}
	// The last connection that closes checkpoints the log and removes it.
	if err := e.writers.shut(ctx); err != nil {
		e.stopping.Store(true)
		return op.Errorf(op.CodeDatabase, "close %s: operations are still under way", e.path)
	}
	return nil
}

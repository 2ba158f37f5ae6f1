package postgres

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

var _ sqlengine.Session = (*conn)(nil)

// conn is a connection while it is out of the pool. It is used by one
// goroutine at a time.
type conn struct {
	e     *Engine
	p     *pgxpool.Conn // nil when it was given back
	pg    *pgconn.PgConn
	stmts *cache

	// Transactions are opened by levels: the first is the transaction, each
	// further one a savepoint in it. A level is sent to the server with the first
	// statement inside of it, and a savepoint is released with the first statement
	// behind it, so that neither takes a way of its own.
	depth    int  // levels as the engine sees them
	sent     int  // levels that the server has
	kept     int  // of those the ones that are still meant; the others are released
	readOnly bool // of the transaction

	open      []*cursor // of the transaction
	streaming bool      // held by a result

	values  [][]byte // of arguments
	formats []int16
	scratch []byte
}

// Query starts a statement that gives rows.
func (c *conn) Query(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (sqlengine.Cursor, error) {
	k, err := c.start(ctx, text, args)
	if err != nil {
		return nil, err
	}
	if c.depth > 0 && !k.ended {
		c.open = append(c.open, k)
	}
	return k, nil
}

// Exec runs a statement to its end.
func (c *conn) Exec(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (changed, lastKey int64, err error) {
	k, err := c.start(ctx, text, args)
	if err != nil {
		return 0, 0, err
	}
	tag, err := k.end()
	return tag.RowsAffected(), 0, err
}

// start sends a statement and waits for the first of its answer.
func (c *conn) start(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (*cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, op.FromContext(err)
	}
	if err := c.settle(); err != nil {
		return nil, err
	}
	k, err := c.send(ctx, text, args)
	if err != nil && c.depth == 0 && stalePlan(err) {
		k, err = c.send(ctx, text, args)
	}
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	return k, nil
}

// stalePlan reports whether a prepared statement was of no use any more: the
// table was changed, or the server forgot it. Nothing has happened then.
func stalePlan(err error) bool {
	switch code(err) {
	case "26000":
		return true
	case "0A000":
		var p *pgconn.PgError
		return asPg(err, &p) && p.Routine == "RevalidateCachedQuery"
	}
	return false
}

func (c *conn) send(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (*cursor, error) {
	s := c.stmts.find(text)
	if s == nil {
		// A statement that cannot be prepared ends the transaction up to the last
		// savepoint, so that has to be there.
		if c.depth > 0 {
			if err := c.flush(ctx); err != nil {
				return nil, err
			}
		}
		var err error
		if s, err = c.stmts.prepare(ctx, c.pg, text); err != nil {
			return nil, err
		}
	}
	if err := c.bind(s, args); err != nil {
		return nil, err
	}
	k := &cursor{c: c, s: s, ctx: ctx}
	before := c.before()
	if len(before) == 0 {
		k.rr = c.pg.ExecStatement(ctx, s.StatementDescription, c.values, c.formats, s.results)
		if k.rr.NextRow() {
			k.first = true
			k.row = k.rr.Values()
			return k, nil
		}
	} else {
		var batch pgconn.Batch
		for _, sql := range before {
			batch.ExecParams(sql, nil, nil, nil, nil)
		}
		batch.ExecStatement(s.StatementDescription, c.values, c.formats, s.results)
		k.mrr = c.pg.ExecBatch(ctx, &batch)
		for range before {
			if !k.mrr.NextResult() {
				return nil, k.mrr.Close()
			}
			if _, err := k.mrr.ResultReader().Close(); err != nil {
				_ = k.mrr.Close()
				return nil, err
			}
		}
		c.sent, c.kept = c.depth, c.depth
		if !k.mrr.NextResult() {
			err := k.mrr.Close()
			if stalePlan(err) {
				c.stmts.forget(text)
			}
			return nil, err
		}
		k.rr = k.mrr.ResultReader()
		if k.rr.NextRow() {
			k.first = true
			k.row = k.rr.Values()
			return k, nil
		}
	}
	tag, err := k.finish()
	k.tag = tag
	if stalePlan(err) {
		c.stmts.forget(text)
	}
	return k, err
}

// before is what has to be sent before the next statement.
func (c *conn) before() []string {
	if c.sent == c.depth && c.kept == c.depth {
		return nil
	}
	var list []string
	have := c.sent
	if c.kept < c.sent {
		list = append(list, "RELEASE SAVEPOINT "+savepoint(c.kept+1))
		have = c.kept
	}
	for have < c.depth {
		have++
		if have > 1 {
			list = append(list, "SAVEPOINT "+savepoint(have))
			continue
		}
		if c.readOnly {
			list = append(list, "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY")
		} else {
			list = append(list, "BEGIN ISOLATION LEVEL SERIALIZABLE")
		}
	}
	return list
}

func savepoint(level int) string { return "weft_" + strconv.Itoa(level) }

// flush sends what is to be sent before the next statement.
func (c *conn) flush(ctx context.Context) error {
	list := c.before()
	if len(list) == 0 {
		return nil
	}
	var batch pgconn.Batch
	for _, sql := range list {
		batch.ExecParams(sql, nil, nil, nil, nil)
	}
	if _, err := c.pg.ExecBatch(ctx, &batch).ReadAll(); err != nil {
		return err
	}
	c.sent, c.kept = c.depth, c.depth
	return nil
}

// fail says what an error means, and makes the transaction usable again where
// there is a savepoint to go back to.
func (c *conn) fail(ctx context.Context, err error) error {
	said := c.e.explain(ctx, err)
	c.recover()
	return said
}

// recover goes back to the last savepoint that the server has when the
// transaction has failed.
func (c *conn) recover() {
	if c.sent < 2 || c.pg.IsClosed() || c.pg.IsBusy() || c.pg.TxStatus() != 'E' {
		return
	}
	_ = c.tell("ROLLBACK TO SAVEPOINT " + savepoint(c.sent))
}

// patience is how long the server may take to end a transaction.
const patience = 10 * time.Second

// tell runs a statement that ends something, whatever has become of the
// operation's context.
func (c *conn) tell(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.pg.Exec(ctx, sql).ReadAll()
	return err
}

// settle reads what is left of the open results of this transaction: the
// connection is needed.
func (c *conn) settle() error {
	for len(c.open) > 0 {
		if err := c.open[len(c.open)-1].detach(); err != nil {
			return err
		}
	}
	return nil
}

// begin opens a level. Nothing is sent yet.
func (c *conn) begin(readOnly bool) {
	if c.depth == 0 {
		c.readOnly = readOnly
	}
	c.depth++
}

func errRolledBack() error {
	return op.Errorf(op.CodeDatabase, "the transaction was rolled back by an earlier failure: nothing of it was kept")
}

// commit ends what begin opened. When it fails the level is rolled back.
func (c *conn) commit(ctx context.Context) error {
	if c.depth > 1 {
		c.depth--
		c.kept = min(c.kept, c.depth)
		return nil
	}
	if err := ctx.Err(); err != nil {
		return c.undo(op.FromContext(err))
	}
	if err := c.settle(); err != nil {
		return c.undo(err)
	}
	if c.sent == 0 { // nothing was done
		c.depth = 0
		return nil
	}
	if c.pg.IsClosed() {
		return c.undo(op.Errorf(op.CodeDatabase, "the connection to %s was lost: the transaction was rolled back", c.e.name))
	}
	if c.pg.TxStatus() == 'E' {
		return c.undo(errRolledBack())
	}
	// From here on it is decided: a context that ends must not leave it open
	// whether the commit happened.
	done, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	results, err := c.pg.Exec(done, "COMMIT").ReadAll()
	if err == nil && len(results) > 0 && results[0].CommandTag.String() != "COMMIT" {
		err = errRolledBack()
	}
	if err != nil {
		said := c.e.explain(done, err)
		if c.pg.IsClosed() && code(err) == "" {
			said = op.Errorf(op.CodeDatabase, "the connection to %s was lost during the commit: it is not known whether the transaction was kept: %w", c.e.name, err)
		}
		return c.undo(said)
	}
	c.depth, c.sent, c.kept = 0, 0, 0
	return nil
}

// undo rolls back and returns err.
func (c *conn) undo(err error) error {
	if rerr := c.rollback(); rerr != nil && err == nil {
		return rerr
	}
	return err
}

// rollback undoes what begin opened.
func (c *conn) rollback() error {
	for len(c.open) > 0 { // those results report it themselves
		if err := c.open[len(c.open)-1].detach(); err != nil {
			continue
		}
	}
	level := c.depth
	c.depth--
	mine := c.sent >= level && c.kept >= level
	c.kept = min(c.kept, c.depth)
	if c.pg.IsClosed() {
		c.sent, c.kept = min(c.sent, c.depth), min(c.kept, c.depth)
		return nil // the server has rolled back
	}
	if level > 1 {
		if !mine { // the server knows nothing of it
			c.recover()
			return nil
		}
		c.sent = level // the ones inside go with it
		return c.tell("ROLLBACK TO SAVEPOINT " + savepoint(level))
	}
	if c.sent == 0 {
		return nil
	}
	c.sent, c.kept = 0, 0
	if err := c.tell("ROLLBACK"); err != nil {
		return c.e.explain(context.Background(), err)
	}
	return nil
}

// Atomic runs fn in a transaction or savepoint.
func (c *conn) Atomic(ctx context.Context, fn func() error) error {
	c.begin(false)
	if err := fn(); err != nil {
		return c.undo(err)
	}
	return c.commit(ctx)
}

func (c *conn) leave(k *cursor) {
	if len(c.open) > 0 {
		c.open = slices.DeleteFunc(c.open, func(x *cursor) bool { return x == k })
	}
}

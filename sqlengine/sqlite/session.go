package sqlite

import (
	"context"
	"slices"

	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

var _ sqlengine.Session = (*conn)(nil)

// Query starts a statement that gives rows.
func (c *conn) Query(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (sqlengine.Cursor, error) {
	s, err := c.start(ctx, text, args)
	if err != nil {
		return nil, err
	}
	k := &cursor{c: c, s: s, ctx: ctx}
	if c.depth > 0 {
		c.open = append(c.open, k)
	}
	return k, nil
}

// Exec runs a statement to its end.
func (c *conn) Exec(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (changed, lastKey int64, err error) {
	s, err := c.start(ctx, text, args)
	if err != nil {
		return 0, 0, err
	}
	more := true
	for more && err == nil {
		more, err = s.step()
	}
	if err != nil {
		err = c.explain(ctx, err)
	} else {
		changed, lastKey = c.changes(), c.lastKey()
	}
	s.release()
	return changed, lastKey, err
}

// start prepares and binds. Before a statement that writes it reads what is
// left of the finds that are open.
func (c *conn) start(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (*stmt, error) {
	if err := ctx.Err(); err != nil {
		return nil, op.FromContext(err)
	}
	if c.depth > 0 && c.autocommit() {
		return nil, errRolledBack()
	}
	c.ctx = ctx
	s, err := c.prepare(text)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	c.writing = c.depth == 0 && !s.reads
	if len(c.open) > 0 && !s.reads {
		if err := c.settle(); err != nil {
			s.release()
			return nil, err
		}
		c.ctx = ctx
	}
	if err := s.bind(args); err != nil {
		s.release()
		return nil, c.explain(ctx, err)
	}
	return s, nil
}

func errRolledBack() error {
	return op.Errorf(op.CodeDatabase, "the transaction was rolled back by an earlier failure: nothing of it was kept")
}

// settle reads what is left of the open finds of this transaction.
func (c *conn) settle() error {
	for _, k := range slices.Clone(c.open) {
		if err := k.detach(); err != nil {
			return err
		}
	}
	return nil
}

// cursor reads the rows of a statement.
type cursor struct {
	c   *conn
	s   *stmt // nil when it has ended
	ctx context.Context
	buf sqlengine.Cursor // what was left when the connection was needed
	err error            // why that could not be read
}

// Next goes to the next row.
func (k *cursor) Next() (bool, error) {
	if k.buf != nil {
		return k.buf.Next()
	}
	if k.s == nil {
		return false, k.err
	}
	c := k.c
	c.ctx = k.ctx
	if k.s.reads { // what a write gives back comes after the work is done
		if err := k.ctx.Err(); err != nil {
			k.Close()
			return false, op.FromContext(err)
		}
		if c.stop != nil && c.stop() {
			k.Close()
			return false, op.ErrClosed()
		}
	}
	ok, err := k.s.step()
	if err != nil {
		err = c.explain(k.ctx, err)
	}
	if !ok {
		k.Close()
	}
	return ok, err
}

// Kind is the storage class of a column.
func (k *cursor) Kind(col int) sqlengine.Kind {
	if k.buf != nil {
		return k.buf.Kind(col)
	}
	switch lib.Xsqlite3_column_type(k.c.tls, k.s.p, int32(col)) {
	case lib.SQLITE_INTEGER:
		return sqlengine.Int
	case lib.SQLITE_FLOAT:
		return sqlengine.Float
	case lib.SQLITE_TEXT:
		return sqlengine.Text
	case lib.SQLITE_BLOB:
		return sqlengine.Blob
	}
	return sqlengine.Null
}

// Int is an integer column.
func (k *cursor) Int(col int) int64 {
	if k.buf != nil {
		return k.buf.Int(col)
	}
	return lib.Xsqlite3_column_int64(k.c.tls, k.s.p, int32(col))
}

// Float is a float column.
func (k *cursor) Float(col int) float64 {
	if k.buf != nil {
		return k.buf.Float(col)
	}
	return lib.Xsqlite3_column_double(k.c.tls, k.s.p, int32(col))
}

// View is a text or binary column, until the next row.
func (k *cursor) View(col int) []byte {
	if k.buf != nil {
		return k.buf.View(col)
	}
	// As a blob a text is not asked to end in a zero byte.
	p := lib.Xsqlite3_column_blob(k.c.tls, k.s.p, int32(col))
	return view(p, int(lib.Xsqlite3_column_bytes(k.c.tls, k.s.p, int32(col))))
}

// Close ends the statement.
func (k *cursor) Close() error {
	k.buf = nil
	if k.s == nil {
		return nil
	}
	s := k.s
	k.s = nil
	s.release()
	if len(k.c.open) > 0 {
		k.c.open = slices.DeleteFunc(k.c.open, func(x *cursor) bool { return x == k })
	}
	return nil
}

// detach reads what is left into memory and frees the statement.
func (k *cursor) detach() error {
	if k.s == nil || k.buf != nil {
		return nil
	}
	buf, err := sqlengine.Buffer(k, k.s.cols)
	if err != nil {
		k.err = err
		return err
	}
	k.buf = buf
	return nil
}

// begin opens a transaction, or a savepoint in the one that is open.
func (c *conn) begin(ctx context.Context, first *sqlengine.Statement) error {
	text := first
	if c.depth > 0 {
		text = lite.SavepointAt(c.depth).Save
	}
	if _, _, err := c.Exec(ctx, text, nil); err != nil {
		if c.depth == 0 && !c.autocommit() { // interrupted when it was done
			c.final = true
			_, _, _ = c.Exec(context.Background(), lite.Rollback, nil)
			c.final = false
		}
		return err
	}
	c.depth++
	return nil
}

// commit ends what begin opened. When it fails the transaction is rolled back.
func (c *conn) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return c.undo(op.FromContext(err))
	}
	if c.depth > 0 && c.autocommit() {
		return c.undo(errRolledBack())
	}
	if err := c.settle(); err != nil {
		return c.undo(err)
	}
	text := lite.Commit
	if c.depth > 1 {
		text = lite.SavepointAt(c.depth - 1).Release
	}
	// From here on it is decided: a context that ends must not leave it open
	// whether the commit happened.
	c.final = true
	defer func() { c.final = false }()
	if _, _, err := c.Exec(context.WithoutCancel(ctx), text, nil); err != nil {
		return c.undo(err)
	}
	c.depth--
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
	ctx := context.Background()
	err := c.settle()
	_ = err // those finds report it themselves
	c.final = true
	defer func() {
		c.depth--
		c.final = false
	}()
	if c.autocommit() {
		return nil // SQLite did it already
	}
	if c.depth == 1 {
		_, _, err := c.Exec(ctx, lite.Rollback, nil)
		return err
	}
	s := lite.SavepointAt(c.depth - 1)
	if _, _, err := c.Exec(ctx, s.Back, nil); err != nil {
		return err
	}
	_, _, err = c.Exec(ctx, s.Release, nil)
	return err
}

// Atomic runs fn in a transaction or savepoint.
func (c *conn) Atomic(ctx context.Context, fn func() error) error {
	if err := c.begin(ctx, lite.BeginWrite); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return c.undo(err)
	}
	return c.commit(ctx)
}

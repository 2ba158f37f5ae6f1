package mysql

import (
	"context"
	"database/sql/driver"
	"math"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

var _ sqlengine.Session = (*conn)(nil)

// dstmt is what the driver's prepared statements can do. The context is watched
// by conn.arm, which stops the statement on the server.
type dstmt interface {
	Close() error
	NumInput() int
	Exec(args []driver.Value) (driver.Result, error)
	Query(args []driver.Value) (driver.Rows, error)
}

// compile has the server prepare a statement.
func (c *conn) compile(text string) (dstmt, error) {
	ds, err := c.dc.Prepare(text)
	if err != nil {
		return nil, err
	}
	return ds.(dstmt), nil
}

// stmt is a prepared statement.
type stmt struct {
	ds   dstmt
	used uint64 // tick of the last use
}

// maxStmts is how many prepared statements a connection keeps. The server has a
// limit for all of them together (max_prepared_stmt_count, 16,382).
const maxStmts = 128

// prepare gives a prepared statement.
func (c *conn) prepare(text *sqlengine.Statement) (*stmt, error) {
	c.tick++
	if s := c.stmts[text]; s != nil {
		s.used = c.tick
		return s, nil
	}
	ds, err := c.compile(text.SQL)
	if number(err) == errTooManyStmts && len(c.stmts) > 0 {
		c.evict(0)
		ds, err = c.compile(text.SQL)
	}
	if err != nil {
		return nil, err
	}
	if len(c.stmts) >= maxStmts {
		c.evict(maxStmts * 3 / 4)
	}
	s := &stmt{ds: ds, used: c.tick}
	c.stmts[text] = s
	return s, nil
}

// evict drops the statements that were not used for the longest time, until so
// many are left.
func (c *conn) evict(keep int) {
	for len(c.stmts) > keep {
		var oldest *sqlengine.Statement
		for t, s := range c.stmts {
			if oldest == nil || s.used < c.stmts[oldest].used {
				oldest = t
			}
		}
		_ = c.stmts[oldest].ds.Close()
		delete(c.stmts, oldest)
	}
}

// bind makes the driver's arguments, which hold until the next call.
func (c *conn) bind(args []sqlengine.Value) []driver.Value {
	if cap(c.args) < len(args) {
		c.args = make([]driver.Value, len(args))
	}
	out := c.args[:len(args)]
	for i := range args {
		switch v := &args[i]; v.Kind {
		case sqlengine.Int:
			out[i] = v.Int()
		case sqlengine.Float:
			out[i] = v.Float()
		case sqlengine.Text:
			out[i] = v.Bytes()
		case sqlengine.Blob:
			s := v.Bytes()
			if s == "" { // a nil slice would be NULL
				out[i] = []byte{}
			} else {
				out[i] = unsafe.Slice(unsafe.StringData(s), len(s))
			}
		default:
			out[i] = nil
		}
	}
	return out
}

// fits refuses arguments that the server would break the connection for.
func (c *conn) fits(args []sqlengine.Value) error {
	most := math.MaxInt
	if s := c.e.server.Load(); s != nil && s.packet > 0 {
		most = s.packet
	}
	sum := 0
	for i := range args {
		if k := args[i].Kind; k == sqlengine.Text || k == sqlengine.Blob {
			sum += len(args[i].Bytes())
		}
	}
	if sum+1024+16*len(args) > most {
		return op.Errorf(op.CodeValidation, "the values of one statement take %d bytes, and the server takes at most %d (max_allowed_packet): write less at once, or raise it on the server",
			sum, most)
	}
	return nil
}

// start gets ready for a statement.
func (c *conn) start(ctx context.Context, args []sqlengine.Value) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	return c.fits(args)
}

// Query starts a statement that gives rows.
func (c *conn) Query(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (sqlengine.Cursor, error) {
	if err := c.start(ctx, args); err != nil {
		return nil, err
	}
	c.text = text.SQL
	c.arm(ctx)
	rows, err := c.rows(text, args)
	if err != nil {
		return nil, c.explain(ctx, err, c.disarm())
	}
	c.inTime()
	k := c.cursor(rows, nil)
	k.ctx = ctx
	c.open = k
	return k, nil
}

func (c *conn) rows(text *sqlengine.Statement, args []sqlengine.Value) (driver.Rows, error) {
	for again := false; ; again = true {
		s, err := c.prepare(text)
		if err != nil {
			return nil, err
		}
		rows, err := s.ds.Query(c.bind(args))
		if number(err) != errReprepare || again {
			return rows, err
		}
		_ = s.ds.Close()
		delete(c.stmts, text)
	}
}

// Exec runs a statement to its end.
func (c *conn) Exec(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (changed, lastKey int64, err error) {
	if err := c.start(ctx, args); err != nil {
		return 0, 0, err
	}
	c.text = text.SQL
	c.arm(ctx)
	res, err := c.exec(text, args)
	stopped := c.disarm()
	if err != nil {
		return 0, 0, c.explain(ctx, err, stopped)
	}
	changed, _ = res.RowsAffected()
	if first, _ := res.LastInsertId(); first != 0 { // it is that of the first row
		lastKey = first + max(changed-1, 0)
	}
	return changed, lastKey, nil
}

func (c *conn) exec(text *sqlengine.Statement, args []sqlengine.Value) (driver.Result, error) {
	for again := false; ; again = true {
		s, err := c.prepare(text)
		if err != nil {
			return nil, err
		}
		res, err := s.ds.Exec(c.bind(args))
		if number(err) != errReprepare || again {
			return res, err
		}
		_ = s.ds.Close()
		delete(c.stmts, text)
	}
}

// settle reads what is left of the open find: the connection is needed.
func (c *conn) settle() error {
	k := c.open
	if k == nil {
		return nil
	}
	err := k.detach()
	if err != nil && k.ctx.Err() != nil && !c.bad {
		return nil // that find was cancelled and says so itself
	}
	return err
}

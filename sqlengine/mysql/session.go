package mysql

import (
	"context"
	"database/sql/driver"
	"math"
	"strconv"
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
	if c.open == nil {
		return nil
	}
	return c.open.detach()
}

// class is what a column's type makes of its values.
type class uint8

const (
	classUnknown class = iota
	classText
	classBlob
	classTime // of day
	classDate
	classBit
)

// types is what the driver tells of a result's columns.
type types interface{ ColumnTypeDatabaseTypeName(i int) string }

func classOf(name string) class {
	switch name {
	case "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "GEOMETRY", "VECTOR":
		return classBlob
	case "TIME":
		return classTime
	case "DATE", "DATETIME", "TIMESTAMP":
		return classDate
	case "BIT":
		return classBit
	}
	return classText
}

// cursor reads the rows of a statement.
type cursor struct {
	c       *conn
	ctx     context.Context
	rows    driver.Rows // nil when it has ended
	owned   dstmt       // closed with it
	types   types
	classes []class
	dest    []driver.Value
	width   int
	read    int
	buf     sqlengine.Cursor // what was left when the connection was needed
	err     error            // why that could not be read
}

func (c *conn) cursor(rows driver.Rows, owned dstmt) *cursor {
	k := &cursor{c: c, rows: rows, owned: owned, width: len(rows.Columns())}
	k.types, _ = rows.(types)
	if cap(c.dest) < k.width {
		c.dest = make([]driver.Value, k.width)
	}
	k.dest = c.dest[:k.width]
	return k
}

// Next goes to the next row.
func (k *cursor) Next() (bool, error) {
	if k.buf != nil {
		return k.buf.Next()
	}
	if k.rows == nil {
		return false, k.err
	}
	if err := k.ctx.Err(); err != nil {
		k.Close()
		return false, op.FromContext(err)
	}
	err := k.rows.Next(k.dest)
	if err == nil {
		k.read++
		return true, nil
	}
	stopped := k.end()
	if isEnd(err) {
		return false, nil
	}
	return false, k.c.explain(k.ctx, err, stopped)
}

// end lets go of the statement, whose rows have been read or have failed.
func (k *cursor) end() (stopped bool) {
	rows := k.rows
	k.rows = nil
	k.c.open = nil
	_ = rows.Close()
	if k.owned != nil {
		_ = k.owned.Close()
	}
	return k.c.disarm()
}

// class is that of a column.
func (k *cursor) class(col int) class {
	if k.classes == nil {
		k.classes = make([]class, k.width)
	}
	if k.classes[col] == classUnknown {
		k.classes[col] = classText
		if k.types != nil {
			k.classes[col] = classOf(k.types.ColumnTypeDatabaseTypeName(col))
		}
	}
	return k.classes[col]
}

// Kind is the storage class of a column.
func (k *cursor) Kind(col int) sqlengine.Kind {
	if k.buf != nil {
		return k.buf.Kind(col)
	}
	switch v := k.dest[col].(type) {
	case nil:
		return sqlengine.Null
	case int64:
		return sqlengine.Int
	case float64, float32:
		return sqlengine.Float
	case []byte:
		switch k.class(col) {
		case classBlob:
			return sqlengine.Blob
		case classBit:
			return sqlengine.Int
		case classDate:
			if zeroDate(v) {
				return sqlengine.Null
			}
		}
	}
	return sqlengine.Text
}

// zeroDate reports whether a date is MySQL's "0000-00-00", which stands for none.
func zeroDate(b []byte) bool { return len(b) >= 10 && string(b[:10]) == "0000-00-00" }

// result makes a result of raw SQL.
func (k *cursor) result(o *op.Op) op.Result {
	return op.Result{Rows: sqlengine.Raw(k, make([]string, k.width), o.Sink), Columns: k.rows.Columns()}
}

// Int is an integer column.
func (k *cursor) Int(col int) int64 {
	if k.buf != nil {
		return k.buf.Int(col)
	}
	switch v := k.dest[col].(type) {
	case int64:
		return v
	case []byte: // of a BIT
		var n uint64
		for _, b := range v {
			n = n<<8 | uint64(b)
		}
		return int64(n)
	}
	return 0
}

// Float is a float column.
func (k *cursor) Float(col int) float64 {
	if k.buf != nil {
		return k.buf.Float(col)
	}
	switch v := k.dest[col].(type) {
	case float64:
		return v
	case float32: // the number that people see
		f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
		return f
	}
	return 0
}

// View is a text or binary column, until the next row.
func (k *cursor) View(col int) []byte {
	if k.buf != nil {
		return k.buf.View(col)
	}
	switch v := k.dest[col].(type) {
	case []byte:
		if k.class(col) == classTime {
			return trimmed(v)
		}
		return v
	case string:
		return []byte(v)
	}
	return nil
}

// trimmed is a time of day without trailing zeros in its fraction.
func trimmed(b []byte) []byte {
	if len(b) < 9 {
		return b
	}
	n := len(b)
	for n > 0 && b[n-1] == '0' {
		n--
	}
	if n > 0 && b[n-1] == '.' {
		n--
	}
	return b[:max(n, 8)]
}

// fewLeft is how many rows are read to keep a connection whose result is closed
// before its end; beyond it a new connection costs less.
const fewLeft = 200

// Close ends the statement.
func (k *cursor) Close() error {
	k.buf = nil
	if k.rows == nil {
		return nil
	}
	for range fewLeft {
		if err := k.rows.Next(k.dest); err != nil {
			if broken(err) && !isEnd(err) {
				k.c.bad = true
			}
			k.end()
			return nil
		}
	}
	if k.c.depth > 0 { // the transaction goes on here
		k.end()
		return nil
	}
	k.c.bad = true
	k.c.cut()
	k.end()
	return nil
}

// detach reads what is left into memory and frees the connection.
func (k *cursor) detach() error {
	if k.rows == nil || k.buf != nil {
		return nil
	}
	buf, err := sqlengine.Buffer(k, k.width)
	if err != nil {
		k.err = err
		return err
	}
	k.buf = buf
	return nil
}

// The statements of transactions.
const (
	beginWrite = "START TRANSACTION"
	// A snapshot is no lock on what is read; it is the state after some commit,
	// so a transaction that only reads stays serializable.
	snapshot  = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
	beginRead = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
)

// savepoint is the name of the savepoint at a depth.
func savepoint(depth int) string { return "weft_" + strconv.Itoa(depth) }

// begin opens a transaction, or a savepoint in the one that is open.
func (c *conn) begin(ctx context.Context, readOnly bool) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	texts := []string{beginWrite}
	switch {
	case c.depth > 0:
		texts = []string{"SAVEPOINT " + savepoint(c.depth)}
	case readOnly:
		texts = []string{snapshot, beginRead}
	}
	for _, text := range texts {
		if _, err := c.run(ctx, text); err != nil {
			if c.depth == 0 { // it may have begun all the same
				c.bad = true
			}
			return err
		}
	}
	c.depth++
	return nil
}

// commit ends what begin opened. When it fails the transaction is rolled back.
func (c *conn) commit(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return c.undo(err)
	}
	text := "COMMIT"
	if c.depth > 1 {
		text = "RELEASE SAVEPOINT " + savepoint(c.depth-1)
	}
	if err := c.last(text); err != nil {
		if c.bad && c.depth == 1 {
			err = errUnknown(c.e.name, err)
		}
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
	err := c.settle()
	_ = err // that find reports it itself
	defer func() {
		c.depth--
		if c.depth == 0 {
			c.lost = nil
		}
	}()
	switch {
	case c.bad: // with the connection its transaction is gone
		return nil
	case c.depth == 1:
		err = c.last("ROLLBACK")
	case c.lost != nil:
		return nil
	default:
		err = c.last("ROLLBACK TO SAVEPOINT " + savepoint(c.depth-1))
	}
	if c.bad {
		return nil
	}
	return err
}

// Atomic runs fn in a transaction or savepoint.
func (c *conn) Atomic(ctx context.Context, fn func() error) error {
	if err := c.begin(ctx, false); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return c.undo(err)
	}
	return c.commit(ctx)
}

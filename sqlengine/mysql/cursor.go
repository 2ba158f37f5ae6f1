package mysql

import (
	"context"
	"database/sql/driver"
	"math"
	"strconv"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// class is what a column's type makes of its values.
type class uint8

const (
	classUnknown class = iota
	classText
	classBlob
	classTime // of day
	classDate
	classBit
	classDecimal
	classJSON // of MySQL; MariaDB's is text
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
	case "DECIMAL":
		return classDecimal
	case "JSON":
		return classJSON
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
	k.c.calling.Store(true)
	err := k.rows.Next(k.dest)
	k.c.calling.Store(false)
	if err == nil {
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
	case uint64:
		if v <= math.MaxInt64 {
			return sqlengine.Int
		}
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
	stores := make([]sqlengine.Storage, k.width)
	for i := range stores {
		switch k.class(i) {
		case classDecimal:
			stores[i] = sqlengine.StoreExact
		case classBlob:
			stores[i] = sqlengine.StoreBytes
		case classJSON:
			stores[i] = sqlengine.StoreFoundJSON
		case classDate:
			stores[i] = sqlengine.StoreTime
		}
	}
	return op.Result{Rows: sqlengine.RawStored(k, stores, o.Sink), Columns: k.rows.Columns()}
}

// Int is an integer column.
func (k *cursor) Int(col int) int64 {
	if k.buf != nil {
		return k.buf.Int(col)
	}
	switch v := k.dest[col].(type) {
	case int64:
		return v
	case uint64:
		return int64(v)
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
	case uint64:
		return strconv.AppendUint(nil, v, 10)
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

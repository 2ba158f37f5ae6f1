package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"math"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/weftdb/weft/sqlengine"
)

// cursor reads the rows of a statement from the wire.
type cursor struct {
	c     *conn
	s     *statement
	ctx   context.Context
	rr    *pgconn.ResultReader
	mrr   *pgconn.MultiResultReader // where the statement did not travel alone
	first bool                      // the row that row holds has not been given yet
	ended bool
	row   [][]byte
	tag   pgconn.CommandTag
	buf   sqlengine.Cursor // what was left when the connection was needed
	err   error            // why that could not be read
}

// Next goes to the next row.
func (k *cursor) Next() (bool, error) {
	if k.buf != nil {
		return k.buf.Next()
	}
	if k.first {
		k.first = false
		return true, nil
	}
	if k.ended {
		err := k.err
		k.err = nil
		return false, err
	}
	if k.rr.NextRow() {
		k.row = k.rr.Values()
		return true, nil
	}
	_, err := k.end()
	return false, err
}

// end reads to the end and frees the connection for the next statement.
func (k *cursor) end() (pgconn.CommandTag, error) {
	if k.ended {
		return k.tag, nil
	}
	tag, err := k.finish()
	if err != nil {
		err = k.c.fail(k.ctx, err)
	}
	return tag, err
}

// finish is end with the error as the driver gives it.
func (k *cursor) finish() (pgconn.CommandTag, error) {
	k.ended, k.row = true, nil
	k.c.leave(k)
	tag, err := k.rr.Close()
	if k.mrr != nil {
		if merr := k.mrr.Close(); err == nil {
			err = merr
		}
	}
	k.rr, k.mrr = nil, nil
	return tag, err
}

// Close ends the statement. What is left of a long result is not read outside of
// a transaction: another connection is opened sooner than that is through, and
// a request to stop might meet the next statement.
func (k *cursor) Close() error {
	k.buf = nil
	if k.ended {
		return nil
	}
	if k.c.depth == 0 && k.more() {
		_ = k.c.pg.Conn().Close()
		_, _ = k.finish()
		return nil
	}
	_, err := k.finish()
	if err != nil {
		k.c.recover()
	}
	return nil
}

// more reports whether there is more to come than is worth reading.
func (k *cursor) more() bool {
	for range 500 {
		if !k.rr.NextRow() {
			return false
		}
	}
	return true
}

// detach reads what is left into memory and frees the connection.
func (k *cursor) detach() error {
	if k.ended || k.buf != nil {
		k.c.leave(k)
		return nil
	}
	buf, err := sqlengine.Buffer(k, len(k.s.Fields))
	if err != nil {
		k.c.leave(k)
		k.err = err
		return err
	}
	k.buf = buf
	return nil
}

// epoch is 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const epoch = 946_684_800_000_000

// Kind is what a column holds.
func (k *cursor) Kind(col int) sqlengine.Kind {
	if k.buf != nil {
		return k.buf.Kind(col)
	}
	v := k.row[col]
	if v == nil {
		return sqlengine.Null
	}
	switch k.s.Fields[col].DataTypeOID {
	case pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID, pgtype.BoolOID, pgtype.OIDOID:
		return sqlengine.Int
	case pgtype.Float8OID, pgtype.Float4OID:
		return sqlengine.Float
	case pgtype.ByteaOID:
		return sqlengine.Blob
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		if n := int64(binary.BigEndian.Uint64(v)); n == math.MaxInt64 || n == math.MinInt64 {
			return sqlengine.Text
		}
		return sqlengine.Time
	case pgtype.DateOID:
		if n := int32(binary.BigEndian.Uint32(v)); n == math.MaxInt32 || n == math.MinInt32 {
			return sqlengine.Text
		}
		return sqlengine.Time
	}
	return sqlengine.Text
}

// Int is an integer or bool column, or a time in microseconds since 1970.
func (k *cursor) Int(col int) int64 {
	if k.buf != nil {
		return k.buf.Int(col)
	}
	v := k.row[col]
	switch k.s.Fields[col].DataTypeOID {
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return int64(binary.BigEndian.Uint64(v)) + epoch
	case pgtype.DateOID:
		return int64(int32(binary.BigEndian.Uint32(v)))*86_400_000_000 + epoch
	case pgtype.OIDOID:
		return int64(binary.BigEndian.Uint32(v))
	}
	switch len(v) {
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 1:
		return int64(v[0])
	}
	return 0
}

// Float is a float column.
func (k *cursor) Float(col int) float64 {
	if k.buf != nil {
		return k.buf.Float(col)
	}
	v := k.row[col]
	if len(v) == 4 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v)))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(v))
}

// View is a text or binary column, until the next row.
func (k *cursor) View(col int) []byte {
	if k.buf != nil {
		return k.buf.View(col)
	}
	v := k.row[col]
	switch k.s.Fields[col].DataTypeOID {
	case pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.DateOID:
		if v[0]&0x80 != 0 {
			return []byte("-infinity")
		}
		return []byte("infinity")
	}
	return v
}

// asPg is errors.As for an error of the server.
func asPg(err error, to **pgconn.PgError) bool { return errors.As(err, to) }

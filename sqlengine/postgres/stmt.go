package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/weftdb/weft/sqlengine"
)

// statement is one that a connection has prepared.
type statement struct {
	*pgconn.StatementDescription
	results []int16 // the formats its columns are asked for in
	used    uint64
}

// cache are the prepared statements of one connection.
type cache struct {
	m    map[*sqlengine.Statement]*statement
	tick uint64
	next int
	old  []string // names of statements to be let go of
}

// maxStatements is how many a connection keeps.
const maxStatements = 512

const cacheKey = "weft"

// statements finds the cache of a connection, or makes one.
func statements(pg *pgconn.PgConn) *cache {
	data := pg.CustomData()
	if c, ok := data[cacheKey].(*cache); ok {
		return c
	}
	c := &cache{m: map[*sqlengine.Statement]*statement{}}
	data[cacheKey] = c
	return c
}

func (c *cache) find(text *sqlengine.Statement) *statement {
	s := c.m[text]
	if s != nil {
		c.tick++
		s.used = c.tick
	}
	return s
}

func (c *cache) forget(text *sqlengine.Statement) {
	if s := c.m[text]; s != nil {
		delete(c.m, text)
		c.old = append(c.old, s.Name)
	}
}

func (c *cache) prepare(ctx context.Context, pg *pgconn.PgConn, text *sqlengine.Statement) (*statement, error) {
	if len(c.m) >= maxStatements {
		var oldest *sqlengine.Statement
		for t, s := range c.m {
			if oldest == nil || s.used < c.m[oldest].used {
				oldest = t
			}
		}
		c.forget(oldest)
	}
	for _, name := range c.old {
		if err := pg.Deallocate(ctx, name); err != nil {
			return nil, err
		}
	}
	c.old = c.old[:0]
	c.next++
	sd, err := pg.Prepare(ctx, "weft_"+strconv.Itoa(c.next), text.SQL, nil)
	if err != nil {
		return nil, err
	}
	c.tick++
	s := &statement{StatementDescription: sd, results: resultFormats(sd.Fields), used: c.tick}
	c.m[text] = s
	return s, nil
}

// resultFormats asks for the types that are read as bytes in that form, and for
// all others as text.
func resultFormats(fields []pgconn.FieldDescription) []int16 {
	out := make([]int16, len(fields))
	for i, f := range fields {
		switch f.DataTypeOID {
		case pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID, pgtype.BoolOID, pgtype.OIDOID, pgtype.Float8OID, pgtype.Float4OID,
			pgtype.ByteaOID, pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.DateOID:
			out[i] = 1
		}
	}
	return out
}

// bind writes the arguments of a statement in the forms that the server asks
// for.
func (c *conn) bind(s *statement, args []sqlengine.Value) error {
	if len(args) != len(s.ParamOIDs) {
		return fmt.Errorf("the statement takes %d arguments and is given %d", len(s.ParamOIDs), len(args))
	}
	c.values, c.formats, c.scratch = c.values[:0], c.formats[:0], c.scratch[:0]
	if n := 24 * len(args); cap(c.scratch) < n { // it must not move while it is filled
		c.scratch = make([]byte, 0, n)
	}
	for i, v := range args {
		b, format := c.encode(v, s.ParamOIDs[i])
		c.values = append(c.values, b)
		c.formats = append(c.formats, format)
	}
	return nil
}

const (
	asText   = 0
	asBinary = 1
)

var none = []byte{}

// encode writes a value for a parameter of the type.
func (c *conn) encode(v sqlengine.Value, oid uint32) (b []byte, format int16) {
	switch v.Kind {
	case sqlengine.Null:
		return nil, asText
	case sqlengine.Int:
		return c.encodeInt(v.Int(), oid)
	case sqlengine.Float:
		if oid == pgtype.Float8OID {
			return c.put(8, math.Float64bits(v.Float())), asBinary
		}
		return strconv.AppendFloat(nil, v.Float(), 'g', -1, 64), asText
	case sqlengine.Time:
		return fmt.Append(nil, v.Any()), asText
	}
	s := v.Bytes()
	if s == "" {
		b = none
	} else {
		b = unsafe.Slice(unsafe.StringData(s), len(s))
	}
	if oid == pgtype.ByteaOID {
		return b, asBinary
	}
	return b, asText
}

func (c *conn) encodeInt(n int64, oid uint32) ([]byte, int16) {
	switch oid {
	case pgtype.Int8OID:
		return c.put(8, uint64(n)), asBinary
	case pgtype.Int4OID:
		if n == int64(int32(n)) {
			return c.put(4, uint64(n)), asBinary
		}
	case pgtype.Int2OID:
		if n == int64(int16(n)) {
			return c.put(2, uint64(n)), asBinary
		}
	case pgtype.BoolOID:
		if n == 0 {
			return c.put(1, 0), asBinary
		}
		return c.put(1, 1), asBinary
	case pgtype.Float8OID:
		return c.put(8, math.Float64bits(float64(n))), asBinary
	}
	at := len(c.scratch) // text: the server says what is wrong with it, if anything is
	c.scratch = strconv.AppendInt(c.scratch, n, 10)
	return c.scratch[at:len(c.scratch):len(c.scratch)], asText
}

// put writes the low bytes of n, the highest of them first.
func (c *conn) put(size int, n uint64) []byte {
	at := len(c.scratch)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	c.scratch = append(c.scratch, b[8-size:]...)
	return c.scratch[at : at+size : at+size]
}

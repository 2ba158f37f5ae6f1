package sqlengine

import (
	"context"
	"math"
	"time"
)

// Kind is the storage class of a value in the database.
type Kind uint8

// The storage classes.
const (
	Null Kind = iota
	Int
	Float
	Text
	Blob
	Time // microseconds since 1970, in UTC; of cursors that know times
)

// Value is a value as the database stores it: an argument of a statement.
type Value struct {
	Kind Kind
	n    int64  // Int; the bits of Float
	s    string // Text; the bytes of Blob
}

// TimeValue makes a time of microseconds since 1970.
func TimeValue(micros int64) Value { return Value{Kind: Time, n: micros} }

// IntValue makes an integer.
func IntValue(v int64) Value { return Value{Kind: Int, n: v} }

// FloatValue makes a float.
func FloatValue(v float64) Value { return Value{Kind: Float, n: int64(math.Float64bits(v))} }

// TextValue makes a text.
func TextValue(v string) Value { return Value{Kind: Text, s: v} }

// BlobValue makes a binary value of the bytes of v.
func BlobValue(v string) Value { return Value{Kind: Blob, s: v} }

// Int is the integer of an Int, and the microseconds of a Time.
func (v Value) Int() int64 { return v.n }

// Float is the float of a Float.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.n)) }

// Bytes is the text of a Text and the bytes of a Blob.
func (v Value) Bytes() string { return v.s }

// Any is the value as a Go value, for people and for plans.
func (v Value) Any() any {
	switch v.Kind {
	case Int:
		return v.n
	case Time:
		return time.UnixMicro(v.n).UTC()
	case Float:
		return v.Float()
	case Text:
		return v.s
	case Blob:
		return []byte(v.s)
	}
	return nil
}

// Statement is the text of one SQL statement. Its address is its identity:
// sessions keep prepared statements by it.
type Statement struct {
	SQL string
}

// Session is one connection of the database, used by one goroutine at a time.
// Errors that the database gives are *[Fault].
type Session interface {
	// Query starts a statement; the cursor stands before its first row. It
	// does not keep args.
	Query(ctx context.Context, s *Statement, args []Value) (Cursor, error)
	// Exec runs a statement to its end and gives the number of rows changed
	// and the last key that the database handed out.
	Exec(ctx context.Context, s *Statement, args []Value) (changed, lastKey int64, err error)
	// Atomic runs fn in a transaction, or in a savepoint of the one that is
	// open, and rolls back what it did when it fails.
	Atomic(ctx context.Context, fn func() error) error
}

// Cursor is a statement that gives rows. Columns are read by position, after
// Next and before the next Next. Next closes the cursor at the end and on an
// error; Close may be called at any time and more than once.
type Cursor interface {
	Next() (bool, error)
	Kind(col int) Kind
	Int(col int) int64 // Int and Time
	Float(col int) float64
	View(col int) []byte // Text and Blob; valid until the next Next
	Close() error
}

// Cell is the value of a cursor's column, copied.
func Cell(c Cursor, col int) Value {
	switch c.Kind(col) {
	case Int:
		return IntValue(c.Int(col))
	case Time:
		return TimeValue(c.Int(col))
	case Float:
		return FloatValue(c.Float(col))
	case Text:
		return TextValue(string(c.View(col)))
	case Blob:
		return BlobValue(string(c.View(col)))
	}
	return Value{}
}

// buffer is a cursor over rows that were read already.
type buffer struct {
	width int
	cells []Value
	row   int // first cell of the row, -width before the first
}

// Buffer reads what is left of a cursor, closes it and gives a cursor over
// the rows that were read.
func Buffer(c Cursor, width int) (Cursor, error) {
	b := &buffer{width: width, row: -width}
	defer c.Close()
	for {
		ok, err := c.Next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return b, nil
		}
		for i := range width {
			b.cells = append(b.cells, Cell(c, i))
		}
	}
}

func (b *buffer) Next() (bool, error) {
	if b.row+b.width >= len(b.cells) {
		b.cells = nil
		return false, nil
	}
	b.row += b.width
	return true, nil
}

func (b *buffer) Kind(col int) Kind     { return b.cells[b.row+col].Kind }
func (b *buffer) Int(col int) int64     { return b.cells[b.row+col].Int() }
func (b *buffer) Float(col int) float64 { return b.cells[b.row+col].Float() }
func (b *buffer) View(col int) []byte   { return []byte(b.cells[b.row+col].s) }

func (b *buffer) Close() error {
	b.cells = nil
	return nil
}

package wire

import (
	"encoding/binary"
	"math"
	"math/big"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

// The first byte of a value. What follows is in DESIGN.md.
const (
	valNil = iota
	valFalse
	valTrue
	valInt
	valFloat
	valText
	valBytes
	valTime
	valDecimal
	valJSON
	valUnset
	valRelated
)

func (e *encoder) kind(k byte) { e.b = append(e.b, k) }

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case nil:
		e.kind(valNil)
	case string:
		e.kind(valText)
		e.text(v)
	case int64:
		e.integer(v)
	case bool:
		if v {
			e.kind(valTrue)
		} else {
			e.kind(valFalse)
		}
	case float64:
		e.kind(valFloat)
		e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v))
	case time.Time:
		e.time(v)
	case decimal.Decimal:
		e.decimal(v)
	case []byte:
		e.kind(valBytes)
		e.uvarint(uint64(len(v)))
		e.b = append(e.b, v...)
	case op.JSON:
		e.kind(valJSON)
		e.text(string(v))
	case op.Unset:
		e.kind(valUnset)
	case *op.Related:
		e.kind(valRelated)
		at := e.begin()
		e.related(v)
		e.close(at)
	default:
		e.other(v)
	}
}

// other takes the Go types that have one obvious canonical value.
func (e *encoder) other(v any) {
	switch v := v.(type) {
	case int:
		e.integer(int64(v))
	case int32:
		e.integer(int64(v))
	case int16:
		e.integer(int64(v))
	case int8:
		e.integer(int64(v))
	case uint8:
		e.integer(int64(v))
	case uint16:
		e.integer(int64(v))
	case uint32:
		e.integer(int64(v))
	case uint:
		e.unsigned(uint64(v))
	case uint64:
		e.unsigned(v)
	case float32:
		e.value(float64(v))
	default:
		e.fail("a value of type %T cannot be sent: values are nil, bool, int64, float64, string, []byte, time.Time, decimal.Decimal and op.JSON", v)
	}
}

func (e *encoder) integer(v int64) {
	e.kind(valInt)
	e.varint(v)
}

func (e *encoder) unsigned(v uint64) {
	if v > math.MaxInt64 {
		e.fail("%d is too large: integers go up to %d", v, int64(math.MaxInt64))
		return
	}
	e.integer(int64(v))
}

func (e *encoder) time(t time.Time) {
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		e.fail("the year %d cannot be sent: years are 1 to 9999", y)
		return
	}
	e.kind(valTime)
	e.varint(t.UnixMicro())
}

func (e *encoder) decimal(v decimal.Decimal) {
	exp := v.Exponent()
	if exp > MaxExponent || exp < -MaxExponent {
		e.fail("the exponent %d of a decimal is out of range: it goes from %d to %d", exp, -MaxExponent, MaxExponent)
		return
	}
	e.kind(valDecimal)
	e.varint(int64(exp))
	c := v.Coefficient()
	n := (c.BitLen() + 7) / 8
	head := uint64(n) << 1
	if c.Sign() < 0 {
		head |= 1
	}
	e.uvarint(head)
	at := len(e.b)
	for range n {
		e.b = append(e.b, 0)
	}
	c.FillBytes(e.b[at:])
}

// row writes one row: its length and 1, or 0 for nil, then the values.
func (e *encoder) row(row []any) {
	if row == nil {
		e.uvarint(0)
		return
	}
	e.uvarint(uint64(len(row)) + 1)
	for _, v := range row {
		e.value(v)
	}
}

func (e *encoder) rows(num int, rows [][]any) {
	if rows == nil {
		return
	}
	at := e.open(num)
	e.uvarint(uint64(len(rows)))
	for _, r := range rows {
		e.row(r)
	}
	e.close(at)
}

func (e *encoder) values(num int, vals []any) {
	if vals == nil {
		return
	}
	at := e.open(num)
	e.uvarint(uint64(len(vals)))
	for _, v := range vals {
		e.value(v)
	}
	e.close(at)
}

// related writes what a relation led to; nothing at all for a nil pointer.
func (e *encoder) related(r *op.Related) {
	if r == nil || !e.enter() {
		return
	}
	e.flag(1, true)
	e.model(2, r.Model)
	e.strs(3, r.Fields)
	e.rows(4, r.Rows)
	e.leave()
}

func (d *decoder) value() any {
	k := d.byte()
	if d.err != nil {
		return nil
	}
	switch k {
	case valNil:
		return nil
	case valFalse:
		return false
	case valTrue:
		return true
	case valInt:
		return d.varint()
	case valFloat:
		if d.left() < 8 {
			d.malformed("it ends too early")
			return nil
		}
		d.pos += 8
		return math.Float64frombits(binary.LittleEndian.Uint64(d.b[d.pos-8:]))
	case valText:
		return d.text()
	case valBytes:
		raw := d.raw()
		return append(make([]byte, 0, len(raw)), raw...)
	case valTime:
		return d.time()
	case valDecimal:
		return d.decimal()
	case valJSON:
		return op.JSON(d.text())
	case valUnset:
		return op.Unset{}
	case valRelated:
		return d.related()
	}
	d.unsupported("it has a value of kind %d, which version %d does not know", k, Version)
	return nil
}

// The first and last microsecond of the years 1 to 9999.
var (
	firstMicro = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastMicro  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
)

func (d *decoder) time() time.Time {
	v := d.varint()
	if v < firstMicro || v > lastMicro {
		d.malformed("a time outside the years 1 to 9999")
		return time.Time{}
	}
	return time.UnixMicro(v).UTC()
}

func (d *decoder) decimal() decimal.Decimal {
	exp := d.varint()
	head := d.uvarint()
	if exp > MaxExponent || exp < -MaxExponent {
		d.malformed("the exponent %d of a decimal is out of range", exp)
	}
	if n := head >> 1; n > uint64(d.left()) {
		d.malformed("a decimal of %d bytes at byte %d", n, d.pos)
	}
	if d.err != nil {
		return decimal.Decimal{}
	}
	n := int(head >> 1)
	c := new(big.Int).SetBytes(d.b[d.pos : d.pos+n])
	d.pos += n
	if head&1 != 0 {
		c.Neg(c)
	}
	return decimal.NewFromBigInt(c, int32(exp))
}

func (d *decoder) row() []any {
	n := d.uvarint()
	if n == 0 || d.err != nil {
		return nil
	}
	if n-1 > uint64(d.left()) {
		d.malformed("a row of %d values cannot be in the %d bytes left", n-1, d.left())
		return nil
	}
	row := make([]any, n-1)
	for i := range row {
		if row[i] = d.value(); d.err != nil {
			return nil
		}
	}
	return row
}

func (d *decoder) rows(f *field) [][]any {
	if !d.want(f, typBytes) {
		return nil
	}
	end := d.open()
	out := make([][]any, d.count(1))
	for i := range out {
		if out[i] = d.row(); d.err != nil {
			return nil
		}
	}
	d.close(end)
	return out
}

func (d *decoder) values(f *field) []any {
	if !d.want(f, typBytes) {
		return nil
	}
	end := d.open()
	out := make([]any, d.count(1))
	for i := range out {
		if out[i] = d.value(); d.err != nil {
			return nil
		}
	}
	d.close(end)
	return out
}

func (d *decoder) related() *op.Related {
	end := d.open()
	defer func() { d.close(end) }()
	if !d.enter() {
		return nil
	}
	defer d.leave()
	var r op.Related
	there := false
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			there = d.flag(&f)
		case 2:
			r.Model = d.model(&f)
		case 3:
			r.Fields = d.strs(&f)
		case 4:
			r.Rows = d.rows(&f)
		default:
			d.unknown(&f)
		}
	}
	if !there {
		return nil
	}
	return &r
}

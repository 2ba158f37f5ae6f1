package sqlengine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

var (
	maxInt = decimal.NewFromInt(math.MaxInt64)
	minInt = decimal.NewFromInt(math.MinInt64)
	// never is a value that is equal to nothing in any column but a binary one.
	never = BlobValue("")
)

// encode turns a canonical value into what the column keeps.
func (c *Column) encode(v any) (Value, error) {
	switch v := v.(type) {
	case nil:
		return Value{}, nil
	case string:
		return TextValue(v), nil
	case int64:
		switch c.Store {
		case StoreFloat:
			return FloatValue(float64(v)), nil
		case StoreScaled, StoreNumeric, StoreExact:
			return c.encode(decimal.NewFromInt(v))
		}
		return IntValue(v), nil
	case float64:
		return FloatValue(v), nil
	case bool:
		if v {
			return IntValue(1), nil
		}
		return IntValue(0), nil
	case time.Time:
		b := make([]byte, 0, 26)
		if c.Store == StoreDate {
			b = AppendDate(b, v)
		} else {
			b = AppendTime(b, v)
		}
		return TextValue(unsafe.String(unsafe.SliceData(b), len(b))), nil
	case []byte:
		return BlobValue(unsafe.String(unsafe.SliceData(v), len(v))), nil
	case op.JSON:
		return TextValue(string(v)), nil
	case decimal.Decimal:
		if c.Store != StoreScaled {
			return TextValue(v.String()), nil
		}
		n := v.Shift(c.scale)
		if !n.IsInteger() {
			return Value{}, c.invalid("scale", "has more than %d decimals: %s", c.scale, v)
		}
		if n.GreaterThan(maxInt) || n.LessThan(minInt) {
			return Value{}, c.invalid("range", "is too large: %s", v)
		}
		return IntValue(n.IntPart()), nil
	case op.Unset:
		return Value{}, nil
	}
	return Value{}, c.invalid("type", "a value of Go type %T cannot be stored", v)
}

func (c *Column) invalid(rule, format string, args ...any) error {
	return op.Invalid("", c.Field.Name, rule, format, args...)
}

// bound turns a canonical value into what the column is compared with by o.
// A decimal between two that the column can hold is replaced by the neighbour
// that gives the same answer.
func (c *Column) bound(v any, o op.Operator) (Value, error) {
	if s, ok := v.(string); ok && c.valid != nil && o == op.Eq && !c.valid(s) {
		return Value{}, nil // equal to nothing
	}
	if c.Store == StoreScaled || c.digits > 0 {
		d, ok := v.(decimal.Decimal)
		if i, isInt := v.(int64); isInt {
			d, ok = decimal.NewFromInt(i), true
		}
		if ok && c.digits > 0 {
			return c.boundDigits(d, o), nil
		}
		if ok {
			n := d.Shift(c.scale)
			if !n.IsInteger() {
				switch o {
				case op.Lt, op.Ge:
					n = n.Ceil()
				case op.Le, op.Gt:
					n = n.Floor()
				default:
					return never, nil
				}
			}
			switch {
			case n.GreaterThan(maxInt) && (o == op.Eq || o == op.Ne):
				return never, nil
			case n.LessThan(minInt) && (o == op.Eq || o == op.Ne):
				return never, nil
			case n.GreaterThan(maxInt):
				return IntValue(math.MaxInt64), nil
			case n.LessThan(minInt):
				return IntValue(math.MinInt64), nil
			}
			return IntValue(n.IntPart()), nil
		}
	}
	return c.encode(v)
}

// boundDigits is bound for a column of decimals that is compared with decimals
// of so many digits.
func (c *Column) boundDigits(d decimal.Decimal, o op.Operator) Value {
	most := decimal.New(1, int32(c.digits)-c.scale) // beyond all that the column holds
	n := d.Shift(c.scale)
	switch {
	case d.GreaterThan(most), d.LessThan(most.Neg()):
		if d = most; n.IsNegative() {
			d = most.Neg()
		}
	case n.IsInteger():
	case o == op.Lt || o == op.Ge:
		d = n.Ceil().Shift(-c.scale)
	case o == op.Le || o == op.Gt:
		d = n.Floor().Shift(-c.scale)
	default:
		d = most
	}
	return TextValue(d.String())
}

// value reads the column as a canonical value.
func (c *Column) value(cur Cursor, i int) (any, error) {
	k := cur.Kind(i)
	if k == Null {
		return nil, nil
	}
	switch c.Store {
	case StoreText:
		if k == Text {
			return string(cur.View(i)), nil
		}
	case StoreInt:
		if k == Int {
			return cur.Int(i), nil
		}
	case StoreFloat:
		if k == Float {
			return cur.Float(i), nil
		}
	case StoreBool:
		if k == Int {
			return cur.Int(i) != 0, nil
		}
	case StoreTime, StoreDate:
		switch k {
		case Time:
			return c.day(time.UnixMicro(cur.Int(i)).UTC()), nil
		case Text:
			if t, ok := parseTime(cur.View(i)); ok {
				return c.day(t), nil
			}
		}
	case StoreBytes:
		if k == Blob {
			return copied(cur.View(i)), nil
		}
	case StoreJSON:
		if k == Text {
			return op.JSON(cur.View(i)), nil
		}
	case StoreScaled:
		if k == Int {
			return decimal.New(cur.Int(i), -c.scale), nil
		}
	case StoreExact:
		if k == Text {
			if d, err := decimal.NewFromString(string(cur.View(i))); err == nil {
				return d, nil
			}
		}
	}
	return c.convert(Cell(cur, i))
}

// deliver gives the column to a sink.
func (c *Column) deliver(cur Cursor, i int, s op.Sink, out int) error {
	k := cur.Kind(i)
	switch {
	case k == Null:
		s.Null(out)
	case c.Store == StoreText && k == Text:
		s.Text(out, string(cur.View(i)))
	case c.Store == StoreInt && k == Int:
		s.Int(out, cur.Int(i))
	case c.Store == StoreFloat && k == Float:
		s.Float(out, cur.Float(i))
	case c.Store == StoreBool && k == Int:
		s.Bool(out, cur.Int(i) != 0)
	case c.Store == StoreBytes && k == Blob:
		s.Bytes(out, copied(cur.View(i)))
	case (c.Store == StoreTime || c.Store == StoreDate) && k == Time:
		s.Time(out, c.day(time.UnixMicro(cur.Int(i)).UTC()))
	case (c.Store == StoreTime || c.Store == StoreDate) && k == Text:
		if t, ok := parseTime(cur.View(i)); ok {
			s.Time(out, c.day(t))
			return nil
		}
		fallthrough
	default:
		v, err := c.value(cur, i)
		if err != nil {
			return err
		}
		op.Put(s, out, v)
	}
	return nil
}

func copied(b []byte) []byte {
	out := make([]byte, len(b))
	copy(out, b)
	return out
}

// day cuts the time of day off a date.
func (c *Column) day(t time.Time) time.Time {
	if c.Field != nil && c.Field.Type == schema.Date {
		return t.Truncate(24 * time.Hour)
	}
	return t
}

// convert reads what another program may have stored in the column.
func (c *Column) convert(v Value) (any, error) {
	switch c.Store {
	case StoreAny:
		return v.Any(), nil
	case StoreText:
		switch v.Kind {
		case Int:
			return strconv.FormatInt(v.Int(), 10), nil
		case Float:
			return strconv.FormatFloat(v.Float(), 'g', -1, 64), nil
		case Blob:
			return v.Bytes(), nil
		}
	case StoreInt:
		switch v.Kind {
		case Float:
			if f := v.Float(); f == math.Trunc(f) && math.Abs(f) < 1<<63 {
				return int64(f), nil
			}
		case Text:
			if n, err := strconv.ParseInt(strings.TrimSpace(v.Bytes()), 10, 64); err == nil {
				return n, nil
			}
		}
	case StoreFloat:
		switch v.Kind {
		case Int:
			return float64(v.Int()), nil
		case Text:
			if f, err := strconv.ParseFloat(strings.TrimSpace(v.Bytes()), 64); err == nil {
				return f, nil
			}
		}
	case StoreBool:
		switch v.Kind {
		case Float:
			return v.Float() != 0, nil
		case Text:
			switch strings.ToLower(strings.TrimSpace(v.Bytes())) {
			case "1", "t", "true", "y", "yes", "on":
				return true, nil
			case "0", "f", "false", "n", "no", "off", "":
				return false, nil
			}
		}
	case StoreTime, StoreDate:
		if t, ok := foundTime(v); ok {
			return c.day(t), nil
		}
	case StoreBytes:
		return []byte(v.Bytes()), nil
	case StoreJSON, StoreFoundJSON:
		return canonJSON(v)
	case StoreScaled, StoreNumeric, StoreExact:
		return c.decimal(v)
	}
	return nil, op.Errorf(op.CodeDatabase, "the column %s holds %s, which is no %s", c.Name, shown(v), c.Field.Type)
}

func (c *Column) decimal(v Value) (any, error) {
	var d decimal.Decimal
	switch v.Kind {
	case Int:
		d = decimal.NewFromInt(v.Int())
	case Float:
		d = decimal.NewFromFloat(v.Float())
	default:
		var err error
		if d, err = decimal.NewFromString(strings.TrimSpace(v.Bytes())); err != nil {
			return nil, op.Errorf(op.CodeDatabase, "the column %s holds %s, which is no decimal", c.Name, shown(v))
		}
	}
	if c.Store == StoreScaled && v.Kind == Text { // a sum beyond 64 bits
		return d.Shift(-c.scale), nil
	}
	if c.Field.Type != schema.Decimal { // of a type that only the database knows
		return d, nil
	}
	return d.Round(c.scale), nil
}

func shown(v Value) string {
	s := fmt.Sprint(v.Any())
	if v.Kind == Text || v.Kind == Blob {
		s = v.Bytes()
		if len(s) > 40 {
			s = s[:40] + "…"
		}
		s = strconv.Quote(s)
	}
	return s
}

// canonJSON makes JSON of somebody else's canonical.
func canonJSON(v Value) (any, error) {
	var doc any
	switch v.Kind {
	case Int:
		return op.JSON(strconv.FormatInt(v.Int(), 10)), nil
	case Float:
		doc = v.Float()
	default:
		if j, err := op.CanonJSON(v.Bytes()); err == nil {
			return j, nil
		}
		dec := json.NewDecoder(strings.NewReader(v.Bytes()))
		dec.UseNumber()
		if err := dec.Decode(&doc); err != nil {
			return nil, op.Errorf(op.CodeDatabase, "a JSON column holds %s, which is no JSON: %w", shown(v), err)
		}
	}
	s, err := marshalJSON(doc)
	return op.JSON(s), err
}

// marshalJSON writes compact JSON with sorted keys and without escaping for HTML.
func marshalJSON(doc any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

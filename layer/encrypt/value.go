package encrypt

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// What is encrypted is one byte that says of which kind the value is, and the
// value. Numbers, times and booleans have a fixed length, so that a ciphertext
// does not show how large they are. These bytes are stored for ever.
const (
	tagText    = 's'
	tagInt     = 'i' // 8 bytes, big endian
	tagFloat   = 'f' // 8 bytes, big endian
	tagDecimal = 'd' // text
	tagFalse   = '0'
	tagTrue    = '1'
	tagTime    = 't' // microseconds since 1970 UTC, 8 bytes, big endian
	tagBytes   = 'b'
	tagJSON    = 'j'
)

// maxExponent bounds the digits that a decimal is written with; canonical ones
// have fewer.
const maxExponent = 10000

// appendValue writes a canonical value that is not NULL.
func appendValue(b []byte, v any) ([]byte, error) {
	switch x := v.(type) {
	case string:
		return append(append(b, tagText), x...), nil
	case int64:
		return binary.BigEndian.AppendUint64(append(b, tagInt), uint64(x)), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, tagFloat), math.Float64bits(x)), nil
	case decimal.Decimal:
		return append(append(b, tagDecimal), x.String()...), nil
	case bool:
		if x {
			return append(b, tagTrue), nil
		}
		return append(b, tagFalse), nil
	case time.Time:
		return binary.BigEndian.AppendUint64(append(b, tagTime), uint64(x.UnixMicro())), nil
	case []byte:
		return append(append(b, tagBytes), x...), nil
	case op.JSON:
		return append(append(b, tagJSON), x...), nil
	}
	return nil, op.Errorf(op.CodeInternal, "a %T cannot be encrypted: it is no canonical value", v)
}

// readValue reads what appendValue wrote; ok is false for anything else. The
// result does not share memory with b.
func readValue(b []byte) (v any, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	tag, b := b[0], b[1:]
	switch tag {
	case tagText:
		return string(b), true
	case tagJSON:
		return op.JSON(b), true
	case tagBytes:
		return append([]byte{}, b...), true
	case tagFalse, tagTrue:
		return tag == tagTrue, len(b) == 0
	case tagDecimal:
		d, err := decimal.NewFromString(string(b))
		return d, err == nil && d.Exponent() <= maxExponent && d.Exponent() >= -maxExponent
	case tagInt, tagFloat, tagTime:
		if len(b) != 8 {
			return nil, false
		}
		n := binary.BigEndian.Uint64(b)
		switch tag {
		case tagInt:
			return int64(n), true
		case tagFloat:
			return math.Float64frombits(n), true
		}
		return time.UnixMicro(int64(n)).UTC(), true
	}
	return nil, false
}

// fits reports whether a value is of the kind that the field has now, and makes
// one of another kind fit where nothing is lost: the field's type may have
// changed since the value was encrypted.
func fits(f *schema.Field, v any) (any, bool) {
	kind := f.Type.Kind()
	same := false
	switch v.(type) {
	case string:
		same = kind == schema.KindString && f.Type != schema.Time
	case int64:
		same = kind == schema.KindInt
	case float64:
		same = kind == schema.KindFloat
	case decimal.Decimal:
		same = kind == schema.KindDecimal
	case bool:
		same = kind == schema.KindBool
	case time.Time:
		same = kind == schema.KindTime && f.Type != schema.Date
	case []byte:
		same = kind == schema.KindBytes
	case op.JSON:
		same = kind == schema.KindJSON
	}
	if same {
		return v, true
	}
	wide := *f // limits that came later do not make a stored value unreadable
	wide.Size, wide.Enum, wide.Unsigned = -1, nil, false
	switch {
	case f.Type == schema.Integer:
		wide.Type = schema.BigInteger
	case kind == schema.KindString && f.Type != schema.Time:
		wide.Type = schema.Text
	}
	c, err := op.CanonField(&wide, v)
	return c, err == nil && c != nil
}

// adopted makes a canonical value of what was stored before the field was
// encrypted: text, or bytes of a binary field.
func adopted(f *schema.Field, stored any) (any, error) {
	text, isText := stored.(string)
	if b, ok := stored.([]byte); ok && f.Type.Kind() != schema.KindBytes {
		text, isText = string(b), true
	}
	v := stored
	if isText {
		v = text
		switch f.Type.Kind() {
		case schema.KindBytes:
			v = []byte(text)
		case schema.KindJSON:
			v = op.JSON(text)
		case schema.KindInt, schema.KindFloat, schema.KindDecimal:
			d, err := decimal.NewFromString(text)
			if err != nil {
				return nil, op.Invalid("", f.Name, "type", "is %s, and what is stored is no number", f.Type)
			}
			if _, scale := f.Decimals(); f.Type == schema.Decimal && scale > 0 && !strings.Contains(text, ".") {
				return nil, op.Invalid("", f.Name, "type", "is decimal, and what is stored may be a scaled integer")
			}
			v = d
		case schema.KindBool:
			switch text {
			case "1", "true":
				v = true
			case "0", "false":
				v = false
			}
		}
	}
	return op.CanonField(f, v)
}

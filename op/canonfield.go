package op

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"github.com/weftdb/weft/schema"
)

// CanonField returns the canonical value of v for a write to the field, or a
// *ValidationError that names the field and the rule that v breaks:
//
//   - null: nil for a field that is not nullable
//   - type: a value the field cannot hold
//   - utf8, size (in runes), enum: of text
//   - range: of integers, 32 bits for Integer, not negative when unsigned
//   - scale, precision: more digits than a decimal field has; never rounded
//   - json: text that is not JSON, or not an array or object where one is declared
//
// A date keeps the calendar day that the time shows in its own zone. A JSON
// field takes Go values; a Go string becomes a JSON string, JSON text is given
// as [JSON], json.RawMessage or []byte. JSON null is NULL. Numbers in jsonb are
// written by their value (100 for 1e2, 1.5 for 1.50), in other JSON as given. A nil slice or map
// is NULL in a nullable field and empty in another.
func CanonField(f *schema.Field, v any) (any, error) {
	out, _, err := canonFor(f, f.Type.Kind(), v, true)
	return out, err
}

// canonFor is CanonField for writes and for conditions, where NULL and any
// length, range and number of digits are allowed. same is true when out is v.
func canonFor(f *schema.Field, kind schema.ValueKind, v any, write bool) (out any, same bool, err error) {
	out, same, err = canonShown(f, kind, v, write)
	if err != nil && f.Encrypted {
		err = hidden(f, err)
	}
	return out, same, err
}

// hidden takes the value out of the messages for an encrypted field.
func hidden(f *schema.Field, err error) error {
	var v *ValidationError
	if !errors.As(err, &v) {
		return err
	}
	out := &ValidationError{Model: v.Model, Index: v.Index}
	for _, x := range v.Failures {
		switch x.Rule {
		case "type":
			x.Message = fmt.Sprintf("is %s and takes %s", f.Type, takes(f.Type))
		case "range":
			x.Message = fmt.Sprintf("is outside of what %s holds", f.Type)
		case "scale":
			x.Message = "must have at most " + x.Param + " decimals"
		case "json":
			x.Message = fmt.Sprintf("is %s and takes JSON of that form", f.Type)
		}
		out.Add(x)
	}
	return out
}

// canonShown is canonFor with errors that may show the value.
func canonShown(f *schema.Field, kind schema.ValueKind, v any, write bool) (out any, same bool, err error) {
	if v == nil {
		if write && !f.Nullable {
			return nil, false, Invalid("", f.Name, "null", "must not be null")
		}
		return nil, true, nil
	}
	if kind == schema.KindJSON {
		return canonJSONField(f, v)
	}
	out, same, ok, err := canonExact(f, kind, v, write)
	if ok || err != nil {
		return out, same, err
	}
	c, err := Canon(v)
	if err != nil {
		return nil, false, typeFault(f, err.Error())
	}
	if c == nil {
		if write && !f.Nullable {
			if kind == schema.KindBytes && isEmptySlice(v) {
				return []byte{}, false, nil
			}
			return nil, false, Invalid("", f.Name, "null", "must not be null")
		}
		return nil, false, nil
	}
	out, _, ok, err = canonExact(f, kind, c, write)
	if !ok && err == nil {
		err = typeFault(f, fmt.Sprintf("is %s and takes %s, not %s", f.Type, takes(f.Type), describe(v)))
	}
	return out, false, err
}

func isEmptySlice(v any) bool {
	rv := reflect.ValueOf(v)
	return rv.Kind() == reflect.Slice && rv.Len() == 0
}

func typeFault(f *schema.Field, message string) error {
	return Invalid("", f.Name, "type", "%s", message)
}

// takes says what a type accepts, for messages.
func takes(t schema.Type) string {
	switch t {
	case schema.Date:
		return "a time or a text like 2006-01-02"
	case schema.Time:
		return "a text like 15:04:05"
	}
	switch t.Kind() {
	case schema.KindString:
		return "text"
	case schema.KindInt:
		return "a whole number"
	case schema.KindFloat:
		return "a number"
	case schema.KindDecimal:
		return "a decimal or a text like 12.30"
	case schema.KindBool:
		return "true or false"
	case schema.KindTime:
		return "a time or a text in RFC 3339 like 2006-01-02T15:04:05Z"
	case schema.KindBytes:
		return "[]byte"
	}
	return "a scalar value"
}

// describe names a value by its Go type, and shows it when it is short.
func describe(v any) string {
	s := fmt.Sprintf("%v", v)
	if str, ok := v.(string); ok {
		s = fmt.Sprintf("%q", str)
	}
	if len(s) > 40 {
		return fmt.Sprintf("a %T", v)
	}
	return fmt.Sprintf("%s (%T)", s, v)
}

// canonExact handles values of the Go types that Canon returns. ok is false
// when the field cannot hold a value of that type.
func canonExact(f *schema.Field, kind schema.ValueKind, v any, write bool) (out any, same, ok bool, err error) {
	switch kind {
	case schema.KindString:
		return canonString(f, v, write)
	case schema.KindInt:
		n, is := v.(int64)
		if !is {
			switch x := v.(type) {
			case int:
				n = int64(x)
			case float64:
				if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
					return nil, false, false, nil
				}
				n = int64(x)
			case decimal.Decimal:
				whole, isInt := plainNumber(x).(int64)
				if !isInt {
					return nil, false, false, nil
				}
				n = whole
			default:
				return nil, false, false, nil
			}
		}
		if write {
			if why := intRange(f, n); why != "" {
				return nil, false, true, Invalid("", f.Name, "range", "%s", why)
			}
		}
		if is {
			return v, true, true, nil
		}
		return n, false, true, nil
	case schema.KindFloat:
		out, same, ok, err = canonFloatField(f, v)
		if x, is := out.(float64); is && write && f.GoBits == 32 && math.Abs(x) > math.MaxFloat32 {
			return nil, false, true, Invalid("", f.Name, "range", "is too large for a float of 32 bits")
		}
		return out, same, ok, err
	case schema.KindDecimal:
		return canonDecimal(f, v, write)
	case schema.KindBool:
		_, is := v.(bool)
		return v, is, is, nil
	case schema.KindTime:
		return canonTimeField(f, v)
	case schema.KindBytes:
		b, is := v.([]byte)
		return v, is, is && b != nil, nil
	}
	switch x := v.(type) { // KindAny: Canon decides
	case string, int64, float64, decimal.Decimal, bool, time.Time, []byte, JSON:
		c, err := Canon(v)
		if err != nil {
			return c, false, true, typeFault(f, err.Error())
		}
		same := c != nil
		switch x := x.(type) { // the others come back as they are
		case float64:
			same = math.Float64bits(c.(float64)) == math.Float64bits(x)
		case time.Time:
			same = c.(time.Time) == x
		case JSON:
			same = c.(JSON) == x
		}
		return c, same, true, nil
	}
	return nil, false, false, nil
}

func canonString(f *schema.Field, v any, write bool) (out any, same, ok bool, err error) {
	s, same := v.(string)
	if !same {
		t, isTime := v.(time.Time)
		if f.Type != schema.Time || !isTime {
			return nil, false, false, nil
		}
		return clockOf(t), false, true, nil
	}
	if why := badText(s); why != "" {
		return nil, false, true, Invalid("", f.Name, "utf8", "%s", why)
	}
	if f.Type == schema.Time {
		c, isClock := canonClock(s)
		if !isClock {
			return nil, false, false, nil
		}
		if c == s {
			return v, true, true, nil
		}
		return c, false, true, nil
	}
	if !write {
		return v, true, true, nil
	}
	limit := f.Size
	if limit == 0 && f.Type == schema.String {
		limit = 255
	}
	if limit > 0 && len(s) > limit && utf8.RuneCountInString(s) > limit {
		e := Invalid("", f.Name, "size", "must have at most %d characters", limit)
		e.Failures[0].Param = fmt.Sprint(limit)
		return nil, false, true, e
	}
	if f.Type == schema.Enum && !slices.Contains(f.Enum, s) {
		e := Invalid("", f.Name, "enum", "must be one of %s", strings.Join(f.Enum, ", "))
		e.Failures[0].Param = strings.Join(f.Enum, " ")
		return nil, false, true, e
	}
	return v, true, true, nil
}

func intRange(f *schema.Field, n int64) string {
	lo, hi := f.IntRange()
	more := "; a wider Go type holds more"
	if f.GoBits == 0 || (f.Type == schema.Integer && f.GoBits == 32) {
		more = "; bigInteger holds more"
	}
	switch {
	case n >= lo && n <= hi:
		return ""
	case f.Unsigned && n < 0:
		return "must not be negative"
	case f.Unsigned:
		return fmt.Sprintf("must be at most %d%s", hi, more)
	}
	return fmt.Sprintf("must lie between %d and %d%s", lo, hi, more)
}

func canonFloatField(f *schema.Field, v any) (out any, same, ok bool, err error) {
	var x float64
	switch n := v.(type) {
	case float64:
		c, err := canonFloat(v, n)
		if err != nil {
			return nil, false, true, typeFault(f, err.Error())
		}
		return c, true, true, nil
	case int:
		return canonFloatField(f, int64(n))
	case int64:
		x = float64(n)
		if x >= 1<<63 || int64(x) != n {
			return nil, false, true, Invalid("", f.Name, "range", "%d cannot be held exactly by a float", n)
		}
	case decimal.Decimal:
		x = n.InexactFloat64()
		if math.IsInf(x, 0) {
			return nil, false, true, Invalid("", f.Name, "range", "is too large for a float")
		}
	default:
		return nil, false, false, nil
	}
	c, err := canonFloat(nil, x)
	return c, false, true, err
}

func canonDecimal(f *schema.Field, v any, write bool) (out any, same, ok bool, err error) {
	var d decimal.Decimal
	switch x := v.(type) {
	case decimal.Decimal:
		d, same = x, true
	case int64:
		d = decimal.NewFromInt(x)
	case int:
		d = decimal.NewFromInt(int64(x))
	case float64:
		if d, ok = decimalFromFloat(x); !ok {
			return nil, false, true, typeFault(f, "NaN and infinities cannot be stored")
		}
	case string:
		n, err := Canon(json.Number(strings.TrimPrefix(x, "+")))
		if err != nil {
			return nil, false, false, nil
		}
		if whole, isInt := n.(int64); isInt {
			d = decimal.NewFromInt(whole)
		} else {
			d = n.(decimal.Decimal)
		}
	default:
		return nil, false, false, nil
	}
	if e := d.Exponent(); e > maxJSONExponent || e < -maxJSONExponent {
		return nil, false, true, Invalid("", f.Name, "precision", "a number with an exponent beyond 10000")
	}
	if write {
		precision, scale := f.Decimals()
		if d.Exponent() != int32(-scale) {
			if m := magnitude(d); m > int64(precision) && d.Sign() != 0 {
				return nil, false, true, tooManyDigits(f, precision, scale)
			}
			rounded := d.Round(int32(scale))
			if compareDecimals(rounded, d) != 0 {
				e := Invalid("", f.Name, "scale", "must have at most %d decimals, %s has more", scale, d)
				e.Failures[0].Param = fmt.Sprint(scale)
				return nil, false, true, e
			}
			d, same = rounded, false
		}
		if d.NumDigits() > precision {
			return nil, false, true, tooManyDigits(f, precision, scale)
		}
	}
	if same {
		return v, true, true, nil
	}
	return d, false, true, nil
}

func tooManyDigits(f *schema.Field, precision, scale int) error {
	e := Invalid("", f.Name, "precision", "must have at most %d digits, %d of them decimals", precision, scale)
	e.Failures[0].Param = fmt.Sprint(precision)
	return e
}

func canonTimeField(f *schema.Field, v any) (out any, same, ok bool, err error) {
	t, same := v.(time.Time)
	if !same {
		s, isText := v.(string)
		if !isText {
			return nil, false, false, nil
		}
		if t, ok = parseTime(s); !ok {
			return nil, false, false, nil
		}
	}
	c := t
	if f.Type == schema.Date {
		y, m, d := t.Date()
		c = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	c, why := canonTime(c)
	if why != "" {
		return nil, false, true, Invalid("", f.Name, "range", "%s", why)
	}
	if same && c == t {
		return v, true, true, nil
	}
	return c, false, true, nil
}

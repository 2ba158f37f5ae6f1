package op

import (
	"database/sql/driver"
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// Canon turns any Go value into a canonical one without looking at a field:
// pointers are followed (nil is NULL), named types and all sizes of numbers
// become string, int64, float64, bool or []byte, a driver.Valuer is asked,
// times become UTC with whole microseconds, and structs, maps, slices and
// arrays become JSON. What has no canonical value is a VALIDATION_ERROR: NaN
// and infinities, integers above 2^63-1, text that is not UTF-8 or holds NUL,
// years outside 1 to 9999, channels and functions.
func Canon(v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		if why := badText(x); why != "" {
			return nil, Errorf(CodeValidation, "%s", why)
		}
		return v, nil
	case int64, bool:
		return v, nil
	case int:
		return int64(x), nil
	case float64:
		return canonFloat(v, x)
	case []byte:
		if x == nil {
			return nil, nil
		}
		return v, nil
	case time.Time:
		if t, why := canonTime(x); why == "" {
			if t == x {
				return v, nil
			}
			return t, nil
		} else {
			return nil, Errorf(CodeValidation, "%s", why)
		}
	case decimal.Decimal:
		if e := x.Exponent(); e > maxJSONExponent || e < -maxJSONExponent {
			return nil, Errorf(CodeValidation, "a number with an exponent beyond 10000")
		}
		return v, nil
	case decimal.NullDecimal:
		if !x.Valid {
			return nil, nil
		}
		return Canon(x.Decimal)
	case JSON:
		j, err := CanonJSON(string(x))
		switch {
		case err != nil:
			return nil, err
		case j == "null":
			return nil, nil
		case j == x:
			return v, nil // without another allocation
		}
		return j, nil
	case json.RawMessage:
		if x == nil {
			return nil, nil
		}
		return jsonOrNull(string(x))
	case json.Number:
		s := jsonScan{s: string(x)}
		if c := s.peek(); c == '-' || (c >= '0' && c <= '9') {
			if n, err := s.number(); err == nil && s.i == len(s.s) {
				return jsonNumber(n), nil
			}
		}
		return nil, Errorf(CodeValidation, "%q is not a number", string(x))
	case *big.Int:
		if x == nil {
			return nil, nil
		}
		if x.IsInt64() {
			return x.Int64(), nil
		}
		return decimal.NewFromBigInt(x, 0), nil
	}
	return canonReflect(v)
}

var valuer = reflect.TypeFor[driver.Valuer]()

func canonReflect(v any) (any, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && rv.IsNil() {
		return nil, nil
	}
	if val, ok := v.(driver.Valuer); ok {
		if rv.Kind() == reflect.Pointer && rv.Type().Elem().Implements(valuer) {
			return Canon(rv.Elem().Interface()) // the type behind may be one of those above
		}
		return canonValuer(val)
	}
	switch rv.Kind() {
	case reflect.Pointer, reflect.Interface:
		return Canon(rv.Elem().Interface())
	case reflect.String:
		return Canon(rv.String())
	case reflect.Bool:
		return rv.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if u := rv.Uint(); u <= math.MaxInt64 {
			return int64(u), nil
		}
		return nil, Errorf(CodeValidation, "%d is above the largest integer, 9223372036854775807", rv.Uint())
	case reflect.Float32, reflect.Float64:
		return canonFloat(nil, rv.Float())
	case reflect.Slice:
		if rv.IsNil() {
			return nil, nil
		}
		if rv.Type().Elem().Kind() == reflect.Uint8 && !marshals(v) {
			return rv.Bytes(), nil
		}
	case reflect.Map:
		if rv.IsNil() {
			return nil, nil
		}
	case reflect.Struct, reflect.Array:
	default:
		return nil, Errorf(CodeValidation, "a Go value of type %T cannot be stored", v)
	}
	return marshal(v)
}

// canonValuer asks a driver.Valuer, whose own panic must not reach a user.
func canonValuer(val driver.Valuer) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, Errorf(CodeValidation, "the Value method of %T panicked: %v", val, r)
		}
	}()
	v, err := val.Value()
	if err != nil {
		return nil, Errorf(CodeValidation, "value of %T: %w", val, err)
	}
	if _, again := v.(driver.Valuer); again {
		switch v.(type) {
		case decimal.Decimal:
		default:
			return nil, Errorf(CodeValidation, "the Value method of %T returns another driver.Valuer", val)
		}
	}
	return Canon(v)
}

func marshals(v any) bool {
	_, ok := v.(json.Marshaler)
	return ok
}

func marshal(v any) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, Errorf(CodeValidation, "a Go value of type %T cannot be stored as JSON: %v", v, r)
		}
	}()
	b, err := json.Marshal(v)
	if err != nil {
		return nil, Errorf(CodeValidation, "a Go value of type %T cannot be stored as JSON: %w", v, err)
	}
	return jsonOrNull(string(b))
}

// jsonOrNull makes a JSON null NULL: every database shall see one of them only.
func jsonOrNull(text string) (any, error) {
	j, err := CanonJSON(text)
	if err != nil {
		return nil, err
	}
	if j == "null" {
		return nil, nil
	}
	return j, nil
}

func canonFloat(same any, f float64) (any, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, Errorf(CodeValidation, "NaN and infinities cannot be stored")
	case f == 0:
		return float64(0), nil // drops the sign, which not every database keeps
	case same != nil:
		return same, nil
	}
	return f, nil
}

// badText says what is wrong with a text, "" when nothing is.
func badText(s string) string {
	if plainASCII(s) {
		return ""
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "text must not hold the NUL character"
	}
	if !utf8.ValidString(s) {
		return "text must be valid UTF-8"
	}
	return ""
}

func canonTime(t time.Time) (time.Time, string) {
	if plainTime(t) {
		return t, ""
	}
	t = t.UTC().Truncate(time.Microsecond)
	if y := t.Year(); y < 1 || y > 9999 {
		return t, "a time must lie in the years 1 to 9999"
	}
	return t, ""
}

var timeLayouts = [...]string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04",
	"2006-01-02", "2006-01-02 15:04:05Z07:00",
}

// parseTime reads a time as it is written in queries; without a zone it is UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// canonClock returns the canonical form of a time of day.
func canonClock(s string) (string, bool) {
	for _, layout := range [...]string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			var b [32]byte
			if out := t.Truncate(time.Microsecond).AppendFormat(b[:0], clockLayout); string(out) != s {
				return string(out), true
			}
			return s, true // without an allocation
		}
	}
	return "", false
}

const clockLayout = "15:04:05.999999"

func clockOf(t time.Time) string {
	return t.Truncate(time.Microsecond).Format(clockLayout)
}

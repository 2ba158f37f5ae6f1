package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// uuidForm is the only text form of a uuid that models take.
var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// timeForms are the forms of a time in tags, YAML and seeds, read as UTC where
// no zone is given.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999", "2006-01-02 15:04", "2006-01-02"}

// parseLiteral reads a default as written in a tag.
func parseLiteral(f *Field, s string) (*Default, error) {
	k := f.Type.Kind()
	if (s == "now" || s == "now()") && (k == KindTime || f.Type == Time) {
		return &Default{Now: true}, nil
	}
	var v any = s
	switch k {
	case KindInt:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("default %q is not an integer", s)
		}
		v = n
	case KindFloat:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("default %q is not a number", s)
		}
		v = x
	case KindBool:
		switch s {
		case "true":
			v = true
		case "false":
			v = false
		default:
			return nil, fmt.Errorf("default %q is not a boolean; write true or false", s)
		}
	}
	c, err := canonLiteral(f, v)
	if err != nil {
		return nil, fmt.Errorf("default %w", err)
	}
	return &Default{Value: c}, nil
}

// Literal returns v as a canonical value of the field, in the form that
// [Default] holds, or says why it is none. The field's type and what belongs to
// it must be set.
func (f *Field) Literal(v any) (any, error) { return canonLiteral(f, v) }

// canonLiteral returns v as a canonical value of the field's kind, or says why
// it is none. JSON is given back as json.RawMessage, compact and with sorted
// keys; text is taken as JSON text.
func canonLiteral(f *Field, v any) (any, error) {
	switch f.Type.Kind() {
	case KindString:
		return canonString(f, v)
	case KindInt:
		return canonInt(f, v)
	case KindFloat:
		rv := reflect.ValueOf(v)
		switch {
		case rv.IsValid() && rv.CanFloat():
			if x := rv.Float(); !math.IsNaN(x) && !math.IsInf(x, 0) {
				return x, nil
			}
		case rv.IsValid() && rv.CanInt():
			return float64(rv.Int()), nil
		case rv.IsValid() && rv.CanUint():
			return float64(rv.Uint()), nil
		}
		return nil, wrongValue(v, "a finite number")
	case KindDecimal:
		return canonDecimal(f, v)
	case KindBool:
		if rv := reflect.ValueOf(v); rv.IsValid() && rv.Kind() == reflect.Bool {
			return rv.Bool(), nil
		}
		return nil, wrongValue(v, "a boolean; write true or false")
	case KindTime:
		return canonTime(f, v)
	case KindBytes:
		switch x := v.(type) {
		case []byte:
			return bytes.Clone(x), nil
		case string:
			return []byte(x), nil
		}
		return nil, wrongValue(v, "binary data")
	case KindJSON:
		return canonJSON(f, v)
	}
	switch x := v.(type) {
	case string, int64, float64, bool, []byte:
		return v, nil
	case int:
		return int64(x), nil
	case time.Time:
		return x.UTC().Truncate(time.Microsecond), nil
	case decimal.Decimal:
		return x.String(), nil
	}
	return nil, wrongValue(v, "text, a number, a boolean, bytes or a time")
}

func canonString(f *Field, v any) (any, error) {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() || rv.Kind() != reflect.String {
		return nil, wrongValue(v, "text")
	}
	s := rv.String()
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return nil, fmt.Errorf("%q is not valid UTF-8 without NUL", s)
	}
	switch f.Type {
	case UUID:
		if !uuidForm.MatchString(s) {
			return nil, fmt.Errorf("%q is not a uuid", s)
		}
	case Enum:
		if !slices.Contains(f.Enum, s) {
			return nil, fmt.Errorf("%q is not one of the values %s", s, strings.Join(quoted(f.Enum), ", "))
		}
	case Time:
		t, err := time.Parse("15:04:05.999999", s)
		if err != nil {
			return nil, fmt.Errorf("%q is not a time of day like 15:04:05", s)
		}
		return t.Format("15:04:05.999999"), nil
	case String:
		size := f.Size
		if size == 0 {
			size = 255
		}
		if n := utf8.RuneCountInString(s); size > 0 && n > size {
			return nil, fmt.Errorf("%q has %d characters, the field takes %d", s, n, size)
		}
	}
	return s, nil
}

func canonInt(f *Field, v any) (any, error) {
	rv := reflect.ValueOf(v)
	var n int64
	switch {
	case rv.IsValid() && rv.CanInt():
		n = rv.Int()
	case rv.IsValid() && rv.CanUint() && rv.Uint() <= math.MaxInt64:
		n = int64(rv.Uint())
	default:
		return nil, wrongValue(v, "an integer of 64 bits")
	}
	if f.Unsigned && n < 0 {
		return nil, fmt.Errorf("%d is negative, the field is unsigned", n)
	}
	if f.Type == Integer {
		lo, hi := int64(math.MinInt32), int64(math.MaxInt32)
		if f.Unsigned {
			lo, hi = 0, math.MaxUint32
		}
		if n < lo || n > hi {
			return nil, fmt.Errorf("%d does not fit type integer (%d to %d); use bigInteger", n, lo, hi)
		}
	}
	return n, nil
}

func canonDecimal(f *Field, v any) (any, error) {
	var d decimal.Decimal
	rv := reflect.ValueOf(v)
	x, isDecimal := v.(decimal.Decimal)
	switch {
	case isDecimal:
		d = x
	case rv.IsValid() && rv.CanInt():
		d = decimal.NewFromInt(rv.Int())
	case rv.IsValid() && rv.CanFloat() && !math.IsNaN(rv.Float()) && !math.IsInf(rv.Float(), 0):
		d = decimal.NewFromFloat(rv.Float())
	case rv.IsValid() && rv.Kind() == reflect.String:
		var err error
		// The length bounds the work: an exponent makes a short text a huge number.
		if d, err = decimal.NewFromString(rv.String()); err != nil || len(rv.String()) > 1000 {
			return nil, fmt.Errorf("%q is not a decimal", rv.String())
		}
	default:
		return nil, wrongValue(v, "a decimal")
	}
	p, s := f.Decimals()
	if d.Exponent() < -1000 || d.Exponent() > 1000 {
		return nil, fmt.Errorf("a decimal with exponent %d does not fit decimal(%d,%d)", d.Exponent(), p, s)
	}
	if !d.Equal(d.Truncate(int32(s))) {
		return nil, fmt.Errorf("%s has more than %d decimals", d, s)
	}
	limit := decimal.NewFromBigInt(big.NewInt(1), int32(p-s))
	if d.Abs().GreaterThanOrEqual(limit) {
		return nil, fmt.Errorf("%s does not fit decimal(%d,%d)", d, p, s)
	}
	return decimal.NewFromString(d.String()) // 1.50 and 1.5 are the same value
}

func canonTime(f *Field, v any) (any, error) {
	var t time.Time
	switch x := v.(type) {
	case time.Time:
		t = x
	case string:
		ok := false
		for _, form := range timeForms {
			if p, err := time.Parse(form, x); err == nil {
				t, ok = p, true
				break
			}
		}
		if !ok {
			return nil, fmt.Errorf("%q is not a time like 2006-01-02T15:04:05Z, a date like 2006-01-02, or now", x)
		}
	default:
		return nil, wrongValue(v, "a time")
	}
	t = t.UTC().Truncate(time.Microsecond)
	if f.Type == Date {
		t = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, fmt.Errorf("year %d is not between 1 and 9999", t.Year())
	}
	return t, nil
}

func canonJSON(f *Field, v any) (any, error) {
	var text []byte
	rv := reflect.ValueOf(v)
	raw, isRaw := v.(json.RawMessage)
	switch {
	case isRaw:
		text = raw
	case rv.IsValid() && rv.Kind() == reflect.String:
		text = []byte(rv.String())
	default:
		var err error
		if text, err = json.Marshal(v); err != nil {
			return nil, wrongValue(v, "JSON")
		}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // numbers stay as written
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("%q is not JSON", text)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%q has text behind its JSON value", text)
	}
	if tree == nil {
		return nil, errors.New("null is NULL and no JSON value; leave it out")
	}
	switch _, isList := tree.([]any); {
	case f.Type == Array && !isList:
		return nil, fmt.Errorf("%s is not a JSON array", text)
	case f.Type == Object:
		if _, ok := tree.(map[string]any); !ok {
			return nil, fmt.Errorf("%s is not a JSON object", text)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		return nil, fmt.Errorf("%q is not JSON", text)
	}
	return json.RawMessage(bytes.TrimSpace(b.Bytes())), nil
}

func wrongValue(v any, want string) error {
	if s, ok := v.(string); ok {
		return fmt.Errorf("%q is not %s", s, want)
	}
	return fmt.Errorf("%v (%T) is not %s", v, v, want)
}

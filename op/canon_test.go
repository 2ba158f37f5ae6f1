package op_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"pgregory.net/rapid"
)

type (
	named  string
	level  uint8
	flag   bool
	shape  struct{ B, A int }
	money  struct{ cents int64 }
	broken struct{}
	loop   struct{}
)

func (m money) Value() (driver.Value, error) { return m.cents, nil }
func (broken) Value() (driver.Value, error)  { panic("no value") }
func (loop) Value() (driver.Value, error)    { return loop{}, nil }
func (flag) MarshalJSON() ([]byte, error)    { return []byte(`"flag"`), nil }
func ptr[T any](v T) *T                      { return &v }
func at(s string) time.Time                  { t, _ := time.Parse(time.RFC3339Nano, s); return t.UTC() }
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && op.CompareValues(a, b) == 0
}
func inZone(t time.Time, hours int) time.Time { return t.In(time.FixedZone("", hours*3600)) }

func TestCanon(t *testing.T) {
	var nilMoney *money
	id := uuid.MustParse("0192f0c1-0000-7000-8000-000000000001")
	for _, c := range []struct{ in, want any }{
		{nil, nil},
		{"x", "x"},
		{5, int64(5)},
		{int8(-5), int64(-5)},
		{uint64(5), int64(5)},
		{float32(0.5), 0.5},
		{math.Copysign(0, -1), 0.0},
		{named("x"), "x"},
		{level(7), int64(7)},
		{ptr(ptr("x")), "x"},
		{(*string)(nil), nil},
		{nilMoney, nil},
		{money{5}, int64(5)},
		{&money{6}, int64(6)},
		{sql.NullString{}, nil},
		{sql.NullInt64{Int64: 3, Valid: true}, int64(3)},
		{id, id.String()},
		{decimal.NullDecimal{Decimal: dec("1.5"), Valid: true}, dec("1.5")},
		{ptr(dec("1.5")), dec("1.5")},
		{decimal.NullDecimal{}, nil},
		{dec("2"), dec("2")},
		{big.NewInt(7), int64(7)},
		{(*big.Int)(nil), nil},
		{new(big.Int).Lsh(big.NewInt(1), 64), dec("18446744073709551616")},
		{shape{1, 2}, op.JSON(`{"A":2,"B":1}`)},
		{&shape{1, 2}, op.JSON(`{"A":2,"B":1}`)},
		{[]string{"b", "a"}, op.JSON(`["b","a"]`)},
		{map[string]any{"z": 1, "a": []int{}}, op.JSON(`{"a":[],"z":1}`)},
		{[2]int{1, 2}, op.JSON(`[1,2]`)},
		{[]string(nil), nil},
		{map[string]int(nil), nil},
		{[]byte{1}, []byte{1}},
		{[]byte(nil), nil},
		{json.RawMessage(` {"b":1,"a":2}`), op.JSON(`{"a":2,"b":1}`)},
		{json.RawMessage("null"), nil},
		{op.JSON("null"), nil},
		{json.Number("12"), int64(12)},
		{json.Number("1.5"), dec("1.5")},
		{json.Number("1e2"), int64(100)},
		{at("2024-01-02T03:04:05.123456789Z"), at("2024-01-02T03:04:05.123456Z")},
		{inZone(at("2024-01-02T03:04:05Z"), 5), at("2024-01-02T03:04:05Z")},
	} {
		got, err := op.Canon(c.in)
		if err != nil || !same(got, c.want) {
			t.Errorf("Canon(%T %v) = %T %v, %v; want %v", c.in, c.in, got, got, err, c.want)
		}
		if tm, ok := got.(time.Time); ok && tm != c.want.(time.Time) {
			t.Errorf("time %#v is not UTC without a clock reading", tm)
		}
	}
	for _, v := range []any{
		math.NaN(), math.Inf(1), uint64(math.MaxUint64), "a\x00", "\xff", named("\xff"), make(chan int), func() {}, complex(1, 1),
		broken{},
		loop{},
		map[string]any{"f": math.NaN()},
		json.Number("x"), json.Number(""), op.JSON("{"), json.RawMessage("["),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), decimal.New(1, 20000),
		map[string]any{"c": make(chan int)},
	} {
		if got, err := op.Canon(v); !errors.Is(err, op.ErrValidation) {
			t.Errorf("Canon(%T) = %v, %v", v, got, err)
		}
	}
}

func TestCanonField(t *testing.T) {
	thing, _ := models(t)
	day, noon := at("2024-05-06T00:00:00Z"), at("2024-05-06T12:00:00.5Z")
	for _, c := range []struct {
		field    string
		in, want any
	}{
		{"name", "ünïcödé!!!", "ünïcödé!!!"},
		{"name", named("x"), "x"},
		{"name", ptr("x"), "x"},
		{"small", 5, int64(5)},
		{"small", 5.0, int64(5)},
		{"small", dec("5.00"), int64(5)},
		{"small", math.MinInt32, int64(math.MinInt32)},
		{"small", json.Number("5"), int64(5)},
		{"count", uint32(math.MaxUint32), int64(math.MaxUint32)},
		{"big", int64(math.MaxInt64), int64(math.MaxInt64)},
		{"ratio", 5, 5.0},
		{"ratio", dec("0.5"), 0.5},
		{"ratio", float32(0.25), 0.25},
		{"ratio", math.Copysign(0, -1), 0.0},
		{"price", "12.3", dec("12.30")},
		{"price", 12.3, dec("12.30")},
		{"price", 12, dec("12.00")},
		{"price", dec("1.2300"), dec("1.23")},
		{"price", "9999.99", dec("9999.99")},
		{"price", dec("-9999.99"), dec("-9999.99")},
		{"price", "1e3", dec("1000")},
		{"price", json.Number("0.1"), dec("0.10")},
		{"price", dec("0e9000"), dec("0")},
		{"on", true, true},
		{"on", ptr(false), false},
		{"day", noon, day},
		{"day", inZone(at("2024-05-06T22:00:00Z"), 5), at("2024-05-07T00:00:00Z")},
		{"day", "2024-05-06", day},
		{"at", noon, noon},
		{"at", "2024-05-06T12:00:00.5Z", noon},
		{"at", "2024-05-06T14:00:00.5+02:00", noon},
		{"at", "2024-05-06 12:00:00.5", noon},
		{"at", "2024-05-06", day},
		{"at", time.Unix(1, 999).Local(), time.Unix(1, 0).UTC()},
		{"at", sql.NullTime{Time: noon, Valid: true}, noon},
		{"clock", "07:08", "07:08:00"},
		{"clock", "07:08:09.120", "07:08:09.12"},
		{"clock", noon, "12:00:00.5"},
		{"raw", []byte{}, []byte{}},
		{"raw", []byte(nil), nil},
		{"blob", []byte(nil), []byte{}},
		{"color", "red", "red"},
		{"tags", []string{"a"}, op.JSON(`["a"]`)},
		{"tags", []byte(`[ 1 ]`), op.JSON(`[1]`)},
		{"tags", []string(nil), nil},
		{"must", []string(nil), op.JSON("[]")},
		{"profile", shape{1, 2}, op.JSON(`{"A":2,"B":1}`)},
		{"profile", op.JSON(` {"b":1,"a":2}`), op.JSON(`{"a":2,"b":1}`)},
		{"profile", op.JSON("null"), nil},
		{"doc", "text", op.JSON(`"text"`)},
		{"doc", 5, op.JSON("5")},
		{"doc", dec("1.50"), op.JSON("1.5")},
		{"doc", flag(true), op.JSON(`"flag"`)},
		{"doc", noon, op.JSON(`"2024-05-06T12:00:00.5Z"`)},
		{"any", 5, int64(5)},
		{"any", "x", "x"},
		{"any", dec("1.5"), dec("1.5")},
		{"any", shape{}, op.JSON(`{"A":0,"B":0}`)},
		{"note", nil, nil},
		{"note", (*string)(nil), nil},
		{"userId", "Any-Text", "Any-Text"},
	} {
		f := thing.Field(c.field)
		got, err := op.CanonField(f, c.in)
		if err != nil || !same(got, c.want) {
			t.Errorf("%s: CanonField(%T %v) = %T %v, %v; want %v", c.field, c.in, c.in, got, got, err, c.want)
			continue
		}
		if d, ok := got.(decimal.Decimal); ok && c.field == "price" && d.Exponent() != -2 {
			t.Errorf("price %v has not two decimals", d)
		}
		if again, err := op.CanonField(f, got); err != nil || !same(got, again) {
			t.Errorf("%s: %v is not canonical: %v, %v", c.field, got, again, err)
		}
	}
}

func TestCanonFieldRefuses(t *testing.T) {
	thing, _ := models(t)
	for _, c := range []struct {
		field string
		in    any
		rule  string
		says  string
	}{
		{"name", nil, "null", "must not be null"},
		{"name", (*string)(nil), "null", ""},
		{"must", nil, "null", ""},
		{"blob", nil, "null", ""},
		{"name", strings.Repeat("ä", 11), "size", "at most 10 characters"},
		{"name", "a\x00", "utf8", "NUL"},
		{"name", "\xff", "utf8", "UTF-8"},
		{"name", 5, "type", "takes text, not 5 (int)"},
		{"name", []byte("x"), "type", ""},
		{"name", make(chan int), "type", "chan int"},
		{"small", math.MaxInt32 + 1, "range", "bigInteger"},
		{"count", -1, "range", "negative"},
		{"count", math.MaxUint32 + 1, "range", ""},
		{"small", 2.5, "type", "whole number"},
		{"small", "5", "type", `"5"`},
		{"big", uint64(1 << 63), "type", "9223372036854775807"},
		{"big", 1e300, "type", ""},
		{"big", dec("1e30"), "type", ""},
		{"big", dec("1.5"), "type", ""},
		{"big", true, "type", ""},
		{"ratio", math.NaN(), "type", "NaN"},
		{"ratio", int64(1<<53 + 1), "range", "exactly"},
		{"ratio", int64(math.MaxInt64), "range", ""},
		{"ratio", dec("1e9000"), "range", ""},
		{"ratio", "1", "type", ""},
		{"price", "1.234", "scale", "at most 2 decimals"},
		{"price", 0.001, "scale", ""},
		{"price", "10000", "precision", "at most 6 digits"},
		{"price", "1e9000", "precision", ""},
		{"price", "1e-9000", "scale", ""},
		{"price", "x", "type", "12.30"},
		{"price", "", "type", ""},
		{"price", "1_0", "type", ""},
		{"price", math.Inf(1), "type", ""},
		{"price", decimal.New(1, 20000), "precision", ""},
		{"on", 1, "type", "true or false"},
		{"on", "true", "type", ""},
		{"day", "06.05.2024", "type", "2006-01-02"},
		{"at", "yesterday", "type", "RFC 3339"},
		{"at", 5, "type", ""},
		{"at", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "range", "9999"},
		{"clock", "25:00:00", "type", "15:04:05"},
		{"clock", 5, "type", ""},
		{"raw", "text", "type", "[]byte"},
		{"color", "blue", "enum", "red, green"},
		{"tags", shape{}, "json", "must be a JSON array, not an object"},
		{"tags", "text", "json", "op.JSON"},
		{"profile", []int{1}, "json", "object"},
		{"profile", op.JSON("{"), "json", "byte 1"},
		{"doc", json.RawMessage("{"), "json", ""},
		{"doc", make(chan int), "json", ""},
		{"tags", []byte("["), "json", ""},
		{"must", op.JSON("null"), "null", ""},
		{"profile", true, "json", "a bool"},
		{"profile", 1, "json", "a number"},
		{"any", make(chan int), "type", ""},
		{"any", "\xff", "type", ""},
		{"any", op.Unset{}, "", ""},
	} {
		_, err := op.CanonField(thing.Field(c.field), c.in)
		if _, unset := c.in.(op.Unset); unset {
			continue
		}
		var v *op.ValidationError
		if !errors.As(err, &v) || len(v.Failures) != 1 || v.Failures[0].Rule != c.rule || v.Failures[0].Field != c.field || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: CanonField(%T %v): %v; want rule %s with %q", c.field, c.in, c.in, err, c.rule, c.says)
		}
	}
}

func TestDefaultSizes(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		f  schema.Field
		ok bool
	}{
		{schema.Field{Type: schema.String}, false},
		{schema.Field{Type: schema.String, Size: -1}, true},
		{schema.Field{Type: schema.String, Size: 300}, true},
		{schema.Field{Type: schema.Text}, true},
		{schema.Field{Type: schema.Text, Size: 299}, false},
		{schema.Field{Type: schema.NanoID}, true},
		{schema.Field{Type: schema.NanoID, Size: 21}, false},
	} {
		if _, err := op.CanonField(&c.f, long); (err == nil) != c.ok {
			t.Errorf("%s of size %d: %v", c.f.Type, c.f.Size, err)
		}
	}
	if _, err := op.CanonField(&schema.Field{Type: schema.Decimal}, "12345678.90"); err != nil {
		t.Error(err)
	}
	if _, err := op.CanonField(&schema.Field{Type: schema.Decimal}, "123456789"); err == nil {
		t.Error("nine digits before the point fit into decimal(10,2)")
	}
}

// What Canon gives is canonical, and never anything else than the kinds that
// are documented.
func TestCanonIsIdempotent(t *testing.T) {
	thing, _ := models(t)
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue().Draw(t, "value")
		c, err := op.Canon(v)
		if err != nil {
			return
		}
		if again, err := op.Canon(c); err != nil || !same(c, again) {
			t.Fatalf("%v became %v, then %v, %v", v, c, again, err)
		}
		f := rapid.SampledFrom(thing.Fields).Draw(t, "field")
		w, err := op.CanonField(f, v)
		if err != nil {
			if !errors.Is(err, op.ErrValidation) {
				t.Fatal(err)
			}
			return
		}
		if again, err := op.CanonField(f, w); err != nil || !same(w, again) {
			t.Fatalf("%s: %v became %v, then %v, %v", f.Name, v, w, again, err)
		}
	})
}

// The quick look at a value never lets one pass that is not canonical.
func TestPlainValuesAreCanonical(t *testing.T) {
	thing, _ := models(t)
	passed := 0
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(thing.Fields).Draw(t, "field")
		v := rapid.OneOf(anyValue(),
			rapid.SampledFrom([]any{
				"0123456789", "01234567890", "1234567\x00", "12345678\x00", "1234567\x80", "\x01\x7f", strings.Repeat("a", 300), time.Now(), time.Now().UTC(),
				time.Now().Truncate(time.Microsecond), time.Now().UTC().Truncate(time.Microsecond),
				time.Time{},
				time.Unix(1<<40, 0).UTC(), at("9999-12-31T23:59:59.999999Z"),
				int64(math.MaxInt32), int64(math.MaxInt32 + 1), int64(math.MinInt32 - 1), math.Inf(-1), math.NaN(), math.Copysign(0, -1),
			}),
		).Draw(t, "value")
		if !op.Plain(f, v) {
			return
		}
		passed++
		c, err := op.CanonField(f, v)
		if err != nil || !same(c, v) {
			t.Fatalf("%s: %#v is passed over, but becomes %#v, %v", f.Name, v, c, err)
		}
		if tm, ok := v.(time.Time); ok && c.(time.Time) != tm {
			t.Fatalf("%#v becomes %#v", tm, c)
		}
	})
	if passed == 0 {
		t.Error("nothing was passed over")
	}
}

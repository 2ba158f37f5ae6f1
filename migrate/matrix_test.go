package migrate_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// kinds are all types with two literals each: the zero value, that a sloppy
// writer leaves out, and another one.
var kinds = []struct {
	typ        schema.Type
	zero, some any
	more       func(f *schema.Field)
}{
	{typ: schema.String, zero: "", some: "O'Brien \"x\" `y` \\ %_é"},
	{typ: schema.Text, zero: "", some: "x"},
	{typ: schema.Text, zero: "NULL", some: "now()"},
	{typ: schema.Integer, zero: int64(0), some: int64(-7)},
	{typ: schema.Integer, zero: int64(0), some: int64(7), more: func(f *schema.Field) { f.Unsigned = true }},
	{typ: schema.BigInteger, zero: int64(0), some: int64(-1 << 63)},
	{typ: schema.Float, zero: 0.0, some: 1e300},
	{typ: schema.Decimal, zero: decimal.Zero, some: decimal.RequireFromString("-12.30")},
	{typ: schema.Decimal, zero: decimal.Zero, some: decimal.RequireFromString("99999999999999.9999"), more: digits(18, 4)},
	{typ: schema.Decimal, zero: decimal.Zero, some: decimal.NewFromInt(9), more: digits(1, 0)},
	{typ: schema.Boolean, zero: false, some: true},
	{typ: schema.Date, zero: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), some: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
	{typ: schema.DateTime, zero: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), some: time.Date(2024, 2, 29, 23, 59, 59, 120_000_000, time.UTC)},
	{typ: schema.Timestamp, zero: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), some: time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)},
	{typ: schema.Time, zero: "00:00:00", some: "23:59:59.5"},
	{typ: schema.Binary, zero: []byte{}, some: []byte{0, '\'', 255}},
	{typ: schema.UUID, zero: "00000000-0000-0000-0000-000000000000", some: "0190c6a1-0000-7000-8000-000000000001"},
	{typ: schema.NanoID},
	{typ: schema.Enum, zero: "a", some: "B", more: func(f *schema.Field) { f.Enum = []string{"a", "B", "c'd"} }},
	{typ: schema.Array, zero: json.RawMessage("[]"), some: json.RawMessage(`["it's",1]`)},
	{typ: schema.Object, zero: json.RawMessage("{}"), some: json.RawMessage(`{"a":null}`)},
	{typ: schema.JSON, zero: json.RawMessage(`""`), some: json.RawMessage(`"x"`)},
	{typ: schema.JSONB, zero: json.RawMessage("false"), some: json.RawMessage("12.50")},
	{typ: schema.Specific, zero: "", some: "x", more: specific("varchar( 20 )")},
	{typ: schema.Specific, zero: int64(0), some: int64(1), more: specific("Unsigned  Big Int")},
	{typ: schema.Specific, zero: "", some: "X", more: specific("text COLLATE NOCASE")},
	{typ: schema.Specific, zero: 0.0, some: 2.5, more: specific("NUMERIC(8 , 3) CHECK (1 > 0)")},
	{typ: schema.Specific, zero: []byte{}, some: []byte("x"), more: specific("blob")},
}

func digits(p, s int) func(*schema.Field) {
	return func(f *schema.Field) { f.Precision, f.Scale = p, s }
}

func specific(t string) func(*schema.Field) { return func(f *schema.Field) { f.DBType = t } }

// matrix makes fields of every type × nullable × default × index.
func matrix() []*schema.Field {
	var out []*schema.Field
	for k, kind := range kinds {
		for _, nullable := range []bool{false, true} {
			for _, def := range []string{"none", "zero", "some", "now", "func"} {
				for _, idx := range []string{"none", "index", "global", "unique"} {
					f := &schema.Field{Name: fmt.Sprintf("f%d", len(out)), Type: kind.typ, Nullable: nullable}
					if kind.more != nil {
						kind.more(f)
					}
					f.Comment = fmt.Sprintf("kind %d %s nullable=%t default=%s index=%s", k, kind.typ, nullable, def, idx)
					switch def {
					case "zero":
						f.Default = &schema.Default{Value: kind.zero}
					case "some":
						f.Default = &schema.Default{Value: kind.some}
					case "now":
						f.Default = &schema.Default{Now: true}
						if kind.typ.Kind() != schema.KindTime && kind.typ != schema.Time {
							continue
						}
					case "func":
						f.Default = &schema.Default{Func: "x"}
					}
					if kind.typ == schema.NanoID && def != "none" || kind.typ.Kind() == schema.KindJSON && idx != "none" {
						continue // refused by schema
					}
					f.Index, f.IndexGlobal, f.Unique = idx == "index", idx == "global", idx == "unique"
					out = append(out, f)
				}
			}
		}
	}
	return out
}

func key() *schema.Field {
	return &schema.Field{Name: "id", Type: schema.BigInteger, Primary: true, Auto: true}
}

// perTable keeps a table's indexes under SQLite's default limits.
const perTable = 50

func TestMatrixCreateIsIdempotent(t *testing.T) {
	var ms []*schema.Model
	n := 0
	for fs := range slices.Chunk(matrix(), perTable) {
		ms = append(ms, &schema.Model{Name: fmt.Sprintf("M%d", len(ms)), Fields: append([]*schema.Field{key()}, fs...)})
		n += len(fs)
	}
	auto(t, open(t), build(t, ms...))
	t.Logf("%d columns: %d type variants × nullable × default × index; second plan empty", n, len(kinds))
}

// Every column is added to a table that has a row, and the row then has the
// value that a reader expects.
func TestMatrixAddIsIdempotent(t *testing.T) {
	conn := open(t)
	n := 0
	for fs := range slices.Chunk(matrix(), perTable) {
		name := fmt.Sprintf("m%d", n)
		auto(t, conn, build(t, &schema.Model{Name: "M", Table: name, Fields: []*schema.Field{key()}}))
		execSQL(t, conn, "INSERT INTO "+name+" DEFAULT VALUES")
		auto(t, conn, build(t, &schema.Model{Name: "M", Table: name, Fields: append([]*schema.Field{key()}, fs...)}))
		for _, f := range fs {
			got := query(t, conn, fmt.Sprintf(`SELECT typeof(%[1]s) || ' ' || ifnull(%[1]s, '') FROM %[2]s`, f.Column, name))[0]
			if want := stored(f); got != want && !(want == "now" && len(got) >= len("text 00:00:00")) {
				t.Errorf("%s: the old row has %q, want %q", f.Comment, got, want)
			}
			n++
		}
	}
	t.Logf("%d columns added to tables with rows; second plan empty", n)
}

// stored is what an old row holds after a field was added.
func stored(f *schema.Field) string {
	if f.Nullable && (f.Default == nil || f.Default.Value == nil) {
		return "null "
	}
	if f.Default != nil && f.Default.Now {
		return "now"
	}
	if f.Default == nil || f.Default.Value == nil {
		switch f.Type.Kind() {
		case schema.KindInt, schema.KindBool, schema.KindDecimal:
			return "integer 0"
		case schema.KindFloat:
			return "real 0.0"
		case schema.KindBytes:
			return "blob "
		case schema.KindTime:
			if f.Type == schema.Date {
				return "text 0001-01-01"
			}
			return "text 0001-01-01 00:00:00"
		}
		switch f.Type {
		case schema.Time:
			return "text 00:00:00"
		case schema.UUID:
			return "text 00000000-0000-0000-0000-000000000000"
		case schema.Enum:
			return "text a"
		case schema.Array:
			return "text []"
		case schema.Object:
			return "text {}"
		case schema.JSON, schema.JSONB:
			return "text null"
		case schema.Specific:
			return map[string]string{
				"varchar( 20 )": "text ", "Unsigned  Big Int": "integer 0", "text COLLATE NOCASE": "text ",
				"NUMERIC(8 , 3) CHECK (1 > 0)": "integer 0", "blob": "blob ",
			}[f.DBType]
		}
		return "text "
	}
	switch v := f.Default.Value.(type) {
	case bool:
		if v {
			return "integer 1"
		}
		return "integer 0"
	case int64:
		return fmt.Sprintf("integer %d", v)
	case float64:
		if f.DBType != "" && v == 0 {
			return "integer 0"
		}
		if v == 1e300 {
			return "real 1.0e+300"
		}
		return fmt.Sprintf("real %.1f", v)
	case decimal.Decimal:
		_, s := f.Decimals()
		return "integer " + v.Shift(int32(s)).String()
	case time.Time:
		if f.Type == schema.Date {
			return "text " + v.Format("2006-01-02")
		}
		return "text " + v.Format("2006-01-02 15:04:05.999999")
	case json.RawMessage:
		return "text " + string(v)
	case []byte:
		return "blob " + string(v)
	}
	return fmt.Sprintf("text %s", f.Default.Value)
}

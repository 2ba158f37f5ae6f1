package optest

import (
	"math"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// texts are texts that engines like to get wrong: case, accents that compose,
// letters whose lower case is another letter's, wildcards, quotes, space.
var texts = []any{
	"", "a", "A", "abc", "ABC", "aBc", "b", "z", "Z", "ab", "abcd",
	"%", "_", `\`, "100%", "a_c", `a\c`, "a%c", "[a]", "*", "?", "'", `"`, "''", "--", ";",
	" ", " a", "a ", "a\tb", "a\nb",
	"ä", "Ä", "ß", "ẞ", "SS", "ss", "ı", "I", "İ", "i", "i̇", "\u212a", "k", "K", "Å", "\u212b", "å",
	"é", "e\u0301", "Σ", "σ", "ς", "ﬁ", "Ǆ", "ǅ", "ǆ", "ꙁ", "𐐀", "𐐨", "😀", "👩‍👩‍👧", "日本", "ไทย",
	"\u00ff", "\uffff", "\U0010ffff", "0", "1", "10", "9", "-1", "1e3", "null", "NULL", "true", "2024-01-02", "x'41'", "0x10",
}

// valuesOf gives canonical values of a field worth testing, never NULL.
func valuesOf(f *schema.Field) []any {
	switch f.Type {
	case schema.UUID:
		return []any{"00000000-0000-4000-8000-000000000000", "01890a5d-ac96-774b-bcce-b302099a8057", "ffffffff-ffff-4fff-bfff-ffffffffffff", "01890a5d-ac96-774b-bcce-b302099a8058"}
	case schema.NanoID:
		return []any{"V1StGXR8_Z5jdHi6B-myT", "v1stgxr8_z5jdhi6b-myt", "_____________________", "---------------------"}
	case schema.Enum:
		vs := make([]any, len(f.Enum))
		for i, e := range f.Enum {
			vs[i] = e
		}
		return vs
	case schema.Time:
		return []any{"00:00:00", "23:59:59", "23:59:59.999999", "12:30:00", "12:30:00.5", "12:30:00.000001", "09:05:07"}
	case schema.Integer:
		return []any{int64(0), int64(1), int64(-1), int64(2), int64(10), int64(9), int64(math.MaxInt32), int64(math.MinInt32)}
	case schema.Date:
		return []any{at("2024-02-29"), at("1970-01-01"), at("1969-12-31"), at("0001-01-01"), at("9999-12-31"), at("2024-03-01"), at("1999-12-31")}
	case schema.Array:
		return jsons(`[]`, `[1]`, `["a"]`, `["a","b",1,true,null]`, `[[1],{"a":1}]`, `[9007199254740993]`, `["1"]`, `[1.5,"%"]`, `["Ä","ä"]`, `[false]`)
	case schema.Object, schema.JSON, schema.JSONB:
		return jsons(`{}`, `{"a":1}`, `{"a":"1"}`, `{"a":"x","b":[1,"2",true,null]}`, `{"a":null}`, `{"a":true}`, `{"a":{"b":{"c":"deep"}}}`,
			`{"a":9007199254740993}`, `{"a":1.5}`, `{"a b":"space","ä":"umlaut"}`, `{"a":"%_\\"}`, `{"a":[]}`, `{"a":false,"n":-1}`, `{"a":""}`, `{"a":"ABC","b":["x","y"]}`)
	}
	switch f.Type.Kind() {
	case schema.KindString:
		return texts
	case schema.KindInt:
		return []any{
			int64(0), int64(1), int64(-1), int64(2), int64(10), int64(9), int64(1<<53 - 1), int64(1 << 53), int64(1<<53 + 1),
			int64(-(1<<53 + 1)), int64(math.MaxInt64), int64(math.MaxInt64 - 1), int64(math.MinInt64), int64(math.MinInt64 + 1),
		}
	case schema.KindFloat:
		return []any{0.0, 1.0, -1.0, 0.1, 0.2, 0.30000000000000004, 0.3, 1e300, -1e300, 5e-324, math.MaxFloat64, 1.5, 10.0, 9.0, float64(1 << 53)}
	case schema.KindDecimal:
		return []any{dec("0"), dec("0.01"), dec("-0.01"), dec("1"), dec("1.10"), dec("0.1"), dec("0.2"), dec("99999999.99"), dec("-99999999.99"), dec("10"), dec("9.5")}
	case schema.KindBool:
		return []any{false, true}
	case schema.KindTime:
		return []any{
			at("2024-02-29 12:00:00"), at("2024-02-29 12:00:00.000001"), at("2024-02-29 12:00:00.1"), at("2024-02-29 12:00:00.999999"),
			at("1970-01-01 00:00:00"), at("1969-12-31 23:59:59.999999"), at("0001-01-01 00:00:00"), at("9999-12-31 23:59:59.999999"), at("2024-02-29 11:59:59"),
		}
	case schema.KindBytes:
		return []any{[]byte{}, []byte{0}, []byte{0, 1}, []byte{255}, []byte("a"), []byte("A"), []byte("abc"), []byte{0xff, 0xfe}, []byte("%")}
	}
	return []any{""}
}

func jsons(ss ...string) []any {
	vs := make([]any, len(ss))
	for i, s := range ss {
		vs[i] = op.JSON(s)
	}
	return vs
}

// deepest is the largest number of values that a field of the model has.
func deepest(m *schema.Model) int {
	n := 0
	for _, f := range m.Fields {
		n = max(n, len(valuesOf(f)))
	}
	return n
}

var (
	equality = []op.Operator{op.Eq, op.Ne, op.In, op.NotIn, op.IsNull, op.NotNull}
	ordering = []op.Operator{op.Lt, op.Le, op.Gt, op.Ge, op.Between}
	textual  = []op.Operator{op.Like, op.StartsWith, op.EndsWith}
)

// operatorsOf are the operators that hold for a field's type. On a JSON field
// itself there is no comparison but with NULL; see operatorsAt for a path.
func operatorsOf(f *schema.Field) []op.Operator {
	switch f.Type.Kind() {
	case schema.KindJSON:
		if f.Type == schema.Object {
			return []op.Operator{op.Eq, op.Ne, op.IsNull, op.NotNull}
		}
		return []op.Operator{op.Eq, op.Ne, op.IsNull, op.NotNull, op.Contains}
	case schema.KindString:
		return concat(equality, ordering, textual)
	}
	return concat(equality, ordering)
}

func concat(lists ...[]op.Operator) []op.Operator {
	var out []op.Operator
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// takesNull reports whether the operator has an operand, which may be, or
// hold, NULL: that is equality with NULL, and never an order.
func takesNull(o op.Operator) bool { return o != op.IsNull && o != op.NotNull }

const (
	jsonKind  = schema.KindJSON
	bytesKind = schema.KindBytes
)

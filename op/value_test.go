package op_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/weftdb/weft/op"
	"pgregory.net/rapid"
)

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// anyValue draws canonical values of every kind, often ones that are close to
// each other.
func anyValue() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Int64Range(-3, 3).AsAny(),
		rapid.Float64().AsAny(),
		rapid.SampledFrom([]any{0.5, 1.0, 2.0, -0.5, 9007199254740992.0, 9223372036854775808.0, math.SmallestNonzeroFloat64}),
		rapid.Custom(func(t *rapid.T) any {
			return decimal.New(rapid.Int64Range(-2000, 2000).Draw(t, "coefficient"), rapid.Int32Range(-200, 200).Draw(t, "exponent"))
		}),
		rapid.SampledFrom([]any{dec("1"), dec("1.0"), dec("0.5"), dec("0.1"), dec("1e9000"), dec("-1e9000"), dec("1e-9000"), dec("10e8999")}),
		rapid.String().AsAny(),
		rapid.SampledFrom([]any{"a", "A", "ä", ""}),
		rapid.SampledFrom([]any{op.JSON("{}"), op.JSON("[]"), op.JSON(`[1]`)}),
		rapid.SliceOfN(rapid.Byte(), 0, 3).AsAny(),
		rapid.Custom(func(t *rapid.T) any { return time.UnixMicro(rapid.Int64Range(-1e15, 1e15).Draw(t, "µs")).UTC() }),
	)
}

func TestCompareValuesIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyValue().Draw(t, "a"), anyValue().Draw(t, "b"), anyValue().Draw(t, "c")
		ab, ba := op.CompareValues(a, b), op.CompareValues(b, a)
		if op.CompareValues(a, a) != 0 || ab != -ba {
			t.Fatalf("not reflexive or antisymmetric: %d %d", ab, ba)
		}
		if ab <= 0 && op.CompareValues(b, c) <= 0 && op.CompareValues(a, c) > 0 {
			t.Fatal("not transitive")
		}
		if same := op.KeyString([]any{a}) == op.KeyString([]any{b}); same != (ab == 0) {
			t.Fatalf("KeyString says equal=%v, CompareValues %d", same, ab)
		}
	})
}

func TestCompareValuesOrder(t *testing.T) {
	ascending := []any{
		nil, false, true,
		-math.MaxFloat64, int64(math.MinInt64), dec("-9223372036854775807.5"), int64(-1), dec("-0.5"), int64(0), math.SmallestNonzeroFloat64,
		dec("1e-400"), // far below the smallest float
	}
	slices.SortFunc(ascending, op.CompareValues)
	if _, ok := ascending[9].(decimal.Decimal); !ok {
		t.Errorf("1e-400 sorts above the smallest float: %v", ascending)
	}
	for _, c := range []struct {
		a, b any
		want int
	}{
		{int64(9007199254740993), 9007199254740992.0, 1},
		{int64(math.MaxInt64), 9223372036854775808.0, -1},
		{0.1, dec("0.1"), 1}, // the float is a little more
		{0.5, dec("0.50"), 0},
		{dec("1e10000"), dec("1e-10000"), 1},
		{dec("12e9999"), dec("1.2e10000"), 0},
		{dec("-12e9999"), dec("-1.3e10000"), 1},
		{math.Inf(1), dec("1e9999"), 1},
		{math.NaN(), math.Inf(-1), -1},
		{"Z", "a", -1},
		{"a", "ä", -1},
		{"a", "aa", -1},
		{"9", int64(10), 1},
		{[]byte{1}, []byte{1, 0}, -1},
		{op.Unset{}, op.Unset{}, 0},
	} {
		if got := op.CompareValues(c.a, c.b); got != c.want {
			t.Errorf("CompareValues(%v, %v) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestKeyStringIsUnambiguous(t *testing.T) {
	keys := [][]any{
		{"a", "b"},
		{"ab"},
		{"a,b"},
		{"a", nil},
		{nil, "a"},
		{"1"},
		{int64(1)},
		{int64(1), int64(2)},
		{int64(12)},
		{[]byte("a")},
		{op.JSON(`"a"`)},
		{true},
		{"t"},
		{},
		{nil},
		{"s1:a"},
		{dec("1e30")},
		{dec("1.5")},
		{math.Inf(1)},
		{op.Unset{}},
	}
	seen := map[string]int{}
	for i, k := range keys {
		s := op.KeyString(k)
		if j, dup := seen[s]; dup {
			t.Errorf("%v and %v have the same key %q", keys[j], k, s)
		}
		seen[s] = i
	}
	if op.KeyString([]any{dec("1.50")}) != op.KeyString([]any{dec("1.5")}) || op.KeyString([]any{2.0}) != op.KeyString([]any{int64(2)}) {
		t.Error("equal numbers have different keys")
	}
}

func TestText(t *testing.T) {
	thing, _ := models(t)
	row := make([]any, len(thing.Fields))
	row[0] = "k"
	if got := op.KeyText(thing, row); got != "k" {
		t.Errorf("KeyText = %q", got)
	}
	for v, want := range map[any]string{
		nil: "NULL", int64(5): "5", time.Unix(0, 0).UTC(): "1970-01-01T00:00:00Z", op.Unset{}: "", true: "true",
	} {
		if got := op.Text(v); got != want {
			t.Errorf("Text(%v) = %q, want %q", v, got, want)
		}
	}
	if got := op.Text([]byte{1, 0xab}); got != "01ab" {
		t.Errorf("Text of bytes = %q", got)
	}
}

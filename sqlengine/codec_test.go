package sqlengine

import (
	"bytes"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/weftdb/weft/op"
)

func TestTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		high := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
		draw := func(name string) time.Time {
			s := rapid.Int64Range(low, high).Draw(t, name)
			return time.Unix(s, rapid.Int64Range(0, 999_999).Draw(t, name+" µs")*1000).UTC()
		}
		a, b := draw("a"), draw("b")
		x, y := AppendTime(nil, a), AppendTime(nil, b)
		if got, ok := parseTime(x); !ok || !got.Equal(a) {
			t.Fatalf("%s is read as %s %v", x, got, ok)
		}
		if bytes.Compare(x, y) != a.Compare(b) {
			t.Fatalf("%s and %s do not sort as their times", x, y)
		}
	})
	for _, bad := range []string{"", "2024", "2024-13-01", "2024-01-01T00:00:00", "2024-01-01 24:00:00", "2024-01-01 00:00:00.", "2024-01-01 00:00:00.1234567", "2024-0x-01"} {
		if _, ok := parseTime([]byte(bad)); ok {
			t.Errorf("%q is read as a time", bad)
		}
	}
	for _, found := range []string{
		"2024-02-03 04:05:06", "2024-02-03T04:05:06Z", "2024-02-03 05:05:06+01:00", "2024-02-03T04:05:06",
		"2024-02-03 04:05:06 +0000 UTC", "2024-02-03 04:05:06.000000001 +0000 UTC m=+1.5", "2/3/2024 04:05:06",
	} {
		if got, ok := parseFoundTime(found); !ok || !got.Equal(time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)) {
			t.Errorf("%q is read as %s %v", found, got, ok)
		}
	}
}

// Keys of JSON numbers sort as the numbers do, exactly.
func TestJSONKeyNumbers(t *testing.T) {
	number := rapid.Custom(func(t *rapid.T) decimal.Decimal {
		return decimal.New(rapid.Int64().Draw(t, "digits"), rapid.Int32Range(-40, 40).Draw(t, "exponent"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		x, y := JSONKey(nil, a.String()), JSONKey(nil, b.String())
		if bytes.Compare(x, y) != a.Cmp(b) {
			t.Fatalf("%s and %s do not sort as their keys %x and %x", a, b, x, y)
		}
	})
	for _, same := range [][2]string{{"1", "1.0"}, {"100", "1e2"}, {"0", "-0.0"}, {"0.5", "5E-1"}, {"-12.50", "-1.25e1"}} {
		if !bytes.Equal(JSONKey(nil, same[0]), JSONKey(nil, same[1])) {
			t.Errorf("%s and %s have different keys", same[0], same[1])
		}
	}
}

func TestJSONKeyOrder(t *testing.T) {
	sorted := []string{
		"null", "false", "true", "-1e400", "-9223372036854775809", "-9223372036854775808", "-1", "-0.1", "0", "1e-400", "0.1",
		"9007199254740992", "9007199254740993", "9223372036854775807", "18446744073709551616", "1e400",
		`""`, `"A"`, `"a"`, `"\u00e4"`, `[1]`, `{"a":1}`,
	}
	for i := 1; i < len(sorted); i++ {
		a, b := JSONKey(nil, sorted[i-1]), JSONKey(nil, sorted[i])
		if bytes.Compare(a, b) >= 0 {
			t.Errorf("%s does not sort before %s", sorted[i-1], sorted[i])
		}
	}
}

// A decimal between two that a column can hold is compared by a neighbour.
func TestScaledBounds(t *testing.T) {
	c := &Column{Store: StoreScaled, scale: 2}
	for _, x := range []struct {
		o    op.Operator
		v    string
		want int64
	}{
		{op.Lt, "1.005", 101},
		{op.Le, "1.005", 100},
		{op.Gt, "1.005", 100},
		{op.Ge, "1.005", 101},
		{op.Eq, "1.01", 101},
		{op.Lt, "-1.005", -100},
		{op.Gt, "-1.005", -101},
	} {
		got, err := c.bound(decimal.RequireFromString(x.v), x.o)
		if err != nil || got.Int() != x.want {
			t.Errorf("%s %s is compared with %v %v, want %d", x.o, x.v, got.Any(), err, x.want)
		}
	}
	if got, _ := c.bound(decimal.RequireFromString("1.005"), op.Eq); got.Kind != Blob {
		t.Errorf("what no column holds is compared with %v", got.Any())
	}
}

func TestScaledType(t *testing.T) {
	if s, ok := ScaledType("integer decimal(10, 2)"); !ok || s != 2 {
		t.Errorf("%d %v", s, ok)
	}
	for _, other := range []string{"", "INTEGER", "NUMERIC(10,2)", "INTEGER DECIMAL(10)", "INTEGER DECIMAL(10,x)", "INTEGER DECIMAL(40,30)"} {
		if _, ok := ScaledType(other); ok {
			t.Errorf("%q is read as a scaled decimal", other)
		}
	}
}

func TestBucket(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 128: 128, 129: 256} {
		if got := bucket(n); got != want {
			t.Errorf("bucket(%d) = %d, want %d", n, got, want)
		}
	}
}

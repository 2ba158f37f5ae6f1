package op

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// The ranks of values of different types in CompareValues.
const (
	rankNull = iota
	rankBool
	rankNumber
	rankString
	rankJSON
	rankBytes
	rankTime
	rankOther
)

func rank(v any) int {
	switch v.(type) {
	case nil:
		return rankNull
	case bool:
		return rankBool
	case int64, float64, decimal.Decimal:
		return rankNumber
	case string:
		return rankString
	case JSON:
		return rankJSON
	case []byte:
		return rankBytes
	case time.Time:
		return rankTime
	}
	return rankOther
}

// CompareValues puts canonical values in a total order and returns -1, 0 or +1.
// NULL is smallest; false is before true; text and bytes sort by bytes; numbers
// compare exactly, whatever their types. Values of different types sort as
// NULL, bool, number, text, JSON, bytes, time.
func CompareValues(a, b any) int {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y)
		}
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y)
		}
	}
	ra, rb := rank(a), rank(b)
	if ra != rb {
		return cmp.Compare(ra, rb)
	}
	switch ra {
	case rankNull:
		return 0
	case rankBool:
		return compareBools(a.(bool), b.(bool))
	case rankNumber:
		return compareNumbers(a, b)
	case rankJSON:
		return strings.Compare(string(a.(JSON)), string(b.(JSON)))
	case rankBytes:
		return bytes.Compare(a.([]byte), b.([]byte))
	}
	return strings.Compare(fmt.Sprintf("%T %v", a, a), fmt.Sprintf("%T %v", b, b))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func compareNumbers(a, b any) int {
	if x, ok := a.(float64); ok {
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y)
		}
		if s := special(x); s != 0 {
			return s
		}
	}
	if y, ok := b.(float64); ok {
		if s := special(y); s != 0 {
			return -s
		}
	}
	return compareDecimals(exactDecimal(a), exactDecimal(b))
}

// special orders the floats that are no canonical values outside of all
// others, so that the order stays total.
func special(f float64) int {
	switch {
	case math.IsNaN(f), math.IsInf(f, -1):
		return -1
	case math.IsInf(f, 1):
		return 1
	}
	return 0
}

// exactDecimal returns the number itself, for floats not its shortest spelling.
func exactDecimal(v any) decimal.Decimal {
	switch x := v.(type) {
	case int64:
		return decimal.NewFromInt(x)
	case decimal.Decimal:
		return x
	case float64:
		frac, exp := math.Frexp(x)
		coef := big.NewInt(int64(frac * (1 << 53)))
		exp -= 53
		if exp >= 0 {
			return decimal.NewFromBigInt(coef.Lsh(coef, uint(exp)), 0)
		}
		five := new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(-exp)), nil)
		return decimal.NewFromBigInt(coef.Mul(coef, five), int32(exp))
	}
	return decimal.Zero
}

// compareDecimals does not bring far apart exponents to a common one, which
// would let a short text such as 1e999999999 fill the memory.
func compareDecimals(a, b decimal.Decimal) int {
	if s, t := a.Sign(), b.Sign(); s != t {
		return cmp.Compare(s, t)
	} else if s == 0 {
		return 0
	}
	if d := int64(a.Exponent()) - int64(b.Exponent()); d > -64 && d < 64 {
		return a.Cmp(b)
	}
	if c := cmp.Compare(magnitude(a), magnitude(b)); c != 0 {
		return c * a.Sign()
	}
	// Same sign and same magnitude: the digits decide.
	x := strings.TrimRight(a.Coefficient().Text(10), "0")
	y := strings.TrimRight(b.Coefficient().Text(10), "0")
	return strings.Compare(strings.TrimLeft(x, "-"), strings.TrimLeft(y, "-")) * a.Sign()
}

// magnitude is the power of ten above the first digit.
func magnitude(d decimal.Decimal) int64 {
	return int64(d.Exponent()) + int64(d.NumDigits())
}

// Fold returns text as like compares it: every rune lower-cased by itself.
func Fold(s string) string { return strings.ToLower(s) }

// KeyString makes one string of canonical values, so that two lists have the
// same string exactly when all their values are equal. It is for keys of maps
// and not for people.
func KeyString(vals []any) string {
	b := make([]byte, 0, 40*len(vals))
	for _, v := range vals {
		b = appendKey(b, v)
	}
	return string(b)
}

func appendKey(b []byte, v any) []byte {
	sized := func(tag byte, s string) []byte {
		b = append(b, tag)
		b = strconv.AppendInt(b, int64(len(s)), 10)
		return append(append(b, ':'), s...)
	}
	switch x := v.(type) {
	case nil:
		return append(b, 'n')
	case bool:
		if x {
			return append(b, 't')
		}
		return append(b, 'f')
	case string:
		return sized('s', x)
	case []byte:
		return sized('b', string(x))
	case JSON:
		return sized('j', string(x))
	case time.Time:
		return append(strconv.AppendInt(append(b, 'm'), x.UnixMicro(), 10), ';')
	case int64:
		return append(strconv.AppendInt(append(b, 'd'), x, 10), ';')
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return append(strconv.AppendInt(append(b, 'd'), int64(x), 10), ';')
		}
		if special(x) != 0 {
			return sized('x', strconv.FormatFloat(x, 'g', -1, 64))
		}
		return appendDecimalKey(b, exactDecimal(x))
	case decimal.Decimal:
		return appendDecimalKey(b, x)
	}
	return sized('o', fmt.Sprintf("%T %v", v, v))
}

// appendDecimalKey writes equal numbers alike: without trailing zeros, whole
// numbers that are not too long as int64 writes them.
func appendDecimalKey(b []byte, d decimal.Decimal) []byte {
	b = append(b, 'd')
	digits := d.Coefficient().Text(10)
	short := strings.TrimRight(digits, "0")
	exp := int64(d.Exponent()) + int64(len(digits)-len(short))
	switch {
	case d.Sign() == 0:
		b = append(b, '0')
	case exp >= 0 && exp <= 20:
		b = append(append(b, short...), strings.Repeat("0", int(exp))...)
	default:
		b = append(append(b, short...), 'e')
		b = strconv.AppendInt(b, exp, 10)
	}
	return append(b, ';')
}

// Text writes a canonical value for people: NULL for nil, times in RFC 3339,
// bytes in hexadecimal.
func Text(v any) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case string:
		return x
	case []byte:
		return fmt.Sprintf("%x", x)
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case Unset:
		return ""
	}
	return fmt.Sprint(v)
}

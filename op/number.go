package op

import (
	"math"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// jsonNumber is the value of a JSON number: int64 where it is whole and fits,
// else a decimal.
func jsonNumber(text string) any {
	if len(text) < 19 && !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return nil
	}
	return plainNumber(d)
}

// plainNumber returns a whole number that fits as int64, others as they are.
func plainNumber(d decimal.Decimal) any {
	if d.Sign() == 0 {
		return int64(0)
	}
	if m := magnitude(d); m < 1 || m > 19 {
		return d
	}
	if d.Exponent() < 0 {
		// An exponent far below zero that still is a whole number has as many
		// zeros as digits, so the work is bounded by the text.
		if !d.IsInteger() {
			return d
		}
	}
	whole := d.BigInt()
	if whole.IsInt64() {
		return whole.Int64()
	}
	return d
}

func decimalFromFloat(f float64) (decimal.Decimal, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return decimal.Decimal{}, false
	}
	return decimal.NewFromFloat(f), true
}

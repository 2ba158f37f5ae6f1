package weft

import (
	"math"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

// Num is an exact number: what aggregates and increments give, and what a column
// of [Into], [Pluck] and [SQL] can be read as. The zero Num is NULL (the sum of
// nothing) and reads as 0. It is no type for fields of models.
type Num struct {
	v any // nil, int64, float64 or decimal.Decimal
}

func numOf(v any) (Num, error) {
	switch v.(type) {
	case nil, int64, float64, decimal.Decimal:
		return Num{v}, nil
	}
	return Num{}, op.Errorf(op.CodeValidation, "a %T is no number", v)
}

// readNum is numOf for a column of raw SQL too, where text may stand for a
// number.
func readNum(v any) (Num, error) {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	if s, ok := v.(string); ok {
		d, err := decimal.NewFromString(strings.TrimSpace(s))
		if err != nil {
			return Num{}, op.Errorf(op.CodeValidation, "%q is no number", s)
		}
		return Num{d}, nil
	}
	return numOf(v)
}

// IsNull reports whether there was no value.
func (n Num) IsNull() bool { return n.v == nil }

// Int64 returns the number as an integer, cut towards zero; a number outside
// the range of int64 becomes its nearest end.
func (n Num) Int64() int64 {
	switch x := n.v.(type) {
	case int64:
		return x
	case float64:
		switch {
		case math.IsNaN(x):
			return 0
		case x >= math.MaxInt64:
			return math.MaxInt64
		case x <= math.MinInt64:
			return math.MinInt64
		}
		return int64(x)
	case decimal.Decimal:
		t := x.Truncate(0)
		switch {
		case t.GreaterThan(decimal.NewFromInt(math.MaxInt64)):
			return math.MaxInt64
		case t.LessThan(decimal.NewFromInt(math.MinInt64)):
			return math.MinInt64
		}
		return t.IntPart()
	}
	return 0
}

// Float64 returns the nearest float.
func (n Num) Float64() float64 {
	switch x := n.v.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	case decimal.Decimal:
		return x.InexactFloat64()
	}
	return 0
}

// Decimal returns the number as a decimal: exact for integers and decimals, the
// shortest decimal that reads back as the float for floats.
func (n Num) Decimal() decimal.Decimal {
	switch x := n.v.(type) {
	case int64:
		return decimal.NewFromInt(x)
	case float64:
		return decimal.NewFromFloat(x)
	case decimal.Decimal:
		return x
	}
	return decimal.Decimal{}
}

// String writes the number; NULL is "NULL".
func (n Num) String() string {
	if n.v == nil {
		return "NULL"
	}
	return n.Decimal().String()
}

package mem

import (
	"math"
	"math/big"

	"github.com/shopspring/decimal"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// sum adds numbers of one type. The sum of none is NULL.
func sum(a op.Agg, vals []any) (any, error) {
	if len(vals) == 0 {
		return nil, nil
	}
	whole, float, exact := new(big.Int), 0.0, decimal.Zero
	for _, v := range vals {
		switch x := v.(type) {
		case int64:
			whole.Add(whole, big.NewInt(x))
		case float64:
			float += x
		case decimal.Decimal:
			exact = exact.Add(x)
		}
	}
	switch vals[0].(type) {
	case int64:
		if !whole.IsInt64() {
			return nil, op.Errorf(op.CodeValidation, "the sum %s is beyond the range of integers", a.As)
		}
		return whole.Int64(), nil
	case float64:
		if math.IsInf(float, 0) {
			return nil, op.Errorf(op.CodeValidation, "the sum %s is beyond the range of floats", a.As)
		}
		return float, nil
	}
	return exact, nil
}

// add adds an increment to a value of a field; NULL counts as 0.
func add(m *schema.Model, f *schema.Field, v, inc any) (any, error) {
	switch by := inc.(type) {
	case int64:
		old, _ := v.(int64)
		total := old + by
		if (by > 0) != (total > old) && by != 0 {
			return nil, op.Invalid(m.Name, f.Name, "range", "%d + %d is beyond the range of integers", old, by)
		}
		return total, nil
	case float64:
		old, _ := v.(float64)
		return old + by, nil
	case decimal.Decimal:
		old, _ := v.(decimal.Decimal)
		return old.Add(by), nil
	}
	return nil, op.Invalid(m.Name, f.Name, "increment", "cannot be incremented by %T", inc)
}

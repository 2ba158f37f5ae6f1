package weft_test

import (
	"math"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
)

// Meter has numbers of every kind, as large as they can be.
type Meter struct {
	ID int64 `weft:"primary,auto"`
	I8 int8
	I  int16
	N  int64
	U  uint
	U8 uint8
	F  float64
	P  float32
	D  decimal.Decimal `weft:"precision=18,scale=4"`
}

func TestNumbersAtTheirEnds(t *testing.T) {
	on(t, []any{Meter{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		meters := weft.Repo[Meter](db)
		big := decimal.RequireFromString("99999999999999.9999")
		must(t, meters.CreateMany(ctx, []*Meter{
			{I8: math.MaxInt8, I: math.MaxInt16, N: math.MaxInt64, U: math.MaxInt64, F: 1e300, D: big},
			{I8: math.MinInt8, I: math.MinInt16, N: math.MaxInt64, U: 0, F: -1e300, D: big.Neg()},
		}))
		num := func(n weft.Num, err error) weft.Num {
			t.Helper()
			must(t, err)
			return n
		}
		_, err := meters.Sum(ctx, "n") // beyond int64: an error and no wrong number
		says(t, err, "range")
		equal(t, num(meters.Max(ctx, "n")).Int64(), math.MaxInt64)
		equal(t, num(meters.Avg(ctx, "i8")).Float64(), -0.5)

		most, least := num(meters.Max(ctx, "f")), num(meters.Min(ctx, "f"))
		equal(t, most.Int64(), math.MaxInt64)
		equal(t, least.Int64(), math.MinInt64)
		equal(t, most.Float64(), 1e300)
		equal(t, num(meters.Avg(ctx, "f")).Float64(), 0)
		half := num(meters.Where("f", ">", 0).Avg(ctx, "f"))
		equal(t, half.Decimal().String(), decimal.NewFromFloat(1e300).String())

		equal(t, num(meters.Max(ctx, "i8")).Int64(), math.MaxInt8)
		equal(t, num(meters.Min(ctx, "i")).Float64(), math.MinInt16)
		equal(t, num(meters.Max(ctx, "u")).Decimal().IntPart(), math.MaxInt64)
		equal(t, num(meters.Max(ctx, "d")).Int64(), 99999999999999)
		equal(t, num(meters.Sum(ctx, "d")).String(), "0")

		none := num(meters.Where("n", "<", 0).Sum(ctx, "n"))
		if !none.IsNull() || none.Int64() != 0 || none.Float64() != 0 || !none.Decimal().IsZero() || none.String() != "NULL" {
			t.Fatal(none)
		}
		got, err := meters.OrderBy("id", weft.Asc).All(ctx)
		must(t, err)
		if got[0].I8 != math.MaxInt8 || got[1].I != math.MinInt16 || got[0].U != math.MaxInt64 || got[1].F != -1e300 {
			t.Fatalf("%+v %+v", got[0], got[1])
		}
		for field, bad := range map[string]any{"i8": 128, "i": 1 << 15, "u": -1, "n": 1.5, "f": math.Inf(1), "d": "0.00001", "p": 1e300, "u8": 256} {
			_, err := meters.Update(ctx, weft.Key(1), weft.Set{field: bad})
			is(t, err, weft.ErrValidation)
			says(t, err, field)
		}
		// What would not fit the Go type is never written, or the row could not be read again.
		for field, by := range map[string]int{"n": 1, "i8": 1, "i": 1, "u8": 256} {
			_, err := meters.Increment(ctx, weft.Key(1), field, by)
			is(t, err, weft.ErrValidation)
			_, err = meters.Where("id", "=", 1).Update(ctx, weft.Set{field: weft.Inc(by)})
			is(t, err, weft.ErrValidation)
		}
		is(t, meters.Create(ctx, &Meter{P: float32(math.Inf(1))}), weft.ErrValidation)
		got, err = meters.OrderBy("id", weft.Asc).All(ctx)
		must(t, err)
		equal(t, got[0].N, math.MaxInt64)
		equal(t, got[0].I8, math.MaxInt8)
	})
}

func TestAggregatesOfWhatIsNoNumber(t *testing.T) {
	on(t, []any{Author{}, Bio{}, Book{}, Genre{}}, func(t *testing.T, db *weft.DB) {
		ctx := t.Context()
		books := weft.Repo[Book](db)
		for name, err := range map[string]error{
			"sum": errOf(books.Sum(ctx, "title")), "avg": errOf(books.Avg(ctx, "title")), "min": errOf(books.Min(ctx, "out")),
		} {
			is(t, err, weft.ErrValidation)
			if err == nil {
				t.Fatal(name)
			}
			says(t, err, "not a number")
		}
		is(t, errOf(books.Avg(ctx, "nothing")), weft.ErrValidation)
		is(t, errOf(books.Distinct().Sum(ctx, "pages")), weft.ErrValidation)
	})
}

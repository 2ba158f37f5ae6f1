package lite

import (
	"math/big"
	"math/bits"

	"github.com/weftdb/weft/sqlengine"
)

// Sum is the state of an exact sum of integers. SQLite's own sum fails when it
// leaves 64 bits on the way, even when it comes back. The zero value is the sum
// of nothing; it has no pointers and may lie in memory of SQLite, set to zero.
type Sum struct {
	low, high uint64 // 128 bits, two's complement
	some      uint64 // 1 when there was a value
}

// Step adds one.
func (s *Sum) Step(v int64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(v), 0)
	s.high, _ = bits.Add64(s.high, uint64(v>>63), carry)
	s.some = 1
}

// Some reports whether anything was added.
func (s *Sum) Some() bool { return s.some != 0 }

// Int is the sum; ok is false where it does not fit.
func (s *Sum) Int() (sum int64, ok bool) {
	return int64(s.low), s.high == uint64(int64(s.low)>>63)
}

// Text is the sum in decimal, whatever its size.
func (s *Sum) Text() string {
	n := new(big.Int).Lsh(big.NewInt(int64(s.high)), 64)
	return n.Add(n, new(big.Int).SetUint64(s.low)).String()
}

// sumOf is a sum as an aggregate.
type sumOf struct {
	Sum
	wide bool // a sum that does not fit is text
}

func (s *sumOf) Step(args []sqlengine.Value) {
	if args[0].Kind != sqlengine.Null {
		s.Sum.Step(asInt(args[0]))
	}
}

func (s *sumOf) Final() (sqlengine.Value, error) {
	if !s.Some() {
		return sqlengine.Value{}, nil
	}
	n, ok := s.Int()
	switch {
	case ok:
		return sqlengine.IntValue(n), nil
	case s.wide:
		return sqlengine.TextValue(s.Text()), nil
	}
	return sqlengine.Value{}, errOverflow
}

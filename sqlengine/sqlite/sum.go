package sqlite

import (
	"math/big"
	"math/bits"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// sum is the state of an exact sum, in memory of SQLite. SQLite's own sum
// fails when it leaves 64 bits on the way, even when it comes back.
type sum struct {
	low, high uint64 // 128 bits, two's complement
	some      uint64 // 1 when there was a value
}

func state(tls *libc.TLS, ctx uintptr) *sum {
	return (*sum)(pointer(lib.Xsqlite3_aggregate_context(tls, ctx, 24)))
}

func sumStep(tls *libc.TLS, ctx uintptr, _ int32, argv uintptr) {
	f := call{tls, ctx, argv}
	s := state(tls, ctx)
	if s == nil || f.kind(0) == lib.SQLITE_NULL {
		return
	}
	v := lib.Xsqlite3_value_int64(tls, f.arg(0))
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(v), 0)
	s.high, _ = bits.Add64(s.high, uint64(v>>63), carry)
	s.some = 1
}

func (s *sum) fits() bool { return s.high == uint64(int64(s.low)>>63) }

func sumFinal(tls *libc.TLS, ctx uintptr) {
	s := state(tls, ctx)
	switch {
	case s == nil || s.some == 0:
		lib.Xsqlite3_result_null(tls, ctx)
	case s.fits():
		lib.Xsqlite3_result_int64(tls, ctx, int64(s.low))
	default:
		call{tls: tls, ctx: ctx}.fail(overflow)
	}
}

func sumFinalWide(tls *libc.TLS, ctx uintptr) {
	s := state(tls, ctx)
	if s == nil || s.some == 0 || s.fits() {
		sumFinal(tls, ctx)
		return
	}
	n := new(big.Int).Lsh(big.NewInt(int64(s.high)), 64)
	n.Add(n, new(big.Int).SetUint64(s.low))
	call{tls: tls, ctx: ctx}.text(n.String())
}

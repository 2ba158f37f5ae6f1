package op

import (
	"math"
	"time"

	"github.com/weftdb/weft/schema"
)

// The first and last second of the years 1 to 9999.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// plain reports quickly that a value is canonical for a write to the field.
// False means only that it has to be looked at more closely. It is what keeps
// Normalize out of the profile of an insert.
func plain(f *schema.Field, v any) bool {
	switch x := v.(type) {
	case string:
		limit := f.Size
		switch f.Type {
		case schema.String:
			if limit == 0 {
				limit = 255
			}
		case schema.Text, schema.UUID, schema.NanoID:
		default:
			return false
		}
		return (limit <= 0 || len(x) <= limit) && plainASCII(x)
	case int64:
		if f.GoBits != 0 {
			lo, hi := f.IntRange()
			return x >= lo && x <= hi && f.Type.Kind() == schema.KindInt
		}
		switch f.Type {
		case schema.BigInteger:
			return x >= 0 || !f.Unsigned
		case schema.Integer:
			return x <= math.MaxInt32 && (x >= 0 || (x >= math.MinInt32 && !f.Unsigned))
		}
	case bool:
		return f.Type == schema.Boolean
	case float64:
		return f.Type == schema.Float && f.GoBits == 0 && x-x == 0 && math.Float64bits(x) != 1<<63
	case time.Time:
		return (f.Type == schema.DateTime || f.Type == schema.Timestamp) && plainTime(x)
	case Unset:
		return true
	}
	return false
}

func plainTime(t time.Time) bool {
	s := t.Unix()
	return s >= firstSecond && s <= lastSecond && t.Nanosecond()%1000 == 0 && t.Location() == time.UTC && t == t.Round(0)
}

// plainASCII reports whether a text has bytes 1 to 127 only, eight at a time.
func plainASCII(s string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(s) >= 8 {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if (w|(w-ones))&highs != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i]-1 >= 0x7f {
			return false
		}
	}
	return true
}

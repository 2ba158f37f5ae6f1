package op

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// Zero is the value that a field which cannot be NULL has in rows that nobody
// gave one: in rows that were there before its column, and of a read-only field
// without a default. It is "", 0, false, the beginning of the year 1, an empty
// array or object, the first value of an enum, the UUID of zeros, JSON null for
// other JSON, and 1 for a version. Default is not looked at.
func Zero(f *schema.Field) any {
	if f.Role == schema.RoleVersion {
		return int64(1)
	}
	switch f.Type {
	case schema.UUID:
		return "00000000-0000-0000-0000-000000000000"
	case schema.Time:
		return "00:00:00"
	case schema.Array:
		return JSON("[]")
	case schema.Object:
		return JSON("{}")
	case schema.Enum:
		if len(f.Enum) > 0 {
			return f.Enum[0]
		}
	}
	switch f.Type.Kind() {
	case schema.KindInt:
		return int64(0)
	case schema.KindBool:
		return false
	case schema.KindDecimal:
		return decimal.Decimal{}
	case schema.KindFloat:
		return float64(0)
	case schema.KindTime:
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	case schema.KindBytes:
		return []byte{}
	case schema.KindJSON:
		return JSON("null")
	}
	return ""
}

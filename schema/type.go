package schema

import "time"

// Duration is a time span, written "60s" in YAML.
type Duration = time.Duration

// Type is the declared type of a field: what the database column is made from.
type Type string

// The types. Names are those of YAML.
const (
	String     Type = "string"
	Text       Type = "text"
	Integer    Type = "integer"    // 32 bits
	BigInteger Type = "bigInteger" // 64 bits
	Float      Type = "float"      // 64 bits
	Decimal    Type = "decimal"    // exact
	Boolean    Type = "boolean"
	Date       Type = "date"
	DateTime   Type = "datetime"
	Timestamp  Type = "timestamp" // as DateTime; kept apart for the database's own type
	Time       Type = "time"      // time of day, "15:04:05" with up to six decimals
	Binary     Type = "binary"
	UUID       Type = "uuid"
	NanoID     Type = "nanoid"
	Enum       Type = "enum"
	Array      Type = "array"
	Object     Type = "object"
	JSON       Type = "json"
	JSONB      Type = "jsonb"
	Specific   Type = "specificType" // Field.DBType, values pass as text, number, bytes or time
)

// ValueKind is the kind of the canonical Go value that a field's values have
// everywhere in operations and results.
type ValueKind uint8

// The kinds and the Go type of their values.
const (
	KindAny     ValueKind = iota // any of the below (specificType)
	KindString                   // string
	KindInt                      // int64
	KindFloat                    // float64
	KindDecimal                  // decimal.Decimal (shopspring)
	KindBool                     // bool
	KindTime                     // time.Time, UTC, whole microseconds
	KindBytes                    // []byte
	KindJSON                     // op.JSON, canonical text
)

// Kind returns the kind of the type's values.
func (t Type) Kind() ValueKind {
	switch t {
	case String, Text, UUID, NanoID, Enum, Time:
		return KindString
	case Integer, BigInteger:
		return KindInt
	case Float:
		return KindFloat
	case Decimal:
		return KindDecimal
	case Boolean:
		return KindBool
	case Date, DateTime, Timestamp:
		return KindTime
	case Binary:
		return KindBytes
	case Array, Object, JSON, JSONB:
		return KindJSON
	}
	return KindAny
}

package schema

import (
	"database/sql"
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"time"
)

var (
	timeType    = reflect.TypeFor[time.Time]()
	rawType     = reflect.TypeFor[json.RawMessage]()
	valuerType  = reflect.TypeFor[driver.Valuer]()
	scannerType = reflect.TypeFor[sql.Scanner]()
	jsonType    = reflect.TypeFor[json.Marshaler]()
	textType    = reflect.TypeFor[encoding.TextMarshaler]()
)

// goType is what a Go type is stored as.
type goType struct {
	typ      Type
	nullable bool
	unsigned bool
	fits     []Type // what type= may say; nil is anything, because the Go type converts itself
	bad      string // why it cannot be stored
}

var (
	textFits  = []Type{String, Text, UUID, NanoID, Enum, Time, Specific}
	jsonFits  = []Type{JSON, JSONB, Array, Object, Specific}
	listFits  = []Type{Array, JSON, JSONB, Specific}
	mapFits   = []Type{Object, JSON, JSONB, Specific}
	intFits   = []Type{Integer, BigInteger, Specific}
	bytesFits = []Type{Binary, JSON, JSONB, Specific}
	timeFits  = []Type{DateTime, Date, Timestamp, Specific}
)

// typeOfGo finds how values of a Go type are stored.
func typeOfGo(t reflect.Type) goType {
	if t.Kind() == reflect.Pointer {
		if t.Elem().Kind() == reflect.Pointer {
			return goType{bad: "a pointer to a pointer cannot be stored"}
		}
		g := typeOfGo(t.Elem())
		g.nullable = true
		return g
	}
	if g, ok := knownGo(t); ok {
		return g
	}
	switch t.Kind() {
	case reflect.String:
		return goType{typ: String, fits: textFits}
	case reflect.Bool:
		return goType{typ: Boolean, fits: []Type{Boolean, Specific}}
	case reflect.Int, reflect.Int64:
		return goType{typ: BigInteger, fits: intFits}
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return goType{typ: Integer, fits: intFits}
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		return goType{typ: BigInteger, unsigned: true, fits: intFits}
	case reflect.Uint8, reflect.Uint16:
		return goType{typ: Integer, unsigned: true, fits: intFits}
	case reflect.Float32, reflect.Float64:
		return goType{typ: Float, fits: []Type{Float, Specific}}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return goType{typ: Binary, fits: bytesFits}
		}
		fallthrough
	case reflect.Array:
		if marshals(t, jsonType) || marshals(t, textType) {
			return goType{typ: JSON, fits: jsonFits} // whatever it makes of itself
		}
		return goType{typ: Array, fits: listFits}
	case reflect.Map, reflect.Struct:
		if marshals(t, jsonType) || marshals(t, textType) {
			return goType{typ: JSON, fits: jsonFits}
		}
		return goType{typ: Object, fits: mapFits}
	case reflect.Interface:
		return goType{typ: JSON, nullable: true, fits: jsonFits} // nil is NULL
	}
	return goType{bad: "a value of type " + t.String() + " cannot be stored; tag it `weft:\"-\"`"}
}

// knownGo knows the types that stand for more than their kind.
func knownGo(t reflect.Type) (goType, bool) {
	name, _, _ := strings.Cut(t.Name(), "[")
	switch pkg := t.PkgPath(); {
	case t == timeType || (t.Kind() == reflect.Struct && t.ConvertibleTo(timeType)):
		return goType{typ: DateTime, fits: timeFits}, true
	case t == rawType:
		return goType{typ: JSON, nullable: true, fits: jsonFits}, true // nil is NULL
	case pkg == "github.com/weftdb/weft/op" && name == "JSON":
		return goType{typ: JSON, fits: jsonFits}, true
	case pkg == "database/sql" && strings.HasPrefix(name, "Null") && t.Kind() == reflect.Struct:
		g := typeOfGo(t.Field(0).Type) // the value comes first in all of them
		g.nullable = true
		return g, true
	case pkg == "github.com/shopspring/decimal" && (name == "Decimal" || name == "NullDecimal"):
		return goType{typ: Decimal, nullable: name == "NullDecimal", fits: []Type{Decimal, Specific}}, true
	case pkg == "github.com/google/uuid" && (name == "UUID" || name == "NullUUID"):
		return goType{typ: UUID, nullable: name == "NullUUID"}, true
	case marshals(t, valuerType) || marshals(t, scannerType):
		return goType{typ: String}, true
	}
	return goType{}, false
}

// marshals reports whether t or a pointer to it implements the interface.
func marshals(t, iface reflect.Type) bool {
	return t.Kind() != reflect.Interface && (t.Implements(iface) || reflect.PointerTo(t).Implements(iface))
}

// isScalarStruct reports whether a struct is stored as one value, so that
// embedding it does not flatten it.
func isScalarStruct(t reflect.Type) bool {
	_, known := knownGo(t)
	return known
}

// goBits is the size of a number in Go; 0 where it holds all that a column of
// 64 bits can, and for what is no number.
func goBits(t reflect.Type) int {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Float32:
		return t.Bits()
	case reflect.Struct: // sql.NullInt32, sql.Null[int8] and their like
		if t.PkgPath() == "database/sql" && t.NumField() == 2 {
			return goBits(t.Field(0).Type)
		}
	}
	return 0
}

// IntRange gives the least and the greatest integer that the field holds, by
// its type and, where that holds less, its Go type.
func (f *Field) IntRange() (lo, hi int64) {
	bits := 64
	if f.Type == Integer {
		bits = 32
	}
	if f.GoBits > 0 && f.GoBits < bits {
		bits = f.GoBits
	}
	switch {
	case f.Unsigned && bits == 64:
		return 0, math.MaxInt64
	case f.Unsigned:
		return 0, 1<<bits - 1
	}
	return -1 << (bits - 1), 1<<(bits-1) - 1
}

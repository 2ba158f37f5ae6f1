package schema_test

import (
	"database/sql"
	"math"
	"testing"

	"github.com/weftdb/weft/schema"
)

type narrow int8

// A field holds what both its column and its Go type hold.
func TestIntRange(t *testing.T) {
	type numbers struct {
		ID   int64
		I8   int8
		I16  *int16
		I32  int32
		Wide int32 `weft:"type=bigInteger"`
		I    int
		U8   uint8
		U16  uint16
		U32  *uint32
		U    uint64
		L    narrow
		N32  sql.NullInt32
		N16  sql.Null[int16]
		NB   sql.NullByte
		Text string
		F32  float32
		F64  float64
	}
	m, err := schema.FromStruct(numbers{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]int64{
		"i8": {math.MinInt8, math.MaxInt8}, "i16": {math.MinInt16, math.MaxInt16}, "i32": {math.MinInt32, math.MaxInt32},
		"wide": {math.MinInt32, math.MaxInt32}, "i": {math.MinInt64, math.MaxInt64}, "u8": {0, math.MaxUint8},
		"u16": {0, math.MaxUint16}, "u32": {0, math.MaxUint32}, "u": {0, math.MaxInt64}, "l": {math.MinInt8, math.MaxInt8},
		"n32": {math.MinInt32, math.MaxInt32}, "n16": {math.MinInt16, math.MaxInt16}, "nb": {0, math.MaxUint8},
	} {
		f := fieldOf(t, m, name)
		if lo, hi := f.IntRange(); lo != want[0] || hi != want[1] {
			t.Errorf("%s (%s, %d bits): %d to %d, want %d to %d", name, f.Type, f.GoBits, lo, hi, want[0], want[1])
		}
	}
	for name, want := range map[string]int{"text": 0, "f32": 32, "f64": 0, "i": 0} {
		if got := fieldOf(t, m, name).GoBits; got != want {
			t.Errorf("%s has %d bits, want %d", name, got, want)
		}
	}
}

func fieldOf(t *testing.T, m *schema.Model, name string) *schema.Field {
	t.Helper()
	for _, f := range m.Fields {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no field %s", name)
	return nil
}

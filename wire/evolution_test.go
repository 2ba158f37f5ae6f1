package wire

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

func count() op.Op { return op.Op{Kind: op.Count, Model: post()} }

func encoded(t testing.TB, o op.Op) []byte {
	t.Helper()
	data, err := EncodeOp(&o)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLaterVersions(t *testing.T) {
	newer := encoded(t, count())
	newer[1] = Version + 1
	field := func(num, typ int, payload ...byte) []byte {
		e := encoder{b: encoded(t, count())}
		e.tag(num, typ)
		return append(e.b, payload...)
	}
	for _, c := range []struct {
		name string
		data []byte
		code op.Code
		text string
	}{
		{"newer version", newer, op.CodeUnsupported, "version 2"},
		{"unknown flag", field(99, typFlag), op.CodeUnsupported, "field 99"},
		{"unknown number", field(99, typUint, 7), op.CodeUnsupported, "field 99"},
		{"unknown bytes", field(99, typBytes, 1, 7), op.CodeUnsupported, "field 99"},
		{"unknown eight bytes", field(99, typFixed, 1, 2, 3, 4, 5, 6, 7, 8), op.CodeUnsupported, "field 99"},
		{"optional flag", field(99, typFlag|optional), "", ""},
		{"optional number", field(99, typUint|optional, 7), "", ""},
		{"optional bytes", field(99, typBytes|optional, 1, 7), "", ""},
		{"optional eight bytes", field(99, typFixed|optional, 1, 2, 3, 4, 5, 6, 7, 8), "", ""},
		{"optional, too short", field(99, typFixed|optional, 1, 2), op.CodeValidation, "too early"},
		{"kind", []byte{magic, 1, msgOp, 1 << 3, 14}, op.CodeUnsupported, "kind of operation 14"},
		{"lock", field(opLock, typUint, 5), op.CodeUnsupported, "lock 5"},
		{"condition", field(opUsing, typBytes, 2, 8, 9), op.CodeUnsupported, "kind of condition 9"},
		{"operator", field(opUsing, typBytes, 4, 8, 2, 24, 16), op.CodeUnsupported, "operator 16"},
		{"value", field(opArgs, typBytes, 2, 1, 12), op.CodeUnsupported, "value of kind 12"},
		{"order", field(1, typUint, 1), op.CodeValidation, "field 1 after field 2"},
		{"wire type", field(opLimit, typBytes, 1, 1), op.CodeValidation, "wire type"},
		{"empty", nil, op.CodeValidation, "too short"},
		{"foreign", []byte("{}{}"), op.CodeValidation, "no message of Weft"},
		{"other message", EncodeError(nil), op.CodeValidation, "of kind 'E'"},
		{"without kind", []byte{magic, 1, msgOp}, op.CodeValidation, "without a kind"},
		{"length", field(opSQL, typBytes, 200, 1), op.CodeValidation, "length 200"},
		{"count", field(opArgs, typBytes, 5, 255, 255, 255, 255, 7), op.CodeValidation, "cannot be in"},
		{"number", field(opLimit, typUint, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1), op.CodeValidation, "bad number"},
		{"trailing", field(opArgs, typBytes, 3, 1, 0, 0), op.CodeValidation, "too many"},
		{"exponent", field(opArgs, typBytes, 8, 1, valDecimal, 0x80, 0x80, 0x80, 0x10, 2, 1), op.CodeValidation, "exponent"},
		{"year", field(opArgs, typBytes, 11, 1, valTime, 254, 255, 255, 255, 255, 255, 255, 255, 127), op.CodeValidation, "years 1 to 9999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodeOp(c.data, testSet.Model)
			if c.code == "" {
				if err != nil {
					t.Fatalf("%v, want it to be passed over", err)
				}
				return
			}
			if err == nil || op.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("got %v (%s), want %s with %q", err, op.CodeOf(err), c.code, c.text)
			}
		})
	}
}

func TestModels(t *testing.T) {
	data := encoded(t, count())
	if _, err := DecodeOp(data, nil); err == nil || !strings.Contains(err.Error(), `unknown model "Post"`) || op.CodeOf(err) != op.CodeValidation {
		t.Fatalf("got %v", err)
	}
	moved := *post()
	moved.Table = "articles"
	o := op.Op{Kind: op.Count, Model: &moved}
	if _, err := DecodeOp(encoded(t, o), testSet.Model); err == nil || !strings.Contains(err.Error(), `in table "articles" there and in table "posts" here`) {
		t.Fatalf("got %v", err)
	}
	cond := op.Cond{Kind: op.Has, Relation: "author", Target: &moved}
	if _, err := DecodeOp(encoded(t, op.Op{Kind: op.Count, Filter: cond}), testSet.Model); err == nil {
		t.Fatal("a condition on another table was decoded")
	}
}

func TestDepth(t *testing.T) {
	nest := func(n int) op.Op {
		c := op.Cmp("likes", op.Gt, int64(1))
		for range n {
			c = op.Cond{Kind: op.Not, Conds: []op.Cond{c}}
		}
		return op.Op{Kind: op.Count, Filter: c}
	}
	o := nest(MaxDepth - 2)
	if _, err := DecodeOp(encoded(t, o), nil); err != nil {
		t.Fatal(err)
	}
	o = nest(MaxDepth)
	if _, err := EncodeOp(&o); op.CodeOf(err) != op.CodeValidation || !strings.Contains(err.Error(), "deeper than") {
		t.Fatalf("got %v", err)
	}
	// What no encoder writes: a million open conditions.
	var deep []byte
	for range 1_000_000 {
		deep = append(deep, 8, 5, condConds<<3|typBytes, 1)
	}
	if _, err := DecodeOp(append([]byte{magic, 1, msgOp, 8, 2, opFilter<<3 | typBytes}, deep...), nil); err == nil {
		t.Fatal("decoded")
	}
}

func TestOtherGoValues(t *testing.T) {
	zone := time.FixedZone("x", 3600)
	args := []any{
		1, int8(-2), int16(3), int32(-4), uint(5), uint8(6), uint16(7), uint32(8), uint64(9), float32(0.5),
		time.Date(2024, 1, 1, 1, 0, 0, 1999, zone),
	}
	got := roundTrip(t, op.Op{Kind: op.SQL, Args: args})
	want := []any{
		int64(1), int64(-2), int64(3), int64(-4), int64(5), int64(6), int64(7), int64(8), int64(9), 0.5,
		time.Date(2024, 1, 1, 0, 0, 0, 1000, time.UTC),
	}
	for i := range want {
		if got.Args[i] != want[i] {
			t.Errorf("%T %v became %T %v", args[i], args[i], got.Args[i], got.Args[i])
		}
	}
	for _, v := range []any{uint64(math.MaxUint64), struct{}{}, make(chan int), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), decimal.New(1, MaxExponent+1)} {
		o := op.Op{Kind: op.SQL, Args: []any{v}}
		before := []byte("kept")
		after, err := AppendOp(before, &o)
		if !errors.Is(err, op.ErrValidation) || string(after) != "kept" || !strings.HasPrefix(err.Error(), "arguments: ") {
			t.Errorf("%T: got %q, %v", v, after, err)
		}
	}
	if nan := roundTrip(t, op.Op{Kind: op.SQL, Args: []any{math.Float64frombits(0x7ff8000000000123), math.Copysign(0, -1)}}); math.Float64bits(nan.Args[0].(float64)) != 0x7ff8000000000123 || !math.Signbit(nan.Args[1].(float64)) {
		t.Errorf("bits of floats became %v", nan.Args)
	}
}

func TestDecodedOwnsItsMemory(t *testing.T) {
	data := encoded(t, op.Op{Kind: op.SQL, SQL: "select", Args: []any{[]byte("bytes"), "text", op.JSON(`"json"`)}})
	got, err := DecodeOp(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if got.SQL != "select" || string(got.Args[0].([]byte)) != "bytes" || got.Args[1] != "text" || got.Args[2] != op.JSON(`"json"`) {
		t.Fatalf("got %v", got.Args)
	}
}

package wire

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/weftdb/weft/op"
)

// random draws everything that the walker asks for.
type random struct {
	t     *rapid.T
	plain bool // no *op.Related among the values
}

func (r *random) absent(depth int) bool {
	return depth > 8 || rapid.IntRange(0, 9).Draw(r.t, "absent") < 2+depth
}
func (r *random) length() int   { return rapid.IntRange(0, 3).Draw(r.t, "length") }
func (r *random) number() int64 { return rapid.Int64().Draw(r.t, "number") }
func (r *random) text() string  { return rapid.String().Draw(r.t, "text") }
func (r *random) flag() bool    { return rapid.Bool().Draw(r.t, "flag") }

func (r *random) value() any {
	v := canonical.Draw(r.t, "value")
	if _, ok := v.(*op.Related); ok && r.plain {
		return nil
	}
	return v
}

// canonical draws a canonical value.
var canonical = rapid.OneOf(
	rapid.Just[any](nil),
	rapid.SampledFrom(someValues),
	rapid.Map(rapid.Int64(), func(v int64) any { return v }),
	rapid.Map(rapid.Float64(), func(v float64) any { return v }),
	rapid.Map(rapid.String(), func(v string) any { return v }),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(v []byte) any { return append([]byte{}, v...) }),
	rapid.Map(rapid.Int64Range(firstMicro, lastMicro), func(v int64) any { return time.UnixMicro(v).UTC() }),
	rapid.Custom(func(t *rapid.T) any {
		d := decimal.New(rapid.Int64().Draw(t, "digits"), int32(rapid.IntRange(-30, 30).Draw(t, "exponent")))
		if d = d.Add(decimal.New(rapid.Int64().Draw(t, "more"), 25)); d.IsZero() {
			return decimal.New(0, d.Exponent()) // the zero of a sum is another one to reflect.DeepEqual
		}
		return d
	}),
)

func TestOperationsSurvive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var o op.Op
		fill(reflect.ValueOf(&o).Elem(), &random{t: rt}, 0)
		data, err := EncodeOp(&o)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := DecodeOp(data, testSet.Model)
		if err != nil {
			rt.Fatal(err)
		}
		sameModels(t, &got, &o)
		if !reflect.DeepEqual(got, o) {
			rt.Fatalf("got %+v, want %+v", got, o)
		}
		again, err := EncodeOp(&got)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(again, data) {
			rt.Fatal("the decoded operation is encoded to other bytes")
		}
	})
}

func TestResultsSurvive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var r op.Result
		fill(reflect.ValueOf(&r).Elem(), &random{t: rt}, 2)
		var rows [][]any
		if r.Rows != nil {
			rows = allRows(t, r.Rows)
			r.Rows = op.NewRows(rows)
		}
		r.Batch = nil // their rows can be read once only; a list of results is like one
		data, err := EncodeResult(r)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := DecodeResult(data, testSet.Model)
		if err != nil {
			rt.Fatal(err)
		}
		var b bytes.Buffer
		r.Rows = op.NewRows(rows)
		if err := WriteRows(&b, r, AnyNumber); err != nil {
			rt.Fatal(err)
		}
		streamed, err := NewRowReader(&b, testSet.Model).Head()
		if err != nil {
			rt.Fatal(err)
		}
		for _, g := range []op.Result{got, streamed} {
			if g.N != r.N || !reflect.DeepEqual(g.Plan, r.Plan) {
				rt.Fatalf("got %+v, want %+v", g, r)
			}
			if back := allRows(t, g.Rows); !sameRows(back, rows) {
				rt.Fatalf("got rows %v, want %v", back, rows)
			}
		}
	})
}

func TestErrorsSurvive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var x struct{ Err error }
		fill(reflect.ValueOf(&x).Elem(), &random{t: rt, plain: true}, 0)
		got := DecodeError(EncodeError(x.Err))
		if !reflect.DeepEqual(got, x.Err) {
			rt.Fatalf("got %#v, want %#v", got, x.Err)
		}
	})
}

// No input makes a decoder panic, and bytes that were cut or changed are
// either refused or read as something that can be encoded.
func TestDamagedOperations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var o op.Op
		fill(reflect.ValueOf(&o).Elem(), &random{t: rt}, 2)
		data, err := EncodeOp(&o)
		if err != nil {
			rt.Fatal(err)
		}
		data = data[:rapid.IntRange(0, len(data)).Draw(rt, "cut")]
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			if len(data) > 0 {
				data[rapid.IntRange(0, len(data)-1).Draw(rt, "at")] = rapid.Byte().Draw(rt, "byte")
			}
		}
		got, err := DecodeOp(data, testSet.Model)
		if err != nil {
			return
		}
		if _, err := EncodeOp(&got); err != nil {
			rt.Fatal(err)
		}
	})
}

package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
)

// seeds adds every golden message of the named kinds, whole and cut short.
func seeds(f *testing.F, prefix string) {
	for _, g := range goldens() {
		if !strings.HasPrefix(g.name, prefix) {
			continue
		}
		data, err := g.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
}

// same checks that what was decoded is encoded to bytes that mean the same.
func same(t *testing.T, what string, first, second []byte) {
	if !bytes.Equal(first, second) {
		t.Fatalf("%s: encoded as\n%x\nthen, after decoding, as\n%x", what, first, second)
	}
}

func FuzzDecodeOp(f *testing.F) {
	seeds(f, "op-")
	full := fullOp()
	data, err := EncodeOp(&full)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := DecodeOp(data, testSet.Model)
		if err != nil {
			if op.CodeOf(err) != op.CodeValidation && op.CodeOf(err) != op.CodeUnsupported {
				t.Fatalf("%v has code %s", err, op.CodeOf(err))
			}
			return
		}
		first, err := EncodeOp(&o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeOp(first, testSet.Model)
		if err != nil {
			t.Fatal(err)
		}
		second, err := EncodeOp(&again)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "operation", first, second)
	})
}

func FuzzDecodeResult(f *testing.F) {
	seeds(f, "result-")
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeResult(data, testSet.Model)
		if err != nil {
			return
		}
		first, err := EncodeResult(r)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = DecodeResult(first, testSet.Model); err != nil {
			t.Fatal(err)
		}
		second, err := EncodeResult(r)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "result", first, second)
	})
}

func FuzzDecodeError(f *testing.F) {
	seeds(f, "error")
	f.Fuzz(func(t *testing.T, data []byte) {
		err := DecodeError(data)
		if err != nil {
			_ = err.Error()
		}
		first := EncodeError(err)
		second := DecodeError(first)
		same(t, "error", first, EncodeError(second))
	})
}

func FuzzRowReader(f *testing.F) {
	seeds(f, "rows")
	f.Add(stream(f, AnyNumber, [][]any{someValues, {}, nil}, nil))
	f.Add(stream(f, 3, wide(30), op.ErrTimeout))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewRowReader(bytes.NewReader(data), testSet.Model)
		head, err := r.Head()
		if err != nil {
			return
		}
		var rows [][]any
		for r.Next() {
			rows = append(rows, append([]any{}, r.Row()...))
		}
		if r.Err() != nil {
			return
		}
		var b bytes.Buffer
		head.Rows = op.NewRows(rows)
		if err := WriteRows(&b, head, AnyNumber); err != nil {
			t.Fatal(err)
		}
		got := NewRowReader(&b, testSet.Model)
		for i := range rows {
			if !got.Next() {
				t.Fatalf("row %d of %d is missing: %v", i, len(rows), got.Err())
			}
			if len(got.Row()) != len(rows[i]) {
				t.Fatalf("row %d has %d values, want %d", i, len(got.Row()), len(rows[i]))
			}
		}
		if got.Next() || got.Err() != nil {
			t.Fatalf("a row too many, or %v", got.Err())
		}
	})
}

func FuzzDecodeRest(f *testing.F) {
	seeds(f, "caps")
	seeds(f, "tx-")
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := DecodeCaps(data); err == nil {
			if got, err := DecodeCaps(EncodeCaps(c)); err != nil || !reflect.DeepEqual(got, c) {
				t.Fatalf("%+v became %+v, %v", c, got, err)
			}
		}
		if o, err := DecodeTxOptions(data); err == nil {
			if got, err := DecodeTxOptions(EncodeTxOptions(o)); err != nil || got != o {
				t.Fatalf("%+v became %+v, %v", o, got, err)
			}
		}
	})
}

package wire

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// yamlOf is what a set says, to compare sets by.
func yamlOf(t testing.TB, s *schema.Set) string {
	t.Helper()
	b, err := schema.SetYAML(s)
	if err != nil {
		t.Fatalf("write models as YAML: %v", err)
	}
	return string(b)
}

func fullOp() op.Op {
	var o op.Op
	fill(reflect.ValueOf(&o).Elem(), &full{}, 0)
	return o
}

// A field that is added to the contract and forgotten here fails this test.
func TestEveryFieldOfAnOperation(t *testing.T) {
	o := fullOp()
	if missing := zeros(reflect.ValueOf(o), "Op", map[reflect.Type]bool{}); len(missing) > 0 {
		t.Fatalf("the test does not fill %v", missing)
	}
	data, err := EncodeOp(&o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeOp(data, testSet.Model)
	if err != nil {
		t.Fatal(err)
	}
	sameModels(t, &got, &o)
	if !reflect.DeepEqual(got, o) {
		t.Fatalf("decoded operation differs\n got %+v\nwant %+v", got, o)
	}
	again, err := EncodeOp(&got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, data) {
		t.Fatal("the decoded operation is encoded to other bytes")
	}
}

// Each value of every field alone survives, also where the full operation has
// it only beside others.
func TestFieldsAlone(t *testing.T) {
	whole := reflect.ValueOf(fullOp())
	for i := range whole.NumField() {
		f := whole.Type().Field(i)
		if beside[f.Type] {
			continue
		}
		var o op.Op
		reflect.ValueOf(&o).Elem().Field(i).Set(whole.Field(i))
		got := roundTrip(t, o)
		if !reflect.DeepEqual(got, o) {
			t.Errorf("%s: got %+v", f.Name, got)
		}
		if f.Type.Kind() == reflect.Slice { // empty is not nil
			var o op.Op
			reflect.ValueOf(&o).Elem().Field(i).Set(reflect.MakeSlice(f.Type, 0, 0))
			if got := roundTrip(t, o); !reflect.DeepEqual(got, o) {
				t.Errorf("empty %s: got %+v", f.Name, got)
			}
		}
	}
}

func roundTrip(t testing.TB, o op.Op) op.Op {
	t.Helper()
	data, err := EncodeOp(&o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeOp(data, testSet.Model)
	if err != nil {
		t.Fatal(err)
	}
	sameModels(t, &got, &o)
	return got
}

func TestEveryFieldOfAResult(t *testing.T) {
	var r op.Result
	fill(reflect.ValueOf(&r).Elem(), &full{}, 4)
	if missing := zeros(reflect.ValueOf(r), "Result", map[reflect.Type]bool{}); len(missing) > 0 {
		t.Fatalf("the test does not fill %v", missing)
	}
	var want op.Result
	fill(reflect.ValueOf(&want).Elem(), &full{}, 4)
	data, err := EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeResult(data, testSet.Model)
	if err != nil {
		t.Fatal(err)
	}
	sameResult(t, got, want)
}

// sameResult compares results and reads their rows to the end.
func sameResult(t testing.TB, got, want op.Result) {
	t.Helper()
	if (got.Rows == nil) != (want.Rows == nil) {
		t.Fatalf("rows are %v, want %v", got.Rows, want.Rows)
	}
	if g, w := allRows(t, got.Rows), allRows(t, want.Rows); !sameRows(g, w) {
		t.Fatalf("rows are %v, want %v", g, w)
	}
	if len(got.Batch) != len(want.Batch) || (got.Batch == nil) != (want.Batch == nil) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	g, w := got, want // all other fields, also those to come
	g.Rows, w.Rows, g.Batch, w.Batch = nil, nil, nil, nil
	if !reflect.DeepEqual(g, w) {
		t.Fatalf("got %+v, want %+v", g, w)
	}
	for i := range got.Batch {
		sameResult(t, got.Batch[i], want.Batch[i])
	}
}

func sameRows(a, b [][]any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i]) != len(b[i]) || len(a[i]) > 0 && !reflect.DeepEqual(a[i], b[i]) {
			return false
		}
	}
	return true
}

func TestEveryFieldOfTheRest(t *testing.T) {
	var c op.Caps
	fill(reflect.ValueOf(&c).Elem(), &full{}, 0)
	if missing := zeros(reflect.ValueOf(c), "Caps", map[reflect.Type]bool{}); len(missing) > 0 {
		t.Fatalf("the test does not fill %v", missing)
	}
	if got, err := DecodeCaps(EncodeCaps(c)); err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("got %+v, %v, want %+v", got, err, c)
	}
	for _, c := range []op.Caps{{}, {Flags: ^op.Flags(0)}, {Layers: []string{}}} {
		if got, err := DecodeCaps(EncodeCaps(c)); err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("got %+v, %v, want %+v", got, err, c)
		}
	}
	var o op.TxOptions
	fill(reflect.ValueOf(&o).Elem(), &full{}, 0)
	if missing := zeros(reflect.ValueOf(o), "TxOptions", map[reflect.Type]bool{}); len(missing) > 0 {
		t.Fatalf("the test does not fill %v", missing)
	}
	for _, o := range []op.TxOptions{o, {}} {
		if got, err := DecodeTxOptions(EncodeTxOptions(o)); err != nil || got != o {
			t.Fatalf("got %+v, %v, want %+v", got, err, o)
		}
	}
}

func TestEveryFieldOfErrors(t *testing.T) {
	for _, want := range []error{&op.Error{}, &op.ConflictError{}, &op.ValidationError{}} {
		s := &full{}
		v := reflect.ValueOf(want).Elem()
		fill(v, s, 5)
		if c, ok := want.(*op.ConflictError); ok {
			c.Current = plainValues()
			c.Row = nil // a Go struct, set above every engine; not encoded
		}
		if missing := zeros(v, v.Type().Name(), map[reflect.Type]bool{}); len(missing) > 0 && !slices.Equal(missing, []string{"ConflictError.Row"}) {
			t.Fatalf("the test does not fill %v", missing)
		}
		got := DecodeError(EncodeError(want))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %#v, want %#v", got, want)
		}
	}
}

// plainValues are the values a row of a table may hold.
func plainValues() []any {
	out := []any{nil}
	for _, v := range someValues {
		if _, ok := v.(*op.Related); !ok {
			out = append(out, v)
		}
	}
	return out
}

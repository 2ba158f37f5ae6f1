package wire

import (
	"bytes"
	"slices"
	"testing"

	"github.com/weftdb/weft/op"
)

// What raw SQL says beside its rows arrives.
func TestResultOfSQL(t *testing.T) {
	want := op.Result{N: 1, LastID: -7, Columns: []string{"a", "b"}, Types: []string{"DATETIME", ""}}
	check := func(got op.Result) {
		t.Helper()
		if got.N != want.N || got.LastID != want.LastID || !slices.Equal(got.Columns, want.Columns) || !slices.Equal(got.Types, want.Types) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	b, err := EncodeResult(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeResult(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(got)
	var buf bytes.Buffer
	want.Rows = op.NewRows([][]any{{int64(1), "x"}})
	if err := WriteRows(&buf, want, 2); err != nil {
		t.Fatal(err)
	}
	r := NewRowReader(&buf, nil)
	if got, err = r.Head(); err != nil {
		t.Fatal(err)
	}
	check(got)
}

package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weftdb/weft/op"
)

// stream is a whole stream of rows.
func stream(t testing.TB, cols int, rows [][]any, end error) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewRowWriter(&b, cols)
	for _, r := range rows {
		if err := w.WriteRow(r); err != nil {
			t.Fatal(err)
		}
	}
	err := w.End
	if end != nil {
		err = func() error { return w.Fail(end) }
	}
	if err := err(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wide(n int) [][]any {
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{int64(i), strings.Repeat("x", i%50), nil}
	}
	return rows
}

func TestStream(t *testing.T) {
	for _, c := range []struct {
		name string
		cols int
		rows [][]any
	}{
		{"none", 3, nil},
		{"one", 3, wide(1)},
		{"many frames", 3, wide(10_000)},
		{"any number", AnyNumber, [][]any{{int64(1)}, {}, nil, {"a", "b"}}},
		{"no columns", 0, [][]any{{}, {}}},
		{"every value", AnyNumber, [][]any{someValues, plainValues()}},
		{"large row", 2, [][]any{{"a", nil}, {bytes.Repeat([]byte("b"), 3<<20), "c"}, {"d", nil}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := stream(t, c.cols, c.rows, nil)
			for _, in := range []io.Reader{bytes.NewReader(data), iotest.HalfReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
				if got := allRows(t, NewRowReader(in, testSet.Model)); !sameRows(got, c.rows) {
					t.Fatalf("got %d rows, want %d", len(got), len(c.rows))
				}
			}
		})
	}
}

func TestStreamHead(t *testing.T) {
	plan := &op.Plan{Engine: "mem", Notes: []string{"n"}}
	for _, want := range []op.Result{
		{N: 42},
		{Plan: plan},
		{N: 2, Rows: op.NewRows([][]any{{"a"}, {"b"}})},
		{Rows: op.NewRows(nil)},
		{Batch: []op.Result{{N: 1}, {Rows: op.NewRows([][]any{{"c"}})}}},
	} {
		var b bytes.Buffer
		want2 := want // rows are read once for writing and once for comparing
		if want.Rows != nil {
			rows := allRows(t, want.Rows)
			want.Rows, want2.Rows = op.NewRows(rows), op.NewRows(rows)
		}
		if want.Batch != nil {
			want2.Batch = []op.Result{{N: 1}, {Rows: op.NewRows([][]any{{"c"}})}}
		}
		if err := WriteRows(&b, want, 1); err != nil {
			t.Fatal(err)
		}
		got, err := NewRowReader(&b, nil).Head()
		if err != nil {
			t.Fatal(err)
		}
		sameResult(t, got, want2)
	}
}

func TestStreamErrors(t *testing.T) {
	data := stream(t, 3, wide(5000), op.Errorf(op.CodeNotFound, "gone"))
	r := NewRowReader(bytes.NewReader(data), nil)
	n := 0
	for r.Next() {
		n++
	}
	if n != 5000 || !errors.Is(r.Err(), op.ErrNotFound) {
		t.Fatalf("%d rows, then %v", n, r.Err())
	}
	for _, cols := range []int{NoRows, 1} { // in place of any rows
		_, err := NewRowReader(bytes.NewReader(stream(t, cols, nil, context.Canceled)), nil).Head()
		if cols == NoRows && err != context.Canceled {
			t.Fatalf("got %v", err)
		}
	}
	// The rows of the engine fail while they are sent.
	var b bytes.Buffer
	if err := WriteRows(&b, op.Result{Rows: failing{op.ErrTimeout}}, 1); err != nil {
		t.Fatal(err)
	}
	r = NewRowReader(&b, nil)
	for r.Next() {
	}
	if r.Err() != error(op.ErrTimeout) {
		t.Fatalf("got %v", r.Err())
	}
	// A value that cannot be sent is told to both sides.
	b.Reset()
	if err := WriteRows(&b, op.Result{Rows: op.NewRows([][]any{{"a"}, {struct{}{}}})}, 1); !errors.Is(err, op.ErrValidation) {
		t.Fatalf("got %v", err)
	}
	r = NewRowReader(&b, nil)
	for n = 0; r.Next(); n++ {
	}
	if n != 1 || !errors.Is(r.Err(), op.ErrValidation) {
		t.Fatalf("%d rows, then %v", n, r.Err())
	}
	if err := WriteRows(brokenWriter{}, op.Result{N: 1}, NoRows); err != io.ErrClosedPipe {
		t.Fatalf("got %v", err)
	}
}

type failing struct{ err error }

func (failing) Next() bool   { return false }
func (failing) Row() []any   { return nil }
func (f failing) Err() error { return f.err }
func (failing) Close() error { return nil }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A stream that breaks off anywhere is an error, never fewer rows.
func TestStreamBreaksOff(t *testing.T) {
	data := stream(t, 3, wide(40), nil)
	for i := range data {
		r := NewRowReader(bytes.NewReader(data[:i]), nil)
		n := 0
		for r.Next() {
			n++
		}
		if !errors.Is(r.Err(), io.ErrUnexpectedEOF) || op.CodeOf(r.Err()) != op.CodeDatabase {
			t.Fatalf("after %d of %d bytes: %d rows, %v", i, len(data), n, r.Err())
		}
	}
	r := NewRowReader(iotest.ErrReader(context.Canceled), nil)
	if r.Next() || op.CodeOf(r.Err()) != op.CodeCancelled {
		t.Fatalf("got %v", r.Err())
	}
}

func TestHostileStreams(t *testing.T) {
	start := append([]byte{magic, 1, msgRows}, frameHead, 1, 2) // one column
	for _, c := range []struct {
		name string
		data []byte
		text string
	}{
		{"newer", []byte{magic, 2, msgRows}, "version 2"},
		{"rows before the head", []byte{magic, 1, msgRows, frameRows, 1, 0}, "begin with its head"},
		{"two heads", append(start, frameHead, 1, 2), "among the rows"},
		{"unknown frame", append(start, 9, 0), "frame of kind 9"},
		{"huge frame", append(start, frameRows, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "larger than the limit"},
		{"half a row", append(start, frameRows, 2, valText, 5), "length 5"},
		{"lost rows", append(start, frameRows, 1, 0, frameEnd, 1, 2), "2 rows were sent and 1 arrived"},
		{"many columns", []byte{magic, 1, msgRows, frameHead, 4, 0xff, 0xff, 0xff, 0x7f, frameRows, 1, 0}, "cannot be in"},
		{"more columns", []byte{magic, 1, msgRows, frameHead, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, "columns"},
		{"no error", append(start, frameError, 4, magic, 1, msgError, errNone<<3|typFlag), "without an error"},
		{"rows in the head", []byte{magic, 1, msgRows, frameHead, 4, 2, 2<<3 | typBytes, 1, 0}, "rows in the head"},
		{"rows where none are", []byte{magic, 1, msgRows, frameHead, 1, 0, frameRows, 1, 0}, "without rows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewRowReader(bytes.NewReader(c.data), nil)
			for r.Next() {
			}
			if r.Err() == nil || !strings.Contains(r.Err().Error(), c.text) {
				t.Fatalf("got %v, want %q", r.Err(), c.text)
			}
		})
	}
	// A frame that may be ignored is.
	data := append(start, frameIgnore|9, 2, 1, 1, frameRows, 1, valTrue, frameEnd, 1, 1)
	if got := allRows(t, NewRowReader(bytes.NewReader(data), nil)); !reflect.DeepEqual(got, [][]any{{true}}) {
		t.Fatalf("got %v", got)
	}
	// A length alone costs no memory: the frame says 1 GB and ends.
	huge := append(start, frameRows, 0x80, 0x80, 0x80, 0x80, 0x04)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewRowReader(bytes.NewReader(huge), nil)
	for r.Next() {
	}
	runtime.ReadMemStats(&after)
	per := after.TotalAlloc - before.TotalAlloc
	if per > 1<<20 {
		t.Fatalf("a frame that never comes takes %d bytes", per)
	}
	r = NewRowReader(bytes.NewReader(stream(t, 1, [][]any{{strings.Repeat("x", 1000)}}, nil)), nil)
	r.Limit(500)
	if r.Next() || !strings.Contains(r.Err().Error(), "limit of 500") {
		t.Fatalf("got %v", r.Err())
	}
}

func TestWriterIsUsedRight(t *testing.T) {
	var b bytes.Buffer
	w := NewRowWriter(&b, 2)
	for _, row := range [][]any{{"a"}, nil, {"a", "b", "c"}, {"a", struct{}{}}} {
		if err := w.WriteRow(row); err == nil {
			t.Errorf("a row %v of two columns was written", row)
		}
	}
	if err := w.WriteRow([]any{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteHead(op.Result{}); err == nil {
		t.Error("a head was written behind a row")
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() error{w.End, w.Flush, func() error { return w.WriteRow([]any{1, 2}) }, func() error { return w.Fail(io.EOF) }} {
		if f() == nil {
			t.Error("a stream that has ended was written to")
		}
	}
	if got := allRows(t, NewRowReader(&b, nil)); !reflect.DeepEqual(got, [][]any{{"a", "b"}}) {
		t.Fatalf("got %v", got)
	}
	if err := NewRowWriter(&b, NoRows).WriteRow([]any{}); err == nil {
		t.Error("a row was written where there are none")
	}
}

// counted is a stream of n rows that are never all in memory.
type counted struct{ n, at int }

func (c *counted) Next() bool   { c.at++; return c.at <= c.n }
func (c *counted) Row() []any   { return []any{int64(c.at), "row"} }
func (c *counted) Err() error   { return nil }
func (c *counted) Close() error { return nil }

func TestManyRowsInLittleMemory(t *testing.T) {
	const n = 200_000
	p := &pump{rows: &counted{n: n}}
	p.w = NewRowWriter(&p.buf, 2)
	r := NewRowReader(p, nil)
	got := 0
	for r.Next() {
		got++
		if r.Row()[0] != int64(got) {
			t.Fatalf("row %d is %v", got, r.Row())
		}
	}
	if r.Err() != nil || got != n {
		t.Fatalf("%d rows, %v", got, r.Err())
	}
	if p.buf.Cap() > 4*chunk || cap(p.w.enc.b) > 4*chunk {
		t.Fatalf("the stream holds %d and %d bytes", p.buf.Cap(), cap(p.w.enc.b))
	}
}

func TestCloseEndsReading(t *testing.T) {
	r := NewRowReader(bytes.NewReader(stream(t, 3, wide(10), nil)), nil)
	if !r.Next() {
		t.Fatal(r.Err())
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if r.Next() || r.Err() != nil {
		t.Fatalf("a row after Close, or %v", r.Err())
	}
}

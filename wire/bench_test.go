package wire

import (
	"io"
	"testing"

	"github.com/weftdb/weft/op"
)

func getByID() op.Op {
	return op.Op{Kind: op.Find, Model: post(), Filter: op.Cmp("id", op.Eq, "0190a1b2-0000-7000-8000-000000000001"), Limit: 1}
}

func BenchmarkAppendGet(b *testing.B) {
	o := getByID()
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = AppendOp(buf[:0], &o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeGet(b *testing.B) {
	o := getByID()
	data := encoded(b, o)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeOp(data, testSet.Model); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendInsert100(b *testing.B) {
	o := op.Op{Kind: op.Insert, Model: post(), Rows: wide(100)}
	buf := make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = AppendOp(buf[:0], &o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteRow(b *testing.B) {
	w := NewRowWriter(io.Discard, 3)
	row := []any{int64(12345), "a title of some length", nil}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.WriteRow(row); err != nil {
			b.Fatal(err)
		}
	}
}

// endless gives the same frame of rows again and again.
type endless struct {
	head, frame []byte
	at          int
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.at == len(e.frame) {
		e.at = 0
	}
	n := copy(p, e.frame[e.at:])
	e.at += n
	return n, nil
}

func BenchmarkReadRow(b *testing.B) {
	head := stream(b, 3, nil, nil)
	head = head[:len(head)-3] // without the end frame
	rows := make([][]any, 500)
	for i := range rows {
		rows[i] = []any{int64(i), "a title of some length", nil}
	}
	frame := stream(b, 3, rows, nil)
	r := NewRowReader(&endless{head: head, frame: frame[len(head) : len(frame)-4]}, nil)
	b.ReportAllocs()
	for b.Loop() {
		if !r.Next() {
			b.Fatal(r.Err())
		}
	}
}

package op_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
)

// log is a sink that writes down what it is given.
type log struct {
	op.Sink
	calls []string
	fail  error
}

func (l *log) add(format string, args ...any) {
	l.calls = append(l.calls, fmt.Sprintf(format, args...))
}
func (l *log) Begin()                  { l.add("begin") }
func (l *log) Null(c int)              { l.add("%d null", c) }
func (l *log) Int(c int, v int64)      { l.add("%d int %d", c, v) }
func (l *log) Float(c int, v float64)  { l.add("%d float %v", c, v) }
func (l *log) Bool(c int, v bool)      { l.add("%d bool %v", c, v) }
func (l *log) Text(c int, v string)    { l.add("%d text %s", c, v) }
func (l *log) Bytes(c int, v []byte)   { l.add("%d bytes %x", c, v) }
func (l *log) Time(c int, v time.Time) { l.add("%d time %s", c, v.Format(time.DateOnly)) }
func (l *log) Value(c int, v any)      { l.add("%d %T %v", c, v, v) }
func (l *log) End() error              { l.add("end"); return l.fail }

func TestRows(t *testing.T) {
	rows := op.NewRows([][]any{{int64(1)}, {int64(2)}})
	var got []any
	for rows.Next() {
		got = append(got, rows.Row()[0])
	}
	if !slices.Equal(got, []any{int64(1), int64(2)}) || rows.Err() != nil || rows.Row() != nil || rows.Next() {
		t.Errorf("got %v, %v", got, rows.Err())
	}
	rows = op.NewRows([][]any{{1}, {2}})
	rows.Next()
	again := rows.Close()
	if again != nil || rows.Close() != nil || rows.Next() || rows.Row() != nil {
		t.Error("rows go on after Close")
	}
}

func TestSinkRows(t *testing.T) {
	sink := &log{}
	row := []any{nil, int64(1), 0.5, true, "x", []byte{1}, at("2024-01-02T00:00:00Z"), dec("1.50"), op.JSON("{}")}
	rows := op.NewSinkRows([][]any{row}, sink)
	if !rows.Next() || rows.Row() != nil || rows.Next() || rows.Err() != nil {
		t.Error("not one row")
	}
	want := []string{"begin", "0 null", "1 int 1", "2 float 0.5", "3 bool true", "4 text x", "5 bytes 01", "6 time 2024-01-02", "7 decimal.Decimal 1.5", "8 op.JSON {}", "end"}
	if !slices.Equal(sink.calls, want) {
		t.Errorf("got  %q\nwant %q", sink.calls, want)
	}
	sink = &log{fail: errors.New("full")}
	rows = op.NewSinkRows([][]any{row, row}, sink)
	if rows.Next() || !errors.Is(rows.Err(), sink.fail) || rows.Next() {
		t.Errorf("the sink's error does not end the rows: %v", rows.Err())
	}
}

func TestKinds(t *testing.T) {
	thing, _ := models(t)
	for k := op.Find; k <= op.Backup; k++ {
		if k.String() == "?" || k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
	o := op.Op{Kind: op.Batch, Batch: []op.Op{{Kind: op.Find}, {Kind: op.Count}}}
	if o.Writes() {
		t.Error("a batch of reads writes")
	}
	o.Batch = append(o.Batch, op.Op{Kind: op.Delete, Model: thing})
	if !o.Writes() || !o.Batch[2].Writes() || o.Batch[0].Writes() {
		t.Error("a batch with a delete does not write")
	}
	if o.Describe() != "batch" || o.Batch[2].Describe() != "delete Thing" {
		t.Errorf("%q, %q", o.Describe(), o.Batch[2].Describe())
	}
}

package mysql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
)

type every struct {
	ID    string `weft:"primary,type=string"`
	N     int64
	F     float64
	D     decimal.Decimal
	At    time.Time
	Day   time.Time `weft:"type=date"`
	Clock string    `weft:"type=time"`
	Data  []byte
}

// Lists of more values than a statement takes arguments find the same rows.
func TestLongLists(t *testing.T) {
	set := build(t, every{})
	m := set.Model("every")
	e := open(t, services.MySQL(t), set)
	value := func(field string, i int) any {
		switch field {
		case "id":
			return fmt.Sprintf("k%d é\"\\", i)
		case "n":
			return int64(i) - 9007199254740993
		case "f":
			return float64(i) / 8
		case "d":
			return decimal.New(int64(i), -2)
		case "at":
			return time.Date(2024, 1, 1, 0, 0, i, i*1000, time.UTC)
		case "day":
			return time.Date(1900, 1, 1+i, 0, 0, 0, 0, time.UTC)
		case "clock":
			s := fmt.Sprintf("%02d:%02d:%02d", i/3600%24, i/60%60, i%60)
			if i%2 == 0 {
				s += ".5"
			}
			return s
		}
		return []byte{byte(i >> 8), byte(i), 0xff}
	}
	fields := []string{"id", "n", "f", "d", "at", "day", "clock", "data"}
	var rows [][]any
	for i := range 10 {
		row := make([]any, len(fields))
		for j, f := range fields {
			row[j] = value(f, i)
		}
		rows = append(rows, row)
	}
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows})
	for _, size := range []int{20, 20_000} {
		for _, f := range fields {
			var list []any
			for i := 5; i < size; i++ { // 5 of the rows
				list = append(list, value(f, i))
			}
			for o, want := range map[op.Operator]int{op.In: 5, op.NotIn: 5} {
				got, err := run(e, op.Op{Kind: op.Find, Model: m, Filter: op.Cond{Kind: op.Compare, Field: f, Op: o, List: list}, Fields: []string{"id"}})
				if err != nil || len(got) != want {
					t.Errorf("%s %s a list of %d holds for %d rows, want %d (%v)", f, o, size, len(got), want, err)
				}
			}
		}
	}
}

// Rows that are too much for one statement together go in several.
func TestManyLargeRows(t *testing.T) {
	set := notes(t)
	m := set.Model("note")
	e := open(t, services.MySQL(t), set)
	var rows [][]any
	for i := range 40 {
		rows = append(rows, []any{fmt.Sprint(i), int64(i), strings.Repeat("x", 1<<20), []byte{}})
	}
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows})
	if n := must(t, e, op.Op{Kind: op.Aggregate, Model: m, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}})[0][0]; n != int64(40) {
		t.Errorf("%v rows are there", n)
	}
}

// The first and the last time there is come back as they were.
func TestTimesAtTheEnds(t *testing.T) {
	set := build(t, every{})
	m := set.Model("every")
	e := open(t, services.MySQL(t), set)
	for i, at := range []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 1000, time.UTC),
	} {
		day := at.Truncate(24 * time.Hour)
		row := []any{fmt.Sprint(i), int64(0), 0.0, decimal.Zero, at, day, "23:59:59.999999", []byte{}}
		must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row}})
		got := must(t, e, op.Op{Kind: op.Find, Model: m, Filter: op.AllOf(op.Cmp("at", op.Eq, at), op.Cmp("day", op.Eq, day), op.Cmp("clock", op.Eq, "23:59:59.999999"))})
		if len(got) != 1 || !got[0][4].(time.Time).Equal(at) || !got[0][5].(time.Time).Equal(day) {
			t.Errorf("%s comes back as %v", at, got)
		}
	}
}

// A find whose context ends while nobody reads on leaves its transaction alone.
func TestCancelledFindInTx(t *testing.T) {
	set := notes(t)
	m := set.Model("note")
	e := open(t, services.MySQL(t), set)
	var rows [][]any
	for i := range 3000 {
		rows = append(rows, []any{fmt.Sprint(i), int64(i), strings.Repeat("x", 500), []byte{}})
	}
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows})
	ctx := context.Background()
	tx, err := e.Begin(ctx, op.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	must(t, tx, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"new", int64(1), "", []byte{}}}})
	short, cancel := context.WithCancel(ctx)
	res, err := tx.Do(short, op.Op{Kind: op.Find, Model: m})
	if err != nil || !res.Rows.Next() {
		t.Fatal(err)
	}
	cancel()
	must(t, tx, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, "new"), Set: []op.Assign{{Field: "n", Value: int64(2)}}})
	for res.Rows.Next() {
	}
	if err := res.Rows.Err(); err != nil {
		says(t, err, op.CodeCancelled)
	}
	_ = res.Rows.Close()
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if got := must(t, e, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, "new")}); len(got) != 1 || got[0][1] != int64(2) {
		t.Errorf("the row is %v", got)
	}
}

package optest

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

// rowsAre compares rows in order.
func (d *db) rowsAre(got [][]any, want ...[]any) {
	d.Helper()
	if !sameRows(got, want) {
		d.Fatalf("rows are\n%s\nwant\n%s", showRows(got), showRows(want))
	}
}

// setOf compares rows as multisets.
func (d *db) setOf(got [][]any, want ...[]any) {
	d.Helper()
	if !slices.Equal(sortedRows(got), sortedRows(want)) {
		d.Fatalf("rows are\n%s\nwant, in any order,\n%s", showRows(got), showRows(want))
	}
}

func sameRows(a, b [][]any) bool {
	return slices.EqualFunc(a, b, func(x, y []any) bool { return slices.EqualFunc(x, y, same) })
}

// same compares two canonical values exactly: of different Go types they differ.
func same(a, b any) bool {
	switch x := a.(type) {
	case decimal.Decimal:
		y, ok := b.(decimal.Decimal)
		return ok && x.Equal(y)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y) && x.Location() == y.Location()
	case []byte:
		y, ok := b.([]byte)
		return ok && bytes.Equal(x, y)
	case *op.Related:
		y, ok := b.(*op.Related)
		return ok && slices.Equal(x.Fields, y.Fields) && sameRows(x.Rows, y.Rows)
	}
	return a == b
}

func sortedRows(rows [][]any) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = showRow(r)
	}
	sort.Strings(out)
	return out
}

func showRows(rows [][]any) string {
	var b strings.Builder
	for _, r := range rows {
		b.WriteString("  " + showRow(r) + "\n")
	}
	if len(rows) == 0 {
		return "  (none)"
	}
	return strings.TrimRight(b.String(), "\n")
}

func showRow(row []any) string {
	parts := make([]string, len(row))
	for i, v := range row {
		parts[i] = show(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// show writes a value so that different values are written differently.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return fmt.Sprintf("%q", v)
	case op.JSON:
		return "json " + string(v)
	case decimal.Decimal:
		s := v.String()
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return "dec " + s
	case time.Time:
		if v.Location() != time.UTC {
			return "time(not UTC) " + v.Format(time.RFC3339Nano)
		}
		return "time " + v.Format("2006-01-02T15:04:05.999999999")
	case []byte:
		return fmt.Sprintf("bytes %x", v)
	case *op.Related:
		if v == nil {
			return "related nil"
		}
		parts := make([]string, len(v.Rows))
		for i, r := range v.Rows {
			parts[i] = showRow(r)
		}
		return "related " + strings.Join(v.Fields, ",") + " " + strings.Join(parts, " ")
	}
	return fmt.Sprintf("%T %v", v, v)
}

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"
)

// cells are values of every kind that a row may hold.
func cells() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any](""), rapid.Just[any]("NULL"), rapid.Just[any]("a\r\n\"b\", c"),
		rapid.Custom(func(t *rapid.T) any { return rapid.Int64().Draw(t, "int") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Float64().Draw(t, "float") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.String().Draw(t, "text") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.SliceOf(rapid.Byte()).Draw(t, "bytes") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Bool().Draw(t, "bool") }),
	)
}

func written(t *rapid.T, f format, columns []string, rows [][]any) string {
	var out bytes.Buffer
	w, err := newRowWriter(&out, f, columns)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Whatever rows hold, programs read the same from what is written, and people
// see a table.
func TestRowsAreWrittenWithoutLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := []string{"a", "b c", `d"`, "数"}[:rapid.IntRange(2, 4).Draw(t, "columns")]
		rows := rapid.SliceOfN(rapid.SliceOfN(cells(), len(columns), len(columns)), 0, 5).Draw(t, "rows")

		var objects []map[string]any
		dec := json.NewDecoder(strings.NewReader(written(t, formatJSON, columns, rows)))
		dec.UseNumber()
		if err := dec.Decode(&objects); err != nil || len(objects) != len(rows) {
			t.Fatalf("%d objects, %v", len(objects), err)
		}
		records, err := csv.NewReader(strings.NewReader(written(t, formatCSV, columns, rows))).ReadAll()
		if err != nil || len(records) != len(rows)+1 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for i, row := range rows {
			for j, v := range row {
				sameJSON(t, objects[i][columns[j]], v)
				// The reader takes every line end for the short one.
				want := strings.ReplaceAll(exactText(v), "\r\n", "\n")
				if v == nil {
					want = ""
				}
				if got := records[i+1][j]; got != want {
					t.Errorf("%#v is %q in CSV", v, got)
				}
			}
		}

		table := written(t, formatTable, columns, rows)
		lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
		if len(lines) != len(rows)+3 || strings.IndexFunc(strings.ReplaceAll(table, "\n", ""), unicode.IsControl) >= 0 {
			t.Fatalf("the table is %q", table)
		}
		for _, line := range lines[:len(lines)-1] {
			if uniseg.StringWidth(line) > uniseg.StringWidth(lines[1]) {
				t.Errorf("%q is wider than %q", line, lines[1])
			}
		}
	})
}

func sameJSON(t *rapid.T, got, v any) {
	ok := false
	switch x := v.(type) {
	case nil:
		ok = got == nil
	case int64:
		ok = got == json.Number(strconv.FormatInt(x, 10))
	case float64:
		n, isNumber := got.(json.Number)
		f, err := n.Float64()
		ok = isNumber && err == nil && f == x && math.Signbit(f) == math.Signbit(x) && strings.ContainsAny(string(n), ".e")
		if math.IsInf(x, 0) {
			ok = got == floatText(x)
		}
	case string:
		ok = got == x
	case []byte:
		ok = got == base64.StdEncoding.EncodeToString(x)
	case bool:
		ok = got == x
	}
	if !ok {
		t.Errorf("%#v is %#v in JSON", v, got)
	}
}

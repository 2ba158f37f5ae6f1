package main

import (
	"bufio"
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"github.com/shopspring/decimal"
)

// tableBatch is how many rows the widths of a table's columns are found from.
// Of longer ones the rows behind may stand out, but nothing is cut off and the
// memory it takes is bounded.
const tableBatch = 1000

// tableWriter writes columns for people.
type tableWriter struct {
	out     *bufio.Writer
	columns []string
	held    [][]any // until the widths are known
	widths  []int   // nil until then
	right   []bool
	rows    int
}

func newTableWriter(out *bufio.Writer, columns []string) *tableWriter {
	return &tableWriter{out: out, columns: columns}
}

func (t *tableWriter) write(row []any) error {
	t.rows++
	if t.widths != nil {
		return t.line(row)
	}
	t.held = append(t.held, append([]any(nil), row...))
	if len(t.held) < tableBatch {
		return nil
	}
	return t.begin()
}

// begin finds the widths and writes the head and the rows that were held.
func (t *tableWriter) begin() error {
	t.widths, t.right = make([]int, len(t.columns)), make([]bool, len(t.columns))
	for i, c := range t.columns {
		t.widths[i] = uniseg.StringWidth(visibleText(c))
		numbers, others := 0, 0
		for _, row := range t.held {
			t.widths[i] = max(t.widths[i], uniseg.StringWidth(tableText(row[i])))
			switch row[i].(type) {
			case int64, float64, decimal.Decimal, number:
				numbers++
			case nil:
			default:
				others++
			}
		}
		t.right[i] = numbers > 0 && others == 0
	}
	head, rule := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		head[i], rule[i] = visibleText(c), strings.Repeat("-", t.widths[i])
	}
	t.cells(head)
	err := t.cells(rule)
	for _, row := range t.held {
		err = t.line(row)
	}
	t.held = nil
	return err
}

func (t *tableWriter) line(row []any) error {
	cells := make([]string, len(row))
	for i, v := range row {
		cells[i] = tableText(v)
	}
	return t.cells(cells)
}

func (t *tableWriter) cells(cells []string) error {
	var b strings.Builder
	for i, s := range cells {
		pad := strings.Repeat(" ", max(0, t.widths[i]-uniseg.StringWidth(s)))
		if i > 0 {
			b.WriteString("  ")
		}
		if t.right[i] {
			b.WriteString(pad + s)
		} else {
			b.WriteString(s + pad)
		}
	}
	_, err := t.out.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	return err
}

func (t *tableWriter) close() error {
	if t.widths == nil {
		if err := t.begin(); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintf(t.out, "(%s)\n", count(t.rows, "row"))
	return t.out.Flush()
}

// count says how many there are of something.
func count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// tableText writes a value on one line for people. A text that reads as NULL is
// quoted.
func tableText(v any) string {
	if s, ok := v.(string); ok && s == "NULL" {
		return `"NULL"`
	}
	return visibleText(exactText(v))
}

// visibleText replaces what a terminal would not show but do, such as a line
// break or a change of colour or direction, by a sign for it.
func visibleText(s string) string {
	if strings.IndexFunc(s, hides) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !hides(r):
			b.WriteRune(r)
		case r < 0x20:
			b.WriteRune('␀' + r)
		case r == 0x7f:
			b.WriteRune('␡')
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

func hides(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029'
}

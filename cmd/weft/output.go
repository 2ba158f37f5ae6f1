package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

// format is how rows are written.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
	formatCSV   format = "csv"
)

// choice is the value of a flag that takes one of a few words.
type choice struct {
	value *format
	of    []format
}

func (c choice) String() string { return string(*c.value) }
func (c choice) Type() string   { return c.words("|") }

func (c choice) words(sep string) string {
	words := make([]string, len(c.of))
	for i, f := range c.of {
		words[i] = string(f)
	}
	return strings.Join(words, sep)
}

// Set takes one of the words.
func (c choice) Set(s string) error {
	for _, f := range c.of {
		if string(f) == s {
			*c.value = f
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", c.words(", "))
}

// rowWriter writes rows of canonical values, one for each column. What is to be
// read by programs is written without loss; close must be called at the end,
// also when there was no row.
type rowWriter interface {
	write(row []any) error
	close() error
}

func newRowWriter(w io.Writer, f format, columns []string) (rowWriter, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	switch f {
	case formatJSON:
		seen := map[string]bool{}
		for _, c := range columns {
			if seen[c] {
				return nil, op.Errorf(op.CodeValidation, "two columns have the name %q, which JSON cannot tell apart; name one of them with AS", c)
			}
			seen[c] = true
		}
		return &jsonWriter{out: out, columns: columns}, nil
	case formatCSV:
		c := &csvWriter{out: out}
		head := make([]any, len(columns))
		for i, name := range columns {
			head[i] = name
		}
		return c, c.write(head)
	}
	return newTableWriter(out, columns), nil
}

// jsonWriter writes an array with an object for each row, one a line.
type jsonWriter struct {
	out     *bufio.Writer
	columns []string
	rows    int
}

func (j *jsonWriter) write(row []any) error {
	o := make(jsonObject, len(row))
	for i, v := range row {
		o[i] = jsonMember{j.columns[i], exactJSON(v)}
	}
	sep := ",\n  "
	if j.rows == 0 {
		sep = "[\n  "
	}
	j.rows++
	data, err := o.MarshalJSON()
	if err != nil {
		return err
	}
	_, _ = j.out.WriteString(sep)
	_, err = j.out.Write(data) // keeps an error of the line before
	return err
}

func (j *jsonWriter) close() error {
	if j.rows == 0 {
		_, _ = j.out.WriteString("[]\n")
	} else {
		_, _ = j.out.WriteString("\n]\n")
	}
	return j.out.Flush()
}

// exactJSON makes a value ready for JSON without loss: integers with all their
// digits, floats that can be told from integers, bytes as base64, decimals as
// text. JSON has no infinity; it becomes text.
func exactJSON(v any) any {
	switch x := v.(type) {
	case float64:
		if math.IsInf(x, 0) {
			return floatText(x)
		}
		return json.RawMessage(floatText(x))
	case decimal.Decimal:
		return plainDecimal(x)
	case op.JSON:
		return json.RawMessage(x)
	}
	return v
}

// floatText writes a float so that it reads as one, with as many digits as it
// takes to read the same one again.
func floatText(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	}
	verb := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		verb = 'e'
	}
	s := strconv.FormatFloat(x, verb, -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// plainDecimal writes a decimal with the zeros that it was stored with.
func plainDecimal(d decimal.Decimal) string { return d.StringFixed(max(0, -d.Exponent())) }

// exactText writes a value as text.
func exactText(v any) string {
	switch x := v.(type) {
	case float64:
		return floatText(x)
	case decimal.Decimal:
		return plainDecimal(x)
	case number:
		return string(x)
	case []byte:
		return "x'" + hex.EncodeToString(x) + "'"
	case jsonObject, []jsonObject:
		data, err := encodeJSON(x)
		if err != nil {
			return "" // its members were canonical
		}
		return string(data)
	}
	return op.Text(v)
}

// encodeJSON is json.Marshal without escapes for web pages.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// csvWriter writes comma-separated values (RFC 4180) with line feeds. NULL is
// an empty field, an empty text is "".
type csvWriter struct{ out *bufio.Writer }

func (c *csvWriter) write(row []any) error {
	for i, v := range row {
		if i > 0 {
			_ = c.out.WriteByte(',')
		}
		if v == nil {
			continue
		}
		s := exactText(v)
		if s == "" || strings.ContainsAny(s, ",\"\r\n") || s[0] == ' ' || s[len(s)-1] == ' ' {
			s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		_, _ = c.out.WriteString(s)
	}
	return c.out.WriteByte('\n') // keeps an error of before
}

func (c *csvWriter) close() error { return c.out.Flush() }

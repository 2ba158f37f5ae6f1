package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// parseValue reads a value of a field as a person types it.
func parseValue(f *schema.Field, text string) (any, error) {
	wrong := func(what string) error {
		return op.Invalid("", f.Name, "type", "takes %s, and %q is none", what, text)
	}
	switch f.Type.Kind() {
	case schema.KindInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, wrong("a whole number, such as 42")
		}
		return n, nil
	case schema.KindFloat:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, wrong("a number, such as 1.5")
		}
		return x, nil
	case schema.KindDecimal:
		d, err := decimal.NewFromString(text)
		if err != nil {
			return nil, wrong("a decimal, such as 12.30")
		}
		return d, nil
	case schema.KindBool:
		switch strings.ToLower(text) {
		case "true", "yes", "1":
			return true, nil
		case "false", "no", "0":
			return false, nil
		}
		return nil, wrong("true or false")
	case schema.KindTime:
		for _, layout := range []string{
			time.RFC3339Nano, "2006-01-02 15:04:05 MST", time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly,
		} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC(), nil
			}
		}
		return nil, wrong("a time, such as 2026-01-31 or 2026-01-31 15:04:05")
	case schema.KindBytes:
		data, err := hex.DecodeString(text)
		if err != nil {
			return nil, wrong("bytes in hexadecimal, such as 0aff")
		}
		return data, nil
	case schema.KindAny:
		return argument(text), nil
	}
	return text, nil
}

// argument reads a value where nothing says what it should be: a number where
// the text is how that number is written, so that nothing is lost when it is
// compared with, or stored in, a column of text; else text.
func argument(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
		return n
	}
	// Up to 15 digits SQLite writes a float as Go does.
	if x, err := strconv.ParseFloat(s, 64); err == nil && len(s) <= 16 && strings.Contains(s, ".") && strconv.FormatFloat(x, 'f', -1, 64) == s {
		return x
	}
	return s
}

// parseScalar reads a value at a place in a JSON field: true, false, null, a
// number, or text, which is quoted where it would read as one of these.
func parseScalar(text string) any {
	switch text {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return x
	}
	var s string
	if strings.HasPrefix(text, `"`) && json.Unmarshal([]byte(text), &s) == nil {
		return s
	}
	return text
}

// Lengths of values on the pages, in runes.
const (
	shortText = 60
	longText  = 20000
)

// cell is one value on a page.
type cell struct {
	Text   string
	Href   string // of the row that the value points at
	Whole  string // the text where Text is cut off
	Null   bool
	Number bool
	Block  bool // several lines
}

// makeCell writes a value of a field for a list, or for the page of one row.
func makeCell(f *schema.Field, v any, whole bool) cell {
	c := cell{Number: isNumber(f)}
	limit := shortText
	if whole {
		limit = longText
	}
	switch x := v.(type) {
	case nil:
		c.Null, c.Text = true, "NULL"
		return c
	case time.Time:
		switch {
		case f.Type == schema.Date:
			c.Text = x.Format(time.DateOnly)
		case whole:
			c.Text = x.Format("2006-01-02 15:04:05.999999 MST")
		default:
			c.Text = x.Format(time.DateTime)
		}
	case []byte:
		c.Text = fmt.Sprintf("%d bytes: %x", len(x), x[:min(len(x), limit/2)])
	case op.JSON:
		c.Text = string(x)
		var buf bytes.Buffer
		if whole && len(x) > shortText && json.Indent(&buf, []byte(x), "", "  ") == nil {
			c.Text = buf.String()
		}
	case decimal.Decimal:
		c.Text = decimalText(f, x)
	case string:
		c.Text = x
		if f.Type == schema.UUID && len(x) == 36 && !whole {
			c.Whole, c.Text = x, x[:8]+"…"+x[28:]
		}
	default:
		c.Text = op.Text(v)
	}
	c.Block = whole && (strings.Contains(c.Text, "\n") || f.Type == schema.Text)
	if utf8.RuneCountInString(c.Text) > limit {
		runes := []rune(c.Text)
		if !whole && len(runes) <= 1000 {
			c.Whole = c.Text
		}
		c.Text = string(runes[:limit]) + "…"
	}
	return c
}

// jsonValue makes a value of a field ready for JSON, without loss.
func jsonValue(f *schema.Field, v any) any {
	switch x := v.(type) {
	case op.JSON:
		return json.RawMessage(x)
	case decimal.Decimal:
		return decimalText(f, x)
	case time.Time:
		if f.Type == schema.Date {
			return x.Format(time.DateOnly)
		}
	}
	return exactJSON(v) // []byte becomes base64, a time RFC 3339
}

// decimalText writes a decimal with all decimals of its field.
func decimalText(f *schema.Field, d decimal.Decimal) string {
	_, scale := f.Decimals()
	return d.StringFixed(int32(max(scale, int(-d.Exponent()))))
}

// jsonObject is a JSON object whose members keep their order.
type jsonObject []jsonMember

type jsonMember struct {
	name  string
	value any
}

func (o jsonObject) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			buf.WriteByte(',')
		}
		name, err := encodeJSON(m.name)
		if err != nil {
			return nil, err
		}
		value, err := encodeJSON(m.value)
		if err != nil {
			return nil, err
		}
		buf.Write(name)
		buf.WriteByte(':')
		buf.Write(value)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// rowPath is the address of a row.
func rowPath(m *schema.Model, key []any) string {
	return modelPath(m) + "/" + url.PathEscape(weft.Key(key...))
}

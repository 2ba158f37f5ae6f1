package catalog

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// DefaultFor reads the column's DEFAULT as one of the field, whose type is
// set. It is nil where there is none; the note says why one that is there
// cannot be the model's.
func (c *Column) DefaultFor(d Dialect, f *schema.Field) (def *schema.Default, note string) {
	toks := Tokens(d, c.Default)
	for len(toks) > 2 && toks[0] == "(" && toks[len(toks)-1] == ")" {
		toks = toks[1 : len(toks)-1]
	}
	if len(toks) == 0 || len(toks) == 1 && strings.EqualFold(toks[0], "NULL") {
		return nil, ""
	}
	if (d == SQLite && saysNow(toks) || d != SQLite && serverSaysNow(toks)) && (f.Type.Kind() == schema.KindTime || f.Type == schema.Time) {
		return &schema.Default{Now: true}, ""
	}
	if v, ok := literalValue(d, toks); ok {
		if b, is := v.([]byte); v == any(schema.NoValue) || is && string(b) == schema.NoValue {
			return nil, "holds ciphertexts of an encrypted field, whose type cannot be seen here: give it that type and the tag encrypted"
		}
		if v, ok = forField(d, c, f, v); ok {
			if canon, err := f.Literal(v); err == nil {
				return &schema.Default{Value: canon}, ""
			}
		}
	}
	return nil, fmt.Sprintf("has the default %s, which is left to programs that write without the models", c.Default)
}

// SameDefault reports whether the column's DEFAULT is read as the one of the
// field, however it is written.
func (c *Column) SameDefault(d Dialect, f *schema.Field) bool {
	def, note := c.DefaultFor(d, f)
	if def == nil || f.Default == nil {
		return def == nil && note == "" && f.Default == nil
	}
	if def.Now || f.Default.Now {
		return def.Now == f.Default.Now
	}
	switch v := def.Value.(type) {
	case decimal.Decimal:
		w, ok := f.Default.Value.(decimal.Decimal)
		return ok && v.Equal(w)
	case time.Time:
		w, ok := f.Default.Value.(time.Time)
		return ok && v.Equal(w)
	}
	return f.Default.Func == "" && reflect.DeepEqual(def.Value, f.Default.Value)
}

// saysNow reports whether an expression is the present time, in UTC.
func saysNow(toks []string) bool {
	switch strings.ToUpper(toks[0]) {
	case "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME":
		return len(toks) == 1
	case "DATETIME", "DATE", "TIME", "STRFTIME":
		now := strings.EqualFold(toks[0], "STRFTIME") || len(toks) == 3 // datetime()
		for _, t := range toks[1:] {
			switch up := strings.ToUpper(t); {
			case up == "'NOW'":
				now = true
			case strings.HasPrefix(up, "'%"), up == "'SUBSEC'", up == "'SUBSECOND'", up == "(", up == ")", up == ",":
			default:
				return false // another time, or one of another zone
			}
		}
		return now
	}
	return false
}

// serverSaysNow is saysNow for servers, in the words of Weft and of others. The
// present day and time are those of the session, which is in UTC.
func serverSaysNow(toks []string) bool {
	now := false
	for i := 0; i < len(toks); i++ {
		switch up := strings.ToUpper(toks[i]); up {
		case "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "NOW", "LOCALTIMESTAMP", "UTC_TIMESTAMP", "UTC_DATE", "UTC_TIME":
			now = true
		case "(", ")", ",", "AT", "TIME", "ZONE", "'UTC'", "TIMEZONE", "WITHOUT", "WITH", "0", "1", "2", "3", "4", "5", "6":
		case "::":
			for i+1 < len(toks) && slices.Contains([]string{"TEXT", "DATE", "TIME", "TIMESTAMP", "WITHOUT", "WITH", "ZONE"}, strings.ToUpper(toks[i+1])) {
				i++
			}
		default:
			return false
		}
	}
	return now
}

// rawNumber is a number as it is written.
type rawNumber string

// literalValue reads a literal: a rawNumber, text, bytes or a boolean.
func literalValue(d Dialect, toks []string) (any, bool) {
	if len(toks) == 1 {
		if s, ok := Unquote(d, toks[0]); ok {
			return s, true
		}
	}
	all := strings.Join(toks, "")
	first := toks[0]
	switch {
	case strings.EqualFold(first, "x") && len(toks) == 2 && toks[1][0] == '\'':
		b, err := hex.DecodeString(strings.Trim(toks[1], "'"))
		return b, err == nil
	case len(toks) == 1 && strings.EqualFold(first, "TRUE"):
		return true, true
	case len(toks) == 1 && strings.EqualFold(first, "FALSE"):
		return false, true
	}
	if _, err := strconv.ParseFloat(all, 64); err == nil && strings.Trim(all, "+-.0123456789eE") == "" {
		return rawNumber(all), true
	}
	return nil, false
}

// forField turns a literal into what the database would keep in the column,
// read as the field reads it.
func forField(d Dialect, c *Column, f *schema.Field, v any) (any, bool) {
	text := ""
	switch x := v.(type) {
	case rawNumber:
		text = string(x)
	case string:
		text = strings.TrimSpace(x)
	case bool:
		text = "0"
		if x {
			text = "1"
		}
	}
	_, isBytes := v.([]byte)
	if s, is := v.(string); is && f.Type.Kind() == schema.KindBytes && d == Postgres {
		b, err := hex.DecodeString(strings.TrimPrefix(s, `\x`))
		return b, err == nil && strings.HasPrefix(s, `\x`)
	}
	switch k := f.Type.Kind(); {
	case isBytes:
		return v, k == schema.KindBytes
	case k == schema.KindInt:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
		x, err := strconv.ParseFloat(text, 64)
		return int64(x), err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53
	case k == schema.KindFloat:
		x, err := strconv.ParseFloat(text, 64)
		return x, err == nil
	case k == schema.KindDecimal:
		n, err := decimal.NewFromString(text)
		if err != nil || len(text) > 100 {
			return nil, false
		}
		if d == SQLite && strings.HasPrefix(c.Type, "INTEGER DECIMAL(") { // a scaled integer
			_, scale := f.Decimals()
			n = n.Shift(int32(-scale))
		}
		return n, true
	case k == schema.KindBool:
		switch strings.ToLower(text) {
		case "1", "t", "true", "y", "yes", "on":
			return true, true
		case "0", "f", "false", "n", "no", "off":
			return false, true
		}
		return nil, false
	}
	if s, isText := v.(string); isText { // with its spaces
		return s, true
	}
	return text, true // of a database's own type too: it reads a number in a text
}

package driver

import (
	"database/sql/driver"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
)

// timeLayout is how Weft stores times: in UTC, without trailing zeros, so that
// they sort as texts.
const timeLayout = "2006-01-02 15:04:05.999999"

// stored is a value as SQLite keeps it: int64, float64, string, []byte or nil.
func stored(v any) (any, error) {
	v, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case bool:
		if x {
			return int64(1), nil
		}
		return int64(0), nil
	case time.Time:
		x = x.UTC()
		if y := x.Year(); y < 0 || y > 9999 {
			return nil, op.Errorf(op.CodeValidation, "the year %d cannot be stored: it must have four digits", y)
		}
		return x.Truncate(time.Microsecond).Format(timeLayout), nil
	}
	return v, nil
}

// arguments puts arguments in the order of the statement's parameters.
func arguments(text string, args []driver.NamedValue) ([]any, error) {
	if !slices.ContainsFunc(args, func(a driver.NamedValue) bool { return a.Name != "" }) {
		out := make([]any, len(args))
		for i, a := range args {
			out[i] = a.Value
		}
		return out, nil
	}
	params, err := parameters(text)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(params))
	used := make([]bool, len(args))
	next := 0
	for i, p := range params {
		at := -1
		if p != "" {
			at = slices.IndexFunc(args, func(a driver.NamedValue) bool { return a.Name == p[1:] })
		}
		if at < 0 { // by its place among those without a name
			for next < len(args) && args[next].Name != "" {
				next++
			}
			if next == len(args) {
				if p == "" {
					p = "number " + strconv.Itoa(i+1)
				}
				return nil, op.Errorf(op.CodeValidation, "the statement has a parameter %s and was given no value for it", p)
			}
			at = next
			next++
		}
		out[i], used[at] = args[at].Value, true
	}
	for i, a := range args {
		if !used[i] && a.Name != "" {
			return nil, op.Errorf(op.CodeValidation, "the statement has no parameter :%s (nor @%[1]s or $%[1]s)", a.Name)
		}
		if !used[i] {
			return nil, op.Errorf(op.CodeValidation, "the statement has %d parameters and was given %d values", len(params), len(args))
		}
	}
	return out, nil
}

// kind is what a column's declared type makes of its values.
type kind uint8

const (
	asIs kind = iota
	asTime
	asBool
	asScaled // an integer that counts 10^-scale
)

// column is one of a result.
type column struct {
	name  string
	typ   string // as declared, upper case; or what the values are
	kind  kind
	scale int
}

func columns(names, types []string) []column {
	list := make([]column, len(names))
	for i, n := range names {
		list[i].name = n
		if i < len(types) {
			list[i].declare(types[i])
		}
	}
	return list
}

// declare reads a declared type.
func (c *column) declare(typ string) {
	c.typ = strings.ToUpper(strings.TrimSpace(typ))
	if rest, ok := strings.CutPrefix(c.typ, "INTEGER DECIMAL("); ok {
		_, scale, _ := strings.Cut(strings.TrimSuffix(rest, ")"), ",")
		if n, err := strconv.Atoi(strings.TrimSpace(scale)); err == nil && n >= 0 && n <= 18 {
			c.kind, c.scale = asScaled, n
		}
		return
	}
	switch c.base() {
	case "DATE", "DATETIME", "TIMESTAMP":
		c.kind = asTime
	case "BOOLEAN", "BOOL":
		c.kind = asBool
	}
}

// base is the type without what stands in parentheses.
func (c *column) base() string {
	name, _, _ := strings.Cut(c.typ, "(")
	return strings.TrimSpace(name)
}

// given is a value as the caller gets it.
func (c *column) given(v any) any {
	switch x := v.(type) {
	case int64:
		switch c.kind {
		case asBool:
			return x != 0
		case asTime:
			if x > 1e11 || x < -1e11 { // seconds would be far ahead: milliseconds
				return time.UnixMilli(x).UTC()
			}
			return time.Unix(x, 0).UTC()
		case asScaled:
			return scaled(x, c.scale)
		}
	case string:
		if c.kind == asTime {
			if t, ok := parseTime(x); ok {
				return t
			}
		}
	case bool:
		if c.kind != asBool {
			return stand(x)
		}
	case interface{ StringFixed(int32) string }: // a decimal
		return x.StringFixed(int32(c.scale))
	}
	return v
}

func stand(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func scaled(n int64, scale int) string {
	if scale == 0 {
		return strconv.FormatInt(n, 10)
	}
	sign, digits := "", strconv.FormatInt(n, 10)
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	at := len(digits) - scale
	return sign + digits[:at] + "." + digits[at:]
}

// timeLayouts are the ways in which times stand in text, Weft's first. Fractions
// are read behind seconds whether the layout has them or not.
var timeLayouts = []string{
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02",
	"2006-01-02 15:04",
	"2006-01-02T15:04",
	"2006-01-02 15:04:05 -0700 MST",
}

func parseTime(s string) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

package codegen

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// literalTag writes a canonical value as the tag default= reads it.
func literalTag(f *schema.Field, v any) (string, error) {
	if f.Type.Kind() == schema.KindAny {
		if s, ok := v.(string); ok {
			return s, nil
		}
		return "", fmt.Errorf("%v of the type specificType(%s) is a %T, and a tag gives text; write it as text, or give the field a type of its own", v, f.DBType, v)
	}
	switch x := v.(type) {
	case string:
		return x, nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(x), nil
	case decimal.Decimal:
		return x.String(), nil
	case time.Time:
		if f.Type == schema.Date {
			return x.Format("2006-01-02"), nil
		}
		return x.Format(time.RFC3339Nano), nil
	case []byte:
		return string(x), nil
	case json.RawMessage:
		return string(x), nil
	}
	return "", fmt.Errorf("%v (%T) is no value of a %s", v, v, f.Type)
}

// literalGo writes a canonical value as Go, in the shortest form from which the
// field makes the same value again.
func (w *modelWriter) literalGo(f *schema.Field, v any) string {
	loose := f.Type.Kind() == schema.KindAny
	switch x := v.(type) {
	case nil:
		return "nil"
	case string:
		return strconv.Quote(x)
	case int64:
		if loose {
			return fmt.Sprintf("int64(%d)", x)
		}
		return strconv.FormatInt(x, 10)
	case float64:
		s := strconv.FormatFloat(x, 'g', -1, 64)
		switch {
		case s == "-0":
			w.imports["math"] = true
			return "math.Copysign(0, -1)"
		case !strings.ContainsAny(s, ".e"):
			s += ".0"
		}
		return s
	case bool:
		return strconv.FormatBool(x)
	case time.Time:
		if loose {
			w.imports["time"] = true
			return fmt.Sprintf("time.Date(%d, %d, %d, %d, %d, %d, %d, time.UTC)",
				x.Year(), x.Month(), x.Day(), x.Hour(), x.Minute(), x.Second(), x.Nanosecond())
		}
	case []byte:
		if loose {
			return "[]byte(" + strconv.Quote(string(x)) + ")"
		}
	}
	text, err := literalTag(f, v)
	if err != nil {
		return strconv.Quote(fmt.Sprint(v))
	}
	return goText(text)
}

// goText writes text as a Go string, raw where that is easier to read.
func goText(s string) string {
	if strings.ContainsAny(s, `"\`) && strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

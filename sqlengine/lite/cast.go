package lite

import (
	"math"
	"strconv"
	"strings"

	"github.com/weftdb/weft/sqlengine"
)

// What sqlite3_value_text, _int64 and _double make of values of other kinds.

func asText(v sqlengine.Value) string {
	switch v.Kind {
	case sqlengine.Int:
		return strconv.FormatInt(v.Int(), 10)
	case sqlengine.Float:
		return floatText(v.Float())
	}
	return v.Bytes()
}

// floatText writes a float as SQLite does: with a point in any case, and with a
// power of ten where it is very large or small.
func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	}
	digits, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if n, _ := strconv.Atoi(exp); n >= -4 && n < 17 {
		digits, exp = strconv.FormatFloat(f, 'f', -1, 64), ""
	}
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	if exp != "" {
		digits += "e" + exp
	}
	return digits
}

func asInt(v sqlengine.Value) int64 {
	switch v.Kind {
	case sqlengine.Int:
		return v.Int()
	case sqlengine.Float:
		f := v.Float()
		switch {
		case f >= math.MaxInt64:
			return math.MaxInt64
		case f <= math.MinInt64:
			return math.MinInt64
		}
		return int64(f)
	}
	s := numeral(v.Bytes(), false)
	n, _ := strconv.ParseInt(s, 10, 64) // the nearest one where it does not fit
	return n
}

func asFloat(v sqlengine.Value) float64 {
	switch v.Kind {
	case sqlengine.Int:
		return float64(v.Int())
	case sqlengine.Float:
		return v.Float()
	}
	f, _ := strconv.ParseFloat(numeral(v.Bytes(), true), 64) // infinite where it does not fit
	return f
}

// numeral is the number that a text begins with, "" where there is none.
func numeral(s string, float bool) string {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	digits := func(i int) int {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i
	}
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	start := i
	i = digits(i)
	n := i - start
	if !float {
		if n == 0 {
			return ""
		}
		return s[:i]
	}
	if i < len(s) && s[i] == '.' {
		end := digits(i + 1)
		n += end - i - 1
		i = end
	}
	if n == 0 {
		return ""
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		if end := digits(j); end > j {
			i = end
		}
	}
	return s[:i]
}

package lite

import (
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// Dialect is the SQL of SQLite. Its statements need the [Functions].
var Dialect = &sqlengine.Dialect{
	Name:     "sqlite",
	Quote:    Quote,
	Binary:   "BINARY",
	LastKey:  true,
	AnyKey:   true,
	NoLimit:  " LIMIT -1",
	Tuples:   "VALUES ",
	MaxArgs:  32000,
	ListArgs: 128,
	ListIn:   listIn,
	ListArg:  sqlengine.JSONList,
	Like:     like,
	Prefix:   prefix,
	Suffix:   suffix,
	Add:      add,
	Agg:      aggregate,
	JSON:     jsonDialect{},
	JSONPath: readable,
	JSONSet:  "weft_json_set",
	Time:     func(expr string) string { return "weft_time(" + expr + ")" },
	TimePart: timePart,
	Rank:     "weft_rank",

	Search:     search,
	SearchText: searchText,
}

func listIn(c *sqlengine.Column, expr string, not bool, arg string) string {
	word, value := " IN (", "value"
	if not {
		word = " NOT IN ("
	}
	if c.Store == sqlengine.StoreBytes {
		value = "unhex(value)"
	}
	return expr + word + "SELECT " + value + " FROM json_each(" + arg + "))"
}

func like(expr, part string, arg sqlengine.Arg) string {
	return "instr(weft_fold(" + expr + "), " + arg(sqlengine.TextValue(part)) + ") > 0"
}

func prefix(expr, part string, arg sqlengine.Arg) string {
	v := sqlengine.TextValue(part)
	return "substr(" + expr + ", 1, length(" + arg(v) + ")) = " + arg(v)
}

func suffix(expr, part string, arg sqlengine.Arg) string {
	v := sqlengine.TextValue(part)
	return "substr(" + expr + ", -length(" + arg(v) + ")) = " + arg(v)
}

func add(c *sqlengine.Column, expr string, v sqlengine.Value, arg sqlengine.Arg) string {
	if c.Store == sqlengine.StoreNumeric {
		return "round(coalesce(" + expr + ", 0) + CAST(" + arg(v) + " AS NUMERIC), " + strconv.Itoa(int(c.Scale())) + ")"
	}
	low, high := c.Limits()
	return "weft_add(coalesce(" + expr + ", 0), " + arg(v) + ", " + strconv.FormatInt(low, 10) + ", " + strconv.FormatInt(high, 10) + ")"
}

func aggregate(c *sqlengine.Column, f op.AggFunc, expr string) string {
	name := "sum"
	switch {
	case f == op.AggMin:
		name = "min"
	case f == op.AggMax:
		name = "max"
	case c.Store == sqlengine.StoreInt:
		name = "weft_sum"
	case c.Store == sqlengine.StoreScaled:
		name = "weft_sum_wide"
	}
	return name + "(" + expr + ")"
}

// timePart cuts a part out of the text that a time is stored as.
func timePart(expr string, p op.Part) string {
	digits := func(at, n string) string { return "CAST(substr(" + expr + ", " + at + ", " + n + ") AS INTEGER)" }
	switch p {
	case op.YearOf:
		return digits("1", "4")
	case op.MonthOf:
		return digits("6", "2")
	case op.DayOf:
		return digits("9", "2")
	case op.HourOf:
		return digits("12", "2")
	case op.WeekdayOf: // Sunday is 0 there
		// Of the date alone: older versions round the last millisecond of a day up.
		return "((strftime('%w', substr(" + expr + ", 1, 10)) + 6) % 7 + 1)"
	case op.DateOf:
		return "substr(" + expr + ", 1, 10)"
	}
	return expr
}

// Quote writes an identifier.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// variants are the paths in SQLite's notation that a path can mean: a segment
// of digits is a position in an array and a key elsewhere. At most one of them
// leads anywhere.
func variants(path []string) []string {
	list := []string{"$"}
	for _, seg := range path {
		key := make([]string, len(list))
		for i, p := range list {
			key[i] = p + "." + pathKey(seg)
		}
		if position(seg) {
			for i := range list {
				list[i] += "[" + seg + "]"
			}
			key = append(list, key...)
		}
		list = key
	}
	return list
}

// maxPositions bounds the segments of digits in a path: each doubles the places
// that it can mean.
const maxPositions = 6

// readable refuses a path that can mean too many places.
func readable(path []string) error {
	n := 0
	for _, seg := range path {
		if position(seg) {
			n++
		}
	}
	if n > maxPositions {
		return op.Errorf(op.CodeValidation, "the path %s has %d numbers, which are positions in arrays or keys: SQLite can be asked for a place with at most %d", strings.Join(path, "."), n, maxPositions)
	}
	return nil
}

func position(seg string) bool {
	if seg == "" || strings.Trim(seg, "0123456789") != "" {
		return false
	}
	_, err := strconv.ParseInt(seg, 10, 32)
	return err == nil
}

// pathKey quotes an object key for a path.
func pathKey(key string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(key) {
		switch c := key[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c < 0x20 || c == '"': // older versions take \" for the end
			const hex = "0123456789abcdef"
			b.WriteString(`\u00` + string(hex[c>>4]) + string(hex[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// places calls a JSON function on each variant of a path and takes the first
// answer.
func places(fn, col string, path []string) string {
	list := variants(path)
	for i, p := range list {
		list[i] = fn + "(" + col + ", " + literal(p) + ")"
	}
	if len(list) == 1 {
		return list[0]
	}
	return "coalesce(" + strings.Join(list, ", ") + ")"
}

func jsonText(col string, path []string) string {
	list := variants(path)
	for i, p := range list {
		list[i] = col + " -> " + literal(p)
	}
	if len(list) == 1 {
		return list[0]
	}
	return "coalesce(" + strings.Join(list, ", ") + ")"
}

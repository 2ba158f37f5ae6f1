package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// dialect is PostgreSQL's SQL, as this server speaks it.
func (e *Engine) dialect() *sqlengine.Dialect {
	return &sqlengine.Dialect{
		Name:       "postgres",
		Quote:      quote,
		Binary:     "C",
		Numbered:   true,
		Typed:      true,
		Aborts:     true,
		Locks:      true,
		NullsFirst: " NULLS FIRST",
		NullsLast:  " NULLS LAST",
		MaxArgs:    60000,
		ListArgs:   1,
		ListAll:    true,
		ListIn:     listIn,
		ListArg:    listArg,
		Like:       e.like,
		Prefix:     prefix,
		Suffix:     suffix,
		Add:        add,
		Agg:        aggregate,
		TimePart:   timePart,
		JSON:       jsonDialect{},
		KeepKeys:   keepKeys,
	}
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return ` E'` + strings.ReplaceAll(s, `\`, `\\`) + `'`
	}
	return "'" + s + "'"
}

// listIn passes a list as an array, so that one statement serves lists of any
// length.
func listIn(c *sqlengine.Column, expr string, not bool, arg string) string {
	if bind := c.Bind(); bind != "" {
		arg += bind + "[]"
	}
	if not {
		return expr + " <> ALL(" + arg + ")"
	}
	return expr + " = ANY(" + arg + ")"
}

// listArg writes an array as PostgreSQL reads it.
func listArg(_ *sqlengine.Column, list []sqlengine.Value) (sqlengine.Value, error) {
	b := make([]byte, 0, 16*len(list)+2)
	b = append(b, '{')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		switch v.Kind {
		case sqlengine.Int:
			b = strconv.AppendInt(b, v.Int(), 10)
		case sqlengine.Float:
			b = strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
		case sqlengine.Blob:
			const hex = "0123456789abcdef"
			b = append(b, `"\\x`...)
			for _, c := range []byte(v.Bytes()) {
				b = append(b, hex[c>>4], hex[c&15])
			}
			b = append(b, '"')
		default:
			b = append(b, '"')
			for _, c := range []byte(v.Bytes()) {
				if c == '"' || c == '\\' {
					b = append(b, '\\')
				}
				b = append(b, c)
			}
			b = append(b, '"')
		}
	}
	return sqlengine.TextValue(string(append(b, '}'))), nil
}

func prefix(expr, part string, arg sqlengine.Arg) string {
	return "starts_with(" + expr + ", " + arg(sqlengine.TextValue(part)) + ")"
}

func suffix(expr, part string, arg sqlengine.Arg) string {
	n := arg(sqlengine.IntValue(int64(utf8.RuneCountInString(part))))
	return "right(" + expr + ", " + n + ") = " + arg(sqlengine.TextValue(part))
}

// overflow is an expression that fails with "bigint out of range". It names the
// column, or it would fail before there is a row.
func overflow(expr string) string {
	return "9223372036854775807 + (1 + CAST(coalesce(" + expr + ", 0) * 0 AS bigint))"
}

// add writes a sum that fails where it leaves the limits of the field. The
// limits of the column's type PostgreSQL keeps itself.
func add(c *sqlengine.Column, expr string, v sqlengine.Value, arg sqlengine.Arg) string {
	old := "coalesce(" + expr + ", 0)"
	switch c.Store {
	case sqlengine.StoreFloat:
		return old + " + CAST(" + arg(v) + " AS double precision)"
	case sqlengine.StoreInt:
		sum := old + " + CAST(" + arg(v) + " AS bigint)"
		low, high := c.Limits()
		if (c.Type == "bigint" && low == -1<<63 && high == 1<<63-1) || (c.Type == "integer" && low == -1<<31 && high == 1<<31-1) {
			return sum
		}
		return "CASE WHEN " + sum + " BETWEEN " + strconv.FormatInt(low, 10) + " AND " + strconv.FormatInt(high, 10) + " THEN " + sum + " ELSE " + overflow(expr) + " END"
	case sqlengine.StoreExact:
		p, s := c.Field.Decimals()
		if !c.Field.Unsigned && c.Type == fmt.Sprintf("numeric(%d,%d)", p, s) {
			return old + " + CAST(" + arg(v) + " AS numeric)"
		}
		scale := strconv.Itoa(s)
		sum := "round(" + old + " + CAST(" + arg(v) + " AS numeric), " + scale + ")"
		low := "-1" + strings.Repeat("0", p-s)
		if c.Field.Unsigned {
			low = "-0." + strings.Repeat("0", s) + "1"
		}
		return "CASE WHEN " + sum + " > " + low + " AND " + sum + " < 1" + strings.Repeat("0", p-s) + " THEN " + sum + " ELSE " + overflow(expr) + " END"
	}
	return old + " + " + arg(v)
}

func aggregate(c *sqlengine.Column, f op.AggFunc, expr string) string {
	if f == op.AggSum {
		if c.Store == sqlengine.StoreInt {
			return "CAST(sum(" + expr + ") AS bigint)" // sum itself has more than 64 bits
		}
		return "sum(" + expr + ")"
	}
	name := "min"
	if f == op.AggMax {
		name = "max"
	}
	switch {
	case c.Store == sqlengine.StoreBool && name == "min":
		return "bool_and(" + expr + ")"
	case c.Store == sqlengine.StoreBool:
		return "bool_or(" + expr + ")"
	case c.Store == sqlengine.StoreBytes:
		return "decode(" + name + `(encode(` + expr + `, 'hex') COLLATE "C"), 'hex')`
	case c.Type == "uuid":
		return name + "(CAST(" + expr + ` AS text) COLLATE "C")`
	}
	return name + "(" + expr + ")"
}

// timePart is a part of a time; the session's zone is UTC.
func timePart(expr string, p op.Part) string {
	part := func(name string) string { return "CAST(extract(" + name + " FROM " + expr + ") AS bigint)" }
	switch p {
	case op.YearOf:
		return part("year")
	case op.MonthOf:
		return part("month")
	case op.DayOf:
		return part("day")
	case op.HourOf:
		return part("hour")
	case op.WeekdayOf:
		return part("isodow")
	case op.DateOf:
		return "CAST(" + expr + " AS date)"
	}
	return expr
}

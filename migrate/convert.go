package migrate

import (
	"fmt"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// conv is how the values of a column become those of another type.
type conv struct {
	expr   string // the value as one of the new type; "" where the database does it by itself
	bad    string // condition for values that do not fit; "" where all do
	cut    string // what a value that does not fit becomes; "" for NULL
	first  string // what MySQL must make of it before it converts by itself; "" for nothing
	narrow bool   // the new type holds less
	try    bool   // only the database can tell whether all values can be cast
	no     bool   // there is no such conversion
}

// convert says how values of a column c (quoted), which is of one type, become
// values of another.
func (to target) convert(c string, from, f *schema.Field) conv {
	a, b := from.Type.Kind(), f.Type.Kind()
	switch {
	case from.Type == schema.Specific || f.Type == schema.Specific:
		return conv{try: true, narrow: true, expr: to.cast(c, f)}
	case a == schema.KindString && b == schema.KindString:
		return to.textToText(c, from, f)
	case b == schema.KindString && f.Type != schema.UUID && f.Type != schema.Time:
		return to.toText(c, from, f)
	case a == schema.KindString && from.Type != schema.Time && from.Type != schema.UUID:
		return to.fromText(c, f)
	case number(a) && number(b):
		return to.numberToNumber(c, from, f)
	case a == schema.KindTime && b == schema.KindTime:
		return to.timeToTime(c, from, f)
	case a == schema.KindJSON && b == schema.KindJSON:
		return conv{expr: to.cast(c, f)}
	case a == schema.KindBytes && b == schema.KindBytes:
		if f.Size > 0 && (from.Size <= 0 || from.Size > f.Size) {
			return conv{narrow: true, bad: fmt.Sprintf("length(%s) > %d", c, f.Size), cut: fmt.Sprintf("substr(%s, 1, %d)", c, f.Size), expr: c}
		}
		return conv{expr: c}
	}
	return conv{no: true}
}

func number(k schema.ValueKind) bool {
	return k == schema.KindInt || k == schema.KindFloat || k == schema.KindDecimal || k == schema.KindBool
}

// cast is the database's own conversion; nothing on MySQL, which converts when
// the column is modified.
func (to target) cast(c string, f *schema.Field) string {
	switch to.dialect {
	case catalog.Postgres:
		if typ, err := to.declare(f, false); err == nil {
			return "(" + c + ")::" + typ
		}
	case catalog.SQLite:
		return c
	}
	return ""
}

// asText is a value as text.
func (to target) asText(c string, from *schema.Field) string {
	switch to.dialect {
	case catalog.Postgres:
		if from.Type == schema.Timestamp {
			c += " AT TIME ZONE 'UTC'"
		}
		return "(" + c + ")::text"
	case catalog.MySQL:
		return "CAST(" + c + " AS CHAR)"
	}
	if from.Type == schema.Decimal {
		_, s := from.Decimals()
		if s > 0 {
			ten := pow10(s)
			return fmt.Sprintf("(CASE WHEN %[1]s < 0 THEN '-' ELSE '' END || (abs(%[1]s) / %[2]s) || '.' || substr('%[3]s' || (abs(%[1]s) %% %[2]s), -%[4]d))", c, ten, strings.Repeat("0", s), s)
		}
	}
	return "CAST(" + c + " AS TEXT)"
}

func pow10(n int) string { return "1" + strings.Repeat("0", max(n, 0)) }

// length counts characters.
func (to target) length(c string) string {
	if to.dialect == catalog.SQLite {
		return "length(" + c + ")"
	}
	return "char_length(" + c + ")"
}

func (to target) textToText(c string, from, f *schema.Field) conv {
	src, txt := c, c
	if to.dialect == catalog.Postgres && (from.Type == schema.UUID || from.Type == schema.Time) {
		txt = "(" + c + ")::text"
	}
	switch {
	case f.Type == from.Type && (f.Type == schema.UUID || f.Type == schema.Time):
		return conv{expr: c}
	case f.Type == schema.UUID:
		out := conv{narrow: true, expr: to.cast(c, f)}
		switch to.dialect {
		case catalog.Postgres:
			out.bad = txt + " !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'"
		case catalog.MySQL:
			out.bad = src + " NOT REGEXP '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'"
		default:
			hex := func(n int) string { return strings.Repeat("[0-9a-fA-F]", n) }
			out.bad = src + " NOT GLOB '" + strings.Join([]string{hex(8), hex(4), hex(4), hex(4), hex(12)}, "-") + "'"
		}
		return out
	case f.Type == schema.Time:
		out := conv{narrow: true, expr: to.cast(c, f)}
		const form = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?$"
		switch to.dialect {
		case catalog.Postgres:
			out.bad = txt + " !~ '" + form + "'"
		case catalog.MySQL:
			out.bad = src + " NOT REGEXP '" + strings.ReplaceAll(form, `\`, `\\`) + "'"
		default:
			out.bad = "time(" + src + ") IS NULL"
		}
		return out
	}
	out := conv{expr: txt}
	n, was := textSize(f), textSize(from)
	if from.Type == schema.Time {
		was = 15
	}
	if n > 0 && (was < 0 || was > n) {
		out.narrow = true
		out.bad = fmt.Sprintf("%s > %d", to.length(txt), n)
		out.cut = to.left(txt, n)
	}
	return out
}

func (to target) left(c string, n int) string {
	if to.dialect == catalog.SQLite {
		return fmt.Sprintf("substr(%s, 1, %d)", c, n)
	}
	return fmt.Sprintf("left(%s, %d)", c, n)
}

// toText makes texts of anything but bytes, which need not be text.
func (to target) toText(c string, from, f *schema.Field) conv {
	longest := -1
	switch from.Type.Kind() {
	case schema.KindBytes:
		return conv{no: true}
	case schema.KindInt:
		longest = 20
	case schema.KindBool:
		longest = 5
	case schema.KindFloat:
		longest = 25
	case schema.KindDecimal:
		p, _ := from.Decimals()
		longest = p + 3
	case schema.KindTime:
		longest = 32
	}
	txt := to.asText(c, from)
	out := conv{expr: txt}
	if n := textSize(f); n > 0 && (longest < 0 || longest > n) {
		out.narrow, out.bad = true, fmt.Sprintf("%s > %d", to.length(txt), n)
		out.cut = to.left(txt, n)
	}
	return out
}

const (
	wholeForm  = "^[+-]?[0-9]{1,18}$"
	numberForm = "^[+-]?[0-9]{1,40}([.][0-9]{1,30})?$"
)

// fromText reads texts.
func (to target) fromText(c string, f *schema.Field) conv {
	out := conv{narrow: true, expr: to.cast(c, f)}
	not := func(form string) string {
		switch to.dialect {
		case catalog.Postgres:
			return c + " !~ '" + form + "'"
		case catalog.MySQL:
			return c + " NOT REGEXP '" + form + "'"
		}
		return "NOT (json_valid(" + c + ") AND json_type(" + c + ") IN ('integer', 'real'))"
	}
	switch f.Type.Kind() {
	case schema.KindInt:
		lo, hi := to.bounds(f)
		out.bad = not(wholeForm)
		cast := map[catalog.Dialect]string{catalog.Postgres: "(" + c + ")::numeric", catalog.MySQL: "CAST(" + c + " AS DECIMAL(20))", catalog.SQLite: "CAST(" + c + " AS INTEGER)"}[to.dialect]
		if to.dialect == catalog.SQLite {
			out.bad = "NOT (json_valid(" + c + ") AND json_type(" + c + ") = 'integer')"
			out.expr = cast
		}
		out.bad = fmt.Sprintf("CASE WHEN %s THEN 1 = 1 ELSE %s NOT BETWEEN %s AND %s END", out.bad, cast, lo, hi)
	case schema.KindFloat:
		out.bad = not(numberForm)
		if to.dialect == catalog.SQLite {
			out.expr = "CAST(" + c + " AS REAL)"
		}
	case schema.KindDecimal:
		p, s := f.Decimals()
		cast := map[catalog.Dialect]string{catalog.Postgres: "(" + c + ")::numeric", catalog.MySQL: "CAST(" + c + " AS DECIMAL(65,30))", catalog.SQLite: "CAST(" + c + " AS REAL)"}[to.dialect]
		out.bad = fmt.Sprintf("CASE WHEN %s THEN 1 = 1 ELSE abs(%s) >= %s OR round(%s, %d) <> %s END", not(numberForm), cast, pow10(p-s), cast, s, cast)
		if to.dialect == catalog.SQLite {
			if p > 15 {
				return conv{no: true} // SQLite reads numbers as floats, which hold 15 digits
			}
			out.expr = fmt.Sprintf("CAST(round(%s * %s) AS INTEGER)", cast, pow10(s))
		}
	case schema.KindBool:
		out.bad = "lower(" + c + ") NOT IN ('true', 'false', 't', 'f', '1', '0', 'yes', 'no')"
		out.expr = "lower(" + c + ") IN ('true', 't', '1', 'yes')"
		if to.dialect == catalog.MySQL {
			out.first = "CASE WHEN " + out.expr + " THEN '1' ELSE '0' END"
		}
	case schema.KindTime:
		switch to.dialect {
		case catalog.Postgres:
			out.bad = c + " !~ '^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?Z?)?$'"
			if f.Type == schema.Timestamp {
				out.expr = "((" + c + ")::timestamp AT TIME ZONE 'UTC')"
			}
		case catalog.MySQL:
			out.bad = "CAST(" + c + " AS DATETIME(6)) IS NULL"
		default:
			out.bad, out.expr = "datetime("+c+") IS NULL", "datetime("+c+")"
			if f.Type == schema.Date {
				out.expr = "date(" + c + ")"
			}
		}
	case schema.KindJSON:
		switch to.dialect {
		case catalog.Postgres:
			out.try = true
		default:
			out.bad = "NOT json_valid(" + c + ")"
		}
	case schema.KindBytes:
		return map[catalog.Dialect]conv{
			catalog.Postgres: {expr: "convert_to(" + c + ", 'UTF8')"}, catalog.SQLite: {expr: "CAST(" + c + " AS BLOB)"},
		}[to.dialect]
	default:
		return conv{no: true}
	}
	return out
}

// bounds are the smallest and largest value of an integer.
func (to target) bounds(f *schema.Field) (lo, hi string) {
	switch {
	case f.Type == schema.Integer && !f.Unsigned:
		return "-2147483648", "2147483647"
	case f.Type == schema.Integer:
		return "0", "4294967295"
	case f.Unsigned && to.dialect == catalog.MySQL:
		return "0", "18446744073709551615"
	case f.Unsigned:
		return "0", "9223372036854775807"
	}
	return "-9223372036854775808", "9223372036854775807"
}

package migrate

import (
	"fmt"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// numberToNumber converts between integers, floats, decimals and booleans.
func (to target) numberToNumber(c string, from, f *schema.Field) conv {
	a, b := from.Type.Kind(), f.Type.Kind()
	lite := to.dialect == catalog.SQLite
	if lite && (a == schema.KindDecimal || b == schema.KindDecimal) {
		return to.scaled(c, from, f)
	}
	out := conv{expr: to.cast(c, f)}
	switch {
	case a == schema.KindBool && b == schema.KindBool, a == schema.KindFloat && b == schema.KindFloat:
	case b == schema.KindBool:
		out.narrow, out.bad, out.cut, out.expr = true, c+" NOT IN (0, 1)", c+" <> 0", c+" <> 0"
	case a == schema.KindBool:
		if to.dialect == catalog.Postgres {
			typ, _ := to.declare(f, false)
			out.expr = "(" + c + ")::integer::" + typ
		}
	case b == schema.KindInt:
		lo, hi := to.bounds(f)
		wasLo, wasHi := to.bounds(from)
		out.narrow = a != schema.KindInt || len(strings.TrimPrefix(wasHi, "-")) > len(hi) || len(wasHi) == len(hi) && wasHi > hi || lo == "0" && wasLo != "0"
		if out.narrow {
			out.bad = fmt.Sprintf("%s NOT BETWEEN %s AND %s", c, lo, hi)
			if a != schema.KindInt {
				out.bad += fmt.Sprintf(" OR %s <> round(%s)", c, c)
			}
			if a == schema.KindDecimal || a == schema.KindFloat {
				out.cut = fmt.Sprintf("CASE WHEN %s BETWEEN %s AND %s THEN round(%s) END", c, lo, hi, c)
			}
			if lite {
				out.expr = "CAST(" + c + " AS INTEGER)"
			}
		}
	case b == schema.KindFloat:
		if a == schema.KindInt && from.Type == schema.BigInteger {
			out.narrow, out.bad, out.cut = true, "abs("+c+") > 9007199254740992", c
		}
		if p, _ := from.Decimals(); a == schema.KindDecimal && p > 15 {
			out.narrow = true
		}
	case b == schema.KindDecimal:
		p, s := f.Decimals()
		digits, scale := 20, 0 // of an integer
		switch {
		case a == schema.KindDecimal && from.Precision > 0:
			digits, scale = from.Precision-from.Scale, from.Scale
		case a != schema.KindInt:
			digits, scale = 400, 400
		case from.Type == schema.Integer:
			digits = 10
		}
		x := c
		if a == schema.KindFloat && to.dialect == catalog.Postgres {
			x = "(" + c + ")::numeric"
		}
		var bad []string
		if p-s < digits {
			bad = append(bad, fmt.Sprintf("abs(%s) >= %s", x, pow10(p-s)))
		}
		if s < scale {
			bad = append(bad, fmt.Sprintf("%s <> round(%s, %d)", x, x, s))
			out.cut = fmt.Sprintf("CASE WHEN abs(round(%s, %d)) < %s THEN round(%s, %d) END", x, s, pow10(p-s), x, s)
		}
		out.narrow, out.bad = len(bad) > 0, strings.Join(bad, " OR ")
	}
	return out
}

// scaled converts SQLite's decimals, which are integers of the last digit.
func (to target) scaled(c string, from, f *schema.Field) conv {
	a, b := from.Type.Kind(), f.Type.Kind()
	switch {
	case a == schema.KindDecimal && b == schema.KindDecimal:
		p1, s1 := from.Decimals()
		p2, s2 := f.Decimals()
		out := conv{narrow: p2-s2 < p1-s1 || s2 < s1}
		if s2 >= s1 {
			out.expr = c
			if s2 > s1 {
				out.expr = c + " * " + pow10(s2-s1)
			}
			if out.narrow {
				out.bad = fmt.Sprintf("abs(%s) >= %s", c, pow10(p2-(s2-s1)))
			}
			return out
		}
		k := pow10(s1 - s2)
		round := fmt.Sprintf("((%s + CASE WHEN %s < 0 THEN -%s ELSE %s END / 2) / %s)", c, c, k, k, k)
		out.expr = c + " / " + k
		out.bad = fmt.Sprintf("%s %% %s <> 0 OR abs(%s / %s) >= %s", c, k, c, k, pow10(p2))
		out.cut = fmt.Sprintf("CASE WHEN abs(%s) < %s THEN %s END", round, pow10(p2), round)
		return out
	case b == schema.KindDecimal:
		p, s := f.Decimals()
		if a == schema.KindFloat {
			return conv{
				narrow: true, expr: fmt.Sprintf("CAST(round(%s * %s) AS INTEGER)", c, pow10(s)),
				bad: fmt.Sprintf("abs(%s) >= %s OR round(%s, %d) <> %s", c, pow10(p-s), c, s, c),
				cut: fmt.Sprintf("CASE WHEN abs(%s) < %s THEN CAST(round(%s * %s) AS INTEGER) END", c, pow10(p-s), c, pow10(s)),
			}
		}
		out := conv{expr: c + " * " + pow10(s)}
		if a == schema.KindInt && p-s < map[bool]int{true: 10, false: 19}[from.Type == schema.Integer] {
			out.narrow, out.bad = true, fmt.Sprintf("abs(%s) >= %s", c, pow10(p-s))
		}
		return out
	}
	_, s := from.Decimals()
	switch b {
	case schema.KindFloat:
		return conv{expr: fmt.Sprintf("%s / %s.0", c, pow10(s))}
	case schema.KindBool:
		return conv{narrow: true, expr: c + " <> 0", bad: fmt.Sprintf("%s NOT IN (0, %s)", c, pow10(s)), cut: c + " <> 0"}
	}
	lo, hi := to.bounds(f)
	return conv{
		narrow: true, expr: c + " / " + pow10(s), bad: fmt.Sprintf("%s %% %s <> 0 OR %s / %s NOT BETWEEN %s AND %s", c, pow10(s), c, pow10(s), lo, hi),
		cut: fmt.Sprintf("CASE WHEN %s / %s BETWEEN %s AND %s THEN %s / %s END", c, pow10(s), lo, hi, c, pow10(s)),
	}
}

// timeToTime converts between dates and times.
func (to target) timeToTime(c string, from, f *schema.Field) conv {
	day := func(t schema.Type) bool { return t == schema.Date }
	out := conv{expr: to.cast(c, f)}
	switch to.dialect {
	case catalog.Postgres:
		zoned, toZoned := from.Type == schema.Timestamp, f.Type == schema.Timestamp
		switch {
		case toZoned && !zoned:
			out.expr = "((" + c + ")::timestamp AT TIME ZONE 'UTC')"
		case zoned && !toZoned:
			out.expr = "(" + c + " AT TIME ZONE 'UTC')"
			if day(f.Type) {
				out.expr += "::date"
			}
		}
		if day(f.Type) && !day(from.Type) {
			x := c
			if zoned {
				x = "(" + c + " AT TIME ZONE 'UTC')"
			}
			out.narrow, out.bad, out.cut = true, x+" <> date_trunc('day', "+x+")", out.expr
		}
	case catalog.MySQL:
		if day(f.Type) && !day(from.Type) {
			out.narrow, out.bad, out.cut = true, "TIME("+c+") <> '00:00:00'", "DATE("+c+")"
		}
	default:
		switch {
		case day(f.Type) && !day(from.Type):
			out.narrow, out.expr = true, "substr("+c+", 1, 10)"
			out.bad, out.cut = "substr("+c+", 12) NOT IN ('', '00:00', '00:00:00')", out.expr
		case !day(f.Type) && day(from.Type):
			out.expr = c + " || ' 00:00:00'"
		}
	}
	return out
}

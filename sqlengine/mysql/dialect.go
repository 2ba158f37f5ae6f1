package mysql

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// newDialect is what the server's SQL looks like.
func newDialect(s *server) *sqlengine.Dialect {
	d := dialect{collate: " COLLATE " + s.collation, fold: " COLLATE " + s.fold, maria: s.maria}
	return &sqlengine.Dialect{
		Name:      "mysql",
		Quote:     quote,
		Binary:    s.collation,
		Typed:     true,
		Locks:     true,
		LockWords: d.lock,
		LastKey:   true,
		NoLimit:   " LIMIT 18446744073709551615",
		Differs:   func(a, b string) string { return "NOT (" + a + " <=> " + b + ")" },
		MaxArgs:   60000,
		ListArgs:  8192,
		ListIn:    d.listIn,
		ListArg:   sqlengine.JSONList,
		Like:      d.like,
		Prefix:    d.prefix,
		Suffix:    d.suffix,
		Add:       d.add,
		Agg:       d.aggregate,
		Time:      nil,
		TimePart:  timePart,
		JSON:      d,
		Bare:      true,
		OneByOne:  s.step != 1,
		MaxBytes:  s.packet / 4,
	}
}

// dialect writes what depends on the server.
type dialect struct {
	collate string // that compares bytes
	fold    string // whose LOWER folds case
	maria   bool
}

// lock writes the lock of a find.
func (d dialect) lock(l op.Lock) string {
	switch l {
	case op.ForShare:
		if d.maria {
			return " LOCK IN SHARE MODE"
		}
		return " FOR SHARE"
	case op.ForUpdateSkipLocked:
		return " FOR UPDATE SKIP LOCKED"
	case op.ForUpdateNoWait:
		return " FOR UPDATE NOWAIT"
	}
	return " FOR UPDATE"
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// literal writes a text, for the default mode in which a backslash escapes.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''", "\x00", `\0`).Replace(s) + "'"
}

// listIn tests a list that is passed as a JSON array.
func (d dialect) listIn(c *sqlengine.Column, expr string, not bool, arg string) string {
	word := " IN ("
	if not {
		word = " NOT IN ("
	}
	typ, value := "LONGTEXT CHARACTER SET utf8mb4"+d.collate, "j.v"
	switch c.Store {
	case sqlengine.StoreInt, sqlengine.StoreBool:
		typ = "BIGINT"
	case sqlengine.StoreExact, sqlengine.StoreNumeric:
		typ = "DECIMAL(65," + strconv.Itoa(int(c.Scale())) + ")"
	case sqlengine.StoreTime:
		typ = "DATETIME(6)"
	case sqlengine.StoreDate:
		typ = "DATE"
	case sqlengine.StoreBytes:
		value = "UNHEX(j.v)"
	case sqlengine.StoreText:
		if strings.HasPrefix(c.Type, "time") {
			typ = "TIME(6)"
		}
	}
	return expr + word + "SELECT " + value + " FROM JSON_TABLE(" + arg + ", '$[*]' COLUMNS (v " + typ + " PATH '$')) AS j)"
}

// like looks for a part in text whose case is folded. LOWER does so by the
// tables of a collation; the comparison then is of bytes.
func (d dialect) like(expr, part string, arg sqlengine.Arg) string {
	return "LOCATE(" + arg(sqlengine.TextValue(part)) + ", " + d.folded(expr) + ") > 0"
}

func (d dialect) folded(expr string) string {
	return "(LOWER(CONVERT(" + expr + " USING utf8mb4)" + d.fold + ")" + d.collate + ")"
}

func (d dialect) prefix(expr, part string, arg sqlengine.Arg) string {
	v := sqlengine.TextValue(part)
	return "LEFT(CONVERT(" + expr + " USING utf8mb4), CHAR_LENGTH(" + arg(v) + "))" + d.collate + " = " + arg(v)
}

func (d dialect) suffix(expr, part string, arg sqlengine.Arg) string {
	v := sqlengine.TextValue(part)
	return "RIGHT(CONVERT(" + expr + " USING utf8mb4), CHAR_LENGTH(" + arg(v) + "))" + d.collate + " = " + arg(v)
}

// add lets the server itself fail where the sum leaves the column, in strict
// mode. Where the column holds more than the field, a number that fits nowhere
// takes the place of the sum.
func (d dialect) add(c *sqlengine.Column, expr string, v sqlengine.Value, arg sqlengine.Arg) string {
	if c.Store != sqlengine.StoreInt {
		return "COALESCE(" + expr + ", 0) + " + castDecimal(c, arg(v))
	}
	sum := "COALESCE(" + expr + ", 0) + " + arg(v)
	low, high := c.Limits()
	if declared(c.Type, low, high) {
		return sum
	}
	return fmt.Sprintf("IF(%s BETWEEN %d AND %d, COALESCE(%s, 0) + %s, 99999999999999999999999999)", sum, low, high, expr, arg(v))
}

// declared reports whether a column of integers has just the given range.
func declared(typ string, low, high int64) bool {
	word, _, _ := strings.Cut(strings.ToLower(typ), "(")
	word, _, _ = strings.Cut(word, " ")
	unsigned := strings.Contains(strings.ToLower(typ), "unsigned")
	switch {
	case word == "bigint" && !unsigned:
		return low == -1<<63 && high == 1<<63-1
	case word == "int" && !unsigned:
		return low == -1<<31 && high == 1<<31-1
	case word == "int":
		return low == 0 && high == 1<<32-1
	}
	return false
}

// castDecimal makes a decimal of an argument for a column of decimals: as a
// text it would be taken for a float.
func castDecimal(c *sqlengine.Column, arg string) string {
	if c.Store != sqlengine.StoreExact && c.Store != sqlengine.StoreNumeric {
		return arg
	}
	return "CAST(" + arg + " AS DECIMAL(65," + strconv.Itoa(int(c.Scale())) + "))"
}

func (d dialect) aggregate(c *sqlengine.Column, f op.AggFunc, expr string) string {
	switch f {
	case op.AggMin:
		return "MIN(" + expr + ")"
	case op.AggMax:
		return "MAX(" + expr + ")"
	}
	if c.Store == sqlengine.StoreInt { // a sum is a decimal; DIV makes an integer of it or fails
		return "(SUM(" + expr + ") DIV 1)"
	}
	return "SUM(" + expr + ")"
}

func timePart(expr string, p op.Part) string {
	switch p {
	case op.YearOf:
		return "YEAR(" + expr + ")"
	case op.MonthOf:
		return "MONTH(" + expr + ")"
	case op.DayOf:
		return "DAY(" + expr + ")"
	case op.HourOf:
		return "HOUR(" + expr + ")"
	case op.WeekdayOf: // Monday is 0 there
		return "(WEEKDAY(" + expr + ") + 1)"
	case op.DateOf:
		return "DATE(" + expr + ")"
	}
	return expr
}

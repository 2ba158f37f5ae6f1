package mysql

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/sqlengine"
)

// Documents are text in canonical form, in the same words on both servers.
// MariaDB looks into it as it is; MySQL makes binary JSON of it first and so
// takes numbers with a point, or beyond 64 bits, for floats.

// jsonPath writes a path in the server's notation. at says which segments are
// positions in arrays.
func jsonPath(path []string, at []bool) string {
	var b strings.Builder
	b.WriteByte('$')
	for i, seg := range path {
		if at[i] {
			n, _ := strconv.Atoi(seg)
			b.WriteString("[" + strconv.Itoa(n) + "]")
		} else {
			b.WriteString("." + pathKey(seg))
		}
	}
	return b.String()
}

// pathKey quotes an object key for a path, as JSON.
func pathKey(key string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(key) {
		switch c := key[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\b':
			b.WriteString(`\b`)
		case c == '\f':
			b.WriteString(`\f`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20:
			b.WriteString(`\u00` + string(hex[c>>4]) + string(hex[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func position(seg string) bool {
	if seg == "" || strings.Trim(seg, "0123456789") != "" {
		return false
	}
	_, err := strconv.ParseInt(seg, 10, 32)
	return err == nil
}

// place writes the JSON at a path. A segment of digits is a position where an
// array is, and a key elsewhere. The server would also find a scalar at position
// 0 of itself, so each position asks for an array.
func place(col string, path []string) string {
	var digits []int
	for i, seg := range path {
		if position(seg) {
			digits = append(digits, i)
		}
	}
	if len(path) == 0 {
		return col
	}
	at := make([]bool, len(path))
	if len(digits) == 0 {
		return extract(col, path, at)
	}
	var ways []string
	for mask := range 1 << min(len(digits), 8) {
		var guards []string
		for j, i := range digits {
			at[i] = mask>>j&1 == 1
		}
		for _, i := range digits {
			if at[i] {
				doc := col
				if i > 0 {
					doc = extract(col, path[:i], at)
				}
				guards = append(guards, "JSON_TYPE("+doc+") = 'ARRAY'")
			}
		}
		way := extract(col, path, at)
		if len(guards) > 0 {
			way = "IF(" + strings.Join(guards, " AND ") + ", " + way + ", NULL)"
		}
		ways = append(ways, way)
	}
	return "COALESCE(" + strings.Join(ways, ", ") + ")"
}

func extract(col string, path []string, at []bool) string {
	return "JSON_EXTRACT(" + col + ", " + literal(jsonPath(path, at)) + ")"
}

// Null writes that there is nothing at the place, or null.
func (d dialect) Null(_ *sqlengine.Column, expr string, path []string) string {
	return "COALESCE(JSON_TYPE(" + place(expr, path) + "), 'NULL') = 'NULL'"
}

// Text writes the text at the place.
func (d dialect) Text(_ *sqlengine.Column, expr string, path []string) string {
	p := place(expr, path)
	return "IF(JSON_TYPE(" + p + ") = 'STRING', " + d.unquoted(p) + ", NULL)"
}

func (d dialect) unquoted(p string) string {
	return "CONVERT(JSON_UNQUOTE(" + p + ") USING utf8mb4)" + d.collate
}

const numbers = " IN ('INTEGER', 'DOUBLE', 'DECIMAL', 'UNSIGNED INTEGER')"

// Compare writes a comparison with a value of the same type.
func (d dialect) Compare(c *sqlengine.Column, expr string, path []string, sign string, v any, arg sqlengine.Arg) string {
	p := place(expr, path)
	switch x := v.(type) {
	case string:
		return "(JSON_TYPE(" + p + ") = 'STRING' AND " + d.unquoted(p) + sign + arg(sqlengine.TextValue(x)) + ")"
	case bool:
		n := int64(0)
		if x {
			n = 1
		}
		return "(JSON_TYPE(" + p + ") = 'BOOLEAN' AND (" + d.unquoted(p) + " = 'true')" + sign + arg(sqlengine.IntValue(n)) + ")"
	}
	return "(JSON_TYPE(" + p + ")" + numbers + " AND " + d.Key(c, expr, path) + sign + arg(sqlengine.TextValue(numberKey(v))) + ")"
}

// Has writes that an array at the place has an element.
func (d dialect) Has(_ *sqlengine.Column, expr string, path []string, alias string, v any, arg sqlengine.Arg) string {
	p := place(expr, path)
	doc := "IF(JSON_TYPE(" + p + ") = 'ARRAY', " + p + ", NULL)"
	key := d.key(alias)
	var a sqlengine.Value
	switch x := v.(type) {
	case string:
		a = sqlengine.TextValue(keyText + x)
	case bool:
		a = sqlengine.TextValue(keyFalse)
		if x {
			a = sqlengine.TextValue(keyTrue)
		}
	default:
		a = sqlengine.TextValue(numberKey(v))
	}
	return "EXISTS (SELECT 1 FROM JSON_TABLE(" + doc + ", '$[*]' COLUMNS (" + d.columns() + ")) AS " + alias + " WHERE " + key + " = " + arg(a) + ")"
}

// Key writes a text that sorts as the values at the place do.
func (d dialect) Key(_ *sqlengine.Column, expr string, path []string) string {
	return "(SELECT " + d.key("j") + " FROM JSON_TABLE(" + place(expr, path) + ", '$' COLUMNS (" + d.columns() + ")) AS j)"
}

func (d dialect) columns() string {
	return "v JSON PATH '$', s LONGTEXT CHARACTER SET utf8mb4" + d.collate + " PATH '$'"
}

// What keys begin with: values of different types sort by it.
const (
	keyFalse  = "1"
	keyTrue   = "2"
	keyNumber = "3"
	keyText   = "4"
	keyOther  = "5"
)

// Numbers are written as sign, exponent and digits, so that their texts sort as
// they do and none is rounded. Exponents are moved to be positive; of a negative
// number both are turned around, the digits into letters.
const (
	signMinus = "4"
	signZero  = "5"
	signPlus  = "6"
	expBias   = 1_000_000_000
)

// key writes the key of the row of a JSON_TABLE with the columns v and s.
func (d dialect) key(alias string) string {
	v := "(CONVERT(" + alias + ".v USING utf8mb4)" + d.collate + ")"
	if d.maria {
		v = "(" + alias + ".v" + d.collate + ")"
	}
	return "CASE JSON_TYPE(" + alias + ".v) WHEN 'NULL' THEN NULL" +
		" WHEN 'BOOLEAN' THEN IF(" + v + " = 'true', '" + keyTrue + "', '" + keyFalse + "')" +
		" WHEN 'STRING' THEN CONCAT('" + keyText + "', " + alias + ".s)" +
		" WHEN 'ARRAY' THEN CONCAT('" + keyOther + "', " + v + ") WHEN 'OBJECT' THEN CONCAT('" + keyOther + "', " + v + ")" +
		" ELSE CONCAT('" + keyNumber + "', " + numberSQL(v) + ") END"
}

// numberSQL writes the key of a JSON number given as text, as numberKey makes it.
func numberSQL(v string) string {
	abs := "TRIM(LEADING '-' FROM LOWER(" + v + "))"
	mant := "SUBSTRING_INDEX(" + abs + ", 'e', 1)"
	e := "IF(LOCATE('e', " + abs + ") > 0, CAST(SUBSTRING_INDEX(" + abs + ", 'e', -1) AS SIGNED), 0)"
	whole := "SUBSTRING_INDEX(" + mant + ", '.', 1)"
	all := "REPLACE(" + mant + ", '.', '')"
	digits := "TRIM(LEADING '0' FROM " + all + ")"
	exp := "(" + e + " + LENGTH(" + whole + ") - LENGTH(" + all + ") + LENGTH(" + digits + "))"
	short := "TRIM(TRAILING '0' FROM " + digits + ")"
	bias := strconv.Itoa(expBias)
	turned := short
	for i := range 10 {
		turned = "REPLACE(" + turned + ", '" + string(rune('0'+i)) + "', '" + string(rune('j'-i)) + "')"
	}
	return "CASE WHEN " + digits + " = '' THEN '" + signZero + "'" +
		" WHEN LEFT(" + v + ", 1) = '-' THEN CONCAT('" + signMinus + "', LPAD(" + bias + " - " + exp + ", 10, '0'), " + turned + ", '~')" +
		" ELSE CONCAT('" + signPlus + "', LPAD(" + bias + " + " + exp + ", 10, '0'), " + short + ") END"
}

// numberKey is the key of a canonical number.
func numberKey(v any) string {
	var d decimal.Decimal
	switch x := v.(type) {
	case int64:
		d = decimal.NewFromInt(x)
	case float64:
		d = decimal.NewFromFloat(x)
	case decimal.Decimal:
		d = x
	}
	all := strings.TrimPrefix(d.Coefficient().Text(10), "-")
	digits := strings.TrimRight(all, "0")
	if digits == "" {
		return keyNumber + signZero
	}
	exp := int(d.Exponent()) + len(all)
	if d.Sign() > 0 {
		return keyNumber + signPlus + padded(expBias+exp) + digits
	}
	var turned strings.Builder
	for i := range len(digits) {
		turned.WriteByte('j' - (digits[i] - '0'))
	}
	return keyNumber + signMinus + padded(expBias-exp) + turned.String() + "~"
}

func padded(n int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(0, 10-len(s))) + s
}

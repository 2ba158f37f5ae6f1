package lite

import (
	"strconv"
	"strings"

	"github.com/weftdb/weft/sqlengine"
)

// jsonDialect writes expressions on places in documents. Numbers are compared
// by keys that weft_key makes, for SQLite would round them.
type jsonDialect struct{}

func (jsonDialect) Null(_ *sqlengine.Column, col string, path []string) string {
	return "coalesce(" + places("json_type", col, path) + ", 'null') = 'null'"
}

func (jsonDialect) Text(_ *sqlengine.Column, col string, path []string) string {
	return "CASE WHEN " + places("json_type", col, path) + " = 'text' THEN " + places("json_extract", col, path) + " END"
}

func (j jsonDialect) Compare(c *sqlengine.Column, col string, path []string, sign string, v any, arg sqlengine.Arg) string {
	typ, val := places("json_type", col, path), places("json_extract", col, path)
	switch x := v.(type) {
	case string:
		return "(" + typ + " = 'text' AND " + val + sign + arg(sqlengine.TextValue(x)) + ")"
	case bool:
		n := int64(0)
		if x {
			n = 1
		}
		return "(" + typ + " IN ('true', 'false') AND " + val + sign + arg(sqlengine.IntValue(n)) + ")"
	}
	return "(" + typ + " IN ('integer', 'real') AND " + j.Key(c, col, path) + sign + arg(numberKey(v)) + ")"
}

// numberKey is what weft_key makes of a number.
func numberKey(v any) sqlengine.Value {
	key, _ := sqlengine.ScalarKey(v)
	return sqlengine.BlobValue(string(key))
}

func (jsonDialect) Has(_ *sqlengine.Column, col string, path []string, alias string, v any, arg sqlengine.Arg) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, p := range variants(path) {
		if i > 0 {
			b.WriteString(" OR ")
		}
		b.WriteString("(json_type(" + col + ", " + literal(p) + ") = 'array' AND EXISTS (SELECT 1 FROM json_each(" + col + ", " + literal(p) + ") AS " + alias + " WHERE ")
		switch x := v.(type) {
		case string:
			b.WriteString(alias + ".type = 'text' AND " + alias + ".value = " + arg(sqlengine.TextValue(x)))
		case bool:
			b.WriteString(alias + ".type = " + arg(sqlengine.TextValue(strconv.FormatBool(x))))
		default:
			b.WriteString(alias + ".type IN ('integer', 'real') AND weft_key(" + col + " -> " + alias + ".fullkey) = " + arg(numberKey(v)))
		}
		b.WriteString("))")
	}
	b.WriteByte(')')
	return b.String()
}

func (jsonDialect) Key(_ *sqlengine.Column, col string, path []string) string {
	return "weft_key(" + jsonText(col, path) + ")"
}

package postgres

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/sqlengine"
)

// jsonDialect writes expressions on places in documents, of columns of type
// json and jsonb.
type jsonDialect struct{}

// place is a place in a document. As text it is what ->> and #>> give.
type place struct {
	typeof string // the function that tells a value's type
	each   string // the function that gives an array's elements
	value  string
	text   string
}

func placeOf(c *sqlengine.Column, expr string, path []string) place {
	p := place{typeof: "json_typeof", each: "json_array_elements"}
	switch c.Type {
	case "jsonb":
		p = place{typeof: "jsonb_typeof", each: "jsonb_array_elements"}
	case "json":
	default: // text of somebody else's
		expr = "CAST(" + expr + " AS json)"
	}
	p.value, p.text = expr, "("+expr+" #>> '{}')"
	for len(path) > 0 {
		n := 0
		for n < len(path) && steps(path[n]) {
			n++
		}
		if n > 0 {
			at := literal(array(path[:n]))
			p.text = "(" + p.value + " #>> " + at + ")"
			p.value = "(" + p.value + " #> " + at + ")"
			path = path[n:]
			continue
		}
		key := literal(path[0])
		p.text = "(" + p.value + " ->> " + key + ")"
		p.value = "(" + p.value + " -> " + key + ")"
		path = path[1:]
	}
	return p
}

// steps reports whether a segment means the same to #> as to Weft. That takes
// more for a position in an array than digits: a sign, and space before it.
func steps(seg string) bool {
	return seg == "" || !strings.ContainsAny(seg[:1], "+- \t\n\v\f\r")
}

// array writes segments as PostgreSQL reads an array of text.
func array(path []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, seg := range path {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for _, c := range []byte(seg) {
			if c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

func (p place) is(typ string) string { return p.typeof + "(" + p.value + ") = '" + typ + "'" }

func (jsonDialect) Null(c *sqlengine.Column, expr string, path []string) string {
	p := placeOf(c, expr, path)
	return "coalesce(" + p.typeof + "(" + p.value + "), 'null') = 'null'"
}

func (jsonDialect) Text(c *sqlengine.Column, expr string, path []string) string {
	p := placeOf(c, expr, path)
	return "CASE WHEN " + p.is("string") + " THEN " + p.text + " END"
}

func (jsonDialect) Compare(c *sqlengine.Column, expr string, path []string, sign string, v any, arg sqlengine.Arg) string {
	return placeOf(c, expr, path).compare(sign, v, arg)
}

// compare writes that the value is of the type of v and compares with it.
func (p place) compare(sign string, v any, arg sqlengine.Arg) string {
	switch x := v.(type) {
	case string:
		return "(" + p.is("string") + " AND " + p.text + ` COLLATE "C"` + sign + arg(sqlengine.TextValue(x)) + ")"
	case bool:
		n := int64(0)
		if x {
			n = 1
		}
		return "CASE WHEN " + p.is("boolean") + " THEN CAST(" + p.text + " AS boolean) END" + sign + arg(sqlengine.IntValue(n))
	}
	return "CASE WHEN " + p.is("number") + " THEN CAST(" + p.text + " AS numeric) END" + sign + "CAST(" + arg(number(v)) + " AS numeric)"
}

// number is a number as text that is exact.
func number(v any) sqlengine.Value {
	switch x := v.(type) {
	case int64:
		return sqlengine.TextValue(strconv.FormatInt(x, 10))
	case float64:
		return sqlengine.TextValue(strconv.FormatFloat(x, 'e', -1, 64))
	case decimal.Decimal:
		return sqlengine.TextValue(x.String())
	case interface{ String() string }:
		return sqlengine.TextValue(x.String())
	}
	return sqlengine.Value{}
}

func (jsonDialect) Has(c *sqlengine.Column, expr string, path []string, alias string, v any, arg sqlengine.Arg) string {
	p := placeOf(c, expr, path)
	e := place{typeof: p.typeof, value: alias + ".v", text: "(" + alias + ".v #>> '{}')"}
	return "EXISTS (SELECT 1 FROM " + p.each + "(CASE WHEN " + p.is("array") + " THEN " + p.value + " END) AS " + alias + "(v) WHERE " + e.compare(" = ", v, arg) + ")"
}

func (jsonDialect) Key(c *sqlengine.Column, expr string, path []string) string {
	p := placeOf(c, expr, path)
	typ := p.typeof + "(" + p.value + ")"
	return "CASE WHEN coalesce(" + typ + ", 'null') <> 'null' THEN ROW(" +
		"CASE " + typ + " WHEN 'boolean' THEN CASE " + p.text + " WHEN 'false' THEN 1 ELSE 2 END WHEN 'number' THEN 3 WHEN 'string' THEN 4 ELSE 5 END, " +
		"CASE " + typ + " WHEN 'number' THEN CAST(" + p.text + " AS numeric) END, " +
		"CASE WHEN " + typ + " IN ('string', 'array', 'object') THEN " + p.text + ` END COLLATE "C") END`
}

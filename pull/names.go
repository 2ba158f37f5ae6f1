package pull

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/schema"
)

// plain turns everything that is neither a letter nor a digit into an
// underscore, at which names are split into words. An apostrophe splits none.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return r
		case r == '\'' || r == '’':
			return -1
		}
		return '_'
	}, s)
}

// fieldName is the JSON name for a column: CustomerId is customerId, "unit
// price" unitPrice.
func fieldName(column string) string {
	name := schema.LowerCamel(plain(column))
	switch r, _ := utf8.DecodeRuneInString(name); {
	case name == "":
		return "column"
	case unicode.IsDigit(r): // what codegen puts in front, too
		return "x" + name
	}
	return name
}

// modelNames are the names that a table's model may have, the best first:
// order_items is OrderItem, else OrderItems.
func modelNames(table string) []string {
	parts := strings.FieldsFunc(schema.Snake(plain(table)), func(r rune) bool { return r == '_' })
	if len(parts) == 0 {
		return []string{"Table"}
	}
	asIs := codegen.GoName(strings.Join(parts, "_"))
	last := len(parts) - 1
	parts[last] = singular(parts[last])
	return []string{codegen.GoName(strings.Join(parts, "_")), asIs}
}

// names hands out names that differ from each other.
type names map[string]bool

// rank puts the tables with the best claim to their model's name first: those
// whose name is it, then those whose plural is.
func rank(table string) int {
	n := modelNames(table)
	switch {
	case strings.Trim(plain(table), "_") != table:
		return 2
	case n[0] != n[len(n)-1]:
		return 1
	}
	return 0
}

// take returns the first candidate that is free, or the first one with a number.
func (n names) take(candidates ...string) string {
	free := func(s string) bool { return s != "" && !n[s] }
	i := slices.IndexFunc(candidates, free)
	name := ""
	if i >= 0 {
		name = candidates[i]
	}
	for k := 2; !free(name); k++ {
		name = candidates[0] + strconv.Itoa(k)
		if r, _ := utf8.DecodeLastRuneInString(candidates[0]); unicode.IsDigit(r) {
			name = candidates[0] + "_" + strconv.Itoa(k)
		}
	}
	n[name] = true
	return name
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// nameOf is the name of a model as part of names in lower camel case.
func nameOf(m *schema.Model) string { return schema.LowerCamel(m.Name) }

// ids are what is left out of a foreign key's name to name the relation.
var ids = []string{"Id", "Uuid", "Guid", "Fk", "Ref"}

// selfNames name relations of a table with itself whose columns do not tell.
var selfNames = map[string]string{"reportsTo": "manager", "reportTo": "manager"}

// inverses are the other ends of relations of a table with itself.
var inverses = map[string]string{
	"parent": "children", "manager": "reports", "boss": "reports", "supervisor": "reports", "replyTo": "replies", "inReplyTo": "replies",
}

// stem is the name of a foreign key's field without what says that it is one,
// or the whole name where nothing does: artistId is artist, countryCode, which
// points at a code, country.
func stem(field, key string) string {
	for _, end := range append(slices.Clone(ids), upperFirst(key)) {
		if s, cut := strings.CutSuffix(field, end); cut && s != "" {
			return s
		}
	}
	for _, begin := range []string{"id", "fk"} {
		rest, cut := strings.CutPrefix(field, begin)
		if r, _ := utf8.DecodeRuneInString(rest); cut && unicode.IsUpper(r) {
			return schema.LowerCamel(rest)
		}
	}
	return field
}

package codegen

import (
	"regexp"
	"strconv"
	"strings"
)

// tags are the parts of a weft tag.
type tags []string

func (t *tags) add(part string) { *t = append(*t, part) }

func (t *tags) flag(on bool, part string) {
	if on {
		*t = append(*t, part)
	}
}

// value adds key=value.
func (t *tags) value(key, value string) { *t = append(*t, key+"="+quoteTag(value)) }

// text adds key=value unless the value is empty.
func (t *tags) text(key, value string) {
	if value != "" {
		t.value(key, value)
	}
}

func (t *tags) number(key string, n int) {
	if n != 0 {
		t.add(key + "=" + strconv.Itoa(n))
	}
}

// plainTag is a value that means itself without quotes.
var plainTag = regexp.MustCompile(`^[A-Za-z0-9_.:|/+-]+( [A-Za-z0-9_.:|/+-]+)*$`)

// typeTag is a type with its arguments, which needs no quotes either.
var typeTag = regexp.MustCompile(`^[A-Za-z]+\([A-Za-z0-9_., -]+\)$`)

// quoteTag writes a value as the parser of weft tags reads it.
func quoteTag(s string) string {
	if s == "" || plainTag.MatchString(s) || typeTag.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func (t tags) String() string { return strings.Join(t, ",") }

// structTag joins the tags of a field, given as key and value in turn. Those
// without a value are left out.
func structTag(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, pairs[i]+":"+strconv.Quote(pairs[i+1]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	tag := strings.Join(parts, " ")
	if strconv.CanBackquote(tag) {
		return "`" + tag + "`"
	}
	return strconv.Quote(tag)
}

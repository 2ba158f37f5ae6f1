package codegen

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/schema"
)

// rules are the bounds of a field's values, as far as its validate tag says them
// in words that JSON Schema has too.
type rules struct {
	minLen, maxLen int // of text and lists; maxLen is -1 without
	min, max       json.Number
	minOut, maxOut bool // the bound itself is out
	format         string
	values         []string
}

func (r *rules) least(n int) { r.minLen = max(r.minLen, n) }

func (r *rules) most(n int) {
	if r.maxLen < 0 || n < r.maxLen {
		r.maxLen = n
	}
}

// between sets the bounds of a type where the rules say none.
func (r *rules) between(least, most json.Number) {
	if r.min == "" {
		r.min = least
	}
	if r.max == "" {
		r.max = most
	}
}

// formats are the rules that are formats of JSON Schema.
var formats = map[string]string{
	"email": "email", "url": "uri", "http_url": "uri", "uri": "uri", "uuid": "uuid", "uuid4": "uuid", "uuid7": "uuid",
	"ipv4": "ipv4", "ipv6": "ipv6", "hostname": "hostname",
}

// rulesOf reads the validate tag of a field. Rules that hold only sometimes, and
// those for elements of lists, are passed over.
func rulesOf(f *schema.Field) rules {
	r := rules{maxLen: -1}
	kind := f.Type.Kind()
	empty := false // the empty value passes whatever the rules say
	for _, rule := range strings.Split(f.Validate, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(rule), "=")
		switch {
		case key == "dive":
			return r
		case strings.Contains(rule, "|"):
			continue
		case key == "omitempty":
			empty = true
		case key == "required":
			if kind == schema.KindString && !f.Nullable {
				r.least(1)
			}
		case key == "oneof" && kind == schema.KindString && !empty:
			r.values = oneOf(value)
		case formats[key] != "" && (!empty || f.Nullable):
			r.format = formats[key]
		case kind == schema.KindString || kind == schema.KindJSON:
			r.length(key, value, empty)
		case kind == schema.KindInt || kind == schema.KindFloat:
			r.bound(key, value, empty)
		}
	}
	return r
}

func (r *rules) length(key, value string, empty bool) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return
	}
	low, high := -1, -1
	switch key {
	case "min", "gte":
		low = n
	case "gt":
		low = n + 1
	case "max", "lte":
		high = n
	case "lt":
		high = n - 1
	case "len":
		low, high = n, n
	}
	if low >= 0 && !empty {
		r.least(low)
	}
	if high >= 0 {
		r.most(high)
	}
}

func (r *rules) bound(key, value string, empty bool) {
	x, err := strconv.ParseFloat(value, 64)
	if err != nil || !jsonNumber.MatchString(value) {
		return
	}
	switch key {
	case "min", "gte", "gt":
		if !empty || x <= 0 {
			r.min, r.minOut = json.Number(value), key == "gt" && !(empty && x == 0)
		}
	case "max", "lte", "lt":
		if !empty || x >= 0 {
			r.max, r.maxOut = json.Number(value), key == "lt" && !(empty && x == 0)
		}
	}
}

// jsonNumber is a number as JSON writes it.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// oneOf are the values of the rule oneof: separated by spaces, in single quotes
// where they have some.
func oneOf(value string) []string {
	var out []string
	for _, m := range oneOfValue.FindAllString(value, -1) {
		out = append(out, strings.ReplaceAll(m, "'", ""))
	}
	return out
}

var oneOfValue = regexp.MustCompile(`'[^']*'|\S+`)

func (r *rules) addTo(o *object, typ string) {
	has := func(key string) bool { return slices.ContainsFunc(*o, func(m member) bool { return m.key == key }) }
	switch typ {
	case "string":
		if r.minLen > 0 {
			o.add("minLength", r.minLen)
		}
		if r.maxLen >= 0 {
			o.add("maxLength", r.maxLen)
		}
		if r.format != "" && !has("format") {
			o.add("format", r.format)
		}
		if len(r.values) > 0 && !has("enum") {
			o.add("enum", r.values)
		}
	case "array":
		if r.minLen > 0 {
			o.add("minItems", r.minLen)
		}
		if r.maxLen >= 0 {
			o.add("maxItems", r.maxLen)
		}
	case "integer", "number":
		bound := func(value json.Number, out bool, at, beyond string) {
			switch {
			case value == "":
			case out:
				o.add(beyond, value)
			default:
				o.add(at, value)
			}
		}
		bound(r.min, r.minOut, "minimum", "exclusiveMinimum")
		bound(r.max, r.maxOut, "maximum", "exclusiveMaximum")
	}
}

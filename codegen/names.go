package codegen

import (
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weftdb/weft/schema"
)

// initialisms are the words that Go writes in capitals, also in the plural.
var initialisms = []string{
	"ACL", "API", "CPU", "CSS", "DNS", "HTML", "HTTP", "HTTPS", "ID", "IP", "JSON", "PDF", "SKU", "SQL", "SSH", "TCP", "TLS", "UDP",
	"UI", "URI", "URL", "UTF8", "UUID", "VAT", "XML", "YAML",
}

// GoName is the exported Go name that a table, a column or a model in any style
// gets: user_id is UserID. Of letters, digits and underscores it makes a valid
// name.
func GoName(name string) string { return exported(name) }

// exported makes an exported Go name of a name in any style: userId is UserID,
// created_at CreatedAt. What has no capital form (an underscore in front, a
// letter of a script without case) gets an X in front.
func exported(name string) string {
	var b strings.Builder
	for _, w := range strings.Split(schema.Snake(strings.TrimLeft(name, "_")), "_") {
		b.WriteString(capital(w))
	}
	s := b.String()
	if r, _ := utf8.DecodeRuneInString(s); !unicode.IsUpper(r) {
		s = "X" + s
	}
	return s
}

// capital writes one word as part of a Go name.
func capital(w string) string {
	up := strings.ToUpper(w)
	if slices.Contains(initialisms, up) {
		return up
	}
	if one := strings.TrimSuffix(up, "S"); one != up && slices.Contains(initialisms, one) {
		return one + "s"
	}
	r, n := utf8.DecodeRuneInString(w)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(r)) + w[n:]
}

// plainCase is exported without initialisms: userId is UserId.
func plainCase(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	if n == 0 {
		return name
	}
	return string(unicode.ToUpper(r)) + name[n:]
}

// goName is the Go name for a JSON name, the one that reads as that JSON name
// by itself where there is one.
func goName(name string) string {
	s := exported(name)
	if p := plainCase(name); schema.LowerCamel(s) != name && schema.LowerCamel(p) == name && isExported(p) {
		return p
	}
	return s
}

func isExported(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r) && token.IsIdentifier(s)
}

// usable reports whether a name can be declared in a Go package: it is no
// keyword, and hides nothing that every package has.
func usable(name string) bool {
	return token.IsIdentifier(name) && name != "_" && name != "init" && types.Universe.Lookup(name) == nil
}

// names hands out names that differ from each other.
type names map[string]bool

func taken(list ...string) names {
	n := names{}
	for _, s := range list {
		n[s] = true
	}
	return n
}

// take returns the name, with a number behind it when it is taken.
func (n names) take(name string) string {
	s := name
	for i := 2; n[s]; i++ {
		if s = name + strconv.Itoa(i); unicode.IsDigit(rune(name[len(name)-1])) {
			s = name + "_" + strconv.Itoa(i)
		}
	}
	n[s] = true
	return s
}

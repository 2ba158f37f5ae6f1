package schema

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jinzhu/inflection"
)

// LowerCamel returns the JSON name of a Go name: ID is id, UserID userId,
// URLPath urlPath, UserIDs userIds, created_at createdAt.
func LowerCamel(s string) string {
	var b strings.Builder
	for i, w := range words(s) {
		w = strings.ToLower(w)
		if i > 0 {
			w = upperFirst(w)
		}
		b.WriteString(w)
	}
	return b.String()
}

// Snake returns the column name of a field or model name: userId and UserID are
// user_id. Underscores in front are kept.
func Snake(s string) string {
	rest := strings.TrimLeft(s, "_")
	return s[:len(s)-len(rest)] + strings.ToLower(strings.Join(words(rest), "_"))
}

// TableName returns the default table of a model: Post is posts, PostTag
// post_tags, Category categories.
func TableName(model string) string {
	w := words(model)
	if len(w) == 0 {
		return ""
	}
	w[len(w)-1] = inflection.Plural(strings.ToLower(w[len(w)-1]))
	return strings.ToLower(strings.Join(w, "_"))
}

// words splits a name at underscores and at changes of case. A run of capitals
// is one word (URLPath: URL, Path), with a plural s (UserIDs: User, IDs), and
// digits belong to the word before them.
func words(s string) []string {
	rs := []rune(s)
	var out []string
	start := 0
	cut := func(end int) {
		if end > start {
			out = append(out, string(rs[start:end]))
		}
		start = end
	}
	pluralS := func(i int) bool { // rs[i] is the s of an acronym's plural
		return rs[i] == 's' && i >= 2 && unicode.IsUpper(rs[i-1]) && unicode.IsUpper(rs[i-2]) &&
			(i+1 == len(rs) || unicode.IsUpper(rs[i+1]) || rs[i+1] == '_')
	}
	for i, r := range rs {
		switch {
		case r == '_' || r == '-' || r == ' ':
			cut(i)
			start = i + 1
		case i == start || !unicode.IsUpper(r):
		case !unicode.IsUpper(rs[i-1]):
			cut(i)
		case i+1 < len(rs) && unicode.IsLower(rs[i+1]) && !pluralS(i+1):
			cut(i)
		}
	}
	cut(len(rs))
	return out
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// validName reports whether s can name a model, field or relation: letters,
// digits and underscores, not beginning with a digit. A dot would read as a
// path into JSON.
func validName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// validIdent reports whether s can be quoted as a table, column or index, on
// every database.
func validIdent(s string) bool {
	if s == "" || len(s) > 128 || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

package postgres

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// like writes that a text has a part in any case, as op.Fold has it: every rune
// is lower-cased by itself.
func (e *Engine) like(expr, part string, arg sqlengine.Arg) string {
	return "strpos(" + e.fold(expr) + ", " + arg(sqlengine.TextValue(part)) + ") > 0"
}

// fold lower-cases text. The collation of the server's ICU library does so by
// Unicode, but for two letters whose lower case is more than one rune, or
// depends on what stands around. A server without it is given all letters.
func (e *Engine) fold(expr string) string {
	if e.icu.Load() {
		return "lower(translate(" + expr + `, 'İΣ', 'iσ') COLLATE "und-x-icu")`
	}
	upper, lower := letters()
	return "translate(" + expr + ", '" + upper + "', '" + lower + "')"
}

// letters are all that have a lower case, and those.
var letters = sync.OnceValues(func() (upper, lower string) {
	var u, l strings.Builder
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if s := op.Fold(string(r)); s != string(r) {
			u.WriteRune(r)
			l.WriteString(s)
		}
	}
	return u.String(), l.String()
})

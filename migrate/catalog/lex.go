package catalog

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tokens cuts SQL of a dialect into words, numbers, quoted pieces and signs.
// Comments and space are left out.
func Tokens(d Dialect, s string) []string {
	var out []string
	for len(s) > 0 {
		n := tokenLen(d, s)
		if t := s[:n]; strings.TrimSpace(t) != "" && !isComment(d, t) {
			out = append(out, t)
		}
		s = s[n:]
	}
	return out
}

func isComment(d Dialect, t string) bool {
	return strings.HasPrefix(t, "--") || strings.HasPrefix(t, "/*") || d == MySQL && t[0] == '#'
}

// operators are signs of more than one byte, longer ones first.
var operators = []string{"->>", "<=>", "::", "<=", ">=", "<>", "!=", "==", "<<", ">>", "||", "&&", "->", ":="}

// operatorLen is the length of an operator of PostgreSQL, where anybody may
// define one: by the rules of its lexer.
func operatorLen(s string) int {
	n := 0
	for n < len(s) && strings.IndexByte("+-*/<>=~!@#%^&|?`", s[n]) >= 0 && !strings.HasPrefix(s[n:], "--") && !strings.HasPrefix(s[n:], "/*") {
		n++
	}
	for n > 1 && (s[n-1] == '+' || s[n-1] == '-') && !strings.ContainsAny(s[:n], "~!@#%^&|?`") {
		n--
	}
	return n
}

// tokenLen is the length of the token that s begins with.
func tokenLen(d Dialect, s string) int {
	switch c := s[0]; {
	case c == '\'' || c == '"' || c == '`' && d != Postgres:
		return quotedLen(d, s)
	case c == '[' && d == SQLite:
		return upTo(s, 1, "]")
	case strings.HasPrefix(s, "--") || d == MySQL && c == '#':
		return upTo(s, 0, "\n")
	case strings.HasPrefix(s, "/*"):
		return upTo(s, 2, "*/")
	case (c == 'E' || c == 'e') && d == Postgres && len(s) > 1 && s[1] == '\'':
		return 1 + escapedLen(s[1:])
	case c == '$' && d == Postgres:
		if i := strings.IndexByte(s[1:], '$'); i >= 0 && !strings.ContainsFunc(s[1:i+1], func(r rune) bool { return r < 0x80 && !wordByte(byte(r)) }) {
			return upTo(s, i+2, s[:i+2])
		}
		return 1
	case c >= '0' && c <= '9' || c == '.' && len(s) > 1 && s[1] >= '0' && s[1] <= '9':
		return numberLen(s)
	case !wordByte(c):
		if n := operatorLen(s); d == Postgres && n > 0 {
			return n
		}
		for _, o := range operators {
			if strings.HasPrefix(s, o) {
				return len(o)
			}
		}
		return 1
	}
	n := 1
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	return n
}

// upTo is the length of s up to and with end, looked for from a place.
func upTo(s string, from int, end string) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

// quotedLen is the length of a quoted piece; the quote is doubled in it.
func quotedLen(d Dialect, s string) int {
	if d == MySQL && s[0] != '`' {
		return escapedLen(s)
	}
	q := s[0]
	for i := 1; i < len(s); i++ {
		if s[i] != q {
			continue
		}
		if i+1 < len(s) && s[i+1] == q {
			i++
			continue
		}
		return i + 1
	}
	return len(s)
}

// escapedLen is quotedLen where backslashes escape.
func escapedLen(s string) int {
	q := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return i + 1
		}
	}
	return len(s)
}

func numberLen(s string) int {
	n := 0
	for n < len(s) {
		c := s[n]
		exponent := (c == '+' || c == '-') && n > 0 && (s[n-1] == 'e' || s[n-1] == 'E') && !strings.HasPrefix(strings.ToLower(s), "0x")
		if !wordByte(c) && c != '.' && !exponent {
			break
		}
		n++
	}
	return n
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// bare takes parentheses off that stand around the whole.
func bare(toks []string) []string {
	for len(toks) > 2 && toks[0] == "(" && closing(toks, 0) == len(toks)-1 {
		toks = toks[1 : len(toks)-1]
	}
	return toks
}

// closing is the place of the parenthesis that closes the one at i, or -1.
func closing(toks []string, i int) int {
	depth := 0
	for ; i < len(toks); i++ {
		switch toks[i] {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// joined writes tokens with single spaces where SQL is commonly written with them.
func joined(toks []string) string {
	var b strings.Builder
	for i, t := range toks {
		tight := i == 0 || slices.Contains([]string{")", ",", ".", "::", "[", "]"}, t) || slices.Contains([]string{"(", ".", "::", "["}, toks[i-1]) ||
			t == "(" && isName(toks[i-1])
		if !tight {
			b.WriteByte(' ')
		}
		b.WriteString(t)
	}
	return b.String()
}

// before are words that an opening parenthesis does not make a function of.
var before = []string{"AND", "OR", "NOT", "IN", "IS", "LIKE", "BETWEEN", "WHEN", "THEN", "ELSE", "CASE", "AS", "ON", "WHERE", "FROM", "SELECT", "VALUES", "BY", "JOIN"}

func isName(t string) bool {
	return wordByte(t[0]) && !(t[0] >= '0' && t[0] <= '9') && !slices.Contains(before, strings.ToUpper(t)) || t[0] == '"' || t[0] == '`'
}

// Unquote is the text that a quoted text of the dialect stands for; ok is false
// where it is none.
func Unquote(d Dialect, literal string) (s string, ok bool) { return text(d, literal) }

// text is what a quoted text of the dialect stands for.
func text(d Dialect, tok string) (string, bool) {
	escapes := d == MySQL
	if d == Postgres && len(tok) > 1 && (tok[0] == 'E' || tok[0] == 'e') {
		tok, escapes = tok[1:], true
	}
	if len(tok) < 2 || tok[0] != '\'' && (tok[0] != '"' || d == Postgres) || tok[len(tok)-1] != tok[0] {
		return "", false
	}
	q, in := tok[0], tok[1:len(tok)-1]
	var b strings.Builder
	for i := 0; i < len(in); i++ {
		c := in[i]
		switch {
		case c == q:
			i++
		case c == '\\' && escapes && i+1 < len(in):
			i++
			c = unescaped(d, in[i])
			if d == MySQL && (in[i] == '%' || in[i] == '_') { // kept for LIKE
				b.WriteByte('\\')
			}
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

func unescaped(d Dialect, c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'f':
		if d == Postgres {
			return '\f'
		}
	case '0':
		if d == MySQL {
			return 0
		}
	case 'Z':
		if d == MySQL {
			return 0x1a
		}
	}
	return c
}

var mysqlEscapes = strings.NewReplacer(`\`, `\\`, "\x00", `\0`, "\n", `\n`, "\r", `\r`, "\x1a", `\Z`, `'`, `''`)

// Text is a text as SQL of the dialect: 'it”s'. Of MySQL it is right while
// backslashes escape, which is its default.
func Text(d Dialect, s string) string {
	if d == MySQL {
		return "'" + mysqlEscapes.Replace(s) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// Quote is a name as SQL of the dialect.
func Quote(d Dialect, name string) string {
	if d == MySQL {
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// Nameable reports whether a name can stand in a model: of a table, a column or
// an index.
func Nameable(name string) bool {
	return name != "" && len(name) <= 128 && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// FoldTable is Fold for names of tables, whose case matters to MySQL too where
// they are files whose names' case matters.
func FoldTable(d Dialect, s string) string {
	if d == MySQL {
		return s
	}
	return Fold(d, s)
}

// Fold makes names comparable as the dialect compares those of columns and
// indexes: the case of ASCII letters matters on PostgreSQL only.
func Fold(d Dialect, s string) string {
	if d == Postgres {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

package migrate

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
)

// plainTokens are the tokens of an expression without what databases add or
// leave out when they tell it again: parentheses, casts, quotes around names.
func plainTokens(d catalog.Dialect, expr string) []string {
	var out []string
	toks := catalog.Tokens(d, expr)
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		switch {
		case t == "(" || t == ")":
			continue
		case t == "::":
			for i+1 < len(toks) && (castWord(toks[i+1]) || i+2 < len(toks) && toks[i+1] == "[" && toks[i+2] == "]") {
				if toks[i+1] == "[" {
					i++
				}
				i++
			}
			continue
		}
		if s, ok := literalText(d, t); ok {
			out = append(out, catalog.Text(d, s))
			continue
		}
		out = append(out, strings.ToLower(unquoteName(t)))
	}
	return out
}

// castWord reports whether a token can be part of a type behind ::.
func castWord(t string) bool {
	return slices.Contains([]string{
		"text", "character", "varying", "varchar", "bpchar", "char", "integer", "bigint", "smallint", "numeric", "double", "precision", "boolean",
		"date", "time", "timestamp", "timestamptz", "with", "without", "zone", "json", "jsonb", "uuid", "bytea", "regclass", "name",
	}, strings.ToLower(t))
}

// unquoteName is the name that a token stands for.
func unquoteName(t string) string {
	if len(t) < 2 {
		return t
	}
	switch q := t[:1]; q {
	case `"`, "`":
		return strings.ReplaceAll(t[1:len(t)-1], q+q, q)
	case "[":
		return t[1 : len(t)-1]
	}
	return t
}

// literalText is the text that a quoted literal stands for.
func literalText(d catalog.Dialect, t string) (string, bool) {
	escapes := d == catalog.MySQL
	if d == catalog.Postgres && len(t) > 2 && (t[0] == 'E' || t[0] == 'e') && t[1] == '\'' {
		t, escapes = t[1:], true
	}
	if len(t) < 2 || t[0] != '\'' {
		return "", false
	}
	s := strings.ReplaceAll(t[1:len(t)-1], "''", "'")
	if escapes {
		s = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\n`, "\n", `\r`, "\r", `\0`, "\x00", `\Z`, "\x1a").Replace(s)
	}
	return s, true
}

// sameWords reports whether two expressions say the same but for parentheses,
// casts, quotes and the case of names.
func sameWords(d catalog.Dialect, a, b string) bool {
	return catalog.SameExpr(d, a, b) || slices.Equal(plainTokens(d, a), plainTokens(d, b))
}

// swapName gives a name in an expression another one.
func swapName(d catalog.Dialect, expr, old, name string) string {
	if expr == "" {
		return ""
	}
	toks := catalog.Tokens(d, expr)
	for i, t := range toks {
		if t[0] != '\'' && unquoteName(t) == old {
			toks[i] = catalog.Quote(d, name)
		}
	}
	return strings.Join(toks, " ")
}

// enumValues are the texts that a check lets a column have, where that is all
// that the check says.
func enumValues(d catalog.Dialect, expr, column string) ([]string, bool) {
	toks := plainTokens(d, expr)
	if len(toks) < 3 || !strings.EqualFold(toks[0], column) {
		return nil, false
	}
	var vals []string
	for _, t := range toks[1:] {
		s, isText := literalText(d, t)
		switch {
		case isText:
			vals = append(vals, s)
		case !slices.Contains([]string{"in", "=", "any", "array", "[", "]", ","}, t):
			return nil, false
		}
	}
	return vals, len(vals) > 0
}

// enumCheck is the check of a table that lists the values of a column, or nil.
func enumCheck(d catalog.Dialect, h *catalog.Table, column string) *catalog.Check {
	for _, k := range h.Checks {
		if _, ok := enumValues(d, k.Expr, column); ok {
			return k
		}
	}
	return nil
}

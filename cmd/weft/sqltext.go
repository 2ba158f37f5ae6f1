package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sqlToken is one word or sign of SQL text.
type sqlToken struct {
	kind tokenKind
	text string // of a name without its quotes; of a sign or keyword as written
	at   int    // where it begins
}

type tokenKind uint8

const (
	tokenWord   tokenKind = iota // a keyword or a name
	tokenName                    // a name in quotes
	tokenString                  // also a blob
	tokenNumber
	tokenSign
)

// is reports whether the token is a keyword or sign, whatever its case.
func (t sqlToken) is(words ...string) bool {
	if t.kind != tokenWord && t.kind != tokenSign {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.text, w) {
			return true
		}
	}
	return false
}

// named reports whether the token may be a name.
func (t sqlToken) named() bool { return t.kind == tokenWord || t.kind == tokenName }

// tokens takes SQL text apart; comments and space are left out. What is not
// closed ends with the text.
func tokens(text string) []sqlToken {
	var out []sqlToken
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		rest := text[i:]
		switch {
		case unicode.IsSpace(r):
			i += size
		case strings.HasPrefix(rest, "--"):
			i += until(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			i += 2 + until(rest[2:], "*/")
		case r == '\'':
			body, n := quoted(rest, '\'')
			out = append(out, sqlToken{tokenString, body, i})
			i += n
		case r == '"' || r == '`':
			body, n := quoted(rest, byte(r))
			out = append(out, sqlToken{tokenName, body, i})
			i += n
		case r == '[':
			n := until(rest, "]")
			out = append(out, sqlToken{tokenName, strings.TrimSuffix(rest[1:n], "]"), i})
			i += n
		case r >= '0' && r <= '9':
			n := strings.IndexFunc(rest, func(r rune) bool { return !wordRune(r) && r != '.' })
			if n < 0 {
				n = len(rest)
			}
			out = append(out, sqlToken{tokenNumber, rest[:n], i})
			i += n
		case wordRune(r):
			n := strings.IndexFunc(rest, func(r rune) bool { return !wordRune(r) })
			if n < 0 {
				n = len(rest)
			}
			if n == 1 && (r == 'x' || r == 'X') && len(rest) > 1 && rest[1] == '\'' {
				body, m := quoted(rest[1:], '\'')
				out = append(out, sqlToken{tokenString, body, i})
				i += 1 + m
				continue
			}
			out = append(out, sqlToken{tokenWord, rest[:n], i})
			i += n
		default:
			n := size
			for _, s := range []string{"->>", "->", "<=", ">=", "<>", "!=", "==", "||", "<<", ">>"} {
				if strings.HasPrefix(rest, s) {
					n = len(s)
					break
				}
			}
			out = append(out, sqlToken{tokenSign, rest[:n], i})
			i += n
		}
	}
	return out
}

func wordRune(r rune) bool {
	return r == '_' || r == '$' || r >= 0x80 && r != utf8.RuneError || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// until is the length of a text up to the end of a mark in it.
func until(text, mark string) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i + len(mark)
	}
	return len(text)
}

// quoted reads a text that begins with a quote; two of them are one.
func quoted(text string, quote byte) (body string, n int) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != quote:
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == quote:
			b.WriteByte(quote)
			i++
		default:
			return b.String(), i + 1
		}
	}
	return b.String(), len(text)
}

// statements splits SQL text at its semicolons.
func statements(text string) []string {
	var out []string
	begin := 0
	add := func(end int) {
		if s := strings.TrimSpace(text[begin:end]); s != "" && len(tokens(s)) > 0 {
			out = append(out, s)
		}
	}
	for _, t := range tokens(text) {
		if t.is(";") {
			add(t.at)
			begin = t.at + 1
		}
	}
	add(len(text))
	return out
}

// quoteName writes a name for SQL.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

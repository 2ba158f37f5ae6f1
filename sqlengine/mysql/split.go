package mysql

import (
	"regexp"
	"strings"
)

// token is the length of what text begins with: a comment, a quoted piece, or
// one byte.
func token(text string) (n int, comment bool) {
	line := func() int {
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			return i + 1
		}
		return len(text)
	}
	switch c := text[0]; {
	case c == '#':
		return line(), true
	case strings.HasPrefix(text, "--") && (len(text) == 2 || strings.IndexByte(" \t\r\n\v\f", text[2]) >= 0):
		return line(), true
	case strings.HasPrefix(text, "/*"):
		if i := strings.Index(text[2:], "*/"); i >= 0 {
			return i + 4, true
		}
		return len(text), true
	case c == '\'' || c == '"' || c == '`': // a doubled quote is two pieces side by side
		for i := 1; i < len(text); i++ {
			switch {
			case text[i] == '\\' && c != '`':
				i++
			case text[i] == c:
				return i + 1, false
			}
		}
		return len(text), false
	}
	return 1, false
}

// skipped is the text behind the space, comments and semicolons that it begins
// with. A comment that a server runs (/*! … */) is none.
func skipped(text string) string {
	for {
		text = strings.TrimLeft(text, " \t\r\n\v\f;")
		if text == "" || strings.HasPrefix(text, "/*!") || strings.HasPrefix(text, "/*M!") {
			return text
		}
		n, comment := token(text)
		if !comment {
			return text
		}
		text = text[n:]
	}
}

// firstWord is the first word of a statement, upper case, past comments.
func firstWord(text string) string {
	text = skipped(text)
	if strings.HasPrefix(text, "/*") {
		return "/*!"
	}
	text = strings.TrimLeft(text, "( \t\r\n")
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(text)
	}
	return strings.ToUpper(text[:end])
}

// body is the beginning of a statement that has statements inside.
var body = regexp.MustCompile(`(?is)^CREATE\s+(OR\s+REPLACE\s+)?(DEFINER\s*=\s*\S+\s+)?(AGGREGATE\s+)?(TRIGGER|PROCEDURE|FUNCTION|EVENT)\b`)

// split cuts a text into its statements. One that has statements inside (a
// trigger, a procedure) takes all that follows.
func split(text string) []string {
	var out []string
	for text = skipped(text); text != ""; text = skipped(text) {
		if body.MatchString(text) {
			return append(out, strings.TrimRight(text, " \t\r\n;"))
		}
		end := 0
		for end < len(text) && text[end] != ';' {
			n, _ := token(text[end:])
			end += n
		}
		out = append(out, strings.TrimSpace(text[:end]))
		text = text[end:]
	}
	return out
}

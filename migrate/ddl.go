package migrate

import "strings"

// quote makes an identifier of any name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return strings.Join(out, ", ")
}

// tokens cuts SQL into words, quoted pieces and single signs. Comments and
// space are left out.
func tokens(s string) []string {
	var out []string
	for len(s) > 0 {
		n := tokenLen(s)
		if t := s[:n]; strings.TrimSpace(t) != "" && !strings.HasPrefix(t, "--") && !strings.HasPrefix(t, "/*") {
			out = append(out, t)
		}
		s = s[n:]
	}
	return out
}

// tokenLen is the length of the token that s begins with.
func tokenLen(s string) int {
	until := func(end string) int {
		if i := strings.Index(s[len(end):], end); i >= 0 {
			return i + 2*len(end)
		}
		return len(s)
	}
	switch c := s[0]; {
	case c == '\'' || c == '"' || c == '`': // a doubled quote is two tokens side by side
		return until(s[:1])
	case c == '[':
		if i := strings.IndexByte(s, ']'); i >= 0 {
			return i + 1
		}
		return len(s)
	case strings.HasPrefix(s, "--"):
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			return i + 1
		}
		return len(s)
	case strings.HasPrefix(s, "/*"):
		if i := strings.Index(s[2:], "*/"); i >= 0 {
			return i + 4
		}
		return len(s)
	case !wordByte(c):
		return 1
	}
	n := 1
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	return n
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// samePredicate compares conditions by their tokens, so that space, comments
// and the case of words do not matter, but that of text does.
func samePredicate(a, b string) bool { return canonPredicate(a) == canonPredicate(b) }

func canonPredicate(s string) string {
	toks := tokens(s)
	for i, t := range toks {
		if t[0] != '\'' {
			toks[i] = strings.ToUpper(t)
		}
	}
	return strings.Join(toks, " ")
}

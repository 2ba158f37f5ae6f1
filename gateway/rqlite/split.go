package rqlite

import "strings"

// split cuts a text of SQL, such as a dump, into its statements. Comments
// between statements go, and a trigger's body stays with it.
func split(text string) []string {
	var (
		out     []string
		start   = -1 // of the statement, -1 between statements
		words   int  // of the statement, as far as they matter
		create  bool
		trigger bool
		last    [2]string // the two tokens before
	)
	for i := 0; i < len(text); {
		n, word := token(text[i:])
		t := text[i : i+n]
		if word == "" {
			i += n
			continue
		}
		if word == ";" && (!trigger || (last[1] == "END" && last[0] == ";")) {
			if start >= 0 {
				out = append(out, strings.TrimSpace(text[start:i]))
			}
			start, words, create, trigger, last = -1, 0, false, false, [2]string{}
			i += n
			continue
		}
		if start < 0 {
			start = i
		}
		switch words++; {
		case words == 1:
			create = word == "CREATE"
		case create && words == 2 && (word == "TEMP" || word == "TEMPORARY"):
			words = 1
		case create && words == 2:
			trigger = word == "TRIGGER"
		}
		last[0], last[1] = last[1], word
		i += len(t)
	}
	if start >= 0 {
		if s := strings.TrimSpace(text[start:]); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// token is the length of the token at the beginning of a text that is not
// empty, and what it is: "" for space and comments, a word in upper case, or a
// sign. What is in quotes is a sign.
func token(s string) (n int, word string) {
	switch c := s[0]; {
	case c == ' ' || (c >= '\t' && c <= '\r'):
		return 1, ""
	case strings.HasPrefix(s, "--"):
		if end := strings.IndexByte(s, '\n'); end >= 0 {
			return end + 1, ""
		}
		return len(s), ""
	case strings.HasPrefix(s, "/*"):
		if end := strings.Index(s[2:], "*/"); end >= 0 {
			return end + 4, ""
		}
		return len(s), ""
	case c == '\'' || c == '"' || c == '`' || c == '[':
		closing := c
		if c == '[' {
			closing = ']'
		}
		// A doubled quote ends one token and begins the next, which comes to
		// the same.
		if end := strings.IndexByte(s[1:], closing); end >= 0 {
			return end + 2, string(c)
		}
		return len(s), string(c)
	case letter(c):
		for n = 1; n < len(s) && letter(s[n]); n++ {
		}
		return n, strings.ToUpper(s[:n])
	default:
		return 1, string(c)
	}
}

func letter(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || (c >= '0' && c <= '9') || (c|0x20 >= 'a' && c|0x20 <= 'z')
}

// bracket reports whether a statement of a dump only says that the whole is a
// transaction without checks of foreign keys, which a load is anyway.
func bracket(sql string) bool {
	f := strings.Fields(strings.ToUpper(sql))
	if len(f) == 0 {
		return true
	}
	switch f[0] {
	case "BEGIN", "COMMIT", "END":
		return len(f) <= 3
	case "PRAGMA":
		s := strings.Join(f[1:], "")
		return s == "FOREIGN_KEYS=OFF" || s == "FOREIGN_KEYS=0"
	}
	return false
}

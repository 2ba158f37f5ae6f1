package postgres

import (
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
)

// rawStatement is one statement of raw SQL in PostgreSQL's own form.
type rawStatement struct {
	sql    string
	verb   string // its first word, in capitals
	places int    // for arguments
}

// split takes raw SQL apart into its statements and writes $1, $2, … for the
// question marks that stand for arguments. Those in strings, names, comments
// and dollar quotes do not, nor do the operators ?| and ?&; ?? is the operator ?.
func split(text string) ([]rawStatement, error) {
	var list []rawStatement
	var b strings.Builder
	var one rawStatement
	some := false
	flush := func() {
		if one.sql = strings.TrimSpace(b.String()); some {
			list = append(list, one)
		}
		b.Reset()
		one, some = rawStatement{}, false
	}
	for i := 0; i < len(text); {
		end, token := next(text, i)
		switch {
		case end < 0:
			return nil, op.Errorf(op.CodeValidation, "the statement has a %s that does not end", token)
		case token == ";":
			flush()
		case token == "?":
			some = true
			one.places++
			b.WriteString("$" + strconv.Itoa(one.places))
		case token == "??":
			some = true
			b.WriteByte('?')
		default:
			b.WriteString(text[i:end])
			if token == "space" || token == "comment" {
				break
			}
			some = true
			if one.verb == "" {
				one.verb = "("
				if token == "word" {
					one.verb = strings.ToUpper(text[i:end])
				}
			}
		}
		i = end
	}
	flush()
	return list, nil
}

// next finds the end of the token that begins at i, and what it is; the end is
// -1 where it has none.
func next(text string, i int) (end int, token string) {
	rest := text[i:]
	until := func(mark string, from int) int {
		if at := strings.Index(rest[from:], mark); at >= 0 {
			return i + from + at + len(mark)
		}
		return -1
	}
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "--"):
		if at := strings.IndexByte(rest, '\n'); at >= 0 {
			return i + at, "comment"
		}
		return len(text), "comment"
	case strings.HasPrefix(rest, "/*"):
		return comment(text, i), "comment"
	case c == '\'':
		return until("'", 1), "string"
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		for j := 2; j < len(rest); j++ {
			switch rest[j] {
			case '\\':
				j++
			case '\'':
				return i + j + 1, "string"
			}
		}
		return -1, "string"
	case c == '"':
		return until(`"`, 1), "name"
	case c == '$':
		if tag := dollarTag(rest); tag != "" {
			return until(tag, len(tag)), "dollar quote"
		}
		return i + 1, "$"
	case strings.HasPrefix(rest, "??"):
		return i + 2, "??"
	case c == '?' && len(rest) > 1 && (rest[1] == '|' || rest[1] == '&') && (len(rest) == 2 || rest[2] != rest[1]):
		return i + 2, "operator"
	case c == '?':
		return i + 1, "?"
	case c == ';':
		return i + 1, ";"
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		return i + 1, "space"
	case wordByte(c):
		j := 1
		for j < len(rest) && (wordByte(rest[j]) || rest[j] == '$') {
			j++
		}
		return i + j, "word"
	}
	return i + 1, "sign"
}

func wordByte(c byte) bool {
	return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

// comment finds the end of a comment; there may be others inside of it.
func comment(text string, i int) int {
	depth := 0
	for i < len(text) {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(text[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}

// dollarTag is the tag that opens a dollar quote, "" for none.
func dollarTag(s string) string {
	for j := 1; j < len(s); j++ {
		switch c := s[j]; {
		case c == '$':
			return s[:j+1]
		case !wordByte(c) || (j == 1 && c >= '0' && c <= '9'):
			return ""
		}
	}
	return ""
}

// allowed refuses statements that would change a connection for who has it
// next, or speak another protocol.
func (s *rawStatement) allowed() error {
	switch s.verb {
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE":
		return op.Errorf(op.CodeValidation, "%s is not for raw SQL: use a transaction (db.Tx)", s.verb)
	case "SET", "RESET", "DISCARD", "LISTEN", "UNLISTEN", "PREPARE", "DEALLOCATE", "EXECUTE", "DECLARE", "FETCH", "MOVE", "CLOSE":
		return op.Errorf(op.CodeValidation, "%s would change one of several connections: give settings in the address (options=-c …) or to the role (ALTER ROLE … SET)", s.verb)
	case "COPY":
		return op.Errorf(op.CodeValidation, "COPY is not for raw SQL: use psql, or insert many rows at once")
	}
	return nil
}

// changesTables reports whether what is known of tables may be wrong
// afterwards.
func (s *rawStatement) changesTables() bool {
	switch s.verb {
	case "CREATE", "ALTER", "DROP", "DO", "IMPORT", "CALL":
		return true
	}
	return false
}

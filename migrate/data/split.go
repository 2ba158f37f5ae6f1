package data

import (
	"fmt"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
)

// piece is a token of SQL: where it begins and ends in the text.
type piece struct {
	from, to int
	kind     kind
}

type kind uint8

const (
	space kind = iota // and comments
	word
	quoted
	sign
)

// Split cuts a text of SQL into its statements, as the dialect reads it: what
// stands in quotes, comments, dollar quotes and bodies of triggers and routines
// does not end a statement. On MySQL it knows DELIMITER lines, as the mysql
// client does. What is never closed is an error with its line.
func Split(d catalog.Dialect, text string) ([]string, error) {
	s := splitter{d: d, text: text, end: ";"}
	for s.at < len(s.text) {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	s.cut(len(text), len(text))
	if s.depth > 0 {
		return nil, fmt.Errorf("line %d: the body that begins with BEGIN is not closed by END", s.line(s.opened))
	}
	return s.out, nil
}

type splitter struct {
	d    catalog.Dialect
	text string
	at   int
	end  string // what ends a statement; DELIMITER changes it
	out  []string

	start  int      // of the statement
	some   bool     // there is more in it than space and comments
	words  []string // its first words, in capitals
	last   string   // its last word
	depth  int      // of BEGIN and CASE in a body
	opened int      // where the outermost began
}

// firstWords is how many words tell what a statement makes: CREATE OR REPLACE
// DEFINER = "x" @ "y" TRIGGER.
const firstWords = 8

func (s *splitter) next() error {
	if s.d == catalog.MySQL && s.delimiterLine() {
		return nil
	}
	if s.depth == 0 && strings.HasPrefix(s.text[s.at:], s.end) {
		s.cut(s.at, s.at+len(s.end))
		return nil
	}
	p, err := s.piece()
	if err != nil {
		return err
	}
	s.at = p.to
	if p.kind == space {
		// MySQL runs what stands in /*! */.
		if s.d == catalog.MySQL && strings.HasPrefix(s.text[p.from:], "/*!") {
			s.some = true
		}
		return nil
	}
	s.some = true
	if p.kind == word {
		s.word(strings.ToUpper(s.text[p.from:p.to]), p.from)
	}
	return nil
}

// word follows the bodies of triggers and routines. Each BEGIN and CASE has its
// END; END IF, END LOOP and the like close what is not counted.
func (s *splitter) word(w string, at int) {
	if len(s.words) < firstWords {
		s.words = append(s.words, w)
	}
	switch {
	case !s.hasBody():
	case w == "BEGIN" || w == "CASE" && s.depth > 0 && s.last != "END":
		if s.depth == 0 {
			s.opened = at
		}
		s.depth++
	case w == "END" && s.depth > 0:
		s.depth--
	case s.last == "END" && (w == "IF" || w == "LOOP" || w == "WHILE" || w == "REPEAT" || w == "FOR"):
		s.depth++ // it was none of those that are counted
	}
	s.last = w
}

func (s *splitter) hasBody() bool {
	if s.end != ";" || len(s.words) == 0 || s.words[0] != "CREATE" {
		return false
	}
	for _, w := range s.words {
		switch w {
		case "TRIGGER":
			return s.d != catalog.Postgres
		case "PROCEDURE", "FUNCTION", "EVENT":
			return s.d != catalog.SQLite
		case "TABLE", "VIEW", "INDEX":
			return false
		}
	}
	return false
}

// cut takes the statement that ends at to.
func (s *splitter) cut(to, next int) {
	if s.some {
		s.out = append(s.out, strings.TrimSpace(s.text[s.start:to]))
	}
	s.start, s.at, s.some, s.words, s.last = next, max(next, s.at), false, nil, ""
	if s.at < next {
		s.at = next
	}
}

// delimiterLine reads a line DELIMITER x, which only stands at the beginning of
// a statement.
func (s *splitter) delimiterLine() bool {
	if s.some || s.at > 0 && s.text[s.at-1] != '\n' {
		return false
	}
	line, _, _ := strings.Cut(s.text[s.at:], "\n")
	fields := strings.Fields(line)
	if len(fields) != 2 || !strings.EqualFold(fields[0], "DELIMITER") {
		return false
	}
	s.end = fields[1]
	s.at += len(line)
	s.start = s.at
	return true
}

func (s *splitter) line(at int) int { return 1 + strings.Count(s.text[:at], "\n") }

func (s *splitter) piece() (piece, error) {
	t := s.text[s.at:]
	p := piece{from: s.at}
	done := func(k kind, n int) (piece, error) {
		p.kind, p.to = k, s.at+n
		return p, nil
	}
	closed := func(k kind, n int, what string) (piece, error) {
		if n < 0 {
			return p, fmt.Errorf("line %d: %s is not closed", s.line(s.at), what)
		}
		return done(k, n)
	}
	c := t[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		return done(space, 1)
	case strings.HasPrefix(t, "--") && (s.d != catalog.MySQL || len(t) == 2 || t[2] <= ' '), s.d == catalog.MySQL && c == '#':
		n := strings.IndexByte(t, '\n')
		if n < 0 {
			n = len(t)
		}
		return done(space, n)
	case strings.HasPrefix(t, "/*"):
		n := commentLen(t, s.d == catalog.Postgres)
		if n < 0 && s.d == catalog.SQLite {
			n = len(t) // SQLite lets the end of the text close it
		}
		return closed(space, n, "a comment")
	case c == '\'' || c == '"' || c == '`' && s.d != catalog.Postgres:
		return closed(quoted, quotedLen(t, s.d == catalog.MySQL && c != '`'), "a quote "+string(c))
	case c == '[' && s.d == catalog.SQLite:
		n := strings.IndexByte(t, ']')
		if n > 0 {
			n++
		}
		return closed(quoted, n, "a bracket [")
	case (c == 'E' || c == 'e') && s.d == catalog.Postgres && len(t) > 1 && t[1] == '\'':
		n := quotedLen(t[1:], true)
		if n >= 0 {
			n++
		}
		return closed(quoted, n, "a quote '")
	case c == '$' && s.d == catalog.Postgres:
		if tag := dollarTag(t); tag != "" {
			n := strings.Index(t[len(tag):], tag)
			if n >= 0 {
				n += 2 * len(tag)
			}
			return closed(quoted, n, "a quote "+tag)
		}
		return done(sign, 1)
	case wordByte(c):
		n := 1
		for n < len(t) && (wordByte(t[n]) || t[n] == '$') {
			n++
		}
		return done(word, n)
	}
	return done(sign, 1)
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// quotedLen is the length of a quoted piece, -1 for one that is not closed. A
// doubled quote is one in it; with escapes so is one behind a backslash.
func quotedLen(t string, escapes bool) int {
	q := t[0]
	for i := 1; i < len(t); i++ {
		switch {
		case escapes && t[i] == '\\':
			i++
		case t[i] == q && i+1 < len(t) && t[i+1] == q:
			i++
		case t[i] == q:
			return i + 1
		}
	}
	return -1
}

// commentLen is the length of a comment, -1 for one that is not closed.
func commentLen(t string, nested bool) int {
	depth := 0
	for i := 0; i+1 < len(t); i++ {
		switch t[i : i+2] {
		case "/*":
			if depth == 0 || nested {
				depth++
			}
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// dollarTag is the $tag$ that a dollar quote begins with, or "".
func dollarTag(t string) string {
	for i := 1; i < len(t); i++ {
		switch {
		case t[i] == '$':
			return t[:i+1]
		case !wordByte(t[i]) || i == 1 && t[i] >= '0' && t[i] <= '9':
			return ""
		}
	}
	return ""
}

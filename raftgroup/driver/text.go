package driver

import (
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
)

// The statements that concern the connection and not the data.
type verb uint8

const (
	plain verb = iota
	begin
	commit
	rollback
	savepoint
	release
	rollbackTo
	pragma
)

// command is what a statement asks of the connection.
type command struct {
	verb  verb
	name  string // of a savepoint, or of a pragma in lower case
	value string // of a pragma, lower case
	set   bool   // the pragma has a value
	write bool   // of plain: it may change something
}

// read finds out what a statement asks of the connection. It is an error when
// such a statement is not written as SQLite has it.
func read(text string) (command, error) {
	l := lexer{text: text}
	first := l.next()
	for first == ";" {
		first = l.next()
	}
	var c command
	switch strings.ToUpper(first) {
	case "SELECT", "VALUES", "EXPLAIN":
		return command{}, nil
	case "BEGIN":
		c.verb = begin
		w := strings.ToUpper(l.next())
		switch w {
		case "DEFERRED", "IMMEDIATE", "EXCLUSIVE":
			w = strings.ToUpper(l.next())
		}
		return c, l.end(text, w, "TRANSACTION")
	case "COMMIT", "END":
		c.verb = commit
		return c, l.end(text, strings.ToUpper(l.next()), "TRANSACTION")
	case "ROLLBACK":
		c.verb = rollback
		w := l.next()
		if strings.EqualFold(w, "TRANSACTION") {
			w = l.next()
		}
		if !strings.EqualFold(w, "TO") {
			return c, l.end(text, w)
		}
		c.verb = rollbackTo
	case "SAVEPOINT":
		c.verb = savepoint
		c.name = unquote(l.next())
		return c, l.named(text, c.name)
	case "RELEASE":
		c.verb = release
	case "PRAGMA":
		return l.pragma(), nil
	default:
		return command{write: true}, nil
	}
	w := l.next()
	if strings.EqualFold(w, "SAVEPOINT") {
		w = l.next()
	}
	c.name = unquote(w)
	return c, l.named(text, c.name)
}

// pragma reads what follows the word. One that is written otherwise goes to the
// database, which says what is wrong.
func (l *lexer) pragma() command {
	c := command{verb: pragma}
	name := l.next()
	w := l.next()
	if w == "." {
		name, w = l.next(), l.next()
	}
	c.name = strings.ToLower(unquote(name))
	switch w {
	case "":
	case ";":
	case "=", "(":
		c.set = true
		v := l.next()
		if v == "-" || v == "+" {
			v += l.next()
		}
		c.value = strings.ToLower(unquote(v))
	}
	return c
}

func (l *lexer) named(text, name string) error {
	if name == "" || name == ";" {
		return badly(text)
	}
	return l.end(text, l.next())
}

// end is for the end of a statement. word is the next one, which may be one of
// those that may be left out.
func (l *lexer) end(text, word string, may ...string) error {
	for _, m := range may {
		if word == m {
			word = l.next()
		}
	}
	for word == ";" {
		word = l.next()
	}
	if word == "" {
		return nil
	}
	return badly(text)
}

func badly(text string) error {
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "") + "…"
	}
	return op.Errorf(op.CodeValidation, "%q is not as SQLite has it, or more than one statement: run BEGIN, COMMIT, ROLLBACK, SAVEPOINT and RELEASE by themselves", text)
}

// unquote takes a name out of its quotes.
func unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	switch q := s[0]; q {
	case '"', '\'', '`':
		return strings.ReplaceAll(strings.TrimSuffix(s[1:], string(q)), string([]byte{q, q}), string(q))
	case '[':
		return strings.TrimSuffix(s[1:], "]")
	}
	return s
}

// lexer cuts SQL into words, texts and signs.
type lexer struct {
	text string
	at   int
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// next is the next word, quoted text or sign, "" at the end. Comments are passed
// over.
func (l *lexer) next() string {
	for l.at < len(l.text) {
		start, c := l.at, l.text[l.at]
		rest := l.text[l.at:]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			l.at++
			continue
		case strings.HasPrefix(rest, "\ufeff") && l.at == 0:
			l.at += len("\ufeff")
			continue
		case strings.HasPrefix(rest, "--"):
			l.past(strings.IndexByte(rest, '\n'), 1)
			continue
		case strings.HasPrefix(rest, "/*"):
			if i := strings.Index(rest[2:], "*/"); i >= 0 {
				l.at += i + 4
			} else {
				l.at = len(l.text)
			}
			continue
		case c == '\'' || c == '"' || c == '`':
			l.quoted(c)
		case c == '[':
			l.past(strings.IndexByte(rest, ']'), 1)
		case c == '?' || (c == ':' || c == '@') && len(rest) > 1 && wordByte(rest[1]):
			l.at++
			l.word()
		case c == '$' && len(rest) > 1 && wordByte(rest[1]):
			l.at++
			l.tcl()
		case wordByte(c):
			l.word()
		default:
			l.at++
		}
		return l.text[start:l.at]
	}
	return ""
}

// past goes n bytes and more behind the place, or to the end where it is none.
func (l *lexer) past(n, more int) {
	if n < 0 {
		l.at = len(l.text)
		return
	}
	l.at += n + more
}

func (l *lexer) word() {
	for l.at < len(l.text) && wordByte(l.text[l.at]) {
		l.at++
	}
}

// tcl reads a name behind $, which may have :: and end in parentheses.
func (l *lexer) tcl() {
	for l.at < len(l.text) {
		switch rest := l.text[l.at:]; {
		case wordByte(rest[0]):
			l.at++
		case strings.HasPrefix(rest, "::"):
			l.at += 2
		case rest[0] == '(':
			if i := strings.IndexAny(rest, ") \t\r\n\f"); i > 0 && rest[i] == ')' {
				l.at += i + 1
			}
			return
		default:
			return
		}
	}
}

func (l *lexer) quoted(q byte) {
	l.at++
	for l.at < len(l.text) {
		if l.text[l.at] == q {
			if l.at+1 < len(l.text) && l.text[l.at+1] == q {
				l.at += 2
				continue
			}
			l.at++
			return
		}
		l.at++
	}
}

// parameters are the parameters of a statement by number, from 0: their names
// with their sign, "" for ? and numbers that no sign stands for.
func parameters(text string) ([]string, error) {
	var list []string
	l := lexer{text: text}
	for w := l.next(); w != ""; w = l.next() {
		switch {
		case w == "?":
			list = append(list, "")
		case w[0] == '?':
			n, err := strconv.Atoi(w[1:])
			if err != nil || n < 1 || n > 32766 {
				return nil, op.Errorf(op.CodeValidation, "%s is no parameter: numbers go from ?1 to ?32766", w)
			}
			for len(list) < n {
				list = append(list, "")
			}
		case len(w) > 1 && (w[0] == ':' || w[0] == '@' || w[0] == '$'):
			known := false
			for _, have := range list {
				known = known || have == w
			}
			if !known {
				list = append(list, w)
			}
		}
	}
	return list, nil
}

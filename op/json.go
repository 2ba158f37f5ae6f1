package op

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// The limits of JSON in a field: what every database can hold.
const (
	maxJSONDepth    = 100
	maxJSONExponent = 10000
)

var jsonBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// CanonJSON returns the canonical form of a JSON text: compact, object keys
// sorted by bytes, of a key given twice the last, strings with no more escapes
// than needed, numbers as written. Refused with a VALIDATION_ERROR are texts
// that are not JSON, invalid UTF-8, lone surrogates, NUL in strings, nesting
// deeper than 100 and exponents beyond ±10000.
func CanonJSON(text string) (JSON, error) {
	buf := jsonBuffers.Get().(*[]byte)
	defer jsonBuffers.Put(buf)
	s := jsonScan{s: text}
	out, err := s.value((*buf)[:0], 0)
	*buf = out[:0]
	if err != nil {
		return "", err
	}
	if s.space(); s.i < len(s.s) {
		return "", s.fail("something follows the value")
	}
	if string(out) == text {
		return JSON(text), nil
	}
	return JSON(out), nil
}

// jsonScan reads a JSON text from left to right.
type jsonScan struct {
	s string
	i int
}

func (s *jsonScan) fail(what string) error {
	return Errorf(CodeValidation, "invalid JSON at byte %d: %s", s.i, what)
}

func (s *jsonScan) space() {
	for s.i < len(s.s) {
		switch s.s[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is not space, 0 at the end.
func (s *jsonScan) peek() byte {
	s.space()
	if s.i < len(s.s) {
		return s.s[s.i]
	}
	return 0
}

func (s *jsonScan) value(dst []byte, depth int) ([]byte, error) {
	if depth > maxJSONDepth {
		return dst, s.fail("nested deeper than 100")
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(dst, depth)
	case c == '[':
		return s.array(dst, depth)
	case c == '"':
		str, err := s.str()
		return appendJSONString(dst, str), err
	case c == '-' || (c >= '0' && c <= '9'):
		n, err := s.number()
		return append(dst, n...), err
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if strings.HasPrefix(s.s[s.i:], word) {
			s.i += len(word)
			return append(dst, word...), nil
		}
	}
	if s.i >= len(s.s) {
		return dst, s.fail("a value is missing")
	}
	return dst, s.fail("no value begins with " + strconv.QuoteRune(rune(s.s[s.i])))
}

func (s *jsonScan) array(dst []byte, depth int) ([]byte, error) {
	s.i++
	dst = append(dst, '[')
	if s.peek() == ']' {
		s.i++
		return append(dst, ']'), nil
	}
	for {
		var err error
		if dst, err = s.value(dst, depth+1); err != nil {
			return dst, err
		}
		switch s.peek() {
		case ',':
			s.i++
			dst = append(dst, ',')
		case ']':
			s.i++
			return append(dst, ']'), nil
		default:
			return dst, s.fail("expected , or ]")
		}
	}
}

type jsonMember struct {
	key      string
	from, to int
}

func (s *jsonScan) object(dst []byte, depth int) ([]byte, error) {
	s.i++
	dst = append(dst, '{')
	if s.peek() == '}' {
		s.i++
		return append(dst, '}'), nil
	}
	var few [8]jsonMember
	members, sorted := few[:0], true
	for {
		if s.peek() != '"' {
			return dst, s.fail("expected a key in quotes")
		}
		key, err := s.str()
		if err != nil {
			return dst, err
		}
		if s.peek() != ':' {
			return dst, s.fail("expected :")
		}
		s.i++
		m := jsonMember{key: key, from: len(dst)}
		dst = append(appendJSONString(dst, key), ':')
		if dst, err = s.value(dst, depth+1); err != nil {
			return dst, err
		}
		m.to = len(dst)
		if n := len(members); n > 0 && members[n-1].key >= key {
			sorted = false
		}
		members = append(members, m)
		c := s.peek()
		if c != ',' && c != '}' {
			return dst, s.fail("expected , or }")
		}
		s.i++
		dst = append(dst, c)
		if c == '}' {
			break
		}
	}
	if sorted {
		return dst, nil
	}
	return sortMembers(dst, members), nil
}

// sortMembers writes the members again in order of their keys; of equal keys
// the last stays.
func sortMembers(dst []byte, members []jsonMember) []byte {
	start := members[0].from
	old := slices.Clone(dst[start:])
	slices.SortStableFunc(members, func(a, b jsonMember) int { return strings.Compare(a.key, b.key) })
	dst = dst[:start]
	for i, m := range members {
		if i+1 < len(members) && members[i+1].key == m.key {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, old[m.from-start:m.to-start]...)
	}
	return append(dst, '}')
}

// str reads a string and returns what it stands for.
func (s *jsonScan) str() (string, error) {
	s.i++
	start := s.i
	for s.i < len(s.s) {
		switch c := s.s[s.i]; {
		case c == '"':
			out := s.s[start:s.i]
			s.i++
			if !utf8.ValidString(out) {
				return "", s.fail("the text is not valid UTF-8")
			}
			return out, nil
		case c == '\\':
			return s.escaped(start)
		case c < 0x20:
			return "", s.fail("a control character in a string")
		}
		s.i++
	}
	return "", s.fail("a string without end")
}

func (s *jsonScan) escaped(start int) (string, error) {
	out := []byte(s.s[start:s.i])
	for s.i < len(s.s) {
		c := s.s[s.i]
		s.i++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return "", s.fail("the text is not valid UTF-8")
			}
			return string(out), nil
		case c < 0x20:
			return "", s.fail("a control character in a string")
		case c != '\\':
			out = append(out, c)
		default:
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return "", s.fail("a string without end")
}

func (s *jsonScan) escape() (rune, error) {
	if s.i >= len(s.s) {
		return 0, s.fail("a string without end")
	}
	c := s.s[s.i]
	s.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := s.hex4()
		if ok && r == 0 {
			return 0, s.fail("NUL in a string")
		}
		if ok && utf16.IsSurrogate(r) {
			if !strings.HasPrefix(s.s[s.i:], `\u`) {
				return 0, s.fail("half of a surrogate pair")
			}
			s.i += 2
			low, lowOK := s.hex4()
			r = utf16.DecodeRune(r, low)
			if !lowOK || r == utf8.RuneError {
				return 0, s.fail("half of a surrogate pair")
			}
		}
		if ok {
			return r, nil
		}
	}
	return 0, s.fail("an escape that JSON does not know")
}

func (s *jsonScan) hex4() (rune, bool) {
	if s.i+4 > len(s.s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s.s[s.i : s.i+4]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.i += 4
	return r, true
}

func (s *jsonScan) digits() int {
	start := s.i
	for s.i < len(s.s) && s.s[s.i] >= '0' && s.s[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}

func (s *jsonScan) number() (string, error) {
	start := s.i
	if s.s[s.i] == '-' {
		s.i++
	}
	first := s.i
	if n := s.digits(); n == 0 || (n > 1 && s.s[first] == '0') {
		return "", s.fail("a number is written otherwise")
	}
	if s.i < len(s.s) && s.s[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			return "", s.fail("a number needs digits behind the point")
		}
	}
	if s.i < len(s.s) && (s.s[s.i] == 'e' || s.s[s.i] == 'E') {
		s.i++
		if s.i < len(s.s) && (s.s[s.i] == '+' || s.s[s.i] == '-') {
			s.i++
		}
		from := s.i
		if s.digits() == 0 {
			return "", s.fail("a number needs digits in its exponent")
		}
		if e, err := strconv.Atoi(s.s[from:s.i]); err != nil || e > maxJSONExponent {
			return "", s.fail("an exponent beyond 10000")
		}
	}
	return s.s[start:s.i], nil
}

func appendJSONString(dst []byte, v string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, v[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, v[from:]...), '"')
}

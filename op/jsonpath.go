package op

import (
	"strconv"
	"strings"
)

// JSONPath returns what is at a place in a JSON text: nil where it is absent
// or null, a bool, a number as int64 where it is whole and fits and as a
// decimal otherwise, a string, or JSON for an array or object. A segment of
// digits indexes an array where the value is one, otherwise it is a key.
// Without a path it is the value of the whole text.
func JSONPath(j JSON, path []string) any {
	s := jsonScan{s: string(j)}
	for _, seg := range path {
		if !s.enter(seg) {
			return nil
		}
	}
	return s.scalar()
}

// scalar reads the next value.
func (s *jsonScan) scalar() any {
	switch c := s.peek(); {
	case c == '"':
		if v, err := s.str(); err == nil {
			return v
		}
	case c == 't':
		return true
	case c == 'f':
		return false
	case c == '{' || c == '[':
		start := s.i
		if s.skip() {
			return JSON(s.s[start:s.i])
		}
	case c == '-' || (c >= '0' && c <= '9'):
		if n, err := s.number(); err == nil {
			return jsonNumber(n)
		}
	}
	return nil
}

// enter goes to the value of a key or position, if there is one.
func (s *jsonScan) enter(seg string) bool {
	switch s.peek() {
	case '{':
		s.i++
		for s.peek() == '"' {
			key, err := s.str()
			if err != nil || s.peek() != ':' {
				return false
			}
			s.i++
			if key == seg {
				return true
			}
			if !s.skip() || s.peek() != ',' {
				return false
			}
			s.i++
		}
	case '[':
		at, ok := arrayIndex(seg)
		if !ok {
			return false
		}
		s.i++
		if s.peek() == ']' {
			return false
		}
		for ; at > 0; at-- {
			if !s.skip() || s.peek() != ',' {
				return false
			}
			s.i++
		}
		return true
	}
	return false
}

// arrayIndex reads a path segment as a position: digits only, no sign.
func arrayIndex(seg string) (int, bool) {
	if seg == "" || strings.Trim(seg, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(seg)
	return n, err == nil
}

// skip passes over one value. It trusts that the text is JSON.
func (s *jsonScan) skip() bool {
	depth := 0
	for s.i < len(s.s) {
		switch c := s.peek(); c {
		case '"':
			s.i++
			for s.i < len(s.s) && s.s[s.i] != '"' {
				if s.s[s.i] == '\\' {
					s.i++
				}
				s.i++
			}
			s.i++
		case '{', '[':
			depth++
			s.i++
		case '}', ']':
			depth--
			s.i++
		case ',', ':':
			s.i++
			continue
		default:
			start := s.i
			for s.i < len(s.s) && !strings.ContainsRune(" \t\r\n,:{}[]\"", rune(s.s[s.i])) {
				s.i++
			}
			if s.i == start {
				return false
			}
		}
		if depth <= 0 {
			return depth == 0 && s.i <= len(s.s)
		}
	}
	return false
}

// JSONContains reports whether the text is an array with an element equal to
// the scalar v, which has the form that JSONPath gives.
func JSONContains(j JSON, v any) bool {
	s := jsonScan{s: string(j)}
	if s.peek() != '[' || v == nil {
		return false
	}
	s.i++
	for s.peek() != ']' {
		at := s.i
		if !s.skip() {
			return false
		}
		element := jsonScan{s: s.s[at:s.i]}
		if CompareValues(element.scalar(), v) == 0 {
			return true
		}
		if s.peek() != ',' {
			return false
		}
		s.i++
	}
	return false
}

// SetJSONPath puts a value at a place in a JSON text ("" is NULL) and returns
// the canonical text. Objects that are missing on the way are made; a segment
// of digits replaces an element of an array or, one past the end, appends to
// it. It is an error when a scalar or the end of an array is in the way.
func SetJSONPath(j JSON, path []string, v JSON) (JSON, error) {
	var err error
	if v, err = CanonJSON(string(v)); err != nil {
		return "", err
	}
	if j != "" {
		if j, err = CanonJSON(string(j)); err != nil {
			return "", err
		}
	}
	out, err := setPath(string(j), path, string(v))
	if err != nil {
		return "", err
	}
	return CanonJSON(out)
}

func setPath(text string, path []string, v string) (string, error) {
	if len(path) == 0 {
		return v, nil
	}
	seg := path[0]
	s := jsonScan{s: text}
	switch c := s.peek(); {
	case c == 0 || strings.HasPrefix(text[s.i:], "null"):
		inner, err := setPath("", path[1:], v)
		return string(appendJSONString([]byte("{"), seg)) + ":" + inner + "}", err
	case c != '{' && c != '[':
		return "", Errorf(CodeValidation, "cannot set %q inside a JSON value that is no object and no array", seg)
	case s.enter(seg):
		s.peek()
		from := s.i
		if !s.skip() {
			return "", s.fail("the text is cut off")
		}
		inner, err := setPath(text[from:s.i], path[1:], v)
		return text[:from] + inner + text[s.i:], err
	case c == '{':
		inner, err := setPath("", path[1:], v)
		member := string(appendJSONString(nil, seg)) + ":" + inner + "}"
		return appendItem(text, member), err
	}
	at, ok := arrayIndex(seg)
	if n := arrayLen(text); !ok || at != n {
		return "", Errorf(CodeValidation, "cannot set element %q of a JSON array of %d: positions go from 0, and %d appends", seg, n, n)
	}
	inner, err := setPath("", path[1:], v)
	return appendItem(text, inner+"]"), err
}

// appendItem puts an item with its closing bracket behind the last one.
func appendItem(text, item string) string {
	text = strings.TrimRight(text, " \t\r\n")
	text = strings.TrimRight(text[:len(text)-1], " \t\r\n")
	if last := text[len(text)-1]; last == '{' || last == '[' {
		return text + item
	}
	return text + "," + item
}

func arrayLen(text string) int {
	s := jsonScan{s: text}
	s.peek()
	s.i++
	n := 0
	for s.peek() != ']' && s.skip() {
		n++
		if s.peek() == ',' {
			s.i++
		}
	}
	return n
}

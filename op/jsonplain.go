package op

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// plainJSON writes the numbers of a canonical text as their values are, without
// exponents and without zeros at the end: 1e2 is 100, 1.50 is 1.5. Fields of
// type jsonb hold numbers so, for a database that keeps them by value could not
// tell the spellings apart.
func plainJSON(j JSON) JSON {
	s := string(j)
	var out []byte
	done := 0 // bytes of s that are in out
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			for i++; s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			i++
		case c == '-' || (c >= '0' && c <= '9'):
			end := i + 1
			for end < len(s) && strings.IndexByte("+-.eE0123456789", s[end]) >= 0 {
				end++
			}
			if n := plainDigits(s[i:end]); n != s[i:end] {
				out = append(append(out, s[done:i]...), n...)
				done = end
			}
			i = end
		default:
			i++
		}
	}
	if out == nil {
		return j
	}
	return JSON(append(out, s[done:]...))
}

func plainDigits(n string) string {
	if n != "-0" && !strings.ContainsAny(n, ".eE") {
		return n
	}
	d, err := decimal.NewFromString(n)
	if err != nil {
		return n
	}
	if n = d.String(); strings.Contains(n, ".") {
		n = strings.TrimSuffix(strings.TrimRight(n, "0"), ".")
	}
	if n == "-0" {
		return "0"
	}
	return n
}

// jsonOf is the text as the field holds it.
func jsonOf(f *schema.Field, j JSON) JSON {
	if f.Type == schema.JSONB {
		return plainJSON(j)
	}
	return j
}

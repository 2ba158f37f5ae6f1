package rqlite

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/weftdb/weft/door"
)

// What a body that cannot be read is answered with, in the words of rqlite.
var (
	errNoStatements = errors.New("no statements")
	errJSON         = errors.New("invalid JSON body")
	errRequest      = errors.New("invalid request")
	errType         = errors.New("unsupported type")
)

// readBody reads the statements of a body: a JSON array whose items are SQL, or
// arrays of SQL and its arguments, which are values or objects of named ones.
// What stands behind the array is not looked at.
func readBody(r io.Reader) ([]door.Statement, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	if t, err := d.Token(); err != nil {
		return nil, badJSON(err)
	} else if t != json.Delim('[') {
		return nil, errRequest
	}
	var out []door.Statement
	for d.More() {
		var item any
		if err := d.Decode(&item); err != nil {
			return nil, badJSON(err)
		}
		s, err := statement(item)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if _, err := d.Token(); err != nil {
		return nil, badJSON(err)
	}
	if len(out) == 0 {
		return nil, errNoStatements
	}
	return out, nil
}

// badJSON keeps the error of a body that is too large or could not be read.
func badJSON(err error) error {
	if errors.As(err, new(*http.MaxBytesError)) {
		return err
	}
	return errJSON
}

func statement(item any) (door.Statement, error) {
	switch x := item.(type) {
	case string:
		return door.Statement{SQL: x}, nil
	case []any:
		if len(x) == 0 {
			return door.Statement{}, errRequest
		}
		sql, ok := x[0].(string)
		if !ok {
			return door.Statement{}, errRequest
		}
		s := door.Statement{SQL: sql}
		for _, a := range x[1:] {
			named, ok := a.(map[string]any)
			if !ok {
				v, err := argument(a)
				if err != nil {
					return s, err
				}
				s.Args = append(s.Args, v)
				continue
			}
			for name, a := range named {
				v, err := argument(a)
				if err != nil {
					return s, err
				}
				if s.Named == nil {
					s.Named = map[string]any{}
				}
				s.Named[name] = v
			}
		}
		return s, nil
	}
	return door.Statement{}, errRequest
}

// argument is the canonical value of an argument. Booleans are 1 and 0, as
// SQLite has it; text of the form X'…' and arrays of bytes are binary.
func argument(v any) (any, error) {
	switch x := v.(type) {
	case nil, string:
		if s, ok := v.(string); ok {
			if b, ok := binary(s); ok {
				return b, nil
			}
		}
		return v, nil
	case bool:
		if x {
			return int64(1), nil
		}
		return int64(0), nil
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n, nil
		}
		f, err := x.Float64()
		if err != nil {
			return nil, fmt.Errorf("invalid number %s", x)
		}
		return f, nil
	case []any:
		b := make([]byte, len(x))
		for i, e := range x {
			n, ok := e.(json.Number)
			if !ok {
				return nil, fmt.Errorf("%w %T", errType, e)
			}
			c, err := n.Int64()
			if err != nil || c < 0 || c > 255 {
				return nil, fmt.Errorf("%w %s", errType, n)
			}
			b[i] = byte(c)
		}
		return b, nil
	}
	return nil, fmt.Errorf("%w %T", errType, v)
}

// binary reads X'53514C'.
func binary(s string) ([]byte, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 3 || (s[0] != 'X' && s[0] != 'x') || s[1] != '\'' || s[len(s)-1] != '\'' {
		return nil, false
	}
	b, err := hex.DecodeString(s[2 : len(s)-1])
	return b, err == nil
}

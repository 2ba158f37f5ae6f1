package catalog

import (
	"slices"
	"strings"
)

// created is what SQLite tells of a table only by the statement that made it.
type created struct {
	columns map[string]*createdColumn // by folded name
	checks  []*Check
	foreign []createdKey // in the order of the statement
	key     string       // the name of the primary key's constraint
}

type createdColumn struct {
	collation string
	generated string
	auto      bool
}

type createdKey struct{ name, deferrable string }

// parseCreate reads CREATE TABLE t (…). It knows enough of it to find the
// parts; what it cannot make out is left out.
func parseCreate(sql string) *created {
	c := &created{columns: map[string]*createdColumn{}}
	toks := Tokens(SQLite, sql)
	open := slices.Index(toks, "(")
	if open < 0 {
		return c
	}
	end := closing(toks, open)
	if end < 0 {
		return c
	}
	for _, part := range split(toks[open+1 : end]) {
		switch strings.ToUpper(part[0]) {
		case "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN":
			c.constraints(part, nil)
		default:
			col := &createdColumn{}
			c.columns[Fold(SQLite, unquoted(part[0]))] = col
			c.constraints(part[1:], col)
		}
	}
	return c
}

// split cuts a list at its commas.
func split(toks []string) [][]string {
	var out [][]string
	depth, from := 0, 0
	for i, t := range toks {
		switch t {
		case "(":
			depth++
		case ")":
			depth--
		case ",":
			if depth == 0 {
				if i > from {
					out = append(out, toks[from:i])
				}
				from = i + 1
			}
		}
	}
	if len(toks) > from {
		out = append(out, toks[from:])
	}
	return out
}

// unquoted is the name that a token stands for.
func unquoted(t string) string {
	if len(t) < 2 {
		return t
	}
	switch q := t[:1]; q {
	case `"`, "`", "'":
		return strings.ReplaceAll(t[1:len(t)-1], q+q, q)
	case "[":
		return t[1 : len(t)-1]
	}
	return t
}

// constraints reads those of a column, or with col nil of the table.
func (c *created) constraints(toks []string, col *createdColumn) {
	name := ""
	group := func(i int) ([]string, int) { // what stands in parentheses from i on
		if i < len(toks) && toks[i] == "(" {
			if end := closing(toks, i); end > 0 {
				return toks[i+1 : end], end
			}
		}
		return nil, i
	}
	for i := 0; i < len(toks); i++ {
		switch strings.ToUpper(toks[i]) {
		case "(":
			if end := closing(toks, i); end > 0 {
				i = end
			}
		case "CONSTRAINT":
			if i+1 < len(toks) {
				i++
				name = unquoted(toks[i])
			}
		case "PRIMARY":
			c.key, name = name, ""
		case "CHECK":
			in, end := group(i + 1)
			c.checks = append(c.checks, &Check{Name: name, Expr: joined(bare(in))})
			name, i = "", end
		case "DEFAULT":
			if _, end := group(i + 1); end > i+1 {
				i = end
			} else {
				i++ // the value may be a word that means something else
			}
		case "COLLATE":
			if col != nil && i+1 < len(toks) {
				i++
				col.collation = strings.ToUpper(unquoted(toks[i]))
			}
		case "AUTOINCREMENT":
			if col != nil {
				col.auto = true
			}
		case "AS":
			if in, end := group(i + 1); col != nil && end > i+1 {
				col.generated, i = joined(bare(in)), end
			}
		case "REFERENCES":
			c.foreign = append(c.foreign, createdKey{name: name})
			name = ""
		case "DEFERRABLE":
			if n := len(c.foreign); n > 0 && (i == 0 || !strings.EqualFold(toks[i-1], "NOT")) {
				c.foreign[n-1].deferrable = "DEFERRABLE"
				if i+2 < len(toks) && strings.EqualFold(toks[i+1], "INITIALLY") && strings.EqualFold(toks[i+2], "DEFERRED") {
					c.foreign[n-1].deferrable = "DEFERRABLE INITIALLY DEFERRED"
				}
			}
		case "UNIQUE":
			name = ""
		}
	}
}

// predicate is the condition of a partial index, from the statement that made
// it; "" where there is none.
func predicate(create string) string {
	depth, seen := 0, false
	for s := create; len(s) > 0; {
		n := tokenLen(SQLite, s)
		switch t := s[:n]; {
		case t == "(":
			depth, seen = depth+1, true
		case t == ")":
			depth--
		case depth == 0 && seen && strings.EqualFold(t, "WHERE"):
			return withoutComments(s[n:])
		}
		s = s[n:]
	}
	return ""
}

// indexed are the parts of CREATE INDEX … ON t (…), as written.
func indexed(create string) [][]string {
	toks := Tokens(SQLite, create)
	open := slices.Index(toks, "(")
	if open < 0 {
		return nil
	}
	if end := closing(toks, open); end > 0 {
		return split(toks[open+1 : end])
	}
	return nil
}

// withoutComments is a condition on one line, with everything that matters.
func withoutComments(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := tokenLen(SQLite, s)
		switch t := s[:n]; {
		case isComment(SQLite, t), strings.TrimSpace(t) == "":
			if !strings.HasSuffix(b.String(), " ") {
				b.WriteByte(' ')
			}
		default:
			b.WriteString(t)
		}
		s = s[n:]
	}
	return strings.TrimSpace(b.String())
}

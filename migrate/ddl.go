package migrate

import (
	"fmt"
	"strings"
)

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

// createSQL is the statement that makes the table.
func (t *table) createSQL() string {
	var lines []string
	for _, c := range t.columns {
		l := quote(c.name) + " " + c.decl
		switch {
		case c.auto:
			l += " PRIMARY KEY AUTOINCREMENT"
		case !c.null:
			l += " NOT NULL"
		}
		if c.def != "" {
			l += " DEFAULT " + c.def
		}
		lines = append(lines, l)
	}
	if !t.autoKey() {
		lines = append(lines, "PRIMARY KEY ("+quoteAll(t.key)+")")
	}
	for _, fk := range t.foreign {
		lines = append(lines, fk.sql())
	}
	return "CREATE TABLE " + quote(t.name) + " (\n  " + strings.Join(lines, ",\n  ") + "\n)"
}

func (k *foreignKey) sql() string {
	s := fmt.Sprintf("CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)",
		quote(k.name), quoteAll(k.columns), quote(k.refTable), quoteAll(k.refColumns))
	if k.onUpdate != "" {
		s += " ON UPDATE " + strings.ToUpper(string(k.onUpdate))
	}
	if k.onDelete != "" {
		s += " ON DELETE " + strings.ToUpper(string(k.onDelete))
	}
	return s
}

func (x *index) sql(table string) string {
	s := "CREATE INDEX "
	if x.unique {
		s = "CREATE UNIQUE INDEX "
	}
	s += quote(x.name) + " ON " + quote(table) + " (" + quoteAll(x.columns) + ")"
	if x.where != "" {
		s += " WHERE " + x.where
	}
	return s
}

// addSQL are the statements that add the column to a table that has rows or
// has none. SQLite wants a DEFAULT for a NOT NULL column; it stays in the
// declaration and matters only to programs that write without Weft.
func (c *column) addSQL(table string, rows int64) ([]string, error) {
	s := "ALTER TABLE " + quote(table) + " ADD COLUMN " + quote(c.name) + " " + c.decl
	if !c.null {
		s += " NOT NULL"
	}
	v, err := fill(c.field)
	if err != nil {
		return nil, err
	}
	if v != "" {
		s += " DEFAULT " + v
	}
	out := []string{s}
	if now := fillNow(c.field); now != "" && rows > 0 {
		out = append(out, "UPDATE "+quote(table)+" SET "+quote(c.name)+" = "+now)
	}
	return out, nil
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

// predicate is the condition of a partial index, from the statement that made
// it; "" where there is none.
func predicate(create string) string {
	depth, seen := 0, false
	for s := create; len(s) > 0; {
		n := tokenLen(s)
		switch t := s[:n]; {
		case t == "(":
			depth, seen = depth+1, true
		case t == ")":
			depth--
		case depth == 0 && seen && strings.EqualFold(t, "WHERE"):
			return strings.TrimSpace(s[n:])
		}
		s = s[n:]
	}
	return ""
}

// withoutComments is a condition on one line, with everything that matters.
func withoutComments(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := tokenLen(s)
		switch t := s[:n]; {
		case strings.HasPrefix(t, "--"), strings.HasPrefix(t, "/*"), strings.TrimSpace(t) == "":
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

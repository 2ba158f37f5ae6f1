package migrate

import (
	"slices"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
)

// tableText is a CREATE TABLE of SQLite, cut into its parts.
type tableText struct {
	name  string
	parts [][]string // tokens of columns, then of constraints of the table
	tail  []string   // WITHOUT ROWID, STRICT
}

// parseTable cuts the statement; nil for one that is none with columns.
func parseTable(sql string) *tableText {
	toks := catalog.Tokens(catalog.SQLite, sql)
	open := slices.Index(toks, "(")
	if open < 0 {
		return nil
	}
	t := &tableText{}
	depth, from := 0, open+1
	for i := open; i < len(toks); i++ {
		switch toks[i] {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 1 && toks[i] == "," || depth == 0 {
			if i > from {
				t.parts = append(t.parts, toks[from:i])
			}
			from = i + 1
		}
		if depth == 0 {
			t.tail = toks[i+1:]
			return t
		}
	}
	return nil
}

// sql is the statement.
func (t *tableText) sql() string {
	var cols, cons []string
	for _, p := range t.parts {
		if s := spaced(p); isConstraint(p) {
			cons = append(cons, s)
		} else {
			cols = append(cols, s)
		}
	}
	s := "CREATE TABLE " + t.name + " (\n  " + strings.Join(append(cols, cons...), ",\n  ") + "\n)"
	if len(t.tail) > 0 {
		s += " " + spaced(t.tail)
	}
	return s
}

// spaced writes tokens with spaces, where SQL commonly has them.
func spaced(toks []string) string {
	var b strings.Builder
	for i, t := range toks {
		if i > 0 && !(t[0] == '\'' && strings.EqualFold(toks[i-1], "x")) && t != "," && t != ")" && t != "." && toks[i-1] != "(" && toks[i-1] != "." && !(t == "(" && wordByte(toks[i-1][0])) {
			b.WriteByte(' ')
		}
		b.WriteString(t)
	}
	return b.String()
}

func isConstraint(p []string) bool {
	return slices.Contains([]string{"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}, strings.ToUpper(p[0]))
}

// columnAt is the place of a column, or -1.
func (t *tableText) columnAt(name string) int {
	return slices.IndexFunc(t.parts, func(p []string) bool { return !isConstraint(p) && fold(columnName(p[0])) == fold(name) })
}

// columnName is the name that begins a definition; SQLite takes texts for it too.
func columnName(t string) string {
	if len(t) > 1 && t[0] == '\'' {
		return strings.ReplaceAll(t[1:len(t)-1], "''", "'")
	}
	return unquoteName(t)
}

func (t *tableText) drop(name string) {
	if i := t.columnAt(name); i >= 0 {
		t.parts = slices.Delete(t.parts, i, i+1)
	}
}

// add adds a column or a constraint.
func (t *tableText) add(sql string) {
	t.parts = append(t.parts, catalog.Tokens(catalog.SQLite, sql))
}

// constrain adds a constraint to a column, behind its type.
func (t *tableText) constrain(name, sql string) {
	if i := t.columnAt(name); i >= 0 {
		typ, rest := columnParts(t.parts[i])
		p := append([]string{t.parts[i][0]}, typ...)
		p = append(p, catalog.Tokens(catalog.SQLite, sql)...)
		for _, k := range rest {
			p = append(p, k...)
		}
		t.parts[i] = p
	}
}

// columnParts cuts what stands behind a column's name: its type, and its
// constraints each with its name and clauses.
func columnParts(p []string) (typ []string, constraints [][]string) {
	starts := []string{"CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"}
	i, depth := 1, 0
	for ; i < len(p); i++ {
		if depth == 0 && slices.Contains(starts, strings.ToUpper(p[i])) {
			break
		}
		depth += level(p[i])
	}
	typ = p[1:i]
	for i < len(p) {
		j := i
		if strings.EqualFold(p[j], "CONSTRAINT") && j+2 < len(p) {
			j += 2
		}
		head := strings.ToUpper(p[j])
		j++
		switch head {
		case "NOT", "PRIMARY": // NULL, KEY
			j++
		case "DEFAULT":
			if j < len(p) && (p[j] == "-" || p[j] == "+") {
				j++
			}
			if j < len(p) && p[j] != "(" {
				j++
			}
			if j < len(p) && p[j] == "'" {
				j++
			}
		case "COLLATE", "REFERENCES":
			j++
		case "GENERATED":
			j += 2 // ALWAYS AS
		}
		for depth := 0; j < len(p); j++ {
			up := strings.ToUpper(p[j])
			if depth == 0 && slices.Contains(starts, up) && !(head == "REFERENCES" && (up == "NOT" && j+1 < len(p) && strings.EqualFold(p[j+1], "DEFERRABLE") || (up == "NULL" || up == "DEFAULT") && strings.EqualFold(p[j-1], "SET"))) {
				break
			}
			depth += level(p[j])
		}
		constraints = append(constraints, p[i:j])
		i = j
	}
	return typ, constraints
}

func level(t string) int {
	switch t {
	case "(":
		return 1
	case ")":
		return -1
	}
	return 0
}

// headOf is the word that says what a constraint is.
func headOf(k []string) string {
	if strings.EqualFold(k[0], "CONSTRAINT") && len(k) > 2 {
		k = k[2:]
	}
	return strings.ToUpper(k[0])
}

// alter gives a column another type, nullability and default.
func (t *tableText) alter(a *liteAlter, notNull bool) {
	i := t.columnAt(a.h.Name)
	if i < 0 {
		return
	}
	typ, rest := columnParts(t.parts[i])
	if typeName(a.w.Type) != typeName(strings.Join(typ, " ")) && typeName(a.w.Type) != a.h.Type {
		typ = catalog.Tokens(catalog.SQLite, a.w.Type)
	}
	p := append([]string{t.parts[i][0]}, typ...)
	if !a.w.Null && (notNull || !a.w.Auto) {
		p = append(p, "NOT", "NULL")
	}
	if a.w.Default != "" {
		p = append(append(p, "DEFAULT"), catalog.Tokens(catalog.SQLite, a.w.Default)...)
	}
	for _, k := range rest {
		if h := headOf(k); h != "NOT" && h != "NULL" && h != "DEFAULT" {
			p = append(p, k...)
		}
	}
	t.parts[i] = p
}

// filter keeps the constraints for which keep is true.
func (t *tableText) filter(keep func(column string, k []string) bool) {
	var out [][]string
	for _, p := range t.parts {
		if isConstraint(p) {
			if keep("", p) {
				out = append(out, p)
			}
			continue
		}
		typ, rest := columnParts(p)
		q := append([]string{p[0]}, typ...)
		for _, k := range rest {
			if keep(columnName(p[0]), k) {
				q = append(q, k...)
			}
		}
		out = append(out, q)
	}
	t.parts = out
}

func (t *tableText) dropKey() {
	t.filter(func(_ string, k []string) bool { return headOf(k) != "PRIMARY" })
}

// dropUnique drops the UNIQUE of these columns.
func (t *tableText) dropUnique(columns []string) {
	t.filter(func(column string, k []string) bool {
		if headOf(k) != "UNIQUE" {
			return true
		}
		if column != "" {
			return !sameColumns([]string{column}, columns)
		}
		open, end := slices.Index(k, "("), slices.Index(k, ")")
		var names []string
		for i := open + 1; i < end; i++ {
			if k[i] != "," {
				names = append(names, columnName(k[i]))
			}
		}
		return !sameColumns(names, columns)
	})
}

// foreign puts these foreign keys in the place of all that there are.
func (t *tableText) foreign(keys []*catalog.ForeignKey) {
	t.filter(func(_ string, k []string) bool { h := headOf(k); return h != "REFERENCES" && h != "FOREIGN" })
	for _, k := range keys {
		t.add(ddl.ForeignKey(catalog.SQLite, k))
	}
}

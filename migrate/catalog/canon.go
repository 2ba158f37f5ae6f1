package catalog

import (
	"regexp"
	"slices"
	"strings"
)

// class is what values of a type are, as far as it matters for how they are
// written.
type class int

const (
	other class = iota
	whole
	exact
	inexact
	truth
	words
	moment
	day
	clock
	bytes
)

var classes = map[Dialect]map[string]class{
	Postgres: {
		"smallint": whole, "integer": whole, "bigint": whole, "numeric": exact, "real": inexact, "double precision": inexact,
		"boolean": truth, "text": words, "varchar": words, "char": words, "bpchar": words, "citext": words, "name": words,
		"timestamp without time zone": moment, "timestamp with time zone": moment, "date": day, "time without time zone": clock, "time with time zone": clock,
		"bytea": bytes, "uuid": words, "json": words, "jsonb": words,
	},
	MySQL: {
		"tinyint": whole, "smallint": whole, "mediumint": whole, "int": whole, "bigint": whole, "year": whole, "decimal": exact, "float": inexact, "double": inexact,
		"char": words, "varchar": words, "tinytext": words, "text": words, "mediumtext": words, "longtext": words, "enum": words, "set": words, "json": words, "uuid": words,
		"binary": bytes, "varbinary": bytes, "tinyblob": bytes, "blob": bytes, "mediumblob": bytes, "longblob": bytes, "bit": bytes,
		"datetime": moment, "timestamp": moment, "date": day, "time": clock,
	},
}

func classOf(d Dialect, typ string) class {
	if d == SQLite {
		switch Affinity(typ) {
		case "INTEGER":
			return whole
		case "TEXT":
			return words
		case "REAL":
			return inexact
		case "NUMERIC":
			return exact
		}
		return other
	}
	name := BaseType(typ)
	if d == MySQL {
		name = strings.TrimSuffix(strings.TrimSuffix(name, " zerofill"), " unsigned")
	}
	return classes[d][name]
}

// BaseType is a canonical type without what stands in parentheses.
func BaseType(typ string) string {
	name, rest, in := strings.Cut(typ, "(")
	if in {
		_, rest, _ = strings.Cut(rest, ")")
		name += rest
	}
	return strings.TrimSpace(name)
}

// Affinity is how SQLite treats values of a column with that declared type, in
// capitals: the rules of its documentation, in their order.
func Affinity(typ string) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(typ, p) })
	}
	switch {
	case has("INT"):
		return "INTEGER"
	case has("CHAR", "CLOB", "TEXT"):
		return "TEXT"
	case has("BLOB") || typ == "":
		return "BLOB"
	case has("REAL", "FLOA", "DOUB"):
		return "REAL"
	}
	return "NUMERIC"
}

var (
	displayWidth = regexp.MustCompile(`^(tinyint|smallint|mediumint|int|bigint)\(\d+\)( unsigned)?$`)
	fullSeconds  = regexp.MustCompile(`^(timestamp|time|interval)\(6\)`)
)

// CanonType is a type in the words that Inspect uses, of a database's own:
// format_type of PostgreSQL, COLUMN_TYPE of MySQL, the declaration on SQLite.
func CanonType(d Dialect, typ string) string {
	switch d {
	case Postgres:
		typ = strings.Replace(typ, "character varying", "varchar", 1)
		if strings.HasPrefix(typ, "character") {
			typ = strings.Replace(typ, "character", "char", 1)
		}
		return fullSeconds.ReplaceAllString(typ, "$1") // six digits are what there is anyway
	case MySQL:
		if at := strings.Index(typ, " /*"); at > 0 { // how MariaDB marks types of old servers
			typ = typ[:at]
		}
		switch low := strings.ToLower(typ); {
		case low == "tinyint(1)":
			return low
		case strings.HasPrefix(low, "year"):
			return "year"
		case strings.HasPrefix(low, "enum("), strings.HasPrefix(low, "set("):
			toks := Tokens(d, typ)
			for i, t := range toks {
				if s, ok := text(d, t); ok {
					toks[i] = Text(d, s)
				}
			}
			return strings.ToLower(toks[0]) + strings.Join(toks[1:], "")
		default:
			return displayWidth.ReplaceAllString(low, "$1$2")
		}
	}
	return declaredType(typ)
}

// declaredType is the part of a column declaration that SQLite reports as its
// type: words and perhaps numbers in parentheses, up to the first constraint,
// in capitals with single spaces.
func declaredType(decl string) string {
	var b strings.Builder
	for _, tok := range Tokens(SQLite, decl) {
		up := strings.ToUpper(tok)
		switch up {
		case "(", ")", ",":
			b.WriteString(up)
			if up == ")" {
				return b.String()
			}
			continue
		case "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS":
			return b.String()
		}
		if s := b.String(); s != "" && !strings.HasSuffix(s, "(") && !strings.HasSuffix(s, ",") {
			b.WriteByte(' ')
		}
		b.WriteString(up)
	}
	return b.String()
}

// CanonDefault is a DEFAULT of a column of that canonical type, as the
// database tells it, in canonical words: a literal without casts, numbers as
// numbers, the present time as CURRENT_TIMESTAMP (with the precision where it
// says something), CURRENT_DATE or CURRENT_TIME, other expressions with single
// spaces. NULL is "", which is no default.
func CanonDefault(d Dialect, typ, expr string) string {
	toks := literalOf(d, bare(plainTexts(d, Tokens(d, expr))))
	if len(toks) == 0 || len(toks) == 1 && strings.EqualFold(toks[0], "NULL") {
		return ""
	}
	c := classOf(d, typ)
	if now := present(d, typ, c, toks); now != "" {
		return now
	}
	if s, ok := literal(d, c, toks); ok {
		return s
	}
	return joined(toks)
}

// DefaultSQL is a canonical default as it stands behind DEFAULT: expressions are
// in parentheses where the dialect wants them, and on MySQL literals of columns
// that are kept outside the row.
func DefaultSQL(d Dialect, typ, def string) string {
	if def == "" {
		return ""
	}
	toks := Tokens(d, def)
	_, plain := literal(d, other, toks)
	plain = plain || d == Postgres && isLiteral(d, toks)
	now := present(d, typ, classOf(d, typ), toks) == def && (d != MySQL || strings.HasPrefix(def, "CURRENT_TIMESTAMP"))
	if d == MySQL && plain {
		base := BaseType(typ)
		plain = base != "json" && base != "geometry" && !strings.HasSuffix(base, "text") && !strings.HasSuffix(base, "blob")
	}
	if plain || now {
		return def
	}
	return "(" + def + ")"
}

// literalOf takes the casts off a literal of PostgreSQL: what is stored is of
// the column's type anyway.
func literalOf(d Dialect, toks []string) []string {
	if d != Postgres {
		return toks
	}
	for {
		depth, at := 0, -1
		for i, t := range toks {
			switch t {
			case "(", "[":
				depth++
			case ")", "]":
				depth--
			case "::":
				if depth == 0 {
					at = i
				}
			}
		}
		if at < 0 {
			return toks
		}
		inner := literalOf(d, bare(toks[:at]))
		if !isLiteral(d, inner) || slices.ContainsFunc(toks[at+1:], func(t string) bool { return !wordByte(t[0]) && !strings.Contains(`()[],."`, t[:1]) }) {
			return toks
		}
		toks = inner
	}
}

func isLiteral(d Dialect, toks []string) bool {
	if len(toks) == 1 {
		if _, ok := text(d, toks[0]); ok {
			return true
		}
		if up := strings.ToUpper(toks[0]); up == "NULL" || up == "TRUE" || up == "FALSE" {
			return true
		}
	}
	_, ok := number(toks)
	return ok
}

// CanonExpr is an expression (of a check, a generated column, a partial index)
// as the database tells it, with single spaces, without comments, parentheses
// around the whole, and MySQL's marks of character sets before texts.
func CanonExpr(d Dialect, expr string) string {
	return joined(bare(plainTexts(d, Tokens(d, expr))))
}

// plainTexts writes MySQL's texts in one way, without marks of character sets.
func plainTexts(d Dialect, toks []string) []string {
	if d != MySQL {
		return toks
	}
	var out []string
	for i, t := range toks {
		if strings.HasPrefix(t, "_") && i+1 < len(toks) && toks[i+1][0] == '\'' {
			continue
		}
		if s, ok := text(d, t); ok {
			t = Text(d, s)
		}
		out = append(out, t)
	}
	return out
}

// SameExpr reports whether two expressions are the same words. Case matters in
// texts only, and on PostgreSQL in quoted names.
func SameExpr(d Dialect, a, b string) bool {
	x, y := bare(Tokens(d, a)), bare(Tokens(d, b))
	return slices.EqualFunc(x, y, func(s, t string) bool {
		if s[0] == '\'' || d == Postgres && (s[0] == '"' || s[0] == '$') {
			return s == t
		}
		return Fold(SQLite, s) == Fold(SQLite, t)
	})
}

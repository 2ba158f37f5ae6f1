package catalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/schema"
)

// Serves reports whether values of the field can live in a column of a
// PostgreSQL or MySQL database as it is, though Weft would have declared it
// otherwise: whatever the column holds is read as the field's, and what the
// field writes is kept as it is or refused. Collations, NULL and defaults are
// not looked at. Tables that Weft made are held to its own declarations
// instead, so that a changed model is noticed.
func (d *Database) Serves(t *Table, c *Column, f *schema.Field) bool {
	base, args := BaseType(c.Type), TypeArgs(c.Type)
	size := 0 // characters that the column takes, 0 for any number
	if len(args) > 0 {
		size = args[0]
	}
	holds := func(n int) bool { return size == 0 || n > 0 && n <= size }
	if d.Dialect == MySQL {
		return d.mysqlServes(t, c, f, base, args, holds)
	}
	is := func(types ...string) bool { return slices.Contains(types, base) }
	switch f.Type {
	case schema.String:
		return is("varchar", "text") && holds(sizeOr(f.Size, 255))
	case schema.Text:
		return is("varchar", "text") && size == 0
	case schema.NanoID:
		return is("varchar", "text") && holds(sizeOr(f.Size, 21))
	case schema.UUID:
		return is("uuid") || is("varchar", "text") && holds(36)
	case schema.Enum:
		if e := d.enumOf(c); e != nil {
			return slices.Equal(slices.Sorted(slices.Values(e.Values)), slices.Sorted(slices.Values(f.Enum)))
		}
		return is("varchar", "text") && holds(longest(f.Enum))
	case schema.Integer:
		return is("smallint", "integer") && !f.Unsigned || is("bigint") && f.Unsigned
	case schema.BigInteger:
		return is("bigint")
	case schema.Float:
		return is("double precision")
	case schema.Decimal:
		return is("numeric") && d.digits(f, args)
	case schema.Boolean:
		return is("boolean")
	case schema.Date:
		return is("date")
	case schema.DateTime, schema.Timestamp:
		return base == "timestamp without time zone" && f.Type == schema.DateTime || base == "timestamp with time zone" && f.Type == schema.Timestamp
	case schema.Time:
		return base == "time without time zone"
	case schema.Binary:
		return is("bytea")
	case schema.JSON, schema.Array, schema.Object, schema.JSONB:
		return is("json", "jsonb") && (base == "jsonb") == (f.Type == schema.JSONB)
	case schema.Specific:
		return specific(Postgres, f.DBType) == specific(Postgres, c.Type)
	}
	return false
}

func (d *Database) mysqlServes(t *Table, c *Column, f *schema.Field, base string, args []int, holds func(int) bool) bool {
	is := func(types ...string) bool { return slices.Contains(types, base) }
	texts := is("varchar", "char", "text", "mediumtext", "longtext")
	unsigned := strings.HasSuffix(base, " unsigned")
	number := strings.TrimSuffix(base, " unsigned")
	switch f.Type {
	case schema.String:
		return texts && holds(sizeOr(f.Size, 255))
	case schema.Text:
		return is("tinytext", "text", "mediumtext", "longtext")
	case schema.NanoID:
		return texts && holds(sizeOr(f.Size, 21))
	case schema.UUID:
		return is("uuid") || texts && holds(36)
	case schema.Enum:
		if vals, ok := mysqlEnum(c.Type); ok {
			return slices.Equal(slices.Sorted(slices.Values(vals)), slices.Sorted(slices.Values(f.Enum)))
		}
		return texts && holds(longest(f.Enum))
	case schema.Integer:
		return c.Type != "tinyint(1)" && slices.Contains([]string{"tinyint", "smallint", "mediumint", "int", "year"}, number) && (unsigned || base == "year" || !f.Unsigned) && (!unsigned || f.Unsigned)
	case schema.BigInteger:
		return number == "bigint" && unsigned == f.Unsigned
	case schema.Float:
		return number == "double" && unsigned == f.Unsigned && len(args) == 0
	case schema.Decimal:
		return base == "decimal" && d.digits(f, args)
	case schema.Boolean:
		return c.Type == "tinyint(1)"
	case schema.Date:
		return is("date")
	case schema.DateTime, schema.Timestamp:
		return is("datetime", "timestamp")
	case schema.Time:
		return is("time")
	case schema.Binary:
		return is("varbinary") && f.Size > 0 && holds(f.Size) || is("tinyblob", "blob", "mediumblob", "longblob")
	case schema.JSON, schema.JSONB, schema.Array, schema.Object:
		return is("json") || is("longtext", "mediumtext", "text") && t.IsJSON(c)
	case schema.Specific:
		return specific(MySQL, f.DBType) == specific(MySQL, c.Type)
	}
	return false
}

func sizeOr(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func longest(list []string) int {
	n := 1
	for _, s := range list {
		n = max(n, len([]rune(s)))
	}
	return n
}

func (d *Database) digits(f *schema.Field, args []int) bool {
	p, s := f.Decimals()
	return len(args) > 0 && args[0] >= p && (len(args) > 1 && args[1] == s || len(args) == 1 && s == 0)
}

// aliases are what types are called beside their canonical names.
var aliases = map[Dialect]map[string]string{
	Postgres: {
		"int": "integer", "int4": "integer", "int2": "smallint", "int8": "bigint", "float8": "double precision", "float4": "real", "float": "double precision",
		"decimal": "numeric", "bool": "boolean", "timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone",
		"time": "time without time zone", "timetz": "time with time zone", "character varying": "varchar", "character": "char", "bpchar": "char",
	},
	MySQL: {
		"integer": "int", "bool": "tinyint(1)", "boolean": "tinyint(1)", "numeric": "decimal", "dec": "decimal", "fixed": "decimal",
		"real": "double", "double precision": "double", "character": "char", "character varying": "varchar",
	},
}

// specific is a type that somebody wrote, as near to the canonical words as
// can be told without asking the database.
func specific(d Dialect, typ string) string {
	toks := Tokens(d, typ)
	for i, t := range toks {
		if wordByte(t[0]) {
			toks[i] = strings.ToLower(t)
		}
	}
	s := CanonType(d, strings.NewReplacer(" (", "(", " [", "[", ", ", ",").Replace(joined(toks)))
	name, rest, _ := strings.Cut(s, "(")
	if rest != "" {
		rest = "(" + rest
	}
	if a := aliases[d][strings.TrimSpace(name)]; a != "" {
		return a + rest
	}
	return s
}

// TypeArgs are the numbers in parentheses of a type.
func TypeArgs(typ string) []int {
	_, rest, _ := strings.Cut(typ, "(")
	rest, _, _ = strings.Cut(rest, ")")
	var out []int
	for part := range strings.SplitSeq(rest, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(part)); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// IsJSON reports whether a check of the table sees to it that a text column of
// MySQL holds JSON.
func (t *Table) IsJSON(c *Column) bool {
	want := "json_valid(" + Quote(MySQL, c.Name) + ")"
	return slices.ContainsFunc(t.Checks, func(k *Check) bool { return strings.EqualFold(k.Expr, want) })
}

// enumOf is the enum type of a PostgreSQL column, or nil.
func (d *Database) enumOf(c *Column) *Enum {
	if d.Dialect != Postgres {
		return nil
	}
	return d.Enum(unquoted(c.Type))
}

func mysqlEnum(typ string) ([]string, bool) {
	if !strings.HasPrefix(typ, "enum(") {
		return nil, false
	}
	var out []string
	for _, tok := range Tokens(MySQL, typ) {
		if s, ok := text(MySQL, tok); ok {
			out = append(out, s)
		}
	}
	return out, true
}

// Values are the values that an enum column may have, in their order: of its
// type where native says so, else of what Weft noted (SQLite) or of a check
// that lists them. They are nil for other columns.
func (d *Database) Values(t *Table, c *Column) (values []string, native bool) {
	if e := d.enumOf(c); e != nil {
		return slices.Clone(e.Values), true
	}
	if d.Dialect == MySQL {
		if vals, ok := mysqlEnum(c.Type); ok {
			return vals, true
		}
	}
	if d.Dialect == SQLite {
		return slices.Clone(c.Enum), false
	}
	for _, k := range t.Checks {
		if vals := listed(d.Dialect, k.Expr, c.Name); vals != nil {
			return vals, false
		}
	}
	return nil, false
}

// listed are the texts that a check allows for a column where it says nothing
// else: c IN ('a', 'b') in the words of the dialect.
func listed(d Dialect, expr, column string) []string {
	var toks []string
	all := Tokens(d, expr)
	for i := 0; i < len(all); i++ {
		switch t := all[i]; {
		case t == "(" || t == ")" || t == "[" || t == "]":
		case t == "::": // the type, which is words
			for i+1 < len(all) && wordByte(all[i+1][0]) && !strings.EqualFold(all[i+1], "AND") && !strings.EqualFold(all[i+1], "OR") {
				i++
			}
		default:
			toks = append(toks, t)
		}
	}
	if len(toks) < 3 || unquoted(toks[0]) != column {
		return nil
	}
	rest := toks[1:]
	switch {
	case len(rest) > 3 && rest[0] == "=" && strings.EqualFold(rest[1], "ANY") && strings.EqualFold(rest[2], "ARRAY"):
		rest = rest[3:]
	case strings.EqualFold(rest[0], "IN") || rest[0] == "=" && len(rest) == 2:
		rest = rest[1:]
	default:
		return nil
	}
	var out []string
	for i, t := range rest {
		if i%2 == 1 {
			if t != "," {
				return nil
			}
			continue
		}
		s, ok := text(d, t)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

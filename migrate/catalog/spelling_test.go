package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate/catalog"
)

// kind is a type in its spellings, and defaults in groups: those of a group
// mean the same to a column of the type, those of two do not.
type kind struct {
	types    []string
	defaults [][]string
}

// none are the spellings of no default.
var none = []string{"", "NULL", "(NULL)"}

var spellings = map[catalog.Dialect][]kind{
	catalog.Postgres: {
		{[]string{"integer", "int", "int4", "INT"}, [][]string{none, {"0", "'0'", "(0)", "0::integer", "'0'::int"}, {"-1", "'-1'", "(-1)"}, {"7", "'7'", "+7"}, {"1 + 2"}}},
		{[]string{"smallint", "int2"}, [][]string{none, {"0", "'0'"}, {"5", "5::smallint"}}},
		{[]string{"bigint", "int8"}, [][]string{none, {"0", "'0'", "0::bigint"}, {"-9223372036854775808", "'-9223372036854775808'"}, {"9223372036854775807"}}},
		{[]string{"numeric(10,2)", "decimal(10,2)", "DECIMAL(10, 2)"}, [][]string{none, {"0", "'0'", "0.00", "'0.0'"}, {"1.5", "1.50", "'1.5'", "1.5::numeric"}, {"-0.25", "'-0.25'"}}},
		{[]string{"numeric(18,6)"}, [][]string{none, {"0.000001", "1e-6"}}},
		{[]string{"double precision", "float8", "float", "float(53)"}, [][]string{none, {"0", "0.0", "'0'"}, {"1.5e300", "'1.5e300'"}, {"-0.25"}, {"1e-7", "0.0000001"}}},
		{[]string{"real", "float4", "float(10)"}, [][]string{none, {"1", "'1'", "1.0"}}},
		{[]string{"boolean", "bool"}, [][]string{none, {"true", "'t'", "'yes'", "TRUE", "'1'", "'on'"}, {"false", "'f'", "'off'", "'0'"}}},
		{[]string{"text"}, [][]string{none, {"''", "''::text"}, {"'x'", "'x'::varchar"}, {"'X'"}, {"'it''s'", "E'it\\'s'"}, {`'a\b'`, `E'a\\b'`}, {"'NULL'"}, {"'now()'"}, {"lower('A')"}, {"'x' || 'y'"}, {"E'tab\\t'", "'tab\t'"}}},
		{[]string{"varchar(40)", "character varying(40)"}, [][]string{none, {"''"}, {"'x'", "'x'::text", "'x'::varchar(40)", "('x')"}, {"'1'"}}},
		{[]string{"varchar", "character varying"}, [][]string{none, {"'x'"}}},
		{[]string{"char(3)", "character(3)"}, [][]string{none, {"'ab'"}}},
		{[]string{`varchar(40) COLLATE "C"`}, [][]string{none, {"'x'"}}},
		{[]string{"date"}, [][]string{none, {"'2024-02-29'", "'2024-02-29'::date", "DATE '2024-02-29'"}, {"CURRENT_DATE", "current_date", "now()"}}},
		{[]string{"timestamp(6) without time zone", "timestamp", "timestamp(6)"}, [][]string{
			none,
			{"'2024-02-29'", "'2024-02-29 00:00:00'", "TIMESTAMP '2024-02-29'"},
			{"'2024-02-29 01:02:03.5'"},
			{"now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_TIMESTAMP(6)", "transaction_timestamp()"},
			{"(now() AT TIME ZONE 'UTC')"},
			{"clock_timestamp()"},
		}},
		{[]string{"timestamp(6) with time zone", "timestamptz"}, [][]string{none, {"'2024-02-29'", "'2024-02-29 00:00+00'", "'2024-02-29 01:00+01'"}, {"now()", "CURRENT_TIMESTAMP"}}},
		{[]string{"timestamp(3)"}, [][]string{none, {"now()", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP(3)", "CURRENT_TIMESTAMP(6)"}, {"CURRENT_TIMESTAMP(0)"}}},
		{[]string{"time", "time(6)", "time without time zone"}, [][]string{none, {"'12:30'", "'12:30:00'", "TIME '12:30'"}, {"CURRENT_TIME", "LOCALTIME"}}},
		{[]string{"bytea"}, [][]string{none, {"''", `'\x'`}, {"'abc'", `'\x616263'`, `'\x616263'::bytea`}, {`'\x00ff'`}}},
		{[]string{"uuid"}, [][]string{none, {"'0190A8F2-0000-7000-8000-000000000001'", "'0190a8f2-0000-7000-8000-000000000001'", "'{0190a8f200007000-8000000000000001}'"}, {"gen_random_uuid()"}}},
		{[]string{"json"}, [][]string{none, {"'{}'", "'{}'::json"}, {"'[1, 2]'"}}},
		{[]string{"jsonb"}, [][]string{none, {"'{}'"}, {`'{"b":1, "a":null}'`, `'{"a": null, "b": 1}'`}}},
		{[]string{"text[]", "TEXT ARRAY"}, [][]string{none, {"'{}'", "'{}'::text[]"}, {"'{a,b}'"}}},
		{[]string{"mood"}, [][]string{none, {"'sad'", "'sad'::mood"}, {"'ok'"}}},
		{[]string{"interval", "interval(6)"}, [][]string{none, {"'1 day'", "'1 day'::interval"}}},
	},
	catalog.MySQL: {
		{[]string{"int", "integer", "INT(11)", "int(5)"}, [][]string{none, {"0", "'0'", "(0)"}, {"-1", "'-1'"}, {"7", "'7'", "007"}, {"(1 + 2)"}}},
		{[]string{"int unsigned", "int(10) unsigned"}, [][]string{none, {"4294967295"}}},
		{[]string{"bigint", "bigint(20)"}, [][]string{none, {"0", "'0'"}, {"-9223372036854775808"}}},
		{[]string{"tinyint", "tinyint(4)"}, [][]string{none, {"1", "TRUE"}}},
		{[]string{"boolean", "bool", "tinyint(1)"}, [][]string{none, {"true", "1", "TRUE", "'1'"}, {"false", "0"}}},
		{[]string{"decimal(10,2)", "numeric(10,2)", "dec(10, 2)"}, [][]string{none, {"0", "'0'", "0.00"}, {"1.5", "1.50", "'1.5'"}, {"-0.25"}}},
		{[]string{"double", "double precision", "real"}, [][]string{none, {"0", "0.0", "'0'"}, {"1.5e300"}, {"-0.25", "'-0.25'"}, {"1e-7", "0.0000001"}}},
		{[]string{"float"}, [][]string{none, {"0.1"}}},
		{[]string{"varchar(40)", "character varying(40)"}, [][]string{none, {"''", `""`}, {"'x'", `"x"`, "('x')"}, {"'X'"}, {"'it''s'", `'it\'s'`, `"it's"`}, {`'a\\b'`}, {`'a\nb'`}, {"'NULL'"}, {"'now()'"}, {"'1'", "1"}, {"(lower('A'))"}, {`'50\%'`}}},
		{[]string{"text"}, [][]string{none, {"''", "('')"}, {"'x'", "('x')"}, {`'it\'s \\ b'`, `"it's \\ b"`}, {"(uuid())"}}},
		{[]string{"longtext"}, [][]string{none, {"('x')"}}},
		{[]string{"char(3)", "character(3)"}, [][]string{none, {"'ab'"}}},
		{[]string{"varchar(40) COLLATE utf8mb4_bin"}, [][]string{none, {"'x'"}}},
		{[]string{"date"}, [][]string{none, {"'2024-02-29'", "DATE '2024-02-29'", "20240229"}, {"(CURRENT_DATE)", "(curdate())", "(current_date())"}}},
		{[]string{"datetime(6)", "DATETIME ( 6 )"}, [][]string{none, {"'2024-02-29'", "'2024-02-29 00:00:00'", "20240229"}, {"CURRENT_TIMESTAMP(6)", "now(6)", "current_timestamp(6)", "localtimestamp(6)"}}},
		{[]string{"datetime", "datetime(0)"}, [][]string{none, {"'2024-02-29 01:02:03'"}, {"CURRENT_TIMESTAMP", "now()", "current_timestamp()", "localtime"}}},
		{[]string{"timestamp NULL"}, [][]string{none, {"'2024-02-29 01:02:03'"}, {"CURRENT_TIMESTAMP", "now()"}}},
		{[]string{"time"}, [][]string{none, {"'12:30:00'", "123000", "'12:30'"}, {"'00:00:00'", "0"}, {"(CURRENT_TIME)", "(curtime())"}}},
		{[]string{"time(6)"}, [][]string{none, {"'12:30:00'", "'12:30:00.000000'"}}},
		{[]string{"year", "year(4)"}, [][]string{none, {"2024", "'2024'"}}},
		{[]string{"json"}, [][]string{none, {"'{}'", "('{}')"}}},
		{[]string{"enum('a','it''s')", `ENUM("a", "it's")`, `enum('a', 'it\'s')`}, [][]string{none, {"'a'", `"a"`}}},
		{[]string{"varbinary(16)"}, [][]string{none, {"'abc'", "x'616263'", "0x616263"}, {"''"}}},
		{[]string{"blob"}, [][]string{none, {"(x'00ff')", "(X'00FF')", "(0x00ff)"}}},
		{[]string{"bit(3)"}, [][]string{none, {"b'101'", "5", "0b101"}}},
	},
	catalog.SQLite: {
		{[]string{"INTEGER", "integer"}, [][]string{none, {"0", "'0'", "(0)", "+0", "FALSE"}, {"-1", "'-1'", "- 1", "(-1)"}, {"16", "0x10", "16.0"}, {"(1 + 2)", "( 1+2 )"}}},
		{[]string{"VARCHAR(40)", "varchar ( 40 )", "VarChar(40)"}, [][]string{none, {"''", `""`}, {"'x'", `"x"`, "('x')"}, {"'X'"}, {"'it''s'"}, {"7", "'7'"}, {"(lower('A'))", "( lower ( 'A' ) )"}, {"'NULL'"}}},
		{[]string{"NUMERIC(10,2)", "numeric( 10 , 2 )"}, [][]string{none, {"1.5", "1.50", "'1.5'"}}},
		{[]string{"INTEGER DECIMAL(10,2)"}, [][]string{none, {"150", "'150'"}}},
		{[]string{"REAL"}, [][]string{none, {"1", "1.0", "'1'"}, {"1.5e300"}}},
		{[]string{"TEXT DATETIME"}, [][]string{none, {"CURRENT_TIMESTAMP", "current_timestamp"}, {"(datetime('now'))"}, {"'2024-02-29'"}}},
		{[]string{"INTEGER BOOLEAN"}, [][]string{none, {"1", "TRUE", "true"}, {"0", "FALSE"}}},
		{[]string{"BLOB"}, [][]string{none, {"x'00ff'", "X'00FF'"}, {"x''"}}},
		{[]string{""}, [][]string{none, {"'1'"}, {"1", "(1)"}}},
	},
}

// column makes a column of its own table with all that belongs to it.
func (k kind) column(name, typ, null, def string) string {
	typ, tail, _ := strings.Cut(typ, " COLLATE ")
	if tail != "" {
		tail = " COLLATE " + tail
	}
	if def != "" {
		def = " DEFAULT " + def
	}
	return name + " " + strings.TrimSuffix(typ, " NULL") + tail + null + def
}

// Columns that mean the same come in the same words, others in other words; the
// words can be made a column of again, which comes in these words.
func TestSpellings(t *testing.T) {
	for d, kinds := range spellings {
		t.Run(string(d), func(t *testing.T) {
			prepare := []string{}
			if d == catalog.Postgres {
				prepare = append(prepare, `CREATE TYPE mood AS ENUM ('sad', 'ok')`)
			}
			db := open(t, d, prepare...)
			n, tables := 0, 0
			for _, k := range kinds {
				for _, null := range []string{" NULL", " NOT NULL"} {
					var cols []string
					var group []int
					for g, defs := range k.defaults {
						for _, def := range defs {
							if strings.Contains(strings.ToUpper(def), "NULL)") && d == catalog.MySQL || null == " NOT NULL" && strings.Trim(strings.ToUpper(def), "()") == "NULL" {
								continue // no SQL there
							}
							for _, typ := range k.types {
								if d == catalog.SQLite && null == " NULL" {
									cols = append(cols, k.column(fmt.Sprintf("c%d", len(cols)), typ, "", def))
								} else {
									cols = append(cols, k.column(fmt.Sprintf("c%d", len(cols)), typ, null, def))
								}
								group = append(group, g)
							}
						}
					}
					tables++
					name := fmt.Sprintf("t%d", tables)
					run(t, db, "CREATE TABLE "+name+" ("+strings.Join(cols, ", ")+")")
					got := inspect(t, db, d, name).Tables[0]
					n += len(cols)
					first := map[int]*catalog.Column{}
					words := map[string]int{}
					var again []string
					for i, c := range got.Columns {
						w := first[group[i]]
						if w == nil {
							first[group[i]] = c
							w = c
							if g, twice := words[c.Default]; twice {
								t.Errorf("%s: defaults %q and %q come as the same %q", k.types[0], k.defaults[g], k.defaults[group[i]], c.Default)
							}
							words[c.Default] = group[i]
							again = append(again, remake(d, c))
						}
						if c.Type != w.Type || c.Default != w.Default || c.Null != w.Null || c.Collation != w.Collation || c.Null != (null == " NULL") {
							t.Errorf("%s comes as %+v, and %s as %+v", cols[i], *c, k.defaults[group[i]][0], *w)
						}
					}
					run(t, db, "CREATE TABLE again_"+name+" ("+strings.Join(again, ", ")+")")
					for _, c := range inspect(t, db, d, "again_"+name).Tables[0].Columns {
						if w := got.Column(c.Name); c.Type != w.Type || c.Default != w.Default || c.Null != w.Null || c.Collation != w.Collation {
							t.Errorf("%s: of %+v made again is %+v", k.types[0], *w, *c)
						}
					}
				}
			}
			t.Logf("%d columns of %d types", n, len(kinds))
		})
	}
}

// remake declares a column from its words.
func remake(d catalog.Dialect, c *catalog.Column) string {
	s := c.Name + " " + c.Type
	if c.Collation != "" {
		s += " COLLATE " + map[bool]string{true: catalog.Quote(d, c.Collation), false: c.Collation}[d == catalog.Postgres]
	}
	if !c.Null {
		s += " NOT NULL"
	} else if d == catalog.MySQL {
		s += " NULL"
	}
	if def := catalog.DefaultSQL(d, c.Type, c.Default); def != "" {
		s += " DEFAULT " + def
	}
	return s
}

// What only MySQL 8 says, which writes literals without quotes and escapes
// those in expressions.
func TestCanonDefault(t *testing.T) {
	for _, c := range []struct {
		d               catalog.Dialect
		typ, expr, want string
	}{
		{catalog.MySQL, "varchar(20)", `_utf8mb4'x'`, "'x'"},
		{catalog.MySQL, "int", "(`a` + 1)", "`a` + 1"},
		{catalog.MySQL, "datetime", "CURRENT_TIMESTAMP(0)", "CURRENT_TIMESTAMP"},
		{catalog.MySQL, "date", "curdate()", "CURRENT_DATE"},
		{catalog.MySQL, "varbinary(3)", "0x616263", "x'616263'"},
		{catalog.Postgres, "integer", "'-7'::integer", "-7"},
		{catalog.Postgres, "text", "('a'::text || 'b'::text)", "'a'::text || 'b'::text"},
		{catalog.Postgres, "boolean", "(a@@b AND c<-1 AND d|/-2)", "a @@ b AND c < - 1 AND d |/- 2"},
		{catalog.Postgres, "text", "$q$it's$q$", "$q$it's$q$"},
		{catalog.Postgres, "varchar(5)", "NULL::character varying", ""},
		{catalog.SQLite, "TEXT", "/* none */ NULL -- at all", ""},
	} {
		if got := catalog.CanonDefault(c.d, c.typ, c.expr); got != c.want {
			t.Errorf("%s %s DEFAULT %s comes as %s, want %s", c.d, c.typ, c.expr, got, c.want)
		}
	}
	for _, c := range []struct {
		d         catalog.Dialect
		typ, want string
	}{
		{catalog.MySQL, "bigint(20) unsigned", "bigint unsigned"},
		{catalog.MySQL, "datetime /* mariadb-5.3 */", "datetime"},
		{catalog.MySQL, "ENUM('A','b')", "enum('A','b')"},
		{catalog.Postgres, "character varying(3)[]", "varchar(3)[]"},
		{catalog.Postgres, "timestamp(3) with time zone", "timestamp(3) with time zone"},
		{catalog.SQLite, "unsigned  big\tint ( 5 ) NOT NULL", "UNSIGNED BIG INT(5)"},
	} {
		if got := catalog.CanonType(c.d, c.typ); got != c.want {
			t.Errorf("%s %s comes as %s, want %s", c.d, c.typ, got, c.want)
		}
	}
}

package pull_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
)

// declared are types of servers with defaults that fit them.
var declared = map[catalog.Dialect][]struct {
	decl     string
	defaults []string
}{
	catalog.Postgres: {
		{"integer", []string{"0", "-7"}},
		{"smallint", []string{"1"}},
		{"bigint", []string{"9223372036854775807"}},
		{"numeric(10,2)", []string{"0", "1.50", "0.999"}},
		{"numeric(18,6)", []string{"-0.000001"}},
		{"numeric(40,2)", []string{"5"}},
		{"numeric", []string{"1.25"}},
		{"double precision", []string{"0", "1.5e300", "-0.25"}},
		{"real", []string{"1.5"}},
		{"boolean", []string{"true", "false"}},
		{"text", []string{"''", "'it''s'", "'NULL'", "'now'", `'a\b'`, "lower('A')", "'weft:0:'"}},
		{"varchar(40)", []string{"''", "'x'", "'X'"}},
		{"varchar(255)", []string{"'é'"}},
		{"varchar", []string{"'x'"}},
		{`varchar(10) COLLATE "C"`, []string{"'x'"}},
		{"char(3)", []string{"'ab'"}},
		{"date", []string{"CURRENT_DATE", "'2024-02-29'"}},
		{"timestamp", []string{"now()", "'2024-02-29 01:02:03'", "(now() AT TIME ZONE 'UTC')", "clock_timestamp()"}},
		{"timestamp(0)", []string{"CURRENT_TIMESTAMP"}},
		{"timestamptz", []string{"now()", "'2024-02-29 01:02:03+00'"}},
		{"time", []string{"CURRENT_TIME", "'12:30:00'"}},
		{"timetz", nil},
		{"interval", []string{"'1 day'"}},
		{"bytea", []string{"''", `'\x00ff'`}},
		{"uuid", []string{"'0190a8f2-0000-7000-8000-000000000001'", "gen_random_uuid()"}},
		{"json", []string{"'{}'", "'[1, 2]'"}},
		{"jsonb", []string{`'{"b":1, "a":null}'`}},
		{"text[]", []string{"'{}'"}},
		{"inet", []string{"'10.0.0.1'"}},
		{"mood", []string{"'sad'"}},
		{"pos", []string{"5"}},
		{`"Odd Type"`, nil},
		{"money", nil},
	},
	catalog.MySQL: {
		{"int", []string{"0", "-7"}},
		{"int unsigned", []string{"4294967295"}},
		{"tinyint", []string{"1"}},
		{"smallint unsigned", []string{"1"}},
		{"mediumint", nil},
		{"bigint", []string{"9223372036854775807"}},
		{"bigint unsigned", []string{"1"}},
		{"tinyint(1)", []string{"0", "1", "TRUE"}},
		{"decimal(10,2)", []string{"0", "1.50"}},
		{"decimal(18,6)", []string{"-0.000001"}},
		{"decimal(40,2)", []string{"5"}},
		{"double", []string{"0", "1.5e300", "-0.25"}},
		{"float", []string{"1.5"}},
		{"varchar(40)", []string{"''", "'x'", "'X'", "'it''s'", `'a\\b'`, "(lower('A'))", "'NULL'", "'now()'"}},
		{"varchar(255)", []string{"'é'"}},
		{"varchar(40) COLLATE utf8mb4_bin", []string{"'x'"}},
		{"char(3)", []string{"'ab'"}},
		{"text", []string{"('x')"}},
		{"tinytext", nil},
		{"longtext", []string{"('it''s')"}},
		{"date", []string{"'2024-02-29'", "(CURRENT_DATE)"}},
		{"datetime", []string{"CURRENT_TIMESTAMP", "'2024-02-29 01:02:03'"}},
		{"datetime(6)", []string{"CURRENT_TIMESTAMP(6)", "CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"}},
		{"timestamp(3)", []string{"CURRENT_TIMESTAMP(3)", "'2024-02-29 01:02:03'"}},
		{"time", []string{"'12:30:00'", "(CURRENT_TIME)"}},
		{"year", []string{"2024"}},
		{"json", []string{"'{}'", "'[1, 2]'"}},
		{"blob", []string{"(x'00ff')"}},
		{"varbinary(16)", []string{"'abc'"}},
		{"binary(3)", nil},
		{"enum('a','b')", []string{"'a'"}},
		{"enum('b','A')", []string{"'b'"}},
		{"set('x','y')", []string{"'x'"}},
		{"bit(3)", []string{"b'101'"}},
		{"uuid", nil},
		{"inet6", nil},
		{"point", nil},
	},
}

var prepared = map[catalog.Dialect][]string{
	catalog.Postgres: {
		`CREATE TYPE mood AS ENUM ('sad', 'ok')`, `CREATE DOMAIN pos AS integer CHECK (VALUE > 0)`, `CREATE TYPE "Odd Type" AS ENUM ('x')`,
	},
}

// serverTables are tables of every declared type × NULL × default.
func serverTables(d catalog.Dialect) (ddl []string, columns int) {
	var cols []string
	flush := func() {
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE wide_%d (id int PRIMARY KEY, %s)", len(ddl), strings.Join(cols, ", ")))
		cols = nil
	}
	for _, k := range declared[d] {
		for _, null := range []string{" NULL", " NOT NULL"} {
			for _, def := range append([]string{""}, k.defaults...) {
				if def != "" {
					def = " DEFAULT " + def
				}
				cols = append(cols, fmt.Sprintf("c%d %s%s%s", len(cols), k.decl, null, def))
				columns++
				if len(cols) == 40 {
					flush()
				}
			}
		}
	}
	flush()
	return ddl, columns
}

// Whatever is declared on a server: the models want no change, and tables made
// of the models give models that say the same.
func TestServerMatrix(t *testing.T) {
	for d := range declared {
		t.Run(string(d), func(t *testing.T) {
			ddl, columns := serverTables(d)
			roundTrip(t, d, append(prepared[d], ddl...), prepared[d])
			t.Logf("%d columns in %d tables", columns, len(ddl))
		})
	}
}

// roundTrip pulls, plans, makes tables of the models in a new database (prepared
// by fresh) and pulls those.
func roundTrip(t *testing.T, d catalog.Dialect, ddl, fresh []string) *pull.Result {
	t.Helper()
	db := server(t, d, ddl...)
	_, r := look(t, db, d)
	settled(t, db, d, r.Set)
	text := yaml(t, r.Set)
	set := parse(t, text)
	settled(t, db, d, set)
	other := server(t, d, fresh...)
	m := migrate.New(other, d, set, migrate.Options{})
	p, err := m.Plan(t.Context())
	if err == nil {
		err = m.Apply(t.Context(), p)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	settled(t, other, d, set)
	_, again := look(t, other, d)
	got := yaml(t, again.Set)
	if d == catalog.MySQL { // where both are made as datetime
		text = strings.ReplaceAll(text, "{type: timestamp", "{type: datetime")
	}
	if got != text {
		t.Errorf("pulled again it is\n%s", differ(text, got))
	}
	return r
}

// differ shows the lines that two texts do not share.
func differ(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out strings.Builder
	for i := 0; i < max(len(x), len(y)) && out.Len() < 8000; i++ {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			fmt.Fprintf(&out, "- %s\n+ %s\n", l, r)
		}
	}
	return out.String()
}

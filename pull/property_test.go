package pull_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
)

// kinds are declared types with defaults that fit them.
var kinds = []struct {
	decl     string
	defaults []string
}{
	{"INTEGER", []string{"0", "-7", "'3'", "TRUE"}},
	{"INT", []string{"0"}},
	{"BIGINT", []string{"9223372036854775807"}},
	{"SMALLINT UNSIGNED", []string{"1"}},
	{"TINYINT(1)", []string{"0", "1"}},
	{"BOOLEAN", []string{"TRUE", "FALSE", "'t'"}},
	{"TEXT", []string{"''", "'it''s'", "'NULL'", "7", "(lower('A'))"}},
	{"VARCHAR(40)", []string{"''", "'x'"}},
	{"NVARCHAR(255)", []string{"'é'"}},
	{"CHAR(2)", []string{"'no'", "'too long'"}},
	{"CLOB", nil},
	{"REAL", []string{"0", "1.5e300", "-0.25"}},
	{"DOUBLE PRECISION", []string{"1"}},
	{"NUMERIC(10,2)", []string{"0", "1.50", "'0.99'", "0.999"}},
	{"DECIMAL(18,6)", []string{"-0.000001"}},
	{"NUMERIC", []string{"1.25"}},
	{"DECIMAL(40,2)", nil},
	{"DATE", []string{"CURRENT_DATE", "'2024-02-29'"}},
	{"DATETIME", []string{"CURRENT_TIMESTAMP", "'2024-02-29 01:02:03'", "(datetime('now'))"}},
	{"TIMESTAMP", []string{"CURRENT_TIMESTAMP"}},
	{"TIME", []string{"CURRENT_TIME", "'12:30:00'"}},
	{"BLOB", []string{"x''", "x'00ff'"}},
	{"VARBINARY(16)", nil},
	{"UUID", []string{"'0190a8f2-0000-7000-8000-000000000001'"}},
	{"JSON", []string{"'{}'", "'[1, 2]'"}},
	{"JSONB", []string{"'{\"b\":1, \"a\":null}'"}},
	{"GEOMETRY", []string{"'x'", "1"}},
	{"", []string{"'x'", "1"}},
}

// keyTypes are types that a key may have.
var keyTypes = []string{"INTEGER", "INT", "BIGINT", "TEXT", "VARCHAR(40)", "CHAR(2)", "UUID", "BLOB", "DATE", "NUMERIC(10,0)"}

var nouns = []string{
	"person", "people", "Order", "order_items", "OrderItem", "status", "Category", "child", "URL", "api key", "naïve", "select", "x", "2nd", "It's",
	"parent_id", "customerId", "CUSTOMER_ID", "created_at", "weft", "tags", "news", `quo"te`,
}

// tableMade is what a later table needs to know to point at one.
type tableMade struct {
	name string
	key  []string
	typ  []string
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func quotedList(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return strings.Join(out, ", ")
}

// drawTable makes a table that may point at those before it.
func drawTable(t *rapid.T, n int, before []tableMade) (ddl []string, made tableMade) {
	yes := func(what string) bool { return rapid.IntRange(0, 2).Draw(t, what) == 0 }
	one := func(list []string, what string) string { return rapid.SampledFrom(list).Draw(t, what) }
	made.name = fmt.Sprintf("%s %d", one(nouns, "table"), n)
	if yes("plain name") {
		made.name = one([]string{"table", "tables", "Thing", "things_"}, "plain") + fmt.Sprint(n)
	}
	var lines, uniques []string
	used := map[string]bool{}
	column := func() string {
		for i := 0; ; i++ {
			c := one(nouns, "column")
			if i > 3 {
				c = fmt.Sprintf("%s_%d", c, i)
			}
			if !used[strings.ToLower(c)] {
				used[strings.ToLower(c)] = true
				return c
			}
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "key") {
	case 0:
		made.key, made.typ = []string{column()}, []string{"INTEGER"}
		lines = append(lines, quoted(made.key[0])+" INTEGER PRIMARY KEY"+one([]string{"", " AUTOINCREMENT", " NOT NULL"}, "auto"))
	case 1:
		made.key, made.typ = []string{column(), column()}, []string{one(keyTypes, "type"), one(keyTypes, "type")}
		lines = append(lines, quoted(made.key[0])+" "+made.typ[0], quoted(made.key[1])+" "+made.typ[1]+" NOT NULL")
		uniques = append(uniques, "PRIMARY KEY ("+quoted(made.key[1])+", "+quoted(made.key[0])+")")
		made.key[0], made.key[1], made.typ[0], made.typ[1] = made.key[1], made.key[0], made.typ[1], made.typ[0]
	default:
		made.key, made.typ = []string{column()}, []string{one(keyTypes, "type")}
		lines = append(lines, quoted(made.key[0])+" "+made.typ[0])
		uniques = append(uniques, "PRIMARY KEY ("+quoted(made.key[0])+")")
	}
	var plain []string // columns that can be indexed
	for range rapid.IntRange(0, 5).Draw(t, "columns") {
		k, c := rapid.SampledFrom(kinds).Draw(t, "kind"), column()
		l := quoted(c) + " " + k.decl
		if yes("not null") {
			l += " NOT NULL"
		}
		if len(k.defaults) > 0 && yes("default") {
			l += " DEFAULT " + one(k.defaults, "value")
		}
		if !strings.HasPrefix(k.decl, "JSON") {
			plain = append(plain, c)
			if yes("unique") {
				l += " UNIQUE"
			}
		}
		lines = append(lines, l)
	}
	for range rapid.IntRange(0, 3).Draw(t, "foreign keys") {
		to := made
		if len(before) > 0 && !yes("self") {
			to = rapid.SampledFrom(before).Draw(t, "parent")
		}
		var cols []string
		action, null := one([]string{"", " ON DELETE CASCADE", " ON DELETE RESTRICT ON UPDATE CASCADE", " ON DELETE SET NULL"}, "action"), ""
		if !strings.Contains(action, "NULL") && yes("needed") {
			null = " NOT NULL"
		}
		for _, typ := range to.typ {
			c := column()
			cols = append(cols, c)
			lines = append(lines, quoted(c)+" "+typ+null)
		}
		ref := ""
		if yes("named") {
			ref = " (" + quotedList(to.key) + ")"
		}
		uniques = append(uniques, "FOREIGN KEY ("+quotedList(cols)+") REFERENCES "+quoted(to.name)+ref+action)
		if yes("one to one") {
			uniques = append(uniques, "UNIQUE ("+quotedList(cols)+")")
		}
	}
	ddl = []string{"CREATE TABLE " + quoted(made.name) + " (" + strings.Join(append(lines, uniques...), ", ") + ")"}
	for i := range rapid.IntRange(0, 2).Draw(t, "indexes") {
		if len(plain) == 0 {
			break
		}
		list := []string{one(plain, "indexed")}
		if c := one(plain, "indexed too"); c != list[0] && yes("two") {
			list = append(list, c)
		}
		name := fmt.Sprintf("ix %d %d", n, i)
		if yes("made name") {
			name = migrate.IndexName(made.name, list, false)
		}
		s := "CREATE " + one([]string{"", "UNIQUE "}, "unique index") + "INDEX IF NOT EXISTS " + quoted(name) + " ON " + quoted(made.name) + " (" + quotedList(list) + ")"
		if yes("partial") {
			s += " WHERE " + quoted(list[0]) + " IS NOT NULL"
		}
		ddl = append(ddl, s)
	}
	return ddl, made
}

func drawDatabase(t *rapid.T) []string {
	var all []string
	var made []tableMade
	for n := range rapid.IntRange(1, 6).Draw(t, "tables") {
		ddl, m := drawTable(t, n, made)
		all, made = append(all, ddl...), append(made, m)
	}
	return all
}

// Whatever the tables: models are made of them that want no change, and tables
// made of the models give the same models again.
func TestPulledModelsAreStable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		check(rt, drawDatabase(rt))
	})
}

// check is the property for one database.
func check(rt *rapid.T, ddl []string) {
	ctx := context.Background()
	conn, done := scratch(rt, ddl...)
	defer done()
	first := models(rt, conn)
	p, err := migrate.SQLite(ctx, conn, first.Set)
	fatal(rt, ddl, err)
	if !p.Empty() || len(p.Notes) > 0 {
		rt.Fatalf("the models would change the database\n%s\n%s", strings.Join(ddl, ";\n"), p)
	}
	text := yaml(rt, first.Set)
	set := parse(rt, text)
	if got := yaml(rt, set); got != text {
		rt.Fatalf("YAML loses something:\n%s\n%s", text, got)
	}
	fresh, done := scratch(rt)
	defer done()
	_, err = migrate.Auto(ctx, fresh, set)
	fatal(rt, ddl, err)
	if got := yaml(rt, models(rt, fresh).Set); got != text {
		rt.Fatalf("pulled again it is\n%s\nand was\n%s\nfrom\n%s", got, text, strings.Join(ddl, ";\n"))
	}
}

func fatal(rt *rapid.T, ddl []string, err error) {
	if err != nil {
		rt.Fatalf("%v\n%s", err, strings.Join(ddl, ";\n"))
	}
}

// A whole plan, which would also take away, has nothing to do either.
func TestPulledModelsFitAsAWhole(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		ddl := drawDatabase(rt)
		n++
		db, err := sql.Open("sqlite", fmt.Sprintf("file:%s/%d.db", dir, n))
		fatal(rt, ddl, err)
		defer db.Close()
		for _, s := range ddl {
			_, err := db.Exec(s)
			fatal(rt, ddl, err)
		}
		c, err := catalog.Inspect(context.Background(), db, catalog.SQLite, catalog.InspectOptions{})
		fatal(rt, ddl, err)
		r, err := pull.Models(c)
		fatal(rt, ddl, err)
		p, err := migrate.New(db, catalog.SQLite, r.Set, migrate.Options{}).Plan(context.Background())
		fatal(rt, ddl, err)
		if !p.Empty() || len(p.Refusals) > 0 {
			rt.Fatalf("the models would change the database\n%s\n%s%v", strings.Join(ddl, ";\n"), p, p.Refusals)
		}
	})
}

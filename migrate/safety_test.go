package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
)

// ask reads a column of a query as texts.
func (p place) ask(t testing.TB, q string) []string {
	t.Helper()
	conn, err := p.db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A query of another text, since drivers remember what one answered.
	return query(t, conn, fmt.Sprintf("%s -- %d", q, asked.Add(1)))
}

var asked atomic.Int64

// unsafeChanges are changes that rows stand against.
var unsafeChanges = []struct {
	name, before, after string
	rows                []string
	o                   migrate.Options // without what allows it
	unsafe              string          // part of what the step says
	allow               migrate.Allow
	look                string   // a query
	values              []string // its answers when it was allowed
}{
	{
		name: "drop a column", before: item("a: integer\n  b: {type: string, nullable: true}"), after: item("a: integer"),
		rows:   []string{"INSERT INTO items (title, a, b) VALUES ('x', 1, 'v'), ('y', 2, NULL), ('z', 3, 'w')"},
		unsafe: "2 rows have values", allow: migrate.AllowDrop, look: "SELECT title FROM items ORDER BY title", values: []string{"x", "y", "z"},
	},
	{
		name: "drop an empty column", before: item("a: integer\n  b: {type: string, nullable: true}"), after: item("a: integer"),
		unsafe: "no row has a value", allow: migrate.AllowDrop, look: "SELECT count(*) FROM items", values: []string{"0"},
	},
	{
		name: "drop a table", before: owners + item("a: integer"), after: item("a: integer"), o: migrate.Options{DropTables: []string{"owners"}},
		rows:   []string{"INSERT INTO owners (id) VALUES (1), (2)"},
		unsafe: "the table has 2 rows", allow: migrate.AllowDrop, look: "SELECT count(*) FROM items", values: []string{"0"},
	},
	{
		name: "shorter text", before: item("a: {type: string, size: 10}"), after: item("a: {type: string, size: 3}"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', 'abc'), ('y', 'éèêë')"},
		unsafe: `1 of 2 values would not fit, such as "éèêë"; they would be cut`, allow: migrate.AllowDataLoss, look: "SELECT a FROM items ORDER BY title", values: []string{"abc", "éèê"},
	},
	{
		name: "narrower though all fit", before: item("a: bigInteger"), after: item("a: integer"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', 5)"},
		unsafe: "0 of 1 value would not fit", allow: migrate.AllowDataLoss, look: "SELECT a FROM items", values: []string{"5"},
	},
	{
		name: "number too big", before: item("a: bigInteger"), after: item("a: integer"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', 5), ('y', 3000000000)"},
		unsafe: `1 of 2 values would not fit, such as "3000000000", and the column cannot be NULL`, allow: migrate.AllowNothing,
	},
	{
		name: "number too big for one that can be NULL", before: item("a: {type: bigInteger, nullable: true}"), after: item("a: {type: integer, nullable: true}"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', 5), ('y', 3000000000)"},
		unsafe: "they would become NULL", allow: migrate.AllowDataLoss, look: "SELECT a FROM items ORDER BY title", values: []string{"5", "NULL"},
	},
	{
		name: "fewer digits", before: item("a: {type: float}"), after: item("a: {type: decimal, precision: 6, scale: 2}"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', 1.5), ('y', 2.125)"},
		unsafe: `1 of 2 values would not fit, such as "2.125"; they would be cut`, allow: migrate.AllowDataLoss,
	},
	{
		name: "text to number", before: item("a: {type: string, nullable: true}"), after: item("a: {type: integer, nullable: true}"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', '12'), ('y', 'twelve'), ('z', '99999999999')"},
		unsafe: `2 of 3 values would not fit, such as "99999999999", "twelve"; they would become NULL`, allow: migrate.AllowDataLoss,
		look: "SELECT a FROM items ORDER BY title", values: []string{"12", "NULL", "NULL"},
	},
	{
		name: "NOT NULL over NULL", before: item("a: {type: integer, nullable: true}"), after: item("a: {type: integer, default: 7}"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', NULL), ('y', 2)"},
		unsafe: "1 row is NULL and would become 7", allow: migrate.AllowDataLoss, look: "SELECT a FROM items ORDER BY title", values: []string{"7", "2"},
	},
	{
		name: "unique over duplicates", before: item("a: string"), after: item("a: {type: string, unique: true}"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', 'one'), ('y', 'one'), ('z', 'two')"},
		unsafe: `(a) is to be unique, but 1 value is in several rows, such as "one"`, allow: migrate.AllowNothing,
	},
	{
		name: "enum value in use", before: item("a: {type: enum, values: [new, old]}"), after: item("a: {type: enum, values: [new]}"),
		rows:   []string{"INSERT INTO items (title, a) VALUES ('x', 'new'), ('y', 'old')"},
		unsafe: `1 row has a value that the field does not take any more: "old"`, allow: migrate.AllowNothing,
	},
	{
		name: "orphans", before: owners + item("ownerId: {type: bigInteger, nullable: true}"), after: owners + item(fmt.Sprintf(owned, "cascade")),
		rows:   []string{"INSERT INTO owners (id) VALUES (1)", "INSERT INTO items (id, title, owner_id) VALUES (10, 'x', 1), (11, 'y', 2), (12, 'z', NULL), (13, 'u', 3)"},
		unsafe: "2 rows point at nothing, such as id 11; 13", allow: migrate.OrphansToNull, look: "SELECT owner_id FROM items ORDER BY id", values: []string{"1", "NULL", "NULL", "NULL"},
	},
	{
		name: "orphans that cannot be NULL", before: owners + item("ownerId: bigInteger"), after: owners + item("ownerId: {type: bigInteger, references: {table: owners, column: id}}"),
		rows:   []string{"INSERT INTO items (id, title, owner_id) VALUES (10, 'x', 1)"},
		unsafe: "1 row points at nothing, such as id 10; the column owner_id cannot be NULL", allow: migrate.AllowNothing,
	},
	{
		name: "key over duplicates", before: "model: Pair\nfields:\n  a: {type: integer, primary: true}\n  b: {type: integer, primary: true}\n", after: "model: Pair\nfields:\n  a: {type: integer, primary: true}\n  b: integer\n",
		rows:   []string{"INSERT INTO pairs (a, b) VALUES (1, 1), (1, 2)"},
		unsafe: `(a) is to be unique, but 1 value is in several rows, such as "1"`, allow: migrate.AllowNothing,
	},
}

// TestUnsafe refuses what would lose something, leaves the database as it was,
// and does it when it is allowed.
func TestUnsafe(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		for _, c := range unsafeChanges {
			t.Run(c.name, func(t *testing.T) {
				p.wipe(t)
				p.apply(t, parse(t, c.before), migrate.Options{})
				p.exec(t, c.rows...)
				set := parse(t, c.after)
				m := migrate.New(p.db, p.dialect, set, c.o)
				plan := p.plan(t, set, c.o)
				unsafe := plan.Unsafe()
				if len(unsafe) != 1 || !strings.Contains(unsafe[0].Unsafe, c.unsafe) || unsafe[0].Allow != c.allow {
					t.Fatalf("want one unsafe step that says %q and that %q allows:\n%s", c.unsafe, c.allow, plan)
				}
				before := p.holds(t)
				var u *migrate.UnsafeError
				if err := m.Apply(context.Background(), plan); !errors.As(err, &u) || !strings.Contains(err.Error(), c.unsafe) {
					t.Fatalf("Apply says %v", err)
				}
				if after := p.holds(t); after != before {
					t.Fatalf("the database was\n%s\nand is\n%s", before, after)
				}
				o := c.o
				switch c.allow {
				case migrate.AllowDrop:
					o.AllowDrop = true
				case migrate.AllowDataLoss:
					o.AllowDataLoss = true
				case migrate.OrphansToNull:
					o.OrphansToNull = true
				default:
					o.AllowDrop, o.AllowDataLoss, o.OrphansToNull = true, true, true
					if len(p.plan(t, set, o).Unsafe()) == 0 {
						t.Fatal("an option allows it")
					}
					return
				}
				p.apply(t, set, o)
				if c.look == "" {
					return
				}
				if got := p.ask(t, c.look); !slices.Equal(got, c.values) {
					t.Fatalf("%s says %q, want %q", c.look, got, c.values)
				}
			})
		}
	})
}

// holds says what the database holds, as far as models go.
func (p place) holds(t testing.TB) string {
	t.Helper()
	db, err := catalog.Inspect(context.Background(), p.db, p.dialect, catalog.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, x := range db.Tables {
		fmt.Fprintf(&b, "%s %s\n", x.Name, x.Kind)
		for _, c := range x.Columns {
			fmt.Fprintf(&b, "  %+v\n", *c)
		}
		for _, i := range x.Indexes {
			fmt.Fprintf(&b, "  %+v\n", *i)
		}
		for _, k := range x.Foreign {
			fmt.Fprintf(&b, "  %+v\n", *k)
		}
		fmt.Fprintf(&b, "  %s rows\n", p.ask(t, "SELECT count(*) FROM "+catalog.Quote(p.dialect, x.Name)))
	}
	return b.String()
}

// TestConversions changes the types of columns with values in them.
func TestConversions(t *testing.T) {
	cases := []struct {
		from, to string
		values   []string // as SQL literals that all dialects take
		want     map[catalog.Dialect][]string
		all      []string // where all dialects say the same
	}{
		{from: "integer", to: "bigInteger", values: []string{"1", "-2147483648"}, all: []string{"1", "-2147483648"}},
		{from: "integer", to: "string", values: []string{"1", "-20"}, all: []string{"1", "-20"}},
		{from: "integer", to: "text", values: []string{"0", "-20"}, all: []string{"0", "-20"}},
		{from: "string", to: "integer", values: []string{"'7'", "'-20'"}, all: []string{"7", "-20"}},
		{from: "string", to: "text", values: []string{"'it''s'", "''"}, all: []string{"it's", ""}},
		{from: "text", to: "string", values: []string{"'it''s'", "'é'"}, all: []string{"it's", "é"}},
		{from: "string", to: "json", values: []string{`'{"a":1}'`, "'[]'"}, all: []string{`{"a":1}`, "[]"}},
		{from: "integer", to: "float", values: []string{"3", "-2"}, want: map[catalog.Dialect][]string{catalog.SQLite: {"3", "-2"}, catalog.Postgres: {"3", "-2"}, catalog.MySQL: {"3", "-2"}}},
		{from: "decimal", to: "{type: decimal, precision: 18, scale: 6}", values: []string{"1", "200"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"10000", "2000000"}, catalog.Postgres: {"1.000000", "200.000000"}, catalog.MySQL: {"1.000000", "200.000000"},
		}},
		{from: "decimal", to: "{type: decimal, precision: 12, scale: 0}", values: []string{"100", "200"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"1", "2"}, catalog.Postgres: {"100", "200"}, catalog.MySQL: {"100", "200"},
		}},
		{from: "decimal", to: "string", values: []string{"150", "-5"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"1.50", "-0.05"}, catalog.Postgres: {"150.00", "-5.00"}, catalog.MySQL: {"150.00", "-5.00"},
		}},
		{from: "integer", to: "decimal", values: []string{"1", "-2"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"100", "-200"}, catalog.Postgres: {"1.00", "-2.00"}, catalog.MySQL: {"1.00", "-2.00"},
		}},
		{from: "string", to: "boolean", values: []string{"'true'", "'no'"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"1", "0"}, catalog.Postgres: {"true", "false"}, catalog.MySQL: {"1", "0"},
		}},
		{from: "integer", to: "boolean", values: []string{"1", "0"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"1", "0"}, catalog.Postgres: {"true", "false"}, catalog.MySQL: {"1", "0"},
		}},
		{from: "datetime", to: "date", values: []string{"'2024-02-29 00:00:00'", "'1999-12-31 00:00:00'"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"2024-02-29", "1999-12-31"}, catalog.Postgres: {"2024-02-29T00:00:00Z", "1999-12-31T00:00:00Z"}, catalog.MySQL: {"2024-02-29", "1999-12-31"},
		}},
		{from: "date", to: "datetime", values: []string{"'2024-02-29'", "'1999-12-31'"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"2024-02-29 00:00:00", "1999-12-31 00:00:00"}, catalog.Postgres: {"2024-02-29T00:00:00Z", "1999-12-31T00:00:00Z"}, catalog.MySQL: {"2024-02-29 00:00:00.000000", "1999-12-31 00:00:00.000000"},
		}},
		{from: "string", to: "date", values: []string{"'2024-02-28'", "'1999-12-31'"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"2024-02-28", "1999-12-31"}, catalog.Postgres: {"2024-02-28T00:00:00Z", "1999-12-31T00:00:00Z"}, catalog.MySQL: {"2024-02-28", "1999-12-31"},
		}},
		{from: "string", to: "uuid", values: []string{"'0190c6a1-0000-7000-8000-000000000001'", "'0190c6a1-0000-7000-8000-000000000002'"}, all: []string{"0190c6a1-0000-7000-8000-000000000001", "0190c6a1-0000-7000-8000-000000000002"}},
		{from: "uuid", to: "string", values: []string{"'0190c6a1-0000-7000-8000-000000000001'", "'0190c6a1-0000-7000-8000-000000000002'"}, all: []string{"0190c6a1-0000-7000-8000-000000000001", "0190c6a1-0000-7000-8000-000000000002"}},
		{from: "json", to: "jsonb", values: []string{"'1'", "'[]'"}, all: []string{"1", "[]"}},
		{from: "datetime", to: "timestamp", values: []string{"'2024-02-29 10:00:00'", "'1999-12-31 23:59:59'"}, want: map[catalog.Dialect][]string{
			catalog.SQLite: {"2024-02-29 10:00:00", "1999-12-31 23:59:59"}, catalog.MySQL: {"2024-02-29 10:00:00.000000", "1999-12-31 23:59:59.000000"},
		}},
	}
	typ := func(s string) string {
		if strings.HasPrefix(s, "{") {
			return item("a: " + strings.TrimSuffix(s, "}") + ", nullable: true}")
		}
		return item("a: {type: " + s + ", nullable: true}")
	}
	places(t, func(t *testing.T, p place) {
		for _, c := range cases {
			t.Run(c.from+" to "+c.to, func(t *testing.T) {
				p.wipe(t)
				p.apply(t, parse(t, typ(c.from)), migrate.Options{})
				for i, v := range append(c.values, "NULL") {
					p.exec(t, fmt.Sprintf("INSERT INTO items (id, title, a) VALUES (%d, 'x', %s)", i+1, v))
				}
				p.apply(t, parse(t, typ(c.to)), migrate.Options{AllowDataLoss: true})
				want := c.all
				if want == nil {
					want = c.want[p.dialect]
				}
				if got := p.ask(t, "SELECT a FROM items ORDER BY id"); want != nil && !slices.Equal(got, append(slices.Clone(want), "NULL")) {
					t.Fatalf("got %q, want %q", got, want)
				}
			})
		}
	})
}

// TestImpossible refuses types between which there is no way.
func TestImpossible(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.apply(t, parse(t, item("a: boolean")), migrate.Options{})
		plan := p.plan(t, parse(t, item("a: date")), migrate.Options{AllowDataLoss: true})
		if len(plan.Refusals) != 1 || !strings.Contains(plan.String(), "cannot become") {
			t.Fatalf("not refused:\n%s", plan)
		}
	})
}

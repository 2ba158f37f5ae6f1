package postgres_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/postgres"
)

// thing is a model of a table that another program made.
type thing struct {
	ID     int64 `weft:"primary,auto"`
	Name   string
	Code   *string `weft:"type=string"`
	Mood   *string `weft:"type=string"`
	Small  *int64
	Real   *float64
	Price  *decimal.Decimal `weft:"precision=12,scale=2"`
	Any    *string          `weft:"type=text"` // a numeric, see below
	Paid   *decimal.Decimal `weft:"precision=12,scale=2"`
	Stamp  *time.Time       `weft:"type=timestamp"`
	Plain  *time.Time       `weft:"type=datetime"`
	Day    *time.Time       `weft:"type=date"`
	Doc    *map[string]any  `weft:"type=json"`
	Docb   *map[string]any  `weft:"type=json"`
	Uid    *string          `weft:"type=uuid"`
	Bits   *[]byte
	Labels *string `weft:"type=text"`
}

const thingTable = `CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN price AS numeric(12,2) CHECK (VALUE >= 0);
CREATE TABLE things (id serial PRIMARY KEY, name varchar(20) COLLATE "und-x-icu" NOT NULL, code char(5), mood mood, small smallint, "real" real,
  price price, "any" numeric, paid money, stamp timestamptz, plain timestamp, day date, doc json, docb jsonb, uid uuid UNIQUE, bits bytea, labels text[])`

func TestFoundTable(t *testing.T) {
	s := newServer(t)
	m, err := schema.FromStruct(thing{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Fields {
		switch f.Name {
		case "any":
			f.Type, f.DBType = schema.Specific, "numeric"
		case "labels":
			f.Type, f.DBType = schema.Specific, "text[]"
		}
	}
	set, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	m = set.Models[0]
	s.run(t, thingTable)
	s.run(t, `SET TIME ZONE 'Asia/Tokyo'; INSERT INTO things (name, code, mood, small, "real", price, "any", paid, stamp, plain, day, doc, docb, uid, bits, labels) VALUES
	  ('b', 'x', 'happy', 7, 0.5, 12.5, 1.25, 3.5, '2024-01-02 03:04:05.5+02', '2024-01-02 03:04:05', '2024-01-02', '{"b": 1.50, "a" : [1,2]}', '{"b": 1, "aa": "x"}', '01890A5D-ac96-774b-bcce-b302099a8057', '\x00ff', '{a,"b c"}'),
	  ('B', NULL, 'sad', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('ä', NULL, 'ok', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
	e := connect(t, s.url)
	ids := func(o op.Op) string {
		t.Helper()
		o.Kind, o.Model, o.Fields = op.Find, m, []string{"name"}
		_, rows := must(t, e, o)
		var out []string
		for _, r := range rows {
			out = append(out, r[0].(string))
		}
		return strings.Join(out, " ")
	}
	_, rows := must(t, e, op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, int64(1))})
	want := []any{
		int64(1), "b", "x", "happy", int64(7), 0.5, decimal.RequireFromString("12.50"), decimal.RequireFromString("1.25"), decimal.RequireFromString("3.50"),
		time.Date(2024, 1, 2, 1, 4, 5, 500_000_000, time.UTC), time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC),
		op.JSON(`{"a":[1,2],"b":1.50}`), op.JSON(`{"aa":"x","b":1}`), "01890a5d-ac96-774b-bcce-b302099a8057",
		[]byte{0, 255},
		`{a,"b c"}`,
	}
	for i, w := range want {
		if got := rows[0][i]; !reflect.DeepEqual(got, w) {
			if d, ok := got.(decimal.Decimal); ok && d.Equal(w.(decimal.Decimal)) {
				continue
			}
			t.Errorf("%s is %#v, want %#v", m.Fields[i].Name, got, w)
		}
	}
	for _, c := range []struct {
		f    op.Cond
		want string
	}{
		{op.Cmp("name", op.Gt, "a"), "b ä"}, // by bytes, whatever the column's collation
		{op.Cmp("name", op.StartsWith, "b"), "b"},
		{op.Cmp("name", op.Like, "B"), "B b"},
		{op.Cmp("code", op.Eq, "x"), "b"},
		{op.Cmp("mood", op.Lt, "ok"), "b"}, // by the text, not by the place in the type
		{op.Cmp("mood", op.Eq, "furious"), ""},
		{op.Cmp("mood", op.Ne, "furious"), "B a b ä"},
		{op.Cmp("mood", op.Like, "A"), "B b"},
		{op.Cmp("small", op.Lt, int64(1)<<40), "b"},
		{op.Cmp("small", op.Eq, int64(1)<<40), ""},
		{op.Cmp("uid", op.Eq, "no uuid"), ""},
		{op.Cmp("uid", op.Ne, "no uuid"), "B a b ä"},
		{op.Cmp("uid", op.StartsWith, "0189"), "b"},
		{op.Cond{Kind: op.Compare, Field: "uid", Op: op.In, List: []any{"x", "01890a5d-ac96-774b-bcce-b302099a8057"}}, "b"},
		{op.Cond{Kind: op.Compare, Field: "uid", Op: op.NotIn, List: []any{"x"}}, "B a b ä"},
		{op.Cond{Kind: op.Compare, Field: "mood", Op: op.In, List: []any{"sad", "mad"}}, "B"},
		{op.Cond{Kind: op.Compare, Field: "docb", Path: []string{"b"}, Op: op.Eq, Value: int64(1)}, "b"},
		{op.Cmp("price", op.Gt, decimal.RequireFromString("12.499")), "b"},
	} {
		if got := ids(op.Op{Filter: c.f, Sort: []op.Sort{{Field: "name"}}}); got != c.want {
			t.Errorf("%+v holds for %q, want %q", c.f, got, c.want)
		}
	}
	if got := ids(op.Op{Sort: []op.Sort{{Field: "mood"}, {Field: "name"}}}); got != "a b ä B" {
		t.Errorf("by mood the names are %q", got)
	}
	if got := ids(op.Op{Distinct: true, Sort: []op.Sort{{Field: "name", Desc: true}}}); got != "ä b a B" {
		t.Errorf("the distinct names are %q", got)
	}
	res, _ := must(t, e, op.Op{Kind: op.Find, Model: m, Explain: true, Sort: []op.Sort{{Field: "name"}}})
	if !strings.Contains(strings.Join(res.Plan.Notes, "\n"), "und-x-icu") {
		t.Errorf("the plan does not tell of the collation: %q", res.Plan.Notes)
	}

	// Keys that were given are not handed out again, and the table's own words are
	// heard of.
	row := make([]any, len(m.Fields))
	row[0], row[1] = int64(10), "ten"
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row}})
	row[0], row[1] = op.Unset{}, "next"
	_, rows = must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{row, row}, Returning: true, Fields: []string{"id"}})
	if rows[0][0] != int64(11) || rows[1][0] != int64(12) {
		t.Errorf("the keys are %v", rows)
	}
	set1 := func(field string, v any) error {
		_, _, err := run(e, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("id", op.Eq, int64(1)), Set: []op.Assign{{Field: field, Value: v}}})
		return err
	}
	wants(t, set1("price", decimal.NewFromInt(-1)), op.CodeValidation, "check")
	wants(t, set1("mood", "furious"), op.CodeValidation, "furious")
	wants(t, set1("uid", "no uuid"), op.CodeValidation, "no uuid")
	wants(t, set1("small", int64(1)<<40), op.CodeValidation)
	wants(t, set1("name", strings.Repeat("x", 21)), op.CodeValidation)
}

// Names may be words of SQL, have quotes and be as long as PostgreSQL allows.
func TestNames(t *testing.T) {
	s := newServer(t)
	s.run(t, `CREATE SCHEMA "Odd "" schema"`)
	long := strings.Repeat("n", 63)
	m := &schema.Model{Name: "Odd", Table: `select "a" '?' ` + "ä", Fields: []*schema.Field{
		{Name: "id", Column: "order", Type: schema.BigInteger, Primary: true, Auto: true},
		{Name: "q", Column: `it's "q" $1 ?`, Type: schema.String, Nullable: true, Unique: true},
		{Name: "long", Column: long, Type: schema.Integer, Nullable: true},
	}}
	set, err := schema.Build(m)
	if err != nil {
		t.Fatal(err)
	}
	m = set.Models[0]
	e := migrated(t, s.at(t, `"Odd "" schema"`), set)
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{op.Unset{}, "x", int64(3)}}})
	_, rows := must(t, e, op.Op{Kind: op.Update, Model: m, Filter: op.Cmp("q", op.Eq, "x"), Set: []op.Assign{{Field: "long", Inc: true, Value: int64(4)}}, Returning: true})
	if len(rows) != 1 || rows[0][2] != int64(7) {
		t.Errorf("the rows are %v", rows)
	}
	_, _, err = run(e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{op.Unset{}, "x", int64(3)}}})
	wants(t, err, op.CodeConflict, "q")
	too := &schema.Model{Name: "Long", Table: long + "n", Fields: []*schema.Field{{Name: "id", Column: "id", Type: schema.BigInteger, Primary: true}}}
	if set, err = schema.Build(too); err != nil {
		t.Fatal(err)
	}
	_, _, err = run(e, count(set.Models[0]))
	wants(t, err, op.CodeValidation, "63 bytes")
}

// Raw SQL has question marks on every engine, and values by their types.
func TestRawSQL(t *testing.T) {
	s := newServer(t)
	e := connect(t, s.url)
	sql := func(text string, args ...any) op.Op {
		return op.Op{Kind: op.SQL, SQL: text, Args: args, Returning: true}
	}
	_, rows := must(t, e, sql(`SELECT ?::int + 1, '?' || ?::text, 1.50::numeric, true, now() > '2020-01-01'::timestamptz, '{"b":1,"a":2}'::jsonb ?? 'a', '["x"]'::jsonb ?| array['x'], $$?$$, E'\'?' -- ?
	  , /* ? /* ? */ */ '\x01'::bytea, date '2024-01-02', '{"b": 1, "a": 2}'::json, null::int, ARRAY[1,2]`, int64(1), "x"))
	want := []any{
		int64(2), "?x", decimal.RequireFromString("1.50"), true, true, true, true, "?", "'?",
		[]byte{1},
		time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC),
		op.JSON(`{"a":2,"b":1}`), nil, "{1,2}",
	}
	if !reflect.DeepEqual(rows[0], want) {
		t.Errorf("the row is %#v, want %#v", rows[0], want)
	}
	must(t, e, op.Op{Kind: op.SQL, SQL: "CREATE TABLE a (n int PRIMARY KEY); INSERT INTO a VALUES (1), (2); INSERT INTO a VALUES (3);"})
	_, _, err := run(e, op.Op{Kind: op.SQL, SQL: "INSERT INTO a VALUES (4); INSERT INTO a VALUES (1)"})
	wants(t, err, op.CodeConflict)
	res, _ := must(t, e, op.Op{Kind: op.SQL, SQL: "UPDATE a SET n = n + 10 WHERE n > ?", Args: []any{int64(1)}})
	if res.N != 2 {
		t.Errorf("%d rows were changed, want 2", res.N)
	}
	_, rows = must(t, e, sql("WITH gone AS (DELETE FROM a WHERE n = 1 RETURNING n) SELECT n FROM gone"))
	if len(rows) != 1 {
		t.Errorf("the rows are %v", rows)
	}
	for text, part := range map[string]string{
		"BEGIN": "db.Tx", " /* x */ commit": "db.Tx", "SET search_path = x": "connections", "COPY a FROM STDIN": "COPY", "": "empty", "-- nothing": "empty",
		"SELECT 1; SELECT 2": "no rows", "SELECT ?": "1 places", "SELECT 'x": "does not end", "SELECT $x$ y": "does not end",
	} {
		_, _, err := run(e, sql(text))
		wants(t, err, op.CodeValidation, part)
	}
	_, _, err = run(e, sql("SELEC 1"))
	wants(t, err, op.CodeDatabase, "syntax")
	res, _ = must(t, e, op.Op{Kind: op.SQL, SQL: "SELECT * FROM a WHERE n = ?", Explain: true})
	if len(res.Plan.SQL) != 1 {
		t.Errorf("the plan is %+v", res.Plan)
	}

	// A table that changes its columns is looked at again.
	must(t, e, sql("SELECT * FROM a"))
	must(t, e, op.Op{Kind: op.SQL, SQL: "ALTER TABLE a ADD COLUMN b text DEFAULT 'new'"})
	if _, rows = must(t, e, sql("SELECT * FROM a")); len(rows[0]) != 2 {
		t.Errorf("the row is %v", rows[0])
	}
	readOnly := connect(t, s.url, postgres.ReadOnly())
	_, _, err = run(readOnly, op.Op{Kind: op.SQL, SQL: "DELETE FROM a"})
	wants(t, err, op.CodeDatabase, "reading only")
}

// Locks of rows hold others off, who may pass them by or be told at once.
func TestRowLocks(t *testing.T) {
	s := newServer(t)
	s.run(t, "CREATE SCHEMA one")
	set := build(t, item{})
	m := set.Models[0]
	e := migrated(t, s.at(t, "one"), set)
	must(t, e, insert(m, 0, 3))
	ctx := context.Background()
	begin := func() op.Tx {
		tx, err := e.Begin(ctx, op.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	find := func(l op.Lock, n int) op.Op {
		return op.Op{Kind: op.Find, Model: m, Fields: []string{"id"}, Sort: []op.Sort{{Field: "id"}}, Limit: n, Lock: l}
	}
	a, b := begin(), begin()
	must(t, a, find(op.ForUpdate, 1))
	if _, rows := must(t, b, find(op.ForUpdateSkipLocked, 1)); len(rows) != 1 || rows[0][0] != "000001" {
		t.Errorf("with one row locked the next is %v", rows)
	}
	_, _, err := run(b, find(op.ForUpdateNoWait, 1))
	if !op.Retryable(err) {
		t.Errorf("a locked row gives %v", err)
	}
	must(t, b, find(op.NoLock, 1)) // the transaction goes on
	if err := b.Commit(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Rollback(ctx); err != nil {
		t.Error(err)
	}
	c := begin()
	_, _, err = run(c, op.Op{Kind: op.Find, Model: m, Fields: []string{"n"}, Distinct: true, Lock: op.ForShare})
	wants(t, err, op.CodeUnsupported, "Distinct")
	if err := c.Rollback(ctx); err != nil {
		t.Error(err)
	}
}

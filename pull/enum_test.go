package pull_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/mysql"
	"github.com/weftdb/weft/sqlengine/postgres"
)

// Enums of a server's own are pulled as enums and give the answers that texts
// give, though the server sorts them by the order of their values.
func TestNativeEnums(t *testing.T) {
	for d, ddl := range map[catalog.Dialect][]string{
		catalog.Postgres: {`CREATE TYPE level AS ENUM ('low', 'mid', 'high')`, `CREATE TABLE jobs (id int PRIMARY KEY, level level NOT NULL DEFAULT 'mid', was level)`},
		catalog.MySQL:    {"CREATE TABLE jobs (id int PRIMARY KEY, level enum('low', 'mid', 'high') NOT NULL DEFAULT 'mid', was enum('low', 'mid', 'high')) COLLATE utf8mb4_nopad_bin"},
	} {
		t.Run(string(d), func(t *testing.T) {
			var engine op.Engine
			driver, dsn := "pgx", ""
			if d == catalog.Postgres {
				dsn = services.Postgres(t)
				engine = postgres.Open(dsn)
			} else {
				driver, dsn = "mysql", services.MySQL(t)
				engine = mysql.Open(dsn)
			}
			hand, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { hand.Close() })
			for _, s := range append(ddl, "INSERT INTO jobs VALUES (1, 'low', NULL), (2, 'mid', 'low'), (3, 'high', 'mid')") {
				if _, err := hand.ExecContext(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			_, r := look(t, hand, d)
			m := r.Set.Models[0]
			if f := m.Field("level"); len(r.Notes) > 0 || strings.Join(f.Enum, " ") != "low mid high" || f.Default.Value != "mid" {
				t.Fatalf("it is pulled as %+v, with the notes %v", f, r.Notes)
			}
			settled(t, hand, d, r.Set)
			db, err := weft.Open(engine, weft.Models(m))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			e := db.Engine()
			m = db.Schema().Models[0]
			_, err = e.Do(t.Context(), op.Op{Kind: op.Insert, Model: m, Fields: []string{"id", "level", "was"}, Rows: [][]any{{int64(4), "mid", "high"}}})
			if err != nil {
				t.Fatal(err)
			}
			cmp := func(o op.Operator, v any) op.Cond { return op.Cond{Kind: op.Compare, Field: "level", Op: o, Value: v} }
			for _, q := range []struct {
				name   string
				filter op.Cond
				want   string
			}{
				{"all", op.Cond{}, "3 1 2 4"},
				{"equal", cmp(op.Eq, "mid"), "2 4"},
				{"not equal", cmp(op.Ne, "mid"), "3 1"},
				{"no such value", cmp(op.Eq, "top"), ""},
				{"less", cmp(op.Lt, "low"), "3"},
				{"more", cmp(op.Ge, "low"), "1 2 4"},
				{"like", cmp(op.Like, "I"), "3 2 4"},
				{"begins with", cmp(op.StartsWith, "m"), "2 4"},
				{"in", op.Cond{Kind: op.Compare, Field: "level", Op: op.In, List: []any{"low", "high"}}, "3 1"},
			} {
				res, err := e.Do(t.Context(), op.Op{Kind: op.Find, Model: m, Fields: []string{"id"}, Filter: q.filter, Sort: []op.Sort{{Field: "level"}, {Field: "id"}}})
				if err != nil {
					t.Fatalf("%s: %v", q.name, err)
				}
				var got []string
				for res.Rows.Next() {
					got = append(got, fmt.Sprint(res.Rows.Row()[0]))
				}
				if err := res.Rows.Err(); err != nil || strings.Join(got, " ") != q.want {
					t.Errorf("%s: got %v, want %s (%v)", q.name, got, q.want, err)
				}
			}
		})
	}
}

// On SQLite the values of an enum are read back from what Weft notes of its own
// tables; a text is a text.
func TestEnumsOfSQLite(t *testing.T) {
	set := parse(t, "model: Job\nfields:\n  id: {type: integer, primary: true, auto: true}\n  level: {type: enum, values: [low, mid, \"it's high\"], default: mid}\n  note: {type: text}\n")
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/a.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	m := migrate.New(db, catalog.SQLite, set, migrate.Options{})
	p, err := m.Plan(t.Context())
	if err == nil {
		err = m.Apply(t.Context(), p)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, r := look(t, db, catalog.SQLite)
	f := r.Set.Models[0].Field("level")
	if f.Type != schema.Enum || strings.Join(f.Enum, ",") != "low,mid,it's high" || f.Default.Value != "mid" || len(r.Notes) > 0 {
		t.Errorf("it is pulled as %+v, with the notes %v", f, r.Notes)
	}
	if f := r.Set.Models[0].Field("note"); f.Type != schema.Text || f.Enum != nil {
		t.Errorf("a text is pulled as %+v", f)
	}
	settled(t, db, catalog.SQLite, r.Set)
	if _, err := db.ExecContext(t.Context(), "UPDATE weft_meta SET value = 'low' WHERE key LIKE 'enum:%'"); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Inspect(t.Context(), db, catalog.SQLite, catalog.InspectOptions{}); err == nil || !strings.Contains(err.Error(), `weft_meta says of jobs.level "low", which is no JSON list of texts`) {
		t.Errorf("a list that is none gave %v", err)
	}
}

package chinook

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/pull"
	"github.com/weftdb/weft/sqlengine/postgres"
)

// Models that are pulled of each engine read the same rows, whatever the tables
// and columns are called there.
func TestPulledModelsReadTheSame(t *testing.T) {
	want := map[string][]string{}
	for _, name := range []string{"sqlite", "mysql", "postgres"} {
		var engine op.Engine
		var own *sql.DB
		if name == "postgres" { // with the names of its own script
			address := services.Postgres(t)
			own = connect(t, "pgx", address)
			load(t, own, PostgresScript(t))
			engine = postgres.Open(address)
		} else {
			engine, own = stores[name](t)
		}
		got := rowsOf(t, engine, own, catalog.Dialect(name))
		if len(want) == 0 {
			want = got
		}
		total := 0
		for model, rows := range want {
			total += len(rows)
			if len(rows) == 0 || len(got[model]) != len(rows) {
				t.Errorf("%s: %d rows of %s, want %d", name, len(got[model]), model, len(rows))
				continue
			}
			for i, row := range rows {
				if got[model][i] != row {
					t.Errorf("%s: row %d of %s is\n%s\nwant\n%s", name, i, model, got[model][i], row)
					break
				}
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d models, want %d", name, len(got), len(want))
		}
		t.Logf("%s: %d rows of %d models", name, total, len(got))
	}
}

// rowsOf are all rows by model, read with the models that are pulled, in the
// order of their keys.
func rowsOf(t *testing.T, engine op.Engine, own *sql.DB, d catalog.Dialect) map[string][]string {
	t.Helper()
	ctx := t.Context()
	c, err := catalog.Inspect(ctx, own, d, catalog.InspectOptions{})
	must(t, err)
	r, err := pull.Models(c)
	must(t, err)
	var list []any
	for _, m := range r.Set.Models {
		list = append(list, m)
	}
	db, err := weft.Open(engine, weft.Models(list...))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	out := map[string][]string{}
	for _, m := range db.Schema().Models {
		o := op.Op{Kind: op.Find, Model: m}
		for _, f := range m.Fields {
			o.Fields = append(o.Fields, f.Name)
		}
		for _, f := range m.Primary {
			o.Sort = append(o.Sort, op.Sort{Field: f.Name})
		}
		res, err := db.Engine().Do(ctx, o)
		must(t, err)
		for res.Rows.Next() {
			var cells []string
			for i, v := range res.Rows.Row() {
				switch x := v.(type) {
				case decimal.Decimal:
					v = x.StringFixed(2)
				case string:
					// The scripts are not quite the same: N'…' has no spaces at its end
					// on PostgreSQL, and a backslash means something to MySQL.
					v = strings.TrimRight(strings.ReplaceAll(x, `\ `, " "), " ")
				}
				cells = append(cells, fmt.Sprintf("%s=%v", m.Fields[i].Name, v))
			}
			out[m.Name] = append(out[m.Name], strings.Join(cells, " "))
		}
		must(t, res.Rows.Err())
	}
	return out
}

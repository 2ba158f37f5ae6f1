package pull_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/weftdb/weft/internal/chinook"
	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
	"github.com/weftdb/weft/schema"
)

// server gives a new database on a server, after running scripts on it.
func server(t testing.TB, d catalog.Dialect, scripts ...string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", ""
	if d == catalog.MySQL {
		cfg, err := mysql.ParseDSN(services.MySQL(t))
		if err != nil {
			t.Fatal(err)
		}
		cfg.MultiStatements = true
		driver, dsn = "mysql", cfg.FormatDSN()
	} else {
		dsn = services.Postgres(t)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, s := range scripts {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%.2000s: %v", s, err)
		}
	}
	return db
}

// look inspects and pulls.
func look(t testing.TB, db catalog.Querier, d catalog.Dialect) (*catalog.Database, *pull.Result) {
	t.Helper()
	c, err := catalog.Inspect(t.Context(), db, d, catalog.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := pull.Models(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// settled fails when the database is not as the models want it.
func settled(t testing.TB, db *sql.DB, d catalog.Dialect, set *schema.Set) {
	t.Helper()
	for _, o := range []migrate.Options{{}, {Additive: true}} {
		p, err := migrate.New(db, d, set, o).Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !p.Empty() || len(p.Refusals) > 0 {
			t.Errorf("the models would change the database:\n%s%v", p, p.Refusals)
		}
	}
}

// alike is what pulled models say, but for what the three scripts of Chinook say
// differently: the names of tables, columns and indexes, and SQLite's rule that
// INTEGER PRIMARY KEY has 64 bits and is handed out.
func alike(set *schema.Set) string {
	var b strings.Builder
	for _, m := range set.Models {
		fmt.Fprintf(&b, "%s\n", m.Name)
		var indexes []string
		for _, f := range m.Fields {
			typ := f.Type
			if typ == schema.BigInteger {
				typ = schema.Integer
			}
			fmt.Fprintf(&b, "  %s %s %d %d,%d null=%t key=%t default=%v\n", f.Name, typ, f.Size, f.Precision, f.Scale, f.Nullable, f.Primary, f.Default)
			if f.Index || f.Unique {
				indexes = append(indexes, fmt.Sprintf("index %t %s", f.Unique, f.Name))
			}
		}
		for _, x := range m.Indexes {
			indexes = append(indexes, fmt.Sprintf("index %t %s", x.Unique, strings.Join(x.Fields, ",")))
		}
		for _, r := range m.Relations {
			indexes = append(indexes, fmt.Sprintf("%s %s %s %v %v %s %s %s", r.Kind, r.Name, r.Model, r.FK, r.LK, r.Through, r.OnDelete, r.OnUpdate))
		}
		slices.Sort(indexes)
		fmt.Fprintf(&b, "  %s\n", strings.Join(indexes, "\n  "))
	}
	return b.String()
}

func TestChinookOnServers(t *testing.T) {
	conn := open(t, "BEGIN;"+chinook.Script(t)+";COMMIT")
	want := alike(models(t, conn).Set)
	for d, script := range map[catalog.Dialect]string{catalog.Postgres: chinook.PostgresScript(t), catalog.MySQL: chinook.MySQLScript(t)} {
		db := server(t, d, script)
		_, r := look(t, db, d)
		if len(r.Notes) > 0 {
			t.Errorf("%s: notes: %v", d, r.Notes)
		}
		golden(t, "chinook_"+string(d)+".yaml", yaml(t, r.Set))
		settled(t, db, d, r.Set)
		if got := alike(r.Set); got != want {
			t.Errorf("%s: the models are not as SQLite's:\n%s\n%s", d, got, want)
		}
	}
}

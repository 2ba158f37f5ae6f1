package pull_test

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/weftdb/weft/internal/chinook"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
	"github.com/weftdb/weft/schema"
)

var update = flag.Bool("update", false, "write golden files")

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// open gives a connection to a new database, after running sql on it.
func open(t testing.TB, stmts ...string) *sql.Conn {
	t.Helper()
	conn, done := scratch(t, stmts...)
	t.Cleanup(done)
	return conn
}

// scratch is open for tests that have no end of their own.
func scratch(t tester, stmts ...string) (conn *sql.Conn, done func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file::memory:?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	if conn, err = db.Conn(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, s := range stmts {
		if _, err := conn.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%.2000s: %v", s, err)
		}
	}
	return conn, func() {
		conn.Close()
		if err := db.Close(); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func models(t tester, conn *sql.Conn) *pull.Result {
	t.Helper()
	db, err := catalog.Inspect(context.Background(), conn, catalog.SQLite, catalog.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := pull.Models(db)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fits fails when the database is not as the models want it.
func fits(t testing.TB, conn *sql.Conn, set *schema.Set) {
	t.Helper()
	p, err := migrate.SQLite(context.Background(), conn, set)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() || len(p.Notes) > 0 {
		t.Fatalf("the models would change the database:\n%s", p)
	}
}

func yaml(t tester, set *schema.Set) string {
	t.Helper()
	text, err := schema.SetYAML(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./pull -update writes it); got\n%s", file, got)
	}
}

// parse reads what yaml wrote.
func parse(t tester, text string) *schema.Set {
	t.Helper()
	list, err := schema.ParseYAML("models.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Build(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// again makes tables of the models in a new database, by way of YAML, and
// models of those tables.
func again(t testing.TB, set *schema.Set) (*sql.Conn, *pull.Result) {
	t.Helper()
	conn := open(t)
	if _, err := migrate.Auto(context.Background(), conn, parse(t, yaml(t, set))); err != nil {
		t.Fatal(err)
	}
	return conn, models(t, conn)
}

// same pulls, makes tables, pulls, and compares.
func same(t testing.TB, r *pull.Result) {
	t.Helper()
	conn, second := again(t, r.Set)
	if a, b := yaml(t, r.Set), yaml(t, second.Set); a != b {
		t.Errorf("pulled again it is\n%s\nand was\n%s", b, a)
	}
	fits(t, conn, r.Set)
	if len(second.Notes) > 0 {
		t.Errorf("there are notes on tables made of the models: %v", second.Notes)
	}
}

func TestChinook(t *testing.T) {
	conn := open(t, "BEGIN;"+chinook.Script(t)+";COMMIT")
	r := models(t, conn)
	if len(r.Notes) > 0 {
		t.Errorf("notes: %v", r.Notes)
	}
	golden(t, "chinook.yaml", yaml(t, r.Set))
	fits(t, conn, r.Set)
	same(t, r)
}

func notes(r *pull.Result) string {
	var b strings.Builder
	for _, n := range r.Notes {
		b.WriteString("# " + n.String() + "\n")
	}
	return b.String()
}

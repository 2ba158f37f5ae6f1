package catalog_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate/catalog"
)

var update = flag.Bool("update", false, "write golden files")

// open gives a new database of the dialect, after running statements on it.
func open(t testing.TB, d catalog.Dialect, stmts ...string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", ""
	switch d {
	case catalog.Postgres:
		dsn = services.Postgres(t)
	case catalog.MySQL:
		driver, dsn = "mysql", services.MySQL(t)
	default:
		driver, dsn = "sqlite", "file:"+filepath.Join(t.TempDir(), "a.db")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // so that rows left open hang
	t.Cleanup(func() { db.Close() })
	run(t, db, stmts...)
	return db
}

func run(t testing.TB, db *sql.DB, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%.2000s: %v", s, err)
		}
	}
}

func inspect(t testing.TB, db *sql.DB, d catalog.Dialect, tables ...string) *catalog.Database {
	t.Helper()
	got, err := catalog.Inspect(context.Background(), db, d, catalog.InspectOptions{Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// words is everything that a catalogue says, but for what is another in every
// database.
func words(t testing.TB, db *catalog.Database) string {
	t.Helper()
	c := *db
	c.Version = ""
	if c.Dialect == catalog.MySQL {
		c.Schema = ""
	}
	b, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	dump(&out, "", v)
	return out.String()
}

// dump writes what is not zero: an object whose values are plain on one line.
func dump(out *strings.Builder, indent string, v any) {
	switch v := v.(type) {
	case map[string]any:
		var line []string
		var deep []string
		for k, x := range v {
			switch x := x.(type) {
			case nil:
			case []any, map[string]any:
				deep = append(deep, k)
			case string:
				if x != "" {
					line = append(line, fmt.Sprintf("%s=%q", k, x))
				}
			case bool:
				if x {
					line = append(line, k)
				}
			case float64:
				if x != 0 {
					line = append(line, fmt.Sprintf("%s=%v", k, x))
				}
			}
		}
		slices.Sort(line)
		slices.Sort(deep)
		fmt.Fprintf(out, "%s%s\n", indent, strings.Join(line, " "))
		for _, k := range deep {
			fmt.Fprintf(out, "%s  %s\n", indent, k)
			dump(out, indent+"    ", v[k])
		}
	case []any:
		for _, x := range v {
			dump(out, indent, x)
		}
	default:
		fmt.Fprintf(out, "%s%q\n", indent, v)
	}
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
		t.Errorf("%s differs (go test ./migrate/catalog -update writes it); got\n%s", file, got)
	}
}

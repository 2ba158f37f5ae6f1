package migrate_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/schema"
)

// open gives a connection to a new database file, after running sql on it.
func open(t testing.TB, stmts ...string) *sql.Conn {
	t.Helper()
	return openFile(t, filepath.Join(t.TempDir(), "test.db"), stmts...)
}

func openFile(t testing.TB, file string, stmts ...string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	execSQL(t, conn, stmts...)
	return conn
}

func execSQL(t testing.TB, conn *sql.Conn, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := conn.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// query returns the first column of all rows as text.
func query(t testing.TB, conn *sql.Conn, q string, args ...any) []string {
	t.Helper()
	rows, err := conn.QueryContext(context.Background(), q, args...)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		if !s.Valid {
			s.String = "NULL"
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func build(t testing.TB, models ...*schema.Model) *schema.Set {
	t.Helper()
	set, err := schema.Build(models...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// structs reads models from Go structs.
func structs(t testing.TB, vs ...any) *schema.Set {
	t.Helper()
	var ms []*schema.Model
	for _, v := range vs {
		m, err := schema.FromStruct(v)
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return build(t, ms...)
}

func plan(t testing.TB, conn *sql.Conn, set *schema.Set) *migrate.Plan {
	t.Helper()
	p, err := migrate.SQLite(context.Background(), conn, set)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// auto migrates and checks that there is nothing left to do then.
func auto(t testing.TB, conn *sql.Conn, set *schema.Set) *migrate.Plan {
	t.Helper()
	p, err := migrate.Auto(context.Background(), conn, set)
	if err != nil {
		t.Fatal(err)
	}
	if again := plan(t, conn, set); !again.Empty() {
		t.Fatalf("the second plan is not empty:\n%s", again)
	}
	return p
}

// autoFile migrates a file as a process of its own would.
func autoFile(file string, set *schema.Set) error {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = migrate.Auto(ctx, conn, set)
	return err
}

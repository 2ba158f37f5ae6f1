// Package chinook finds a database that nobody here made, the Chinook music
// store, for tests. Its own tests ask it questions through the typed API.
package chinook

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Script returns the SQL script that makes and fills the database on SQLite. It
// stands in shared/data/chinook beside the repository; where it does not,
// WEFT_CHINOOK may name its folder. Without it the test is left out, loudly,
// except where CI is set: there it fails.
func Script(t testing.TB) string { return script(t, "Chinook_Sqlite.sql") }

// PostgresScript is Script for PostgreSQL, for the database that is connected
// to. Its names are in snake case.
func PostgresScript(t testing.TB) string { return script(t, "Chinook_PostgreSql.sql") }

// MySQLScript is Script for MySQL and MariaDB, for the database that is
// connected to. It is many statements.
func MySQLScript(t testing.TB) string { return script(t, "Chinook_MySql.sql") }

// elsewhere are the statements of the scripts that make a database of their own
// and change to it.
var elsewhere = regexp.MustCompile(`(?m)^(DROP DATABASE|CREATE DATABASE|USE|\\c) .*;\s*$`)

func script(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("WEFT_CHINOOK")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "data", "chinook")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("NOT TESTED: the Chinook database is not here (%v); WEFT_CHINOOK=DIR names its folder", err)
	}
	return elsewhere.ReplaceAllString(strings.TrimPrefix(string(data), "\ufeff"), "")
}

// root is the folder of the repository: the nearest one up with a go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

package chinook

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"testing"
)

// LoadPostgres makes and fills the database on PostgreSQL. Tables and columns get
// the names that they have in the other scripts: AlbumId for album_id.
func LoadPostgres(t testing.TB, db *sql.DB) {
	t.Helper()
	ctx := context.Background()
	load(t, db, PostgresScript(t))
	rows, err := db.QueryContext(ctx, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var renames []string
	seen := map[string]bool{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		renames = append(renames, "ALTER TABLE "+table+" RENAME COLUMN "+column+` TO "`+camel(column)+`"`)
		seen[table] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table := range seen {
		renames = append(renames, "ALTER TABLE "+table+` RENAME TO "`+camel(table)+`"`)
	}
	for _, s := range renames {
		if _, err := db.ExecContext(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// LoadMySQL makes and fills the database on MySQL or MariaDB.
func LoadMySQL(t testing.TB, db *sql.DB) {
	t.Helper()
	load(t, db, MySQLScript(t))
}

// camel is the name AlbumId for album_id.
func camel(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts {
		parts[i] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

var ends = regexp.MustCompile(`;\s*\n`)

// load runs the statements of a script, one after the other: not every driver
// takes many at once.
func load(t testing.TB, db *sql.DB, script string) {
	t.Helper()
	for _, s := range ends.Split(script, -1) {
		if strings.TrimSpace(s) == "" {
			continue
		}
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
}

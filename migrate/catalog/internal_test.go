package catalog

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/weftdb/weft/internal/services"
)

// recorder notes the queries that reach the database.
type recorder struct {
	*sql.DB
	queries []string
}

func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.queries = append(r.queries, query)
	return r.DB.QueryContext(ctx, query, args...)
}

// Every rewrite meets a query of the version of atlas that is in go.mod.
func TestRewritesMeetQueries(t *testing.T) {
	for d, c := range map[Dialect]struct {
		driver, dsn string
		rewrites    []string
	}{
		Postgres: {"pgx", services.Postgres(t), postgresRewrites},
		MySQL:    {"mysql", services.MySQL(t), mysqlRewrites},
	} {
		db, err := sql.Open(c.driver, c.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (a int PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		r := &recorder{DB: db}
		if _, err := Inspect(t.Context(), r, d, InspectOptions{}); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(r.queries, "\n")
		for i := 0; i < len(c.rewrites); i += 2 {
			if !strings.Contains(all, c.rewrites[i+1]) {
				t.Errorf("%s: no query has %q any more", d, c.rewrites[i])
			}
		}
	}
}

// Conditions of partial indexes are read from the statements that made them.
func TestPredicate(t *testing.T) {
	cases := map[string]string{
		`CREATE INDEX i ON t (a)`:             "",
		`CREATE INDEX i ON t (a) WHERE a > 0`: "a > 0",
		`create unique index "wh(ere" on [t(] (lower(a), ")") /* where x */ where b = ')'`: "b = ')'",
		"CREATE INDEX i ON t (a) -- WHERE no\nWHERE(a)":                                    "(a)",
	}
	for in, want := range cases {
		if got := predicate(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

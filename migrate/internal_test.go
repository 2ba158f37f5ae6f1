package migrate

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	_ "modernc.org/sqlite"
)

// seen records the queries of atlas on their way to the reader.
type seen struct {
	reader
	queries []string
}

func (s *seen) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	s.queries = append(s.queries, q)
	return s.reader.QueryContext(ctx, q, args...)
}

// Each rewrite must meet a query: after an update of atlas this test says
// which one no longer does.
func TestRewritesMeetAtlas(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE t (x INTEGER PRIMARY KEY, y REFERENCES t)"); err != nil {
		t.Fatal(err)
	}
	s := &seen{reader: reader{conn: conn}}
	drv, err := sqlite.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drv.InspectSchema(t.Context(), "main", &atlas.InspectOptions{Tables: []string{"t"}}); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(s.queries, "\n---\n")
	for i := 0; i < len(rewrites); i += 2 {
		if !strings.Contains(all, rewrites[i]) {
			t.Errorf("no query of atlas has %q; the queries are\n%s", rewrites[i], all)
		}
	}
}

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
	if !samePredicate(`"A"  IS null`, `"a" is NULL`) || samePredicate(`a = 'x'`, `a = 'X'`) {
		t.Error("conditions are compared wrongly")
	}
}

// FuzzTokens: whatever the text, cutting it up ends, loses nothing but space
// and comments, and what is made of it can be cut up again.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"", "a b", "'x''y'", "[a", "/* x", "-- y", "text(1,2) COLLATE x", "\"", "é\x00", "CREATE INDEX i ON t(a)WHERE b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for rest := s; len(rest) > 0; {
			n := tokenLen(rest)
			if n < 1 || n > len(rest) {
				t.Fatalf("token of %d bytes in %q", n, rest)
			}
			rest = rest[n:]
		}
		name := typeName(s)
		if again := typeName(name); again != name {
			t.Errorf("typeName(%q) is %q, of that it is %q", s, name, again)
		}
		_ = predicate(s)
		_ = checkSpecific(s)
	})
}

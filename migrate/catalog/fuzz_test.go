package catalog_test

import (
	"slices"
	"testing"

	"github.com/weftdb/weft/migrate/catalog"
)

// Whatever a database tells: nothing panics, and canonical words are canonical.
func FuzzWords(f *testing.F) {
	for _, s := range []string{
		"", "'it''s'", "E'a\\'b'::text", "(((1)))", "- 1", "nextval('a_b_seq'::regclass)", "x'00ff'", "0x", "b''", "_utf8mb4'x\\'y'", "$$a$$", "\"a\"\"b\"[1]", "`a``b`",
		"varchar(20)", "enum('a','b')", "timestamp(6) with time zone", "now() AT TIME ZONE 'UTC'", "/* a", "-- b", "a -> 'b' ->> \"c\"", "1.5e+300::numeric", "(a) + (b)", "'", "E'\\", "((", "::", "1e999999999",
	} {
		for i, typ := range []string{"integer", "text", "varchar(9)", "timestamp", "BLOB", ""} {
			f.Add(i, s, typ)
		}
	}
	dialects := []catalog.Dialect{catalog.SQLite, catalog.Postgres, catalog.MySQL}
	f.Fuzz(func(t *testing.T, n int, s, typ string) {
		d := dialects[(n%3+3)%3]
		typ = catalog.CanonType(d, typ)
		def := catalog.CanonDefault(d, typ, s)
		if again := catalog.CanonDefault(d, typ, def); again != def {
			t.Errorf("%s %q DEFAULT %q comes as %q, and that as %q", d, typ, s, def, again)
		}
		expr := catalog.CanonExpr(d, s)
		if again := catalog.CanonExpr(d, expr); again != expr {
			t.Errorf("%s: %q comes as %q, and that as %q", d, s, expr, again)
		}
		if a, b := catalog.Tokens(d, expr), catalog.Tokens(d, catalog.CanonExpr(d, expr)); !slices.Equal(a, b) {
			t.Errorf("%s: %q has the tokens %q, and then %q", d, s, a, b)
		}
		if !catalog.SameExpr(d, s, s) {
			t.Errorf("%s: %q is not the same as itself", d, s)
		}
		catalog.DefaultSQL(d, typ, def)
	})
}

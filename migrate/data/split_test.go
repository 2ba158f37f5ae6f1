package data_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/data"
)

func TestSplit(t *testing.T) {
	const (
		lite = catalog.SQLite
		pg   = catalog.Postgres
		my   = catalog.MySQL
	)
	for _, c := range []struct {
		d    catalog.Dialect
		in   string
		want []string
	}{
		{lite, "", nil},
		{lite, " ; -- nothing\n;/* at ; all */", nil},
		{lite, "A; B ;C", []string{"A", "B", "C"}},
		{lite, "A 'x;''y' ; B \"a;b\" [c;d] `e;f` -- g;h\n; C /* ; */", []string{"A 'x;''y'", "B \"a;b\" [c;d] `e;f` -- g;h", "C /* ; */"}},
		{lite, `A '\'; B`, []string{`A '\'`, "B"}},
		{lite, "A /* open ; ", []string{"A /* open ;"}},
		{
			lite, "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d; END; SELECT 1",
			[]string{"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d; END", "SELECT 1"},
		},
		{lite, "create temp trigger if not exists t begin select 1; end; B", []string{"create temp trigger if not exists t begin select 1; end", "B"}},
		{lite, "BEGIN; SELECT 1; END", []string{"BEGIN", "SELECT 1", "END"}},
		{lite, "CREATE TABLE trigger_begin (begin TEXT); SELECT CASE x WHEN 1 THEN 2 END; B", []string{"CREATE TABLE trigger_begin (begin TEXT)", "SELECT CASE x WHEN 1 THEN 2 END", "B"}},
		{pg, "A $$ ; ' $$; B $f$ ; $$ ; $f$; C $1; D a$b$c;E", []string{"A $$ ; ' $$", "B $f$ ; $$ ; $f$", "C $1", "D a$b$c", "E"}},
		{pg, `A 'x\'; B E'x\';'; C e'\\'; D`, []string{`A 'x\'`, `B E'x\';'`, `C e'\\'`, "D"}},
		{pg, "A /* x /* ; */ ; */ ; B", []string{"A /* x /* ; */ ; */", "B"}},
		{
			pg, "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END; B",
			[]string{"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END", "B"},
		},
		{pg, "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f(); B", []string{"CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()", "B"}},
		{my, "A 'x\\';' ; B \"y\\\";\" ; C `z\\`; D # e;\n; F -- g;\n; H 1--2; I", []string{"A 'x\\';'", "B \"y\\\";\"", "C `z\\`", "D # e;", "F -- g;", "H 1--2", "I"}},
		{my, "/*!40101 SET x = 1 */; A", []string{"/*!40101 SET x = 1 */", "A"}},
		{
			my, "CREATE DEFINER=`r`@`l` PROCEDURE p() BEGIN IF a THEN SELECT 1; END IF; CASE b WHEN 1 THEN SELECT 2; END CASE; l: LOOP LEAVE l; END LOOP; BEGIN END; END; B",
			[]string{"CREATE DEFINER=`r`@`l` PROCEDURE p() BEGIN IF a THEN SELECT 1; END IF; CASE b WHEN 1 THEN SELECT 2; END CASE; l: LOOP LEAVE l; END LOOP; BEGIN END; END", "B"},
		},
		{
			my, "DELIMITER //\nCREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SELECT 1; END//\ndelimiter ;\nA; B",
			[]string{"CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SELECT 1; END", "A", "B"},
		},
		{my, "A;\r\nB;\r\n", []string{"A", "B"}},
	} {
		got, err := data.Split(c.d, c.in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s %q:\n got %q, %v\nwant %q", c.d, c.in, got, err, c.want)
		}
	}
	for _, c := range []struct {
		d        catalog.Dialect
		in, want string
	}{
		{lite, "A;\nB 'open", "line 2: a quote ' is not closed"},
		{lite, "A [open", "line 1: a bracket [ is not closed"},
		{pg, "A\n$x$ open $$", "line 2: a quote $x$ is not closed"},
		{pg, "/* /* */", "a comment is not closed"},
		{pg, `E'\'`, "a quote ' is not closed"},
		{my, "A `open", "a quote ` is not closed"},
		{lite, "A;\nCREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;", "line 2: the body that begins with BEGIN is not closed"},
	} {
		if got, err := data.Split(c.d, c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %q, %v; want %q", c.d, c.in, got, err, c.want)
		}
	}
}

// FuzzSplit: whatever the text, splitting ends, and what it gives back are parts
// of the text in their order.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"A;B", "'", "$$;$$", "DELIMITER x\nAxB", "CREATE TRIGGER t BEGIN END;", "/*!", "E'\\", "[", "$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range []catalog.Dialect{catalog.SQLite, catalog.Postgres, catalog.MySQL} {
			out, err := data.Split(d, s)
			if err != nil {
				continue
			}
			rest := s
			for _, q := range out {
				i := strings.Index(rest, q)
				if i < 0 || strings.TrimSpace(q) == "" && q != "" {
					t.Fatalf("%s %q: %q", d, s, out)
				}
				rest = rest[i+len(q):]
			}
		}
	})
}

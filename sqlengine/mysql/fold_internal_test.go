package mysql

import (
	"context"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// The server lower-cases every rune as op.Fold does, whatever stands around it.
// Servers without a collation of Unicode 14 leave runes as they are that were
// given a case since Unicode 5.2: nothing else.
func TestFold(t *testing.T) {
	ctx := context.Background()
	e := Open(services.MySQL(t), MaxConns(1))
	defer e.Close()
	c, _, err := e.get(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	server := e.server.Load()
	d := dialect{collate: " COLLATE " + server.collation, fold: " COLLATE " + server.fold, maria: server.maria}
	exact := !strings.Contains(server.fold, "520")
	text := &sqlengine.Statement{SQL: "SELECT " + d.folded("?")}
	for _, form := range []string{"|", "A|", "Σ|A"} {
		before, after, _ := strings.Cut(form, "|")
		differ := 0
		for base := rune(1); base <= unicode.MaxRune; base += 8192 {
			var b strings.Builder
			for r := base; r < base+8192; r++ {
				if utf8.ValidRune(r) {
					b.WriteString(before + string(r) + after + "\x01")
				}
			}
			cur, err := c.Query(ctx, text, []sqlengine.Value{sqlengine.TextValue(b.String())})
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := cur.Next(); !ok || err != nil {
				t.Fatalf("no answer: %v", err)
			}
			got, want := strings.Split(string(cur.View(0)), "\x01"), strings.Split(op.Fold(b.String()), "\x01")
			if err := cur.Close(); err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("from %U on: %d texts became %d", base, len(want), len(got))
			}
			in := strings.Split(b.String(), "\x01")
			for i := range got {
				if got[i] == want[i] {
					continue
				}
				if differ++; exact || got[i] != strings.ToLower(before)+strings.TrimPrefix(in[i], before) {
					t.Errorf("%q folds to %q, want %q", in[i], got[i], want[i])
				}
			}
		}
		if differ > 500 {
			t.Errorf("%d runes fold otherwise", differ)
		}
	}
}

// Keys of JSON numbers that the server makes are those that Go makes, and sort
// as the numbers do.
func TestNumberKeys(t *testing.T) {
	ctx := context.Background()
	e := Open(services.MySQL(t), MaxConns(1))
	defer e.Close()
	c, _, err := e.get(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	ask := "SELECT " + numberSQL("j.v") + " FROM (SELECT CONVERT(? USING utf8mb4) COLLATE " + e.server.Load().collation + " AS v) AS j"
	last := ""
	for _, group := range [][]string{
		{"-1e10000"},
		{"-123456789012345678901234567890.5"},
		{"-9007199254740993"},
		{"-9007199254740992", "-9007199254740992.0", "-9.007199254740992e15"},
		{"-12.5"},
		{"-12.05", "-1.205E1", "-1205e-2", "-12.050"},
		{"-1"},
		{"-0.001"},
		{"-1e-10000"},
		{"0", "-0", "0.000", "0e5", "-0.0e-3"},
		{"1e-10000"},
		{"0.001", "1e-3", "0.00100"},
		{"0.5"},
		{"1", "1.0", "1e0", "10e-1", "0.1e+1"},
		{"9.99"},
		{"10", "1e1", "1E+1"},
		{"9007199254740992"},
		{"9007199254740993"},
		{"9223372036854775807"},
		{"123456789012345678901234567890"},
		{"123456789012345678901234567890.5"},
		{"1e300"},
		{"1e10000"},
	} {
		key := ""
		for _, text := range group {
			rows, err := c.ask(ctx, ask, sqlengine.TextValue(text))
			if err != nil {
				t.Fatal(err)
			}
			got := keyNumber + rows[0][0].Bytes()
			want := ""
			v := op.JSONPath(op.JSON(text), nil)
			if want = numberKey(v); got != want {
				t.Errorf("%s has the key %q, want %q", text, got, want)
			}
			if key != "" && key != got {
				t.Errorf("%s has the key %q, and %s has %q", group[0], key, text, got)
			}
			key = got
		}
		if key <= last {
			t.Errorf("%s with key %q does not sort behind %q", group[0], key, last)
		}
		last = key
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" ; -- nothing\n;; /* x; */ # y;\n", nil},
		{"SELECT 1", []string{"SELECT 1"}},
		{"SELECT 1;", []string{"SELECT 1"}},
		{"SELECT ';'; SELECT \";\";SELECT `;`", []string{"SELECT ';'", `SELECT ";"`, "SELECT `;`"}},
		{`SELECT 'a\';b'; SELECT 'it''s;'`, []string{`SELECT 'a\';b'`, `SELECT 'it''s;'`}},
		{"SELECT `a\\`; SELECT 2", []string{"SELECT `a\\`", "SELECT 2"}},
		{"SELECT 1 -- one;\n+ 1; SELECT 2", []string{"SELECT 1 -- one;\n+ 1", "SELECT 2"}},
		{"SELECT 1--1; SELECT 2", []string{"SELECT 1--1", "SELECT 2"}},
		{"SELECT /* ; */ 1; # ;\nSELECT 2", []string{"SELECT /* ; */ 1", "SELECT 2"}},
		{"INSERT INTO t VALUES ('unfinished; SELECT 2", []string{"INSERT INTO t VALUES ('unfinished; SELECT 2"}},
		{
			"DROP TRIGGER x; CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END;",
			[]string{"DROP TRIGGER x", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END"},
		},
		{"create or replace definer=`a`@`%` procedure p() BEGIN SELECT 1; END", []string{"create or replace definer=`a`@`%` procedure p() BEGIN SELECT 1; END"}},
	} {
		got := split(c.text)
		if strings.Join(got, "\x00") != strings.Join(c.want, "\x00") {
			t.Errorf("split(%q) is %q, want %q", c.text, got, c.want)
		}
	}
	for text, want := range map[string]string{
		" -- c\n# d\n/* e */ (select 1)": "SELECT", "/*!40101 SET x = 1 */": "/*!", "": "", "insert into t": "INSERT", "/*M! x */": "/*!",
	} {
		if got := firstWord(text); got != want {
			t.Errorf("firstWord(%q) is %q, want %q", text, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("SELECT 'a\\';b'; -- x\n/* ; */ `;`;")
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for _, s := range split(text) {
			n += len(s)
			if strings.TrimSpace(s) == "" {
				t.Errorf("an empty statement of %q", text)
			}
			if i := strings.Index(text, s); i < 0 {
				t.Errorf("%q is no part of %q", s, text)
			}
			_ = firstWord(s)
			_ = places(s)
		}
		if n > len(text) {
			t.Errorf("the statements of %q are longer than it", text)
		}
	})
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		text            string
		maria           bool
		collation, fold string
	}{
		{"8.0.36", false, "utf8mb4_0900_bin", "utf8mb4_0900_ai_ci"},
		{"8.4.2-log", false, "utf8mb4_0900_bin", "utf8mb4_0900_ai_ci"},
		{"10.6.16-MariaDB", true, "utf8mb4_nopad_bin", "utf8mb4_unicode_520_ci"},
		{"5.5.5-10.11.6-MariaDB-1:10.11.6+maria~ubu2204", true, "utf8mb4_nopad_bin", "utf8mb4_uca1400_ai_ci"},
		{"11.4.2-MariaDB-ubu2404", true, "utf8mb4_nopad_bin", "utf8mb4_uca1400_ai_ci"},
	} {
		s, err := parseVersion(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if s.maria != c.maria || s.collation != c.collation || s.fold != c.fold {
			t.Errorf("%s is read as %+v", c.text, *s)
		}
	}
	for _, text := range []string{"5.7.44", "8.0.16", "10.5.2-MariaDB", "strange"} {
		if _, err := parseVersion(text); err == nil || !strings.Contains(err.Error(), "or newer") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

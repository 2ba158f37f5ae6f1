package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	_ "modernc.org/sqlite" // as any other program

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

type page struct {
	ID    string `weft:"primary,type=string"`
	Title string `weft:"search"`
	Text  string `weft:"search,type=text"`
}

// other opens a file as another program does, which knows nothing of Weft.
func other(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t testing.TB, db *sql.DB, q string, args ...any) {
	t.Helper()
	if _, err := db.Exec(q, args...); err != nil {
		t.Fatalf("%.200s: %v", q, err)
	}
}

// keys are those of the rows that a search finds.
func keys(t testing.TB, e op.Engine, m *schema.Model, c op.Cond) string {
	t.Helper()
	o := op.Op{Kind: op.Find, Model: m, Fields: []string{m.Primary[0].Name}, Filter: c, Sort: []op.Sort{{Field: m.Primary[0].Name}}}
	if err := op.Normalize(&o); err != nil {
		t.Fatal(err)
	}
	_, rows := must(t, e, o)
	var list []string
	for _, r := range rows {
		list = append(list, fmt.Sprint(r[0]))
	}
	return strings.Join(list, " ")
}

// TestTokenizer holds the words of package op against those of the index, for
// every code point.
func TestTokenizer(t *testing.T) {
	const each = 1000 // code points in a row
	set := build(t, page{})
	path := filepath.Join(t.TempDir(), "words.db")
	e := open(t, path, set)
	insert := op.Op{Kind: op.Insert, Model: set.Model("page")}
	want := map[int64][]string{}
	var text strings.Builder
	doc := int64(1)
	flush := func() {
		insert.Rows = append(insert.Rows, []any{fmt.Sprint(doc), "", text.String()})
		doc++
		text.Reset()
	}
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 {
			continue
		}
		piece := "Q" + string(r) + "z"
		text.WriteString(piece + " ")
		s, err := op.ParseSearch(piece)
		if err != nil {
			t.Fatal(err)
		}
		for _, term := range s {
			want[doc] = append(want[doc], term.Words...)
		}
		if r%each == 0 || r == unicode.MaxRune {
			flush()
		}
	}
	must(t, e, insert)

	db := other(t, path)
	exec(t, db, "CREATE VIRTUAL TABLE temp.vocab USING fts5vocab(main, weft_search_pages_words, instance)")
	rows, err := db.Query("SELECT vocab.doc, term FROM vocab JOIN weft_search_pages_docs AS d ON d.doc = vocab.doc ORDER BY vocab.doc, offset")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[int64][]string{}
	for rows.Next() {
		var doc int64
		var term string
		if err := rows.Scan(&doc, &term); err != nil {
			t.Fatal(err)
		}
		got[doc] = append(got[doc], term)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d texts, want %d", len(got), len(want))
	}
	for doc, words := range want {
		if i := firstDifference(words, got[doc]); i >= 0 {
			t.Errorf("text %d has other words from %d: %q, want %q", doc, i, got[doc][i:min(i+3, len(got[doc]))], words[i:min(i+3, len(words))])
		}
	}
}

func firstDifference(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// TestSearchAnything gives an engine and the oracle what no form lets through.
func TestSearchAnything(t *testing.T) {
	set := build(t, page{})
	m := set.Model("page")
	e, oracle := file(t, set), mem.Open()
	defer oracle.Close()
	long := strings.Repeat("l", 1<<20)
	texts := []string{
		"red shoes", "AND", "OR NOT NEAR", "rank", "weft_search_pages_words", "s_title", "title : red", "a\tb\nc", strings.Repeat("many words ", 20_000),
		long, long + "x", strings.Repeat("l", 32768), strings.Repeat("l", 32769), strings.Repeat("é", 20_000), strings.Repeat("l", 30_000), "\ufeffbom", "\U0010ffff",
	}
	o := op.Op{Kind: op.Insert, Model: m}
	for i, text := range texts {
		o.Rows = append(o.Rows, []any{string(rune('a' + i)), text, ""})
	}
	must(t, e, o)
	must(t, oracle, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set, Apply: true}})
	must(t, oracle, o)
	for _, words := range append(texts,
		"many*", `"many words many"`, "l*", strings.Repeat("l", 30_000)+"*", strings.Repeat("l", 30_001)+"*", strings.Repeat("l", 29_999), strings.Repeat("é", 15_000),
		strings.Repeat("é", 15_000)+"*", `red" OR "x`, `"`, `""""""`, "{title}:red", "title:red", "- red", "+red", "^red", "red^2", "red + shoes", "NEAR(red shoes)", "near ( red",
		"*", "**red**", "red*shoes", "'red'", "red;--", "\\", "red\\", "%", "(((((((", strings.Repeat("(", 10_000), strings.Repeat(`" `, 10_000), strings.Repeat("red ", 100_000),
		manyOf("word", op.MaxSearchWords), `"`+manyOf("red", op.MaxSearchWords)+`"`, "bom", "rowid", "doc", "rank MATCH 'x'", "weft_search_pages_words MATCH red",
	) {
		for _, fields := range [][]string{nil, {"title"}, {"text"}} {
			c := match(words, fields...)
			if got, want := keys(t, e, m, c), keys(t, oracle, m, c); got != want {
				t.Errorf("%.60q in %v finds %q, want %q", words, fields, got, want)
			}
		}
	}
	must(t, e, op.Op{Kind: op.SQL, SQL: "INSERT INTO weft_search_pages_words (weft_search_pages_words, rank) VALUES ('integrity-check', 1)"})
}

func manyOf(word string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d ", word, i)
	}
	return b.String()
}

// TestSearchPlans searches among 100,000 rows: the index serves it, and no
// table is read whole.
func TestSearchPlans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "many.db")
	exec(t, other(t, path), `CREATE TABLE pages (id TEXT PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL);
		INSERT INTO pages WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100000)
		SELECT 'k' || i, 'number ' || i, 'it is ' || (i % 7) || ' of seven and ' || CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END FROM n`)
	set := build(t, page{})
	m := set.Model("page")
	e := open(t, path, set)
	for _, c := range []struct {
		o    op.Op
		want int
	}{
		{op.Op{Kind: op.Find, Filter: match("rare")}, 100},
		{op.Op{Kind: op.Find, Filter: match("number 77")}, 1},
		{op.Op{Kind: op.Find, Filter: match("rar*", "text"), Sort: []op.Sort{{Rank: true, Desc: true}, {Field: "id"}}, Limit: 10}, 10},
		{op.Op{Kind: op.Find, Filter: all(match("rare"), op.Cmp("title", op.EndsWith, "00")), Sort: []op.Sort{{Field: "title"}}}, 100},
		{op.Op{Kind: op.Find, Filter: all(match(`"of seven and rare"`), not(match("3")))}, 86},
		{op.Op{Kind: op.Find, Filter: all(match("common"), op.Cmp("id", op.Eq, "k7"))}, 1},
		{op.Op{Kind: op.Update, Filter: match("rare"), Set: []op.Assign{{Field: "title", Value: "x"}}}, 100},
		{op.Op{Kind: op.Delete, Filter: match("rare")}, 100},
	} {
		o := c.o
		o.Model, o.Explain = m, true
		if err := op.Normalize(&o); err != nil {
			t.Fatal(err)
		}
		res, err := e.Do(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Plan.Scan) > 0 || !slices.Contains(res.Plan.Index, "weft_search_pages_words") || !slices.Contains(res.Plan.Index, "sqlite_autoindex_pages_1") {
			t.Errorf("the plan is\n%s", res.Plan)
		}
		o.Explain = false
		res, rows := must(t, e, o)
		if n := max(len(rows), int(res.N)); n != c.want {
			t.Errorf("%d rows, want %d, of\n%s", n, c.want, res.Plan)
		}
	}
	if got := keys(t, e, m, match("rare")); got != "" {
		t.Errorf("rows that were deleted are found: %s", got)
	}
	if res, _ := must(t, e, op.Op{Kind: op.Count, Model: m, Filter: match("seven", "text")}); res.N != 99_900 {
		t.Errorf("%d rows", res.N)
	}
}

// TestSearchSurvivesBackup copies a database in the ways there are.
func TestSearchSurvivesBackup(t *testing.T) {
	dir := t.TempDir()
	set := build(t, page{})
	m := set.Model("page")
	e := open(t, filepath.Join(dir, "first.db"), set)
	var rows [][]any
	for i := range 50 {
		rows = append(rows, []any{fmt.Sprint("k", i), fmt.Sprint("number ", i), "red"})
	}
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows})
	must(t, e, op.Op{Kind: op.Delete, Model: m, Filter: op.Cmp("id", op.StartsWith, "k1")})
	want := keys(t, e, m, match("red"))

	res, err := e.Do(t.Context(), op.Op{Kind: op.Backup})
	if err != nil {
		t.Fatal(err)
	}
	var copied []byte
	for res.Rows.Next() {
		copied = append(copied, res.Rows.Row()[0].([]byte)...)
	}
	if err := res.Rows.Err(); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "second.db")
	if err := os.WriteFile(second, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(e op.Engine, what string) {
		t.Helper()
		if got := keys(t, e, m, match("red")); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		if got := keys(t, e, m, match("number 23")); got != "k23" {
			t.Errorf("%s: number 23 is %s", what, got)
		}
		must(t, e, op.Op{Kind: op.SQL, SQL: "INSERT INTO weft_search_pages_words (weft_search_pages_words, rank) VALUES ('integrity-check', 1)"})
		must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"new", "fresh", ""}}})
		if got := keys(t, e, m, match("fresh")); got != "new" {
			t.Errorf("%s: what is new is %q", what, got)
		}
		must(t, e, op.Op{Kind: op.Delete, Model: m, Filter: match("fresh")})
	}
	check(open(t, second, set), "the backup")
	exec(t, other(t, filepath.Join(dir, "first.db")), "VACUUM")
	check(e, "after VACUUM")

	// As text, with rows in another order: what ".dump" of the shell gives.
	third := filepath.Join(dir, "third.db")
	db := other(t, third)
	exec(t, db, "ATTACH ? AS old", second)
	for _, q := range texts(t, db, "SELECT sql FROM old.sqlite_schema WHERE type = 'table' AND name IN ('weft_meta', 'pages', 'weft_search_pages_docs')") {
		exec(t, db, q)
	}
	exec(t, db, "INSERT INTO weft_meta SELECT * FROM old.weft_meta; INSERT INTO pages SELECT * FROM old.pages ORDER BY id DESC; INSERT INTO weft_search_pages_docs SELECT * FROM old.weft_search_pages_docs")
	exec(t, db, "DETACH old")
	check(open(t, third, set), "a copy that lacks parts")
}

func texts(t testing.TB, db *sql.DB, q string, args ...any) (list []string) {
	t.Helper()
	rows, err := db.Query(q, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// TestSearchWithoutAKeptIndex takes parts of the index away from an engine.
func TestSearchWithoutAKeptIndex(t *testing.T) {
	set := build(t, page{})
	m := set.Model("page")
	e := file(t, set)
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{"a", "red", ""}}})
	find := op.Op{Kind: op.Find, Model: m, Filter: match("red")}
	for _, damage := range []string{
		"DROP TRIGGER weft_search_pages_update", "DROP TABLE weft_search_pages_words",
	} {
		must(t, e, op.Op{Kind: op.SQL, SQL: damage})
		_, err := e.Do(t.Context(), find)
		if !errors.Is(err, op.ErrUnsupported) || !strings.Contains(err.Error(), "migrate (weft.AutoMigrate())") {
			t.Errorf("%s: %v", damage, err)
		}
		must(t, e, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set, Apply: true}})
		if _, rows := must(t, e, find); len(rows) != 1 {
			t.Errorf("after %s and a migration: %d rows", damage, len(rows))
		}
	}
	fewer := build(t, fewerFields{})
	if _, err := e.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: fewer, Apply: true}}); err != nil {
		t.Fatal(err)
	}
	_, err := e.Do(t.Context(), find)
	if !errors.Is(err, op.ErrUnsupported) || !strings.Contains(err.Error(), "the full-text index of pages does not have page.text") {
		t.Errorf("a field that is not in the index: %v", err)
	}
	must(t, e, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: set, Apply: true}})
	if got := keys(t, e, fewer.Model("fewerFields"), match("red")); got != "a" {
		t.Errorf("an index with more fields: %q", got)
	}
}

type fewerFields struct {
	ID    string `weft:"primary,type=string"`
	Title string `weft:"search"`
	Text  string `weft:"type=text"`
}

func (unsearched) Weft() schema.Options { return schema.Options{Table: "unsearched"} }

func (fewerFields) Weft() schema.Options { return schema.Options{Table: "pages"} }

// TestIntegrityCheckOfAnIndexThatMoves asks a connection that saw the index
// before others wrote.
func TestIntegrityCheckOfAnIndexThatMoves(t *testing.T) {
	set := build(t, page{})
	m := set.Model("page")
	e := file(t, set, sqlite.Readers(1))
	for i := range 40 {
		o := op.Op{Kind: op.Insert, Model: m}
		for j := range 20 {
			o.Rows = append(o.Rows, []any{fmt.Sprint(i, "/", j), fmt.Sprint("number ", j), strings.Repeat("red ", i)})
		}
		must(t, e, o)
		must(t, e, op.Op{Kind: op.Delete, Model: m, Filter: match(fmt.Sprint(i % 20))})
		for _, q := range []string{"PRAGMA integrity_check", " pragma Quick_Check"} {
			if _, rows := must(t, e, op.Op{Kind: op.SQL, SQL: q, Returning: true}); len(rows) != 1 || rows[0][0] != "ok" {
				t.Fatalf("after write %d, %s: %v", i, q, rows)
			}
		}
	}
}

// TestSearchOnAFileThatIsOnlyRead searches without writing anything.
func TestSearchOnAFileThatIsOnlyRead(t *testing.T) {
	set := build(t, page{})
	path := filepath.Join(t.TempDir(), "read.db")
	e := open(t, path, set)
	must(t, e, op.Op{Kind: op.Insert, Model: set.Model("page"), Rows: [][]any{{"a", "red", ""}}})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	r := sqlite.Open(path, sqlite.ReadOnly())
	defer r.Close()
	if got := keys(t, r, set.Model("page"), match("red")); got != "a" {
		t.Errorf("%q", got)
	}
}

// TestSearchAndCancelledWrites cuts writes short and looks whether the index
// still fits the rows.
func TestSearchAndCancelledWrites(t *testing.T) {
	set := build(t, page{})
	m := set.Model("page")
	e := file(t, set)
	var rows [][]any
	for i := range 2000 {
		rows = append(rows, []any{fmt.Sprint("k", i), fmt.Sprint("number ", i), strings.Repeat("some words ", 20)})
	}
	must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: rows})
	cancelled := 0
	for i := range 20 {
		ctx := &countdown{Context: t.Context(), looks: 1 + i*i*3}
		_, err := e.Do(ctx, op.Op{Kind: op.Update, Model: m, Set: []op.Assign{{Field: "title", Value: fmt.Sprint("changed ", i)}}})
		if err != nil {
			cancelled++
			if !errors.Is(err, op.ErrCancelled) {
				t.Fatal(err)
			}
		}
		must(t, e, op.Op{Kind: op.SQL, SQL: "INSERT INTO weft_search_pages_words (weft_search_pages_words, rank) VALUES ('integrity-check', 1)"})
		res, _ := must(t, e, op.Op{Kind: op.Count, Model: m, Filter: match(fmt.Sprint(`"changed `, i, `"`))})
		if (err == nil) != (res.N == 2000) || err != nil && res.N != 0 {
			t.Fatalf("update %d: %v, and %d rows are changed", i, err, res.N)
		}
	}
	if cancelled == 0 {
		t.Error("no write was cut short")
	}
}

// TestChangesCountRowsOnly: what triggers and the index write is nobody's number.
func TestChangesCountRowsOnly(t *testing.T) {
	type numbered struct {
		ID   int64  `weft:"primary,auto"`
		Text string `weft:"search"`
	}
	set := build(t, numbered{})
	m := set.Model("numbered")
	e := file(t, set)
	for want := int64(1); want <= 3; want++ {
		_, rows := must(t, e, op.Op{Kind: op.Insert, Model: m, Returning: true, Rows: [][]any{{op.Unset{}, "some words here"}}})
		if rows[0][0] != want {
			t.Errorf("row %d has key %v", want, rows[0][0])
		}
		if res, _ := must(t, e, op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{op.Unset{}, "gone"}}}); res.N != 1 {
			t.Errorf("insert reports %d rows", res.N)
		}
		if res, _ := must(t, e, op.Op{Kind: op.Delete, Model: m, Filter: match("gone")}); res.N != 1 {
			t.Errorf("delete reports %d rows", res.N)
		}
		must(t, e, op.Op{Kind: op.SQL, SQL: "UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM numbereds) WHERE name = 'numbereds'"})
	}
	for q, want := range map[string]int64{
		"UPDATE numbereds SET text = 'other words'":                                                   3,
		"UPDATE numbereds SET text = 'a'; UPDATE numbereds SET text = 'b'":                            6,
		"INSERT INTO numbereds (text) VALUES ('x'); DELETE FROM numbereds WHERE text = 'x'; SELECT 1": 2,
	} {
		if res, _ := must(t, e, op.Op{Kind: op.SQL, SQL: q}); res.N != want {
			t.Errorf("%s reports %d rows, want %d", q, res.N, want)
		}
	}
}

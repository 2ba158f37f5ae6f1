package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Databases that other programs made: models over their tables need no
// change, and what has no model is not touched.
func TestTablesOfOthers(t *testing.T) {
	conn := open(t,
		`CREATE TABLE [Artist] ([ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_Artist] PRIMARY KEY ([ArtistId]))`,
		`CREATE TABLE album (id INTEGER PRIMARY KEY, Title VARCHAR(10.5) NOT NULL UNIQUE, artist INT REFERENCES artist,
			price NUMERIC(10,2), made DATETIME, live BOOLEAN NOT NULL, raw, size BIGINT, rate NUMERIC(10.5), doc JSON, up INTEGER REFERENCES album,
			full TEXT AS (Title || '!') STORED, CHECK (Title <> 'autoincrement (' ))`,
		`CREATE UNIQUE INDEX odd ON album (size) /* where */ where "live" = 1 -- end`,
		`CREATE TABLE list (album INTEGER, artist INTEGER, PRIMARY KEY (artist, album)) WITHOUT ROWID`,
		`CREATE TABLE "it's ""odd" (x PRIMARY KEY, "y`+"`"+`z")`, `CREATE INDEX "i's" ON "it's ""odd" ("y`+"`"+`z") where x like 'where(' collate nocase`,
		`CREATE TABLE sqliteXlog (id TEXT PRIMARY KEY)`,
		`CREATE VIRTUAL TABLE words USING fts5(text)`,
	)
	before := query(t, conn, "SELECT name || sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")
	null := func(f *schema.Field) *schema.Field { f.Nullable = true; return f }
	field := func(name, column string, typ schema.Type) *schema.Field {
		return &schema.Field{Name: name, Column: column, Type: typ}
	}
	primary := func(f *schema.Field) *schema.Field { f.Primary = true; return f }
	title := field("title", "title", schema.Text) // Title there
	title.Unique = true
	artist := null(field("artist", "artist", schema.Integer))
	artist.References = &schema.Reference{Table: "artist", Column: "artistid"}
	up := null(field("up", "up", schema.Integer))
	up.References = &schema.Reference{Table: "album", Column: "id"}
	set := build(t,
		&schema.Model{Name: "Artist", Table: "artist", Fields: []*schema.Field{
			primary(field("id", "artistid", schema.Integer)), null(field("name", "Name", schema.String)),
		}},
		&schema.Model{
			Name: "Album", Table: "album", Fields: []*schema.Field{
				key(), title, artist, null(field("price", "price", schema.Decimal)), null(field("made", "made", schema.DateTime)),
				field("live", "live", schema.Boolean), null(field("raw", "raw", schema.Binary)), null(field("size", "size", schema.BigInteger)),
				null(field("rate", "rate", schema.Float)), null(field("doc", "doc", schema.Object)), up,
			},
			Indexes: []schema.Index{{Fields: []string{"size"}, Unique: true, Where: `"LIVE"=1`}},
		},
		&schema.Model{Name: "List", Table: "list", Fields: []*schema.Field{
			primary(field("album", "album", schema.Integer)), primary(field("artist", "artist", schema.Integer)),
		}},
		&schema.Model{Name: "Log", Table: "sqliteXlog", Fields: []*schema.Field{primary(field("id", "id", schema.UUID))}},
		&schema.Model{Name: "Word", Table: "words", Fields: []*schema.Field{primary(field("text", "text", schema.Text))}},
	)
	p := auto(t, conn, set)
	if !p.Empty() {
		t.Errorf("got\n%s\nwant nothing to do, not even weft_meta", p)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "virtual table words") {
		t.Errorf("got notes %q", p.Notes)
	}
	after := query(t, conn, "SELECT name || sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")
	if strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("got %q\nwant %q", after, before)
	}
}

// What a column elsewhere may be for a field to live in it.
func TestFits(t *testing.T) {
	cases := []struct {
		typ schema.Type
		yes string
		no  string
	}{
		{schema.String, "TEXT;NVARCHAR(160);CLOB;ANY", "INTEGER;NUMERIC;STRING;REAL;BLOB;UUID;DATETIME;INTEGER DECIMAL(10,2)"},
		{schema.UUID, "TEXT;UUID;CHAR(36)", "INTEGER;BLOB;NUMERIC"},
		{schema.DateTime, "TEXT;DATETIME;TIMESTAMP;DATE", "INTEGER;REAL;NUMERIC"},
		{schema.Time, "TEXT;TIME", "INTEGER"},
		{schema.Integer, "INTEGER;INT;BIGINT;TINYINT(1);NUMERIC;NUMERIC(10,0)", "TEXT;REAL;BLOB;DATE;JSON;INTEGER DECIMAL(10,2)"},
		{schema.Boolean, "INTEGER;BOOLEAN;BOOL;BIT", "TEXT;REAL"},
		{schema.Float, "REAL;DOUBLE;FLOAT;NUMERIC(5,2)", "TEXT;INTEGER"},
		{schema.Decimal, "NUMERIC;NUMERIC(10,2);DECIMAL(10, 2);REAL;TEXT;INTEGER", "NUMERIC(18,6);VARCHAR(10);BLOB;INTEGER DECIMAL(12,2);DATE"},
		{schema.Binary, "BLOB;VARBINARY(20)", "TEXT;INTEGER;NUMERIC"},
		{schema.Object, "JSON;TEXT;JSONB", "INTEGER;BLOB"},
	}
	n := 0
	for _, c := range cases {
		check := func(decl string, want bool) {
			n++
			conn := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, f "+decl+" NOT NULL)")
			_, err := migrate.SQLite(t.Context(), conn, build(t, model("t", &schema.Field{Name: "f", Type: c.typ})))
			if (err == nil) != want {
				t.Errorf("%s over %s: %v", c.typ, decl, err)
			}
		}
		for decl := range strings.SplitSeq(c.yes, ";") {
			check(decl, true)
		}
		for decl := range strings.SplitSeq(c.no, ";") {
			check(decl, false)
		}
	}
	t.Logf("%d pairs of field and column", n)
}

func TestApply(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "test.db")
	a, b := openFile(t, file), openFile(t, file)
	small, big := build(t, model("t")), build(t, model("t", &schema.Field{Name: "x", Type: schema.Text, Index: true}))

	// Two that planned the same: the second finds the work done.
	p1, p2 := plan(t, a, small), plan(t, b, small)
	if err := errors.Join(p1.Apply(ctx, a), p2.Apply(ctx, b)); err != nil {
		t.Fatal(err)
	}
	// Rows that came meanwhile do not matter, another schema does.
	p1, p2 = plan(t, a, big), plan(t, b, big)
	execSQL(t, a, "INSERT INTO t DEFAULT VALUES")
	execSQL(t, a, "CREATE INDEX other ON t (id)", "ALTER TABLE t ADD COLUMN x TEXT NOT NULL DEFAULT ''")
	if err := p2.Apply(ctx, b); op.CodeOf(err) != op.CodeConflict {
		t.Errorf("got %v, want CONFLICT", err)
	}
	if got := query(t, a, "SELECT count(*) FROM sqlite_master WHERE name = 't_x_idx'"); got[0] != "0" {
		t.Error("a plan that no longer fits did something")
	}
	execSQL(t, a, "ALTER TABLE t DROP COLUMN x", "INSERT INTO t DEFAULT VALUES")
	if err := p1.Apply(ctx, a); err != nil {
		t.Error(err)
	}
	if p := plan(t, b, big); !p.Empty() {
		t.Errorf("not empty:\n%s", p)
	}
}

func TestCancelled(t *testing.T) {
	conn := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := migrate.Auto(ctx, conn, build(t, model("t")))
	if op.CodeOf(err) != op.CodeCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// child, when set, makes the test binary one of several processes that start
// on the same file.
const child = "WEFT_MIGRATE_TEST_FILE"

func TestMain(m *testing.M) {
	if file := os.Getenv(child); file != "" {
		os.Exit(runChild(file))
	}
	if where := os.Getenv(childPlace); where != "" {
		os.Exit(applyChild(where))
	}
	os.Exit(m.Run())
}

func manyTables() []*schema.Model {
	var ms []*schema.Model
	for i := range 20 {
		ms = append(ms, &schema.Model{
			Name: fmt.Sprintf("M%d", i),
			Fields: []*schema.Field{
				key(), {Name: "a", Type: schema.Text, Unique: true}, {Name: "b", Type: schema.Integer, Index: true},
			},
		})
	}
	return ms
}

func runChild(file string) int {
	set, err := schema.Build(manyTables()...)
	if err == nil {
		err = autoFile(file, set)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestProcessesTogether(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), child+"="+file)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	conn := openFile(t, file)
	if p := plan(t, conn, build(t, manyTables()...)); !p.Empty() {
		t.Errorf("not empty:\n%s", p)
	}
	if got := query(t, conn, "SELECT count(*) FROM weft_meta WHERE key NOT LIKE 'names:%'"); got[0] != "21" { // the format and 20 tables
		t.Errorf("weft_meta has %s rows", got)
	}
}

// A model that gets soft delete has its unique indexes made anew, once, and the
// rows stay.
func TestSoftDeleteLater(t *testing.T) {
	had := soft()
	had.Fields = slices.DeleteFunc(had.Fields, func(f *schema.Field) bool { return f.Role == schema.RoleDeleted })
	conn := open(t)
	if _, err := migrate.Auto(context.Background(), conn, build(t, had)); err != nil {
		t.Fatal(err)
	}
	before := query(t, conn, "SELECT name FROM sqlite_schema WHERE sql LIKE '%UNIQUE INDEX%' ORDER BY name")
	p, err := migrate.Auto(context.Background(), conn, build(t, soft()))
	if err != nil {
		t.Fatal(err)
	}
	replaced := 0
	for _, s := range p.Steps {
		if s.Kind == migrate.ReplaceIndex {
			replaced++
			if !strings.Contains(s.Reason, "has soft delete") || s.Destructive {
				t.Errorf("step %+v", s)
			}
		}
	}
	if replaced == 0 || replaced != len(before) {
		t.Errorf("%d indexes were replaced, there were %q:\n%s", replaced, before, p)
	}
	for _, sql := range query(t, conn, "SELECT sql FROM sqlite_schema WHERE sql LIKE '%UNIQUE INDEX%'") {
		if !strings.Contains(sql, "IS NULL") {
			t.Errorf("%s holds among all rows", sql)
		}
	}
	if p, err := migrate.Auto(context.Background(), conn, build(t, soft())); err != nil || !p.Empty() {
		t.Errorf("the next plan is\n%v, %v", p, err)
	}
	// The other way the index would be stricter than what the rows may hold.
	had = soft()
	had.Fields = slices.DeleteFunc(had.Fields, func(f *schema.Field) bool { return f.Role == schema.RoleDeleted })
	if _, err := migrate.Auto(context.Background(), conn, build(t, had)); err == nil || !strings.Contains(err.Error(), "drop it, and it is made again") {
		t.Errorf("losing soft delete: %v", err)
	}
}

// Where a foreign key needs the index as it is, it stays.
func TestSoftDeleteLaterUnderAForeignKey(t *testing.T) {
	m := model("t", &schema.Field{Name: "code", Type: schema.Text, Unique: true},
		&schema.Field{Name: "deletedAt", Type: schema.DateTime, Nullable: true, Role: schema.RoleDeleted})
	refused(t, []string{
		`CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT NOT NULL)`, `CREATE UNIQUE INDEX t_code_key ON t (code)`,
		`CREATE TABLE other (code TEXT REFERENCES T(CODE))`,
	}, op.CodeValidation, build(t, m), "t.t_code_key: the index exists with unique (code)")
}

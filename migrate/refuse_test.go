package migrate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// refused migrates, expects an error of that code whose text has all parts,
// and that the database is as it was.
func refused(t *testing.T, have []string, code op.Code, set *schema.Set, parts ...string) {
	t.Helper()
	conn := open(t, have...)
	before := query(t, conn, "SELECT sql FROM sqlite_master ORDER BY name")
	_, err := migrate.Auto(context.Background(), conn, set)
	var e *op.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v (%T), want code %s", err, err, code)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%v\ndoes not say %q", err, p)
		}
	}
	if after := query(t, conn, "SELECT sql FROM sqlite_master ORDER BY name"); strings.Join(after, ";") != strings.Join(before, ";") {
		t.Errorf("the schema has changed: %q", after)
	}
	execSQL(t, conn, "BEGIN IMMEDIATE", "ROLLBACK") // no transaction was left open
}

func model(table string, fields ...*schema.Field) *schema.Model {
	return &schema.Model{Name: "M", Table: table, Fields: append([]*schema.Field{key()}, fields...)}
}

func TestDifferencesAreRefusedTogether(t *testing.T) {
	m := model("t",
		&schema.Field{Name: "number", Type: schema.Integer},
		&schema.Field{Name: "title", Type: schema.String},
		&schema.Field{Name: "note", Type: schema.Text, Nullable: true},
		&schema.Field{Name: "price", Type: schema.Decimal, Precision: 18, Scale: 6},
		&schema.Field{Name: "fresh", Type: schema.Text},
		&schema.Field{Name: "code", Type: schema.Text, Unique: true})
	m.Indexes = []schema.Index{{Name: "ab", Fields: []string{"title", "number"}}}
	have := []string{
		`CREATE TABLE t (id INTEGER PRIMARY KEY, number TEXT NOT NULL, title TEXT, note TEXT NOT NULL, price INTEGER DECIMAL(10,2) NOT NULL, code TEXT NOT NULL)`,
		`CREATE INDEX ab ON t (number, title)`,
		`INSERT INTO t VALUES (1, 'x', 'x', 'x', 1, 'same'), (2, 'x', 'x', 'x', 1, 'same')`,
	}
	refused(t, have, op.CodeValidation, build(t, m), "only adds", "nothing was done",
		"t.number: the column is TEXT, field M.number (integer) needs INT",
		"t.title: the column can be NULL",
		"t.note: the column is NOT NULL",
		"t.price: the column is INTEGER DECIMAL(10,2), field M.price (decimal) needs INTEGER DECIMAL(18,6)",
		"t.ab: the index exists with (number, title), the model wants (title, number)",
		"t.t_code_key: (code) is to be unique, but 1 value is in several rows")

	_, err := migrate.SQLite(context.Background(), open(t, have...), build(t, m))
	var d migrate.Differences
	if !errors.As(err, &d) || len(d) != 6 || d[0].Table != "t" {
		t.Errorf("got %v (%d differences), want 6", err, len(d))
	}
}

func TestRefused(t *testing.T) {
	text := func(name string) *schema.Field { return &schema.Field{Name: name, Type: schema.Text} }
	unique := &schema.Field{Name: "u", Type: schema.Text, Unique: true}
	cases := []struct {
		name  string
		have  []string
		code  op.Code
		model *schema.Model
		parts []string
	}{
		{
			"other key",
			[]string{`CREATE TABLE t (id INTEGER, x TEXT PRIMARY KEY NOT NULL)`},
			op.CodeValidation, model("t", text("x")),
			[]string{"primary key is (x), the model's is (id)"},
		},
		{"no key", []string{`CREATE TABLE t (id INTEGER)`}, op.CodeValidation, model("t"), []string{"no primary key"}},
		{"key column missing", []string{`CREATE TABLE t (x TEXT)`}, op.CodeValidation, model("t", text("x")), []string{"id of M has no column, and it is part of the primary key"}},
		{"auto over INT", []string{`CREATE TABLE t (id INT PRIMARY KEY)`}, op.CodeValidation, model("t"), []string{"must not be auto"}},
		{"auto without rowid", []string{`CREATE TABLE t (id INTEGER PRIMARY KEY) WITHOUT ROWID`}, op.CodeValidation, model("t"), []string{"must not be auto"}},
		{
			"decimal too long", nil, op.CodeValidation, model("t", &schema.Field{Name: "d", Type: schema.Decimal, Precision: 19, Scale: 2}),
			[]string{"M.d: decimal(19,2) does not fit SQLite", "decimal(18,2)"},
		},
		{
			"index name taken",
			[]string{`CREATE TABLE o (x)`, `CREATE INDEX t_u_key ON o (x)`},
			op.CodeValidation, model("t", unique),
			[]string{"taken by the index t_u_key of table o"},
		},
		{"table name taken", []string{`CREATE TABLE o (x)`, `CREATE INDEX t ON o (x)`}, op.CodeValidation, model("t"), []string{"taken by the index t of table o"}},
		{
			"unique over many rows",
			[]string{`CREATE TABLE t (id INTEGER PRIMARY KEY)`, `INSERT INTO t VALUES (1), (2)`},
			op.CodeValidation, model("t", unique),
			[]string{"all 2 rows would have the same value; make it a pointer (nullable) first"},
		},
		{
			"specific with semicolon", nil, op.CodeValidation, model("t", &schema.Field{Name: "d", Type: schema.Specific, DBType: "TEXT; DROP TABLE x"}),
			[]string{"semicolon"},
		},
		{"specific unbalanced", nil, op.CodeValidation, model("t", &schema.Field{Name: "d", Type: schema.Specific, DBType: "TEXT)"}), []string{"unbalanced"}},
		{"specific of two", nil, op.CodeValidation, model("t", &schema.Field{Name: "d", Type: schema.Specific, DBType: "TEXT, x TEXT"}), []string{"comma"}},
		{"own table", nil, op.CodeValidation, model("weft_META"), []string{"Weft's own"}},
		{"sqlite table", nil, op.CodeValidation, model("sqlite_x"), []string{"belong to SQLite"}},
		{"wrong condition", nil, op.CodeDatabase, func() *schema.Model {
			m := model("t", text("x"))
			m.Indexes = []schema.Index{{Fields: []string{"x"}, Where: "nonsense("}}
			return m
		}(), []string{"add_index t t_x_idx"}},
		{
			"newer format",
			[]string{`CREATE TABLE weft_meta (key TEXT PRIMARY KEY, value TEXT)`, `INSERT INTO weft_meta VALUES ('format', '2')`},
			op.CodeUnsupported, model("t"),
			[]string{"format 2", "newer Weft"},
		},
		{"no format", []string{`CREATE TABLE weft_meta (key TEXT PRIMARY KEY, value TEXT)`}, op.CodeDatabase, model("t"), []string{`format ""`}},
		{"foreign meta", []string{`CREATE TABLE weft_meta (x)`}, op.CodeDatabase, model("t"), []string{"weft_meta"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refused(t, c.have, c.code, build(t, c.model), c.parts...) })
	}
}

func TestForeignKeyFaults(t *testing.T) {
	parent := &schema.Model{Name: "P", Fields: []*schema.Field{
		{Name: "id", Type: schema.Integer, Primary: true}, {Name: "x", Type: schema.Integer},
	}}
	child := &schema.Model{Name: "C", Fields: []*schema.Field{
		key(), {Name: "px", Type: schema.Integer, References: &schema.Reference{Table: "ps", Column: "x"}},
	}}
	refused(t, nil, op.CodeValidation, build(t, parent, child), "C: foreign key px to ps(x): the columns pointed to must be its primary key or unique")

	owner := &schema.Model{
		Name: "O", Fields: []*schema.Field{key()},
		Relations: []*schema.Relation{{Name: "kids", Kind: schema.HasMany, Model: "K", FK: []string{"oId"}, OnDelete: schema.SetNull}},
	}
	kid := &schema.Model{
		Name: "K", Fields: []*schema.Field{key(), {Name: "oId", Type: schema.BigInteger, Nullable: true}},
		Relations: []*schema.Relation{{Name: "o", Kind: schema.BelongsTo, Model: "O", FK: []string{"oId"}, OnDelete: schema.Cascade}},
	}
	refused(t, nil, op.CodeValidation, build(t, owner, kid), "say the same on both sides")
}

func TestCheckSQLite(t *testing.T) {
	ctx := context.Background()
	conn := open(t)
	if err := migrate.CheckSQLite(ctx, conn); err != nil {
		t.Error("new database:", err)
	}
	auto(t, conn, build(t, model("t")))
	if err := migrate.CheckSQLite(ctx, conn); err != nil {
		t.Error("migrated database:", err)
	}
	execSQL(t, conn, "UPDATE weft_meta SET value = '99'")
	if err := migrate.CheckSQLite(ctx, conn); op.CodeOf(err) != op.CodeUnsupported {
		t.Error("newer database:", err)
	}
}

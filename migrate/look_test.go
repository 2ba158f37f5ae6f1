package migrate_test

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func look(t testing.TB, conn *sql.Conn) *migrate.Database {
	t.Helper()
	d, err := migrate.Look(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What Look tells of tables that are all odd in their own way.
func TestLook(t *testing.T) {
	conn := open(t,
		`CREATE TABLE parent (b TEXT, a INT, PRIMARY KEY (a, b), UNIQUE (b))`,
		`CREATE TABLE child (id INTEGER PRIMARY KEY, x INT, y TEXT, up INTEGER REFERENCES CHILD ON DELETE SET NULL,
			z REFERENCES gone (id), FOREIGN KEY (x, y) REFERENCES Parent ON UPDATE CASCADE)`,
		`CREATE INDEX by_x ON child (x, y) WHERE x > 0`,
		`CREATE UNIQUE INDEX lower_y ON child (lower(y))`,
		`CREATE INDEX newest ON child (x DESC)`,
		`CREATE TABLE back (id INTEGER PRIMARY KEY DESC)`,
		`CREATE TABLE plain (id INTEGER PRIMARY KEY, total AS (id + 1), kept AS (id * 2) STORED) WITHOUT ROWID`,
		`CREATE TABLE nokey (a, b)`,
		`CREATE TABLE "it's ""odd" ("a b" NUMERIC (10 , 2) NOT NULL DEFAULT (1.5), "ü" "weird type" PRIMARY KEY)`,
		`CREATE VIEW v AS SELECT * FROM not_there`,
		`CREATE VIRTUAL TABLE words USING fts5(text)`,
		`PRAGMA writable_schema = 1`,
		`INSERT INTO sqlite_master VALUES ('table', 'alien', 'alien', 0, 'CREATE VIRTUAL TABLE alien USING not_here(x)')`,
		`PRAGMA writable_schema = RESET`,
	)
	var b strings.Builder
	for _, x := range look(t, conn).Tables {
		fmt.Fprintf(&b, "%s %s key=%q auto=%t norowid=%t\n", x.Kind, x.Name, x.Key, x.Auto, x.WithoutRowID)
		for _, c := range x.Columns {
			fmt.Fprintf(&b, "  %s %q notnull=%t default=%q generated=%t\n", c.Name, c.Type, c.NotNull, c.Default, c.Generated)
		}
		for _, i := range x.Indexes {
			fmt.Fprintf(&b, "  index %q %q unique=%t where=%q odd=%q\n", i.Name, i.Columns, i.Unique, i.Where, i.Odd)
		}
		for _, k := range x.ForeignKeys {
			fmt.Fprintf(&b, "  %q -> %s %q delete=%q update=%q\n", k.Columns, k.RefTable, k.RefColumns, k.OnDelete, k.OnUpdate)
		}
	}
	golden(t, "look.txt", []byte(b.String()))
}

// A database that Weft made with this version or an older one is read, one of
// a newer version is not.
func TestLookAtNewerFormat(t *testing.T) {
	conn := open(t, `CREATE TABLE weft_meta (key TEXT PRIMARY KEY, value TEXT)`, `INSERT INTO weft_meta VALUES ('format', '2')`)
	if _, err := migrate.Look(t.Context(), conn); op.CodeOf(err) != op.CodeUnsupported {
		t.Errorf("got %v", err)
	}
}

// Every type that a column can be declared with becomes a field that the
// column serves: the plan is empty.
func TestDescribe(t *testing.T) {
	cases := []struct{ decl, want string }{
		{"INTEGER", "bigInteger"},
		{"INT", "bigInteger"},
		{"TINYINT", "bigInteger"},
		{"TINYINT(1)", "boolean"},
		{"TINYINT(4)", "bigInteger"},
		{"int(11) unsigned", "!"},
		{"UNSIGNED BIG INT", "bigInteger unsigned"},
		{"INT UNSIGNED", "bigInteger unsigned"},
		{"INT8", "bigInteger"},
		{"YEAR", "bigInteger"},
		{"BOOLEAN", "boolean"},
		{"bool", "boolean"},
		{"BIT", "boolean"},
		{"BIT(8)", "bigInteger"},
		{"TEXT", "text"},
		{"CLOB", "text"},
		{"LONGTEXT", "text"},
		{"CHARACTER(20)", "string 20"},
		{"VARCHAR(255)", "string"},
		{"VARCHAR", "text"},
		{"VARYING CHARACTER(255)", "string"},
		{"NVARCHAR(160)", "string 160"},
		{"NATIVE CHARACTER(70)", "string 70"},
		{"VARCHAR(10.5)", "text"},
		{"REAL", "float"},
		{"DOUBLE PRECISION", "float"},
		{"FLOAT(24)", "float"},
		{"NUMERIC(10,2)", "decimal"},
		{"DECIMAL(18, 6)", "decimal 18,6"},
		{"DECIMAL(10)", "decimal 10,0"},
		{"NUMERIC(10,0)", "decimal 10,0"},
		{"DECIMAL(30,10)", "float *"},
		{"NUMERIC", "float *"},
		{"NUMERIC(5,9)", "float *"},
		{"MONEY", "float *"},
		{"DATE", "date"},
		{"DATETIME", "datetime"},
		{"DATETIME(6)", "datetime"},
		{"SMALLDATETIME", "datetime"},
		{"TIMESTAMP", "timestamp"},
		{"TIMESTAMP WITH TIME ZONE", "timestamp"},
		{"TIME", "time"},
		{"TIME WITHOUT TIME ZONE", "time"},
		{"BLOB", "binary"},
		{"LONGBLOB", "binary"},
		{"VARBINARY(16)", "binary 16"},
		{"BINARY(16)", "binary 16"},
		{"UUID", "uuid"},
		{"UNIQUEIDENTIFIER", "uuid"},
		{"JSON", "json"},
		{"JSONB", "jsonb"},
		{"", "text *"},
		{"STRING", "specificType(STRING)"},
		{"GEOMETRY", "specificType(GEOMETRY)"},
		{"POINT", "specificType(POINT)"},
		{"FLOATING POINT", "specificType(FLOATING POINT)"},
		{"INTERVAL", "specificType(INTERVAL)"},
		{`"some type"`, "specificType(SOME TYPE)"},
		{`"a;b"`, " *"},
	}
	for _, c := range cases {
		if c.want == "!" { // no SQL
			continue
		}
		for _, null := range []string{"", " NOT NULL"} {
			conn := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, f "+c.decl+null+")")
			col := look(t, conn).Tables[0].Column("F")
			f := &schema.Field{Name: "f", Nullable: !col.NotNull}
			note := col.Describe(f)
			got := string(f.Type)
			switch {
			case f.DBType != "":
				got += "(" + f.DBType + ")"
			case f.Size > 0:
				got += fmt.Sprintf(" %d", f.Size)
			case f.Precision > 0:
				got += fmt.Sprintf(" %d,%d", f.Precision, f.Scale)
			}
			if f.Unsigned {
				got += " unsigned"
			}
			if note != "" {
				got += " *"
			}
			if got != c.want {
				t.Errorf("%s is read as %s (%s), want %s", c.decl, got, note, c.want)
			}
			if f.Type == "" {
				continue
			}
			if p, err := migrate.SQLite(t.Context(), conn, build(t, model("t", f))); err != nil || !p.Empty() {
				t.Errorf("%s does not serve %s: %v\n%s", c.decl, got, err, p)
			}
		}
	}
	t.Logf("%d declared types × NULL", len(cases)-1)
}

// Whatever a default is written as, it is read as the value SQLite would put
// into the column, or not at all.
func TestDefaultFor(t *testing.T) {
	cases := []struct{ decl, def, want string }{
		{"TEXT", "NULL", ""},
		{"TEXT", "'it''s'", "it's"},
		{"TEXT", `"double"`, "double"},
		{"TEXT", "('in brackets')", "in brackets"},
		{"TEXT", "(('twice'))", "twice"},
		{"TEXT", "''", "\"\""},
		{"TEXT", "7", "7"},
		{"TEXT", "'now'", "now"},
		{"TEXT", "CURRENT_TIMESTAMP", "?"},
		{"TEXT", "(lower('A'))", "?"},
		{"TEXT", "('a' || 'b')", "?"},
		{"VARCHAR(3)", "'long'", "?"},
		{"INTEGER", "-1", "-1"},
		{"INTEGER", "+ 2", "2"},
		{"INTEGER", "'3'", "3"},
		{"INTEGER", "4.0", "4"},
		{"INTEGER", "0x10", "16"},
		{"INTEGER", "TRUE", "1"},
		{"INTEGER", "4.5", "?"},
		{"INTEGER", "(random())", "?"},
		{"REAL", "1e-3", "0.001"},
		{"REAL", "-.5", "-0.5"},
		{"REAL", "7", "7"},
		{"NUMERIC(10,2)", "1.50", "1.5"},
		{"NUMERIC(10,2)", "'0.99'", "0.99"},
		{"NUMERIC(10,2)", "0.999", "?"},
		{"BOOLEAN", "1", "true"},
		{"BOOLEAN", "'f'", "false"},
		{"BOOLEAN", "FALSE", "false"},
		{"BOOLEAN", "2", "?"},
		{"DATETIME", "CURRENT_TIMESTAMP", "now"},
		{"DATETIME", "(datetime('now'))", "now"},
		{"DATETIME", "(strftime('%Y-%m-%d %H:%M:%f', 'NOW'))", "now"},
		{"DATETIME", "(datetime('now', 'localtime'))", "?"},
		{"DATETIME", "(datetime('now', '+1 day'))", "?"},
		{"DATETIME", "(datetime())", "now"},
		{"DATETIME", "'2024-02-29 01:02:03'", "2024-02-29 01:02:03 +0000 UTC"},
		{"DATETIME", "'soon'", "?"},
		{"DATE", "CURRENT_DATE", "now"},
		{"DATE", "'2024-02-29'", "2024-02-29 00:00:00 +0000 UTC"},
		{"TIME", "CURRENT_TIME", "now"},
		{"TIME", "'12:30:00'", "12:30:00"},
		{"BLOB", "x'00ff'", "[0 255]"},
		{"BLOB", "x''", "[]"},
		{"JSON", "'{\"b\": 1, \"a\": 2}'", `{"a":2,"b":1}`},
		{"JSON", "'nothing'", "?"},
		{"JSON", "'null'", "?"},
		{"STRING", "'x'", "x"},
		{"STRING", "1", "1"},
		{"STRING", "1.5", "1.5"},
		{"TEXT", "'weft:0:'", "?"}, // of an encrypted field
		{"BLOB", "x'776566743a303a'", "?"},
	}
	for _, c := range cases {
		conn := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, f "+c.decl+" DEFAULT "+c.def+")")
		col := look(t, conn).Tables[0].Column("f")
		f := &schema.Field{Name: "f", Nullable: true}
		col.Describe(f)
		d, note := col.DefaultFor(f)
		got := ""
		switch {
		case d == nil && note != "":
			got = "?"
		case d == nil:
		case d.Now:
			got = "now"
		case d.Value == "":
			got = `""`
		default:
			got = fmt.Sprint(d.Value)
			if raw, ok := d.Value.(interface{ MarshalJSON() ([]byte, error) }); ok && f.Type == schema.JSON {
				b, _ := raw.MarshalJSON()
				got = string(b)
			}
		}
		if got != c.want {
			t.Errorf("%s DEFAULT %s is read as %s (%s), want %s", c.decl, c.def, got, note, c.want)
		}
		f.Default = d
		if _, err := schema.Build(model("t", f)); err != nil {
			t.Errorf("%s DEFAULT %s: %v", c.decl, c.def, err)
		}
	}
}

// What the models say of their columns can be read back from the tables that
// Weft makes of them: type, size, digits, NULL and default of every variant.
func TestMatrixReadsBack(t *testing.T) {
	n := 0
	for fs := range slices.Chunk(matrix(), perTable) {
		conn := open(t)
		auto(t, conn, build(t, &schema.Model{Name: "M", Table: "m", Fields: append([]*schema.Field{key()}, fs...)}))
		found := look(t, conn).Table("m")
		if !found.Made || !found.Auto {
			t.Fatal("the table is not known as Weft's own")
		}
		for _, want := range fs {
			c := found.Column(want.Column)
			got := &schema.Field{Nullable: !c.NotNull}
			c.Describe(got)
			got.Default, _ = c.DefaultFor(got)
			w := schema.Field{
				Type: want.Type, Size: want.Size, Precision: want.Precision, Scale: want.Scale, DBType: want.DBType,
				Nullable: want.Nullable, Unsigned: want.Unsigned, Default: want.Default,
			}
			if w.Default != nil && w.Default.Func != "" {
				w.Default = nil // the application's own
			}
			if w.Type == schema.Specific { // a database's word means what it means to everybody
				w.Type, w.DBType, w.Default = got.Type, got.DBType, got.Default
				w.Size, w.Precision, w.Scale, w.Unsigned = got.Size, got.Precision, got.Scale, got.Unsigned
			}
			if w.Type == schema.Enum {
				w.Type = schema.Text // the values are not in the table
			}
			gotDef, wantDef := defaultText(got.Default), defaultText(w.Default)
			got.Default, w.Default = nil, nil
			if !reflect.DeepEqual(w, *got) || gotDef != wantDef {
				t.Errorf("%s (%s DEFAULT %s)\ngot  %s %+v\nwant %s %+v", want.Comment, c.Type, c.Default, gotDef, *got, wantDef, w)
			}
			n++
		}
	}
	t.Logf("%d columns read back", n)
}

func defaultText(d *schema.Default) string {
	if d == nil {
		return "none"
	}
	return fmt.Sprintf("%T %v %t", d.Value, d.Value, d.Now)
}

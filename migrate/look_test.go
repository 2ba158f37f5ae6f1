package migrate_test

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
	"github.com/weftdb/weft/schema"
)

// pulled is the model of the only table of a database.
func pulled(t testing.TB, conn *sql.Conn) (*schema.Model, []pull.Note) {
	t.Helper()
	d, err := catalog.Inspect(context.Background(), conn, catalog.SQLite, catalog.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := pull.Models(d)
	if err != nil {
		t.Fatal(err)
	}
	return r.Set.Models[0], r.Notes
}

// column is the field of a column, or nil, and what was noted of it.
func column(m *schema.Model, notes []pull.Note, name string) (f *schema.Field, note string) {
	for _, x := range m.Fields {
		if x.Column == name {
			f = x
		}
	}
	for _, n := range notes {
		if n.Column == name {
			note = n.Message
		}
	}
	return f, note
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
			m, notes := pulled(t, conn)
			f, note := column(m, notes, "f")
			if f == nil {
				f = &schema.Field{}
			}
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
		m, notes := pulled(t, conn)
		f, note := column(m, notes, "f")
		d, got := f.Default, ""
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
	}
}

// What the models say of their columns can be read back from the tables that
// Weft makes of them: type, size, digits, NULL and default of every variant.
func TestMatrixReadsBack(t *testing.T) {
	n := 0
	for fs := range slices.Chunk(matrix(), perTable) {
		conn := open(t)
		auto(t, conn, build(t, &schema.Model{Name: "M", Table: "m", Fields: append([]*schema.Field{key()}, fs...)}))
		m, _ := pulled(t, conn)
		if !m.Primary[0].Auto {
			t.Fatal("the table is not known as Weft's own")
		}
		for _, want := range fs {
			f, _ := column(m, nil, want.Column)
			got := &schema.Field{
				Type: f.Type, Size: f.Size, Precision: f.Precision, Scale: f.Scale, DBType: f.DBType, Enum: f.Enum,
				Nullable: f.Nullable, Unsigned: f.Unsigned, Default: f.Default,
			}
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
				if w.Enum = want.Enum; got.Type == schema.Text {
					w.Type, w.Enum = schema.Text, nil // the values are not in the table
				}
			}
			gotDef, wantDef := defaultText(got.Default), defaultText(w.Default)
			got.Default, w.Default = nil, nil
			if !reflect.DeepEqual(w, *got) || gotDef != wantDef {
				t.Errorf("%s\ngot  %s %+v\nwant %s %+v", want.Comment, gotDef, *got, wantDef, w)
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

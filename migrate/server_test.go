package migrate_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// place is a database to work on.
type place struct {
	dialect     catalog.Dialect
	db          *sql.DB
	driver, dsn string
}

// places makes an empty database of each kind and runs fn on each.
func places(t *testing.T, fn func(t *testing.T, p place)) {
	for _, d := range []catalog.Dialect{catalog.SQLite, catalog.Postgres, catalog.MySQL} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			fn(t, newPlace(t, d))
		})
	}
}

func newPlace(t testing.TB, d catalog.Dialect) place {
	t.Helper()
	driver, dsn := "sqlite", "file:"+t.TempDir()+"/test.db?_pragma=foreign_keys(1)"
	switch d {
	case catalog.Postgres:
		driver, dsn = "pgx", services.Postgres(t)
	case catalog.MySQL:
		driver, dsn = "mysql", services.MySQL(t)
	}
	return openPlace(t, d, driver, dsn)
}

func openPlace(t testing.TB, d catalog.Dialect, driver, dsn string) place {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return place{d, db, driver, dsn}
}

func (p place) auto(t testing.TB, set *schema.Set) *migrate.Plan {
	t.Helper()
	plan, err := migrate.New(p.db, p.dialect, set, migrate.Options{}).Auto(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (p place) exec(t testing.TB, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := p.db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// everyType is a model with a field of each type.
func everyType() *schema.Model {
	m := &schema.Model{Name: "Thing", Table: "things", Comment: "It's all \\ here", Fields: []*schema.Field{
		{Name: "id", Column: "id", Type: schema.BigInteger, Primary: true, Auto: true},
	}}
	for _, typ := range []schema.Type{
		schema.String, schema.Text, schema.Integer, schema.BigInteger, schema.Float, schema.Decimal, schema.Boolean, schema.Date, schema.DateTime,
		schema.Timestamp, schema.Time, schema.Binary, schema.UUID, schema.NanoID, schema.Enum, schema.Array, schema.Object, schema.JSON, schema.JSONB,
	} {
		f := &schema.Field{Name: schema.LowerCamel("f_" + string(typ)), Column: "f_" + schema.Snake(string(typ)), Type: typ, Comment: "a 'comment' \\ on " + string(typ)}
		if typ == schema.Enum {
			f.Enum = []string{"it's", `back\slash`, "Mixed Case"}
		}
		n := *f
		n.Name, n.Column, n.Nullable = f.Name+"Null", f.Column+"_null", true
		if typ.Kind() != schema.KindJSON {
			n.Index = true
		}
		m.Fields = append(m.Fields, f, &n)
	}
	return m
}

type member struct {
	ID        string
	Name      string     `weft:"unique"`
	DeletedAt *time.Time `weft:"deleted"`
	Letters   []*letter  `weft:"has_many,fk=MemberID,on_delete=cascade"`
}

type letter struct {
	ID       int64
	MemberID string `weft:"index"`
	Title    string `weft:"default=untitled"`
	Body     string `weft:"type=text,index"`
	Seal     []byte `weft:"index"`
	AnswerTo *int64
	Answered *letter `weft:"belongs_to,fk=AnswerTo,on_delete=set null"`
}

func (letter) Weft() schema.Options {
	return schema.Options{Indexes: []schema.Index{
		{Fields: []string{"memberId", "title"}, Unique: true},
		{Fields: []string{"Title", "id"}, Name: "by_title", Where: "title <> ''"},
	}}
}

func TestAutoMakesTables(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.auto(t, build(t, everyType()))
		p.auto(t, structs(t, member{}, letter{}))
		if n := len(p.auto(t, structs(t, member{}, letter{})).Steps); n != 0 {
			t.Fatalf("%d steps are left", n)
		}
	})
}

// wipe empties the database.
func (p place) wipe(t testing.TB) {
	t.Helper()
	switch p.dialect {
	case catalog.Postgres:
		p.exec(t, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	case catalog.MySQL:
		rows, err := p.db.Query("SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = database()")
		if err != nil {
			t.Fatal(err)
		}
		var drops []string
		for rows.Next() {
			var n, kind string
			if err := rows.Scan(&n, &kind); err != nil {
				t.Fatal(err)
			}
			what := "TABLE "
			if kind == "VIEW" {
				what = "VIEW "
			}
			drops = append(drops, "DROP "+what+catalog.Quote(catalog.MySQL, n))
		}
		rows.Close()
		conn, err := p.db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		execSQL(t, conn, append(append([]string{"SET FOREIGN_KEY_CHECKS = 0"}, drops...), "SET FOREIGN_KEY_CHECKS = 1")...)
	default:
		rows, err := p.db.Query("SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '*_words_*'")
		if err != nil {
			t.Fatal(err)
		}
		var drops []string
		for rows.Next() {
			var kind, n string
			if err := rows.Scan(&kind, &n); err != nil {
				t.Fatal(err)
			}
			drops = append(drops, "DROP "+kind+" IF EXISTS "+catalog.Quote(catalog.SQLite, n))
		}
		rows.Close()
		conn, err := p.db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		execSQL(t, conn, append(append([]string{"PRAGMA foreign_keys = OFF"}, drops...), "PRAGMA foreign_keys = ON")...)
	}
}

package pull_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/internal/chinook"
	"github.com/weftdb/weft/pull"
)

// samples are values for columns that must have one, as SQL.
var samples = map[string]string{
	"TEXT": "'text'", "VARCHAR(40)": "'x'", "NVARCHAR(255)": "'é'", "CHAR(2)": "'no'", "CLOB": "'long'", "REAL": "1.5", "DOUBLE PRECISION": "2",
	"NUMERIC(10,2)": "12.34", "DECIMAL(18,6)": "0.000001", "NUMERIC": "1e3", "DECIMAL(40,2)": "5", "DATE": "'2024-02-29'",
	"DATETIME": "'2024-02-29T01:02:03Z'", "TIMESTAMP": "1709168523", "TIME": "'12:30:00'", "BLOB": "x'01'", "VARBINARY(16)": "x'02'",
	"UUID": "'0190a8f2-0000-7000-8000-000000000001'", "JSON": "'{\"a\": [1, 2.50]}'", "JSONB": "'[]'", "GEOMETRY": "'POINT(1 2)'", "": "'any'",
}

// matrix makes tables of every declared type × NULL × default, with every type
// of key, and foreign keys to each of them. Each has a row.
func matrix() (ddl []string, columns int) {
	var cols, vals []string
	table := 0
	flush := func() {
		name := fmt.Sprintf("wide_%d", table)
		ddl = append(ddl, "CREATE TABLE "+name+" (id INTEGER PRIMARY KEY, "+strings.Join(cols, ", ")+")",
			"INSERT INTO "+name+" VALUES (1, "+strings.Join(vals, ", ")+")")
		cols, vals, table = nil, nil, table+1
	}
	for _, k := range kinds {
		for _, null := range []string{"", " NOT NULL"} {
			for _, def := range append([]string{""}, k.defaults...) {
				c := fmt.Sprintf("c%d %s%s", len(cols), k.decl, null)
				if def != "" {
					c += " DEFAULT " + def
				}
				cols = append(cols, c)
				val := samples[k.decl]
				switch {
				case null == "":
					val = "NULL"
				case val == "":
					val = "1"
				}
				vals = append(vals, val)
				columns++
				if len(cols) == 40 {
					flush()
				}
			}
		}
	}
	flush()
	for i, typ := range keyTypes {
		for _, tail := range []string{"", " WITHOUT ROWID"} {
			parent := fmt.Sprintf("key_%d_%d", i, len(tail))
			ddl = append(ddl, fmt.Sprintf("CREATE TABLE %s (k %s PRIMARY KEY)%s", parent, typ, tail),
				fmt.Sprintf("CREATE TABLE of_%s (id INTEGER PRIMARY KEY, one %s REFERENCES %s, other_id %s NOT NULL UNIQUE REFERENCES %s (k) ON DELETE CASCADE)",
					parent, typ, parent, typ, parent),
				fmt.Sprintf("CREATE TABLE join_%s (left_id %s REFERENCES %s, wide_id INT REFERENCES wide_0, PRIMARY KEY (left_id, wide_id))%s", parent, typ, parent, tail))
			columns += 5
		}
	}
	return ddl, columns
}

// pulledDatabase is a database with its models as a Go package.
type pulledDatabase struct {
	name, file string
	pulled     *pull.Result
	source     []byte
}

func makeDatabase(t *testing.T, name string, stmts ...string) *pulledDatabase {
	t.Helper()
	d := &pulledDatabase{name: name, file: filepath.Join(t.TempDir(), name+".db")}
	db, err := sql.Open("sqlite", "file:"+d.file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, s := range stmts {
		if _, err := conn.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%.2000s: %v", s, err)
		}
	}
	d.pulled = models(t, conn)
	if d.source, err = codegen.Models(d.pulled.Set, name); err != nil {
		t.Fatal(err)
	}
	if neat, err := format.Source(d.source); err != nil || !bytes.Equal(neat, d.source) {
		t.Errorf("%s: the Go source is not as gofmt writes it: %v", name, err)
	}
	return d
}

// program opens each database with its models and AutoMigrate, reads every
// table, and writes what it found.
func program(dbs []*pulledDatabase) string {
	var b strings.Builder
	b.WriteString(`package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
`)
	for _, d := range dbs {
		fmt.Fprintf(&b, "\n\t%q", "github.com/weftdb/weft/pull/compiled/"+d.name)
	}
	b.WriteString(`
)

type found struct {
	YAML, Before, After string
	Rows map[string]int
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rows[T any](out *found, db *weft.DB, name string) {
	list, err := weft.Repo[T](db).All(context.Background())
	if err != nil {
		check(fmt.Errorf("%s: %w", name, err))
	}
	out.Rows[name] = len(list)
}

func master(file string) string {
	db, err := weft.Open(sqlite.Open(file, sqlite.ReadOnly()))
	check(err)
	defer db.Close()
	list, err := weft.SQL[string](context.Background(), db, "SELECT name || ifnull(sql, '') FROM sqlite_master ORDER BY name")
	check(err)
	return fmt.Sprint(list)
}

func open(file string, models ...any) (*found, *weft.DB) {
	out := &found{Rows: map[string]int{}, Before: master(file)}
	db, err := weft.Open(sqlite.Open(file), weft.Models(models...), weft.AutoMigrate())
	check(err)
	text, err := schema.SetYAML(db.Schema())
	check(err)
	out.YAML = string(text)
	return out, db
}

func main() {
	all := map[string]*found{}
`)
	for _, d := range dbs {
		fmt.Fprintf(&b, "\t{\n\t\tout, db := open(%q", d.file)
		for _, m := range d.pulled.Set.Models {
			fmt.Fprintf(&b, ", %s.%s{}", d.name, m.Name)
		}
		b.WriteString(")\n")
		for _, m := range d.pulled.Set.Models {
			fmt.Fprintf(&b, "\t\trows[%s.%s](out, db, %q)\n", d.name, m.Name, m.Table)
		}
		fmt.Fprintf(&b, "\t\tcheck(db.Close())\n\t\tout.After = master(%q)\n\t\tall[%q] = out\n\t}\n", d.file, d.name)
	}
	b.WriteString("\tcheck(json.NewEncoder(os.Stdout).Encode(all))\n}\n")
	return b.String()
}

// Models of Chinook, of odd tables and of a matrix of types, defaults, keys and
// foreign keys are compiled together. They are what was pulled, AutoMigrate has
// nothing to do, and every table can be read.
func TestPulledModelsCompile(t *testing.T) {
	ddl, columns := matrix()
	dbs := []*pulledDatabase{makeDatabase(t, "matrix", ddl...), makeDatabase(t, "odd", oddTables...)}
	dbs = append(dbs, makeDatabase(t, "chinook", "BEGIN;"+chinook.Script(t)+";COMMIT"))

	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace, real := map[string]string{}, t.TempDir()
	put := func(name string, text []byte) {
		file := filepath.Join(real, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(dir, "compiled", name)] = file
	}
	put("main.go", []byte(program(dbs)))
	for _, d := range dbs {
		put(d.name+"/models.go", d.source)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(real, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-overlay", list, "./compiled")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var found map[string]struct {
		YAML, Before, After string
		Rows                map[string]int
	}
	if err := json.Unmarshal(stdout.Bytes(), &found); err != nil {
		t.Fatalf("%v\n%.2000s", err, stdout.String())
	}
	total, rows := 0, 0
	for _, d := range dbs {
		f := found[d.name]
		if want := yaml(t, d.pulled.Set); f.YAML != want {
			t.Errorf("%s: Go says\n%s\nand was pulled as\n%s", d.name, f.YAML, want)
		}
		if f.Before != f.After {
			t.Errorf("%s: AutoMigrate changed the tables\n%s\nto\n%s", d.name, f.Before, f.After)
		}
		total += len(f.Rows)
		for _, n := range f.Rows {
			rows += n
		}
	}
	if chinookRows := found["chinook"].Rows["Track"]; chinookRows != 3503 {
		t.Errorf("Track has %d rows", chinookRows)
	}
	t.Logf("%d models compiled, %d columns of the matrix, %d rows read", total, columns, rows)
}

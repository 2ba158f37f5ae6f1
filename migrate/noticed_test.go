package migrate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/schema"
)

func parse(t testing.TB, text string) *schema.Set {
	t.Helper()
	models, err := schema.ParseYAML("models.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return build(t, models...)
}

// item is a model of one field beside its key.
func item(field string) string {
	return "model: Item\nfields:\n  id: {type: bigInteger, primary: true, auto: true}\n  title: string\n  " + field + "\n"
}

const (
	owners = "model: Owner\nfields:\n  id: {type: bigInteger, primary: true, auto: true}\n---\n"
	owned  = "ownerId: {type: bigInteger, nullable: true, references: {table: owners, column: id}, onDelete: %s}"
)

// noticed are changes of models, each with the rows that are there.
var noticed = []struct {
	name, before, after string
	rows                []string // SQL that every dialect understands
	o                   migrate.Options
}{
	{name: "index_order", before: item("a: integer\n  b: integer\nindexes: [{fields: [a, b], name: both}]"), after: item("a: integer\n  b: integer\nindexes: [{fields: [b, a], name: both}]")},
	{name: "index_added", before: item("a: integer"), after: item("a: {type: integer, index: true}")},
	{name: "index_dropped", before: item("a: {type: integer, index: true}"), after: item("a: integer")},
	{name: "unique_added", before: item("a: integer"), after: item("a: {type: integer, unique: true}")},
	{name: "unique_to_plain", before: item("a: {type: integer, unique: true}"), after: item("a: {type: integer, index: true}")},
	{name: "decimal", before: item("a: {type: decimal, precision: 10, scale: 2}"), after: item("a: {type: decimal, precision: 18, scale: 6}")},
	{name: "default", before: item("a: {type: string, default: x}"), after: item("a: {type: string, default: X}")},
	{name: "default_dropped", before: item("a: {type: string, default: x}"), after: item("a: string")},
	{name: "default_added", before: item("a: boolean"), after: item("a: {type: boolean, default: false}")},
	{name: "enum_value", before: item("a: {type: enum, values: [new, old]}"), after: item("a: {type: enum, values: [new, old, sold]}")},
	{name: "enum_value_removed", before: item("a: {type: enum, values: [new, old]}"), after: item("a: {type: enum, values: [new]}")},
	{name: "enum_made", before: item("a: string"), after: item("a: {type: enum, values: [new, old]}")},
	{name: "enum_unmade", before: item("a: {type: enum, values: [new, old]}"), after: item("a: string")},
	{name: "string_text", before: item("a: string"), after: item("a: text")},
	{name: "int_bigint", before: item("a: integer"), after: item("a: bigInteger")},
	{name: "key_int_bigint", before: owners + item(fmt.Sprintf(owned, "cascade")), after: strings.ReplaceAll(owners+item(fmt.Sprintf(owned, "cascade")), "bigInteger", "integer")},
	{name: "on_delete", before: owners + item(fmt.Sprintf(owned, "cascade")), after: owners + item(fmt.Sprintf(owned, "set null"))},
	{name: "foreign_dropped", before: owners + item(fmt.Sprintf(owned, "cascade")), after: owners + item("ownerId: {type: bigInteger, nullable: true}")},
	{name: "foreign_added", before: owners + item("ownerId: {type: bigInteger, nullable: true}"), after: owners + item(fmt.Sprintf(owned, "cascade"))},
	{name: "foreign_with_column", before: owners + item("a: integer"), after: owners + item("a: integer\n  "+fmt.Sprintf(owned, "cascade"))},
	{name: "nullable", before: item("a: integer"), after: item("a: {type: integer, nullable: true}")},
	{name: "not_nullable", before: item("a: {type: integer, nullable: true}"), after: item("a: integer")},
	{name: "comment", before: item("a: integer"), after: item("a: {type: integer, comment: How many}")},
	{name: "column_added", before: item("a: integer"), after: item("a: integer\n  b: {type: string, default: \"it's\"}\n  c: {type: datetime, nullable: true}")},
	{name: "column_dropped", before: item("a: integer\n  b: string"), after: item("a: integer"), o: migrate.Options{AllowDrop: true}},
	{name: "column_dropped_of_index", before: item("a: integer\n  b: string\n  c: string\nindexes: [{fields: [a, b], name: first}, {fields: [b, a], name: second}, {fields: [a, c, b], name: third, unique: true}]"), after: item("a: integer\n  c: string\nindexes: [{fields: [a, c], name: first}, {fields: [c, a], name: second}, {fields: [a, c], name: third, unique: true}]"), o: migrate.Options{AllowDrop: true}},
	{name: "column_renamed", before: item("a: {type: string, index: true}"), after: item("b: {type: string, renamedFrom: a}")},
	{name: "enum_renamed", before: item("a: {type: enum, values: [new, old]}"), after: item("b: {type: enum, values: [new, old], renamedFrom: a}")},
	{name: "column_renamed_and_changed", before: item("a: {type: string, size: 20}"), after: item("b: {type: text, renamedFrom: a}")},
	{name: "column_by_identity", before: item("a: string"), after: item("a: {type: string, column: alpha}")},
	{name: "table_renamed", before: item("a: {type: string, unique: true}"), after: "table: things\nrenamedFrom: items\n" + item("a: {type: string, unique: true}")},
	{name: "table_by_identity", before: owners + item(fmt.Sprintf(owned, "cascade")), after: owners + "table: things\n" + item(fmt.Sprintf(owned, "cascade"))},
	{name: "soft_delete", before: item("a: {type: string, unique: true}"), after: item("a: {type: string, unique: true}\n  deletedAt: {type: datetime, nullable: true, deleted: true}")},
	{name: "table_dropped", before: owners + item("a: integer"), after: item("a: integer"), o: migrate.Options{AllowDrop: true, DropTables: []string{"owners"}}},
	{name: "table_added", before: item("a: integer"), after: owners + item("a: integer\n  "+fmt.Sprintf(owned, "restrict"))},
	{name: "key_replaced", before: "model: Pair\nfields:\n  a: {type: integer, primary: true}\n  b: integer\n", after: "model: Pair\nfields:\n  a: {type: integer, primary: true}\n  b: {type: integer, primary: true}\n"},
}

// generated are names that differ from run to run.
var generated = regexp.MustCompile(`weft_scratch_[0-9a-f]+`)

// TestNoticed plans changes of models: exactly these steps, in this order.
// After them nothing is left to do.
func TestNoticed(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		for _, c := range noticed {
			t.Run(c.name, func(t *testing.T) {
				p.wipe(t)
				p.apply(t, parse(t, c.before), migrate.Options{})
				p.exec(t, c.rows...)
				set := parse(t, c.after)
				plan := p.plan(t, set, c.o)
				goldenPlan(t, filepath.Join("testdata", "noticed", c.name+"."+string(p.dialect)+".txt"), plan.String())
				if len(plan.Refusals) > 0 {
					t.Fatal("refused")
				}
				p.apply(t, set, c.o)
			})
		}
	})
}

func goldenPlan(t *testing.T, file, got string) {
	t.Helper()
	got = generated.ReplaceAllString(got, "weft_scratch")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is another plan; run with -update when that is right\n--- want\n%s\n--- got\n%s", file, want, got)
	}
}

// TestPlanJSON holds the form that programs read.
func TestStepJSON(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		set := parse(t, item("a: integer"))
		b, err := json.Marshal(p.plan(t, set, migrate.Options{}).Steps[1])
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"kind", "table", "sql", "rows", "destructive", "reason"} {
			if _, ok := m[key]; !ok {
				t.Errorf("%s is missing in %s", key, b)
			}
		}
		if err := migrate.New(p.db, p.dialect, set, migrate.Options{}).Apply(context.Background(), p.plan(t, set, migrate.Options{})); err != nil {
			t.Fatal(err)
		}
	})
}

package migrate_test

import (
	"context"
	"strings"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
)

func kindsOf(p *migrate.Plan) string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, string(s.Kind)+" "+s.Table+"."+s.Name)
	}
	return strings.Join(out, "; ")
}

// TestRename keeps values under other names.
func TestRename(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.apply(t, parse(t, item("a: {type: string, unique: true}\n  b: {type: integer, default: 5}")), migrate.Options{})
		p.exec(t, "INSERT INTO items (title, a, b) VALUES ('x', 'one', 1), ('y', 'two', 2)")

		// Two columns change their names for each other's by a third.
		set := parse(t, item("c: {type: string, unique: true, renamedFrom: a}\n  a: {type: integer, default: 5, renamedFrom: b}"))
		plan := p.apply(t, set, migrate.Options{})
		if got := kindsOf(plan); !strings.HasPrefix(got, "rename_column items.c; rename_column items.a") {
			t.Fatalf("steps: %s", got)
		}
		if got := p.ask(t, "SELECT c FROM items ORDER BY title"); strings.Join(got, " ") != "one two" {
			t.Fatalf("c is %q", got)
		}
		if got := p.ask(t, "SELECT a FROM items ORDER BY title"); strings.Join(got, " ") != "1 2" {
			t.Fatalf("a is %q", got)
		}
		// What was applied long ago does no harm, and neither do names that never were.
		if again := p.plan(t, set, migrate.Options{}); !again.Empty() {
			t.Fatalf("again:\n%s", again)
		}
		// A table and a column of it at once, and another change beside.
		set = parse(t, "table: goods\nrenamedFrom: items\n"+item("d: {type: text, renamedFrom: c}\n  a: {type: bigInteger, default: 6}"))
		plan = p.apply(t, set, migrate.Options{})
		if got := kindsOf(plan); !strings.HasPrefix(got, "rename_table goods.; rename_column goods.d") || strings.Contains(got, "add_column") || strings.Contains(got, "create_table") {
			t.Fatalf("steps: %s", got)
		}
		if got := p.ask(t, "SELECT d FROM goods ORDER BY title"); strings.Join(got, " ") != "one two" {
			t.Fatalf("d is %q", got)
		}
	})
}

// TestRenameBoth refuses a rename where both names are there, and AutoMigrate
// renames nothing.
func TestRenameBoth(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.apply(t, parse(t, item("a: string\n  b: string")), migrate.Options{})
		plan := p.plan(t, parse(t, item("b: {type: string, renamedFrom: a}")), migrate.Options{AllowDrop: true})
		if len(plan.Refusals) != 1 || !strings.Contains(plan.String(), "both exist") {
			t.Fatalf("not refused:\n%s", plan)
		}
		if p.dialect == catalog.SQLite {
			return
		}
		_, err := migrate.New(p.db, p.dialect, parse(t, item("c: {type: string, renamedFrom: a}\n  b: string")), migrate.Options{}).Auto(context.Background())
		if err == nil || !strings.Contains(err.Error(), "AutoMigrate renames nothing") {
			t.Fatalf("Auto says %v", err)
		}
		p.apply(t, parse(t, owners+item("a: string\n  b: string")), migrate.Options{})
		plan = p.plan(t, parse(t, "table: owners\nrenamedFrom: items\n"+item("a: string\n  b: string")), migrate.Options{})
		if len(plan.Refusals) == 0 || !strings.Contains(plan.String(), "both exist") {
			t.Fatalf("not refused:\n%s", plan)
		}
	})
}

// TestLeftAlone leaves alone what no model has.
func TestLeftAlone(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.exec(t, "CREATE TABLE theirs (id int PRIMARY KEY, x int)", "INSERT INTO theirs (id, x) VALUES (1, 2)", "CREATE VIEW shown AS SELECT x FROM theirs")
		p.apply(t, parse(t, item("a: string")), migrate.Options{AllowDrop: true, AllowDataLoss: true})
		if got := p.ask(t, "SELECT x FROM shown"); len(got) != 1 {
			t.Fatalf("theirs has %q", got)
		}
		plan := p.plan(t, parse(t, item("a: string")), migrate.Options{AllowDrop: true, DropTables: []string{"theirs"}})
		if len(plan.Refusals) != 1 || !strings.Contains(plan.String(), "the view shown reads it") {
			t.Fatalf("not refused:\n%s", plan)
		}
	})
}

// TestViewsInTheWay makes views of PostgreSQL again that keep a column from
// changing.
func TestViewsInTheWay(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.apply(t, parse(t, item("a: {type: string, size: 20}")), migrate.Options{})
		p.exec(t, "INSERT INTO items (title, a) VALUES ('x', 'v')", "CREATE VIEW first_view AS SELECT title, a FROM items", "CREATE VIEW second_view AS SELECT a FROM first_view")
		p.apply(t, parse(t, item("a: text")), migrate.Options{})
		set := parse(t, "table: goods\nrenamedFrom: items\n"+item("b: {type: string, renamedFrom: a}"))
		if p.dialect == catalog.SQLite { // which follows one view deep only
			if plan := p.plan(t, set, migrate.Options{}); len(plan.Refusals) != 1 || !strings.Contains(plan.String(), "second_view") {
				t.Fatalf("not refused:\n%s", plan)
			}
			p.exec(t, "DROP VIEW second_view")
		}
		p.apply(t, set, migrate.Options{AllowDataLoss: true})
		if p.dialect == catalog.Postgres {
			if got := p.ask(t, "SELECT a FROM second_view"); strings.Join(got, "") != "v" {
				t.Fatalf("the view shows %q", got)
			}
		}
	})
}

// TestNamesTooLong refuses names that a database cuts or does not take, and
// shortens those that nobody chose.
func TestNamesTooLong(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		long := strings.Repeat("long", 20)
		_, err := migrate.New(p.db, p.dialect, parse(t, item("a: {type: string, column: "+long+"}")), migrate.Options{}).Plan(context.Background())
		if p.dialect != catalog.SQLite && (err == nil || !strings.Contains(err.Error(), long+" is too long")) {
			t.Fatalf("Plan says %v", err)
		}
		name := strings.Repeat("n", 60)
		p.apply(t, parse(t, "table: "+name+"\n"+item("a: {type: string, column: "+name+", unique: true}\n  b: {type: bigInteger, nullable: true, index: true, references: {table: "+name+", column: id}}")), migrate.Options{})
		p.apply(t, parse(t, "table: "+name+"\n"+item("a: {type: string, column: "+name+", unique: true}\n  b: {type: bigInteger, nullable: true, references: {table: "+name+", column: id}, onDelete: set null}\n  e: {type: enum, values: [a, b], default: a}")), migrate.Options{})
	})
}

// TestRenameHeldColumns renames columns that something else goes by: the mark
// of deleted rows, a primary key that others point at, a part of an index with a
// condition.
func TestRenameHeldColumns(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		soft := "model: Item\nfields:\n  id: {type: bigInteger, primary: true}\n  a: {type: string, unique: true}\n  deletedAt: {type: datetime, nullable: true, deleted: true}\n" +
			"---\nmodel: Part\nfields:\n  id: {type: bigInteger, primary: true}\n  itemId: {type: bigInteger, references: {table: items, column: id}, onDelete: cascade}\n"
		p.apply(t, parse(t, soft), migrate.Options{})
		p.exec(t, "INSERT INTO items (id, a) VALUES (1, 'one')", "INSERT INTO items (id, a, deleted_at) VALUES (2, 'one', '2024-01-01 00:00:00')", "INSERT INTO parts (id, item_id) VALUES (7, 1)")
		later := strings.NewReplacer(
			"deletedAt: {type: datetime, nullable: true, deleted: true}", "goneAt: {type: datetime, nullable: true, deleted: true, renamedFrom: deleted_at}",
			"fields:\n  id: {type: bigInteger, primary: true}\n  a:", "fields:\n  number: {type: bigInteger, primary: true, renamedFrom: id}\n  a:",
			"column: id}", "column: number}",
		).Replace(soft)
		p.apply(t, parse(t, later), migrate.Options{})
		if got := p.ask(t, "SELECT count(*) FROM parts JOIN items ON number = item_id WHERE gone_at IS NULL"); got[0] != "1" {
			t.Fatalf("found %q", got)
		}
		if _, err := p.db.Exec("INSERT INTO items (number, a) VALUES (3, 'one')"); err == nil {
			t.Fatal("two live rows have one value of a unique field")
		}
		p.exec(t, "DELETE FROM items WHERE number = 1")
		if got := p.ask(t, "SELECT count(*) FROM parts"); got[0] != "0" {
			t.Fatalf("%q parts are left", got)
		}
		// Soft delete goes again: the rows are one too many for a unique index then.
		none := strings.Replace(later, "  goneAt: {type: datetime, nullable: true, deleted: true, renamedFrom: deleted_at}\n", "", 1)
		p.exec(t, "INSERT INTO items (number, a) VALUES (3, 'two')")
		p.apply(t, parse(t, none), migrate.Options{AllowDrop: true})
	})
}

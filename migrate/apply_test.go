package migrate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// manySteps are models whose plan has at least 20 steps on each engine.
func manySteps(t testing.TB, tables int) *schema.Set {
	t.Helper()
	var ms []*schema.Model
	for i := range tables {
		ms = append(ms, &schema.Model{
			Name: fmt.Sprintf("M%02d", i), Table: fmt.Sprintf("m%02d", i),
			Fields: []*schema.Field{
				{Name: "id", Column: "id", Type: schema.BigInteger, Primary: true, Auto: true},
				{Name: "name", Column: "name", Type: schema.String, Index: true},
			},
		})
	}
	return build(t, ms...)
}

func (p place) migrator(set *schema.Set, o migrate.Options) *migrate.Migrator {
	return migrate.New(p.db, p.dialect, set, o)
}

// dump is all that the database holds but what Weft keeps for itself: the
// catalogue, and the rows of tables.
func (p place) dump(t testing.TB) string {
	t.Helper()
	ctx := context.Background()
	conn, err := p.db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d, err := catalog.Inspect(ctx, conn, p.dialect, catalog.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d.Schema = ""
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for _, table := range d.Tables {
		out += "\n" + table.Name + ": " + strings.Join(p.rows(t, "SELECT * FROM "+table.Name+" ORDER BY 1"), ", ")
	}
	return out
}

// rows returns all rows as text.
func (p place) rows(t testing.TB, q string) []string {
	t.Helper()
	conn, err := p.db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A text of its own each time: the columns may be others now.
	rows, err := conn.QueryContext(context.Background(), fmt.Sprintf("%s -- %d", q, rowsAsked.Add(1)))
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		to := make([]any, len(columns))
		for i := range to {
			to[i] = new(any)
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(to))
		for i := range to {
			v := *to[i].(*any)
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			row[i] = fmt.Sprint(v)
		}
		out = append(out, strings.Join(row, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// clean takes all tables away.
func (p place) clean(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	conn, err := p.db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d, err := catalog.Inspect(ctx, conn, p.dialect, catalog.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"weft_meta", "weft_runs", "weft_steps"}
	for _, table := range d.Tables {
		names = append(names, table.Name)
	}
	// They point at each other.
	switch p.dialect {
	case catalog.SQLite:
		execSQL(t, conn, "PRAGMA foreign_keys = 0")
		for _, name := range names {
			execSQL(t, conn, "DROP TABLE IF EXISTS "+name)
		}
		execSQL(t, conn, "PRAGMA foreign_keys = 1")
	case catalog.Postgres:
		execSQL(t, conn, "DROP TABLE IF EXISTS "+strings.Join(names, ", ")+" CASCADE")
	case catalog.MySQL:
		execSQL(t, conn, "SET foreign_key_checks = 0", "DROP TABLE IF EXISTS "+strings.Join(names, ", "), "SET foreign_key_checks = 1")
	}
}

var rowsAsked atomic.Int64

var errInjected = errors.New("injected")

// failEverywhere has the plan for a database that prepare makes fail at each of
// its statements, at least so many times.
func (p place) failEverywhere(t *testing.T, set *schema.Set, o migrate.Options, least int, prepare func()) {
	t.Helper()
	prepare()
	start := p.dump(t)
	if err := p.planAndApply(t, p.migrator(set, o)); err != nil {
		t.Fatal(err)
	}
	want := p.dump(t)
	failures := 0
	for step, again := 1, true; again; step++ {
		again = false
		for statement, met := 0, true; met; statement++ {
			met = false
			for _, moment := range []string{"before", "after"} {
				if moment == "before" && statement > 0 && p.dialect == catalog.MySQL {
					continue // as after the one before
				}
				p.clean(t)
				prepare()
				o.Owner = "first"
				m := p.migrator(set, o)
				plan, err := m.Plan(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(plan.Steps) < 10 {
					t.Fatalf("%d steps:\n%s", len(plan.Steps), plan)
				}
				hit := false
				m.SetHook(func(s, n int, at string) error {
					if s == step && n == statement && at == moment {
						hit = true
						return errInjected
					}
					return nil
				})
				err = m.Apply(t.Context(), plan)
				if !hit {
					continue
				}
				met, again = true, true
				failures++
				o.Owner = "second"
				p.failedAndResumed(t, p.migrator(set, o), plan, step, err, start, want)
			}
		}
	}
	if failures < least {
		t.Errorf("only %d failures", failures)
	}
	t.Logf("%d failures", failures)
}

func (p place) planAndApply(t *testing.T, m *migrate.Migrator) error {
	t.Helper()
	plan, err := m.Plan(t.Context())
	if err != nil {
		return err
	}
	return m.Apply(t.Context(), plan)
}

func (p place) failedAndResumed(t *testing.T, m *migrate.Migrator, plan *migrate.Plan, step int, err error, start, want string) {
	t.Helper()
	if !errors.Is(err, errInjected) || !errors.Is(err, op.ErrDatabase) || !strings.Contains(err.Error(), fmt.Sprintf("step %d of %d", step, len(plan.Steps))) {
		t.Fatalf("step %d: %v", step, err)
	}
	status, err := m.Status(t.Context())
	if err != nil || status.Lock != nil || len(status.Runs) == 0 {
		t.Fatalf("%+v, %v", status, err)
	}
	if p.dialect == catalog.MySQL {
		if u := status.Unfinished; u == nil || u.State != journal.Failed || u.At().N != step || u.At().Error == "" {
			t.Fatalf("step %d: unfinished %+v", step, u)
		}
	} else {
		if got := p.dump(t); got != start {
			t.Fatalf("step %d: changed\n%s", step, difference(got, start))
		}
		if r := status.Runs[0]; status.Unfinished != nil || r.State != journal.Undone || r.At().State == journal.Done || r.Steps[step-1].Error == "" {
			t.Fatalf("step %d: %+v", step, r)
		}
	}
	if err := p.planAndApply(t, m); err != nil {
		t.Fatalf("step %d: again: %v", step, err)
	}
	if got := p.dump(t); got != want {
		t.Fatalf("step %d (%s): the end differs\n%s", step, plan.Steps[step-1].Kind, difference(got, want))
	}
	if status, err = m.Status(t.Context()); err != nil || status.Unfinished != nil || status.Runs[0].State != journal.Done || status.Runs[0].Owner != "second" {
		t.Fatalf("step %d: %+v, %v", step, status, err)
	}
}

// difference is the lines of which two texts differ first.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			from := max(0, i-12)
			return strings.Join(a[from:min(len(a), i+6)], "\n") + "\n--- want\n" + strings.Join(b[from:min(len(b), i+6)], "\n")
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}

// A failure at every statement of a plan that changes tables with rows, before it
// and after it. Where a plan is a transaction nothing has changed; elsewhere the
// next Apply goes on. At the end the database is the same, wherever it failed.
func TestFailureAtEveryStatement(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, p place) {
		field := func(name string, typ schema.Type, change ...func(*schema.Field)) *schema.Field {
			f := &schema.Field{Name: name, Column: schema.Snake(name), Type: typ}
			for _, c := range change {
				c(f)
			}
			return f
		}
		id := func() *schema.Field {
			return field("id", schema.BigInteger, func(f *schema.Field) { f.Primary, f.Auto = true, true })
		}
		null := func(f *schema.Field) { f.Nullable = true }
		index := func(f *schema.Field) { f.Index = true }
		to := func(table string) func(*schema.Field) {
			return func(f *schema.Field) {
				f.References = &schema.Reference{Table: table, Column: "id", OnDelete: schema.Cascade}
			}
		}
		before := build(t,
			&schema.Model{Name: "Author", Table: "authors", Fields: []*schema.Field{id(), field("name", schema.String, index), field("age", schema.Integer), field("old", schema.String, null)}},
			&schema.Model{Name: "Book", Table: "books", Fields: []*schema.Field{id(), field("title", schema.String), field("authorId", schema.BigInteger, to("authors")), field("price", schema.Decimal)}},
			&schema.Model{Name: "Gone", Table: "gone", Fields: []*schema.Field{id(), field("x", schema.String)}},
		)
		after := build(t,
			&schema.Model{Name: "Writer", Table: "writers", RenamedFrom: "authors", Fields: []*schema.Field{
				id(), field("fullName", schema.String, index, func(f *schema.Field) { f.RenamedFrom = "name" }), field("age", schema.BigInteger),
				field("likes", schema.Integer, func(f *schema.Field) { f.Default = &schema.Default{Value: int64(7)} }),
			}},
			&schema.Model{Name: "Book", Table: "books", Fields: []*schema.Field{
				id(), field("title", schema.Text), field("authorId", schema.BigInteger, to("writers")), field("price", schema.Decimal, func(f *schema.Field) { f.Precision, f.Scale = 12, 4 }, index),
				field("kind", schema.Enum, func(f *schema.Field) { f.Enum = []string{"a", "b"} }, null),
			}},
			&schema.Model{Name: "Review", Table: "reviews", Fields: []*schema.Field{id(), field("bookId", schema.BigInteger, to("books"), index), field("text", schema.Text)}},
			&schema.Model{Name: "Tag", Table: "tags", Fields: []*schema.Field{id(), field("word", schema.String, func(f *schema.Field) { f.Unique = true })}},
		)
		o := migrate.Options{AllowDrop: true, AllowDataLoss: true, DropTables: []string{"gone"}}
		made := p.plan(t, before, migrate.Options{})
		p.failEverywhere(t, after, o, 20, func() {
			for _, s := range made.Steps {
				p.exec(t, s.SQL...)
			}
			price := map[catalog.Dialect]string{catalog.SQLite: "150"}[p.dialect]
			if price == "" {
				price = "1.5"
			}
			p.exec(t, "INSERT INTO authors (id, name, age, old) VALUES (1, 'Ann', 33, NULL), (2, 'Bob', 44, 'x')",
				"INSERT INTO books (id, title, author_id, price) VALUES (10, 'One', 1, "+price+"), (11, 'Two', 2, "+price+"), (12, 'Three', 2, "+price+")",
				"INSERT INTO gone (id, x) VALUES (1, 'lost')")
		})
	})
}

// The connection is ended by the server in the middle of a plan.
func TestConnectionEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, p place) {
		if p.dialect == catalog.SQLite {
			return // there is no server
		}
		set := manySteps(t, 5)
		empty := p.dump(t)
		m := p.migrator(set, migrate.Options{})
		m.SetHook(func(step, statement int, at string) error {
			if step == 5 && at == "before" {
				p.endMigration(t)
			}
			return nil
		})
		_, err := m.Auto(t.Context())
		if !errors.Is(err, op.ErrDatabase) || !strings.Contains(err.Error(), "connection to the server was lost") || !strings.Contains(err.Error(), "step 5 of") {
			t.Fatalf("%v", err)
		}
		if p.dialect == catalog.Postgres {
			if got := p.dump(t); got != empty {
				t.Errorf("changed:\n%s", got)
			}
		}
		p.auto(t, set)
		if n := len(p.auto(t, set).Steps); n != 0 {
			t.Errorf("%d steps are left", n)
		}
	})
}

// endMigration ends the connection that the lock says is migrating.
func (p place) endMigration(t *testing.T) {
	var connection string
	if err := p.db.QueryRow("SELECT connection FROM weft_lock").Scan(&connection); err != nil {
		t.Error(err)
		return
	}
	var word string
	var id int64
	if _, err := fmt.Sscan(connection, &word, &id); err != nil {
		t.Errorf("%s: %v", connection, err)
	}
	end := "KILL %d"
	if p.dialect == catalog.Postgres {
		end = "SELECT pg_terminate_backend(%d)"
	}
	p.exec(t, fmt.Sprintf(end, id))
}

// Something that the plan makes appears between its planning and its doing.
// Elsewhere than on MySQL the transaction excludes it.
func TestAlreadyThere(t *testing.T) {
	t.Parallel()
	t.Run("mysql", func(t *testing.T) {
		p := newPlace(t, catalog.MySQL)
		set := manySteps(t, 3)
		m := p.migrator(set, migrate.Options{})
		done := false
		m.SetHook(func(step, statement int, at string) error {
			if step == 4 && at == "before" && !done {
				done = true
				p.exec(t, "CREATE TABLE m02 (id integer)")
			}
			return nil
		})
		_, err := m.Auto(t.Context())
		if !errors.Is(err, op.ErrConflict) || !strings.Contains(err.Error(), "drift") || !strings.Contains(err.Error(), "m02") {
			t.Fatalf("%v", err)
		}
		if _, err := m.Auto(t.Context()); !errors.Is(err, op.ErrConflict) {
			t.Fatalf("again: %v", err)
		}
		p.exec(t, "DROP TABLE m02")
		p.auto(t, set)
		if n := len(p.auto(t, set).Steps); n != 0 {
			t.Errorf("%d steps are left", n)
		}
	})
}

// A plan that was made for another database is refused; one that somebody else
// has carried out is done.
func TestPlanOfThePast(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, p place) {
		set := manySteps(t, 3)
		m := p.migrator(set, migrate.Options{})
		old, err := m.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.auto(t, manySteps(t, 2))
		if err := m.Apply(t.Context(), old); !errors.Is(err, op.ErrConflict) {
			t.Errorf("%v", err)
		}
		p.auto(t, set)
		if err := m.Apply(t.Context(), old); err != nil {
			t.Error(err)
		}
	})
}

func TestUnsafeStepsAreRefusedTogether(t *testing.T) {
	p := newPlace(t, catalog.SQLite)
	plan := &migrate.Plan{Steps: []migrate.Step{
		{Kind: migrate.DropColumn, Table: "t", Name: "a", Unsafe: "3 rows have a value", Allow: migrate.AllowDataLoss},
		{Kind: migrate.DropTable, Table: "u", Unsafe: "it has 7 rows", Allow: migrate.AllowDrop},
	}}
	err := p.migrator(manySteps(t, 1), migrate.Options{}).Apply(t.Context(), plan)
	var unsafe *migrate.UnsafeError
	if !errors.As(err, &unsafe) || len(unsafe.Steps) != 2 {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"3 rows", "--allow-data-loss", "7 rows", "--allow-drop"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if status, err := p.migrator(nil, migrate.Options{}).Status(t.Context()); err != nil || status.Lock != nil || status.Runs != nil {
		t.Errorf("%+v, %v", status, err)
	}
}

func TestProgressIsTold(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, p place) {
		var told []migrate.Progress
		m := p.migrator(manySteps(t, 4), migrate.Options{Progress: func(x migrate.Progress) { told = append(told, x) }})
		plan, err := m.Auto(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next := 1
		for _, x := range told {
			if x.Of != len(plan.Steps) || x.Kind != plan.Steps[x.Step-1].Kind || x.Step > next || x.Elapsed < 0 || x.Elapsed > time.Minute {
				t.Errorf("%+v", x)
			}
			if x.Step == next {
				next++
			}
		}
		if next != len(plan.Steps)+1 {
			t.Errorf("%d of %d steps were told", next-1, len(plan.Steps))
		}
	})
}

// A run that cannot be brought to its end is given up.
func TestAbandon(t *testing.T) {
	t.Parallel()
	p := newPlace(t, catalog.MySQL)
	m := p.migrator(manySteps(t, 3), migrate.Options{})
	m.SetHook(func(step, statement int, at string) error {
		if step == 4 {
			return errInjected
		}
		return nil
	})
	for range 2 {
		if _, err := m.Auto(t.Context()); !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
	}
	if err := m.Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, err := m.Status(t.Context())
	if err != nil || status.Unfinished != nil || status.Runs[0].State != journal.Abandoned {
		t.Fatalf("%+v, %v", status, err)
	}
	p.auto(t, manySteps(t, 2))
	if err := m.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
}

// The database's user lacks a permission that a later step needs.
func TestPermissionMissingInTheMiddle(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		p := newPlace(t, catalog.Postgres)
		role := "weft_test_role_" + p.dsn[strings.LastIndexByte(p.dsn, '_')+1:strings.LastIndexByte(p.dsn, '_')+13]
		p.exec(t, "CREATE ROLE "+role+" LOGIN", "GRANT ALL ON SCHEMA public TO "+role, "CREATE TABLE m00 (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name varchar(255) COLLATE \"C\" NOT NULL)", "GRANT SELECT ON m00 TO "+role)
		t.Cleanup(func() { p.exec(t, "DROP OWNED BY "+role, "DROP ROLE "+role) })
		weak := openPlace(t, p.dialect, p.driver, strings.Replace(p.dsn, "postgres@", role+"@", 1))
		p.denied(t, weak, func() { p.exec(t, "ALTER TABLE m00 OWNER TO "+role) })
	})
	t.Run("mysql", func(t *testing.T) {
		p := newPlace(t, catalog.MySQL)
		name := p.dsn[strings.LastIndexByte(p.dsn, '_')+1:][:12]
		user := "'weft_" + name + "'@'%'"
		p.exec(t, "CREATE USER "+user, "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, REFERENCES ON weft_test_"+name+".* TO "+user)
		t.Cleanup(func() { p.exec(t, "DROP USER "+user) })
		weak := openPlace(t, p.dialect, p.driver, "weft_"+name+p.dsn[strings.IndexByte(p.dsn, '@'):])
		p.denied(t, weak, func() { p.exec(t, "GRANT INDEX ON weft_test_"+name+".* TO "+user) })
	})
}

func (p place) denied(t *testing.T, weak place, grant func()) {
	t.Helper()
	ms := manySteps(t, 3).Models
	ms = append(ms, &schema.Model{Name: "Child", Table: "children", Fields: []*schema.Field{
		{Name: "id", Column: "id", Type: schema.BigInteger, Primary: true, Auto: true},
		{Name: "parent", Column: "parent", Type: schema.BigInteger, References: &schema.Reference{Table: "m00", Column: "id"}},
	}})
	set := build(t, ms...)
	empty := p.dump(t)
	m := weak.migrator(set, migrate.Options{})
	for range 2 {
		_, err := m.Auto(t.Context())
		if !errors.Is(err, op.ErrDatabase) || !strings.Contains(err.Error(), "lacks a permission") || !strings.Contains(err.Error(), "(add_") {
			t.Fatalf("%v", err)
		}
		if p.dialect == catalog.Postgres && p.dump(t) != empty {
			t.Fatal("changed")
		}
	}
	grant()
	weak = openPlace(t, weak.dialect, weak.driver, weak.dsn) // MySQL reads what was granted on USE
	weak.auto(t, set)
	if n := len(weak.auto(t, set).Steps); n != 0 {
		t.Errorf("%d steps are left", n)
	}
}

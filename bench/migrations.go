package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// change is one change of the models, measured on a table full of rows. Each
// goes on from the models of the one before it.
type change struct {
	name   string
	model  string // the whole model afterwards, in YAML
	allow  migrate.Options
	refuse string // what a refusal must say; "" for a change that is made
	check  string // a query whose answer is want
	want   string
}

const bigModel = `model: Big
table: %s
fields:
  id: {type: bigInteger, primary: true}
%s`

func changes(rows int) []change {
	n := fmt.Sprint(rows)
	model := func(table string, fields ...string) string {
		var b strings.Builder
		for _, f := range fields {
			b.WriteString("  " + f + "\n")
		}
		return fmt.Sprintf(bigModel, table, b.String())
	}
	const (
		title  = "title: {type: string}"
		plays  = "plays: {type: integer}"
		heard  = "heard: {type: integer, renamedFrom: plays}"
		note   = "note: {type: text, nullable: true}"
		live   = "live: {type: boolean, default: true}"
		wide   = "heard: {type: bigInteger}"
		strict = "note: {type: text}"
	)
	renamed := func(fields ...string) string {
		return strings.Replace(model("tracks", fields...), "table: tracks\n", "table: tracks\nrenamedFrom: songs\n", 1)
	}
	sum := fmt.Sprint(sumOf(rows))
	return []change{
		{name: "rename a column", model: model("songs", title, heard, note), check: "SELECT SUM(heard) FROM songs", want: sum},
		{name: "rename the table", model: renamed(title, "heard: {type: integer}", note), check: "SELECT SUM(heard) FROM tracks", want: sum},
		{name: "drop a column: refused, with the number of rows", model: model("tracks", title, note), refuse: n, check: "SELECT SUM(heard) FROM tracks", want: sum},
		{
			name: "add a NOT NULL column with a default", model: model("tracks", title, "heard: {type: integer}", note, live),
			check: "SELECT COUNT(*) FROM tracks WHERE live", want: n,
		},
		{name: "widen integer to bigInteger", model: model("tracks", title, wide, note, live), check: "SELECT SUM(heard) FROM tracks", want: sum},
		{
			name: "make a column NOT NULL (SQLite builds the table again)", model: model("tracks", title, wide, strict, live),
			check: "SELECT COUNT(note) FROM tracks", want: n,
		},
	}
}

// sumOf is the sum of all plays.
func sumOf(rows int) int {
	sum := 0
	for i := range rows {
		sum += i % 1000
	}
	return sum
}

// site is a database that changes are made on.
type site struct {
	name    string
	dialect catalog.Dialect
	db      *sql.DB
	drop    func() error
}

func sites(dir string) ([]site, error) {
	lite, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "migrations.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, err
	}
	list := []site{{"SQLite", catalog.SQLite, lite, func() error { return nil }}}
	pg, err := postgresDatabase()
	if err != nil {
		return nil, err
	}
	my, err := mysqlDatabase()
	if err != nil {
		return nil, errors.Join(err, pg.drop())
	}
	for _, s := range []struct {
		name, driver string
		dialect      catalog.Dialect
		on           *database
	}{{"PostgreSQL", "pgx", catalog.Postgres, pg}, {"MySQL", "mysql", catalog.MySQL, my}} {
		db, err := sql.Open(s.driver, s.on.address)
		if err != nil {
			return nil, err
		}
		list = append(list, site{s.name, s.dialect, db, s.on.drop})
	}
	return list, nil
}

func (s *site) set(model string) (*schema.Set, error) {
	models, err := schema.ParseYAML("big.yaml", []byte(model))
	if err != nil {
		return nil, err
	}
	return schema.Build(models...)
}

// fill makes the table and rows in it.
func (s *site) fill(ctx context.Context, rows int) error {
	set, err := s.set(fmt.Sprintf(bigModel, "songs", "  title: {type: string}\n  plays: {type: integer}\n  note: {type: text, nullable: true}\n"))
	if err != nil {
		return err
	}
	m := migrate.New(s.db, s.dialect, set, migrate.Options{})
	if _, err := m.Auto(ctx); err != nil {
		return err
	}
	digits := "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5" +
		" UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	n := "a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d"
	_, err = s.db.ExecContext(ctx, fmt.Sprintf("INSERT INTO songs (id, title, plays, note) SELECT n, CONCAT('The song of number ', n), n %% 1000, 'noted' FROM (SELECT "+
		n+" AS n FROM %[1]s a, %[1]s b, %[1]s c, %[1]s e, %[1]s f, %[1]s g) x WHERE n < %[2]d", digits, rows))
	return err
}

// make makes one change and says how long it took.
func (s *site) make(ctx context.Context, c change, told func(migrate.Progress)) (time.Duration, error) {
	set, err := s.set(c.model)
	if err != nil {
		return 0, err
	}
	o := c.allow
	o.Progress = told
	m := migrate.New(s.db, s.dialect, set, o)
	start := time.Now()
	plan, err := m.Plan(ctx)
	if err != nil {
		return 0, err
	}
	err = m.Apply(ctx, plan)
	took := time.Since(start)
	switch {
	case c.refuse == "" && err != nil:
		return 0, err
	case c.refuse != "":
		unsafe := new(migrate.UnsafeError)
		plain := func(s string) string { return strings.NewReplacer(",", "", " ", "").Replace(s) }
		if !errors.As(err, &unsafe) || !strings.Contains(plain(err.Error()), c.refuse) {
			return 0, fmt.Errorf("it was not refused with the number of rows: %w", err)
		}
	}
	var got string
	// The driver keeps statements, and their columns change: each gets its own text.
	if err := s.db.QueryRowContext(ctx, c.check+" /* "+c.name+" */").Scan(&got); err != nil || got != c.want {
		return 0, fmt.Errorf("%s gives %s, not %s: %w", c.check, got, c.want, err)
	}
	return took, nil
}

// migrations measures every change on every engine.
func migrations(dir string, rows int, out io.Writer) (err error) {
	ctx := context.Background()
	list, err := sites(dir)
	if err != nil {
		return err
	}
	for _, s := range list {
		defer func() { err = errors.Join(err, s.db.Close(), s.drop()) }()
		if err := s.fill(ctx, rows); err != nil {
			return fmt.Errorf("%s: fill the table: %w", s.name, err)
		}
	}
	fmt.Fprint(out, "|")
	for _, s := range list {
		fmt.Fprintf(out, " | %s", s.name)
	}
	fmt.Fprintf(out, " |\n|---|%s\n", strings.Repeat("---:|", len(list)))
	for _, c := range changes(rows) {
		fmt.Fprintf(out, "| %s", c.name)
		for _, s := range list {
			told := 0
			took, err := s.make(ctx, c, func(migrate.Progress) { told++ })
			if err == nil && took > 3*time.Second && told == 0 {
				err = fmt.Errorf("it took %s and told nothing of its progress", took)
			}
			if err != nil {
				return fmt.Errorf("%s: %s: %w", s.name, c.name, err)
			}
			fmt.Fprintf(out, " | %s", brieflyOf(took))
		}
		fmt.Fprintln(out, " |")
	}
	return nil
}

// brieflyOf is a time with about three digits.
func brieflyOf(d time.Duration) string {
	if d >= time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

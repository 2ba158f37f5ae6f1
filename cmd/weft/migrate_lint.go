package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// migrateLint is the configuration of weft migrate lint.
type migrateLint struct {
	migration
	options migrateOptions
	strict  bool
}

func newMigrateLint() *cobra.Command {
	p := &migrateLint{}
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Look for mistakes before they are applied",
		Long: "Reads the models and the migration files without a database, and tells what would go\n" +
			"wrong: YAML that cannot be read, faulty models, foreign keys to tables without a model,\n" +
			"circles of foreign keys, names that are too long for a server; a number that two files\n" +
			"have, a down that is missing, statements that delete whole tables, begin transactions\n" +
			"or change tables that the models say.\n" +
			"\n" +
			"With --url or --connection a plan is made too, and what apply would refuse is an error.\n" +
			"\n" +
			"The exit status is 1 when there are errors, with --strict also when there are warnings.",
		Example: "  weft migrate lint\n" +
			"  weft migrate lint --schema models.yaml --strict --format json\n" +
			"  weft migrate lint --url sqlite:app.db",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return p.run(ctx, cmd.OutOrStdout())
		},
	}
	p.at(cmd)
	p.from(cmd)
	p.with(cmd)
	p.options.add(cmd)
	cmd.Flags().BoolVar(&p.strict, "strict", false, "fail on warnings too")
	p.as(cmd)
	return cmd
}

func (p *migrateLint) run(ctx context.Context, stdout io.Writer) error {
	var found findings
	set, err := p.lintModels(ctx, &found)
	if err != nil {
		return err
	}
	if err := p.lintFiles(p.dialects(), &found); err != nil {
		return err
	}
	if set != nil && (p.url != "" || p.connection != "") {
		if err := p.lintPlan(ctx, set, &found); err != nil {
			return err
		}
	}
	if err := found.write(stdout, p.format, "nothing to tell"); err != nil {
		return err
	}
	switch n, all := found.errors(), len(found.List); {
	case n > 0:
		return fmt.Errorf("%s found", count(n, "error"))
	case all > 0 && p.strict:
		return fmt.Errorf("%s found, which --strict does not let pass", count(all, "warning"))
	}
	return nil
}

// dialects are the kinds of databases that files are meant for: that of the URL
// or connection, or all.
func (p *migrateLint) dialects() []catalog.Dialect {
	address, err := p.address()
	if err != nil {
		return []catalog.Dialect{catalog.Postgres, catalog.SQLite, catalog.MySQL}
	}
	switch scheme, _ := serverScheme(address); scheme {
	case "postgres", "postgresql":
		return []catalog.Dialect{catalog.Postgres}
	case "mysql", "mariadb":
		return []catalog.Dialect{catalog.MySQL}
	}
	return []catalog.Dialect{catalog.SQLite}
}

// lintModels reads the models; they are nil when they cannot be used.
func (p *migrateLint) lintModels(ctx context.Context, found *findings) (*schema.Set, error) {
	set, err := p.models(ctx)
	var faults *schema.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults.List {
			file, line := f.File, f.Line
			f.File, f.Line = "", 0
			found.add(finding{Level: levelError, File: file, Line: line, Message: f.String()})
		}
		return nil, nil
	case err != nil:
		return nil, err
	}
	for _, m := range set.Models {
		lintNames(m, found)
	}
	lintCircles(set, found)
	return set, nil
}

// The longest names that the servers take.
const (
	postgresName = 63 // bytes
	mysqlName    = 64 // characters
)

func lintNames(m *schema.Model, found *findings) {
	long := func(what, name string) {
		switch {
		case utf8.RuneCountInString(name) > mysqlName:
			found.add(finding{Level: levelWarning, Table: m.Table, Message: fmt.Sprintf("the name of the %s %s has more than %d characters: PostgreSQL and MySQL refuse it", what, name, mysqlName)})
		case len(name) > postgresName:
			found.add(finding{Level: levelWarning, Table: m.Table, Message: fmt.Sprintf("the name of the %s %s has more than %d bytes: PostgreSQL refuses it", what, name, postgresName)})
		}
	}
	long("table", m.Table)
	for _, f := range m.Fields {
		long("column", f.Column)
	}
	for _, x := range m.Indexes {
		long("index", x.Name)
	}
}

func tablesOf(set *schema.Set) []string {
	var out []string
	for _, m := range set.Models {
		out = append(out, m.Table)
	}
	slices.Sort(out)
	return out
}

// lintCircles looks for foreign keys that go round in a circle and are all NOT
// NULL: no first row could be inserted.
func lintCircles(set *schema.Set, found *findings) {
	next := map[string][]string{} // by table: those that a row cannot be without
	for _, k := range op.ForeignKeys(set.Models) {
		if !slices.ContainsFunc(k.Fields, func(f *schema.Field) bool { return f.Nullable }) {
			next[k.Model.Table] = append(next[k.Model.Table], k.Target.Table)
		}
	}
	told := map[string]bool{}
	for _, start := range tablesOf(set) {
		path := circle(next, start, start, map[string]bool{})
		if len(path) < 2 || told[start] { // a row may point at itself
			continue
		}
		for _, t := range path {
			told[t] = true
		}
		found.add(finding{
			Level: levelWarning, Table: start,
			Message: fmt.Sprintf("the foreign keys %s → %s go round in a circle and are all NOT NULL: no first row can be inserted; make one nullable", strings.Join(path, " → "), start),
		})
	}
}

// circle is the way from a table back to the one that it began at.
func circle(next map[string][]string, at, start string, seen map[string]bool) []string {
	if seen[at] {
		return nil
	}
	seen[at] = true
	for _, to := range next[at] {
		if to == start {
			return []string{at}
		}
		if rest := circle(next, to, start, seen); rest != nil {
			return append([]string{at}, rest...)
		}
	}
	return nil
}

// lintPlan makes a plan, and tells what apply would refuse.
func (p *migrateLint) lintPlan(ctx context.Context, set *schema.Set, found *findings) (err error) {
	t, err := p.open(ctx, looking)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	plan, err := t.plan(ctx, migrate.New(t.db, t.dialect, set, p.options.options()))
	if err != nil {
		return err
	}
	for _, s := range plan.Unsafe() {
		found.add(finding{Level: levelError, Table: s.Table, Name: s.Name, Message: string(s.Kind) + ": " + s.Unsafe + allowedBy(s)})
	}
	for _, d := range plan.Refusals {
		found.add(finding{Level: levelError, Table: d.Table, Name: d.Name, Message: d.Message})
	}
	return nil
}

// allowedBy names the flag that allows an unsafe step.
func allowedBy(s migrate.Step) string {
	if s.Allow == migrate.AllowNothing {
		return ""
	}
	return fmt.Sprintf(" (--%s allows it)", s.Allow)
}

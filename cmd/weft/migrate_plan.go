package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate"
)

// The exit status of a plan that has steps.
const exitSteps = 2

// errSteps is the end of a plan that has steps, which are told already.
var errSteps = errors.New("there are steps")

// migratePlan is the configuration of weft migrate plan.
type migratePlan struct {
	migration
	options migrateOptions
}

func newMigratePlan() *cobra.Command {
	p := &migratePlan{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what would bring a database to the models",
		Long: "Compares a database with the models and writes the steps that would make it hold them,\n" +
			"with their SQL and the number of rows that they concern. Nothing is changed.\n" +
			"\n" +
			"A step that could lose something says so, and names the flag that allows it; with the\n" +
			"flag given the plan is that of 'weft migrate apply' with it. A SQLite file that is not\n" +
			"there counts as an empty database.\n" +
			"\n" +
			"The exit status is 0 when there is nothing to do, 2 when there are steps, and 1 on an\n" +
			"error, also in the command line.",
		Example: "  weft migrate plan --url sqlite:app.db\n" +
			"  weft migrate plan --url sqlite:app.db --format json\n" +
			"  weft migrate plan --url sqlite:app.db --schema models.yaml --allow-drop",
		Args:        noArgs,
		Annotations: map[string]string{usageStatus: "1"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return p.run(ctx, cmd.OutOrStdout())
		},
	}
	p.at(cmd)
	p.from(cmd)
	p.options.add(cmd)
	p.as(cmd)
	return cmd
}

// migrateOptions are what a plan may do.
type migrateOptions struct {
	drop, loss, orphans bool
	tables              []string
}

func (o *migrateOptions) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.drop, "allow-drop", false, "drop columns that no field has, and the tables of --drop-table, with what is in them")
	cmd.Flags().BoolVar(&o.loss, "allow-data-loss", false, "cut values that do not fit a new type, fill NULLs where there are to be none")
	cmd.Flags().BoolVar(&o.orphans, "orphans-to-null", false, "set references to rows that are not there to NULL, for new foreign keys")
	cmd.Flags().StringArrayVar(&o.tables, "drop-table", nil, "table without a model that is to be dropped; may be given again")
}

// migrator is a migration of a database to models.
func (t *target) migrator(ctx context.Context, m *migration, o migrate.Options) (*migrate.Migrator, error) {
	set, err := m.models(ctx)
	if err != nil {
		return nil, err
	}
	return migrate.New(t.db, t.dialect, set, o), nil
}

// plan makes a plan. What no step can bridge is in it as well when the
// migration gives it as an error.
func (t *target) plan(ctx context.Context, m *migrate.Migrator) (*migrate.Plan, error) {
	p, err := m.Plan(ctx)
	var differ migrate.Differences
	if errors.As(err, &differ) {
		return &migrate.Plan{Steps: []migrate.Step{}, Refusals: differ}, nil
	}
	return p, t.explain(err)
}

// options are those of the migration itself.
func (o *migrateOptions) options() migrate.Options {
	return migrate.Options{AllowDrop: o.drop, AllowDataLoss: o.loss, OrphansToNull: o.orphans, DropTables: o.tables}
}

func (p *migratePlan) run(ctx context.Context, stdout io.Writer) (err error) {
	t, err := p.open(ctx, looking)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	m, err := t.migrator(ctx, &p.migration, p.options.options())
	if err != nil {
		return err
	}
	plan, err := t.plan(ctx, m)
	if err != nil {
		return err
	}
	if err := writePlan(stdout, p.format, t, plan); err != nil {
		return err
	}
	switch n := len(plan.Refusals); {
	case n > 0:
		return fmt.Errorf("%s that no step can bridge: change the models or the tables", count(n, "difference"))
	case !plan.Empty():
		return errSteps
	}
	return nil
}

// writePlan writes a plan for people or for programs.
func writePlan(w io.Writer, f format, t *target, p *migrate.Plan) error {
	if f == formatJSON {
		return answerJSON(w, p)
	}
	var b strings.Builder
	if t.absent {
		fmt.Fprintf(&b, "%s is not there yet, and is made by weft migrate apply\n", t.label)
	}
	for i, s := range p.Steps {
		writeStep(&b, i+1, s)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", visibleText(n))
	}
	for _, r := range p.Refusals {
		fmt.Fprintf(&b, "refused: %s\n", visibleText(migrate.Differences{r}.Error()))
	}
	b.WriteString(summary(t, p))
	_, err := io.WriteString(w, b.String())
	return err
}

func writeStep(b *strings.Builder, n int, s migrate.Step) {
	fmt.Fprintf(b, "%d. %s", n, visibleText(stepName(s.Kind, s.Table, s.Name)))
	if s.Rows > 0 {
		fmt.Fprintf(b, " (%s)", rowCount(s.Rows))
	}
	fmt.Fprintf(b, ": %s\n", visibleText(s.Reason))
	if s.Unsafe != "" {
		fmt.Fprintf(b, "   unsafe: %s\n", visibleText(s.Unsafe))
		if s.Allow != migrate.AllowNothing {
			fmt.Fprintf(b, "   --%s allows it\n", s.Allow)
		}
	}
	for _, q := range s.SQL {
		for line := range strings.SplitSeq(q, "\n") {
			fmt.Fprintf(b, "     %s\n", visibleText(line))
		}
	}
}

// summary is the last line of a plan.
func summary(t *target, p *migrate.Plan) string {
	steps := count(len(p.Steps), "step")
	switch unsafe := len(p.Unsafe()); {
	case p.Empty():
		return t.where() + " is as the models say: nothing to do\n"
	case len(p.Refusals) > 0:
		return fmt.Sprintf("%s: %s, and %s that no step can bridge: nothing can be applied\n", t.where(), steps, count(len(p.Refusals), "difference"))
	case unsafe > 0:
		return fmt.Sprintf("%s: %s, %d of them unsafe: nothing is applied as long as they are not allowed\n", t.where(), steps, unsafe)
	}
	return fmt.Sprintf("%s: %s\n", t.where(), steps)
}

// where is the database for people, with its kind.
func (t *target) where() string { return fmt.Sprintf("%s (%s)", t.label, t.kind()) }

// rowCount is a number of rows, for people.
func rowCount(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return grouped(n) + " rows"
}

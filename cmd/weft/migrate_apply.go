package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/data"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// migrateApply is the configuration of weft migrate apply.
type migrateApply struct {
	migration
	options    migrateOptions
	dry        bool
	seed       bool
	outOfOrder bool
	wait       time.Duration
}

func newMigrateApply() *cobra.Command {
	p := &migrateApply{}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Bring a database to the models",
		Long: "Brings a database to the models: first by the steps that 'weft migrate plan' shows,\n" +
			"then by the migration files that were not applied yet, then with --seed by the seed\n" +
			"rows of the models, which are inserted or updated by their seed key. It asks nothing. A\n" +
			"SQLite file that is not there is made.\n" +
			"\n" +
			"Several processes may run it at once: one works, the others wait and find nothing to\n" +
			"do. On SQLite and PostgreSQL the steps are one transaction. On MySQL and MariaDB each\n" +
			"statement is recorded, and a run that was interrupted is resumed by the next one.\n" +
			"\n" +
			"When a step could lose something and its flag is not given, nothing at all is done.\n" +
			"With --dry-run everything is shown and nothing is changed.\n" +
			"\n" +
			"The exit status is 0 when all is applied, and 1 when it is not.",
		Example: "  weft migrate apply --url sqlite:app.db --dry-run\n" +
			"  weft migrate apply --url sqlite:new.db --schema models.yaml --seed\n" +
			"  weft migrate apply --url sqlite:app.db --allow-drop --allow-data-loss",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return p.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p.at(cmd)
	p.from(cmd)
	p.with(cmd)
	p.options.add(cmd)
	cmd.Flags().BoolVar(&p.dry, "dry-run", false, "show what would be done, and change nothing")
	cmd.Flags().BoolVar(&p.seed, "seed", false, "also insert or update the seed rows of the models")
	cmd.Flags().BoolVar(&p.outOfOrder, "out-of-order", false, "apply also migration files whose number is below that of an applied one")
	cmd.Flags().DurationVar(&p.wait, "lock-wait", time.Minute, "how long to wait for another process that migrates")
	p.as(cmd)
	return cmd
}

// applied is what apply did, for programs. With --dry-run it is what it would do.
type applied struct {
	Done       bool            `json:"done"`
	Resumed    bool            `json:"resumed"` // a run that stood in the middle
	Others     bool            `json:"others"`  // another process has done the steps meanwhile
	Steps      []migrate.Step  `json:"steps"`
	Notes      []string        `json:"notes,omitempty"`
	Migrations []migrationJSON `json:"migrations"`
	Seeds      []seededJSON    `json:"seeds"`
	Seconds    float64         `json:"seconds"`
}

// applying is one run of apply.
type applying struct {
	*migrateApply
	t              *target
	stdout, stderr io.Writer
	show           *progress

	set     *schema.Set
	schema  *migrate.Migrator
	files   *data.Runner
	plan    *migrate.Plan
	resumed bool
	done    []data.Entry
	seeds   []seededJSON
	began   time.Time
}

func (p *migrateApply) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	a := &applying{migrateApply: p, stdout: stdout, stderr: stderr, show: newProgress(stderr), began: time.Now()}
	how := making
	if p.dry {
		how = looking
	}
	if a.t, err = p.open(ctx, how); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.t.close()) }()
	o := p.options.options()
	o.LockWait, o.Progress = p.wait, a.show.update
	if a.set, err = p.models(ctx); err != nil {
		return err
	}
	if p.seed {
		if err := seedable(a.set); err != nil {
			return err
		}
	}
	a.schema = migrate.New(a.t.db, a.t.dialect, a.set, o)
	if a.files, err = a.t.runner(&p.migration, data.Options{OutOfOrder: p.outOfOrder, LockWait: p.wait, Progress: a.show.updateData}); err != nil {
		return err
	}
	if a.plan, err = a.t.plan(ctx, a.schema); err != nil {
		return err
	}
	if p.dry {
		return a.dryRun(ctx)
	}
	if err := a.steps(ctx); err != nil {
		return err
	}
	a.show.end()
	others := a.show.step == 0 && !a.plan.Empty()
	a.show = newProgress(stderr)
	if err := a.migrations(ctx); err != nil {
		return err
	}
	a.seeds = []seededJSON{}
	if p.seed {
		if a.seeds, err = a.seedRows(ctx); err != nil {
			return err
		}
	}
	return a.tell(applied{
		Done: true, Resumed: a.resumed, Others: others, Steps: a.plan.Steps, Notes: a.plan.Notes,
		Migrations: shownMigrations(a.done), Seeds: a.seeds, Seconds: time.Since(a.began).Seconds(),
	})
}

// steps brings the tables to the models.
func (a *applying) steps(ctx context.Context) (err error) {
	if a.resumed, err = a.resumes(ctx); err != nil {
		return err
	}
	if err := refused(a.plan); err != nil && !a.resumed {
		return err
	}
	err = a.schema.Apply(ctx, a.plan)
	if a.resumed && errors.Is(err, op.ErrConflict) {
		// The run that stood in the middle is at its end, and there is more to do.
		if a.plan, err = a.t.plan(ctx, a.schema); err == nil {
			err = a.schema.Apply(ctx, a.plan)
		}
	}
	a.show.end()
	return a.t.explain(err)
}

// resumes tells of a run that stands in the middle, which apply goes on with
// before it does anything else.
func (a *applying) resumes(ctx context.Context) (bool, error) {
	if a.t.absent {
		return false, nil
	}
	s, err := a.t.runs(ctx)
	if err != nil || s.Unfinished == nil {
		return false, err
	}
	fmt.Fprintf(a.stderr, "resuming: %s\n", visibleText(standsAt(s.Unfinished)))
	return true, nil
}

// migrations applies the migration files.
func (a *applying) migrations(ctx context.Context) error {
	list, err := a.files.Apply(ctx)
	a.show.end()
	a.done = list
	if err != nil {
		for _, e := range list {
			fmt.Fprintf(a.stderr, "applied %s\n", visibleText(nameOf(e)))
		}
		return a.t.explain(err)
	}
	return nil
}

// refused says why a plan is not applied; nil when it may be.
func refused(p *migrate.Plan) error {
	var why []string
	for _, d := range p.Refusals {
		why = append(why, migrate.Differences{d}.Error())
	}
	for _, s := range p.Unsafe() {
		why = append(why, stepName(s.Kind, s.Table, s.Name)+": "+s.Unsafe+allowedBy(s))
	}
	if len(why) == 0 {
		return nil
	}
	return fmt.Errorf("refused, nothing was done: %s", strings.Join(why, "; "))
}

// dryRun shows what would be done. What would be refused is an error, as it is
// without --dry-run.
func (a *applying) dryRun(ctx context.Context) error {
	s, err := a.files.Status(ctx)
	if err != nil {
		return a.t.explain(err)
	}
	pending := s.Pending()
	if a.format == formatJSON {
		return answerJSON(a.stdout, applied{Steps: a.plan.Steps, Notes: a.plan.Notes, Migrations: shownMigrations(pending), Seeds: a.willSeed()})
	}
	if err := writePlan(a.stdout, a.format, a.t, a.plan); err != nil {
		return err
	}
	for _, e := range pending {
		if _, err := fmt.Fprintf(a.stdout, "would apply %s\n", visibleText(nameOf(e))); err != nil {
			return err
		}
	}
	for _, x := range a.willSeed() {
		if _, err := fmt.Fprintf(a.stdout, "would seed %s: %s\n", x.Model, count(x.Rows, "row")); err != nil {
			return err
		}
	}
	return nil
}

// tell writes what was done.
func (a *applying) tell(did applied) error {
	if a.format == formatJSON {
		return answerJSON(a.stdout, did)
	}
	var b strings.Builder
	for i, s := range did.Steps {
		fmt.Fprintf(&b, "%d. %s: %s\n", i+1, visibleText(stepName(s.Kind, s.Table, s.Name)), visibleText(s.Reason))
	}
	for _, e := range a.done {
		fmt.Fprintf(&b, "applied %s\n", visibleText(nameOf(e)))
	}
	for _, x := range a.seeds {
		fmt.Fprintf(&b, "%s\n", x)
	}
	for _, n := range did.Notes {
		fmt.Fprintf(&b, "note: %s\n", visibleText(n))
	}
	fmt.Fprintf(&b, "%s%s\n", a.t.where(), a.summary(did))
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// summary is what was done, in one line.
func (a *applying) summary(did applied) string {
	var parts []string
	if n := count(len(did.Steps), "step"); did.Others {
		parts = append(parts, "another process applied the "+n+" meanwhile")
	} else if len(did.Steps) > 0 {
		parts = append(parts, n+" applied")
	} else if did.Resumed {
		parts = append(parts, "the run that was interrupted is at its end")
	}
	if len(a.done) > 0 {
		parts = append(parts, count(len(a.done), "migration file")+" applied")
	}
	if n := len(a.seeds); n > 0 {
		parts = append(parts, "seeds of "+count(n, "model"))
	}
	if len(parts) == 0 {
		return " is as the models say: nothing to do"
	}
	took := time.Duration(did.Seconds * float64(time.Second)).Round(time.Millisecond)
	return ": " + strings.Join(parts, ", ") + " in " + took.String()
}

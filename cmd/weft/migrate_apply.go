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
	"github.com/weftdb/weft/op"
)

// migrateApply is the configuration of weft migrate apply.
type migrateApply struct {
	migration
	options migrateOptions
	dry     bool
	wait    time.Duration
}

func newMigrateApply() *cobra.Command {
	p := &migrateApply{}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Bring a database to the models",
		Long: "Brings a database to the models by the steps that 'weft migrate plan' shows. It asks\n" +
			"nothing. A SQLite file that is not there is made.\n" +
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
			"  weft migrate apply --url sqlite:new.db --schema models.yaml\n" +
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
	p.options.add(cmd)
	cmd.Flags().BoolVar(&p.dry, "dry-run", false, "show what would be done, and change nothing")
	cmd.Flags().DurationVar(&p.wait, "lock-wait", time.Minute, "how long to wait for another process that migrates")
	p.as(cmd)
	return cmd
}

// applied is what apply did, for programs. With --dry-run it is what it would do.
type applied struct {
	Done    bool           `json:"done"`
	Resumed bool           `json:"resumed"` // a run that stood in the middle
	Others  bool           `json:"others"`  // another process has done it meanwhile
	Steps   []migrate.Step `json:"steps"`
	Notes   []string       `json:"notes,omitempty"`
	Seconds float64        `json:"seconds"`
}

func (p *migrateApply) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	began := time.Now()
	a := making
	if p.dry {
		a = looking
	}
	t, err := p.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	show := newProgress(stderr)
	o := p.options.options()
	o.LockWait, o.Progress = p.wait, show.update
	m, err := t.migrator(ctx, &p.migration, o)
	if err != nil {
		return err
	}
	plan, err := t.plan(ctx, m)
	if err != nil {
		return err
	}
	if p.dry {
		return p.tell(stdout, t, plan, applied{Steps: plan.Steps, Notes: plan.Notes})
	}
	resumed, err := p.resumes(ctx, t, stderr)
	if err != nil {
		return err
	}
	if err := refused(plan); err != nil && !resumed {
		return err
	}
	err = m.Apply(ctx, plan)
	if resumed && errors.Is(err, op.ErrConflict) {
		// The run that stood in the middle is at its end, and there is more to do.
		if plan, err = t.plan(ctx, m); err == nil {
			err = m.Apply(ctx, plan)
		}
	}
	show.end()
	if err != nil {
		return t.explain(err)
	}
	return p.tell(stdout, t, plan, applied{Done: true, Resumed: resumed, Others: show.step == 0 && !plan.Empty(), Steps: plan.Steps, Notes: plan.Notes, Seconds: time.Since(began).Seconds()})
}

// resumes tells of a run that stands in the middle, which apply goes on with
// before it does anything else.
func (p *migrateApply) resumes(ctx context.Context, t *target, stderr io.Writer) (bool, error) {
	if t.absent {
		return false, nil
	}
	s, err := t.status(ctx)
	if err != nil || s.Unfinished == nil {
		return false, err
	}
	fmt.Fprintf(stderr, "resuming: %s\n", visibleText(standsAt(s.Unfinished)))
	return true, nil
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

// tell writes what was done, or would be.
func (p *migrateApply) tell(stdout io.Writer, t *target, plan *migrate.Plan, a applied) error {
	if p.format == formatJSON {
		return answerJSON(stdout, a)
	}
	if p.dry {
		return writePlan(stdout, p.format, t, plan)
	}
	var b strings.Builder
	for i, s := range plan.Steps {
		fmt.Fprintf(&b, "%d. %s: %s\n", i+1, visibleText(stepName(s.Kind, s.Table, s.Name)), visibleText(s.Reason))
	}
	for _, n := range plan.Notes {
		fmt.Fprintf(&b, "note: %s\n", visibleText(n))
	}
	steps := count(len(plan.Steps), "step")
	switch {
	case len(plan.Steps) == 0 && a.Resumed:
		fmt.Fprintf(&b, "%s: the run that was interrupted is at its end\n", t.where())
	case len(plan.Steps) == 0:
		fmt.Fprintf(&b, "%s is as the models say: nothing to do\n", t.where())
	case a.Others:
		fmt.Fprintf(&b, "%s: another process applied the %s meanwhile\n", t.where(), steps)
	default:
		fmt.Fprintf(&b, "%s: %s applied in %s\n", t.where(), steps, time.Duration(a.Seconds*float64(time.Second)).Round(time.Millisecond))
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

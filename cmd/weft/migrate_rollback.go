package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate/data"
)

// migrateRollback is the configuration of weft migrate rollback.
type migrateRollback struct {
	migration
	batch int64
	dry   bool
	wait  time.Duration
}

func newMigrateRollback() *cobra.Command {
	p := &migrateRollback{}
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Undo the migration files that were applied last",
		Long: "Undoes the last batch of migration files, those that one 'weft migrate apply' applied,\n" +
			"by their down files, the last one first. It is refused as a whole when one of them has\n" +
			"none. Tables follow the models: to undo a change of them, apply the models as they\n" +
			"were before.\n" +
			"\n" +
			"The exit status is 0 when the batch was undone, also when there was none.",
		Example: "  weft migrate rollback --url sqlite:app.db --dry-run\n" +
			"  weft migrate rollback --url sqlite:app.db",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return p.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p.at(cmd)
	p.with(cmd)
	cmd.Flags().Int64Var(&p.batch, "batch", 0, "number of the batch, which must be the last one (default the last one)")
	cmd.Flags().BoolVar(&p.dry, "dry-run", false, "say what would be undone, and change nothing")
	cmd.Flags().DurationVar(&p.wait, "lock-wait", time.Minute, "how long to wait for another process that migrates")
	p.as(cmd)
	return cmd
}

// rolledJSON is what weft migrate rollback writes as JSON.
type rolledJSON struct {
	Done   bool            `json:"done"`
	Undone []migrationJSON `json:"undone"`
}

func (p *migrateRollback) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if p.batch < 0 {
		return usagef("--batch is the number of a batch from 1 on, not %d", p.batch)
	}
	t, err := p.open(ctx, writing)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	show := newProgress(stderr)
	r, err := t.runner(&p.migration, data.Options{LockWait: p.wait, Progress: show.updateData})
	if err != nil {
		return err
	}
	if p.dry {
		return p.show(ctx, stdout, t, r)
	}
	undone, err := r.Rollback(ctx, p.batch)
	show.end()
	if err != nil {
		for _, e := range undone {
			fmt.Fprintf(stderr, "undone %s\n", visibleText(nameOf(e)))
		}
		return t.explain(err)
	}
	return p.tell(stdout, t, undone, true)
}

// show says what would be undone.
func (p *migrateRollback) show(ctx context.Context, stdout io.Writer, t *target, r *data.Runner) error {
	s, err := r.Status(ctx)
	if err != nil {
		return t.explain(err)
	}
	batch := p.batch
	if batch == 0 {
		for _, e := range s.Entries {
			batch = max(batch, e.Batch)
		}
	}
	var list []data.Entry
	for _, e := range s.Entries {
		if e.Batch == batch && batch > 0 {
			list = append([]data.Entry{e}, list...)
		}
	}
	return p.tell(stdout, t, list, false)
}

func (p *migrateRollback) tell(stdout io.Writer, t *target, list []data.Entry, done bool) error {
	if p.format == formatJSON {
		return answerJSON(stdout, rolledJSON{Done: done, Undone: shownMigrations(list)})
	}
	var b strings.Builder
	did, would := "undone", ""
	if !done {
		did, would = "would undo", ", nothing was done"
	}
	for _, e := range list {
		fmt.Fprintf(&b, "%s %s", did, visibleText(nameOf(e)))
		if !done && !e.Reversible {
			b.WriteString(", which cannot be undone: it has no down")
		}
		b.WriteByte('\n')
	}
	if len(list) == 0 {
		fmt.Fprintf(&b, "%s: there is nothing to roll back\n", t.where())
	} else {
		fmt.Fprintf(&b, "%s: batch %d, %s%s\n", t.where(), list[0].Batch, count(len(list), "migration"), would)
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

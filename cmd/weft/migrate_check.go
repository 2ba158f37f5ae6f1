package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/data"
)

// migrateCheck is the configuration of weft migrate check.
type migrateCheck struct {
	migration
}

func newMigrateCheck() *cobra.Command {
	p := &migrateCheck{}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say whether a database is as the models say",
		Long: "Compares a database with the models and tells every difference: what was changed by\n" +
			"hand, and what was not applied yet. So it does with the migration files: those that\n" +
			"were edited after they were applied, were stopped in the middle or are not applied yet.\n" +
			"Nothing is changed.\n" +
			"\n" +
			"The exit status is 0 when the database is as it should be, and 1 when it is not.",
		Example: "  weft migrate check --url sqlite:app.db\n" +
			"  weft migrate check --url sqlite:app.db --format json",
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
	p.as(cmd)
	return cmd
}

// finding is something that is not as it should be.
type finding struct {
	Level   level  `json:"level"`
	Table   string `json:"table,omitempty"`
	Name    string `json:"name,omitempty"` // of the column, index or constraint
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// level says how bad a finding is.
type level string

const (
	levelError   level = "error"
	levelWarning level = "warning"
)

func (f finding) String() string {
	where := f.File
	if f.Line > 0 {
		where += fmt.Sprintf(":%d", f.Line)
	}
	what := f.Table
	if f.Name != "" {
		what += "." + f.Name
	}
	var parts []string
	for _, p := range []string{where, what, f.Message} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return visibleText(strings.Join(parts, ": "))
}

// findings are all that were found.
type findings struct {
	OK   bool      `json:"ok"`
	List []finding `json:"findings"`
}

func (f *findings) add(list ...finding) { f.List = append(f.List, list...) }

// errors is the number of findings that are errors.
func (f *findings) errors() int {
	n := 0
	for _, x := range f.List {
		if x.Level == levelError {
			n++
		}
	}
	return n
}

// write writes the findings; well is the line for when there is none.
func (f *findings) write(w io.Writer, as format, well string) error {
	f.OK = f.errors() == 0
	if as == formatJSON {
		if f.List == nil {
			f.List = []finding{}
		}
		return answerJSON(w, f)
	}
	var b strings.Builder
	for _, x := range f.List {
		fmt.Fprintf(&b, "%-7s  %s\n", x.Level, x)
	}
	if len(f.List) == 0 {
		b.WriteString(well + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *migrateCheck) run(ctx context.Context, stdout io.Writer) (err error) {
	t, err := p.open(ctx, checking)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	m, err := t.migrator(ctx, &p.migration, migrate.Options{})
	if err != nil {
		return err
	}
	plan, err := t.plan(ctx, m)
	if err != nil {
		return err
	}
	r, err := t.runner(&p.migration, data.Options{})
	if err != nil {
		return err
	}
	files, err := r.Status(ctx)
	if err != nil {
		return t.explain(err)
	}
	var found findings
	found.add(differences(plan)...)
	found.add(faultsOf(files, p.folder())...)
	if err := found.write(stdout, p.format, t.where()+" is as it should be"); err != nil {
		return err
	}
	if n := found.errors(); n > 0 {
		return fmt.Errorf("%s is not as it should be in %s; weft migrate plan and weft migrate status say more", t.label, count(n, "place"))
	}
	return nil
}

// differences are what a plan has found between the models and a database.
// Tables that Weft keeps for itself come with the first change.
func differences(p *migrate.Plan) []finding {
	var out []finding
	for _, s := range p.Steps {
		if s.Own() {
			continue
		}
		out = append(out, finding{Level: levelError, Table: s.Table, Name: s.Name, Message: string(s.Kind) + " is needed: " + s.Reason})
	}
	for _, d := range p.Refusals {
		out = append(out, finding{Level: levelError, Table: d.Table, Name: d.Name, Message: d.Message})
	}
	for _, n := range p.Notes {
		out = append(out, finding{Level: levelWarning, Message: n})
	}
	return out
}

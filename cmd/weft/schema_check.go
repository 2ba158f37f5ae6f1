package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/schema"
)

func newSchemaCheck() *cobra.Command {
	var against string
	cmd := &cobra.Command{
		Use:   "check <models…>",
		Short: "Check models, also against a database",
		Long: "Checks models as a program that opens a database with them does, and writes every\n" +
			"fault with its file and line. The models are those of Go packages, which are\n" +
			"compiled and asked, of YAML files or of folders of such files.\n" +
			"\n" +
			"With --database they are compared with a SQLite file, or a database on a server by its\n" +
			"URL, which is only read: what a migration would have to do, and what it could not, is a\n" +
			"difference.\n" +
			"\n" +
			"The exit status is 0 when there is nothing to tell, 1 when there are faults or\n" +
			"differences.",
		Example: "  weft schema check models.yaml\n" +
			"  weft schema check schema --database app.db",
		Args: takes(1, "models…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return checkSchema(ctx, cmd.OutOrStdout(), args, against)
		},
	}
	cmd.Flags().StringVar(&against, "database", "", "SQLite file, or URL, to compare the models with")
	return cmd
}

func checkSchema(ctx context.Context, stdout io.Writer, args []string, against string) error {
	set, _, err := readSchema(ctx, args, false)
	var faults *schema.Faults
	if errors.As(err, &faults) {
		for _, f := range faults.List {
			fmt.Fprintln(stdout, visibleText(f.String()))
		}
		return fmt.Errorf("the models have %s", count(len(faults.List), "fault"))
	}
	if err != nil {
		return err
	}
	if against == "" {
		fmt.Fprintf(stdout, "%s: no faults\n", count(len(set.Models), "model"))
		return nil
	}
	if _, server := serverScheme(against); server {
		return checkServer(ctx, stdout, set, against)
	}
	d, err := findDatabase(against)
	if err != nil {
		return err
	}
	var found []string
	var notes []string
	err = d.connected(ctx, func(c *sql.Conn) error {
		p, err := migrate.SQLite(ctx, c, set)
		var refused migrate.Differences
		switch {
		case errors.As(err, &refused):
			for _, x := range refused {
				who := x.Table
				if x.Name != "" {
					who += "." + x.Name
				}
				found = append(found, who+": "+x.Message)
			}
			return nil
		case err != nil:
			return err
		}
		for _, s := range p.Steps {
			if s.Own() {
				continue // comes with the first change
			}
			who := s.Table
			if s.Name != "" {
				who += "." + s.Name
			}
			found = append(found, who+": "+s.Reason)
		}
		notes = p.Notes
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintf(stdout, "note: %s\n", visibleText(n))
	}
	for _, x := range found {
		fmt.Fprintln(stdout, visibleText(x))
	}
	if len(found) > 0 {
		return fmt.Errorf("%s between the models and %s", count(len(found), "difference"), d.path)
	}
	fmt.Fprintf(stdout, "%s: no faults, and as %s is\n", count(len(set.Models), "model"), d.path)
	return nil
}

// checkServer compares models with a database on a server.
func checkServer(ctx context.Context, stdout io.Writer, set *schema.Set, address string) (err error) {
	t, err := openServer(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	p, err := t.plan(ctx, migrate.New(t.db, t.dialect, set, migrate.Options{}))
	if err != nil {
		return err
	}
	n := 0
	for _, f := range differences(p) {
		if f.Level == levelError {
			n++
			fmt.Fprintln(stdout, f)
		} else {
			fmt.Fprintf(stdout, "note: %s\n", f)
		}
	}
	if n > 0 {
		return fmt.Errorf("%s between the models and %s", count(n, "difference"), t.label)
	}
	fmt.Fprintf(stdout, "%s: no faults, and as %s is\n", count(len(set.Models), "model"), t.label)
	return nil
}

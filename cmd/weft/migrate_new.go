package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/migrate/data"
)

// migrateNew is the configuration of weft migrate new.
type migrateNew struct {
	migration
}

func newMigrateNew() *cobra.Command {
	p := &migrateNew{}
	cmd := &cobra.Command{
		Use:   "new <name>",
		Short: "Begin a migration of data",
		Long: "Writes two files for a migration of data: <number>_<name>.up.sql, which does it, and\n" +
			"<number>_<name>.down.sql, which undoes it. They are in the folder migrations, or in\n" +
			"migrations/<connection> for another connection than default. The number is the time,\n" +
			"so that two branches seldom have the same one.\n" +
			"\n" +
			"What the tables are is said by the models and needs no file. Delete the file down when\n" +
			"the migration cannot be undone.",
		Example: "  weft migrate new split_names\n" +
			"  weft migrate new \"Split names\" --connection analytics",
		Args: takes(1, "name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.run(cmd.OutOrStdout(), args[0])
		},
	}
	p.with(cmd)
	cmd.Flags().StringVar(&p.connection, "connection", "", "connection that the migration is for (default the one named default)")
	return cmd
}

func (p *migrateNew) run(stdout io.Writer, title string) error {
	up, down, err := data.New(p.folder(), title)
	if err != nil {
		return fmt.Errorf("%s", bare(err))
	}
	_, err = fmt.Fprintf(stdout, "%s\n%s\n", up, down)
	return err
}

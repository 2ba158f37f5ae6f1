package main

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// migrateNew is the configuration of weft migrate new.
type migrateNew struct {
	migration
	now func() time.Time
}

func newMigrateNew() *cobra.Command {
	p := &migrateNew{now: time.Now}
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

// migrationFolder is where migration files are when nobody says otherwise.
const migrationFolder = "migrations"

// with adds the flag that says where the migration files are.
func (m *migration) with(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.files, "migrations", migrationFolder, "folder of the migration files")
}

// folder is where the migration files are.
func (m *migration) folder() string { return filepath.Join(m.files, m.other()) }

// notInName is what the name of a file has none of.
var notInName = regexp.MustCompile(`[^a-z0-9]+`)

func (p *migrateNew) run(stdout io.Writer, title string) error {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(title), "_"), "_")
	switch {
	case p.files == "":
		return usagef("--migrations is empty; give a folder, such as --migrations migrations")
	case name == "":
		return usagef("the name %q has none of a-z and 0-9; say what the migration does, such as split_names", title)
	case len(name) > 100:
		return usagef("the name is longer than 100 characters")
	}
	title = strings.Join(strings.Fields(title), " ") // on one line, in a comment
	at := p.now().UTC()
	for taken(p.folder(), at) {
		at = at.Add(time.Second)
	}
	base := filepath.Join(p.folder(), at.Format(versionForm)+"_"+name)
	for _, f := range []struct{ end, text string }{
		{".up.sql", "-- " + title + ". Statements end with a semicolon.\n"},
		{".down.sql", "-- Undoes it. Delete this file when it cannot be undone.\n"},
	} {
		if err := writeFile(base+f.end, []byte(f.text)); err != nil {
			return fmt.Errorf("%s cannot be written: %w", base+f.end, cause(err))
		}
		fmt.Fprintln(stdout, base+f.end)
	}
	return nil
}

// versionForm is how the time becomes the number of a migration.
const versionForm = "20060102150405"

// taken reports whether a migration has that number.
func taken(folder string, at time.Time) bool {
	found, err := filepath.Glob(filepath.Join(folder, at.Format(versionForm)+"_*"))
	return err == nil && len(found) > 0
}

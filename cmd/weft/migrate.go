package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/schema"
)

// usageStatus is the annotation of a command whose exit status for a command line
// that cannot be understood is not the usual one.
const usageStatus = "usage status"

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring a database to the models",
		Long: "Compares a database with the models, shows what would have to be done, and does it:\n" +
			"on SQLite, PostgreSQL, MySQL and MariaDB. The models are the YAML files of the folder\n" +
			"schema, or those of Go packages (--schema ./models).",
		Example: "  weft migrate plan --url sqlite:app.db\n" +
			"  weft migrate apply --url sqlite:app.db\n" +
			"  weft migrate pull --url sqlite:app.db --schema pulled",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMigrateApply(), newMigratePlan(), newMigratePull())
	return cmd
}

// migration is what the commands of weft migrate have in common: where the
// database, the models and the migration files are.
type migration struct {
	url    string
	schema []string
	format format
}

// schemaFolder is where the models are when nobody says otherwise.
const schemaFolder = "schema"

// at adds the flags that say where the database is.
func (m *migration) at(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.url, "url", "", "database: sqlite:app.db, postgres://user@host/name, mysql://user@host/name")
}

// from adds the flag that says where the models are.
func (m *migration) from(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&m.schema, "schema", nil, "models: a folder of YAML files, a file, or a Go package; may be given again (default schema)")
}

// as adds the flag for the format of the answer.
func (m *migration) as(cmd *cobra.Command) {
	m.format = formatTable
	cmd.Flags().Var(choice{&m.format, []format{formatTable, formatJSON}}, "format", "how the answer is written")
}

// address is where the database is.
func (m *migration) address() (string, error) {
	if m.url == "" {
		return "", usagef("the database is missing; name it with --url, such as --url sqlite:app.db")
	}
	return m.url, nil
}

// models reads the models.
func (m *migration) models(ctx context.Context) (*schema.Set, error) {
	args := m.schema
	if len(args) == 0 {
		if !exists(schemaFolder) {
			return nil, fmt.Errorf("there is no folder %s with models; give them with --schema: a folder of YAML files, or a Go package such as ./models", schemaFolder)
		}
		args = []string{schemaFolder}
	}
	set, _, err := readSchema(ctx, args, false)
	return set, err
}

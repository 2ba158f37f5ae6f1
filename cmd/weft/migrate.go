package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/schema"
)

// usageStatus is the annotation of a command whose exit status for a command
// line that cannot be understood is not the usual one.
const usageStatus = "usage status"

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring a database to the models",
		Long: "Compares a database with the models, shows what would have to be done, and does it:\n" +
			"on SQLite, PostgreSQL, MySQL and MariaDB.\n" +
			"\n" +
			"The database is that of --url, or a connection that weft.yaml names. The models are\n" +
			"the YAML files of the folder schema, of schema/<connection> for another connection\n" +
			"than default, or those of Go packages (--schema ./models).",
		Example: "  weft migrate plan --url sqlite:app.db\n" +
			"  weft migrate apply --url sqlite:app.db\n" +
			"  weft migrate pull --url sqlite:app.db --schema pulled",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMigrateApply(), newMigrateCheck(), newMigrateLint(), newMigrateNew(), newMigratePlan(),
		newMigratePull(), newMigrateRollback(), newMigrateStatus())
	return cmd
}

// migration is what the commands of weft migrate have in common: where the
// database and the models are.
type migration struct {
	url, connection string
	config          string
	schema          []string
	files           string // folder of migration files
	format          format

	read *open.Config // nil with --url
}

// at adds the flags that say where the database is.
func (m *migration) at(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.url, "url", "", "database: sqlite:app.db, postgres://user@host/name, mysql://user@host/name")
	cmd.Flags().StringVar(&m.connection, "connection", "", "database by its name in the configuration (default the one named default)")
	cmd.Flags().StringVar(&m.config, "config", open.ConfigFile, "configuration, which names the connections")
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

// errNoDatabase is the error of a command line that names no database.
var errNoDatabase = usagef("the database is missing; name it with --url, such as --url sqlite:app.db, or in the file %s", open.ConfigFile)

// configured reads the configuration, unless the database is given by its URL.
func (m *migration) configured() error {
	if m.url != "" && m.connection != "" {
		return usagef("--url and --connection both name a database; give one")
	}
	if m.url != "" || m.read != nil {
		return nil
	}
	c, err := open.ReadConfig(m.config)
	switch {
	case errors.Is(err, fs.ErrNotExist) && m.connection == "" && m.config == open.ConfigFile:
		return errNoDatabase
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no configuration %s, which would name the connections; write one, or give --url", m.config)
	case err != nil:
		return err
	}
	m.read = c
	return nil
}

// address is where the database is.
func (m *migration) address() (string, error) {
	if err := m.configured(); err != nil {
		return "", err
	}
	if m.url != "" {
		return m.url, nil
	}
	address, err := m.read.URL(m.connection)
	if err != nil {
		return "", fmt.Errorf("%s: %w", m.config, err)
	}
	return address, nil
}

// other is the name of a connection that has folders of its own, "" for the
// default one.
func (m *migration) other() string {
	if m.connection == open.Main {
		return ""
	}
	return m.connection
}

// schemaFolder is where the models are when nobody says otherwise.
const schemaFolder = "schema"

// modelFolder is the folder of the models where no flag gives another.
func (m *migration) modelFolder() (string, error) {
	switch err := m.configured(); {
	case err == errNoDatabase, err == nil && m.read == nil:
		return schemaFolder, nil
	case err != nil:
		return "", err
	}
	return m.read.SchemaDir(m.connection)
}

// sources are the files, folders and packages of the models. In a folder of
// YAML files a connection has a folder of its own.
func (m *migration) sources() ([]string, error) {
	if len(m.schema) == 0 {
		dir, err := m.modelFolder()
		if err == nil && !exists(dir) {
			err = fmt.Errorf("there is no folder %s with models; give them with --schema: a folder of YAML files, or a Go package such as ./models", dir)
		}
		return []string{dir}, err
	}
	out := append([]string(nil), m.schema...)
	if other := m.other(); other != "" {
		for i, arg := range out {
			if info, err := os.Stat(arg); err == nil && info.IsDir() && !holdsGo(arg) {
				out[i] = filepath.Join(arg, other)
			}
		}
	}
	return out, nil
}

// models reads the models.
func (m *migration) models(ctx context.Context) (*schema.Set, error) {
	args, err := m.sources()
	if err != nil {
		return nil, err
	}
	set, _, err := readSchema(ctx, args, false)
	return set, err
}

// holdsGo reports whether a folder has Go files.
func holdsGo(dir string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	return err == nil && len(files) > 0
}

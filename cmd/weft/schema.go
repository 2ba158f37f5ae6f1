package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/codegen"
	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/pull"
	"github.com/weftdb/weft/schema"
)

func newSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Show, check and pull models",
		Long: "Works on models: shows what they say, checks them, by themselves or against a\n" +
			"database, and makes them of a database that exists.",
		Example: "  weft schema pull app.db --out models\n" +
			"  weft schema show app.db\n" +
			"  weft schema check models.yaml --database app.db",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSchemaCheck(), newSchemaPull(), newSchemaShow())
	return cmd
}

// pulled are the models of a database, and what differs between the two, which
// should be nothing.
func (d *database) pulled(ctx context.Context) (*pull.Result, error) {
	var r *pull.Result
	err := d.connected(ctx, func(c *sql.Conn) error {
		if err := migrate.CheckSQLite(ctx, c); err != nil {
			return err
		}
		db, err := catalog.Inspect(ctx, c, catalog.SQLite, catalog.InspectOptions{})
		if err != nil {
			return err
		}
		if r, err = pull.Models(db); err != nil {
			return fmt.Errorf("%s: %w", d.path, err)
		}
		p, err := migrate.SQLite(ctx, c, r.Set)
		if err != nil {
			return fmt.Errorf("the models made of %s do not fit it, which is a fault of this program: %w", d.path, err)
		}
		for _, s := range p.Steps {
			r.Notes = append(r.Notes, pull.Note{Table: s.Table, Message: "a migration would change it: " + s.Reason})
		}
		return nil
	})
	return r, err
}

// readSchema reads the models that the arguments of a command name: Go packages,
// YAML files and folders of them, or one database where that has a meaning.
func readSchema(ctx context.Context, args []string, databases bool) (*schema.Set, []pull.Note, error) {
	kind, err := sourceOf(args)
	switch {
	case err != nil:
		return nil, nil, err
	case kind == sourceGo:
		set, err := codegen.Load(ctx, "", args)
		return set, nil, err
	case kind == sourceDatabase && databases:
		r, _, err := pulledFrom(ctx, args[0])
		if err != nil {
			return nil, nil, err
		}
		return r.Set, r.Notes, nil
	}
	for _, arg := range args {
		if isDatabase(arg) {
			return nil, nil, usagef("%s is a database; give the models, and the database with --database %s", arg, arg)
		}
	}
	models, err := readModels(args)
	if err != nil {
		return nil, nil, err
	}
	set, err := schema.Build(models...)
	return set, nil, err
}

// source is where models come from.
type source string

const (
	sourceYAML     source = "YAML"
	sourceGo       source = "Go"
	sourceDatabase source = "a database"
)

// sourceOf tells what the arguments of a command are; they must all be the same.
func sourceOf(args []string) (source, error) {
	var kind source
	for _, arg := range args {
		k := sourceOfOne(arg)
		switch {
		case kind == "":
			kind = k
		case k != kind:
			return "", usagef("%s is %s and %s is %s; show or check them one after the other, or compare them by weft schema check MODELS --database FILE", args[0], kind, arg, k)
		case k == sourceDatabase:
			return "", usagef("%s and %s are two databases; give one", args[0], arg)
		}
	}
	return kind, nil
}

func sourceOfOne(arg string) source {
	switch ext := strings.ToLower(filepath.Ext(arg)); {
	case schemed.MatchString(arg) && !exists(arg):
		return sourceDatabase
	case ext == ".yaml" || ext == ".yml":
		return sourceYAML
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		if _, err := yamlFiles(arg); err == nil {
			return sourceYAML
		}
		if files, _ := filepath.Glob(filepath.Join(arg, "*.go")); len(files) > 0 {
			return sourceGo
		}
		return sourceYAML // which tells that there are no files
	case err != nil && (strings.Contains(arg, "...") || strings.Contains(arg, "/") && filepath.Ext(filepath.Base(arg)) == ""):
		return sourceGo
	}
	return sourceDatabase
}

// isDatabase reports whether a file begins as a SQLite database does.
func isDatabase(path string) bool {
	d := database{path: path}
	head, err := d.header()
	return err == nil && bytes.HasPrefix(head, []byte(sqliteMagic))
}

// tell writes notes for people, a line each.
func tell(w io.Writer, notes []pull.Note) {
	for _, n := range notes {
		fmt.Fprintf(w, "note: %s\n", visibleText(n.String()))
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/pull"
	"github.com/weftdb/weft/schema"
)

// find is the configuration of weft find.
type find struct {
	schema []string
	where  []string
	with   []string
	sort   string
	only   []string
	limit  int
	gone   bool
	format format

	notes []pull.Note // on models made of the database
}

func newFind() *cobra.Command {
	f := &find{format: formatTable}
	cmd := &cobra.Command{
		Use:   "find <MODEL> <database>",
		Short: "Find rows of a model",
		Long: "Finds rows of a model in a SQLite file, which is opened for reading only, or in the\n" +
			"PostgreSQL, MySQL or MariaDB database that a URL names. The models are those of YAML\n" +
			"files (--schema, a file or a folder), or without any those that 'weft schema show'\n" +
			"makes of the database's tables.\n" +
			"\n" +
			"A condition is a field, an operator and a value: 'title like rock'. The operators are\n" +
			operatorList() + ".\n" +
			"A field may be reached over relations (artist.name) and into JSON (meta.lang). Values\n" +
			"are read as the field's type is. The lists of in, not in and between are separated by\n" +
			"commas. A value in quotes is taken as it is, and null without quotes is NULL. Several\n" +
			"conditions must all hold.\n" +
			"\n" +
			"Relations that are loaded are nested in JSON. In tables and CSV one row becomes\n" +
			"columns of its own; several are named in one column, as JSON in CSV.\n" +
			"\n" +
			"The exit status is 0 when the rows were found, also when there are none.",
		Example: "  weft find Book app.db\n" +
			"  weft find Book app.db --where 'title like loom' --where 'sold >= 5'\n" +
			"  weft find Book app.db --where 'author.name = Ada' --sort -sold,title --limit 3\n" +
			"  weft find Author app.db --schema models.yaml --with books.genres --format json",
		Args: takes(2, "model", "database"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if f.limit < 0 || (f.limit == 0 && cmd.Flags().Changed("limit")) {
				return usagef("--limit is a number of rows from 1 on, not %d; without it all rows are written", f.limit)
			}
			return f.run(ctx, cmd.OutOrStdout(), args[0], args[1])
		},
	}
	cmd.Flags().StringArrayVar(&f.schema, "schema", nil, "YAML file, or folder of such files, that describes the models; may be given again")
	cmd.Flags().StringArrayVar(&f.where, "where", nil, "condition, such as 'title like rock'; may be given again")
	cmd.Flags().StringSliceVar(&f.with, "with", nil, "relations to load, such as album.artist; may be given again")
	cmd.Flags().StringVar(&f.sort, "sort", "", "fields to sort by, such as -createdAt,title")
	cmd.Flags().StringSliceVar(&f.only, "select", nil, "fields to write, such as title,sold (default all)")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "number of rows at most (default all)")
	cmd.Flags().BoolVar(&f.gone, "deleted", false, "also rows that are marked deleted (soft delete)")
	addFormat(cmd, &f.format)
	return cmd
}

func operatorList() string {
	names := make([]string, len(operators))
	for i, o := range operators {
		names[i] = o.String()
	}
	half := len(names)/2 + 2
	return strings.Join(names[:half], ", ") + ",\n" + strings.Join(names[half:], ", ")
}

func (f *find) run(ctx context.Context, stdout io.Writer, model, database string) (err error) {
	d, err := findPlace(database)
	if err != nil {
		return err
	}
	db, err := f.open(ctx, d)
	if err != nil {
		return err
	}
	err = f.print(ctx, stdout, db, model)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return d.moved()
}

// open opens the database with the models that it is read by.
func (f *find) open(ctx context.Context, d place) (*weft.DB, error) {
	var models []*schema.Model
	if len(f.schema) > 0 {
		list, err := readModels(f.schema)
		if err != nil {
			return nil, err
		}
		models = list
	} else {
		r, err := d.pulled(ctx)
		if err != nil {
			return nil, err
		}
		models, f.notes = r.Set.Models, r.Notes
	}
	forReading(models)
	list := make([]any, len(models))
	for i, m := range models {
		list[i] = m
	}
	e, err := d.reader()
	if err != nil {
		return nil, err
	}
	return weft.Open(e, weft.Models(list...))
}

// op is the operation that the command line asks for.
func (f *find) op(m *schema.Model) (op.Op, error) {
	o := op.Op{Kind: op.Find, Model: m, Limit: f.limit, Fields: allFields(m), WithDeleted: f.gone}
	if f.gone && m.DeletedF == nil {
		return o, op.Errorf(op.CodeValidation, "--deleted: rows of %s are never only marked deleted", m.Name)
	}
	for _, text := range f.where {
		c, err := parseWhere(m, text)
		if err != nil {
			return o, err
		}
		o.Filter = op.AllOf(o.Filter, c)
	}
	var err error
	if o.With, err = parseWith(m, f.with); err != nil {
		return o, err
	}
	o.Sort, err = parseOrder(m, f.sort)
	return o, err
}

func (f *find) print(ctx context.Context, stdout io.Writer, db *weft.DB, model string) (err error) {
	m, err := modelNamed(db.Schema(), model)
	if err != nil {
		for _, n := range f.notes { // perhaps it is a table without a model
			if strings.EqualFold(n.Table, model) && n.Column == "" {
				return fmt.Errorf("%w; %s", err, n)
			}
		}
		return err
	}
	o, err := f.op(m)
	if err != nil {
		return err
	}
	s := shape{m: m, with: o.With, nested: f.format == formatJSON, names: f.format == formatTable}
	for _, name := range f.only {
		field, err := fieldNamed(m, strings.TrimSpace(name))
		if err != nil {
			return fmt.Errorf("--select: %w", err)
		}
		s.only = append(s.only, field)
	}
	res, err := db.Engine().Do(ctx, o)
	if err != nil {
		return err
	}
	return writeRows(stdout, f.format, op.Result{Columns: s.columns(), Rows: &shapedRows{Rows: res.Rows, shape: s}})
}

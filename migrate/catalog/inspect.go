package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/schema"

	"github.com/weftdb/weft/op"
)

// InspectOptions say what to look at.
type InspectOptions struct {
	// Tables are the names of the tables to read, all where it is nil. Names
	// without a table are no error. Views and enum types are read in any case.
	Tables []string
}

// OwnPrefix begins the names of the tables that Weft keeps for itself.
const OwnPrefix = "weft_"

// MetaTable holds what Weft keeps about a database as a whole.
const MetaTable = "weft_meta"

// LiveColumn is a column that Weft adds on MySQL to tables whose uniques hold
// among live rows: 1 for those, NULL for others.
const LiveColumn = "weft_live"

// Inspect reads what the current schema of a database holds. Tables of Weft's
// own (weft_…) are left out unless named. It changes nothing; where the
// answer must be of one moment, q is a transaction.
func Inspect(ctx context.Context, q Querier, d Dialect, o InspectOptions) (*Database, error) {
	i := &inspector{ctx: ctx, q: q, db: &Database{Dialect: d}, o: o}
	read := map[Dialect]func() error{SQLite: i.sqlite, Postgres: i.postgres, MySQL: i.mysql}[d]
	if read == nil {
		return nil, op.Errorf(op.CodeValidation, "catalog: the dialect %q is unknown; there are sqlite, postgres and mysql", d)
	}
	if err := read(); err != nil {
		if e := op.FromContext(err); e != err {
			return nil, e
		}
		return nil, op.Errorf(op.CodeDatabase, "catalog: read what the database holds: %w", err)
	}
	i.order()
	return i.db, nil
}

// Table returns the table of that name, as the dialect compares names, or nil.
func (d *Database) Table(name string) *Table {
	for _, t := range d.Tables {
		if FoldTable(d.Dialect, t.Name) == FoldTable(d.Dialect, name) {
			return t
		}
	}
	return nil
}

// Column returns the column of exactly that name, or nil.
func (t *Table) Column(name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Index returns the index of exactly that name, or nil.
func (t *Table) Index(name string) *Index {
	for _, x := range t.Indexes {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Enum returns the enum type of that name, or nil.
func (d *Database) Enum(name string) *Enum {
	for _, e := range d.Enums {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// errNoSchema is for a connection without a place to look at.
var errNoSchema = errors.New("the connection has no current schema: name a database in the URL, or a schema that exists in the search_path")

type inspector struct {
	ctx context.Context
	q   Querier
	db  *Database
	o   InspectOptions
}

// wants reports whether a table is to be read.
func (i *inspector) wants(name string) bool {
	d := i.db.Dialect
	if i.o.Tables == nil {
		return !strings.HasPrefix(Fold(SQLite, name), OwnPrefix)
	}
	return slices.ContainsFunc(i.o.Tables, func(n string) bool { return Fold(d, n) == Fold(d, name) })
}

// each runs a query and calls fn for every row with its columns as texts; NULL
// is the empty text.
func (i *inspector) each(doing, query string, args []any, fn func(row []string)) error {
	rows, err := i.q.QueryContext(i.ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	cells := make([]sql.NullString, len(names))
	to := make([]any, len(names))
	for k := range cells {
		to[k] = &cells[k]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		row := make([]string, len(cells))
		for k, c := range cells {
			row[k] = c.String
		}
		fn(row)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// perTable is each for rows whose first column is a table; those of tables
// that are not read are passed over.
func (i *inspector) perTable(doing, query string, args []any, fn func(t *Table, row []string)) error {
	byName := map[string]*Table{}
	for _, t := range i.db.Tables {
		byName[t.Name] = t
	}
	return i.each(doing, query, args, func(r []string) {
		if t := byName[r[0]]; t != nil && t.Kind == Ordinary {
			fn(t, r)
		}
	})
}

// triggers reads rows of table, name and what makes the statement.
func (i *inspector) triggers(doing, query string, args []any, statement func(row []string) string) error {
	on := map[string]*[]*Trigger{}
	for _, t := range i.db.Tables {
		on[Fold(i.db.Dialect, t.Name)] = &t.Triggers
	}
	for _, v := range i.db.Views {
		on[Fold(i.db.Dialect, v.Name)] = &v.Triggers
	}
	return i.each(doing, query, args, func(r []string) {
		if list := on[Fold(i.db.Dialect, r[0])]; list != nil {
			*list = append(*list, &Trigger{Name: r[1], SQL: statement(r)})
		}
	})
}

// made marks the tables that weft_meta says Weft made.
func (i *inspector) made() error {
	meta := Quote(i.db.Dialect, MetaTable)
	key := Quote(i.db.Dialect, "key")
	return i.each("read "+MetaTable, "SELECT "+key+" FROM "+meta+" WHERE "+key+" LIKE 'table:%'", nil, func(r []string) {
		if t := i.db.Table(strings.TrimPrefix(r[0], "table:")); t != nil {
			t.Made = true
		}
	})
}

// noted gives the columns of Weft's own tables the enum values that weft_meta
// has for them: enum:<table>.<column>, with a JSON list.
func (i *inspector) noted() error {
	values := map[string]string{}
	err := i.each("read "+MetaTable, `SELECT "key", "value" FROM `+MetaTable+` WHERE "key" LIKE 'enum:%'`, nil, func(r []string) {
		values[Fold(SQLite, r[0])] = r[1]
	})
	if err != nil {
		return err
	}
	for _, t := range i.db.Tables {
		for _, c := range t.Columns {
			v, known := values[Fold(SQLite, "enum:"+t.Name+"."+c.Name)]
			if !known || !t.Made {
				continue
			}
			if err := json.Unmarshal([]byte(v), &c.Enum); err != nil {
				return fmt.Errorf("%s says of %s.%s %q, which is no JSON list of texts: %w", MetaTable, t.Name, c.Name, v, err)
			}
		}
	}
	return nil
}

// table turns what atlas reads of a table into ours: what has the same words
// in every dialect.
func fromAtlas(a *atlas.Table) *Table {
	t := &Table{Name: a.Name, Kind: Ordinary}
	for _, at := range a.Attrs {
		if c, ok := at.(*atlas.Comment); ok {
			t.Comment = c.Text
		}
	}
	for _, c := range a.Columns {
		col := &Column{Name: c.Name, Null: c.Type.Null}
		for _, at := range c.Attrs {
			if x, ok := at.(*atlas.Comment); ok {
				col.Comment = x.Text
			}
		}
		t.Columns = append(t.Columns, col)
	}
	if pk := a.PrimaryKey; pk != nil {
		t.Key = &Key{Name: pk.Name}
		for _, p := range pk.Parts {
			t.Key.Columns = append(t.Key.Columns, p.C.Name)
		}
	}
	for _, k := range a.ForeignKeys {
		f := &ForeignKey{Name: k.Symbol, RefTable: k.RefTable.Name, OnDelete: action(k.OnDelete), OnUpdate: action(k.OnUpdate)}
		if k.RefTable.Schema != nil && a.Schema != nil && k.RefTable.Schema.Name != a.Schema.Name {
			f.RefTable = k.RefTable.Schema.Name + "." + f.RefTable
		}
		for _, c := range k.Columns {
			f.Columns = append(f.Columns, c.Name)
		}
		for _, c := range k.RefColumns {
			f.RefColumns = append(f.RefColumns, c.Name)
		}
		t.Foreign = append(t.Foreign, f)
	}
	return t
}

func action(o atlas.ReferenceOption) string {
	if s := strings.ToUpper(string(o)); s != "NO ACTION" {
		return s
	}
	return ""
}

// order puts everything whose order says nothing into that of names.
func (i *inspector) order() {
	d := i.db
	slices.SortFunc(d.Tables, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Views, func(a, b *View) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Enums, func(a, b *Enum) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range d.Tables {
		slices.SortStableFunc(t.Triggers, func(a, b *Trigger) int { return strings.Compare(a.Name, b.Name) })
		if d.Dialect == SQLite {
			continue // the names of most are made by their order
		}
		slices.SortStableFunc(t.Indexes, func(a, b *Index) int { return strings.Compare(a.Name, b.Name) })
		slices.SortStableFunc(t.Foreign, func(a, b *ForeignKey) int { return strings.Compare(a.Name, b.Name) })
		slices.SortStableFunc(t.Checks, func(a, b *Check) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, v := range d.Views {
		slices.SortStableFunc(v.Triggers, func(a, b *Trigger) int { return strings.Compare(a.Name, b.Name) })
		slices.Sort(v.Uses)
		v.Uses = slices.Compact(v.Uses)
	}
}

// reader stands between atlas and the database and puts right what its
// queries do not allow for.
type reader struct {
	Querier
	ctx     context.Context
	rewrite *strings.Replacer
}

// QueryContext runs a query of atlas. Atlas opens a database with a context
// of its own; the caller's counts.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if ctx == context.Background() {
		ctx = r.ctx
	}
	if r.rewrite != nil {
		query = r.rewrite.Replace(query)
	}
	return r.Querier.QueryContext(ctx, query, args...)
}

// ExecContext is never called: atlas only looks here.
func (r *reader) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, fmt.Errorf("inspection does not write")
}

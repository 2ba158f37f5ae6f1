package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
)

// found is the database as it is: what atlas reads of the tables that have a
// model, and the catalogue's names of everything.
type found struct {
	schema  *atlas.Schema
	objects map[string]object // by folded name
}

// object is a row of the catalogue.
type object struct{ kind, name, table, sql string }

// inspect looks at the tables of that name (in any case). Tables of other
// programs are not read, so nothing in them can be in the way.
func inspect(ctx context.Context, conn *sql.Conn, want []*table) (*found, error) {
	objects, err := catalogue(ctx, conn)
	if err != nil {
		return nil, err
	}
	f := &found{objects: objects}
	var names []string
	for _, t := range want {
		if o, ok := f.objects[fold(t.name)]; ok && o.ordinary() {
			names = append(names, o.name)
		}
	}
	if len(names) == 0 { // no names would mean all tables
		f.schema = &atlas.Schema{Name: "main"}
		return f, nil
	}
	drv, err := sqlite.Open(&reader{conn: conn})
	if err != nil {
		return nil, fail(err, "open")
	}
	f.schema, err = drv.InspectSchema(ctx, "main", &atlas.InspectOptions{Mode: atlas.InspectTables, Tables: names})
	if err != nil {
		return nil, fail(err, "inspect")
	}
	f.rename(want)
	return f, nil
}

// catalogue reads the names of everything that the database holds.
func catalogue(ctx context.Context, conn *sql.Conn) (map[string]object, error) {
	rows, err := conn.QueryContext(ctx, "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_master")
	if err != nil {
		return nil, fail(err, "read the catalogue")
	}
	defer rows.Close()
	objects := map[string]object{}
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.sql); err != nil {
			return nil, fail(err, "read the catalogue")
		}
		objects[fold(o.name)] = o
	}
	if err := rows.Err(); err != nil {
		return nil, fail(err, "read the catalogue")
	}
	return objects, nil
}

// words names the object in messages.
func (o object) words() string {
	switch {
	case o.kind == "table" && !o.ordinary():
		return "the virtual table " + o.name
	case o.kind == "index" || o.kind == "trigger":
		return "the " + o.kind + " " + o.name + " of table " + o.table
	}
	return "the " + o.kind + " " + o.name
}

// ordinary reports whether the object is a table that can be altered.
func (o object) ordinary() bool {
	toks := tokens(o.sql)
	return o.kind == "table" && (len(toks) < 2 || !strings.EqualFold(toks[1], "VIRTUAL"))
}

// rename undoes the reader's escaping and gives tables and columns the
// spelling of the models where only upper and lower case differ, since to
// SQLite they are the same.
func (f *found) rename(want []*table) {
	spell := map[string]string{}
	for _, t := range want {
		spell[fold(t.name)] = t.name
	}
	name := func(s string) string {
		if w, ok := spell[fold(s)]; ok {
			return w
		}
		return s
	}
	for _, t := range f.schema.Tables {
		t.Name = name(unescape(t.Name))
		for _, x := range t.Indexes {
			x.Name = unescape(x.Name)
		}
	}
	for _, t := range f.schema.Tables {
		w := tableOf(want, t.Name)
		for _, c := range t.Columns {
			if wc := w.column(c.Name); wc != nil {
				c.Name = wc.name
			}
		}
		for _, k := range t.ForeignKeys {
			k.RefTable.Name = name(k.RefTable.Name)
			p := tableOf(want, k.RefTable.Name)
			if p == nil {
				continue
			}
			for _, c := range k.RefColumns {
				if pc := p.column(c.Name); pc != nil {
					c.Name = pc.name
				}
			}
		}
	}
}

func tableOf(ts []*table, name string) *table {
	for _, t := range ts {
		if fold(t.name) == fold(name) {
			return t
		}
	}
	return nil
}

func unescape(s string) string { return strings.ReplaceAll(s, "''", "'") }

// reader stands between atlas and the connection. Atlas puts names between
// quotes as they are, and takes apart CREATE statements with expressions that
// fail on many it did not write. The reader doubles the quotes in names and
// keeps the statements back; what is in them that matters here (the condition
// of an index) is read from the catalogue.
type reader struct{ conn *sql.Conn }

// rewrites are done on the queries of the atlas version in go.mod. The second
// of each pair stands for the first.
var rewrites = []string{
	// Tables: names escaped, no statement, no table passed over for its name.
	"\tsqlite_master.name, sqlite_master.sql, wr, strict", "\treplace(sqlite_master.name, '''', '''''') AS name, '' AS sql, wr, strict",
	"NOT LIKE 'sqlite_%'", `NOT LIKE 'sqlite\_%' ESCAPE '\'`,
	"AND sqlite_master.name NOT LIKE 'libsql_%'", "",
	// Columns: no type that atlas takes apart, and a generated column is one
	// like others.
	"SELECT `name`, `type`, (not", "SELECT `name`, '" + typeMark + "' || `type`, (not",
	"(`pk` <> 0) AS `pk`, `hidden` FROM", "(`pk` <> 0) AS `pk`, 0 AS `hidden` FROM",
	// Indexes: names escaped, conditions left out.
	"SELECT `il`.`name`, `il`.`unique`, `il`.`origin`, `il`.`partial`, `m`.`sql` FROM",
	"SELECT replace(`il`.`name`, '''', ''''''), `il`.`unique`, `il`.`origin`, 0, '' FROM",
	// Foreign keys: REFERENCES t without columns means its primary key, and
	// columns are named as the parent spells them.
	"SELECT `id`, `from`, `to`, `table`,",
	"SELECT `id`, `from`, coalesce((SELECT `p`.`name` FROM pragma_table_info(`fk`.`table`) AS `p` WHERE `p`.`name` = `fk`.`to` COLLATE NOCASE OR `fk`.`to` IS NULL AND `p`.`pk` = `fk`.`seq` + 1), `to`, ''), `table`,",
	"') ORDER BY id, seq", "') AS `fk` ORDER BY id, seq",
}

// typeMark stands before the declared type of a column, so that atlas passes
// it on instead of reading it (it fails on NUMERIC(10.5)).
const typeMark = "#"

var rewriter = strings.NewReplacer(rewrites...)

// QueryContext runs a query of atlas.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.conn.QueryContext(ctx, rewriter.Replace(query), args...)
}

// ExecContext is never called: atlas only looks here.
func (r *reader) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, fmt.Errorf("inspection does not write")
}

package migrate

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// differ finds what a database lacks for its models and makes steps of it. It
// looks at the catalogue once; what it changes there on the way (renames) stands
// for steps that come first.
type differ struct {
	*Plan
	ctx         context.Context
	conn        *sql.Conn
	to          target
	o           Options
	want        []*table
	have        *catalog.Database
	meta        map[string]string // weft_meta; nil where there is none
	was         names
	rows        map[*catalog.Table]int64
	objects     map[string]object // SQLite's catalogue, as it is after the renames
	searchFirst map[string]bool   // tables whose full-text index goes before they change
	lost        map[string]bool   // foreign keys that go and come back because a column changes: table NUL name
}

// plan is Plan on a connection. On PostgreSQL and SQLite that is in a
// transaction, whose end is the caller's affair.
func (m *Migrator) plan(ctx context.Context, conn *sql.Conn) (*Plan, error) {
	d := &differ{
		ctx: ctx, conn: conn, to: target{dialect: m.dialect}, o: m.o, Plan: &Plan{Steps: []Step{}, set: m.set, additive: m.o.Additive},
		was: names{tables: map[string]string{}, columns: map[string]map[string]string{}}, rows: map[*catalog.Table]int64{}, lost: map[string]bool{}, searchFirst: map[string]bool{},
	}
	if err := d.run(m.set.Stored()); err != nil { // columns hold ciphertexts, whoever asks
		return nil, err
	}
	return d.Plan, nil
}

func (d *differ) run(set *schema.Set) error {
	if err := d.version(); err != nil {
		return err
	}
	var err error
	if d.want, err = d.to.desire(set); err != nil {
		return err
	}
	if err := d.look(); err != nil {
		return err
	}
	d.renames()
	undo, err := d.liteRenamed()
	if err == nil {
		err = d.compareAll()
	}
	if uerr := undo(); err == nil || errors.Is(err, errRefused) {
		err = uerr
	}
	if err != nil {
		return err
	}
	d.record()
	d.sort()
	return nil
}

// compareAll compares each model with its table.
func (d *differ) compareAll() error {
	for _, t := range d.want {
		h := d.table(t.name)
		switch {
		case h == nil && d.view(t.name) != nil:
			d.note("%s: there is the view %s; it is used as it is", t.name, t.name)
			continue
		case h == nil:
			d.createTable(t)
			continue
		case h.Kind != catalog.Ordinary:
			what := "a table of the kind " + string(h.Kind)
			if h.Kind == catalog.Virtual {
				what = "the virtual table " + h.Name
			}
			d.note("%s: there is %s; it is used as it is", t.name, what)
			continue
		}
		if err := d.compare(t, h); err != nil {
			return err
		}
	}
	if err := d.dropTables(); err != nil {
		return err
	}
	if err := d.around(); err != nil {
		return err
	}
	return d.search()
}

// version asks a server what it is, and has MySQL read statements as they are
// meant. The connection stays so.
func (d *differ) version() error {
	if d.to.dialect != catalog.MySQL {
		return nil
	}
	v, err := d.texts2("SELECT version(), @@SESSION.sql_mode")
	if err != nil || len(v) != 1 {
		return err
	}
	d.to.maria = strings.Contains(v[0][0], "MariaDB")
	// Literals are written with backslashes doubled, names in back-quotes, and a
	// value that does not fit must be an error. The present time is UTC's.
	if mode := v[0][1]; strings.Contains(mode, "NO_BACKSLASH_ESCAPES") || strings.Contains(mode, "ANSI_QUOTES") || !strings.Contains(mode, "STRICT") {
		if err := d.exec("SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"); err != nil {
			return err
		}
	}
	return d.exec("SET SESSION time_zone = '+00:00'")
}

// look reads what the database holds.
func (d *differ) look() (err error) {
	if d.have, err = catalog.Inspect(d.ctx, d.conn, d.to.dialect, catalog.InspectOptions{}); err != nil {
		return err
	}
	known, err := own.Exists(d.ctx, d.conn, d.to.dialect, metaTable)
	if err != nil || !known {
		return err
	}
	d.meta = map[string]string{}
	rows, err := d.conn.QueryContext(d.ctx, "SELECT "+d.quotes("key", "value")+" FROM "+d.quote(metaTable))
	if err != nil {
		return fail(err, "read "+metaTable)
	}
	defer rows.Close()
	for rows.Next() {
		var k string
		var v sql.NullString
		if err := rows.Scan(&k, &v); err != nil {
			return fail(err, "read "+metaTable)
		}
		d.meta[k] = v.String
	}
	if err := rows.Err(); err != nil {
		return fail(err, "read "+metaTable)
	}
	if d.to.dialect == catalog.MySQL && len(d.meta) == 0 {
		d.meta = nil // whoever made the table was stopped before the first row; see metaTableStep
		return nil
	}
	return formatOf(d.meta["format"])
}

// table returns the table that is there, or nil.
func (d *differ) table(name string) *catalog.Table {
	for _, t := range d.have.Tables {
		if d.to.foldTable(t.Name) == d.to.foldTable(name) {
			return t
		}
	}
	return nil
}

func (d *differ) view(name string) *catalog.View {
	for _, v := range d.have.Views {
		if d.to.foldTable(v.Name) == d.to.foldTable(name) {
			return v
		}
	}
	return nil
}

// column returns the column of a table that is there, or nil.
func (d *differ) column(t *catalog.Table, name string) *catalog.Column {
	for _, c := range t.Columns {
		if d.to.fold(c.Name) == d.to.fold(name) {
			return c
		}
	}
	return nil
}

func (d *differ) quote(name string) string { return catalog.Quote(d.to.dialect, name) }

func (d *differ) quotes(names ...string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = d.quote(n)
	}
	return strings.Join(out, ", ")
}

func (d *differ) add(s Step) { d.Steps = append(d.Steps, s) }

func (d *differ) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

func (d *differ) refuse(table, name, format string, args ...any) {
	d.Refusals = append(d.Refusals, Difference{Table: table, Name: name, Message: fmt.Sprintf(format, args...)})
}

// texts reads the rows of a query, each as one text.
func (d *differ) texts(query string) ([]string, error) {
	rows, err := d.texts2(query)
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.Join(r, ", ")
	}
	return out, err
}

// texts2 reads the rows of a query as texts; NULL is the empty text.
func (d *differ) texts2(query string) ([][]string, error) {
	rows, err := d.conn.QueryContext(d.ctx, query)
	if err != nil {
		return nil, fail(err, "look with "+query)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, fail(err, "look")
	}
	var out [][]string
	cells, to := make([]sql.NullString, len(cols)), make([]any, len(cols))
	for i := range cells {
		to[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return nil, fail(err, "look")
		}
		parts := make([]string, len(cells))
		for i, c := range cells {
			parts[i] = c.String
		}
		out = append(out, parts)
	}
	if err := rows.Err(); err != nil {
		return nil, fail(err, "look")
	}
	return out, nil
}

// count reads one number.
func (d *differ) count(query string) (int64, error) {
	got, err := d.texts(query)
	if err != nil || len(got) != 1 {
		return 0, err
	}
	n, err := strconv.ParseInt(got[0], 10, 64)
	if err != nil {
		return 0, op.Errorf(op.CodeDatabase, "migrate: %s counts %q", query, got[0])
	}
	return n, nil
}

// rowsOf counts the rows of a table that is there.
func (d *differ) rowsOf(h *catalog.Table) (int64, error) {
	n, known := d.rows[h]
	if known {
		return n, nil
	}
	n, err := d.count("SELECT count(*) FROM " + d.nowTable(h))
	d.rows[h] = n
	return n, err
}

// names are the names that renamed tables and columns have until their steps
// are done, by the new ones.
type names struct {
	tables  map[string]string
	columns map[string]map[string]string // by the table's new name
}

// nowTable is the quoted name of a table in the database as it is.
func (d *differ) nowTable(h *catalog.Table) string {
	if old, renamed := d.was.tables[h.Name]; renamed {
		return d.quote(old)
	}
	return d.quote(h.Name)
}

// nowColumn is nowTable for a column.
func (d *differ) nowColumn(h *catalog.Table, name string) string {
	if old, renamed := d.was.columns[h.Name][name]; renamed {
		return d.quote(old)
	}
	return d.quote(name)
}

// record keeps the names of models and fields beside those of tables and
// columns, so that a later name of a column is known for the same field. It goes
// with a step of the table.
func (d *differ) record() {
	for _, t := range d.want {
		last := -1
		for i, s := range d.Steps {
			if s.Table == t.name && slices.Contains([]Kind{CreateTable, AddColumn, RenameColumn, RenameTable, DropColumn, RebuildTable}, s.Kind) {
				last = i
			}
		}
		if last < 0 {
			continue
		}
		n := recorded{Model: t.model.Name, Fields: map[string]string{}}
		for _, c := range t.columns {
			n.Fields[c.field.Name] = c.name
		}
		text, err := json.Marshal(n)
		if err == nil && d.meta["names:"+t.name] != string(text) {
			d.also(last, d.setMeta("names:"+t.name, string(text)))
		}
	}
}

// recorded is what weft_meta keeps of a table's names.
type recorded struct {
	Model  string            `json:"model"`
	Fields map[string]string `json:"fields"` // field → column
}

// also adds statements about weft_meta to a step. On MySQL, where each
// statement is a transaction, they come first: they can be done twice, and the
// step's own statement is the last.
func (d *differ) also(step int, stmts ...string) {
	s := &d.Steps[step]
	if d.to.dialect == catalog.MySQL {
		s.SQL = slices.Concat(stmts, s.SQL)
		return
	}
	s.SQL = append(s.SQL, stmts...)
}

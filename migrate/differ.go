package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
)

// differ finds what a database lacks for its models and makes steps of it.
type differ struct {
	*Plan
	ctx  context.Context
	q    catalog.Querier
	to   target
	o    Options
	want []*table
	have *catalog.Database
}

// plan is Plan on a connection, in whatever transaction that is in.
func (m *Migrator) plan(ctx context.Context, conn *sql.Conn) (*Plan, error) {
	to := target{dialect: m.dialect}
	d := &differ{ctx: ctx, q: conn, to: to, o: m.o, Plan: &Plan{Steps: []Step{}, set: m.set}}
	if err := d.look(); err != nil {
		return nil, err
	}
	set := m.set.Stored() // columns hold ciphertexts, whoever asks
	var err error
	if d.want, err = d.to.desire(set); err != nil {
		return nil, err
	}
	for _, t := range d.want {
		if d.table(t.name) == nil {
			d.createTable(t)
		}
	}
	d.sort()
	return d.Plan, nil
}

// look reads what the database holds.
func (d *differ) look() error {
	d.have = &catalog.Database{Dialect: d.to.dialect}
	where := "current_schema()"
	if d.to.dialect == catalog.MySQL {
		where = "database()"
		var v string
		if err := d.row("SELECT version()", &v); err != nil {
			return err
		}
		d.to.maria = strings.Contains(v, "MariaDB")
	}
	rows, err := d.q.QueryContext(d.ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = "+where)
	if err != nil {
		return fail(err, "list the tables")
	}
	defer rows.Close()
	for rows.Next() {
		t := &catalog.Table{}
		if err := rows.Scan(&t.Name); err != nil {
			return fail(err, "list the tables")
		}
		d.have.Tables = append(d.have.Tables, t)
	}
	return fail2(rows.Err(), "list the tables")
}

// row reads one row.
func (d *differ) row(query string, to ...any) error {
	rows, err := d.q.QueryContext(d.ctx, query)
	if err != nil {
		return fail(err, "look")
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return fail(err, "look")
		}
	}
	return fail2(rows.Err(), "look")
}

// fail2 is fail for an error that may be nil.
func fail2(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fail(err, doing)
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

func (d *differ) quote(name string) string { return ddl.Quote(d.to.dialect, name) }

func (d *differ) add(s Step) { d.Steps = append(d.Steps, s) }

// createTable makes a table with its indexes; on servers its foreign keys
// follow when all tables are there.
func (d *differ) createTable(t *table) {
	c := t.catalog(d.to)
	d.add(Step{
		Kind: CreateTable, Table: t.name, Reason: "model " + t.model.Name + " has no table",
		SQL: append(ddl.CreateTable(d.to.dialect, c), d.setMeta("table:"+t.name, "1")),
	})
	if d.to.dialect != catalog.SQLite {
		for _, k := range c.Foreign {
			d.add(Step{
				Kind: AddForeignKey, Table: t.name, Name: k.Name, Reason: foreignWords(k),
				SQL: []string{"ALTER TABLE " + d.quote(t.name) + " ADD " + ddl.ForeignKey(d.to.dialect, k)},
			})
		}
	}
	for i, x := range c.Indexes {
		d.add(Step{
			Kind: AddIndex, Table: t.name, Name: x.Name, Reason: t.indexes[i].reason,
			SQL: []string{ddl.CreateIndex(d.to.dialect, t.name, x)},
		})
	}
}

// foreignWords says what a foreign key points at.
func foreignWords(k *catalog.ForeignKey) string {
	return strings.Join(k.Columns, ", ") + " points at " + k.RefTable + "(" + strings.Join(k.RefColumns, ", ") + ")"
}

// setMeta is the statement that keeps a value in weft_meta.
func (d *differ) setMeta(key, value string) string {
	return SetMeta(d.to.dialect, key, value)
}

// SetMeta is the statement that keeps a value in Weft's own table of a
// database.
func SetMeta(d catalog.Dialect, key, value string) string {
	k, v := ddl.Quote(d, "key"), ddl.Quote(d, "value")
	s := fmt.Sprintf("INTO %s (%s, %s) VALUES (%s, %s)", ddl.Quote(d, metaTable), k, v, ddl.Text(d, key), ddl.Text(d, value))
	switch d {
	case catalog.Postgres:
		return "INSERT " + s + " ON CONFLICT (" + k + ") DO UPDATE SET " + v + " = excluded." + v
	case catalog.MySQL:
		return "REPLACE " + s
	}
	return "INSERT OR REPLACE " + s
}

// metaTableStep makes Weft's own table.
func (d *differ) metaTableStep() Step {
	t := &catalog.Table{
		Name: metaTable, Key: &catalog.Key{Columns: []string{"key"}},
		Columns: []*catalog.Column{{Name: "key", Type: "TEXT"}, {Name: "value", Type: "TEXT", Null: true}},
	}
	switch d.to.dialect {
	case catalog.Postgres:
		for _, c := range t.Columns {
			c.Type, c.Collation = "text", "C"
		}
	case catalog.MySQL:
		t.Collation, t.Columns[0].Type, t.Columns[1].Type = d.to.collation(), "varchar(255)", "longtext"
	}
	return Step{
		Kind: CreateTable, Table: metaTable, Reason: "Weft keeps the format of the database there",
		SQL: append(ddl.CreateTable(d.to.dialect, t), d.setMeta("format", fmt.Sprint(format))),
	}
}

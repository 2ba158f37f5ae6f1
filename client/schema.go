package client

import (
	"context"
	"strings"

	"github.com/weftdb/weft/op"
)

// Table is a table or view of the database.
type Table struct {
	Name    string
	View    bool
	SQL     string // that made it
	Columns []Column
	Indexes []Index
}

// Column is one of a table.
type Column struct {
	Name    string
	Type    string // as declared
	NotNull bool
	Default string // an expression in SQL; "" without
	Primary int    // its place in the primary key, from 1; 0 when it is not in it
}

// Index of a table.
type Index struct {
	Name   string
	Unique bool
	SQL    string // that made it; "" where a constraint did
}

// own reports whether a table is kept by SQLite or by Weft itself.
func own(name string) bool {
	return strings.HasPrefix(name, "sqlite_") || strings.HasPrefix(name, "weft_")
}

// Schema is what tables there are, by name, without those that SQLite and Weft
// keep for themselves.
func (d *Database) Schema(ctx context.Context) ([]Table, error) {
	out, err := d.run(ctx, true, []Statement{
		SQL(`SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY name`),
		SQL(`SELECT m.name, c.name, c.type, c."notnull", coalesce(c.dflt_value, ''), c.pk
			FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c WHERE m.type IN ('table', 'view') ORDER BY m.name, c.cid`),
		SQL(`SELECT m.name, i.name, i."unique" FROM sqlite_schema AS m JOIN pragma_index_list(m.name) AS i
			WHERE m.type = 'table' ORDER BY m.name, i.name`),
	})
	if err != nil {
		return nil, err
	}
	var tables []Table
	at := map[string]int{}
	made := map[string]string{}
	for _, r := range out[0].Rows {
		kind, name, text := str(r[0]), str(r[1]), str(r[3])
		made[name] = text
		if own(name) || (kind != "table" && kind != "view") {
			continue
		}
		at[name] = len(tables)
		tables = append(tables, Table{Name: name, View: kind == "view", SQL: text})
	}
	for _, r := range out[1].Rows {
		if i, ok := at[str(r[0])]; ok {
			tables[i].Columns = append(tables[i].Columns, Column{
				Name: str(r[1]), Type: str(r[2]), NotNull: num(r[3]) != 0, Default: str(r[4]), Primary: int(num(r[5])),
			})
		}
	}
	for _, r := range out[2].Rows {
		if i, ok := at[str(r[0])]; ok {
			name := str(r[1])
			tables[i].Indexes = append(tables[i].Indexes, Index{Name: name, Unique: num(r[2]) != 0, SQL: made[name]})
		}
	}
	return tables, nil
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

func num(v any) int64 {
	n, _ := v.(int64)
	return n
}

// CreateTable runs a CREATE TABLE statement; any other is refused.
func (d *Database) CreateTable(ctx context.Context, text string) error {
	words := strings.Fields(strings.ToUpper(text))
	if len(words) < 3 || words[0] != "CREATE" || (words[1] != "TABLE" && words[1] != "VIRTUAL") {
		return op.Errorf(op.CodeValidation, "create table: %.80q is no CREATE TABLE statement", text)
	}
	_, err := d.Execute(ctx, text)
	return err
}

// DropTable drops a table, given by its name. One that does not exist is an
// error.
func (d *Database) DropTable(ctx context.Context, name string) error {
	if name == "" || strings.ContainsRune(name, 0) {
		return op.Errorf(op.CodeValidation, "drop table: %q is no name of a table", name)
	}
	_, err := d.Execute(ctx, `DROP TABLE "`+strings.ReplaceAll(name, `"`, `""`)+`"`)
	return err
}

package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/ddl"
	"github.com/weftdb/weft/op"
)

// format is the number of the way Weft stores things in a database. A database
// with a higher one was written by a newer Weft and is not touched.
const format = 1

// CheckSQLite reports whether this Weft can use the database: an error with
// the code CAPABILITY_NOT_SUPPORTED when a newer Weft has written it. A
// database that Weft has never migrated is fine.
func CheckSQLite(ctx context.Context, conn *sql.Conn) error {
	var n int
	err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '"+metaTable+"' COLLATE NOCASE").Scan(&n)
	switch {
	case err != nil:
		return fail(err, "read the catalogue")
	case n == 0:
		return nil
	}
	return checkFormat(ctx, conn)
}

func checkFormat(ctx context.Context, conn *sql.Conn) error {
	var text sql.NullString
	err := conn.QueryRowContext(ctx, "SELECT (SELECT value FROM "+metaTable+" WHERE key = 'format')").Scan(&text)
	if err != nil {
		return fail(err, "read "+metaTable)
	}
	return formatOf(text.String)
}

// formatOf checks what weft_meta says of the format.
func formatOf(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 1:
		return op.Errorf(op.CodeDatabase, "migrate: %s says the database has format %q; it should be a number from 1", metaTable, text)
	case n > format:
		return op.Errorf(op.CodeUnsupported, "migrate: the database has format %d and was written by a newer Weft; this one knows formats up to %d", n, format)
	}
	return nil
}

// setMeta is the statement that keeps a value in weft_meta.
func (d *differ) setMeta(key, value string) string { return SetMeta(d.to.dialect, key, value) }

// SetMeta is the statement that keeps a value in Weft's own table of a
// database.
func SetMeta(d catalog.Dialect, key, value string) string {
	k, v := catalog.Quote(d, "key"), catalog.Quote(d, "value")
	s := fmt.Sprintf("INTO %s (%s, %s) VALUES (%s, %s)", catalog.Quote(d, metaTable), k, v, catalog.Text(d, key), catalog.Text(d, value))
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
	create := ddl.CreateTable(d.to.dialect, t)
	if d.to.dialect == catalog.MySQL { // there is no transaction around the two statements
		create[0] = strings.Replace(create[0], "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
	}
	return Step{
		Kind: CreateTable, Table: metaTable, Reason: "Weft keeps the format of the database there",
		SQL: append(create, d.setMeta("format", fmt.Sprint(format))),
	}
}

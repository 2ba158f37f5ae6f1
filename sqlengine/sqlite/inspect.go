package sqlite

import (
	"context"
	"strconv"
	"strings"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
)

// ask runs a statement that is needed once and gives its rows.
func (c *conn) ask(ctx context.Context, text string, args ...sqlengine.Value) ([][]sqlengine.Value, error) {
	old := c.ctx
	c.ctx, c.writing = ctx, false
	defer func() { c.ctx = old }()
	s, _, err := c.compile(text, 0)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	defer s.finalize()
	if err := s.bind(args); err != nil {
		return nil, c.explain(ctx, err)
	}
	var rows [][]sqlengine.Value
	k := cursor{c: c, s: s, ctx: ctx}
	for {
		ok, err := s.step()
		if err != nil {
			return nil, c.explain(ctx, err)
		}
		if !ok {
			return rows, nil
		}
		row := make([]sqlengine.Value, s.cols)
		for i := range row {
			row[i] = sqlengine.Cell(&k, i)
		}
		rows = append(rows, row)
	}
}

// metaTable holds what Weft knows of a database: "format", and "table:name"
// for each table that it made.
const metaTable = "weft_meta"

// format is the newest format that this version can use.
const format = 1

func (c *conn) checkFormat(ctx context.Context) error {
	found, err := c.ask(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '"+metaTable+"'")
	if err != nil || found[0][0].Int() == 0 {
		return err
	}
	rows, err := c.ask(ctx, "SELECT value FROM "+metaTable+" WHERE key = 'format'")
	if err != nil || len(rows) == 0 {
		return err
	}
	n, err := strconv.Atoi(rows[0][0].Bytes())
	if rows[0][0].Kind == sqlengine.Int {
		n, err = int(rows[0][0].Int()), nil
	}
	switch {
	case err != nil:
		return op.Errorf(op.CodeDatabase, "%s: the format %q of the database cannot be read", c.file, rows[0][0].Bytes())
	case n > format:
		return errNewer(c.file, n, format)
	}
	return nil
}

// made reports whether Weft made the table.
func (c *conn) made(ctx context.Context, table string) (bool, error) {
	found, err := c.ask(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '"+metaTable+"'")
	if err != nil || found[0][0].Int() == 0 {
		return false, err
	}
	rows, err := c.ask(ctx, "SELECT 1 FROM "+metaTable+" WHERE key = ?", sqlengine.TextValue("table:"+table))
	return len(rows) > 0, err
}

// inspect looks at a model's table.
func inspect(ctx context.Context, s sqlengine.Session, m *schema.Model) (*sqlengine.Table, error) {
	c := s.(*conn)
	rows, err := c.ask(ctx, "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?)", sqlengine.TextValue(m.Table))
	if err != nil {
		return nil, err
	}
	var found []sqlengine.FoundColumn
	for _, r := range rows {
		f := sqlengine.FoundColumn{
			Name: r[0].Bytes(), Type: r[1].Bytes(), NotNull: r[2].Int() != 0, Key: int(r[3].Int()), Generated: r[4].Int() > 1,
		}
		f.Auto = f.Key == 1 && strings.EqualFold(f.Type, "INTEGER")
		f.Collation = c.collation(m.Table, f.Name)
		found = append(found, f)
	}
	made, err := c.made(ctx, m.Table)
	if err != nil {
		return nil, err
	}
	t, err := sqlengine.NewTable(dialect, m, found, made)
	if err == nil {
		t.Search, err = c.searchIndex(ctx, t)
	}
	return t, err
}

// collation is the collation of a column, "" for a view's.
func (c *conn) collation(table, column string) string {
	t, err := libc.CString(table)
	if err != nil {
		return ""
	}
	defer libc.Xfree(c.tls, t)
	n, err := libc.CString(column)
	if err != nil {
		return ""
	}
	defer libc.Xfree(c.tls, n)
	pp := libc.Xmalloc(c.tls, types.Size_t(ptrSize))
	if pp == 0 {
		return ""
	}
	defer libc.Xfree(c.tls, pp)
	*(*uintptr)(pointer(pp)) = 0
	if lib.Xsqlite3_table_column_metadata(c.tls, c.db, 0, t, n, 0, pp, 0, 0, 0) != lib.SQLITE_OK {
		return ""
	}
	return strings.ToUpper(libc.GoString(*(*uintptr)(pointer(pp))))
}

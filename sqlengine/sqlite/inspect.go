package sqlite

import (
	"context"
	"strings"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

var _ lite.Asker = (*conn)(nil)

func inspect(ctx context.Context, s sqlengine.Session, m *schema.Model) (*sqlengine.Table, error) {
	return lite.Inspect(ctx, s.(*conn), m)
}

// Ask runs a statement that is needed once and gives its rows.
func (c *conn) Ask(ctx context.Context, text string, args ...sqlengine.Value) ([][]sqlengine.Value, error) {
	old := c.ctx
	c.ctx, c.writing = ctx, false
	defer func() { c.ctx = old }()
	s, _, err := c.compile(text, 0)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	defer s.Finalize()
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

// Collation is the collation of a column, "" for a view's.
func (c *conn) Collation(_ context.Context, table, column string) (string, error) {
	t, err := libc.CString(table)
	if err != nil {
		return "", nil
	}
	defer libc.Xfree(c.tls, t)
	n, err := libc.CString(column)
	if err != nil {
		return "", nil
	}
	defer libc.Xfree(c.tls, n)
	pp := libc.Xmalloc(c.tls, types.Size_t(ptrSize))
	if pp == 0 {
		return "", nil
	}
	defer libc.Xfree(c.tls, pp)
	*(*uintptr)(pointer(pp)) = 0
	if lib.Xsqlite3_table_column_metadata(c.tls, c.db, 0, t, n, 0, pp, 0, 0, 0) != lib.SQLITE_OK {
		return "", nil
	}
	return strings.ToUpper(libc.GoString(*(*uintptr)(pointer(pp)))), nil
}

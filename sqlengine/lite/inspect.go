package lite

import (
	"context"
	"strconv"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
)

// Asker is a connection that can be asked what a database holds.
type Asker interface {
	// Ask runs a statement that is needed once and gives its rows.
	Ask(ctx context.Context, sql string, args ...sqlengine.Value) ([][]sqlengine.Value, error)
	// Collation is the collation of a column in upper case (BINARY where none was
	// declared), "" for a column of a view.
	Collation(ctx context.Context, table, column string) (string, error)
}

// MetaTable holds what Weft knows of a database: "format", and "table:name"
// for each table that it made.
const MetaTable = "weft_meta"

// Format is the newest format of a database that this version can use.
const Format = 1

// CheckFormat refuses a database that a newer version of Weft wrote. file is
// its name for messages.
func CheckFormat(ctx context.Context, a Asker, file string) error {
	found, err := a.Ask(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '"+MetaTable+"'")
	if err != nil || found[0][0].Int() == 0 {
		return err
	}
	rows, err := a.Ask(ctx, "SELECT value FROM "+MetaTable+" WHERE key = 'format'")
	if err != nil || len(rows) == 0 {
		return err
	}
	n, err := strconv.Atoi(rows[0][0].Bytes())
	if rows[0][0].Kind == sqlengine.Int {
		n, err = int(rows[0][0].Int()), nil
	}
	switch {
	case err != nil:
		return op.Errorf(op.CodeDatabase, "%s: the format %q of the database cannot be read", file, rows[0][0].Bytes())
	case n > Format:
		return op.Errorf(op.CodeDatabase, "%s was written by a newer version of Weft (format %d, this one knows up to %d): update this program", file, n, Format)
	}
	return nil
}

// Made reports whether Weft made a table.
func Made(ctx context.Context, a Asker, table string) (bool, error) {
	found, err := a.Ask(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '"+MetaTable+"'")
	if err != nil || found[0][0].Int() == 0 {
		return false, err
	}
	rows, err := a.Ask(ctx, "SELECT 1 FROM "+MetaTable+" WHERE key = ?", sqlengine.TextValue("table:"+table))
	return len(rows) > 0, err
}

// Inspect looks at a model's table.
func Inspect(ctx context.Context, a Asker, m *schema.Model) (*sqlengine.Table, error) {
	rows, err := a.Ask(ctx, "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?)", sqlengine.TextValue(m.Table))
	if err != nil {
		return nil, err
	}
	var found []sqlengine.FoundColumn
	for _, r := range rows {
		f := sqlengine.FoundColumn{
			Name: r[0].Bytes(), Type: r[1].Bytes(), NotNull: r[2].Int() != 0, Key: int(r[3].Int()), Generated: r[4].Int() > 1,
		}
		f.Auto = f.Key == 1 && strings.EqualFold(f.Type, "INTEGER")
		if f.Collation, err = a.Collation(ctx, m.Table, f.Name); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	made, err := Made(ctx, a, m.Table)
	if err != nil {
		return nil, err
	}
	t, err := sqlengine.NewTable(Dialect, m, found, made)
	if err == nil {
		t.Search, err = searchIndex(ctx, a, t)
	}
	return t, err
}

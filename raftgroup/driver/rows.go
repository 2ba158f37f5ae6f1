package driver

import (
	"database/sql"
	"database/sql/driver"
	"io"
	"reflect"
	"strings"
)

// rows are those of a statement, in memory.
type rows struct {
	cols []column
	list [][]any
}

var (
	_ driver.Rows                           = (*rows)(nil)
	_ driver.RowsColumnTypeDatabaseTypeName = (*rows)(nil)
	_ driver.RowsColumnTypeScanType         = (*rows)(nil)
)

// Columns are the names.
func (r *rows) Columns() []string {
	names := make([]string, len(r.cols))
	for i := range r.cols {
		names[i] = r.cols[i].name
	}
	return names
}

// Close lets go of what was not read.
func (r *rows) Close() error {
	r.list = nil
	return nil
}

// Next gives the next row.
func (r *rows) Next(dest []driver.Value) error {
	if len(r.list) == 0 {
		return io.EOF
	}
	row := r.list[0]
	r.list = r.list[1:]
	for i := range dest {
		dest[i] = r.cols[i].given(row[i])
	}
	return nil
}

// ColumnTypeDatabaseTypeName is the declared type in upper case, without what
// stands in parentheses; of an expression, what its values are, if that is known.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string { return r.cols[i].base() }

// ColumnTypeScanType is a type that every value of the column, and NULL, can be
// scanned into.
func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	switch c := &r.cols[i]; c.kind {
	case asTime:
		return reflect.TypeFor[sql.NullTime]()
	case asBool:
		return reflect.TypeFor[sql.NullBool]()
	case asScaled:
		return reflect.TypeFor[sql.NullString]()
	default:
		typ := c.base()
		has := func(part string) bool { return strings.Contains(typ, part) }
		switch { // by SQLite's rules of affinity
		case has("INT"):
			return reflect.TypeFor[sql.NullInt64]()
		case has("CHAR"), has("CLOB"), has("TEXT"):
			return reflect.TypeFor[sql.NullString]()
		case has("BLOB"):
			return reflect.TypeFor[[]byte]()
		case has("REAL"), has("FLOA"), has("DOUB"):
			return reflect.TypeFor[sql.NullFloat64]()
		}
	}
	return reflect.TypeFor[any]()
}

// result is what a statement without rows did.
type result struct{ last, changed int64 }

// LastInsertId is the rowid of the last row that the statement inserted; of one
// that inserts none it means nothing.
func (r result) LastInsertId() (int64, error) { return r.last, nil }

// RowsAffected is the number of rows that were changed.
func (r result) RowsAffected() (int64, error) { return r.changed, nil }

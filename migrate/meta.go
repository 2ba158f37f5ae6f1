package migrate

import (
	"context"
	"database/sql"
	"strconv"

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

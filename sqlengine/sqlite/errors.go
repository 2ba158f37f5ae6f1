package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	lib "modernc.org/sqlite/lib"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// explain turns an error of SQLite into a fault that the operation's words can
// be found for, or into an error of the database as a whole.
func (c *conn) explain(ctx context.Context, err error) error {
	var e *dbError
	if !errors.As(err, &e) {
		return err
	}
	fault := func(class sqlengine.Class) error {
		f := &sqlengine.Fault{Class: class, Err: e}
		f.Table, f.Columns = columns(e.msg)
		return f
	}
	database := func(format string, args ...any) error {
		d := op.Errorf(op.CodeDatabase, format, args...)
		d.Err = e
		return d
	}
	switch e.code {
	case lib.SQLITE_CONSTRAINT_UNIQUE:
		return fault(sqlengine.FaultUnique)
	case lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return fault(sqlengine.FaultKey)
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fault(sqlengine.FaultReference)
	case lib.SQLITE_CONSTRAINT_NOTNULL:
		return fault(sqlengine.FaultNotNull)
	case lib.SQLITE_CONSTRAINT_CHECK, lib.SQLITE_CONSTRAINT_DATATYPE:
		return fault(sqlengine.FaultCheck)
	case lib.SQLITE_BUSY_SNAPSHOT:
		return fault(sqlengine.FaultSnapshot)
	}
	name := c.file
	switch e.code & 0xff {
	case lib.SQLITE_INTERRUPT:
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		return op.ErrClosed()
	case lib.SQLITE_BUSY:
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		return database("%s is locked by another process and was not free within %s: end that process's transaction, or wait longer (sqlite.BusyTimeout)", name, c.busy)
	case lib.SQLITE_LOCKED:
		return database("a table of %s is locked: %s", name, e.msg)
	case lib.SQLITE_CORRUPT:
		return database("%s is damaged (%s): restore it from a backup; `sqlite3 %s .recover` may save what can still be read", name, e.msg, name)
	case lib.SQLITE_NOTADB:
		return database("%s is no SQLite database, or it is encrypted: check the path", name)
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return database("%s cannot be written (%s): check that the file and its folder are writable and that it was not opened read-only", name, e.msg)
	case lib.SQLITE_FULL:
		return database("%s cannot grow, the disk or its quota is full: free some space; nothing was changed", name)
	case lib.SQLITE_IOERR:
		return database("reading or writing %s failed (%s): check the disk", name, e.msg)
	case lib.SQLITE_CANTOPEN:
		return database("%s cannot be opened (%s): check that the folder exists and may be read and written", name, e.msg)
	case lib.SQLITE_TOOBIG:
		return op.Errorf(op.CodeValidation, "a value is too large for the database")
	case lib.SQLITE_CONSTRAINT:
		if strings.Contains(e.msg, "FOREIGN KEY") { // RESTRICT counts as a trigger
			return fault(sqlengine.FaultReference)
		}
		return fault(sqlengine.FaultCheck)
	case lib.SQLITE_ERROR:
		switch {
		case strings.Contains(e.msg, "integer overflow") || strings.Contains(e.msg, overflow):
			return fault(sqlengine.FaultOverflow)
		case strings.Contains(e.msg, refused):
			_, why, _ := strings.Cut(e.msg, refused)
			return op.Errorf(op.CodeValidation, "%s", why)
		case strings.HasPrefix(e.msg, "no such table") || strings.HasPrefix(e.msg, "no such column") || strings.Contains(e.msg, "has no column named"):
			return database("%s: migrate first (weft.AutoMigrate())", e.msg)
		}
	}
	return fault(sqlengine.FaultOther)
}

// columns reads the columns out of "UNIQUE constraint failed: t.a, t.b".
func columns(msg string) (table string, cols []string) {
	_, list, ok := strings.Cut(msg, "constraint failed: ")
	if !ok {
		return "", nil
	}
	for _, name := range strings.Split(list, ", ") {
		t, col, ok := strings.Cut(name, ".")
		if !ok {
			return "", nil
		}
		table = t
		cols = append(cols, col)
	}
	return table, cols
}

func errNewer(file string, found, known int) error {
	return op.Errorf(op.CodeDatabase, "%s was written by a newer version of Weft (format %d, this one knows up to %d): update this program", file, found, known)
}

func wrap(verb string, err error) error {
	var e *op.Error
	if errors.As(err, &e) {
		if e.Op == "" {
			e.Op = verb
		}
		return err
	}
	return fmt.Errorf("%s: %w", verb, err)
}

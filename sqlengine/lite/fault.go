package lite

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// What begins a message of a function of ours.
const (
	Overflow = "weft: out of range"
	Refused  = "weft: refused: "
)

// Place is where something failed, for messages.
type Place struct {
	File   string
	Busy   time.Duration // how long locks are waited for
	Longer string        // how to wait longer, ", or …"; "" where there is no way
}

// Explain turns an error of SQLite into a *[sqlengine.Fault] that the
// operation's words can be found for, or into an *[op.Error] of the database as a
// whole. The *[Error] stays in its chain, but for an interruption, which is the
// context's error or, without one, that of a database that was closed. Errors
// that are not SQLite's stay as they are.
func Explain(ctx context.Context, err error, at Place) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	fault := func(class sqlengine.Class) error {
		f := &sqlengine.Fault{Class: class, Err: e}
		f.Table, f.Columns = columns(e.Message)
		return f
	}
	database := func(format string, args ...any) error {
		d := op.Errorf(op.CodeDatabase, format, args...)
		d.Err = e
		return d
	}
	switch e.Code {
	case codeConstraintUnique:
		return fault(sqlengine.FaultUnique)
	case codeConstraintPrimaryKey, codeConstraintRowID:
		return fault(sqlengine.FaultKey)
	case codeConstraintForeignKey:
		return fault(sqlengine.FaultReference)
	case codeConstraintNotNull:
		return fault(sqlengine.FaultNotNull)
	case codeConstraintCheck, codeConstraintDatatype:
		return fault(sqlengine.FaultCheck)
	case codeBusySnapshot:
		return fault(sqlengine.FaultSnapshot)
	}
	name := at.File
	switch e.Code & 0xff {
	case codeInterrupt:
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		return op.ErrClosed()
	case codeBusy:
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		return database("%s is locked by another process and was not free within %s: end that process's transaction%s", name, at.Busy, at.Longer)
	case codeLocked:
		return database("a table of %s is locked: %s", name, e.Message)
	case codeCorrupt:
		return database("%s is damaged (%s): restore it from a backup; `sqlite3 %s .recover` may save what can still be read", name, e.Message, name)
	case codeNotADB:
		return database("%s is no SQLite database, or it is encrypted: check the path", name)
	case codeReadOnly, codePerm:
		return database("%s cannot be written (%s): check that the file and its folder are writable and that it was not opened read-only", name, e.Message)
	case codeFull:
		return database("%s cannot grow, the disk or its quota is full: free some space; nothing was changed", name)
	case codeIO:
		return database("reading or writing %s failed (%s): check the disk", name, e.Message)
	case codeCantOpen:
		return database("%s cannot be opened (%s): check that the folder exists and may be read and written", name, e.Message)
	case codeTooBig:
		return op.Errorf(op.CodeValidation, "a value is too large for the database")
	case codeConstraint:
		if strings.Contains(e.Message, "FOREIGN KEY") { // RESTRICT counts as a trigger
			return fault(sqlengine.FaultReference)
		}
		return fault(sqlengine.FaultCheck)
	case codeError:
		switch {
		case strings.Contains(e.Message, "integer overflow") || strings.Contains(e.Message, Overflow):
			return fault(sqlengine.FaultOverflow)
		case strings.Contains(e.Message, Refused):
			_, why, _ := strings.Cut(e.Message, Refused)
			return op.Errorf(op.CodeValidation, "%s", why)
		case strings.HasPrefix(e.Message, "no such table") || strings.HasPrefix(e.Message, "no such column") || strings.Contains(e.Message, "has no column named"):
			return database("%s: migrate first (weft.AutoMigrate())", e.Message)
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

package migrate

import (
	"errors"
	"fmt"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// stepError is a statement that failed. It is a DATABASE_ERROR, or what the
// context ended with; a CONFLICT where something is there already.
type stepError struct {
	step  int // from 0
	cause error
	msg   string
	code  op.Code
}

func (e *stepError) Error() string { return e.msg }
func (e *stepError) Unwrap() error { return e.cause }

// As makes it an *op.Error too.
func (e *stepError) As(target any) bool {
	t, ok := target.(**op.Error)
	if ok {
		*t = &op.Error{Code: e.code, Message: e.msg, Index: -1, Err: e.cause}
	}
	return ok
}

// Is holds for the sentinel of the code.
func (e *stepError) Is(target error) bool {
	return (&op.Error{Code: e.code}).Is(target)
}

// failed says what failed, where, what it means for the database and what to do.
func (r *runner) failed(p *Plan, i, n int, err error) error {
	var already *stepError
	if errors.As(err, &already) {
		return err
	}
	d, s := r.m.dialect, p.Steps[i]
	e := &stepError{step: i, cause: err, code: op.CodeDatabase}
	e.msg = fmt.Sprintf("migrate: step %d of %d (%s)", i+1, len(p.Steps), s.who())
	if n < len(s.SQL) {
		e.msg += fmt.Sprintf(", statement %d of %d: %s", n+1, len(s.SQL), clip(s.SQL[n]))
	}
	e.msg += ": " + err.Error() + ". "
	ctxErr := op.FromContext(err)
	var c *op.Error
	switch {
	case own.AlreadyThere(d, err):
		e.code = op.CodeConflict
		e.msg += "Something else has made what this step makes: the database is not what was planned for (drift). Look at it, take it away or rename it, and plan again"
	case own.Denied(d, err):
		e.msg += "The database's user lacks a permission for this: grant it, and apply again"
	case own.Gone(d, err):
		e.msg += "The connection to the server was lost"
	case errors.As(ctxErr, &c):
		e.code = c.Code
		e.msg += "It was stopped"
	default:
		e.msg += "Put right what it tells of, and apply again"
	}
	if d == catalog.MySQL {
		e.msg += ". What came before is done and recorded: the next apply goes on here"
	} else {
		e.msg += ". Nothing was changed"
	}
	return e
}

// clip shortens a statement for a message.
func clip(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + " …"
	}
	return s
}

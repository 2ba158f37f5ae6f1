package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// unique is what is known of a unique index.
type unique struct {
	columns []string
	key     bool
}

// explain turns an error of the driver into a fault that the operation's words
// can be found for, or into an error of the database as a whole.
func (e *Engine) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var p *pgconn.PgError
	var known *op.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &p):
		return e.explainServer(ctx, p, err)
	case e.closed.Load():
		return op.ErrClosed()
	case ctx.Err() != nil:
		return op.FromContext(ctx.Err())
	}
	database := func(format string, args ...any) error {
		d := op.Errorf(op.CodeDatabase, format, args...)
		d.Err = err
		return d
	}
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &connect):
		return database("%s cannot be reached (%s): check that the server runs and that the address, the port and the network are right", e.name, cause(connect))
	case pgconn.SafeToRetry(err):
		err = &lostError{err}
		return database("the connection to %s was lost before anything was sent (%s): try again", e.name, err)
	}
	err = &lostError{err}
	return database("the connection to %s was lost (%s): it is not known whether what was under way outside of a transaction was done; look before trying again", e.name, err)
}

// lostError is what ended a connection that nobody closed.
type lostError struct{ err error }

func (l *lostError) Error() string { return l.err.Error() }

// Unwrap returns the driver's error.
func (l *lostError) Unwrap() error { return l.err }

// cause is why a connection could not be made, in one line.
func cause(err *pgconn.ConnectError) string {
	msg := err.Unwrap().Error()
	lines := strings.FieldsFunc(msg, func(r rune) bool { return r == '\n' || r == '\t' })
	return strings.Join(lines, "; ")
}

func (e *Engine) explainServer(ctx context.Context, p *pgconn.PgError, err error) error {
	fault := func(class sqlengine.Class) error {
		f := &sqlengine.Fault{Class: class, Err: p, Table: p.TableName}
		if p.ColumnName != "" {
			f.Columns = []string{p.ColumnName}
		}
		return f
	}
	database := func(format string, args ...any) error {
		d := op.Errorf(op.CodeDatabase, format, args...)
		d.Err = p
		return d
	}
	invalid := func() error {
		d := op.Errorf(op.CodeValidation, "the database refuses a value: %s", p.Message)
		d.Err = p
		return d
	}
	name := e.name
	switch p.Code {
	case "23505":
		f := &sqlengine.Fault{Class: sqlengine.FaultUnique, Err: p, Table: p.TableName}
		if u, ok := e.uniques.Load(p.TableName + "." + p.ConstraintName); ok {
			f.Columns = u.(unique).columns
			if u.(unique).key {
				f.Class = sqlengine.FaultKey
			}
		}
		return f
	case "23P01":
		return &sqlengine.Fault{Class: sqlengine.FaultUnique, Err: p, Table: p.TableName}
	case "23503", "23001": // the table named is the one that points
		return &sqlengine.Fault{Class: sqlengine.FaultReference, Err: p}
	case "23502":
		return fault(sqlengine.FaultNotNull)
	case "23514", "44000":
		return fault(sqlengine.FaultCheck)
	case "22003", "22P03":
		return fault(sqlengine.FaultOverflow)
	case "40001", "40P01", "55P03", "26000":
		return fault(sqlengine.FaultSnapshot)
	case "57014":
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		d := op.Errorf(op.CodeTimeout, "the server gave up the statement (%s): make it do less, add an index, or allow more time (postgres.QueryTimeout)", p.Message)
		d.Err = p
		return d
	case "25P02":
		return errRolledBack()
	case "25006":
		return database("%s cannot be written (%s): it is open for reading only, or the server is a standby", name, p.Message)
	case "28P01", "28000":
		return database("the server of %s refuses the user (%s): check user and password in the address, and the server's pg_hba.conf", name, p.Message)
	case "3D000":
		return database("there is no such database (%s): create it, or check the name in the address", p.Message)
	case "42501":
		return database("the user may not do that in %s (%s): GRANT what is missing", name, p.Message)
	case "42P01", "42703", "3F000":
		return database("%s: migrate first (weft.AutoMigrate())", p.Message)
	case "53100":
		return database("the disk of the server of %s is full: free some space; nothing was changed", name)
	case "53200":
		return database("the server of %s has no memory left: %s", name, p.Message)
	case "53300":
		return database("the server of %s takes no more connections (%s): lower postgres.MaxConns, or raise max_connections of the server", name, p.Message)
	case "57P01", "57P02", "57P03":
		return database("the server of %s is shutting down, starting up, or ended the connection (%s): try again; what was under way was rolled back", name, p.Message)
	case "0A000":
		if stalePlan(p) {
			return fault(sqlengine.FaultSnapshot)
		}
	}
	switch p.Code[:min(2, len(p.Code))] {
	case "22", "54": // data, and limits of the server
		return invalid()
	case "08":
		return database("the connection to %s failed: %s", name, p.Message)
	case "XX":
		return database("%s may be damaged (%s): look into the server's log", name, p.Message)
	}
	return fault(sqlengine.FaultOther)
}

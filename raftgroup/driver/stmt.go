package driver

import (
	"context"
	"database/sql/driver"
)

// stmt is a statement to be run several times.
type stmt struct {
	s    *session
	text string
}

var (
	_ driver.StmtExecContext  = (*stmt)(nil)
	_ driver.StmtQueryContext = (*stmt)(nil)
)

// Close does nothing.
func (*stmt) Close() error { return nil }

// NumInput leaves the counting to the database.
func (*stmt) NumInput() int { return -1 }

// Exec is ExecContext for callers without a context.
func (t *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return t.ExecContext(context.Background(), numbered(args))
}

// Query is QueryContext for callers without a context.
func (t *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return t.QueryContext(context.Background(), numbered(args))
}

// ExecContext runs the statement.
func (t *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return t.s.ExecContext(ctx, t.text, args)
}

// QueryContext runs the statement and gives its rows.
func (t *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return t.s.QueryContext(ctx, t.text, args)
}

func numbered(args []driver.Value) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, v := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return list
}

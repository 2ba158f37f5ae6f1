package client

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// Database is the SQL database of the client's namespace. It is SQLite's SQL;
// there are no transactions over several calls (see Transaction, and Client.Engine
// for those of models), and nothing that leaves the database: ATTACH, VACUUM INTO
// and the like are refused. It is safe for concurrent use.
//
// Arguments stand for ? and ?NNN in order; sql.Named("name", v) stands for
// :name, @name and $name. Values are those that database/sql takes.
type Database struct {
	c       *Client
	reading op.Reading
}

// Database is the namespace's database.
func (c *Client) Database() *Database { return &Database{c: c} }

// WithConsistency is the same database, read at a level: op.Weak (as it is when
// nothing is said), op.Linearizable, op.Strong or op.None. At op.None any node
// with a copy answers, and nothing can be changed.
func (d *Database) WithConsistency(level op.Consistency) *Database {
	return &Database{c: d.c, reading: op.Reading{Consistency: level, MaxAge: d.reading.MaxAge}}
}

// WithFreshness is the same database, read from any node with a copy that heard
// from the leader less than age ago.
func (d *Database) WithFreshness(age time.Duration) *Database {
	return &Database{c: d.c, reading: op.Reading{Consistency: op.None, MaxAge: age}}
}

// Result is what a statement gave.
type Result struct {
	Columns []string
	Types   []string // of the columns, in lower case, as declared or as the values are
	Rows    [][]any  // int64, float64, string, []byte or nil

	LastInsertID int64
	RowsAffected int64
	Elapsed      time.Duration // on the node
}

// Maps are the rows by the names of their columns. Of two columns with one name
// the last counts.
func (r *Result) Maps() []map[string]any {
	out := make([]map[string]any, len(r.Rows))
	for i, row := range r.Rows {
		out[i] = make(map[string]any, len(row))
		for k, v := range row {
			if k < len(r.Columns) {
				out[i][r.Columns[k]] = v
			}
		}
	}
	return out
}

// Statement is SQL with its arguments.
type Statement struct {
	SQL  string
	Args []any
}

// SQL makes a statement.
func SQL(text string, args ...any) Statement { return Statement{SQL: text, Args: args} }

// Query runs a statement and gives its rows, all of them. It may also change
// something, as with RETURNING.
func (d *Database) Query(ctx context.Context, text string, args ...any) (*Result, error) {
	out, err := d.run(ctx, false, []Statement{{text, args}})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// Execute runs a statement for its effect; a result has no rows then.
func (d *Database) Execute(ctx context.Context, text string, args ...any) (*Result, error) {
	r, err := d.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	r.Columns, r.Types, r.Rows = nil, nil, nil
	return r, nil
}

// Transaction runs statements in order, all or none. The error names the
// statement that failed, by its place from 1.
func (d *Database) Transaction(ctx context.Context, stmts ...Statement) ([]*Result, error) {
	if len(stmts) == 0 {
		return nil, op.Errorf(op.CodeValidation, "a transaction without statements")
	}
	return d.run(ctx, true, stmts)
}

// run runs statements; an error of one is the error.
func (d *Database) run(ctx context.Context, atomic bool, stmts []Statement) ([]*Result, error) {
	l, err := d.c.linked()
	if err != nil {
		return nil, err
	}
	q := door.Request{Atomic: atomic, ReadOnly: d.reading.Consistency == op.None}
	for i, s := range stmts {
		x, err := convert(s)
		if err != nil {
			if len(stmts) > 1 {
				err = fmt.Errorf("statement %d: %w", i+1, err)
			}
			return nil, err
		}
		q.Statements = append(q.Statements, x)
	}
	if d.reading != (op.Reading{}) {
		ctx = op.WithReading(ctx, d.reading)
	}
	answers, err := l.remote.Run(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]*Result, 0, len(stmts))
	for i, a := range answers {
		if a.Err != nil {
			if len(stmts) > 1 {
				return nil, fmt.Errorf("statement %d: %w", i+1, a.Err)
			}
			return nil, a.Err
		}
		out = append(out, &Result{
			Columns: a.Columns, Types: a.Types, Rows: a.Rows, LastInsertID: a.LastID, RowsAffected: a.Changed, Elapsed: a.Elapsed,
		})
	}
	if len(out) != len(stmts) {
		return nil, op.Errorf(op.CodeInternal, "a node answered %d statements of %d", len(out), len(stmts))
	}
	return out, nil
}

// convert takes arguments apart into those with names and those without.
func convert(s Statement) (door.Statement, error) {
	out := door.Statement{SQL: s.SQL}
	for i, a := range s.Args {
		named, isNamed := a.(sql.NamedArg)
		if isNamed {
			a = named.Value
		}
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return out, op.Errorf(op.CodeValidation, "argument %d: %w", i+1, err)
		}
		if !isNamed {
			out.Args = append(out.Args, v)
			continue
		}
		name := strings.TrimLeft(named.Name, ":@$")
		if _, twice := out.Named[name]; twice || name == "" {
			return out, op.Errorf(op.CodeValidation, "argument %d: the name %q is empty or was given before", i+1, named.Name)
		}
		if out.Named == nil {
			out.Named = map[string]any{}
		}
		out.Named[name] = v
	}
	return out, nil
}

// Backup writes a copy of the database, a SQLite file. When it fails, what was
// written is worthless.
func (d *Database) Backup(ctx context.Context, w io.Writer) error {
	l, err := d.c.linked()
	if err != nil {
		return err
	}
	if d.reading != (op.Reading{}) {
		ctx = op.WithReading(ctx, d.reading)
	}
	return l.remote.Backup(ctx, w)
}

// Restore replaces the database by a SQLite file. It is all or nothing; an error
// that wraps door.ErrUnknown says that it may have happened.
func (d *Database) Restore(ctx context.Context, r io.Reader) error {
	l, err := d.c.linked()
	if err != nil {
		return err
	}
	return l.remote.Restore(ctx, r)
}

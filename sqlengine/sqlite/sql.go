package sqlite

import (
	"context"
	"regexp"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// allowed refuses statements that would pull a connection from under the pool.
func allowed(text string) error {
	switch w := lite.FirstWord(text); w {
	case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE":
		return op.Errorf(op.CodeValidation, "%s is not for raw SQL: use a transaction (db.Tx)", w)
	case "ATTACH", "DETACH":
		return op.Errorf(op.CodeValidation, "%s is not for raw SQL: an engine is one file; open the other with an engine of its own", w)
	case "PRAGMA":
		if strings.Contains(text, "=") {
			return op.Errorf(op.CodeValidation, "a pragma would change one of several connections: use the option sqlite.Pragma")
		}
	}
	return nil
}

func arguments(o *op.Op) ([]sqlengine.Value, error) {
	args := make([]sqlengine.Value, len(o.Args))
	for i, v := range o.Args {
		var err error
		if args[i], err = sqlengine.Argument(v); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// sql runs raw SQL: on a reading connection when it only reads.
func (e *Engine) sql(ctx context.Context, o *op.Op) (op.Result, error) {
	c, err := e.readers.get(ctx)
	if err != nil {
		return op.Result{}, err
	}
	if reads, _, err := c.look(ctx, o.SQL); err != nil || (!reads && !e.memory) {
		c.Release()
		if err != nil {
			return op.Result{}, sqlengine.Explain(err, "sql", nil)
		}
		if c, err = e.writers.get(ctx); err != nil {
			return op.Result{}, err
		}
	}
	res, err := e.sqlOn(ctx, c, o, false)
	if err == nil && e.memory && res.Rows != nil {
		err = sqlengine.Detach(res.Rows)
	}
	switch {
	case err == nil && !e.memory && c.home == e.readers && sqlengine.Hold(res.Rows, c):
		c.stream()
		return res, nil
	case err == nil && res.Rows != nil && c.home == e.writers:
		err = sqlengine.Detach(res.Rows)
	}
	c.Release()
	return res, err
}

// look reports whether the text is one statement that changes nothing, and
// whether it is several.
func (c *conn) look(ctx context.Context, text string) (reads, several bool, err error) {
	if err := allowed(text); err != nil {
		return false, false, err
	}
	c.ctx = ctx
	s, rest, err := c.compile(text, 0)
	if err != nil {
		return false, false, c.explain(ctx, err)
	}
	if s == nil {
		return false, false, op.Errorf(op.CodeValidation, "the statement is empty")
	}
	defer s.Finalize()
	several = lite.FirstWord(rest) != ""
	return (s.reads || askJournal.MatchString(text)) && !several, several, nil
}

// askJournal is a statement that SQLite takes for one that writes, because with
// a value it would.
var askJournal = regexp.MustCompile(`(?i)^\s*PRAGMA\s+(\w+\.)?journal_mode\s*;?\s*$`)

// sqlOn runs raw SQL on a connection. Several statements run as one
// transaction; they take no arguments and give no rows.
func (e *Engine) sqlOn(ctx context.Context, c *conn, o *op.Op, readOnly bool) (op.Result, error) {
	res, err := e.rawSQL(ctx, c, o, readOnly)
	return res, sqlengine.Explain(err, "sql", nil)
}

func (e *Engine) rawSQL(ctx context.Context, c *conn, o *op.Op, readOnly bool) (op.Result, error) {
	reads, several, err := c.look(ctx, o.SQL)
	if err != nil {
		return op.Result{}, err
	}
	if several && o.Returning {
		return op.Result{}, op.Errorf(op.CodeValidation, "several statements at once give no rows: run them one by one")
	}
	if !reads {
		if readOnly {
			return op.Result{}, op.Errorf(op.CodeValidation, "the transaction is read only")
		}
		if err := c.settle(); err != nil {
			return op.Result{}, err
		}
		switch lite.FirstWord(o.SQL) {
		case "CREATE", "ALTER", "DROP":
			defer e.core.Forget()
		}
	}
	if lite.FirstWord(o.SQL) == "PRAGMA" && strings.Contains(strings.ToLower(o.SQL), "_check") {
		lite.LookAgain(ctx, c)
	}
	args, err := arguments(o)
	if err != nil {
		return op.Result{}, err
	}
	c.ctx = ctx
	s, _, err := c.compile(o.SQL, 0)
	if err != nil {
		return op.Result{}, c.explain(ctx, err)
	}
	if several {
		s.Finalize()
		if len(args) > 0 {
			return op.Result{}, op.Errorf(op.CodeValidation, "several statements at once take no arguments")
		}
		return c.script(ctx, o.SQL)
	}
	if len(args) != s.args {
		n := s.args
		s.Finalize()
		return op.Result{}, op.Errorf(op.CodeValidation, "the statement has %d places for arguments (?) and was given %d", n, len(args))
	}
	if err := s.bind(args); err != nil {
		s.Finalize()
		return op.Result{}, c.explain(ctx, err)
	}
	c.writing = c.depth == 0 && !s.reads
	if s.cols == 0 {
		defer s.Finalize()
		if _, err := s.step(); err != nil {
			return op.Result{}, c.explain(ctx, err)
		}
		res := op.Result{N: c.changes()}
		switch lite.FirstWord(o.SQL) {
		case "INSERT", "REPLACE":
			res.LastID = c.lastKey()
		}
		return res, nil
	}
	decls, names := make([]string, s.cols), make([]string, s.cols)
	for i := range decls {
		decls[i], names[i] = s.decl(i), s.name(i)
	}
	k := &cursor{c: c, s: s, ctx: ctx}
	if c.depth > 0 {
		c.open = append(c.open, k)
	}
	return op.Result{Rows: sqlengine.Raw(k, decls, o.Sink), Columns: names, Types: decls}, nil
}

// script runs several statements as one transaction.
func (c *conn) script(ctx context.Context, text string) (op.Result, error) {
	var n int64
	err := c.Atomic(ctx, func() error {
		for lite.FirstWord(text) != "" {
			if err := allowed(text); err != nil {
				return err
			}
			s, rest, err := c.compile(text, 0)
			if err != nil {
				return c.explain(ctx, err)
			}
			text = rest
			if s == nil {
				continue
			}
			before := c.totalChanges()
			more := true
			for more && err == nil {
				more, err = s.step()
			}
			if c.totalChanges() > before { // of the statement itself, not of triggers
				n += c.changes()
			}
			if err != nil {
				err = c.explain(ctx, err)
			}
			s.Finalize()
			if err != nil {
				return err
			}
		}
		return nil
	})
	return op.Result{N: n}, err
}

package mysql

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// What the first word of a statement says of it.
var (
	readWords = words("SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "VALUES", "TABLE", "HELP", "CHECKSUM")
	// txWords end no transaction.
	txWords = words("INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "DO")
	// ownWords would pull a connection from under the pool.
	ownWords = words("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA")
	setWords = words("SET", "USE", "LOCK", "UNLOCK", "PREPARE", "EXECUTE", "DEALLOCATE", "HANDLER", "CHANGE", "RESET")
	// tableWords give rows without having said so when they were prepared, and
	// the driver would wait for more of an answer than there is.
	tableWords = words("ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "CACHE", "CALL")
	ddlWords   = words("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE")
)

func words(list ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range list {
		m[w] = true
	}
	return m
}

// temporary tables come and go without a commit.
var temporary = regexp.MustCompile(`(?is)^(CREATE|DROP)\s+TEMPORARY\s`)

// commits reports whether a statement makes the server commit what is open.
func commits(text string) bool {
	w := firstWord(text)
	return !readWords[w] && !txWords[w] && !temporary.MatchString(skipped(text))
}

// allowed refuses statements that would change a connection of the pool.
func allowed(text string) error {
	switch w := firstWord(text); {
	case ownWords[w]:
		return op.Errorf(op.CodeValidation, "%s is not for raw SQL: use a transaction (db.Tx)", w)
	case setWords[w]:
		return op.Errorf(op.CodeValidation, "%s is not for raw SQL: it would change one of several connections", w)
	case w == "/*!":
		return op.Errorf(op.CodeValidation, "comments that the server runs (/*! … */) are not for raw SQL: write the statement itself")
	case temporary.MatchString(skipped(text)):
		return op.Errorf(op.CodeValidation, "a temporary table is there on one of several connections only: use an ordinary one")
	}
	return nil
}

// returning is what a change says that gives rows, on MariaDB.
var returning = regexp.MustCompile(`(?i)\breturning\b`)

// gives reports whether a statement may give rows. Of one that gives none the
// number of rows that it changed is told.
func gives(text string) bool {
	switch w := firstWord(text); {
	case w == "UPDATE", w == "DO", ddlWords[w]:
		return false
	case w == "INSERT", w == "DELETE", w == "REPLACE":
		return returning.MatchString(text)
	}
	return true
}

// reads reports whether a text is one statement that changes nothing.
func reads(list []string) bool { return len(list) == 1 && readWords[firstWord(list[0])] }

// sql runs raw SQL outside of transactions.
func (e *Engine) sql(ctx context.Context, o *op.Op) (op.Result, error) {
	list := split(o.SQL)
	fresh, start := false, time.Now()
	stays := len(list) > 1 && slices.ContainsFunc(list, commits) // what was done before a failure
	for i := 1; ; i++ {
		c, _, err := e.get(ctx, fresh)
		if err != nil {
			return op.Result{}, err
		}
		res, err := e.sqlOn(ctx, c, o, e.opt.readOnly)
		if err == nil && res.Rows != nil && !reads(list) {
			err = sqlengine.Detach(res.Rows)
		}
		if err == nil {
			return c.hand(res, nil)
		}
		c.Release()
		switch {
		case i >= attempts || stays:
			return res, err
		case errors.As(err, new(*unsent)) && !fresh:
			fresh = true
		case op.Retryable(err) && e.patient(start) && pause(ctx, i):
		default:
			return res, err
		}
	}
}

// sqlOn runs raw SQL on a connection. Several statements run one after the
// other; they take no arguments and give no rows.
func (e *Engine) sqlOn(ctx context.Context, c *conn, o *op.Op, readOnly bool) (op.Result, error) {
	res, err := e.rawSQL(ctx, c, o, readOnly)
	return res, sqlengine.Explain(err, "sql", nil)
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

func (e *Engine) rawSQL(ctx context.Context, c *conn, o *op.Op, readOnly bool) (op.Result, error) {
	list := split(o.SQL)
	if len(list) == 0 {
		return op.Result{}, op.Errorf(op.CodeValidation, "the statement is empty")
	}
	ddl := false
	for _, text := range list {
		if err := allowed(text); err != nil {
			return op.Result{}, err
		}
		w := firstWord(text)
		switch {
		case readOnly && !readWords[w] && (w != "WITH" || c.depth == 0):
			if c.depth == 0 {
				return op.Result{}, e.onlyReads()
			}
			return op.Result{}, op.Errorf(op.CodeValidation, "the transaction is read only")
		case c.depth > 0 && commits(text):
			return op.Result{}, op.Errorf(op.CodeValidation, "%s cannot run inside a transaction: MySQL would commit it there and then; run it outside", w)
		case ddlWords[w]:
			ddl = true
		}
	}
	if ddl {
		defer e.forget()
	}
	args, err := arguments(o)
	if err != nil {
		return op.Result{}, err
	}
	if len(list) > 1 {
		switch {
		case o.Returning:
			return op.Result{}, op.Errorf(op.CodeValidation, "several statements at once give no rows: run them one by one")
		case len(args) > 0:
			return op.Result{}, op.Errorf(op.CodeValidation, "several statements at once take no arguments")
		}
		return c.script(ctx, list)
	}
	return c.single(ctx, list[0], args, o)
}

// single runs one statement.
func (c *conn) single(ctx context.Context, text string, args []sqlengine.Value, o *op.Op) (op.Result, error) {
	if err := c.start(ctx, args); err != nil {
		return op.Result{}, err
	}
	c.text = text
	if len(args) == 0 && !o.Returning && tableWords[firstWord(text)] {
		res, err := c.run(ctx, text)
		if err != nil {
			return op.Result{}, err
		}
		n, _ := res.RowsAffected()
		return op.Result{N: n}, nil
	}
	c.arm(ctx)
	ds, err := c.compile(text)
	if number(err) == errNotPreparable && len(args) == 0 {
		return c.plainText(ctx, text, o)
	}
	if err != nil {
		return op.Result{}, c.explain(ctx, err, c.disarm())
	}
	if n := ds.NumInput(); n != len(args) {
		_ = ds.Close()
		c.disarm()
		return op.Result{}, op.Errorf(op.CodeValidation, "the statement has %d places for arguments (?) and was given %d", n, len(args))
	}
	if !gives(text) || !o.Returning && !readWords[firstWord(text)] {
		res, err := ds.Exec(c.bind(args))
		_ = ds.Close()
		stopped := c.disarm()
		if err != nil {
			return op.Result{}, c.explain(ctx, err, stopped)
		}
		n, _ := res.RowsAffected()
		return op.Result{N: n}, nil
	}
	rows, err := ds.Query(c.bind(args))
	if err != nil {
		_ = ds.Close()
		return op.Result{}, c.explain(ctx, err, c.disarm())
	}
	c.inTime()
	k := c.cursor(rows, ds)
	k.ctx = ctx
	c.open = k
	return k.result(o), nil
}

// plainText runs a statement that the server does not prepare.
func (c *conn) plainText(ctx context.Context, text string, o *op.Op) (op.Result, error) {
	rows, err := c.dc.Query(text, nil)
	if err != nil {
		return op.Result{}, c.explain(ctx, err, c.disarm())
	}
	k := c.cursor(rows, nil)
	k.ctx = ctx
	c.open = k
	return k.result(o), nil
}

// script runs several statements: as one transaction, unless one of them makes
// the server commit.
func (c *conn) script(ctx context.Context, list []string) (op.Result, error) {
	var n int64
	done := 0
	all := func() error {
		for _, text := range list {
			c.text = text
			res, err := c.run(ctx, text)
			if err != nil {
				return err
			}
			some, _ := res.RowsAffected()
			n += some
			done++
		}
		return nil
	}
	for _, text := range list {
		if !commits(text) {
			continue
		}
		err := all()
		if err != nil && done > 0 {
			err = sqlengine.Explain(err, "", nil)
			err = op.Errorf(op.CodeOf(err), "statement %d of %d failed, those before it stay (MySQL commits at %s): %w", done+1, len(list), firstWord(text), err)
		}
		return op.Result{N: n}, err
	}
	err := c.Atomic(ctx, all)
	return op.Result{N: n}, err
}

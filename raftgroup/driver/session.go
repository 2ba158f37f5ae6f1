package driver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"regexp"
	"strconv"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// session is a connection. database/sql uses it from one goroutine at a time.
type session struct {
	g     door.Group
	open  []level // the transaction and the savepoints in it
	busy  int64   // PRAGMA busy_timeout; nothing waits for locks here
	keys  bool    // PRAGMA foreign_keys
	rough bool    // PRAGMA legacy_alter_table
}

// level is a transaction or, behind the first, a savepoint.
type level struct {
	tx   op.Tx
	name string // "" of one that BEGIN opened
	read bool   // only reading
}

var (
	_ driver.Conn               = (*session)(nil)
	_ driver.ConnPrepareContext = (*session)(nil)
	_ driver.ConnBeginTx        = (*session)(nil)
	_ driver.ExecerContext      = (*session)(nil)
	_ driver.QueryerContext     = (*session)(nil)
	_ driver.Pinger             = (*session)(nil)
	_ driver.Validator          = (*session)(nil)
	_ driver.NamedValueChecker  = (*session)(nil)
)

const defaultBusy = 5000

func newSession(g door.Group) *session { return &session{g: g, busy: defaultBusy, keys: true} }

// patience bounds what must be done though its context has ended.
const patience = 10 * time.Second

// Ping asks the group for an answer.
func (s *session) Ping(ctx context.Context) error {
	_, err := s.answer(ctx, "SELECT 1", nil)
	return err
}

// IsValid keeps a connection that somebody left changed, or in a transaction,
// out of the pool.
func (s *session) IsValid() bool {
	return len(s.open) == 0 && s.keys && !s.rough && s.busy == defaultBusy
}

// Close rolls back.
func (s *session) Close() error { return s.rollback() }

// CheckNamedValue makes values of what SQLite keeps.
func (s *session) CheckNamedValue(v *driver.NamedValue) error {
	var err error
	v.Value, err = stored(v.Value)
	return err
}

// Prepare keeps the text of a statement.
func (s *session) Prepare(text string) (driver.Stmt, error) {
	return s.PrepareContext(context.Background(), text)
}

// PrepareContext keeps the text of a statement. The nodes keep it prepared.
func (s *session) PrepareContext(_ context.Context, text string) (driver.Stmt, error) {
	return &stmt{s: s, text: text}, nil
}

// Begin is BeginTx without options.
func (s *session) Begin() (driver.Tx, error) {
	return s.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx starts a transaction.
func (s *session) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	switch level := sql.IsolationLevel(o.Isolation); level {
	case sql.LevelDefault, sql.LevelSerializable:
	default:
		return nil, op.Errorf(op.CodeUnsupported, "transactions of a group are serializable and no less: %s is not to be had; leave the level out", level)
	}
	if err := s.begin(ctx, "", o.ReadOnly); err != nil {
		return nil, err
	}
	return &tx{s: s, ctx: ctx}, nil
}

// ExecContext runs a statement whose rows are not wanted.
func (s *session) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	a, err := s.run(ctx, text, args, false)
	if err != nil {
		return nil, err
	}
	return result{last: a.LastID, changed: a.Changed}, nil
}

// QueryContext runs a statement and gives its rows.
func (s *session) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	a, err := s.run(ctx, text, args, true)
	if err != nil {
		return nil, err
	}
	return &rows{cols: columns(a.Columns, a.Types), list: a.Rows}, nil
}

// run does what a statement asks of the connection, or has the group run it.
func (s *session) run(ctx context.Context, text string, named []driver.NamedValue, wanted bool) (door.Answer, error) {
	c, err := read(text)
	if err != nil {
		return door.Answer{}, err
	}
	if c.verb != plain && c.verb != pragma && len(named) > 0 {
		return door.Answer{}, op.Errorf(op.CodeValidation, "the statement takes no arguments and was given %d", len(named))
	}
	switch c.verb {
	case begin:
		if len(s.open) > 0 {
			return door.Answer{}, op.Errorf(op.CodeValidation, "a transaction is open on this connection: use SAVEPOINT for one inside it")
		}
		return door.Answer{}, s.begin(ctx, "", false)
	case commit:
		return door.Answer{}, s.commit(ctx)
	case rollback:
		if len(s.open) == 0 {
			return door.Answer{}, errNone("roll back")
		}
		return door.Answer{}, s.rollback()
	case savepoint:
		return door.Answer{}, s.begin(ctx, c.name, false)
	case release:
		return door.Answer{}, s.release(ctx, c.name)
	case rollbackTo:
		return door.Answer{}, s.back(ctx, c.name)
	case pragma:
		if a, done, err := s.pragma(ctx, c); done || err != nil {
			return a, err
		}
	}
	if asksVersion.MatchString(text) {
		return door.Answer{Query: true, Columns: []string{"sqlite_version()"}, Types: []string{"text"}, Rows: [][]any{{speaks}}}, nil
	}
	args, err := arguments(text, named)
	if err != nil {
		return door.Answer{}, err
	}
	switch {
	case len(s.open) > 0:
		a, err := s.inside(ctx, text, args, wanted)
		if c.write && a.Changed == 0 { // the rows that RETURNING gives are those that were changed
			a.Changed = int64(len(a.Rows))
		}
		return a, err
	case c.write && !(s.keys && !s.rough):
		return s.alone(ctx, text, args, wanted)
	}
	return s.answer(ctx, text, args)
}

// speaks is the version of SQLite whose SQL every node of a group understands.
// Libraries ask for it to choose how they write theirs; a group does not answer,
// for its nodes may differ while they are updated.
const speaks = "3.46.1"

var asksVersion = regexp.MustCompile(`(?i)^\s*SELECT\s+sqlite_version\s*\(\s*\)\s*;?\s*$`)

// answer has the group run a statement by itself.
func (s *session) answer(ctx context.Context, text string, args []any) (door.Answer, error) {
	list, err := s.g.Run(ctx, door.Request{Statements: []door.Statement{{SQL: text, Args: args}}})
	if err != nil {
		return door.Answer{}, err
	}
	if len(list) != 1 {
		return door.Answer{}, op.Errorf(op.CodeInternal, "the group gave %d answers to one statement", len(list))
	}
	return list[0], list[0].Err
}

// inside runs a statement in the transaction that is open.
func (s *session) inside(ctx context.Context, text string, args []any, wanted bool) (a door.Answer, err error) {
	at := s.open[len(s.open)-1]
	res, err := at.tx.Do(ctx, op.Op{Kind: op.SQL, SQL: text, Args: args, Returning: wanted})
	if err != nil {
		return a, err
	}
	a = door.Answer{Columns: res.Columns, Types: res.Types, LastID: res.LastID, Changed: res.N}
	if res.Rows == nil {
		return a, nil
	}
	// They are read to the end, so that the transaction is free for the next
	// statement.
	for res.Rows.Next() {
		a.Rows = append(a.Rows, append([]any(nil), res.Rows.Row()...))
	}
	err = res.Rows.Err()
	if cerr := res.Rows.Close(); err == nil {
		err = cerr
	}
	return a, err
}

// alone runs a statement in a transaction of its own, which the pragmas of this
// connection hold in.
func (s *session) alone(ctx context.Context, text string, args []any, wanted bool) (door.Answer, error) {
	if err := s.begin(ctx, "", false); err != nil {
		return door.Answer{}, err
	}
	a, err := s.inside(ctx, text, args, wanted)
	if err != nil {
		_ = s.rollback()
		return door.Answer{}, err
	}
	return a, s.commit(ctx)
}

// pragma answers those that are the connection's own.
func (s *session) pragma(ctx context.Context, c command) (a door.Answer, done bool, err error) {
	one := func(v int64) door.Answer {
		return door.Answer{Query: true, Columns: []string{c.name}, Types: []string{"integer"}, Rows: [][]any{{v}}}
	}
	switch c.name {
	case "busy_timeout":
		if c.set {
			if s.busy, err = strconv.ParseInt(c.value, 10, 64); err != nil {
				return a, true, op.Errorf(op.CodeValidation, "PRAGMA busy_timeout is a number of milliseconds and not %q", c.value)
			}
		}
		return one(s.busy), true, nil
	case "foreign_keys":
		if !c.set {
			return one(stand(s.keys)), true, nil
		}
		on, err := flag(c)
		if err == nil && on != s.keys && len(s.open) > 0 {
			err = op.Errorf(op.CodeValidation, "PRAGMA foreign_keys changes nothing inside a transaction: set it before")
		}
		if err == nil {
			s.keys = on
		}
		return a, true, err
	case "legacy_alter_table":
		if !c.set {
			return one(stand(s.rough)), true, nil
		}
		on, err := flag(c)
		if err == nil && on != s.rough && len(s.open) > 0 {
			_, err = s.inside(ctx, roughly(on), nil, false)
		}
		if err == nil {
			s.rough = on
		}
		return a, true, err
	}
	return a, false, nil
}

func roughly(on bool) string { return "PRAGMA legacy_alter_table=" + onOff(on) }

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

func flag(c command) (bool, error) {
	switch c.value {
	case "1", "on", "true", "yes":
		return true, nil
	case "0", "off", "false", "no":
		return false, nil
	}
	return false, op.Errorf(op.CodeValidation, "PRAGMA %s is ON or OFF and not %q", c.name, c.value)
}

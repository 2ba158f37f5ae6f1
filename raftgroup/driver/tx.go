package driver

import (
	"context"
	"database/sql/driver"
	"strings"

	"github.com/weftdb/weft/op"
)

// tx is the transaction that is open on a session, for database/sql.
type tx struct {
	s   *session
	ctx context.Context // of BeginTx: Commit is given none
}

var _ driver.Tx = (*tx)(nil)

// Commit makes the changes. When it fails nothing was changed, unless the error
// says that the outcome is not known.
func (t *tx) Commit() error { return t.s.commit(t.ctx) }

// Rollback drops the changes.
func (t *tx) Rollback() error { return t.s.rollback() }

func errNone(verb string) error {
	return op.Errorf(op.CodeValidation, "cannot %s: no transaction is open on this connection; a pool may use another one for each statement, so use BeginTx, or pin one with DB.Conn", verb)
}

// begin opens a transaction or, in one, a savepoint. A savepoint outside of one
// opens one.
func (s *session) begin(ctx context.Context, name string, readOnly bool) error {
	if n := len(s.open); n > 0 {
		if name == "" {
			return op.Errorf(op.CodeValidation, "a transaction is open on this connection")
		}
		at := s.open[n-1]
		inner, err := at.tx.Begin(ctx, op.TxOptions{ReadOnly: at.read})
		if err != nil {
			return err
		}
		s.open = append(s.open, level{tx: inner, name: name, read: at.read})
		return nil
	}
	outer, err := s.g.Begin(ctx, op.TxOptions{ReadOnly: readOnly})
	if err != nil {
		return err
	}
	s.open = append(s.open, level{tx: outer, name: name, read: readOnly})
	if !readOnly {
		err = s.settings(ctx)
	}
	if err != nil {
		_ = s.rollback()
	}
	return err
}

// settings tell a new transaction what pragmas hold in it. That foreign keys are
// off has to be the first thing that it is told.
func (s *session) settings(ctx context.Context) error {
	if !s.keys {
		if _, err := s.inside(ctx, "PRAGMA foreign_keys=OFF", nil, false); err != nil {
			return err
		}
	}
	if s.rough {
		if _, err := s.inside(ctx, roughly(true), nil, false); err != nil {
			return err
		}
	}
	return nil
}

// commit ends the transaction with all its savepoints and keeps it.
func (s *session) commit(ctx context.Context) error {
	if len(s.open) == 0 {
		return errNone("commit")
	}
	return s.keep(ctx, 0)
}

// keep ends a level and those inside it. When it fails the whole transaction is
// rolled back.
func (s *session) keep(ctx context.Context, at int) error {
	for n := len(s.open) - 1; n >= at; n-- {
		if err := s.open[n].tx.Commit(ctx); err != nil {
			_ = s.rollback()
			return err
		}
		s.open = s.open[:n]
	}
	return nil
}

// rollback drops the transaction, if one is open.
func (s *session) rollback() error { return s.drop(0) }

// drop rolls a level back and those inside it, whatever has ended.
func (s *session) drop(at int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var first error
	for n := len(s.open) - 1; n >= at; n-- {
		if err := s.open[n].tx.Rollback(ctx); first == nil {
			first = err
		}
	}
	s.open = s.open[:min(at, len(s.open))]
	return first
}

// find is the innermost savepoint of that name.
func (s *session) find(name string) (int, error) {
	for n := len(s.open) - 1; n >= 0; n-- {
		if s.open[n].name != "" && strings.EqualFold(s.open[n].name, name) {
			return n, nil
		}
	}
	return 0, op.Errorf(op.CodeValidation, "no such savepoint: %s", name)
}

// release ends a savepoint and those inside it and keeps what they did.
func (s *session) release(ctx context.Context, name string) error {
	at, err := s.find(name)
	if err != nil {
		return err
	}
	return s.keep(ctx, at)
}

// back drops what was done since a savepoint, which stays.
func (s *session) back(ctx context.Context, name string) error {
	at, err := s.find(name)
	if err != nil {
		return err
	}
	l := s.open[at]
	if err := s.drop(at); err != nil {
		_ = s.rollback()
		return err
	}
	if err := s.begin(ctx, l.name, l.read); err != nil {
		_ = s.rollback()
		return err
	}
	return nil
}

//go:build cgo

package conn

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"strings"
	"unsafe"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// Query starts a statement that gives rows.
func (c *Conn) Query(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (sqlengine.Cursor, error) {
	s, err := c.start(ctx, text, args)
	if err != nil {
		return nil, err
	}
	return c.newCursor(ctx, s), nil
}

// Exec runs a statement to its end.
func (c *Conn) Exec(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (changed, lastKey int64, err error) {
	s, err := c.start(ctx, text, args)
	if err != nil {
		return 0, 0, err
	}
	if err = c.exec(s); err == nil {
		changed, lastKey = int64(c.p.changes), int64(c.p.lastkey)
	}
	s.release(true)
	return changed, lastKey, err
}

// exec runs a statement whose arguments are packed.
func (c *Conn) exec(s *stmt) error {
	c.p.writing = 0
	if c.depth == 0 && !s.reads {
		c.p.writing = 1
	}
	c.p.highest, c.p.spent, c.p.budget = 0, 0, s.steps()
	C.weft_exec(s.p)
	c.p.budget = 0
	if s.p.rc != codeDone {
		return c.failed()
	}
	return c.lottery()
}

// lottery refuses, inside a transaction, a row that took the highest rowid there
// is: for the rows that come after it SQLite draws rowids by lot, each replica
// others, or finds none, which looks like a full disk.
func (c *Conn) lottery() error {
	if c.p.highest == 0 || c.depth == 0 {
		return nil
	}
	if c.p.highest&1 != 0 {
		return op.Errorf(op.CodeValidation, "%w", errHighest)
	}
	return c.sequenceLeft(c.ctx)
}

// start prepares and binds. Before a statement that writes it reads what is
// left of the cursors that are open.
func (c *Conn) start(ctx context.Context, text *sqlengine.Statement, args []sqlengine.Value) (*stmt, error) {
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	if c.depth > 0 && c.autocommit() {
		return nil, errRolledBack()
	}
	s, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	if len(c.open) > 0 && !s.reads {
		if err := c.settle(); err != nil {
			s.release(true)
			return nil, err
		}
		c.use(ctx)
	}
	if err := s.pack(args); err != nil {
		s.release(true)
		return nil, err
	}
	return s, nil
}

func errRolledBack() error {
	return op.Errorf(op.CodeDatabase, "the transaction was rolled back by an earlier failure: nothing of it was kept")
}

// Ask runs a statement that is needed once, as the system, and gives its rows.
func (c *Conn) Ask(ctx context.Context, text string, args ...sqlengine.Value) ([][]sqlengine.Value, error) {
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	s, _, err := c.compile(text, 0)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, nil
	}
	if !s.reads && len(c.open) > 0 {
		if err := c.settle(); err != nil {
			s.Finalize()
			return nil, err
		}
	}
	if err := s.pack(args); err != nil {
		s.Finalize()
		return nil, err
	}
	k := c.newCursor(ctx, s)
	defer func() { _ = k.Close() }()
	var rows [][]sqlengine.Value
	for {
		ok, err := k.Next()
		if err != nil || !ok {
			return rows, err
		}
		row := make([]sqlengine.Value, int(s.p.cols))
		for i := range row {
			row[i] = sqlengine.Cell(k, i)
		}
		rows = append(rows, row)
	}
}

// Collation is the collation of a column in upper case, BINARY where none was
// declared, "" for a column of a view.
func (c *Conn) Collation(ctx context.Context, table, column string) (string, error) {
	if err := c.enter(ctx); err != nil {
		return "", err
	}
	t, n := C.CString(table), C.CString(column)
	defer C.free(unsafe.Pointer(t))
	defer C.free(unsafe.Pointer(n))
	pp := (**C.char)(C.calloc(1, C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(pp))
	rc := C.sqlite3_table_column_metadata(c.p.db, nil, t, n, nil, pp, nil, nil, nil)
	switch {
	case rc == 1: // no table and no column
		return "", nil
	case rc != 0:
		C.weft_fail(c.p, rc)
		return "", c.failed()
	}
	return strings.ToUpper(C.GoString(*pp)), nil
}

// Depth is the number of transactions and savepoints that are open.
func (c *Conn) Depth() int { return c.depth }

// Begin opens a transaction, BEGIN IMMEDIATE when it will write, or a savepoint
// in the one that is open. Commit and Rollback end what Begin opened last.
func (c *Conn) Begin(ctx context.Context, write bool) error {
	text := lite.BeginRead
	switch {
	case c.depth > 0:
		text = lite.SavepointAt(c.depth).Save
	case write:
		text = lite.BeginWrite
	}
	if _, _, err := c.Exec(ctx, text, nil); err != nil {
		if c.p != nil && c.depth == 0 && !c.autocommit() { // interrupted when it was done
			c.p.final = 1
			_, _, _ = c.Exec(context.Background(), lite.Rollback, nil)
			c.p.final = 0
		}
		return err
	}
	c.depth++
	return nil
}

func errNoTx(what string) error {
	return op.Errorf(op.CodeInternal, "%s without a transaction", what)
}

// Commit ends what Begin opened last and keeps it. When it fails that is rolled
// back. From the moment it begins to commit the context is not looked at.
func (c *Conn) Commit(ctx context.Context) error {
	if c.depth == 0 {
		return errNoTx("commit")
	}
	if c.p == nil {
		return op.ErrClosed()
	}
	if err := ctx.Err(); err != nil && !c.borrowed {
		return c.undo(op.FromContext(err))
	}
	if c.autocommit() {
		return c.undo(errRolledBack())
	}
	if err := c.settle(); err != nil {
		return c.undo(err)
	}
	text := lite.Commit
	if c.depth > 1 {
		text = lite.SavepointAt(c.depth - 1).Release
	}
	c.p.final = 1
	_, _, err := c.Exec(context.WithoutCancel(ctx), text, nil)
	c.p.final = 0
	if err != nil {
		return c.undo(err)
	}
	c.depth--
	return nil
}

// undo rolls back and returns err.
func (c *Conn) undo(err error) error {
	if rerr := c.Rollback(); rerr != nil && err == nil {
		return rerr
	}
	return err
}

// Rollback ends what Begin opened last and drops it.
func (c *Conn) Rollback() error {
	if c.depth == 0 {
		return errNoTx("rollback")
	}
	if c.p == nil {
		return op.ErrClosed()
	}
	ctx := context.Background()
	_ = c.settle() // the cursors report it themselves
	defer func() {
		c.depth--
		if c.p != nil {
			c.p.final = 0
		}
	}()
	if c.autocommit() {
		return nil // SQLite did it already
	}
	c.p.final = 1
	if c.depth == 1 {
		_, _, err := c.Exec(ctx, lite.Rollback, nil)
		return err
	}
	s := lite.SavepointAt(c.depth - 1)
	if _, _, err := c.Exec(ctx, s.Back, nil); err != nil {
		return err
	}
	_, _, err := c.Exec(ctx, s.Release, nil)
	return err
}

// Atomic runs fn in a transaction, or in a savepoint of the one that is open.
// When fn fails, what it began and did not end is rolled back with the rest.
func (c *Conn) Atomic(ctx context.Context, fn func() error) error {
	depth := c.depth
	if err := c.Begin(ctx, true); err != nil {
		return err
	}
	if err := fn(); err != nil {
		for c.depth > depth+1 {
			if rerr := c.Rollback(); rerr != nil {
				break // the next one says so again, or drops it all
			}
		}
		return c.undo(err)
	}
	return c.Commit(ctx)
}

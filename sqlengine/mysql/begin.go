package mysql

import (
	"context"
	"errors"
	"strconv"
)

// The statements of transactions.
const (
	beginWrite = "START TRANSACTION"
	// A snapshot is no lock on what is read; it is the state after some commit,
	// so a transaction that only reads stays serializable.
	snapshot  = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
	beginRead = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
)

// savepoint is the name of the savepoint at a depth.
func savepoint(depth int) string { return "weft_" + strconv.Itoa(depth) }

// begin opens a transaction, or a savepoint in the one that is open.
func (c *conn) begin(ctx context.Context, readOnly bool) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	texts := []string{beginWrite}
	switch {
	case c.depth > 0:
		texts = []string{"SAVEPOINT " + savepoint(c.depth)}
	case readOnly:
		texts = []string{snapshot, beginRead}
	}
	for _, text := range texts {
		if _, err := c.run(ctx, text); err != nil {
			if c.depth == 0 { // it may have begun all the same
				c.bad = true
			}
			return err
		}
	}
	c.depth++
	return nil
}

// commit ends what begin opened. When it fails the transaction is rolled back.
func (c *conn) commit(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return c.undo(err)
	}
	text := "COMMIT"
	if c.depth > 1 {
		text = "RELEASE SAVEPOINT " + savepoint(c.depth-1)
	}
	if err := c.last(text); err != nil {
		if c.bad && c.depth == 1 && !errors.As(err, new(*unsent)) {
			err = errUnknown(c.e.name, err)
		}
		return c.undo(err)
	}
	c.depth--
	return nil
}

// undo rolls back and returns err.
func (c *conn) undo(err error) error {
	if rerr := c.rollback(); rerr != nil && err == nil {
		return rerr
	}
	return err
}

// rollback undoes what begin opened.
func (c *conn) rollback() error {
	err := c.settle()
	_ = err // that find reports it itself
	defer func() {
		c.depth--
		if c.depth == 0 {
			c.lost = nil
		}
	}()
	switch {
	case c.bad: // with the connection its transaction is gone
		return nil
	case c.depth == 1:
		err = c.last("ROLLBACK")
	case c.lost != nil:
		return nil
	default:
		err = c.last("ROLLBACK TO SAVEPOINT " + savepoint(c.depth-1))
	}
	if c.bad {
		return nil
	}
	return err
}

// Atomic runs fn in a transaction or savepoint.
func (c *conn) Atomic(ctx context.Context, fn func() error) error {
	if err := c.begin(ctx, false); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return c.undo(err)
	}
	return c.commit(ctx)
}

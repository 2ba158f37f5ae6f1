package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/lite"
)

// explain turns an error of SQLite into a fault that the operation's words can
// be found for, or into an error of the database as a whole.
func (c *conn) explain(ctx context.Context, err error) error {
	return lite.Explain(ctx, err, lite.Place{File: c.file, Busy: c.busy, Longer: ", or wait longer (sqlite.BusyTimeout)"})
}

func wrap(verb string, err error) error {
	var e *op.Error
	if errors.As(err, &e) {
		if e.Op == "" {
			e.Op = verb
		}
		return err
	}
	return fmt.Errorf("%s: %w", verb, err)
}

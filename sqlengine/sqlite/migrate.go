package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"

	driver "modernc.org/sqlite" // database/sql's: package migrate works on that
)

// migrate connects and, when asked to, brings the tables to the models. It
// keeps other writers of this process waiting.
func (e *Engine) migrate(ctx context.Context, m *op.Migration) error {
	if m == nil || !m.Apply || m.Models == nil {
		return nil // being ready is all that was asked for
	}
	if e.opt.readOnly {
		return op.Errorf(op.CodeDatabase, "%s is open for reading only and cannot be migrated", e.path)
	}
	c, err := e.writers.get(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	db, err := sql.Open("sqlite", parameter(e.name, fmt.Sprintf("_pragma=busy_timeout(%d)", e.opt.busy.Milliseconds())))
	if err != nil {
		return c.driverError(ctx, err)
	}
	defer db.Close()
	mig := migrate.New(db, catalog.SQLite, m.Models, migrate.Options{Additive: true})
	plan, err := mig.Plan(ctx)
	if err != nil || plan.Empty() {
		return c.driverError(ctx, err)
	}
	// Package migrate waits long for another process that migrates; for one
	// that just holds the file, waiting ends at the busy timeout.
	if err := c.Atomic(ctx, func() error { return nil }); err != nil {
		return err
	}
	if plan, err = mig.Auto(ctx); err != nil {
		return c.driverError(ctx, err)
	}
	for _, s := range plan.Steps {
		if s.Kind != migrate.CreateTable {
			continue
		}
		if _, err := db.ExecContext(ctx, "INSERT OR REPLACE INTO "+lite.MetaTable+" (key, value) VALUES ('table:' || ?, '1')", s.Table); err != nil {
			return c.driverError(ctx, err)
		}
	}
	e.core.Forget()
	return nil
}

// driverError says an error of database/sql's driver as one of ours.
func (c *conn) driverError(ctx context.Context, err error) error {
	var d *driver.Error
	if !errors.As(err, &d) {
		return err
	}
	msg := strings.TrimSuffix(d.Error(), " (SQLITE_BUSY)")
	err = c.explain(ctx, &lite.Error{Code: d.Code(), Message: msg})
	return sqlengine.Explain(err, "migrate", nil)
}

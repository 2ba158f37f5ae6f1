package postgres

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// migrate connects and, when asked to, brings the tables to the models.
func (e *Engine) migrate(ctx context.Context, m *op.Migration) error {
	if m == nil || !m.Apply || m.Models == nil {
		return nil // being ready is all that was asked for
	}
	if e.opt.readOnly {
		return op.Errorf(op.CodeDatabase, "%s is open for reading only and cannot be migrated", e.name)
	}
	db := e.database()
	defer db.Close()
	_, err := migrate.New(db, catalog.Postgres, m.Models, migrate.Options{Additive: true}).Auto(ctx)
	e.core.Forget()
	if err != nil {
		return sqlengine.Explain(e.explain(ctx, err), "migrate", nil)
	}
	return nil
}

// database is a database/sql pool of its own: package migrate works on that,
// and its statements take what time they need.
func (e *Engine) database() *sql.DB {
	cfg := e.config.ConnConfig.Copy()
	cfg.AfterConnect = func(ctx context.Context, pg *pgconn.PgConn) error {
		if err := e.setUp(ctx, pg); err != nil {
			return err
		}
		_, err := pg.Exec(ctx, "SET statement_timeout = 0").ReadAll()
		return err
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(4)
	return db
}

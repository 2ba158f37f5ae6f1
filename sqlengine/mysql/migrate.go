package mysql

import (
	"context"
	"database/sql"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
)

// applies reports whether a migration changes tables.
func applies(m *op.Migration) bool { return m != nil && m.Apply && m.Models != nil }

// migrate connects and, when asked to, brings the tables to the models.
func (e *Engine) migrate(ctx context.Context, m *op.Migration) error {
	c, _, err := e.get(ctx, false)
	if err != nil {
		return err
	}
	c.Release()
	if !applies(m) {
		return nil // being able to connect is all that was asked for
	}
	db := sql.OpenDB(e.connector)
	defer db.Close()
	_, err = migrate.New(db, catalog.MySQL, m.Models, migrate.Options{Additive: true}).Auto(ctx)
	e.forget()
	return err
}

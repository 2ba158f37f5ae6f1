package migrate

import (
	"context"

	"github.com/weftdb/weft/migrate/catalog"
)

// Apply carries out a plan that Plan made.
func (m *Migrator) Apply(ctx context.Context, p *Plan) error {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return fail(err, "connect")
	}
	defer conn.Close()
	if m.dialect == catalog.SQLite {
		return p.Apply(ctx, conn)
	}
	return run(ctx, conn, p.Steps)
}

// Auto plans and applies what only adds: what engines do when a program asks
// for AutoMigrate. The plan it returns is what it has done.
func (m *Migrator) Auto(ctx context.Context) (*Plan, error) {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return nil, fail(err, "connect")
	}
	defer conn.Close()
	if m.dialect == catalog.SQLite {
		return Auto(ctx, conn, m.set)
	}
	p, err := m.plan(ctx, conn)
	if err != nil {
		return nil, err
	}
	return p, run(ctx, conn, p.Steps)
}

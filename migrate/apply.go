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
	if u := p.Unsafe(); len(u) > 0 {
		return &UnsafeError{u}
	}
	for _, s := range p.Steps {
		for i, q := range s.SQL {
			for {
				var args []any
				if s.Batch != nil && s.Batch.At == i {
					args = append(args, 0)
				}
				res, err := conn.ExecContext(ctx, q, args...)
				if err != nil {
					return fail(err, s.who()+": "+q)
				}
				if n, _ := res.RowsAffected(); args == nil || n == 0 {
					break
				}
			}
		}
	}
	return nil
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
	m.o.Additive = true
	p, err := m.look(ctx, conn)
	if err != nil {
		return nil, err
	}
	return p, run(ctx, conn, p.Steps)
}

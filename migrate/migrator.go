package migrate

import (
	"context"
	"database/sql"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// Options say what a migration may do and how it tells of itself. The zero
// value loses nothing.
type Options struct {
	AllowDrop     bool     // columns may go, and tables that DropTables names, with what is in them
	AllowDataLoss bool     // values that do not fit any more may be cut, and NULLs where there are to be none filled
	OrphansToNull bool     // rows that point nowhere point at nothing when a foreign key is added
	DropTables    []string // tables that go; without a name here no table does
	Additive      bool     // only what adds: tables, columns and indexes. It is what AutoMigrate does

	Owner    string         // of the lock, shown to others; "" is host:pid
	LockWait time.Duration  // for another process that migrates; 0 is 60 s
	LockTTL  time.Duration  // after which a process that says nothing counts as gone; 0 is 30 s
	Progress func(Progress) // called from one goroutine; may be nil
}

// Progress tells how far a migration is: step Step (from 1) of Of, and within
// it Done rows of Total, which is 0 where it is not known.
type Progress struct {
	Step, Of    int
	Kind        Kind
	Table, Name string
	Done, Total int64
	Elapsed     time.Duration // of the step
}

// Migrator brings one database to one set of models. It is safe for
// concurrent use.
type Migrator struct {
	db      *sql.DB
	dialect catalog.Dialect
	set     *schema.Set
	o       Options
	hook    func(step, statement int, m moment) error // nil but in tests
}

// New returns a migrator of a database, which stays its caller's.
func New(db *sql.DB, d catalog.Dialect, set *schema.Set, o Options) *Migrator {
	return &Migrator{db: db, dialect: d, set: set, o: o}
}

// Plan says what has to be done so that the database holds the models. It
// changes nothing.
func (m *Migrator) Plan(ctx context.Context) (*Plan, error) {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return nil, fail(err, "connect")
	}
	defer conn.Close()
	return m.look(ctx, conn)
}

// look plans on a connection that is in no transaction.
func (m *Migrator) look(ctx context.Context, conn *sql.Conn) (p *Plan, err error) {
	switch m.dialect {
	case catalog.SQLite:
		err = inTx(ctx, conn, "BEGIN", func() (err error) { // one view of the catalogue
			p, err = m.plan(ctx, conn)
			return err
		})
	case catalog.Postgres:
		if _, err := conn.ExecContext(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ"); err != nil {
			return nil, fail(err, "begin")
		}
		p, err = m.plan(ctx, conn)
		if _, rerr := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); rerr != nil && err == nil {
			err = fail(rerr, "roll back")
		}
	default:
		p, err = m.plan(ctx, conn)
	}
	return p, err
}

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
	AllowDrop     bool     // columns and tables may go, as long as nothing is in them
	AllowDataLoss bool     // and what is in them; values that do not fit any more may be cut
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
	if m.dialect == catalog.SQLite {
		return SQLite(ctx, conn, m.set)
	}
	return m.plan(ctx, conn)
}

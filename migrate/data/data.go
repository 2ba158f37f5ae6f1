// Package data runs data migrations: what has to be done once to the rows of a
// database, by Go functions or SQL files with a version, in the order of their
// versions, each with a record of it in the table weft_migrations.
//
// They are beside the schema, which follows the models by itself (package
// migrate). Both are done under the same lock, so that one process at a time
// changes a database.
package data

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/op"
)

// Table is the table of what was applied.
const Table = "weft_migrations"

// Tx is what a migration works on: one connection, in a transaction unless the
// migration is outside of one. Results of queries must be closed before the
// next call. A migration does not begin or end transactions.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Func is one direction of a migration. In a transaction it may be run again,
// after everything it did was rolled back, when it met changes of others.
type Func func(ctx context.Context, tx Tx) error

// Migration is one data migration. Versions are compared as numbers and say the
// order. A migration without Down cannot be rolled back.
type Migration struct {
	Version  int64
	Name     string
	Up, Down Func

	// Checksum tells that what was applied is still the same: of an SQL file it is
	// the hash of the up file, of a Go function whatever its author says; where
	// either the record or the migration has none it is not compared.
	Checksum string

	// NoTransaction has it run outside of a transaction, for what databases allow
	// only there and for long work in batches. What it did before a failure stays
	// then, and somebody has to look at it.
	NoTransaction bool

	// Resume says that a run that was stopped may be run again, because what it
	// did already is not done twice: it works by [Batches], which go on where they
	// stopped, or asks before it does something. It is for NoTransaction.
	Resume bool

	file                   string
	upOutside, downOutside bool
}

// String is how messages name it.
func (m Migration) String() string {
	switch {
	case m.file != "":
		return m.file
	case strings.HasPrefix(m.Name, fmt.Sprint(m.Version)):
		return m.Name
	}
	return fmt.Sprintf("%d_%s", m.Version, m.Name)
}

func sortByVersion(ms []Migration) {
	slices.SortStableFunc(ms, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
}

// Options say how migrations are run.
type Options struct {
	// OutOfOrder applies migrations whose version is below one that is applied
	// already, as happens when branches meet. Without it they are refused.
	OutOfOrder bool

	Owner    string         // of the lock, shown to others; "" is host:pid
	LockWait time.Duration  // for another process that migrates; 0 is 60 s
	LockTTL  time.Duration  // after which a process that says nothing counts as gone; 0 is 30 s
	Progress func(Progress) // called between migrations and by [Batches]; may be nil
}

// Progress tells how far a run is: migration N (from 1) of Of, and within it,
// where it works in batches, Done rows of Total, which is 0 where it is not
// known.
type Progress struct {
	N, Of       int
	Migration   string
	Done, Total int64
	Elapsed     time.Duration
}

// Runner applies migrations to one database. It is safe for concurrent use.
type Runner struct {
	db   *sql.DB
	d    catalog.Dialect
	list []Migration
	o    Options
}

// NewRunner returns a runner of these migrations, in whatever order they are
// given. Two with the same version, one without Up or without a positive version
// are errors. The database stays its caller's.
func NewRunner(db *sql.DB, d catalog.Dialect, list []Migration, o Options) (*Runner, error) {
	r := &Runner{db: db, d: d, list: slices.Clone(list), o: o}
	sortByVersion(r.list)
	var faults []string
	for i, m := range r.list {
		switch {
		case m.Version <= 0:
			faults = append(faults, fmt.Sprintf("migration %q has version %d: it should be above 0", m.Name, m.Version))
		case m.Resume && !m.NoTransaction:
			faults = append(faults, fmt.Sprintf("migration %s says Resume without NoTransaction: in a transaction there is nothing to resume", m))
		case m.Up == nil:
			faults = append(faults, fmt.Sprintf("migration %s has no Up", m))
		case len(m.Name) > 200:
			faults = append(faults, fmt.Sprintf("migration %d: its name has %d bytes, at most 200 are kept", m.Version, len(m.Name)))
		case i > 0 && r.list[i-1].Version == m.Version:
			faults = append(faults, fmt.Sprintf("%s and %s have the same version %d; were they made on two branches? Give one of them a new version", r.list[i-1], m, m.Version))
		}
	}
	if len(faults) > 0 {
		return nil, op.Errorf(op.CodeValidation, "migrate: %s", strings.Join(faults, "; "))
	}
	return r, nil
}

func (r *Runner) find(version int64) (Migration, bool) {
	i, ok := slices.BinarySearchFunc(r.list, version, func(m Migration, v int64) int { return cmp.Compare(m.Version, v) })
	if !ok {
		return Migration{}, false
	}
	return r.list[i], true
}

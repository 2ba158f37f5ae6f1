// Package migrate brings the tables of a database to a set of models: it looks
// at the database, finds what differs, says in a [Plan] what it would do and
// does it.
//
// A [Migrator] does so on SQLite, PostgreSQL, MySQL and MariaDB, with all that
// can differ; what would lose something is refused unless [Options] allow it.
// With Additive it only ever adds, which is what AutoMigrate does. See DESIGN.md.
package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// SQLite says what has to be done so that the SQLite database behind conn
// holds the models of set. It changes nothing.
//
// The connection is used alone until SQLite returns and must not be in a
// transaction. A difference that cannot be bridged by adding is an *[op.Error]
// with code VALIDATION_ERROR that wraps [Differences].
func SQLite(ctx context.Context, conn *sql.Conn, set *schema.Set) (*Plan, error) {
	var p *Plan
	err := inTx(ctx, conn, "BEGIN", func() (err error) { // one view of the catalogue
		p, err = plan(ctx, conn, set)
		return err
	})
	return p, err
}

// Auto plans and applies in one go: what AutoMigrate does. It takes the write
// lock only when there is something to do, and plans again once it has it, so
// that several processes may start together on one new file. The plan it
// returns is what it has done.
func Auto(ctx context.Context, conn *sql.Conn, set *schema.Set) (*Plan, error) {
	p, err := SQLite(ctx, conn, set)
	if err != nil || p.Empty() {
		return p, err
	}
	err = inTx(ctx, conn, "BEGIN IMMEDIATE", func() (err error) {
		if p, err = plan(ctx, conn, set); err == nil {
			err = run(ctx, conn, p.Steps)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Apply carries the plan out in one transaction: all steps or none. It looks
// at the database again under the write lock. When another process has done
// the work meanwhile, nothing is left to do and Apply returns nil; when the
// database differs otherwise from what was planned, nothing is done and the
// error has the code CONFLICT.
func (p *Plan) Apply(ctx context.Context, conn *sql.Conn) error {
	if p.Empty() {
		return nil
	}
	return inTx(ctx, conn, "BEGIN IMMEDIATE", func() error {
		now, err := plan(ctx, conn, p.set)
		switch {
		case err != nil:
			return err
		case now.Empty():
			return nil
		case !slices.EqualFunc(now.Steps, p.Steps, sameStep):
			return op.Errorf(op.CodeConflict, "migrate: the database has changed since the plan was made; plan again")
		}
		return run(ctx, conn, now.Steps)
	})
}

func run(ctx context.Context, conn *sql.Conn, steps []Step) error {
	for _, s := range steps {
		for _, q := range s.SQL {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return fail(err, strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Kind, s.Table, s.Name)))
			}
		}
	}
	return nil
}

// lockWait is how long a process waits at least for another one that migrates.
const lockWait = 30_000 // milliseconds

func setWait(ctx context.Context, conn *sql.Conn, ms int) error {
	// The pragma answers with a row, which must be read away.
	var got int
	if err := conn.QueryRowContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", ms)).Scan(&got); err != nil {
		return fail(err, "set the busy timeout")
	}
	return nil
}

// inTx runs fn between begin and COMMIT, and rolls back when it fails.
func inTx(ctx context.Context, conn *sql.Conn, begin string, fn func() error) (err error) {
	var wait int
	if err := conn.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&wait); err != nil {
		return fail(err, "read the busy timeout")
	}
	if wait < lockWait {
		if err := setWait(ctx, conn, lockWait); err != nil {
			return err
		}
		// The connection goes back to its owner as it was, also after a cancel.
		defer func() { _ = setWait(context.WithoutCancel(ctx), conn, wait) }()
	}
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return fail(err, "begin")
	}
	done := false
	defer func() {
		if !done {
			_, rerr := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			if err == nil && rerr != nil {
				err = fail(rerr, "roll back")
			}
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fail(err, "commit")
	}
	done = true
	return nil
}

// fail makes an error of the contract from one of the driver, which stays its
// cause.
func fail(err error, doing string) error {
	if e := op.FromContext(err); e != err {
		return e
	}
	return op.Errorf(op.CodeDatabase, "migrate: %s: %w", doing, err)
}

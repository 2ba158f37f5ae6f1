package migrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/migrate/lock"
	"github.com/weftdb/weft/op"
)

// Apply carries out a plan that Plan made, as the only process that migrates
// the database (see package lock), and keeps a record of it (see package
// journal).
//
// It looks at the database again under the lock. When another process has done
// the work meanwhile, nothing is left to do and Apply returns nil; when the
// database differs otherwise from what was planned, nothing is done and the
// error is a CONFLICT. Steps that would lose something which the options do not
// allow are refused together with an *[UnsafeError], before anything is done,
// and so are plans with refusals, by a VALIDATION_ERROR that wraps
// [Differences].
//
// On PostgreSQL and SQLite a plan is one transaction: whatever fails, the
// database is as it was. On MySQL and MariaDB, which have none for changes of a
// schema, each statement is recorded before and after: when one fails, or the
// process is killed, the next Apply or Auto of any process goes on there before
// it looks for more to do.
func (m *Migrator) Apply(ctx context.Context, p *Plan) error {
	if refused := p.refused(); refused != nil {
		if left, err := m.unfinished(ctx); err != nil || left == nil {
			return cmp.Or(err, refused)
		}
	}
	return m.locked(ctx, p, func(r *runner) error {
		return r.apply(func(now *Plan) (bool, error) {
			if now.Empty() {
				return false, nil
			}
			if err := now.refused(); err != nil {
				return false, err
			}
			if !slices.EqualFunc(now.Steps, p.Steps, sameStep) {
				return false, op.Errorf(op.CodeConflict, "migrate: the database has changed since the plan was made; plan again")
			}
			return true, nil
		}, p)
	})
}

// Auto plans and applies what only adds, whatever the options say: what engines
// do when a program asks for AutoMigrate. The plan it returns is what it has
// done. A database that fits already is neither locked nor written to.
func (m *Migrator) Auto(ctx context.Context) (*Plan, error) {
	m = m.additive()
	first, err := m.Plan(ctx)
	if err == nil {
		err = first.refused()
	}
	if err != nil {
		// What a run that stands in the middle has left need not fit anything.
		if left, uerr := m.unfinished(ctx); uerr != nil || left == nil {
			return nil, cmp.Or(uerr, err)
		}
		first = &Plan{}
	}
	done := &Plan{Steps: []Step{}, Notes: first.Notes, set: m.set}
	err = m.locked(ctx, first, func(r *runner) error {
		return r.apply(func(now *Plan) (bool, error) {
			if err := now.refused(); err != nil {
				return false, err
			}
			done = now
			return !now.Empty(), nil
		}, first)
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

func (m *Migrator) additive() *Migrator {
	o := m.o
	o.Additive, o.AllowDrop, o.AllowDataLoss, o.OrphansToNull, o.DropTables = true, false, false, false, nil
	return &Migrator{db: m.db, dialect: m.dialect, set: m.set, o: o, hook: m.hook}
}

// refused is why a plan is not applied, or nil.
func (p *Plan) refused() error {
	if len(p.Refusals) > 0 {
		what := "there are differences that no step can bridge"
		if p.additive {
			what = "the models do not fit the database, and AutoMigrate only adds tables, columns and indexes"
		}
		return op.Errorf(op.CodeValidation, "migrate: %s; nothing was done; change the models or the tables: %w", what, p.Refusals)
	}
	if unsafe := p.Unsafe(); len(unsafe) > 0 {
		return &UnsafeError{Steps: unsafe}
	}
	return nil
}

// sameStep compares what steps do; the number of rows may have moved on, and
// with it what is said about them.
func sameStep(a, b Step) bool {
	return a.Kind == b.Kind && a.Table == b.Table && a.Name == b.Name && a.From == b.From &&
		slices.Equal(a.SQL, b.SQL) && reflect.DeepEqual(a.Batch, b.Batch)
}

// locked runs fn under the lock of migrations when there is something to do: a
// plan with steps, or a run that stands in the middle.
func (m *Migrator) locked(ctx context.Context, p *Plan, fn func(*runner) error) error {
	if p.Empty() {
		if left, err := m.unfinished(ctx); err != nil || left == nil {
			return err
		}
	}
	return m.underLock(ctx, fn)
}

// unfinished is the run that stands in the middle, or nil: there are such only
// where a plan is not one transaction.
func (m *Migrator) unfinished(ctx context.Context) (*journal.Run, error) {
	if m.dialect != catalog.MySQL {
		return nil, nil
	}
	return journal.New(m.db, m.dialect).Unfinished(ctx)
}

// underLock runs fn as the only one that migrates.
func (m *Migrator) underLock(ctx context.Context, fn func(*runner) error) (err error) {
	l, err := lock.Acquire(ctx, m.db, m.dialect, lock.Options{Owner: m.o.Owner, Wait: m.o.LockWait, TTL: m.o.LockTTL})
	if err != nil {
		return err
	}
	r := &runner{m: m, l: l, conn: l.Conn()}
	defer func() {
		// What was done stays done when the lock cannot be given back: it ends by
		// itself then.
		if rerr := l.Release(ctx); err == nil && ctx.Err() == nil {
			err = rerr
		}
	}()
	lctx, cancel := l.Context(ctx)
	defer cancel()
	r.ctx = lctx
	r.report = newReporter(lctx, m, r.conn)
	defer r.report.stop()
	err = fn(r)
	if cause := context.Cause(lctx); err != nil && ctx.Err() == nil && cause != nil && lctx.Err() != nil {
		return cause
	}
	return err
}

// runner applies plans under the lock. It lives as long as one Apply.
type runner struct {
	m      *Migrator
	l      *lock.Lock
	ctx    context.Context // ends when the lock is lost
	conn   *sql.Conn       // the lock's
	report *reporter
}

// apply plans again and does what decide agrees to.
func (r *runner) apply(decide func(*Plan) (bool, error), first *Plan) error {
	if r.m.dialect == catalog.MySQL {
		return r.stepwise(decide)
	}
	return r.atomic(decide, first)
}

// plan plans on the runner's connection, in the transaction that it is in.
func (r *runner) plan() (*Plan, error) {
	return r.m.plan(r.ctx, r.conn)
}

// record is the plan as the journal keeps it.
func (r *runner) record(p *Plan, state journal.State) (*journal.Run, error) {
	run := &journal.Run{Owner: r.l.Owner(), Weft: journal.Version(), State: state}
	hash := sha256.New()
	for i, s := range p.Steps {
		text, err := json.Marshal(s)
		if err != nil {
			return nil, op.Errorf(op.CodeInternal, "migrate: write step %d: %w", i+1, err)
		}
		hash.Write(append(text, '\n'))
		run.Steps = append(run.Steps, &journal.Step{
			N: i + 1, Kind: string(s.Kind), Table: s.Table, Name: s.Name, Plan: text, Statements: len(s.SQL), State: journal.Pending,
		})
	}
	run.Hash = hex.EncodeToString(hash.Sum(nil))
	return run, nil
}

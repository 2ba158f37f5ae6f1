package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// attempts is how often a plan is carried out again that the writes of others
// were in the way of.
const attempts = 10

// atomic carries a plan out in one transaction.
func (r *runner) atomic(decide func(*Plan) (bool, error), first *Plan) error {
	if first.KeysOff() && r.m.dialect == catalog.SQLite {
		// SQLite ignores this inside of a transaction, and would delete the
		// children of a table that goes.
		restore, err := r.keysOff()
		if err != nil {
			return err
		}
		defer restore()
		// A rebuild that failed half-way has left it on.
		defer func() {
			_, _ = r.conn.ExecContext(context.WithoutCancel(r.ctx), "PRAGMA legacy_alter_table = OFF")
		}()
	}
	var done *Plan
	once := func() error {
		if err := r.hold(first); err != nil {
			return err
		}
		p, err := r.plan()
		if err != nil {
			return err
		}
		if do, err := decide(p); err != nil || !do {
			return err
		}
		if r.m.dialect == catalog.SQLite && p.KeysOff() && !first.KeysOff() {
			return op.Errorf(op.CodeConflict, "migrate: the database has changed since the plan was made; plan again")
		}
		done = p
		return r.steps(p)
	}
	err := r.l.Tx(r.ctx, false, once)
	for try := 1; try < attempts && op.Retryable(err) && r.ctx.Err() == nil; try++ { // on a group others are not kept out
		done = nil
		err = r.l.Tx(r.ctx, false, once)
	}
	var at *stepError
	if errors.As(err, &at) {
		r.undone(done, at)
	}
	if err != nil && own.Gone(r.m.dialect, err) && at == nil {
		return op.Errorf(op.CodeDatabase, "migrate: the connection to the server was lost; the migration was one transaction: plan again to see whether it is done: %w", err)
	}
	return err
}

// steps does all steps of a plan in the transaction that is open and records
// them there.
func (r *runner) steps(p *Plan) error {
	broken, err := r.broken(p)
	if err != nil {
		return err
	}
	run, err := r.record(p, journal.Done)
	if err != nil {
		return err
	}
	for i, s := range p.Steps {
		r.report.begin(i+1, len(p.Steps), s)
		began := time.Now()
		for n := range s.SQL {
			if err := r.statement(s, i+1, n); err != nil {
				return r.failed(p, i, n, err)
			}
		}
		r.report.end()
		j := run.Steps[i]
		j.State, j.Done, j.Took = journal.Done, j.Statements, time.Since(began)
	}
	if err := r.stillWhole(p, broken); err != nil {
		return err
	}
	return journal.New(r.conn, r.m.dialect).Record(r.ctx, run)
}

// statement runs one statement of a step, in batches where the step says so.
func (r *runner) statement(s Step, step, n int) error {
	if err := r.at(step, n, before); err != nil {
		return err
	}
	if s.Batch == nil || s.Batch.At != n {
		if _, err := r.conn.ExecContext(r.ctx, s.SQL[n]); err != nil {
			return err
		}
		return r.at(step, n, after)
	}
	var last, copied int64
	for {
		res, err := r.conn.ExecContext(r.ctx, s.SQL[n], last)
		if err != nil {
			return err
		}
		rows, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if rows == 0 {
			return r.at(step, n, after)
		}
		copied += rows
		r.report.rows(copied)
		if err := r.conn.QueryRowContext(r.ctx, s.Batch.Last).Scan(&last); err != nil {
			return err
		}
	}
}

// hold keeps others from writing to tables that lose something, so that what
// was counted in them stays so. On SQLite the transaction does.
func (r *runner) hold(p *Plan) error {
	if r.m.dialect != catalog.Postgres {
		return nil
	}
	held := map[string]bool{}
	for _, s := range p.Steps {
		t := s.Table
		if s.From != "" && s.Kind == RenameTable {
			t = s.From
		}
		if !s.Destructive || held[t] {
			continue
		}
		held[t] = true
		var kind string // of what may be gone meanwhile, or is no table
		err := r.conn.QueryRowContext(r.ctx, "SELECT coalesce((SELECT c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname = $1), '')", t).Scan(&kind)
		if err != nil {
			return fail(err, "look for "+t)
		}
		if kind != "r" && kind != "p" {
			continue
		}
		if _, err := r.conn.ExecContext(r.ctx, "LOCK TABLE "+catalog.Quote(catalog.Postgres, t)+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return fail(err, "lock "+t)
		}
	}
	return nil
}

// keysOff has SQLite not enforce foreign keys until the returned function is
// called, which also undoes what the statements of a plan set that failed: a
// roll back does not.
func (r *runner) keysOff() (restore func(), err error) {
	var keys, legacy int
	if err := r.conn.QueryRowContext(r.ctx, "PRAGMA foreign_keys").Scan(&keys); err != nil {
		return nil, fail(err, "read foreign_keys")
	}
	if err := r.conn.QueryRowContext(r.ctx, "PRAGMA legacy_alter_table").Scan(&legacy); err != nil {
		return nil, fail(err, "read legacy_alter_table")
	}
	if _, err := r.conn.ExecContext(r.ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return nil, fail(err, "set foreign_keys")
	}
	return func() {
		ctx := context.WithoutCancel(r.ctx)
		_, _ = r.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA foreign_keys = %d", keys))
		_, _ = r.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA legacy_alter_table = %d", legacy))
	}, nil
}

// broken counts the rows of SQLite that point nowhere, by table and parent.
func (r *runner) broken(p *Plan) (map[[2]string]int, error) {
	if r.m.dialect != catalog.SQLite || !p.KeysOff() {
		return nil, nil
	}
	rows, err := r.conn.QueryContext(r.ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return nil, fail(err, "check the foreign keys")
	}
	defer rows.Close()
	out := map[[2]string]int{}
	for rows.Next() {
		var table, parent string
		var rowid, fk any
		if err := rows.Scan(&table, &rowid, &parent, &fk); err != nil {
			return nil, fail(err, "check the foreign keys")
		}
		out[[2]string{table, parent}]++
	}
	return out, own.Fail(rows.Err(), "migrate: check the foreign keys")
}

// stillWhole refuses a plan after which more rows point nowhere than before.
func (r *runner) stillWhole(p *Plan, before map[[2]string]int) error {
	now, err := r.broken(p)
	if err != nil {
		return err
	}
	renamed := map[string]string{}
	for _, s := range p.Steps {
		if s.Kind == RenameTable {
			renamed[s.Table] = s.From
		}
	}
	old := func(t string) string {
		if was, ok := renamed[t]; ok {
			return was
		}
		return t
	}
	var parts []string
	for k, n := range now {
		if was := before[[2]string{old(k[0]), old(k[1])}]; n > was {
			parts = append(parts, fmt.Sprintf("%d rows of %s would point at no row of %s", n-was, k[0], k[1]))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return op.Errorf(op.CodeDatabase, "migrate: %s; nothing was changed", strings.Join(parts, ", "))
}

// undone records a run that was rolled back. It is for people; when it cannot
// be written, the error that is returned says what happened.
func (r *runner) undone(p *Plan, at *stepError) {
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 5*time.Second)
	defer cancel()
	run, err := r.record(p, journal.Undone)
	if err != nil {
		return
	}
	run.Error = at.Error()
	run.Steps[at.step].State, run.Steps[at.step].Error = journal.Undone, at.cause.Error()
	_ = r.l.Tx(ctx, false, func() error { return journal.New(r.conn, r.m.dialect).Record(ctx, run) })
}

// Package journal keeps what was done to the schema of a database, in the
// tables weft_runs and weft_steps of that database: each run with its owner,
// time, version of Weft and plan, each of its steps with its statements and
// how far it came.
//
// Where a change of the schema is part of a transaction (PostgreSQL, SQLite) a
// run is written in that transaction, so it is there when its changes are.
// Elsewhere (MySQL, MariaDB) it is written ahead: before a statement that it
// begins, after it that it is done, so that whoever comes after a crash knows
// where to go on.
//
// The tables are made with the first run. Everything is done by who holds the
// lock of migrations, but for reading.
package journal

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// The tables of the journal.
const (
	Runs  = "weft_runs"
	Steps = "weft_steps"
)

// format is how runs are written. A run with a higher one is of a newer Weft.
const format = 1

// State is how far a run or step is.
type State string

// The states.
const (
	Pending   State = "pending"   // not begun
	Running   State = "running"   // begun; after a crash it stays so
	Done      State = "done"      //
	Failed    State = "failed"    // stopped by an error; on MySQL it can be resumed
	Undone    State = "undone"    // stopped by an error and rolled back as a whole
	Abandoned State = "abandoned" // a person decided that it will not be resumed
)

// Run is one application of a plan.
type Run struct {
	ID      int64
	Owner   string
	Weft    string // the version that made it
	Hash    string // of the plan
	State   State
	Started time.Time
	Ended   time.Time // zero for one that has not
	Error   string
	Steps   []*Step
}

// Resumable reports whether the run stands in the middle.
func (r *Run) Resumable() bool { return r.State == Running || r.State == Failed }

// At is the step that the run stands at, or nil.
func (r *Run) At() *Step {
	for _, s := range r.Steps {
		if s.State != Done {
			return s
		}
	}
	return nil
}

// Step is a step of a run.
type Step struct {
	N                 int // from 1
	Kind, Table, Name string
	Plan              []byte // the step as planned, JSON
	Statements        int    // how many it has
	Done              int    // how many of them are done
	Before            string // fingerprint of what the next statement is about, taken before it began; "" when it has not
	State             State
	Took              time.Duration
	Error             string
}

// Version is the version of Weft in this program.
func Version() string {
	const path = "github.com/weftdb/weft"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == path {
			if m.Replace != nil {
				m = m.Replace
			}
			if m.Version != "" {
				return m.Version
			}
		}
	}
	return "(devel)"
}

// Journal reads and writes the journal of a database through q.
type Journal struct {
	q own.Querier
	d catalog.Dialect
}

// New is the journal of the database behind q.
func New(q own.Querier, d catalog.Dialect) *Journal { return &Journal{q: q, d: d} }

func (j *Journal) exec(ctx context.Context, doing, query string, args ...any) error {
	_, err := j.q.ExecContext(ctx, own.Bind(j.d, query), args...)
	return own.Fail(err, "migrate: "+doing)
}

func (j *Journal) make(ctx context.Context) error {
	text := own.Text(j.d)
	err := own.Make(ctx, j.q, j.d, Runs, "id bigint NOT NULL PRIMARY KEY, format integer NOT NULL, owner varchar(255) NOT NULL, weft varchar(255) NOT NULL, "+
		"plan_hash varchar(64) NOT NULL, state varchar(16) NOT NULL, started_at bigint NOT NULL, ended_at bigint NOT NULL, error "+text+" NOT NULL")
	if err != nil {
		return err
	}
	return own.Make(ctx, j.q, j.d, Steps, "run bigint NOT NULL, step integer NOT NULL, kind varchar(64) NOT NULL, table_name varchar(255) NOT NULL, name varchar(255) NOT NULL, "+
		"plan "+text+" NOT NULL, statements integer NOT NULL, done integer NOT NULL, before_print varchar(64) NOT NULL, state varchar(16) NOT NULL, ms bigint NOT NULL, error "+text+" NOT NULL, PRIMARY KEY (run, step)")
}

// Record writes a run with its steps as they are and gives it its number. The
// time of its start is now, less than what its steps took; that of its end is
// now if it has ended.
func (j *Journal) Record(ctx context.Context, r *Run) error {
	if err := j.make(ctx); err != nil {
		return err
	}
	// Only the holder of the lock writes.
	if err := j.q.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1 FROM "+Runs).Scan(&r.ID); err != nil {
		return own.Fail(err, "migrate: number the run")
	}
	var took time.Duration
	for _, s := range r.Steps {
		took += s.Took
	}
	now, ended := own.Now(j.d), own.Now(j.d)
	if r.State == Running {
		ended = "0"
	}
	err := j.exec(ctx, "record the run", "INSERT INTO "+Runs+" (id, format, owner, weft, plan_hash, state, started_at, ended_at, error) VALUES (?, ?, ?, ?, ?, ?, "+now+" - ?, "+ended+", ?)",
		r.ID, format, cut(r.Owner, 255), cut(r.Weft, 255), r.Hash, string(r.State), took.Milliseconds(), r.Error)
	for _, s := range r.Steps {
		if err != nil {
			return err
		}
		err = j.exec(ctx, "record the run", "INSERT INTO "+Steps+" (run, step, kind, table_name, name, plan, statements, done, before_print, state, ms, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.ID, s.N, s.Kind, s.Table, s.Name, string(s.Plan), s.Statements, s.Done, s.Before, string(s.State), s.Took.Milliseconds(), s.Error)
	}
	return err
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// Save writes how far a step has come.
func (j *Journal) Save(ctx context.Context, r *Run, s *Step) error {
	return j.exec(ctx, "record the step", "UPDATE "+Steps+" SET done = ?, before_print = ?, state = ?, ms = ?, error = ? WHERE run = ? AND step = ?",
		s.Done, s.Before, string(s.State), s.Took.Milliseconds(), s.Error, r.ID, s.N)
}

// SaveRun writes the state of the run, and the time of its end where it has one.
func (j *Journal) SaveRun(ctx context.Context, r *Run) error {
	ended := own.Now(j.d)
	if r.State == Running {
		ended = "0"
	}
	return j.exec(ctx, "record the run", "UPDATE "+Runs+" SET state = ?, error = ?, owner = ?, ended_at = "+ended+" WHERE id = ?", string(r.State), r.Error, cut(r.Owner, 255), r.ID)
}

// Unfinished returns the run that stands in the middle, or nil.
func (j *Journal) Unfinished(ctx context.Context) (*Run, error) {
	runs, err := j.read(ctx, "WHERE state IN ('running', 'failed') ORDER BY id", 1)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	return runs[0], nil
}

// Last returns the last n runs, the newest first.
func (j *Journal) Last(ctx context.Context, n int) ([]*Run, error) {
	return j.read(ctx, "ORDER BY id DESC", n)
}

func (j *Journal) read(ctx context.Context, which string, n int) ([]*Run, error) {
	if there, err := own.Exists(ctx, j.q, j.d, Runs); err != nil || !there {
		return nil, err
	}
	runs, err := collect(ctx, j, fmt.Sprintf("SELECT id, format, owner, weft, plan_hash, state, started_at, ended_at, error FROM %s %s LIMIT %d", Runs, which, n), nil,
		func(rows *sql.Rows) (*Run, error) {
			r := &Run{}
			var version, started, ended int64
			err := rows.Scan(&r.ID, &version, &r.Owner, &r.Weft, &r.Hash, &r.State, &started, &ended, &r.Error)
			if err == nil && version > format {
				err = op.Errorf(op.CodeUnsupported, "migrate: run %d in %s has format %d and was written by a newer Weft (%s); this one knows formats up to %d", r.ID, Runs, version, r.Weft, format)
			}
			r.Started = time.UnixMilli(started).UTC()
			if ended > 0 {
				r.Ended = time.UnixMilli(ended).UTC()
			}
			return r, err
		})
	for _, r := range runs {
		if err != nil {
			break
		}
		r.Steps, err = collect(ctx, j, "SELECT step, kind, table_name, name, plan, statements, done, before_print, state, ms, error FROM "+Steps+" WHERE run = ? ORDER BY step", []any{r.ID},
			func(rows *sql.Rows) (*Step, error) {
				s := &Step{}
				var ms int64
				err := rows.Scan(&s.N, &s.Kind, &s.Table, &s.Name, &s.Plan, &s.Statements, &s.Done, &s.Before, &s.State, &ms, &s.Error)
				s.Took = time.Duration(ms) * time.Millisecond
				return s, err
			})
	}
	return runs, err
}

func collect[T any](ctx context.Context, j *Journal, query string, args []any, scan func(*sql.Rows) (T, error)) ([]T, error) {
	const doing = "migrate: read the journal"
	rows, err := j.q.QueryContext(ctx, own.Bind(j.d, query), args...)
	if err != nil {
		return nil, own.Fail(err, doing)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		x, err := scan(rows)
		if err != nil {
			return nil, own.Fail(err, doing)
		}
		out = append(out, x)
	}
	return out, own.Fail(rows.Err(), doing)
}

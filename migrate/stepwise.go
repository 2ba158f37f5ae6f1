package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// stepwise carries a plan out statement by statement, after a run that stands
// in the middle has been brought to its end.
func (r *runner) stepwise(decide func(*Plan) (bool, error)) error {
	j := journal.New(r.conn, r.m.dialect)
	left, err := j.Unfinished(r.ctx)
	if err != nil {
		return err
	}
	if left != nil {
		if err := r.resume(j, left); err != nil {
			return err
		}
	}
	p, err := r.plan()
	if err != nil {
		return err
	}
	if do, err := decide(p); err != nil || !do {
		return err
	}
	run, err := r.record(p, journal.Running)
	if err != nil {
		return err
	}
	// The run and its steps are there together or not at all.
	if err := r.l.Tx(r.ctx, false, func() error { return journal.New(r.conn, r.m.dialect).Record(r.ctx, run) }); err != nil {
		return err
	}
	return r.goOn(j, run, p)
}

// resume goes on with a run where it stands.
func (r *runner) resume(j *journal.Journal, run *journal.Run) error {
	p := &Plan{set: r.m.set}
	for _, s := range run.Steps {
		var step Step
		if err := json.Unmarshal(s.Plan, &step); err != nil {
			return op.Errorf(op.CodeDatabase, "migrate: step %d of run %d in %s cannot be read: %w", s.N, run.ID, journal.Steps, err)
		}
		p.Steps = append(p.Steps, step)
	}
	run.State, run.Error, run.Owner = journal.Running, "", r.l.Owner()
	if err := j.SaveRun(r.ctx, run); err != nil {
		return err
	}
	return r.goOn(j, run, p)
}

// goOn does what is left of a run.
func (r *runner) goOn(j *journal.Journal, run *journal.Run, p *Plan) error {
	for i, s := range run.Steps {
		if s.State == journal.Done {
			continue
		}
		r.report.begin(i+1, len(run.Steps), p.Steps[i])
		s.State, s.Error = journal.Running, ""
		for s.Done < s.Statements {
			if err := r.recorded(j, run, s, p.Steps[i]); err != nil {
				err = r.failed(p, i, s.Done, err)
				r.standsAt(j, run, s, err)
				return err
			}
		}
		s.State = journal.Done
		if err := j.Save(r.ctx, run, s); err != nil {
			return r.failed(p, i, s.Done, err)
		}
		r.report.end()
	}
	run.State = journal.Done
	return j.SaveRun(r.ctx, run)
}

// recorded does the next statement of a step, unless it was done before a crash.
func (r *runner) recorded(j *journal.Journal, run *journal.Run, s *journal.Step, step Step) error {
	n, statement := s.Done, step.SQL[s.Done]
	if err := r.l.Check(r.ctx); err != nil {
		return err
	}
	began := time.Now()
	if changesRows(statement) {
		// Rows and record are one transaction.
		err := r.l.Tx(r.ctx, false, func() error {
			if err := r.statement(step, s.N, n); err != nil {
				return err
			}
			s.Done, s.Before, s.Took = n+1, "", s.Took+time.Since(began)
			return j.Save(r.ctx, run, s)
		})
		if err != nil {
			s.Done = n
		}
		return err
	}
	now, err := r.fingerprint(statement)
	if err != nil {
		return err
	}
	// One that had begun has taken effect, or has not: a change of the schema is
	// atomic. What it is about tells which.
	if s.Before == "" || s.Before == now {
		s.Before = now
		if err := j.Save(r.ctx, run, s); err != nil {
			return err
		}
		if err := r.statement(step, s.N, n); err != nil {
			return err
		}
	}
	s.Done, s.Before, s.Took = n+1, "", s.Took+time.Since(began)
	if err := j.Save(r.ctx, run, s); err != nil {
		return err
	}
	return r.at(s.N, n, saved)
}

// standsAt records why a run stopped, as far as it can be.
func (r *runner) standsAt(j *journal.Journal, run *journal.Run, s *journal.Step, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 5*time.Second)
	defer cancel()
	if own.State(err) != "" && !own.Gone(r.m.dialect, err) {
		s.Before = "" // the server refused the statement, so it has changed nothing
	}
	s.State, s.Error = journal.Failed, err.Error()
	run.State, run.Error = journal.Failed, err.Error()
	if r.l.Check(ctx) == nil && j.Save(ctx, run, s) == nil {
		_ = j.SaveRun(ctx, run)
	}
}

// changesRows reports whether a statement changes rows, not the schema.
func changesRows(statement string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	switch strings.ToUpper(word) {
	case "INSERT", "UPDATE", "DELETE", "REPLACE":
		return true
	}
	return false
}

// counter is what changes in a table's statement without any change of the table.
var counter = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// fingerprint is a hash of what a statement can change: which tables, views and
// triggers there are, and how those that it names are made.
func (r *runner) fingerprint(statement string) (string, error) {
	hash := sha256.New()
	var names []string
	list := func(query string, named bool) error {
		rows, err := r.conn.QueryContext(r.ctx, query)
		if err != nil {
			return fail(err, "look at the database")
		}
		defer rows.Close()
		for rows.Next() {
			var name, what string
			if err := rows.Scan(&name, &what); err != nil {
				return fail(err, "look at the database")
			}
			hash.Write([]byte(name + "\x00" + what + "\x00"))
			if named && strings.Contains(statement, catalog.Quote(catalog.MySQL, name)) {
				names = append(names, name)
			}
		}
		return own.Fail(rows.Err(), "migrate: look at the database")
	}
	if err := list("SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = database() ORDER BY table_name", true); err != nil {
		return "", err
	}
	if err := list("SELECT trigger_name, concat(event_object_table, ' ', action_timing, ' ', event_manipulation, ' ', action_statement) FROM information_schema.triggers WHERE trigger_schema = database() ORDER BY trigger_name", false); err != nil {
		return "", err
	}
	for _, name := range names {
		text, err := r.made(name)
		if err != nil {
			return "", err
		}
		hash.Write([]byte(counter.ReplaceAllString(text, "") + "\x00"))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// made is the statement that makes a table or view: the second column of
// whatever SHOW CREATE answers.
func (r *runner) made(name string) (string, error) {
	rows, err := r.conn.QueryContext(r.ctx, "SHOW CREATE TABLE "+catalog.Quote(catalog.MySQL, name))
	if err != nil {
		return "", fail(err, "look at "+name)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", fail(err, "look at "+name)
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new([]byte)
	}
	if rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return "", fail(err, "look at "+name)
		}
	}
	return string(*values[1].(*[]byte)), own.Fail(rows.Err(), "migrate: look at "+name)
}

// Abandon gives up the run that stands in the middle, if one does: it will not
// be resumed, and the next plan begins at what the database holds now. It is
// for a run that cannot be brought to its end.
func (m *Migrator) Abandon(ctx context.Context) error {
	if left, err := m.unfinished(ctx); err != nil || left == nil {
		return err
	}
	return m.underLock(ctx, func(r *runner) error {
		j := journal.New(r.conn, m.dialect)
		left, err := j.Unfinished(r.ctx)
		if err != nil || left == nil {
			return err
		}
		left.State = journal.Abandoned
		return j.SaveRun(r.ctx, left)
	})
}

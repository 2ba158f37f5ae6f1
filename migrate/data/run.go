package data

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/migrate/lock"
	"github.com/weftdb/weft/migrate/own"
	"github.com/weftdb/weft/op"
)

// How often a migration is run again that others were in the way of.
const attempts = 10

// Apply applies every migration that is pending, in the order of versions and
// as one batch, and gives back the entries of those that it has applied, also
// when one fails: each is kept or undone by itself.
//
// Before anything runs it refuses, by a VALIDATION_ERROR, when an applied
// migration was edited, when one was stopped in the middle, and when one is out
// of order, unless the options allow that.
//
// Each runs in a serializable transaction together with its record, unless it
// is outside of one. MySQL commits by itself at each change of the schema: a
// migration that has such and fails stays half done there and is recorded as
// begun. One that only changes rows is undone there too.
func (r *Runner) Apply(ctx context.Context) ([]Entry, error) {
	recs, err := r.records(ctx, r.db)
	if err != nil {
		return nil, err
	}
	// Nothing to do needs no lock and writes nothing.
	if todo, err := r.todo(recs); err != nil || len(todo) == 0 {
		return nil, err
	}
	var applied []Entry
	err = r.locked(ctx, func(w *worker) error {
		recs, err := r.records(w.ctx, w.l.Conn())
		if err != nil {
			return err
		}
		todo, err := r.todo(recs)
		if err != nil {
			return err
		}
		var batch int64 = 1
		for _, x := range recs {
			if x.state == Begun { // it goes on as a part of its batch
				batch = max(batch, x.batch)
			} else {
				batch = max(batch, x.batch+1)
			}
		}
		for i, m := range todo {
			w.begin(i+1, len(todo), m)
			if err := w.up(m, batch); err != nil {
				return err
			}
			w.tell(w.now)
			applied = append(applied, Entry{Version: m.Version, Name: m.Name, State: Applied, Batch: batch, Owner: w.l.Owner(), Took: time.Since(w.began), Reversible: m.Down != nil})
		}
		return nil
	})
	return applied, err
}

// todo are the pending migrations, or why none may be applied.
func (r *Runner) todo(recs []record) ([]Migration, error) {
	s := r.status(recs)
	var faults []string
	var todo []Migration
	for _, e := range s.Entries {
		m, _ := r.find(e.Version)
		switch {
		case e.State == Begun && m.Resume:
			todo = append(todo, m)
		case e.State == Begun || e.State == Undoing:
			faults = append(faults, r.stopped(e))
		case e.Missing:
		case e.Edited != "":
			faults = append(faults, fmt.Sprintf("%s was edited after it was applied: %s. Restore it, and write a new migration for what should change", m, e.Edited))
		case e.State == Pending && e.OutOfOrder && !r.o.OutOfOrder:
			faults = append(faults, fmt.Sprintf("%s comes before migrations that are applied already. If it does not matter to them, allow it out of order; otherwise give it a later version", m))
		case e.State == Pending:
			todo = append(todo, m)
		}
	}
	if len(faults) > 0 {
		return nil, op.Errorf(op.CodeValidation, "migrate: %s. Nothing was done", strings.Join(faults, "; "))
	}
	return todo, nil
}

// stopped says what to do with a migration that was stopped in the middle.
func (r *Runner) stopped(e Entry) string {
	what, done, undone := "applied", "applied", "not applied"
	if e.State == Undoing {
		what = "rolled back"
	}
	s := fmt.Sprintf("version %d (%s) was stopped while it was %s by %s", e.Version, e.Name, what, e.Owner)
	if e.Error != "" {
		s += ": " + e.Error
	}
	return s + fmt.Sprintf(". A part of it may be done: look, bring it to one end by hand, and say which it is: "+
		"UPDATE %[1]s SET state = '%[2]s' WHERE version = %[3]d for %[4]s, DELETE FROM %[1]s WHERE version = %[3]d for %[5]s", Table, Applied, e.Version, done, undone)
}

// Resolve says how a migration that was stopped in the middle stands, after
// somebody has looked at it and put it right: it is applied, or it is not and
// becomes pending again.
func (r *Runner) Resolve(ctx context.Context, version int64, applied bool) error {
	return r.locked(ctx, func(w *worker) error {
		recs, err := r.records(w.ctx, w.l.Conn())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(recs, func(x record) bool {
			return x.version == version && (x.state == Begun || x.state == Undoing)
		})
		switch {
		case i < 0:
			return op.Errorf(op.CodeNotFound, "migrate: version %d is not one that was stopped in the middle", version)
		case applied:
			return r.update(w.ctx, w.l.Conn(), Migration{Version: version}, Applied, time.Duration(recs[i].ms)*time.Millisecond, "")
		}
		return r.remove(w.ctx, w.l.Conn(), version)
	})
}

// Rollback undoes a batch, the last one for 0, in the reverse of its order, and
// gives back the entries of what it has undone, also when one fails. Only the
// last batch can be rolled back. It is refused before anything runs when one of
// the batch has no Down or is not among the migrations.
func (r *Runner) Rollback(ctx context.Context, batch int64) ([]Entry, error) {
	recs, err := r.records(ctx, r.db)
	if err != nil {
		return nil, err
	}
	if todo, _, err := r.undo(recs, batch); err != nil || len(todo) == 0 {
		return nil, err
	}
	var undone []Entry
	err = r.locked(ctx, func(w *worker) error {
		recs, err := r.records(w.ctx, w.l.Conn())
		if err != nil {
			return err
		}
		todo, number, err := r.undo(recs, batch)
		if err != nil {
			return err
		}
		for i, m := range todo {
			w.begin(i+1, len(todo), m)
			if err := w.down(m); err != nil {
				return err
			}
			w.tell(w.now)
			undone = append(undone, Entry{Version: m.Version, Name: m.Name, State: Pending, Batch: number, Owner: w.l.Owner(), Took: time.Since(w.began), Reversible: true})
		}
		return nil
	})
	return undone, err
}

// undo are the migrations of a batch, the last first, or why they may not be
// undone.
func (r *Runner) undo(recs []record, batch int64) ([]Migration, int64, error) {
	var last int64
	var faults []string
	for _, x := range recs {
		last = max(last, x.batch)
		if m, _ := r.find(x.version); x.state != Applied && !(x.state == Undoing && m.Resume) {
			faults = append(faults, r.stopped(x.entry()))
		}
	}
	switch {
	case batch == 0:
		batch = last
	case batch > last || batch < 0:
		return nil, 0, op.Errorf(op.CodeNotFound, "migrate: there is no batch %d; the last one is %d", batch, last)
	case batch < last:
		return nil, 0, op.Errorf(op.CodeValidation, "migrate: batch %d is not the last one: roll back batch %d first", batch, last)
	}
	var todo []Migration
	for _, x := range slices.Backward(recs) {
		if x.batch != batch {
			continue
		}
		m, ok := r.find(x.version)
		switch {
		case !ok:
			faults = append(faults, fmt.Sprintf("version %d (%s) is not among the migrations of this program, so it is not known how to undo it", x.version, x.name))
		case m.Down == nil:
			faults = append(faults, fmt.Sprintf("%s has no down", m))
		default:
			todo = append(todo, m)
		}
	}
	if len(faults) > 0 {
		return nil, 0, op.Errorf(op.CodeValidation, "migrate: batch %d cannot be rolled back: %s. Nothing was done", batch, strings.Join(faults, "; "))
	}
	return todo, batch, nil
}

// worker runs migrations under the lock.
type worker struct {
	r     *Runner
	l     *lock.Lock
	ctx   context.Context
	now   Progress
	began time.Time

	m       Migration // the one that runs
	outside bool      // of a transaction
}

func (r *Runner) locked(ctx context.Context, fn func(*worker) error) (err error) {
	l, err := lock.Acquire(ctx, r.db, r.d, lock.Options{Owner: r.o.Owner, Wait: r.o.LockWait, TTL: r.o.LockTTL})
	if err != nil {
		return err
	}
	defer func() {
		if rerr := l.Release(ctx); err == nil && ctx.Err() == nil {
			err = rerr
		}
	}()
	lctx, cancel := l.Context(ctx)
	defer cancel()
	if err := l.Tx(lctx, false, func() error { return r.make(lctx, l.Conn()) }); err != nil {
		return err
	}
	err = fn(&worker{r: r, l: l, ctx: lctx})
	if err != nil && ctx.Err() == nil && lctx.Err() != nil {
		return context.Cause(lctx)
	}
	return err
}

func (w *worker) begin(n, of int, m Migration) {
	w.began = time.Now()
	w.now = Progress{N: n, Of: of, Migration: m.String()}
	w.tell(w.now)
}

func (w *worker) tell(p Progress) {
	if w.r.o.Progress != nil {
		p.Elapsed = time.Since(w.began)
		w.r.o.Progress(p)
	}
}

// up applies one migration.
func (w *worker) up(m Migration, batch int64) error {
	q, r := w.l.Conn(), w.r
	err := w.run(m, m.NoTransaction || m.upOutside, m.Up,
		func() error {
			if left, err := w.left(m); err != nil || left {
				return err
			}
			return r.insert(w.ctx, q, m, batch, w.l.Owner())
		},
		func() error { return r.update(w.ctx, q, m, Applied, time.Since(w.began), "") })
	return w.failed(m, "apply", err)
}

// down undoes one.
func (w *worker) down(m Migration) error {
	q, r := w.l.Conn(), w.r
	err := w.run(m, m.NoTransaction || m.downOutside, m.Down,
		func() error {
			if left, err := w.left(m); err != nil || left {
				return err
			}
			return r.undoing(w.ctx, q, m)
		},
		func() error { return r.remove(w.ctx, q, m.Version) })
	return w.failed(m, "roll back", err)
}

// run runs fn between the two records. What the database commits of a
// transaction by itself (MySQL, at a change of the schema) takes the first
// record with it; so the record is there after a failure exactly if something
// of fn may be.
func (w *worker) run(m Migration, outside bool, fn Func, first, second func() error) error {
	whole := func() error {
		err := first()
		if err == nil {
			err = w.call(m, fn)
		}
		if err == nil {
			err = second()
		}
		return err
	}
	if w.outside = outside; outside {
		if err := w.l.Check(w.ctx); err != nil {
			return err
		}
		return whole()
	}
	var err error
	for range attempts {
		err = w.l.Tx(w.ctx, true, whole)
		if err == nil || !own.Transient(w.r.d, err) || w.ctx.Err() != nil {
			return err
		}
		if w.r.d == catalog.MySQL {
			if left, lerr := w.left(m); lerr != nil || left {
				return err
			}
		}
	}
	return err
}

// call calls fn with what it works on.
func (w *worker) call(m Migration, fn Func) error {
	w.m = m
	ctx := context.WithValue(w.ctx, workerKey{}, w)
	return fn(ctx, w.l.Conn())
}

// left reports whether the record says that the migration is in the middle.
func (w *worker) left(m Migration) (bool, error) {
	recs, err := w.r.records(w.ctx, w.l.Conn())
	return slices.ContainsFunc(recs, func(x record) bool {
		return x.version == m.Version && (x.state == Begun || x.state == Undoing)
	}), err
}

// failed says what failed and how the database stands then.
func (w *worker) failed(m Migration, doing string, err error) error {
	if err == nil {
		return nil
	}
	var lost *lock.LostError
	if errors.As(err, &lost) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 10*time.Second)
	defer cancel()
	end := ". Nothing of it was kept; those before it were"
	quiet := *w
	quiet.ctx = ctx
	left, lerr := quiet.left(m)
	switch {
	case lerr != nil && own.Gone(w.r.d, lerr):
		end = ". The connection to the server was lost: look at the status to see how it stands"
	case lerr != nil:
		end = fmt.Sprintf(". How it stands could not be read (%v): look at the status", lerr)
	case left && m.Resume:
		end = ". It goes on where it stopped when it is run again"
	case left:
		state := Begun
		if doing == "roll back" {
			state = Undoing
		}
		_ = w.r.update(ctx, w.l.Conn(), m, state, time.Since(w.began), err.Error())
		end = ". A part of it may be done: look at the status, which says what to do next"
	}
	code := op.CodeOf(err)
	if op.FromContext(err) == err && !errors.As(err, new(*op.Error)) {
		code = op.CodeDatabase
	}
	return op.Errorf(code, "migrate: %s %s: %w%s", doing, m, err, end)
}

type workerKey struct{}

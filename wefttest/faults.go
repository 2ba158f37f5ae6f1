package wefttest

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/op"
)

// Operation is what is asked of a database.
type Operation string

// The operations. Any is each of them, but for Begin and Commit. A repository's
// Get, Find, First and All are Find, as is a relation that is loaded; Create is
// Insert, Save is Insert or Update, and Increment is Update; OnConflict is Upsert,
// and Link an Upsert, or a Find and an Insert. What hides a row is an Update.
const (
	Any       Operation = ""
	Find      Operation = "find"
	Count     Operation = "count"
	Aggregate Operation = "aggregate" // sums, groups and count fields
	Insert    Operation = "insert"
	Update    Operation = "update"
	Delete    Operation = "delete"
	Upsert    Operation = "upsert"
	SQL       Operation = "sql"
	Begin     Operation = "begin"
	Commit    Operation = "commit"
)

var kinds = map[Operation]op.Kind{
	Any: 0, Find: op.Find, Count: op.Count, Aggregate: op.Aggregate, Insert: op.Insert, Update: op.Update,
	Delete: op.Delete, Upsert: op.Upsert, SQL: op.SQL, Begin: 0, Commit: 0,
}

// When says which operations a fault is for. The zero value is all of them.
type When struct {
	Op    Operation
	Model string // name of the Go type: "User"; empty is any
	Nth   int    // only the n-th, from 1, of those that come from now on; 0 is every one
	Times int    // no more than so many; 0 is no bound
}

// Faults makes a database fail; [OpenFaulty] gives it. It is safe for
// concurrent use.
type Faults struct {
	t  testing.TB
	db *weft.DB
	sw *fault.Switch
}

// Fail makes operations fail before they reach the database: nothing has
// changed. The error is handed on; one of the sentinels, such as weft.ErrTimeout,
// stands for an error of that code, and nil for weft.ErrDatabase.
func (f *Faults) Fail(w When, err error) {
	f.t.Helper()
	f.add(w, fault.Rule{Err: failure(err)})
}

// FailAfter makes operations fail after they have taken effect, as when the
// answer is lost on its way. The error is as for [Faults.Fail].
func (f *Faults) FailAfter(w When, err error) {
	f.t.Helper()
	f.add(w, fault.Rule{Err: failure(err), After: true})
}

// CutRows makes the rows of a result break off after n of them, with
// weft.ErrDatabase. It does nothing for operations that give no rows.
func (f *Faults) CutRows(w When, n int) {
	f.t.Helper()
	if w.Op == Begin || w.Op == Commit {
		f.t.Fatalf("wefttest: %s gives no rows that could break off", w.Op)
	}
	f.add(w, fault.Rule{At: fault.Row, Rows: n, Err: failure(nil)})
}

// Cut cuts all connections: everything fails with weft.ErrDatabase until Off.
// What was not committed is lost.
func (f *Faults) Cut() {
	for _, p := range []fault.Point{fault.Do, fault.Begin, fault.Commit, fault.Row} {
		f.sw.Add(fault.Rule{At: p, Err: op.Errorf(op.CodeDatabase, "the connection is cut")})
	}
}

// Delay makes operations wait. The context of an operation ends its wait.
func (f *Faults) Delay(w When, d time.Duration) {
	f.t.Helper()
	f.add(w, fault.Rule{Wait: d})
}

// Hold makes operations wait until release is called, so that a test can look at
// what happens meanwhile. The context of an operation ends its wait, and so does
// Off for operations to come. release may be called more than once.
func (f *Faults) Hold(w When) (release func()) {
	f.t.Helper()
	gate := make(chan struct{})
	f.add(w, fault.Rule{Delay: gate})
	release = sync.OnceFunc(func() { close(gate) })
	f.t.Cleanup(release) // nothing waits longer than the test
	return release
}

// Conflict makes the next commits, so many of them, fail as if concurrent
// transactions had changed the same data: weft runs the function of the
// transaction again.
func (f *Faults) Conflict(times int) {
	if times <= 0 {
		f.t.Helper()
		f.t.Fatalf("wefttest: Conflict needs a number of times, not %d", times)
	}
	f.sw.Add(fault.Rule{At: fault.Commit, Times: times, Err: &op.ConflictError{Reason: op.ReasonSerialization, Index: -1}})
}

// Off takes all faults away: from now on everything works.
func (f *Faults) Off() { f.sw.Clear() }

// add completes the rule with what it is for.
func (f *Faults) add(w When, r fault.Rule) {
	f.t.Helper()
	kind, known := kinds[w.Op]
	switch {
	case !known:
		f.t.Fatalf("wefttest: %q is no operation; there are Find, Count, Aggregate, Insert, Update, Delete, Upsert, SQL, Begin and Commit", w.Op)
	case w.Nth < 0 || w.Times < 0:
		f.t.Fatalf("wefttest: Nth and Times count from 1, and 0 is no bound; they are %d and %d", w.Nth, w.Times)
	case w.Model != "" && (w.Op == Begin || w.Op == Commit):
		f.t.Fatalf("wefttest: %s concerns a transaction, not the model %s", w.Op, w.Model)
	case w.Model != "" && f.db.Schema().Model(w.Model) == nil:
		var names []string
		for _, m := range f.db.Schema().Models {
			names = append(names, m.Name)
		}
		f.t.Fatalf("wefttest: the database has no model %q; there are %s", w.Model, strings.Join(names, ", "))
	}
	r.Kind, r.Model, r.Nth, r.Times = kind, w.Model, w.Nth, w.Times
	switch w.Op {
	case Begin:
		r.At = fault.Begin
	case Commit:
		r.At = fault.Commit
	}
	f.sw.Add(r)
}

// failure is an error of its own for a sentinel, which is shared.
func failure(err error) error {
	if err == nil {
		err = weft.ErrDatabase
	}
	var e *op.Error
	if errors.As(err, &e) && err == error(e) && e.Message == "" && e.Op == "" {
		return op.Errorf(e.Code, "made to fail by the test")
	}
	return err
}

package wefttest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft"
)

// recorders are those of open databases. Every handle of a database has the same
// schema.
var recorders sync.Map // *schema.Set → *recorder

const kept = 50 // calls that are logged when a test fails

// recorder keeps what was asked of a database.
type recorder struct {
	mu      sync.Mutex
	last    []string // the last calls, oldest first
	watched int      // Queries under way
	queries []string
}

func (r *recorder) observe(ctx context.Context, c weft.Call) (context.Context, func(error)) {
	start := time.Now()
	what, query := c.Op, isQuery(c.Op)
	if query && r.watching() {
		if sql := c.SQL(); sql != "" {
			what += ": " + sql
		}
	}
	if query {
		r.asked(what)
	}
	return ctx, func(err error) {
		line := what + " (" + time.Since(start).Round(time.Microsecond).String() + ")"
		if c.InTx {
			line = "  " + line
		}
		if err != nil {
			line += ": " + err.Error()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.last) == kept {
			r.last = append(r.last[:0], r.last[1:]...)
		}
		r.last = append(r.last, line)
	}
}

// isQuery tells what is asked from what only marks a transaction.
func isQuery(what string) bool {
	switch what {
	case "begin", "commit", "rollback":
		return false
	}
	return true
}

func (r *recorder) watching() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watched > 0
}

func (r *recorder) asked(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watched > 0 {
		r.queries = append(r.queries, what)
	}
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = nil
}

func (r *recorder) log(t testing.TB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.last) > 0 {
		t.Logf("wefttest: the last calls to the database:\n%s", strings.Join(r.last, "\n"))
	}
}

// Queries runs fn and returns what the database was asked meanwhile, one text a
// query: what it does and on which model, and its SQL. The begin and end of
// transactions are not among them. The database is one that Open or OpenFaulty
// gave, or a handle made from it; what other goroutines ask of it meanwhile is
// counted too.
//
//	if n := len(wefttest.Queries(t, db, loadPage)); n > 3 { … }
func Queries(t testing.TB, db *weft.DB, fn func()) []string {
	t.Helper()
	v, ok := recorders.Load(db.Schema())
	if !ok {
		t.Fatalf("wefttest: the database was not opened by wefttest, or is closed")
	}
	r := v.(*recorder)
	r.mu.Lock()
	r.watched++
	from := len(r.queries)
	r.mu.Unlock()
	done := func() []string {
		r.mu.Lock()
		defer r.mu.Unlock()
		out := append([]string(nil), r.queries[from:]...)
		if r.watched--; r.watched == 0 {
			r.queries = nil
		}
		return out
	}
	ended := false
	defer func() {
		if !ended { // fn panicked, or ended the test
			done()
		}
	}()
	fn()
	ended = true
	return done()
}

// AtMost fails the test when fn takes more than n queries, and says which. It
// finds the query that is asked once for every row of a list.
func AtMost(t testing.TB, db *weft.DB, n int, fn func()) {
	t.Helper()
	if got := Queries(t, db, fn); len(got) > n {
		t.Errorf("wefttest: %d queries, at most %d are expected:\n%s", len(got), n, strings.Join(got, "\n"))
	}
}

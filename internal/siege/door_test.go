//go:build linux

package siege

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// door is a way into a cluster: through one node, or a client of its own. One
// is used by many goroutines.
type door interface {
	// do runs a transaction and, when mark is not "", inserts that into marks in
	// it. refused is true where a floor was met.
	do(ctx context.Context, w work, mark string) (got []int64, refused bool, err error)
	// nothing reports whether after this error the change is certainly not
	// applied and never will be.
	nothing(err error) bool
}

// tables of the workloads. Nothing keeps a mark from being there twice: that is
// how a change that was applied twice is seen.
var tables = []cluster.Stmt{
	{`CREATE TABLE regs (id TEXT NOT NULL PRIMARY KEY, v INTEGER NOT NULL)`},
	{`CREATE TABLE purses (id TEXT NOT NULL PRIMARY KEY, v INTEGER NOT NULL CHECK (v >= 0))`},
	{`CREATE TABLE bank (id INTEGER PRIMARY KEY, v INTEGER NOT NULL CHECK (v >= 0))`},
	{`CREATE TABLE marks (id TEXT NOT NULL, n INTEGER NOT NULL)`},
	{`CREATE INDEX marks_id ON marks (id)`},
	{`CREATE TABLE noise (id INTEGER PRIMARY KEY, body TEXT NOT NULL)`},
}

func table(w work) string {
	if w.floor {
		return "purses"
	}
	return "regs"
}

func row(w work, reg int) string { return fmt.Sprintf("%s/%d", w.group, reg) }

// byHTTP goes through rqlite's HTTP interface of one node.
type byHTTP struct {
	node  *cluster.Node
	level string // of reads that change nothing
}

func (d byHTTP) nothing(err error) bool { return cluster.Nothing(err) }

func (d byHTTP) do(ctx context.Context, w work, mark string) (got []int64, refused bool, err error) {
	var list []cluster.Stmt
	reads, changing := false, mark != ""
	for _, s := range w.steps {
		id := row(w, s.reg)
		switch s.what {
		case 'r':
			reads = true
			list = append(list, cluster.Stmt{"SELECT v FROM " + table(w) + " WHERE id = ?", id})
			continue
		case 'w':
			list = append(list, cluster.Stmt{"UPDATE " + table(w) + " SET v = ? WHERE id = ?", s.b, id})
		case 'a':
			list = append(list, cluster.Stmt{"UPDATE " + table(w) + " SET v = v + ? WHERE id = ?", s.b, id})
		case 'c':
			list = append(list, cluster.Stmt{"UPDATE " + table(w) + " SET v = ? WHERE id = ? AND v = ?", s.b, id, s.a})
		}
		changing = true
	}
	if !changing {
		got, err = d.read(ctx, w)
		return got, false, err
	}
	if mark != "" {
		list = append(list, cluster.Stmt{"INSERT INTO marks (id, n) VALUES (?, 1)", mark})
	}
	var results []cluster.Result
	if reads {
		results, err = d.node.Request(ctx, list...)
	} else {
		results, err = d.node.Execute(ctx, len(list) > 1, list...)
	}
	if err != nil {
		return nil, meetsFloor(w, err), err
	}
	for i, s := range w.steps {
		v := int64(0)
		switch s.what {
		case 'r':
			if v, err = results[i].Int(); err != nil {
				return nil, false, fmt.Errorf("row %s: %w", row(w, s.reg), err)
			}
		case 'c':
			v = results[i].RowsAffected
		default:
			if results[i].RowsAffected != 1 {
				return nil, false, fmt.Errorf("row %s: %d rows changed", row(w, s.reg), results[i].RowsAffected)
			}
		}
		got = append(got, v)
	}
	return got, false, nil
}

// meetsFloor reports whether a statement failed because of the floor.
func meetsFloor(w work, err error) bool {
	var e *cluster.StatementError
	return w.floor && errors.As(err, &e) && strings.Contains(e.Text, "CHECK")
}

// read reads all registers by one statement, from one snapshot.
func (d byHTTP) read(ctx context.Context, w work) ([]int64, error) {
	stmt := cluster.Stmt{""}
	var marks []string
	for _, s := range w.steps {
		marks = append(marks, "?")
		stmt = append(stmt, row(w, s.reg))
	}
	stmt[0] = "SELECT id, v FROM " + table(w) + " WHERE id IN (" + strings.Join(marks, ", ") + ")"
	results, err := d.node.Query(ctx, d.level, stmt)
	if err != nil {
		return nil, err
	}
	found := map[any]any{}
	for _, r := range results[0].Values {
		found[r[0]] = r[1]
	}
	var got []int64
	for _, s := range w.steps {
		v, err := cluster.Int(found[row(w, s.reg)])
		if err != nil {
			return nil, fmt.Errorf("row %s: %w", row(w, s.reg), err)
		}
		got = append(got, v)
	}
	return got, nil
}

// repeating goes through the nodes of a cluster in turn and repeats what was not
// answered under its first identity, until the context ends. Each attempt has a
// second, so that most of what is lost in a fault is repeated.
type repeating struct {
	nodes []*cluster.Node
	next  *atomic.Uint64
}

// errOpen is wrapped by the last error of what may have been applied by an
// attempt before.
var errOpen = errors.New("an earlier attempt may have been applied")

func (d repeating) nothing(err error) bool { return !errors.Is(err, errOpen) && cluster.Nothing(err) }

func (d repeating) do(ctx context.Context, w work, mark string) (got []int64, refused bool, err error) {
	err = d.repeat(ctx, func(ctx context.Context, one byHTTP) error {
		got, refused, err = one.do(ctx, w, mark)
		return err
	})
	return got, refused, err
}

func (d repeating) repeat(ctx context.Context, fn func(ctx context.Context, one byHTTP) error) error {
	n := d.next.Add(1)
	ctx = cluster.WithKey(ctx, fmt.Sprintf("siege-%d-%d", time.Now().UnixNano(), n))
	maybe := false
	for ; ; n++ {
		once, cancel := context.WithTimeout(ctx, time.Second)
		node := d.nodes[n%uint64(len(d.nodes))]
		tried(ctx, "ask node %d", node.Index+1)
		err := fn(once, byHTTP{node, "linearizable"})
		cancel()
		tried(ctx, "node %d: %v", node.Index+1, err)
		var failed *cluster.StatementError
		if err == nil || errors.As(err, &failed) {
			return err // that is the outcome, whichever attempt it is of
		}
		maybe = maybe || !cluster.Nothing(err)
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case <-ctx.Done():
		}
		if maybe {
			err = fmt.Errorf("%w: %w", errOpen, err)
		}
		return err
	}
}

func (d repeating) move(ctx context.Context, from, to int, amount int64, mark string) (refused bool, err error) {
	err = d.repeat(ctx, func(ctx context.Context, one byHTTP) error {
		refused, err = one.move(ctx, from, to, amount, mark)
		return err
	})
	return refused, err
}

func (d repeating) insert(ctx context.Context, mark string) error {
	return d.repeat(ctx, func(ctx context.Context, one byHTTP) error { return one.insert(ctx, mark) })
}

func (d repeating) total(ctx context.Context) (sum int64, err error) {
	err = d.repeat(ctx, func(ctx context.Context, one byHTTP) error {
		sum, err = one.total(ctx)
		return err
	})
	return sum, err
}

func (d repeating) count(ctx context.Context, mark string) (n int64, err error) {
	err = d.repeat(ctx, func(ctx context.Context, one byHTTP) error {
		n, err = one.count(ctx, mark)
		return err
	})
	return n, err
}

package raftgroup

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// readers are the connections of a group that read its file, given out last in,
// first out.
type readers struct {
	path string

	mu     sync.Mutex
	free   []*viewer
	core   *sqlengine.Core // of the schema as it is
	file   os.FileInfo     // that core is of
	out    int
	closed bool
	empty  chan struct{} // closed when closed and nothing is out
}

// keepReaders is how many connections stay open when nobody reads.
const keepReaders = 16

// viewer is a connection that reads. The last cursor that it gave can be read
// ahead.
type viewer struct {
	*conn.Conn
	core    *sqlengine.Core
	file    os.FileInfo
	last    *spool
	expired <-chan struct{} // closed when it has to make room
}

var _ session = (*viewer)(nil)

func newReaders(path string) *readers {
	return &readers{path: path, core: newCore(), empty: make(chan struct{})}
}

// Query starts a statement.
func (v *viewer) Query(ctx context.Context, s *sqlengine.Statement, args []sqlengine.Value) (sqlengine.Cursor, error) {
	cur, err := v.Conn.Query(ctx, s, args)
	if err != nil {
		return nil, err
	}
	v.last = &spool{ctx: ctx, src: cur}
	return v.last, nil
}

// Atomic runs fn on one snapshot.
func (v *viewer) Atomic(ctx context.Context, fn func() error) error {
	if err := v.Begin(ctx, false); err != nil {
		return err
	}
	if err := fn(); err != nil {
		_ = v.Rollback() // the first error is the one to tell
		return err
	}
	return v.Commit(ctx)
}

// ahead reads what the last cursor has left.
func (v *viewer) ahead(width int, each func(row []byte)) error {
	s := v.last
	v.last = nil
	if s == nil {
		return nil
	}
	return s.fill(width, v.expired, each)
}

// get gives a connection to the file as it is now.
func (p *readers) get() (*viewer, error) {
	file, err := os.Stat(p.path)
	if err != nil {
		return nil, op.Errorf(op.CodeDatabase, "the group's database cannot be read: %w", err)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, op.ErrClosed()
	}
	p.out++
	if p.file == nil || !os.SameFile(p.file, file) {
		if p.file != nil { // a snapshot came from the leader: its schema may be another one
			p.core = newCore()
		}
		p.file = file
	}
	core := p.core
	var v *viewer
	var old []*viewer
	for v == nil && len(p.free) > 0 {
		n := len(p.free) - 1
		v, p.free = p.free[n], p.free[:n]
		if !os.SameFile(v.file, file) {
			old = append(old, v)
			v = nil
		}
	}
	p.mu.Unlock()
	for _, o := range old {
		_ = o.Conn.Close()
	}
	if v == nil {
		c, err := conn.Open(p.path, conn.Options{ReadOnly: true})
		if err != nil {
			p.put(nil)
			return nil, err
		}
		v = &viewer{Conn: c, core: core, file: file}
	}
	if v.core != core { // statements of another schema are of no use
		v.Conn.Forget()
		v.core = core
	}
	return v, nil
}

// put takes a connection back.
func (p *readers) put(v *viewer) {
	if v != nil {
		v.last, v.expired = nil, nil
		for v.Depth() > 0 && v.Rollback() == nil {
		}
	}
	p.mu.Lock()
	p.out--
	if v != nil && !p.closed && len(p.free) < keepReaders && v.Depth() == 0 {
		p.free = append(p.free, v)
		v = nil
	}
	if p.closed && p.out == 0 {
		close(p.empty)
	}
	p.mu.Unlock()
	if v != nil {
		_ = v.Conn.Close()
	}
}

// reshape says that the schema is another one now.
func (p *readers) reshape() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.core = newCore()
}

// shape stands for the schema as it is.
func (p *readers) shape() *sqlengine.Core {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.core
}

// close closes the connections and waits for those that are out.
func (p *readers) close(ctx context.Context) error {
	p.mu.Lock()
	free, out, again := p.free, p.out, p.closed
	p.free, p.closed = nil, true
	p.mu.Unlock()
	for _, v := range free {
		_ = v.Conn.Close()
	}
	if out == 0 || again {
		return nil
	}
	select {
	case <-p.empty:
		return nil
	case <-ctx.Done():
		return op.Errorf(op.CodeDatabase, "reads are still under way")
	}
}

// readTries is how often a read that had to make room is begun again.
const readTries = 3

// view runs fn with a connection that reads, held against snapshots. A read that
// had to make room is begun again.
func (g *Group) view(ctx context.Context, fn func(v *viewer) error) error {
	for try := 1; ; try++ {
		err := g.viewOnce(ctx, fn)
		if !errors.Is(err, errExpired) {
			return err
		}
		if try == readTries {
			return op.Errorf(op.CodeDatabase, "the read takes so long that it had to make room for snapshots %d times: ask for fewer rows at a time, or read a backup", try)
		}
	}
}

func (g *Group) viewOnce(ctx context.Context, fn func(v *viewer) error) error {
	release, expired, err := g.rep.Hold(ctx)
	if err != nil {
		return g.replicaError(err)
	}
	defer release()
	v, err := g.readers.get()
	if err != nil {
		return err
	}
	defer g.readers.put(v)
	v.expired = expired
	defer v.watch()()
	if err = fn(v); ctx.Err() == nil && v.interrupted(err) {
		return errExpired
	}
	return err
}

// watched is after what time somebody looks whether a read has to make room. It
// looks by itself at its rows, but SQLite may be busy for long without one.
const watched = 100 * time.Millisecond

// watch interrupts what runs on the connection when it has to make room, until
// the function that it returns is called.
func (v *viewer) watch() (stop func()) {
	var mu sync.Mutex
	done := make(chan struct{})
	expired := v.expired
	t := time.AfterFunc(watched, func() {
		select {
		case <-expired:
		case <-done:
			return
		}
		tick := time.NewTicker(watched / 10)
		defer tick.Stop()
		for {
			mu.Lock()
			select {
			case <-done: // the connection is another's now
				mu.Unlock()
				return
			default:
			}
			v.Interrupt()
			mu.Unlock()
			<-tick.C
		}
	})
	return func() {
		t.Stop()
		mu.Lock()
		defer mu.Unlock()
		close(done)
	}
}

// interrupted reports whether a read was ended to make room.
func (v *viewer) interrupted(err error) bool {
	if op.CodeOf(err) != op.CodeCancelled {
		return false
	}
	select {
	case <-v.expired:
		return true
	default:
		return false
	}
}

// read answers an operation that only reads, as fresh as its context asks.
func (g *Group) read(ctx context.Context, o *op.Op) (op.Result, error) {
	how := op.ReadingOf(ctx)
	if how.Consistency == op.None {
		if err := g.fresh(how.MaxAge); err != nil {
			return op.Result{}, err
		}
		return g.readHere(ctx, o)
	}
	return led(ctx, g, func() (op.Result, error) {
		if err := g.confirm(ctx, how.Consistency); err != nil {
			return op.Result{}, err
		}
		return g.readHere(ctx, o)
	}, func(ctx context.Context, r remote) (op.Result, error) { return r.Do(ctx, *o) })
}

// fresh refuses to read a copy that is too old.
func (g *Group) fresh(limit time.Duration) error {
	if limit <= 0 {
		return nil
	}
	if age := g.rep.Age(); age > limit {
		return op.Errorf(op.CodeTimeout, "this node has not heard from the group's leader for %s, more than the %s that were asked for: ask another node, or accept older data", age.Round(time.Millisecond), limit)
	}
	return nil
}

// confirm makes sure that a read on this node, which leads, is as fresh as asked.
func (g *Group) confirm(ctx context.Context, level op.Consistency) error {
	switch level {
	case op.Linearizable:
		return g.rep.Barrier(ctx)
	case op.Strong:
		_, err := g.gather.submit(ctx, &call{m: member{kind: memberNothing}})
		return err
	}
	return nil
}

// readHere reads this node's copy.
func (g *Group) readHere(ctx context.Context, o *op.Op) (res op.Result, err error) {
	err = g.view(ctx, func(v *viewer) error {
		res, err = v.read(ctx, o, nil)
		return err
	})
	return res, err
}

// read runs an operation that only reads, and reads its rows ahead.
func (v *viewer) read(ctx context.Context, o *op.Op, each func(row []byte)) (res op.Result, err error) {
	v.last = nil
	switch {
	case o.Explain:
		return v.explain(ctx, o)
	case o.Kind == op.SQL:
		return v.sql(ctx, o, each)
	case o.Kind == op.Batch || len(o.Guards) > 0:
		if res, err = v.core.Do(ctx, v, o); err == nil {
			err = collect(&res)
		}
		return fresh(res, o), err
	}
	if res, err = v.core.Read(ctx, v, o); err != nil || res.Rows == nil {
		return res, err
	}
	if err = v.ahead(width(o), each); err != nil {
		_ = res.Rows.Close() // it has ended with this error
		return op.Result{}, sqlengine.Explain(err, o.Kind.String(), o.Model)
	}
	return res, nil
}

// sql reads by a statement that somebody else wrote.
func (v *viewer) sql(ctx context.Context, o *op.Op, each func(row []byte)) (op.Result, error) {
	vals, err := arguments(ctx, v.Conn, o.SQL, o.Args, o.Fields)
	if err != nil {
		return op.Result{}, err
	}
	cur, info, err := v.Conn.Raw(ctx, o.SQL, vals)
	if err != nil {
		return op.Result{}, sqlengine.Explain(err, "sql", nil)
	}
	s := &spool{ctx: ctx, src: cur}
	if err := s.fill(len(info.Columns), v.expired, each); err != nil {
		return op.Result{}, sqlengine.Explain(err, "sql", nil)
	}
	return op.Result{Rows: sqlengine.Raw(s, info.Decls, o.Sink), Columns: info.Columns, Types: info.Decls}, nil
}

// explain says how an operation would run.
func (v *viewer) explain(ctx context.Context, o *op.Op) (op.Result, error) {
	var list []sqlengine.Planned
	if o.Kind == op.SQL {
		info, err := v.Check(ctx, o.SQL)
		if err != nil {
			return op.Result{}, sqlengine.Explain(err, "sql", nil)
		}
		args := make([]sqlengine.Value, len(info.Params)) // the plan does not depend on them
		if len(o.Args) == len(info.Params) {
			if args, err = arguments(ctx, v.Conn, o.SQL, o.Args, nil); err != nil {
				return op.Result{}, err
			}
		}
		list = []sqlengine.Planned{{Statement: &sqlengine.Statement{SQL: o.SQL}, Args: args}}
	} else {
		var err error
		if list, err = v.core.Plan(ctx, v, o); err != nil {
			return op.Result{}, err
		}
	}
	plan, err := lite.Plan(ctx, v, engineName, list, o.Model)
	return op.Result{Plan: plan}, err
}

// width is how many columns the rows of an operation that reads have.
func width(o *op.Op) int {
	n := 0
	switch {
	case o.Kind == op.Aggregate:
		n = len(o.GroupBy) + len(o.Aggs)
	case o.Fields != nil:
		n = len(o.Fields)
	default:
		n = len(o.Model.Fields)
	}
	if o.Via != nil && o.Via.Model != nil {
		if r := o.Via.Model.Relation(o.Via.Relation); r != nil {
			n += len(r.From)
		}
	}
	return n
}

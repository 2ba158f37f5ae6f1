package raftgroup

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// scratch is the connection on which transactions that have written run, in a
// write transaction that is always rolled back. One transaction has it at a time.
// It keeps it from operation to operation, until an entry is to be applied or
// another transaction needs it; then it runs again from its beginning.
type scratch struct {
	g    *Group
	lock chan struct{} // held while something runs on the connection

	c     *conn.Conn
	file  os.FileInfo
	core  *sqlengine.Core
	base  *sqlengine.Core // of the readers when core was made: another one means another schema
	fresh bool            // core is to be made anew: the schema was changed in what was rolled back

	owner   *txState
	done    int // items of the owner's program that have run
	seq     int64
	release func() // of the hold
	idle    *time.Timer
	running atomic.Pointer[conn.Conn] // c, for who interrupts it
	keep    time.Duration             // scratchIdle, but in tests; below 0 nothing is kept
	closed  bool
}

const (
	// scratchIdle is how long a transaction keeps the connection while nothing is
	// asked of it. It holds up snapshots.
	scratchIdle = 100 * time.Millisecond
	// scratchPatience is how long an entry waits for a statement of a transaction
	// to end before it is interrupted.
	scratchPatience = 100 * time.Millisecond
)

func newScratch(g *Group) *scratch {
	s := &scratch{g: g, lock: make(chan struct{}, 1), core: newCore(), keep: scratchIdle}
	s.idle = time.AfterFunc(time.Hour, s.expire)
	s.idle.Stop()
	return s
}

// giveWay ends the transaction on the connection and keeps others from it until
// the returned function is called: an entry is to be applied.
func (s *scratch) giveWay() (done func()) {
	select {
	case s.lock <- struct{}{}:
	default:
		t := time.NewTimer(scratchPatience)
		for taken := false; !taken; {
			select {
			case s.lock <- struct{}{}:
				taken = true
			case <-t.C:
				if c := s.running.Load(); c != nil {
					c.Interrupt()
				}
				t.Reset(scratchPatience)
			}
		}
		t.Stop()
	}
	s.drop()
	return func() { <-s.lock }
}

// drop rolls back what is open. The lock is held.
func (s *scratch) drop() {
	if s.owner == nil {
		return
	}
	s.idle.Stop()
	for s.c != nil && s.c.Depth() > 0 && s.c.Rollback() == nil {
	}
	if s.owner.p.keysOff || s.owner.legacy {
		_, err := s.c.Ask(background, "PRAGMA foreign_keys = ON")
		_, err2 := s.c.Ask(background, "PRAGMA legacy_alter_table = OFF")
		if err != nil || err2 != nil {
			s.shut()
		}
	}
	if s.fresh {
		s.core, s.fresh = newCore(), false
		if s.c != nil {
			s.c.Forget()
		}
	}
	s.owner, s.done = nil, 0
	if s.release != nil {
		s.release()
		s.release = nil
	}
}

// shut closes the connection. The lock is held.
func (s *scratch) shut() {
	s.running.Store(nil)
	if s.c != nil {
		_ = s.c.Close()
		s.c = nil
	}
}

// expire drops a transaction that was asked nothing for a while.
func (s *scratch) expire() {
	select {
	case s.lock <- struct{}{}:
		s.drop()
		<-s.lock
	default: // it is at work
	}
}

// leave drops a transaction that has ended.
func (s *scratch) leave(t *txState) {
	s.lock <- struct{}{}
	if s.owner == t {
		s.drop()
	}
	<-s.lock
}

// run runs fn on the connection, where everything that the transaction has done
// so far has run.
func (s *scratch) run(ctx context.Context, t *txState, fn func() error) error {
	// Before the lock: whoever waits here for a snapshot must not keep entries
	// from being applied.
	release, _, err := s.g.rep.Hold(ctx)
	if err != nil {
		return s.g.replicaError(err)
	}
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		release()
		return op.FromContext(ctx.Err())
	}
	defer func() { <-s.lock }()
	if s.closed || s.owner == t { // it holds one of its own
		release()
		release = nil
	}
	if s.closed {
		return op.ErrClosed()
	}
	err = s.ready(ctx, t, release)
	if err == nil {
		err = fn()
	}
	if err != nil && (environmental(err) || t.failed != nil) {
		s.drop()
		return s.interrupted(ctx, err)
	}
	switch {
	case s.owner == nil:
	case s.keep < 0:
		s.drop()
	default:
		s.idle.Reset(s.keep)
	}
	return err
}

// interrupted says what an interruption means for a transaction.
func (s *scratch) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return op.FromContext(ctx.Err())
	}
	if op.CodeOf(err) == op.CodeCancelled {
		return conflict("a statement of the transaction was ended, because it kept changes of others waiting")
	}
	return err
}

// ready brings the connection to where the transaction stands.
func (s *scratch) ready(ctx context.Context, t *txState, release func()) error {
	if s.owner == t {
		return nil
	}
	s.drop()
	s.release = release
	if err := s.begin(ctx, t); err != nil {
		s.abort(t)
		return err
	}
	s.owner = t
	var c reach
	for i := range t.p.items {
		it := &t.p.items[i]
		if err := s.again(ctx, t, i, &c); err != nil {
			return err
		}
		c.pass(&t.p, it)
		s.done = i + 1
	}
	return nil
}

// abort takes back what begin did for a transaction.
func (s *scratch) abort(t *txState) {
	for s.c != nil && s.c.Depth() > 0 && s.c.Rollback() == nil {
	}
	if s.c != nil && t.p.keysOff {
		if _, err := s.c.Ask(background, "PRAGMA foreign_keys = ON"); err != nil {
			s.shut()
		}
	}
	if s.release != nil {
		s.release()
		s.release = nil
	}
}

// begin opens the write transaction.
func (s *scratch) begin(ctx context.Context, t *txState) error {
	path := s.g.rep.Path()
	file, err := os.Stat(path)
	if err != nil {
		return op.Errorf(op.CodeDatabase, "the group's database cannot be read: %w", err)
	}
	if s.c != nil && !os.SameFile(s.file, file) {
		s.shut()
	}
	if s.c == nil {
		if s.c, err = conn.Open(path, conn.Options{}); err != nil {
			return err
		}
		s.file = file
		s.running.Store(s.c)
	}
	if base := s.g.readers.shape(); s.base != base {
		s.base, s.core = base, newCore()
		s.c.Forget()
	}
	if t.p.keysOff {
		if _, err := s.c.Ask(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
			return err
		}
	}
	if err := s.c.Begin(ctx, true); err != nil {
		return err
	}
	st, err := readState(ctx, s.c)
	if err != nil && !errors.Is(err, errNoState) {
		return err
	}
	s.seq = st.sequence
	return s.c.Fixed(t.p.now, t.p.seed, func() error { return nil })
}

// again runs an item of a transaction once more and compares what it is told.
func (s *scratch) again(ctx context.Context, t *txState, i int, c *reach) error {
	it := &t.p.items[i]
	if it.kind != itemOp {
		return s.mark(ctx, t, it)
	}
	if it.pure {
		if tables, vague := c.of(&t.p, it); !vague && s.g.touched.still(tables, it.seq, s.seq) {
			it.seq = s.seq
			return nil
		}
	}
	o, err := t.p.op(it)
	if err != nil {
		return err
	}
	_, d, _, err := s.told(ctx, t, i, o, false)
	if environmental(err) {
		return err
	}
	if d != it.told {
		return t.fail(conflict("what the transaction was told has changed"))
	}
	it.seq = s.seq
	return nil
}

// told runs an operation as the item i of a transaction.
func (s *scratch) told(ctx context.Context, t *txState, i int, o *op.Op, keep bool) (res op.Result, d digest, info conn.Info, err error) {
	ferr := s.c.FixedOn(t.p.now, t.p.seedOf(i), func() error {
		res, d, info, err = told(ctx, s.core, s.c, o, keep)
		return nil
	})
	if ferr != nil {
		return res, d, info, ferr
	}
	if info.Schema {
		s.core, s.fresh = newCore(), true
	}
	if environmental(err) {
		return res, d, info, err
	}
	if o.Kind == op.SQL {
		if _, _, serr := s.c.Exec(ctx, stillThere, nil); serr != nil && !environmental(serr) {
			return res, d, info, t.fail(op.Errorf(op.CodeDatabase, "a statement ended the transaction that it ran in (OR ROLLBACK, ON CONFLICT ROLLBACK or RAISE(ROLLBACK)): nothing of it is kept"))
		}
	}
	return res, d, info, err
}

// mark runs an item that is no operation.
func (s *scratch) mark(ctx context.Context, t *txState, it *item) error {
	switch it.kind {
	case itemBegin:
		return s.c.Begin(ctx, false)
	case itemRelease:
		return s.c.Commit(ctx)
	case itemRollback:
		if s.fresh { // tables were looked at as they are no more
			s.core = newCore()
		}
		return s.c.Rollback()
	case itemPragma:
		t.legacy = true
		_, err := s.c.Ask(ctx, string(it.body))
		return err
	}
	return nil
}

// close ends what is open.
func (s *scratch) close() error {
	s.lock <- struct{}{}
	defer func() { <-s.lock }()
	s.drop()
	s.closed = true
	s.idle.Stop()
	s.shut()
	return nil
}

package raftgroup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/raftgroup/archive"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
)

// applier applies entries to one database file. What it remembers between two of
// them is only what the file says too, at the sequence and chain that it was
// read at: when these are others, it reads again. It is used by one goroutine at
// a time.
type applier struct {
	g       atomic.Pointer[Group] // nil where the file is of no open group
	stopped error                 // why nothing more is applied
	// failed is the same, for who makes the applier a group's: entries may be
	// applied before.
	failed atomic.Pointer[error]

	hook func(c *conn.Conn) error // nil but in tests: it runs in each entry's transaction
	// archive, unless it is nil, is told of each entry that was applied. It must
	// not wait.
	archive func(archive.Record)
	// want, unless it is nil, is what the chain must be after the next entry: with
	// another one it is not applied.
	want *archive.Chain

	c     *conn.Conn // that the rest was read on
	known bool
	st    state
	ids   window
	sets  map[setHash]*schema.Set
	core  *sqlengine.Core
	odd   bool                // the schema has triggers of others, so that a write may change any table
	carry map[string][]string // tables by those from which foreign keys carry changes to them; nil: not read yet
	last  map[*schema.Model][]string
}

// belong makes the applier a group's. A copy that missed an entry before stops
// then: what comes after it must not be applied, and never by another applier.
func (a *applier) belong(g *Group) {
	a.g.Store(g)
	if err := a.failed.Load(); err != nil {
		g.broke(*err)
	}
}

// background is what entries are applied with: nothing that depends on this node
// may influence what they do.
var background = context.Background()

// forget lets go of everything that was read from the file.
func (a *applier) forget() {
	a.known, a.ids, a.sets = false, window{}, map[setHash]*schema.Set{}
	a.reshape()
}

// reshape forgets tables, after the schema changed.
func (a *applier) reshape() {
	a.core = newCore()
	a.odd, a.carry = true, nil
	a.last = map[*schema.Model][]string{}
}

// apply applies one entry. An error means that nothing was done and that this
// copy must not go on.
func (a *applier) apply(c *conn.Conn, data []byte) (err error) {
	if a.c != c {
		a.c = c
		a.forget()
	}
	e, err := decodeEntry(data)
	if err != nil {
		return err
	}
	if g := a.g.Load(); g != nil {
		defer g.scratch.giveWay()()
	}
	r := &run{a: a, c: c, e: e}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("raftgroup: applying an entry panicked: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			for c.Depth() > 0 && c.Rollback() == nil {
			}
			a.forget()
			return
		}
		if a.archive != nil {
			a.archive(archive.Record{
				Sequence: r.st.sequence, Stamp: r.now, Before: r.from, After: r.st.chain, Entry: data,
			})
		}
		if g := a.g.Load(); g != nil {
			g.applied(r)
		}
	}()
	for {
		err = r.once()
		if errors.Is(err, errAgain) {
			a.forget()
			continue
		}
		return err
	}
}

// run is one entry being applied.
type run struct {
	a    *applier
	c    *conn.Conn
	e    *entry
	st   state // as it will be
	now  time.Time
	from archive.Chain // the chain before it
	outs []outcome

	kept  []byte // the row for weft_group_ids
	place int32
	born  int64

	change  changes
	reshape bool          // the schema changed
	loaded  bool          // the content was replaced
	dir     string        // of a restore
	file    string        // that takes the place of the database
	ends    map[int]error // members that cannot stay in the transaction of all, and why: they are refused
}

var (
	errAgain = errors.New("the entry has to be applied again")
	// errOther is an entry that leads to another chain than it should.
	errOther = errors.New("raftgroup: the entry leads to another chain here than where it was archived")
)

// once applies the entry in one transaction.
func (r *run) once() error {
	a, c := r.a, r.c
	off := len(r.e.members) == 1 && withoutKeys(&r.e.members[0])
	if off { // SQLite ignores it inside a transaction
		if _, err := c.Ask(background, "PRAGMA foreign_keys = OFF"); err != nil {
			return err
		}
		defer func() { _, _ = c.Ask(background, "PRAGMA foreign_keys = ON") }()
	}
	if err := c.Begin(background, true); err != nil {
		return fmt.Errorf("raftgroup: begin: %w", err)
	}
	if err := r.begin(); err != nil {
		return err
	}
	if a.hook != nil {
		if err := a.hook(c); err != nil {
			return err
		}
	}
	for i := range r.e.members {
		out, err := r.member(i)
		if err != nil {
			return err
		}
		r.outs[i] = out
	}
	defer r.tidy()
	if r.file != "" {
		if err := r.exchange(); err != nil {
			return err
		}
		a.forget()
		return nil
	}
	if err := r.end(c); err != nil {
		return err
	}
	if n := c.Depth(); n != 1 { // to end a savepoint would keep nothing
		return fmt.Errorf("raftgroup: commit: %d transactions are open", n)
	}
	if err := c.Commit(background); err != nil {
		return fmt.Errorf("raftgroup: commit: %w", err)
	}
	a.st, a.known = r.st, true
	if r.reshape {
		a.reshape()
	}
	return nil
}

// withoutKeys reports whether a member is to run without foreign keys.
func withoutKeys(m *member) bool {
	switch m.kind {
	case memberProgram:
		return keysOff(m.body)
	case memberSQL:
		return len(m.body) > 0 && m.body[0]&statementsKeysOff != 0
	}
	return false
}

// begin finds where the copy stands.
func (r *run) begin() error {
	a := r.a
	st, err := readState(background, r.c)
	if errors.Is(err, errNoState) {
		if err = makeState(background, r.c); err == nil {
			st, err = readState(background, r.c)
		}
	}
	if err == nil && st.old {
		err = st.upgrade(background, r.c)
	}
	if err != nil {
		return err
	}
	if !a.known || a.st != st {
		a.forget()
		if a.ids, err = readIDs(background, r.c); err != nil {
			return err
		}
		a.st, a.known = st, true
	}
	if a.odd {
		if a.odd, err = oddSchema(r.c); err != nil {
			return err
		}
	}
	if a.carry == nil {
		if a.carry, err = carried(r.c); err != nil {
			return err
		}
	}
	r.st, r.from = st, st.chain
	r.st.sequence++
	r.st.clock = r.e.stamp.UnixMicro()
	r.st.stamp = max(st.stamp, r.st.clock)
	r.st.age = st.older(r.st.clock, r.e.window)
	r.now = time.UnixMicro(r.st.stamp).UTC()
	r.outs = make([]outcome, len(r.e.members))
	r.kept, r.place, r.born = nil, 0, 0
	r.change = changes{names: map[string]bool{}, all: a.odd, models: a.last, carry: a.carry}
	r.reshape, r.loaded = false, false
	return nil
}

// end writes what the group keeps of the entry.
func (r *run) end(c *conn.Conn) error {
	a := r.a
	if len(r.kept) > 0 {
		_, _, err := c.Exec(background, idsInsert, []sqlengine.Value{
			sqlengine.IntValue(r.st.sequence), sqlengine.IntValue(r.st.age), sqlengine.IntValue(r.born), sqlengine.BlobValue(string(r.kept)),
		})
		if err != nil {
			return err
		}
		a.ids.addRow(idRow{r.st.sequence, r.st.age, r.born})
	}
	if last, born, ok := a.ids.due(r.st.age, r.e.window); ok {
		if _, _, err := c.Exec(background, idsDelete, []sqlengine.Value{sqlengine.IntValue(last.seq)}); err != nil {
			return err
		}
		a.ids.drop(last.seq)
		r.st.forgot = max(r.st.forgot, born)
	}
	h := sha256.New()
	h.Write(r.st.chain[:])
	h.Write(r.e.sum[:])
	var buf []byte
	buf = binary.BigEndian.AppendUint64(buf, uint64(r.st.sequence))
	for i := range r.outs {
		buf = r.outs[i].digest(buf)
	}
	h.Write(buf)
	h.Sum(r.st.chain[:0])
	if a.want != nil && r.st.chain != *a.want {
		return errOther
	}
	return r.st.write(background, c)
}

package raftgroup

import (
	"errors"
	"maps"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
)

// program runs a transaction: all of it, or nothing when it would be told
// anything else than it was.
func (r *run) program(m *member) (outcome, error) {
	p, err := decodeProgram(m.body)
	if err != nil {
		return outcome{err: err}, nil
	}
	// The clock may have been set back since the transaction began: what comes
	// after it is told no earlier time.
	if at := p.now.UnixMicro(); at > r.st.stamp {
		r.st.stamp, r.now = at, p.now
	}
	for _, h := range p.sets {
		s, err := r.set(h)
		if err != nil || s == nil {
			return outcome{err: err, unknown: s == nil}, nil
		}
		p.models = append(p.models, s)
	}
	broken := 0
	if p.keysOff {
		if broken, err = brokenKeys(r.c); err != nil {
			return outcome{}, err
		}
	}
	legacy := false
	before := changes{names: maps.Clone(r.change.names), all: r.change.all} // of members before this one
	var c reach
	err = r.c.Atomic(background, func() error {
		depth := r.c.Depth()
		for i := range p.items {
			if err := r.item(p, i, depth, &before, &c); err != nil {
				return err
			}
			legacy = legacy || p.items[i].kind == itemPragma
		}
		if r.c.Depth() != depth {
			return errProgram
		}
		if p.keysOff {
			now, err := brokenKeys(r.c)
			if err != nil {
				return err
			}
			if now > broken {
				return &op.ConflictError{Reason: op.ReasonReference, Index: -1, Err: errors.New("rows would point nowhere after the transaction, which ran without foreign keys")}
			}
		}
		return nil
	})
	if legacy {
		if _, perr := r.c.Ask(background, "PRAGMA legacy_alter_table = OFF"); perr != nil {
			return outcome{}, perr
		}
	}
	return outcome{err: err}, nil
}

// brokenKeys counts rows whose foreign keys point nowhere.
func brokenKeys(c *conn.Conn) (int, error) {
	rows, err := c.Ask(background, "PRAGMA foreign_key_check")
	return len(rows), err
}

// item runs a step of a program again and compares what it is told.
func (r *run) item(p *program, i, depth int, before *changes, c *reach) error {
	it := &p.items[i]
	switch it.kind {
	case itemBegin:
		return r.c.Begin(background, false)
	case itemRelease, itemRollback:
		if r.c.Depth() <= depth {
			return errProgram
		}
		if it.kind == itemRelease {
			return r.c.Commit(background)
		}
		if r.reshape { // tables may have been looked at as they are no more
			r.a.reshape()
		}
		return r.c.Rollback()
	case itemPragma:
		if !pragmaLegacy.Match(it.body) {
			return errProgram
		}
		_, err := r.c.Ask(background, string(it.body))
		return err
	}
	o, err := p.op(it)
	if err != nil {
		return err
	}
	defer c.pass(p, it)
	if r.holds(p, it, before, c) {
		return nil
	}
	var d digest
	var info conn.Info
	err = r.c.FixedOn(p.now, p.seedOf(i), func() error {
		var ferr error
		_, d, info, ferr = told(background, r.a.core, r.c, o, false)
		return ferr
	})
	if environmental(err) {
		return err
	}
	if !it.pure {
		r.note(o, &info)
	}
	if d != it.told {
		return conflict("what the transaction was told has changed")
	}
	return nil
}

// reach is what an item's answer depends on: its own tables, and those of all
// writes of its program before it.
type reach struct {
	tables []string
	vague  bool
}

// of gives the tables that an item depends on; vague says that they are not all.
func (c *reach) of(p *program, it *item) (tables []string, vague bool) {
	tables, vague = p.tables(it)
	return append(tables[:len(tables):len(tables)], c.tables...), vague || c.vague
}

// pass goes on behind an item.
func (c *reach) pass(p *program, it *item) {
	if it.kind != itemOp || it.pure {
		return
	}
	tables, vague := p.tables(it)
	c.vague = c.vague || vague
	for _, t := range tables {
		if !slices.Contains(c.tables, t) {
			c.tables = append(c.tables, t)
		}
	}
}

// tables are those that an item reads and changes.
func (p *program) tables(it *item) ([]string, bool) {
	if it.tables != nil || it.vague {
		return it.tables, it.vague
	}
	o, err := p.op(it)
	if err != nil || o.Kind == op.SQL {
		it.vague = true
		return nil, true
	}
	it.tables, _ = tablesOf(o, nil)
	return it.tables, false
}

// holds reports whether it is certain, without running it, that a read of a
// program is told what it was. Replicas may differ in this: it makes no
// difference to what they do.
func (r *run) holds(p *program, it *item, before *changes, c *reach) bool {
	g := r.a.g.Load()
	if !it.pure || g == nil || before.all {
		return false
	}
	tables, vague := c.of(p, it)
	if vague {
		return false
	}
	for _, t := range tables {
		if before.names[t] {
			return false
		}
	}
	return g.touched.still(tables, it.seq, r.st.sequence-1)
}

package raftgroup

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/wire"
)

// run runs an operation as the next item of the program.
func (t *tx) run(ctx context.Context, o *op.Op) (op.Result, error) {
	it, reads, err := t.item(ctx, o)
	if err != nil {
		return op.Result{}, err
	}
	if it.kind == itemPragma {
		return op.Result{}, t.pragma(ctx, it)
	}
	if t.p.size+len(it.body) > maxProgram {
		return op.Result{}, op.Errorf(op.CodeValidation, "the transaction has become larger than the %d bytes that go into a group's log at a time: split it", maxProgram)
	}
	var res op.Result
	if reads && !t.wrote {
		res, err = t.look(ctx, o, &it)
	} else {
		res, err = t.write(ctx, o, &it)
		t.changed = t.changed || !reads && it.told != (digest{})
	}
	if it.told != (digest{}) { // it was told something
		t.p.items = append(t.p.items, it)
		t.p.size += len(it.body) + 64
	}
	if err != nil {
		return op.Result{}, err
	}
	return fresh(res, o), nil
}

// item makes the item of an operation.
func (t *tx) item(ctx context.Context, o *op.Op) (it item, reads bool, err error) {
	it = item{kind: itemOp, set: -1}
	reads = sqlengine.Reads(o) || len(o.Guards) > 0 && (o.Kind == op.Find || o.Kind == op.Count || o.Kind == op.Aggregate)
	if o.Kind == op.SQL {
		if m := pragmaKeys.FindStringSubmatch(o.SQL); m != nil {
			if len(t.p.items) == 0 { // inside of what was begun it does nothing
				t.p.keysOff = off(m[1])
			}
			return item{kind: itemPragma}, true, nil
		}
		if pragmaLegacy.MatchString(o.SQL) {
			return item{kind: itemPragma, body: []byte(o.SQL)}, false, nil
		}
		if reads, err = t.looks(ctx, o); err != nil {
			return it, false, err
		}
	}
	set, err := setOf(o)
	if err != nil {
		return it, false, err
	}
	if set != nil {
		if it.set, err = t.set(ctx, set); err != nil {
			return it, false, err
		}
	}
	plain := *o
	plain.ID, plain.Sink, plain.Instances = "", nil, nil
	if it.body, err = wire.EncodeOp(&plain); err != nil {
		return it, false, err
	}
	it.pure = reads
	if o.Kind != op.SQL {
		it.tables, _ = tablesOf(o, nil)
		if it.vague = !t.g.plainTables(ctx, it.tables); it.vague {
			it.tables = nil
		}
		it.pure = it.pure && !it.vague
	}
	return it, reads, nil
}

// looks finds out whether a statement only reads and may be answered before the
// transaction has written.
func (t *tx) looks(ctx context.Context, o *op.Op) (reads bool, err error) {
	if t.wrote { // the scratch connection knows tables that others do not
		return false, nil
	}
	if reads, err = t.g.onlyReads(ctx, o.SQL); err != nil {
		return false, err
	}
	return reads && !ofConnection.MatchString(o.SQL), nil
}

// set finds a set of models among those of the program, or adds it.
func (t *tx) set(ctx context.Context, set *schema.Set) (int, error) {
	for i, s := range t.p.models {
		if s == set {
			return i, nil
		}
	}
	h, err := t.g.hashes.of(set)
	if err != nil {
		return 0, err
	}
	if !t.g.hashes.registered(h) {
		if err := t.g.register(ctx, set, h); err != nil {
			return 0, t.lost(ctx, err)
		}
	}
	t.p.sets, t.p.models = append(t.p.sets, h), append(t.p.models, set)
	return len(t.p.sets) - 1, nil
}

// pragma switches a setting for the program.
func (t *tx) pragma(ctx context.Context, it item) error {
	if it.body == nil {
		return nil // noted already
	}
	t.wrote, t.legacy = true, true
	return t.g.scratch.run(ctx, t.txState, func() error {
		if err := t.g.scratch.mark(ctx, t.txState, &it); err != nil {
			return err
		}
		t.p.items = append(t.p.items, it)
		return nil
	})
}

// look answers a read before the transaction has written anything: of what is
// committed, after making sure that what was read before still holds there.
func (t *tx) look(ctx context.Context, o *op.Op, it *item) (res op.Result, err error) {
	verr := t.g.view(ctx, func(v *viewer) error {
		if err := v.Begin(ctx, false); err != nil {
			return err
		}
		st, err := readState(ctx, v.Conn)
		if err != nil && !errors.Is(err, errNoState) {
			return err
		}
		if err := t.still(ctx, v, st.sequence); err != nil {
			return err
		}
		res, err = t.ask(ctx, v, o, it, len(t.p.items), true)
		if environmental(err) || errors.Is(err, errExpired) {
			return err
		}
		it.seq = st.sequence
		_ = v.Rollback() // there is nothing to keep
		return err
	})
	return res, verr
}

// still makes sure that what the transaction was told holds in a snapshot.
func (t *tx) still(ctx context.Context, v *viewer, seq int64) error {
	for i := range t.p.items {
		it := &t.p.items[i]
		if it.kind != itemOp || it.seq == seq {
			continue
		}
		if !it.pure || it.vague || !t.g.touched.still(it.tables, it.seq, seq) {
			o, err := t.p.op(it)
			if err != nil {
				return err
			}
			was := it.told
			_, err = t.ask(ctx, v, o, it, i, false)
			if environmental(err) || errors.Is(err, errExpired) {
				it.told = was
				return err
			}
			if it.told != was {
				return t.fail(conflict("what the transaction read has changed"))
			}
		}
		it.seq = seq
	}
	return nil
}

// ask runs a read and notes what it was told.
func (t *tx) ask(ctx context.Context, v *viewer, o *op.Op, it *item, i int, keep bool) (res op.Result, err error) {
	if o.Kind != op.SQL {
		return t.askOp(ctx, v, o, it, keep)
	}
	var info conn.Info
	ferr := v.Fixed(t.p.now, t.p.seedOf(i), func() error {
		var g rawGave
		room := maxGiven
		g, err = raw(ctx, v.Conn, o.SQL, o.Args, o.Fields, v.expired, &room)
		info = g.info
		if err == nil {
			res = g.result(nil)
			err = collect(&res)
		}
		return nil
	})
	if ferr != nil {
		return res, ferr
	}
	if environmental(err) || errors.Is(err, errExpired) {
		return res, err
	}
	if info.Local { // of this copy alone, so that it is no item of the program
		return res, err
	}
	it.told = newTeller(o).ofResult(&res, err, nil)
	it.tables, it.vague = nil, true
	if tables, ok := tablesOf(o, &info); ok && err == nil && len(tables) > 0 {
		it.tables, it.vague = tables, false
	}
	return res, err
}

// askOp is ask for an operation on models.
func (t *tx) askOp(ctx context.Context, v *viewer, o *op.Op, it *item, keep bool) (res op.Result, err error) {
	switch {
	case o.Kind == op.Batch || len(o.Guards) > 0:
		if res, err = v.core.Do(ctx, v, o); err == nil {
			err = collect(&res)
		}
		if environmental(err) {
			return res, err
		}
		it.told = newTeller(o).ofResult(&res, err, nil)
	default:
		tell := newTeller(o)
		res, err = v.readInto(ctx, o, tell.row, keep)
		if environmental(err) || errors.Is(err, errExpired) {
			return res, err
		}
		it.told = tell.end(res.N, err, nil)
	}
	return res, err
}

// write runs an operation on the scratch connection.
func (t *tx) write(ctx context.Context, o *op.Op, it *item) (res op.Result, err error) {
	t.wrote = true
	s := t.g.scratch
	err = s.run(ctx, t.txState, func() error {
		var d digest
		var info conn.Info
		var err error
		res, d, info, err = s.told(ctx, t.txState, len(t.p.items), o, true)
		if environmental(err) || t.failed != nil || info.Local {
			return err
		}
		it.told, it.seq = d, s.seq
		if o.Kind == op.SQL {
			tables, ok := tablesOf(o, &info)
			it.tables, it.vague = tables, !ok || err != nil || len(tables) == 0
			it.pure = info.ReadOnly && !it.vague && !ofConnection.MatchString(o.SQL)
			t.changed = t.changed || !info.ReadOnly
		}
		s.done = len(t.p.items) + 1
		return err
	})
	return res, err
}

// plainTables reports whether names are those of tables, and not of views.
func (g *Group) plainTables(ctx context.Context, names []string) bool {
	shape := g.readers.shape()
	g.plain.mu.Lock()
	defer g.plain.mu.Unlock()
	if g.plain.shape != shape {
		g.plain.names = nil
		err := g.view(ctx, func(v *viewer) error {
			rows, err := v.Ask(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table'")
			g.plain.names = map[string]bool{}
			for _, r := range rows {
				g.plain.names[strings.ToLower(r[0].Bytes())] = true
			}
			return err
		})
		if err != nil {
			return false
		}
		g.plain.shape = shape
	}
	for _, n := range names {
		if !g.plain.names[n] {
			return false
		}
	}
	return true
}

// plainNames are the names of tables at one shape of the schema.
type plainNames struct {
	mu    sync.Mutex
	shape *sqlengine.Core
	names map[string]bool
}

package raftgroup

import (
	"context"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
	"github.com/weftdb/weft/wire"
)

// maxOp bounds one operation, encoded, and so what one caller can put into the
// log at a time.
const maxOp = 32 << 20

// Do runs one operation: reads on this node or the leader as the context asks
// (see op.WithReading), changes on the leader. A change whose outcome is not
// known fails with an error that wraps door.ErrUnknown.
func (g *Group) Do(ctx context.Context, o op.Op) (op.Result, error) {
	if err := g.enter(ctx); err != nil {
		return op.Result{}, err
	}
	defer g.leave()
	began := time.Now()
	res, reads, err := g.do(ctx, &o)
	if reads {
		g.metrics.read(began)
	} else {
		g.metrics.wrote(began)
	}
	return res, err
}

func (g *Group) do(ctx context.Context, o *op.Op) (res op.Result, reads bool, err error) {
	if o.Lock != op.NoLock {
		return res, true, op.Errorf(op.CodeValidation, "row locks need a transaction")
	}
	switch {
	case o.Explain && o.Kind != op.Migrate:
		res, err = g.read(ctx, o)
		return res, true, err
	case o.Kind == op.Find, o.Kind == op.Count, o.Kind == op.Aggregate, sqlengine.Reads(o):
		res, err = g.read(ctx, o)
		return res, true, err
	case o.Kind >= op.Insert && o.Kind <= op.Batch:
		res, err = g.change(ctx, o)
		return res, false, err
	case o.Kind == op.SQL:
		return g.sql(ctx, o)
	case o.Kind == op.Migrate:
		return res, false, g.migrate(ctx, o.Migration)
	case o.Kind == op.Backup:
		res, err = g.backup(ctx)
		return res, true, err
	}
	return res, true, op.Errorf(op.CodeUnsupported, "a group has no %s", o.Kind)
}

// sql runs a statement that somebody else wrote: as a read when it only reads.
func (g *Group) sql(ctx context.Context, o *op.Op) (op.Result, bool, error) {
	reads, err := g.onlyReads(ctx, o.SQL)
	switch {
	case reads: // also what cannot be prepared here: the leader may know the table
		res, err := g.read(ctx, o)
		return res, true, err
	case err != nil:
		return op.Result{}, true, err
	}
	res, err := g.change(ctx, o)
	return res, false, err
}

// onlyReads finds out whether a statement changes nothing. One that is not
// allowed is refused here; one that only cannot be prepared, say because its
// table is made by one before it, is taken for what its first word says.
func (g *Group) onlyReads(ctx context.Context, text string) (bool, error) {
	v := g.judge(ctx, []door.Statement{{SQL: text}})[0]
	return v.reads, v.err
}

// verdict is what onlyReads tells of a statement.
type verdict struct {
	reads bool
	err   error
}

// judge is onlyReads for a list of statements, on one connection.
func (g *Group) judge(ctx context.Context, list []door.Statement) []verdict {
	out := make([]verdict, 0, len(list))
	err := g.view(ctx, func(v *viewer) error {
		for i := len(out); i < len(list); i++ { // when it had to make room it goes on from there
			text := list[i].SQL
			if i > 0 && text == list[i-1].SQL {
				out = append(out, out[i-1])
				continue
			}
			info, err := v.Check(ctx, text)
			if v.interrupted(err) {
				return err
			}
			out = append(out, verdictOf(text, info.ReadOnly, err))
		}
		return nil
	})
	for _, s := range list[len(out):] { // nothing could be asked
		out = append(out, verdictOf(s.SQL, false, err))
	}
	return out
}

// verdictOf makes a verdict of what checking a statement gave.
func verdictOf(text string, reads bool, err error) verdict {
	if err == nil {
		return verdict{reads: reads}
	}
	switch op.CodeOf(err) {
	case op.CodeValidation, op.CodeForbidden, op.CodeUnsupported, op.CodeCancelled, op.CodeTimeout:
		return verdict{err: sqlengine.Explain(err, "sql", nil)}
	}
	if environmental(err) {
		return verdict{err: sqlengine.Explain(err, "sql", nil)}
	}
	switch lite.FirstWord(text) {
	case "SELECT", "VALUES", "EXPLAIN", "PRAGMA":
		return verdict{reads: true, err: sqlengine.Explain(err, "sql", nil)}
	}
	return verdict{}
}

// change runs an operation that changes something, on the leader.
func (g *Group) change(ctx context.Context, o *op.Op) (op.Result, error) {
	if o.ID == "" {
		o.ID = newID()
	}
	var c call
	return led(ctx, g, func() (op.Result, error) {
		if c.m.kind == 0 {
			if err := g.encode(o, &c); err != nil {
				return op.Result{}, err
			}
		}
		out, err := g.submitKnown(ctx, &c, o)
		if err != nil {
			return op.Result{}, err
		}
		if c.given != nil && out.err == nil && out.res.Rows == nil { // an outcome of long ago may have them
			out.res.Rows = newList(c.given)
		}
		return fresh(out.res, o), out.err
	}, func(ctx context.Context, r remote) (op.Result, error) { return r.Do(ctx, *o) })
}

// encode makes the member of an operation.
func (g *Group) encode(o *op.Op, c *call) error {
	set, err := setOf(o)
	if err != nil {
		return err
	}
	if set != nil {
		if c.set, err = g.hashes.of(set); err != nil {
			return err
		}
	}
	plain := *o
	plain.ID, plain.Sink, plain.Instances = "", nil, nil
	if rows, ok := o.Foretold(); ok {
		plain.Returning, c.given = false, rows
	}
	body, err := wire.EncodeOp(&plain)
	if err != nil {
		return err
	}
	if len(body) > maxOp {
		return op.Errorf(op.CodeValidation, "the operation has %d bytes, more than the %d that go into a group's log at a time: split it", len(body), maxOp)
	}
	c.m = member{kind: memberOp, body: body}
	c.m.id, c.m.born = keyOfID(o.ID)
	return nil
}

// submitKnown hands a member in whose models are registered before.
func (g *Group) submitKnown(ctx context.Context, c *call, o *op.Op) (outcome, error) {
	for {
		if c.set != (setHash{}) && !g.hashes.registered(c.set) {
			set, err := setOf(o)
			if err != nil {
				return outcome{}, err
			}
			if err := g.register(ctx, set, c.set); err != nil {
				return outcome{}, err
			}
		}
		again := &call{m: c.m, set: c.set, alone: c.alone}
		out, err := g.gather.submit(ctx, again)
		if err != nil || !out.unknown {
			return out, err
		}
		g.hashes.register(c.set, false) // the database was exchanged
	}
}

package raftgroup

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/wire"
)

// Run runs statements. When all of them only read, they are answered as
// op.ReadingOf(ctx) says, on one snapshot when they are atomic; else all of them
// go into one entry of the log. Of an atomic list that fails the answers end with
// the one that did, and nothing was done.
func (g *Group) Run(ctx context.Context, r door.Request) ([]door.Answer, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.leave()
	began := time.Now()
	if len(r.Statements) == 0 {
		return nil, nil
	}
	reads := true
	for i, v := range g.judge(ctx, r.Statements) {
		if v.err != nil && !v.reads {
			if ctx.Err() != nil {
				return nil, v.err
			}
			continue // where it is run it is refused again, so that the others' answers stand at their places
		}
		if !v.reads && r.ReadOnly {
			return nil, op.Errorf(op.CodeValidation, "statement %d changes something, and only reading was asked for", i+1)
		}
		reads = reads && v.reads
	}
	if reads {
		defer func() { g.metrics.read(began) }()
		return g.runReads(ctx, r)
	}
	defer func() { g.metrics.wrote(began) }()
	if r.ID == "" {
		r.ID = newID()
	}
	c := call{m: member{kind: memberSQL}}
	c.m.id, c.m.born = keyOfID(r.ID)
	var err error
	if c.m.body, err = encodeStatements(&r); err != nil {
		return nil, err
	}
	if len(c.m.body) > maxOp {
		return nil, op.Errorf(op.CodeValidation, "the statements have %d bytes, more than the %d that go into a group's log at a time: split the list", len(c.m.body), maxOp)
	}
	return led(ctx, g, func() ([]door.Answer, error) {
		again := &call{m: c.m}
		out, err := g.gather.submit(ctx, again)
		if err != nil {
			return nil, err
		}
		answers := slices.Clone(out.answers)
		if len(answers) > 0 {
			answers[0].Elapsed = time.Since(began)
		}
		return answers, out.err
	}, func(ctx context.Context, rem remote) ([]door.Answer, error) { return rem.Run(ctx, r) })
}

// runReads answers statements that only read.
func (g *Group) runReads(ctx context.Context, r door.Request) ([]door.Answer, error) {
	how := op.ReadingOf(ctx)
	if how.Consistency == op.None {
		if err := g.fresh(how.MaxAge); err != nil {
			return nil, err
		}
		return g.readStatements(ctx, &r)
	}
	return led(ctx, g, func() ([]door.Answer, error) {
		if err := g.confirm(ctx, how.Consistency); err != nil {
			return nil, err
		}
		return g.readStatements(ctx, &r)
	}, func(ctx context.Context, rem remote) ([]door.Answer, error) { return rem.Run(ctx, r) })
}

func (g *Group) readStatements(ctx context.Context, r *door.Request) (answers []door.Answer, err error) {
	err = g.view(ctx, func(v *viewer) error {
		answers = nil
		room := maxGiven
		all := func() error {
			for i := range r.Statements {
				began := time.Now()
				args, names := named(&r.Statements[i])
				a := answer(ctx, v.Conn, r.Statements[i].SQL, args, names, v.expired, &room)
				a.Elapsed = time.Since(began)
				if errors.Is(a.Err, errExpired) || environmental(a.Err) {
					return a.Err
				}
				answers = append(answers, a)
				if a.Err != nil && r.Atomic {
					return nil
				}
			}
			return nil
		}
		if r.Atomic {
			return v.Atomic(ctx, all)
		}
		return all()
	})
	return answers, err
}

// named gives the arguments of a statement, those with names last and sorted.
func named(s *door.Statement) (args []any, names []string) {
	if len(s.Named) == 0 {
		return s.Args, nil
	}
	args, names = slices.Clone(s.Args), slices.Sorted(maps.Keys(s.Named))
	for i, n := range names {
		args = append(args, s.Named[n])
		names[i] = strings.TrimLeft(n, ":@$")
	}
	return args, names
}

// answer runs one statement.
func answer(ctx context.Context, c *conn.Conn, text string, args []any, names []string, expired <-chan struct{}, room *int) door.Answer {
	g, err := raw(ctx, c, text, args, names, expired, room)
	if err != nil {
		return door.Answer{Err: err}
	}
	return g.answer()
}

// What a list of statements is.
const (
	statementsAtomic  = 1 << iota
	statementsSystem  // written by this package: not checked
	statementsKeysOff // without foreign keys, in an entry of its own
)

// encodeStatements makes the body of a member. A statement is an operation of
// kind SQL; the names of its last arguments stand in Fields.
func encodeStatements(r *door.Request) ([]byte, error) {
	var flags byte
	if r.Atomic {
		flags |= statementsAtomic
	}
	b := []byte{flags}
	for i := range r.Statements {
		args, names := named(&r.Statements[i])
		canon := make([]any, len(args))
		for k, v := range args {
			var err error
			if canon[k], err = op.Canon(v); err != nil {
				return nil, op.Errorf(op.CodeValidation, "argument %d of statement %d: %w", k+1, i+1, err)
			}
		}
		body, err := wire.EncodeOp(&op.Op{Kind: op.SQL, SQL: r.Statements[i].SQL, Args: canon, Fields: names})
		if err != nil {
			return nil, err
		}
		b = appendBlock(b, body)
	}
	return b, nil
}

// statements runs the statements of a member.
func (r *run) statements(m *member) (outcome, error) {
	in := parser{b: m.body}
	flags := in.byte()
	atomic, system := flags&statementsAtomic != 0, flags&statementsSystem != 0
	n := 0
	for count := in; len(count.b) > 0 && !count.bad; n++ {
		count.block()
	}
	list := make([]op.Op, 0, n)
	for len(in.b) > 0 {
		body := in.block()
		if in.bad {
			return outcome{err: op.Errorf(op.CodeInternal, "a list of statements cannot be read")}, nil
		}
		o, err := wire.DecodeOp(body, nil)
		if err != nil {
			return outcome{err: err}, nil
		}
		list = append(list, o)
	}
	answers := make([]door.Answer, 0, len(list))
	room := maxGiven
	failed := op.Errorf(op.CodeInternal, "a statement of an atomic list failed")
	all := func() error {
		for i := range list {
			o := &list[i]
			var g rawGave
			var err error
			foreign := func() error {
				g, err = raw(background, r.c, o.SQL, o.Args, o.Fields, nil, &room)
				return err
			}
			switch {
			case system:
				g, err = asSystem(r.c, o)
			case atomic:
				// What fails is rolled back with all. A savepoint of its own, inside
				// that of all, would have SQLite copy each page for each statement, and
				// keep the copies until the last one has run.
				err = foreign()
			default:
				err = r.c.Atomic(background, func() error {
					err := foreign()
					if err == nil && r.c.Dangling() {
						err = errDangling()
					}
					return err
				})
			}
			if environmental(err) {
				return err
			}
			var a door.Answer
			if err != nil {
				a.Err = err
			} else {
				a = g.answer()
				r.noteSQL(&g.info)
			}
			answers = append(answers, a)
			if err != nil && atomic {
				return failed
			}
		}
		if n := len(answers); atomic && n > 0 && r.c.Dangling() {
			answers[n-1] = door.Answer{Err: errDangling()}
			return failed
		}
		return nil
	}
	var err error
	if atomic {
		err = r.c.Atomic(background, all)
	} else {
		err = all()
	}
	if err != nil && err != error(failed) {
		return outcome{err: err}, nil
	}
	return outcome{answers: answers}, nil
}

// answer is what a statement gave as rqlite's clients expect it.
func (g *rawGave) answer() door.Answer {
	a := door.Answer{Columns: g.info.Columns, Query: len(g.info.Columns) > 0, Changed: g.changed, LastID: g.lastID}
	if g.info.Schema {
		a.Changed = 0
	}
	if !a.Query {
		return a
	}
	a.Rows = make([][]any, len(g.rows))
	for i, row := range g.rows {
		a.Rows[i] = make([]any, len(row))
		for k := range row {
			a.Rows[i][k] = row[k].Any()
		}
	}
	a.Types = make([]string, len(a.Columns))
	for i := range a.Types {
		if a.Types[i] = strings.ToLower(g.info.Decls[i]); a.Types[i] == "" && len(g.rows) > 0 {
			a.Types[i] = typeName(g.rows[0][i].Kind)
		}
	}
	return a
}

// typeName is how rqlite calls the type of a value whose column declares none.
func typeName(k sqlengine.Kind) string {
	switch k {
	case sqlengine.Int:
		return "integer"
	case sqlengine.Float:
		return "real"
	case sqlengine.Text:
		return "text"
	case sqlengine.Blob:
		return "blob"
	}
	return ""
}

// asSystem runs a statement that this package wrote.
func asSystem(c *conn.Conn, o *op.Op) (g rawGave, err error) {
	g.info.Schema = true // it may, and then much is looked at again
	args := make([]sqlengine.Value, len(o.Args))
	for i, v := range o.Args {
		if args[i], err = sqlengine.Argument(v); err != nil {
			return g, err
		}
	}
	if _, err := c.Ask(background, o.SQL, args...); err != nil {
		return g, sqlengine.Explain(err, "migrate", nil)
	}
	return g, nil
}

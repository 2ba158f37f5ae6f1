package raftgroup

import (
	"errors"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/wire"
)

// member does one member. An error is no outcome but the end of this copy.
func (r *run) member(i int) (outcome, error) {
	m := &r.e.members[i]
	if m.id != (idKey{}) {
		if out, ok, err := r.before(m); err != nil || ok {
			return out, err
		}
	}
	var out outcome
	var err error
	if why := r.ends[i]; why != nil {
		out.err = why
	} else {
		err = r.c.Fixed(r.now, r.e.seed+uint64(i)*0x9e3779b97f4a7c15, func() error {
			var ferr error
			out, ferr = r.do(m)
			return ferr
		})
	}
	if err != nil {
		return out, err
	}
	if out.err != nil && m.kind != memberResolve && environmental(out.err) { // CANCELLED is what a change that was given up is told
		return out, out.err
	}
	if m.kind == memberOp || m.kind == memberSQL || m.kind == memberProgram {
		if why, err := r.unfit(); err != nil {
			return out, err
		} else if why != nil {
			if r.ends == nil {
				r.ends = map[int]error{}
			}
			r.ends[i] = why
			return out, errAgain
		}
		if r.reshape && out.err != nil {
			r.a.reshape() // tables may have been looked at as they are no more
		}
	}
	out.encode()
	if m.id != (idKey{}) && !out.unknown {
		r.keep(m, out.body)
	}
	return out, nil
}

var stillThere = &sqlengine.Statement{SQL: "SELECT 1"}

// unfit tells why a member that has run cannot stay in the transaction of all,
// which it then clears away: it ended that, or its foreign keys point nowhere now
// that it has ended, so that nothing of the entry could be committed.
func (r *run) unfit() (why, err error) {
	_, _, err = r.c.Exec(background, stillThere, nil)
	switch {
	case environmental(err):
		return nil, err
	case err != nil:
		why = op.Errorf(op.CodeValidation, "a statement ended the transaction that it ran in (OR ROLLBACK, ON CONFLICT ROLLBACK or RAISE(ROLLBACK)): that cannot be done in a group, use ABORT")
	case r.c.Dangling():
		why = errDangling()
	default:
		return nil, nil
	}
	for r.c.Depth() > 0 {
		if err := r.c.Rollback(); err != nil {
			return why, err
		}
	}
	return why, nil
}

// errDangling is what COMMIT says of foreign keys that it checks.
func errDangling() error {
	return &op.ConflictError{Reason: op.ReasonReference, Index: -1, Err: errors.New("a foreign key that is checked at the end points nowhere")}
}

// before finds what became of a change that carries an ID when it was handed in
// before.
func (r *run) before(m *member) (outcome, bool, error) {
	if ref, ok := r.a.ids.find(m.id); ok {
		if ref.seq == r.st.sequence {
			return known(kept(r.kept, ref.place)), true, nil
		}
		out, err := outcomeOf(background, r.c, ref)
		return out, true, err
	}
	if m.born != 0 {
		// By the clock of the leader and not by the stamp that never goes back: a
		// clock that was wrong for a while must not refuse everybody later.
		if err := tooOld(m.born, r.e.stamp.UnixMicro(), r.st.forgot, r.e.window); err != nil {
			out := outcome{err: err, refused: true}
			out.encode()
			return out, true, nil
		}
	}
	return outcome{}, false, nil
}

// keep remembers an outcome under its ID.
func (r *run) keep(m *member, body []byte) {
	if len(body) > maxKept {
		body = []byte{bodyLarge}
	}
	r.kept = appendBlock(append(r.kept, m.id[:]...), body)
	r.a.ids.add(m.id, idRef{r.st.sequence, r.place})
	r.place++
	r.born = max(r.born, m.born)
}

// do does what a member says.
func (r *run) do(m *member) (outcome, error) {
	switch m.kind {
	case memberOp:
		return r.operation(m)
	case memberSQL:
		return r.statements(m)
	case memberProgram:
		return r.program(m)
	case memberModels:
		return r.register(m)
	case memberResolve:
		return outcome{never: true}, nil
	case memberPiece:
		return r.piece(m)
	case memberRestore:
		return r.restore(m)
	}
	return outcome{}, nil // memberNothing
}

// operation runs one operation.
func (r *run) operation(m *member) (outcome, error) {
	o, out := r.decode(m.body, m.set)
	if out != nil {
		return *out, nil
	}
	res, info, err := do(background, r.a.core, r.c, &o)
	r.note(&o, &info)
	return outcome{res: res, err: err}, nil
}

// decode reads an operation; without one it gives the outcome that this is.
func (r *run) decode(data []byte, set int) (op.Op, *outcome) {
	var resolve wire.Resolver
	if set >= 0 {
		models, err := r.set(r.e.sets[set])
		if err != nil || models == nil {
			return op.Op{}, &outcome{err: err, unknown: models == nil}
		}
		resolve = models.Model
	}
	o, err := wire.DecodeOp(data, resolve)
	if err != nil {
		return op.Op{}, &outcome{err: err}
	}
	return o, nil
}

// note notes what an operation may have changed.
func (r *run) note(o *op.Op, info *conn.Info) {
	if o.Kind != op.SQL {
		r.change.write(o)
		return
	}
	r.noteSQL(info)
}

func (r *run) noteSQL(info *conn.Info) {
	if info.ReadOnly {
		return
	}
	// What foreign keys carry on is not told of a statement.
	r.change.all = true
	if info.Schema {
		r.reshape = true
		r.a.reshape()
	}
}

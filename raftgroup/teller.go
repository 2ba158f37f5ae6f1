package raftgroup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/bits"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/conn"
	"github.com/weftdb/weft/sqlengine"
)

// teller hashes what an operation is told. Rows that come in no particular order
// are hashed so that it makes no difference.
type teller struct {
	ordered bool
	h       hash.Hash
	sum     [4]uint64
	rows    uint64
}

func newTeller(o *op.Op) *teller {
	return &teller{ordered: o.Kind == op.SQL || len(o.Sort) > 0, h: sha256.New()}
}

// row adds a row, as a spool keeps it.
func (t *teller) row(row []byte) {
	t.rows++
	if t.ordered {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(row)))
		t.h.Write(n[:])
		t.h.Write(row)
		return
	}
	d := sha256.Sum256(row)
	carry := uint64(0)
	for i := range t.sum {
		t.sum[i], carry = bits.Add64(t.sum[i], binary.BigEndian.Uint64(d[i*8:]), carry)
	}
}

// end adds what else was told and gives the digest.
func (t *teller) end(n int64, err error, more []byte) (d digest) {
	var b []byte
	b = binary.BigEndian.AppendUint64(b, t.rows)
	for _, s := range t.sum {
		b = binary.BigEndian.AppendUint64(b, s)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	if err != nil {
		out := outcome{err: err}
		b = out.digest(b)
	}
	b = append(b, more...)
	t.h.Write(b)
	t.h.Sum(d[:0])
	return d
}

// ofResult is the digest of a result in memory, or of a failure.
func (t *teller) ofResult(res *op.Result, err error, before []byte) digest {
	out := outcome{res: *res, err: err}
	out.encode()
	if out.err == nil {
		before = append(before, out.body...)
	}
	return t.end(res.N, out.err, before)
}

// told runs an operation on a connection, in the transaction that is open, and
// gives the digest of what it was told. Without keep its rows are not kept.
func told(ctx context.Context, core *sqlengine.Core, c *conn.Conn, o *op.Op, keep bool) (res op.Result, d digest, info conn.Info, err error) {
	t := newTeller(o)
	switch {
	case o.Kind == op.Find && len(o.Guards) == 0, o.Kind == op.Aggregate && len(o.Guards) == 0, o.Kind == op.Count && len(o.Guards) == 0:
		v := &viewer{Conn: c, core: core}
		res, err = v.readInto(ctx, o, t.row, keep)
		if environmental(err) {
			return res, d, info, err
		}
		return res, t.end(res.N, err, nil), info, err
	}
	var before []byte
	err = c.Atomic(ctx, func() error {
		if o.Kind == op.Update {
			was, err := overwritten(ctx, core, c, o)
			if err != nil {
				return err
			}
			before = was[:]
		}
		if o.Kind == op.SQL {
			room := maxGiven
			g, err := raw(ctx, c, o.SQL, o.Args, o.Fields, nil, &room)
			info = g.info
			if err == nil {
				res = g.result(nil)
			}
			if err != nil {
				return err
			}
		} else if res, err = core.Do(ctx, c, o); err != nil {
			return err
		}
		return collect(&res)
	})
	if environmental(err) {
		return res, d, info, err
	}
	return res, t.ofResult(&res, err, before), info, err
}

// overwritten is a digest of the values that an update replaces. So two
// transactions that write one value are in each other's way, although neither
// has read it.
func overwritten(ctx context.Context, core *sqlengine.Core, c *conn.Conn, o *op.Op) (digest, error) {
	find := op.Op{Kind: op.Find, Model: o.Model, Filter: o.Where()}
	for _, f := range o.Model.Primary {
		find.Fields = append(find.Fields, f.Name)
	}
	for i := range o.Set {
		if !slices.Contains(find.Fields, o.Set[i].Field) {
			find.Fields = append(find.Fields, o.Set[i].Field)
		}
	}
	t := newTeller(&find)
	v := &viewer{Conn: c, core: core}
	_, err := v.readInto(ctx, &find, t.row, false)
	if err != nil {
		if environmental(err) {
			return digest{}, err
		}
		return digest{}, nil // the update says what is wrong
	}
	return t.end(0, nil, nil), nil
}

// readInto is read for each row to be seen; they are kept only when asked.
func (v *viewer) readInto(ctx context.Context, o *op.Op, each func(row []byte), keep bool) (op.Result, error) {
	if keep {
		return v.read(ctx, o, each)
	}
	v.last = nil
	res, err := v.core.Read(ctx, v, o)
	if err != nil || res.Rows == nil {
		return res, err
	}
	s := v.last
	v.last = nil
	err = s.skim(width(o), each)
	if cerr := res.Rows.Close(); err == nil {
		err = cerr
	}
	res.Rows = nil
	return res, sqlengine.Explain(err, o.Kind.String(), o.Model)
}

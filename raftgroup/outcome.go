package raftgroup

import (
	"encoding/binary"
	"errors"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/wire"
)

// outcome is what a member of an entry led to: a failure, or a result whose rows
// are in memory.
type outcome struct {
	err     error
	res     op.Result
	answers []door.Answer
	body    []byte // as it is kept with the ID, and hashed
	again   bool   // it was told of an ID that was known
	never   bool   // the ID was not known, and is given up
	refused bool   // its ID may have been forgotten; nothing was done
	large   bool   // it was done, and what it gave was not kept
	unknown bool   // the set of models is not registered; nothing was done
}

// The first byte of an outcome's body.
const (
	bodyResult  = 'R' // a result, by package wire
	bodyError   = 'E' // an error, by package wire
	bodyAnswers = 'A' // answers of statements
	bodyLarge   = 'L' // done, and what it gave was too much to keep
	bodyNever   = 'N' // the ID was asked for before the change came: it never will
)

// maxKept is how large an outcome may be that is kept with its ID.
const maxKept = 64 << 10

// list is rows in memory, which may be given out more than once.
type list struct {
	op.Rows
	rows [][]any
}

func newList(rows [][]any) *list { return &list{op.NewRows(rows), rows} }

// collect reads all rows of a result into memory.
func collect(res *op.Result) error {
	if res.Rows != nil {
		rows, err := drain(res.Rows)
		if err != nil {
			return err
		}
		res.Rows = newList(rows)
	}
	for i := range res.Batch {
		if err := collect(&res.Batch[i]); err != nil {
			return err
		}
	}
	return nil
}

// drain reads rows to their end and closes them.
func drain(rows op.Rows) ([][]any, error) {
	all := [][]any{}
	for rows.Next() {
		all = append(all, append([]any(nil), rows.Row()...))
	}
	err := rows.Err()
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	return all, err
}

// fresh is a result of lists as its reader gets it; sinks of the operation take
// the rows.
func fresh(res op.Result, o *op.Op) op.Result {
	if l, ok := res.Rows.(*list); ok {
		if o != nil && o.Sink != nil {
			res.Rows = op.NewSinkRows(l.rows, o.Sink)
		} else {
			res.Rows = op.NewRows(l.rows)
		}
	}
	if len(res.Batch) > 0 {
		batch := make([]op.Result, len(res.Batch))
		for i := range res.Batch {
			var sub *op.Op
			if o != nil && i < len(o.Batch) {
				sub = &o.Batch[i]
			}
			batch[i] = fresh(res.Batch[i], sub)
		}
		res.Batch = batch
	}
	return res
}

// encode fills in the body.
func (o *outcome) encode() {
	switch {
	case o.never:
		o.body = []byte{bodyNever}
	case o.err != nil:
		o.body = append([]byte{bodyError}, wire.EncodeError(o.err)...)
	case o.answers != nil:
		o.body = appendAnswers([]byte{bodyAnswers}, o.answers)
	default:
		body, err := wire.EncodeResult(fresh(o.res, nil))
		if err != nil { // a value that cannot be sent could not have been stored either
			o.err = err
			o.encode()
			return
		}
		o.body = append([]byte{bodyResult}, body...)
	}
}

// known makes an outcome of a body that was kept.
func known(body []byte) outcome {
	out := outcome{again: true, body: body}
	if len(body) == 0 {
		out.err = op.Errorf(op.CodeInternal, "the outcome that was kept of this change cannot be read")
		return out
	}
	switch rest := body[1:]; body[0] {
	case bodyResult:
		out.res, out.err = wire.DecodeResult(rest, nil)
		if out.err == nil {
			out.err = collect(&out.res)
		}
	case bodyError:
		out.err = wire.DecodeError(rest)
	case bodyAnswers:
		out.answers, out.err = decodeAnswers(rest)
	case bodyLarge:
		out.large = true
		out.err = op.Errorf(op.CodeDatabase, "this change was done before, and what it gave was too large to be kept (%d bytes are): read what is there", maxKept)
	case bodyNever:
		out.err = errNever()
	default:
		out.err = op.Errorf(op.CodeInternal, "the outcome that was kept of this change has an unknown form")
	}
	return out
}

func errNever() error {
	return op.Errorf(op.CodeCancelled, "this change was given up before it arrived: nothing was done; repeat it with a new ID")
}

// digest is what replicas compare of an outcome. The texts of errors are left
// out, they may name files.
func (o *outcome) digest(b []byte) []byte {
	if o.err == nil || o.again || o.never {
		return appendBlock(append(b, 'R'), o.body)
	}
	b = appendBlock(append(b, 'E'), string(op.CodeOf(o.err)))
	var c *op.ConflictError
	if errors.As(o.err, &c) {
		b = appendBlock(b, c.Reason)
	}
	return b
}

func appendAnswers(b []byte, list []door.Answer) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		a := &list[i]
		res := op.Result{N: a.Changed, Columns: a.Columns}
		var flags byte
		if a.Query {
			flags |= 1
		}
		if a.Rows != nil {
			res.Rows = op.NewRows(a.Rows)
		}
		failed := a.Err
		body, err := wire.EncodeResult(res)
		if err != nil {
			failed = err
			body, _ = wire.EncodeResult(op.Result{}) // an empty one can always be written
		}
		b = append(b, flags)
		b = appendBlock(b, body)
		b = binary.AppendUvarint(b, uint64(len(a.Types)))
		for _, t := range a.Types {
			b = appendBlock(b, t)
		}
		b = binary.AppendVarint(b, a.LastID)
		if failed == nil {
			b = appendBlock(b, "")
		} else {
			b = appendBlock(b, wire.EncodeError(failed))
		}
	}
	return b
}

func decodeAnswers(data []byte) ([]door.Answer, error) {
	r := parser{b: data}
	n := r.count(4)
	list := make([]door.Answer, 0, n)
	for range n {
		var a door.Answer
		flags := r.byte()
		a.Query = flags&1 != 0
		body := r.block()
		for range r.count(1) {
			a.Types = append(a.Types, string(r.block()))
		}
		a.LastID = r.varint()
		failed := r.block()
		if r.bad {
			return nil, op.Errorf(op.CodeInternal, "answers that were kept cannot be read")
		}
		res, err := wire.DecodeResult(body, nil)
		if err != nil {
			return nil, err
		}
		a.Changed, a.Columns = res.N, res.Columns
		if res.Rows != nil {
			if a.Rows, err = drain(res.Rows); err != nil {
				return nil, err
			}
		}
		if len(failed) > 0 {
			a.Err = wire.DecodeError(failed)
		}
		list = append(list, a)
	}
	return list, nil
}

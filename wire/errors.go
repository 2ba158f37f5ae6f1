package wire

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/weftdb/weft/op"
)

// sentinels are the errors of package op that are compared by identity. Their
// places are part of the encoding: new ones go to the end.
var sentinels = []*op.Error{
	op.ErrNotFound, op.ErrConflict, op.ErrUnauthorized, op.ErrForbidden, op.ErrValidation,
	op.ErrRateLimit, op.ErrQuota, op.ErrUnsupported, op.ErrDatabase, op.ErrTimeout,
	op.ErrSandbox, op.ErrCancelled, op.ErrInternal,
}

// The fields of an error. Exactly one of them is there.
const (
	errError = iota + 1
	errConflict
	errValidation
	errContext
	errSentinel
	errText
	errNone // a nil error
)

// remoteError stands for an error of a type that does not travel: its text,
// and those of its causes that do.
type remoteError struct {
	text   string
	causes []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.causes }

// EncodeError encodes an error. It never fails. Errors of package op and of
// package context keep their type and everything in it, also as causes of
// others; of a foreign error that wraps one the text stays and what it wraps.
// A foreign error with nothing known in it becomes an *op.Error with the code
// INTERNAL_ERROR and its text. A nil error is encoded too.
func EncodeError(err error) []byte {
	e := encoder{b: []byte{magic, Version, msgError}}
	if err != nil && !known(err, 0) {
		err = &op.Error{Code: op.CodeInternal, Message: err.Error(), Index: -1}
	}
	e.error(err, 0)
	return e.b
}

// DecodeError decodes an error, such that errors.Is and errors.As find in it
// what they found before. It returns nil when a nil error was encoded.
// Malformed input gives an *op.Error that says so.
func DecodeError(data []byte) error {
	d := newDecoder(data, "error", op.CodeInternal, nil)
	d.header(msgError)
	err := d.error()
	if d.err != nil {
		return d.err
	}
	return err
}

// maxCause bounds how deep causes are followed; what lies deeper is left out,
// its text is in the errors around it.
const maxCause = 50

// known reports whether an error, or what it wraps, is of a type that travels.
func known(err error, depth int) bool {
	if err == nil || depth > maxCause {
		return false
	}
	switch err.(type) {
	case *op.Error, *op.ConflictError, *op.ValidationError:
		return true
	}
	return err == context.Canceled || err == context.DeadlineExceeded ||
		slices.ContainsFunc(causes(err), func(c error) bool { return known(c, depth+1) })
}

func causes(err error) []error {
	switch w := err.(type) {
	case interface{ Unwrap() []error }:
		return w.Unwrap()
	case interface{ Unwrap() error }:
		if c := w.Unwrap(); c != nil {
			return []error{c}
		}
	}
	return nil
}

// error writes the fields of one error.
func (e *encoder) error(err error, depth int) {
	switch v := err.(type) {
	case nil:
		e.flag(errNone, true)
	case *op.Error:
		if i := slices.Index(sentinels, v); i >= 0 {
			e.must(errSentinel, uint64(i))
			return
		}
		e.opError(v, depth)
	case *op.ConflictError:
		e.conflictError(v, depth)
	case *op.ValidationError:
		e.validationError(v)
	default:
		switch err {
		case context.Canceled:
			e.must(errContext, 0)
		case context.DeadlineExceeded:
			e.must(errContext, 1)
		default:
			e.foreign(err, depth)
		}
	}
}

func (e *encoder) opError(v *op.Error, depth int) {
	if v == nil {
		v = &op.Error{Code: op.CodeInternal, Message: "an error without content", Index: -1}
	}
	at := e.open(errError)
	e.str(1, string(v.Code))
	e.str(2, v.Op)
	e.str(3, v.Message)
	e.int(4, int64(v.Index))
	e.flag(5, v.Closed)
	e.cause(6, v.Err, depth)
	e.close(at)
}

func (e *encoder) conflictError(v *op.ConflictError, depth int) {
	if v == nil {
		v = &op.ConflictError{Index: -1}
	}
	at := e.open(errConflict)
	e.str(1, v.Reason)
	e.str(2, v.Model)
	e.str(3, v.ID)
	e.strs(4, v.Fields)
	e.current(5, v.Current)
	e.int(6, int64(v.Index))
	e.cause(7, v.Err, depth)
	e.hint(8, v.Deleted)
	e.close(at)
}

// current writes the row of a conflict, and leaves it out when it holds what
// cannot be sent: an error must always arrive.
func (e *encoder) current(num int, row []any) {
	row2 := encoder{}
	row2.values(num, row)
	if row2.err == nil && !slices.ContainsFunc(row, func(v any) bool { _, ok := v.(*op.Related); return ok }) {
		e.b = append(e.b, row2.b...)
	}
}

func (e *encoder) validationError(v *op.ValidationError) {
	if v == nil {
		v = &op.ValidationError{Index: -1}
	}
	at := e.open(errValidation)
	e.str(1, v.Model)
	if v.Fields != nil {
		at := e.open(2)
		e.uvarint(uint64(len(v.Fields)))
		for _, name := range slices.Sorted(maps.Keys(v.Fields)) {
			m := e.begin()
			e.str(1, name)
			e.strs(2, v.Fields[name])
			e.close(m)
		}
		e.close(at)
	}
	messages(e, 3, v.Failures, func(e *encoder, f *op.Failure) {
		e.str(1, f.Field)
		e.str(2, f.Rule)
		e.str(3, f.Param)
		e.str(4, f.Message)
	})
	e.int(4, int64(v.Index))
	e.close(at)
}

func (e *encoder) foreign(err error, depth int) {
	at := e.open(errText)
	e.mustStr(1, err.Error())
	var keep []error
	for _, c := range causes(err) {
		if depth < maxCause && known(c, depth+1) {
			keep = append(keep, c)
		}
	}
	messages(e, 2, keep, func(e *encoder, c *error) { e.error(*c, depth+1) })
	e.close(at)
}

func (e *encoder) cause(num int, err error, depth int) {
	if err == nil || depth >= maxCause {
		return
	}
	at := e.open(num)
	e.error(err, depth+1)
	e.close(at)
}

// error reads the fields of one error up to the end of its message.
func (d *decoder) error() error {
	if !d.enter() {
		return nil
	}
	defer d.leave()
	var err error
	there := false
	for f := (field{}); d.next(&f); {
		if there && !f.opt {
			d.malformed("two errors in the place of one")
			return nil
		}
		there = there || !f.opt
		switch f.num {
		case errError:
			v := new(op.Error)
			d.message(&f, func(d *decoder) { d.opError(v) })
			err = v
		case errConflict:
			v := new(op.ConflictError)
			d.message(&f, func(d *decoder) { d.conflictError(v) })
			err = v
		case errValidation:
			v := new(op.ValidationError)
			d.message(&f, func(d *decoder) { d.validationError(v) })
			err = v
		case errContext:
			err = context.Canceled
			if d.enum(&f, "error of a context", 1) == 1 {
				err = context.DeadlineExceeded
			}
		case errSentinel:
			err = sentinels[d.enum(&f, "error", uint8(len(sentinels)-1))]
		case errText:
			v := new(remoteError)
			d.message(&f, func(d *decoder) { d.foreign(v) })
			err = v
		case errNone:
			d.flag(&f)
		default:
			d.unknown(&f)
		}
	}
	if !there {
		d.malformed("nothing in the place of an error")
	}
	return err
}

func (d *decoder) opError(v *op.Error) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			v.Code = op.Code(d.str(&f))
		case 2:
			v.Op = d.str(&f)
		case 3:
			v.Message = d.str(&f)
		case 4:
			v.Index = d.int(&f)
		case 5:
			v.Closed = d.flag(&f)
		case 6:
			d.message(&f, func(d *decoder) { v.Err = d.error() })
		default:
			d.unknown(&f)
		}
	}
}

func (d *decoder) conflictError(v *op.ConflictError) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			v.Reason = d.str(&f)
		case 2:
			v.Model = d.str(&f)
		case 3:
			v.ID = d.str(&f)
		case 4:
			v.Fields = d.strs(&f)
		case 5:
			v.Current = d.values(&f)
		case 6:
			v.Index = d.int(&f)
		case 7:
			d.message(&f, func(d *decoder) { v.Err = d.error() })
		case 8:
			v.Deleted = d.flag(&f)
		default:
			d.unknown(&f)
		}
	}
}

func (d *decoder) validationError(v *op.ValidationError) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			v.Model = d.str(&f)
		case 2:
			v.Fields = map[string][]string{}
			type entry struct {
				name     string
				messages []string
			}
			for _, x := range list(d, &f, minMessage, func(d *decoder, x *entry) {
				for f := (field{}); d.next(&f); {
					switch f.num {
					case 1:
						x.name = d.str(&f)
					case 2:
						x.messages = d.strs(&f)
					default:
						d.unknown(&f)
					}
				}
			}) {
				v.Fields[x.name] = x.messages
			}
		case 3:
			v.Failures = list(d, &f, minMessage, func(d *decoder, x *op.Failure) {
				for f := (field{}); d.next(&f); {
					switch f.num {
					case 1:
						x.Field = d.str(&f)
					case 2:
						x.Rule = d.str(&f)
					case 3:
						x.Param = d.str(&f)
					case 4:
						x.Message = d.str(&f)
					default:
						d.unknown(&f)
					}
				}
			})
		case 4:
			v.Index = d.int(&f)
		default:
			d.unknown(&f)
		}
	}
}

func (d *decoder) foreign(v *remoteError) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			v.text = d.str(&f)
		case 2:
			for _, c := range list(d, &f, minMessage, func(d *decoder, c *error) { *c = d.error() }) {
				if c != nil {
					v.causes = append(v.causes, c)
				}
			}
		default:
			d.unknown(&f)
		}
	}
}

// isContext reports whether an error is one of a context that ended.
func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

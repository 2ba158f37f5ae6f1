// Package wire is the versioned binary encoding of operations, results,
// streams of rows and errors. It loses nothing: not the ends of int64, not the
// digits of a decimal, not the difference between a list that is nil and one
// that is empty. What stands beside an operation and is not part of it
// (Op.Sink, Op.Instances, ConflictError.Row) are not encoded.
//
// Every message begins with two bytes, a magic byte and the version, and a
// third that says what it is. Models travel by name and are looked up by the
// reader's [Resolver]; only a migration carries whole models, as YAML.
//
// Reading is safe on hostile input: no panic, bounded depth, and every length
// is compared with the bytes that are there before anything is allocated. What
// a message costs in memory is at most a few hundred times its length, so that
// a server bounds it by bounding the length it accepts.
//
// DESIGN.md has the layout and the rules by which it may change.
package wire

import (
	"errors"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Version is the version that this package writes, and the newest it reads.
const Version = 1

// The limits of what is encoded and accepted.
const (
	// MaxDepth bounds how deep conditions, relations, batches, plans and
	// causes of errors may stand in each other.
	MaxDepth = 200
	// MaxExponent bounds the exponent of a decimal on both sides of zero.
	// Without it a message of ten bytes could stand for gigabytes of digits.
	MaxExponent = 131072
	// MaxFrame bounds one frame of a stream of rows, and so one row.
	MaxFrame = 1 << 30
)

// ErrMalformed is in the error of input that no version of this package wrote,
// so that a server can tell a damaged or hostile sender from one that asks for
// what cannot be done.
var ErrMalformed = errors.New("malformed")

const magic = 'W'

// The third byte of a message.
const (
	msgOp        = 'O'
	msgResult    = 'R'
	msgError     = 'E'
	msgRows      = 'S'
	msgCaps      = 'C'
	msgTxOptions = 'T'
)

// Resolver finds a model by its name, or returns nil. The method value
// [schema.Set.Model] is one.
type Resolver func(name string) *schema.Model

// EncodeOp encodes an operation in a buffer of its own. See [AppendOp].
func EncodeOp(o *op.Op) ([]byte, error) { return AppendOp(nil, o) }

// AppendOp appends the encoding of an operation to dst, which may be nil. It
// fails with a VALIDATION_ERROR for a value that is no canonical one and for
// an operation deeper than MaxDepth; dst is then returned as it was. Integers
// of other Go types, float32, and times in other zones are made canonical.
func AppendOp(dst []byte, o *op.Op) ([]byte, error) {
	e := encoder{b: append(dst, magic, Version, msgOp)}
	e.op(o)
	if e.err != nil {
		return dst, e.err
	}
	return e.b, nil
}

// DecodeOp decodes an operation. Nothing in it shares memory with data. Input
// that is malformed and models that resolve does not know, or knows with
// another table, are VALIDATION_ERROR; input of a later version, or with parts
// that only a later version understands, is CAPABILITY_NOT_SUPPORTED.
func DecodeOp(data []byte, resolve Resolver) (op.Op, error) {
	d := newDecoder(data, "operation", op.CodeValidation, resolve)
	d.header(msgOp)
	var o op.Op
	d.op(&o)
	if d.err != nil {
		return op.Op{}, d.err
	}
	return o, nil
}

// EncodeResult encodes a result whole: it reads Rows to the end and closes
// them. An error of the rows is returned as it is. Rows that may be many are
// better sent by a [RowWriter].
func EncodeResult(r op.Result) ([]byte, error) {
	e := encoder{b: []byte{magic, Version, msgResult}}
	e.result(&r)
	if e.err != nil {
		return nil, e.err
	}
	return e.b, nil
}

// DecodeResult decodes a result. The resolver is asked for the models of
// values of type *op.Related. Malformed input is INTERNAL_ERROR: it comes from
// an engine, not from a caller.
func DecodeResult(data []byte, resolve Resolver) (op.Result, error) {
	d := newDecoder(data, "result", op.CodeInternal, resolve)
	d.header(msgResult)
	var r op.Result
	d.result(&r)
	if d.err != nil {
		return op.Result{}, d.err
	}
	return r, nil
}

// EncodeCaps encodes what an engine can do.
func EncodeCaps(c op.Caps) []byte {
	e := encoder{b: []byte{magic, Version, msgCaps}}
	e.str(1, c.Engine)
	e.uint(2, uint64(c.Flags))
	e.strs(3, c.Layers)
	return e.b
}

// DecodeCaps decodes capabilities. Flags that have no name here are kept.
func DecodeCaps(data []byte) (op.Caps, error) {
	d := newDecoder(data, "capabilities", op.CodeInternal, nil)
	d.header(msgCaps)
	var c op.Caps
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			c.Engine = d.str(&f)
		case 2:
			v := d.uint(&f)
			if c.Flags = op.Flags(v); uint64(c.Flags) != v {
				d.unsupported("it has capabilities that this version does not know")
			}
		case 3:
			c.Layers = d.strs(&f)
		default:
			d.unknown(&f)
		}
	}
	if d.err != nil {
		return op.Caps{}, d.err
	}
	return c, nil
}

// EncodeTxOptions encodes how a transaction runs.
func EncodeTxOptions(t op.TxOptions) []byte {
	e := encoder{b: []byte{magic, Version, msgTxOptions}}
	e.flag(1, t.ReadOnly)
	return e.b
}

// DecodeTxOptions decodes the options of a transaction. An option that is not
// known here is refused, not left out.
func DecodeTxOptions(data []byte) (op.TxOptions, error) {
	d := newDecoder(data, "transaction options", op.CodeValidation, nil)
	d.header(msgTxOptions)
	var t op.TxOptions
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			t.ReadOnly = d.flag(&f)
		default:
			d.unknown(&f)
		}
	}
	if d.err != nil {
		return op.TxOptions{}, d.err
	}
	return t, nil
}

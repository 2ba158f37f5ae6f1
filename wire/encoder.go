package wire

import (
	"encoding/binary"

	"github.com/weftdb/weft/op"
)

// The wire type of a field: the low two bits of its tag.
const (
	typUint  = 0 // uvarint
	typFixed = 1 // eight bytes, kept for later versions
	typBytes = 2 // uvarint length, then as many bytes
	typFlag  = 3 // nothing: the field is there, so it is true
)

// optional is the third bit of a tag: a reader that does not know the field
// may pass over it. It is for later additions that change nothing in what the
// message asks for.
const optional = 4

// encoder appends to b. The first error stays in err and everything after it
// is without meaning.
type encoder struct {
	b     []byte
	depth int
	where string // the part of an operation being written, for messages
	err   error
}

func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		err := op.Errorf(op.CodeValidation, format, args...)
		if e.where != "" {
			err.Message = e.where + ": " + err.Message
		}
		e.err = err
	}
}

func (e *encoder) enter() bool {
	e.depth++
	if e.depth > MaxDepth {
		e.fail("parts stand in each other deeper than %d levels: make it flatter", MaxDepth)
	}
	return e.err == nil
}

func (e *encoder) leave() { e.depth-- }

func (e *encoder) uvarint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }

func (e *encoder) varint(v int64) { e.b = binary.AppendVarint(e.b, v) }

func (e *encoder) tag(num, typ int) { e.uvarint(uint64(num)<<3 | uint64(typ)) }

// text writes a length and the bytes.
func (e *encoder) text(s string) {
	e.uvarint(uint64(len(s)))
	e.b = append(e.b, s...)
}

// The writers of fields leave out zero values.

func (e *encoder) flag(num int, v bool) {
	if v {
		e.tag(num, typFlag)
	}
}

// hint is an optional flag.
func (e *encoder) hint(num int, v bool) {
	if v {
		e.tag(num, typFlag|optional)
	}
}

func (e *encoder) uint(num int, v uint64) {
	if v != 0 {
		e.tag(num, typUint)
		e.uvarint(v)
	}
}

// int writes a signed number, small ones of either sign in few bytes.
func (e *encoder) int(num int, v int64) {
	if v != 0 {
		e.tag(num, typUint)
		e.varint(v)
	}
}

func (e *encoder) str(num int, s string) {
	if s != "" {
		e.tag(num, typBytes)
		e.text(s)
	}
}

// strs writes a list of strings. Like every list it is left out when nil and
// written when empty.
func (e *encoder) strs(num int, list []string) {
	if list == nil {
		return
	}
	at := e.open(num)
	e.uvarint(uint64(len(list)))
	for _, s := range list {
		e.text(s)
	}
	e.close(at)
}

// open begins a field of type bytes; close fills in its length.
func (e *encoder) open(num int) int {
	e.tag(num, typBytes)
	return e.begin()
}

// begin leaves room for a length of one byte, which close widens when what
// was written since is longer than it can say.
func (e *encoder) begin() int {
	e.b = append(e.b, 0)
	return len(e.b)
}

func (e *encoder) close(at int) {
	n := len(e.b) - at
	if n < 0x80 {
		e.b[at-1] = byte(n)
		return
	}
	var size [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(size[:], uint64(n))
	e.b = append(e.b, size[1:w]...)
	copy(e.b[at-1+w:], e.b[at:at+n])
	copy(e.b[at-1:], size[:w])
}

// messages writes a list of messages, each with its length.
func messages[T any](e *encoder, num int, list []T, write func(*encoder, *T)) {
	if list == nil {
		return
	}
	at := e.open(num)
	e.uvarint(uint64(len(list)))
	for i := range list {
		m := e.begin()
		write(e, &list[i])
		e.close(m)
	}
	e.close(at)
}

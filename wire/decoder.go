package wire

import (
	"encoding/binary"
	"math"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// decoder reads b from pos to end. The first error stays in err; every read
// after it gives a zero value, so that only loops have to look at it.
type decoder struct {
	b        []byte
	pos, end int
	depth    int
	resolve  Resolver
	what     string  // "operation": what is read, for messages
	code     op.Code // of malformed input
	err      error
}

func newDecoder(b []byte, what string, code op.Code, resolve Resolver) *decoder {
	return &decoder{b: b, end: len(b), what: what, code: code, resolve: resolve}
}

func (d *decoder) left() int { return d.end - d.pos }

func (d *decoder) fail(code op.Code, format string, args ...any) {
	if d.err == nil {
		err := op.Errorf(code, format, args...)
		err.Message = "decode " + d.what + ": " + err.Message
		d.err = err
	}
}

func (d *decoder) malformed(format string, args ...any) {
	if d.err == nil {
		d.fail(d.code, "malformed: "+format, args...)
		d.err.(*op.Error).Err = ErrMalformed
	}
}

func (d *decoder) unsupported(format string, args ...any) {
	d.fail(op.CodeUnsupported, format+"; it was written by a later version of Weft: update this program", args...)
}

// header reads the three bytes that every message begins with.
func (d *decoder) header(kind byte) {
	if d.left() < 3 {
		d.malformed("%d bytes are too short for a message", d.left())
		return
	}
	h := d.b[d.pos : d.pos+3]
	d.pos += 3
	switch {
	case h[0] != magic:
		d.malformed("it begins with byte 0x%02x and not with 0x%02x: no message of Weft", h[0], magic)
	case h[1] == 0:
		d.malformed("version 0 does not exist")
	case h[1] > Version:
		d.fail(op.CodeUnsupported, "it has version %d of the encoding and this program reads up to version %d: update this program", h[1], Version)
	case h[2] != kind:
		d.malformed("it is a message of kind %q, expected %q", h[2], kind)
	}
}

func (d *decoder) enter() bool {
	d.depth++
	if d.depth > MaxDepth {
		d.malformed("parts stand in each other deeper than %d levels", MaxDepth)
	}
	return d.err == nil
}

func (d *decoder) leave() { d.depth-- }

func (d *decoder) byte() byte {
	if d.err != nil {
		return 0
	}
	if d.left() < 1 {
		d.malformed("it ends too early")
		return 0
	}
	d.pos++
	return d.b[d.pos-1]
}

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.b[d.pos:d.end])
	if n <= 0 {
		d.malformed("bad number at byte %d", d.pos)
		return 0
	}
	d.pos += n
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

// length reads a length and holds it against what is left.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(d.left()) {
		d.malformed("length %d at byte %d is more than the %d bytes left", n, d.pos, d.left())
		return 0
	}
	return int(n)
}

// count reads the length of a list whose elements take at least min bytes each.
func (d *decoder) count(min int) int {
	n := d.uvarint()
	if n > uint64(d.left()/min) {
		d.malformed("a list of %d at byte %d cannot be in the %d bytes left", n, d.pos, d.left())
		return 0
	}
	return int(n)
}

// raw reads a length and that many bytes, which are those of the input.
func (d *decoder) raw() []byte {
	n := d.length()
	if d.err != nil {
		return nil
	}
	d.pos += n
	return d.b[d.pos-n : d.pos : d.pos]
}

func (d *decoder) text() string { return string(d.raw()) }

// field is where the reading of a message stands.
type field struct {
	num uint64
	typ byte
	opt bool
}

// next reads the tag of the next field of the message that ends at d.end.
func (d *decoder) next(f *field) bool {
	if d.err != nil || d.pos >= d.end {
		return false
	}
	tag := d.uvarint()
	num := tag >> 3
	if d.err == nil && num <= f.num {
		d.malformed("field %d after field %d at byte %d", num, f.num, d.pos)
	}
	f.num, f.typ, f.opt = num, byte(tag&3), tag&optional != 0
	return d.err == nil
}

// unknown passes over a field that may be ignored and refuses any other.
func (d *decoder) unknown(f *field) {
	if !f.opt {
		d.unsupported("it has field %d, which version %d does not know and which must not be ignored", f.num, Version)
		return
	}
	switch f.typ {
	case typUint:
		d.uvarint()
	case typFixed:
		if d.left() < 8 {
			d.malformed("it ends too early")
			return
		}
		d.pos += 8
	case typBytes:
		d.raw()
	}
}

func (d *decoder) want(f *field, typ byte) bool {
	if d.err == nil && f.typ != typ {
		d.malformed("field %d has wire type %d, expected %d", f.num, f.typ, typ)
	}
	return d.err == nil
}

func (d *decoder) flag(f *field) bool { return d.want(f, typFlag) }

func (d *decoder) uint(f *field) uint64 {
	if !d.want(f, typUint) {
		return 0
	}
	return d.uvarint()
}

// enum reads a number of a closed set, 0 to last.
func (d *decoder) enum(f *field, name string, last uint8) uint8 {
	v := d.uint(f)
	if v > uint64(last) {
		d.unsupported("it has %s %d, which version %d does not know", name, v, Version)
		return 0
	}
	return uint8(v)
}

func (d *decoder) int64(f *field) int64 {
	if !d.want(f, typUint) {
		return 0
	}
	return d.varint()
}

func (d *decoder) int(f *field) int {
	v := d.int64(f)
	if v > math.MaxInt || v < math.MinInt {
		d.malformed("%d is too large a number for this machine", v)
		return 0
	}
	return int(v)
}

func (d *decoder) str(f *field) string {
	if !d.want(f, typBytes) {
		return ""
	}
	return d.text()
}

func (d *decoder) strs(f *field) []string {
	if !d.want(f, typBytes) {
		return nil
	}
	end := d.open()
	list := make([]string, d.count(1))
	for i := range list {
		list[i] = d.text()
	}
	d.close(end)
	return list
}

// open narrows the input to the part whose length comes next and returns
// where it ended before; close checks that the part was read whole.
func (d *decoder) open() int {
	end := d.end
	if n := d.length(); d.err == nil {
		d.end = d.pos + n
	}
	return end
}

func (d *decoder) close(end int) {
	if d.err == nil && d.pos != d.end {
		d.malformed("%d bytes too many before byte %d", d.end-d.pos, d.end)
	}
	d.end = end
}

// message reads a field that is a message.
func (d *decoder) message(f *field, read func(*decoder)) {
	if !d.want(f, typBytes) {
		return
	}
	end := d.open()
	read(d)
	d.close(end)
}

// list reads a list of messages.
func list[T any](d *decoder, f *field, min int, read func(*decoder, *T)) []T {
	if !d.want(f, typBytes) {
		return nil
	}
	end := d.open()
	out := make([]T, d.count(min))
	for i := range out {
		m := d.open()
		read(d, &out[i])
		d.close(m)
		if d.err != nil {
			return nil
		}
	}
	d.close(end)
	return out
}

// model looks a model up by the name in a message, and holds its table against
// the one in the message.
func (d *decoder) model(f *field) *schema.Model {
	var name, table string
	d.message(f, func(d *decoder) {
		for f := (field{}); d.next(&f); {
			switch f.num {
			case 1:
				name = d.str(&f)
			case 2:
				table = d.str(&f)
			default:
				d.unknown(&f)
			}
		}
	})
	if d.err != nil {
		return nil
	}
	var m *schema.Model
	if d.resolve != nil {
		m = d.resolve(name)
	}
	switch {
	case m == nil:
		d.fail(d.code, "unknown model %q: it is not among the models of this side", name)
	case m.Table != table:
		d.fail(d.code, "model %q is in table %q there and in table %q here", name, table, m.Table)
	}
	return m
}

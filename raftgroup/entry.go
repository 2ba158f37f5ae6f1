package raftgroup

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// An entry of the log is
//
//	'E' version | nonce 16 | time 8 | seed 8 | window 8 | sets | members | checksum 32
//
// in network byte order. Time is microseconds since 1970. The window is how long
// IDs are remembered, in microseconds, as the node that proposed it has it: what
// copies forget must not depend on how each is configured. Version 1 lacks it. Sets
// are the hashes of the sets of models that members name. The checksum is the
// SHA-256 of all that stands before it.
const (
	entryMagic   = 'E'
	entryVersion = 2
	entryHead    = 2 + 16 + 8 + 8

	firstWindow = 2 * time.Minute // of entries of version 1
)

// memberKind says what a member of an entry does.
type memberKind byte

const (
	memberOp       memberKind = iota + 1 // an operation
	memberSQL                            // statements
	memberProgram                        // a transaction
	memberResolve                        // fixes what became of an ID
	memberModels                         // registers a set of models
	memberPiece                          // a piece of a restore
	memberRestore                        // the pieces take the database's place
	memberNothing                        // for a read that goes through the log
	memberKindLast = memberNothing
)

// member is one thing that an entry does, with its own outcome.
type member struct {
	kind memberKind
	id   idKey  // zero: it has none
	born int64  // milliseconds since 1970 that the ID carries; 0: none
	set  int    // which of the entry's sets its models are of; -1: none
	body []byte // by kind
}

// entry is one entry of the log.
type entry struct {
	nonce   nonce
	stamp   time.Time // by the clock of the node that proposed it
	seed    uint64
	window  time.Duration
	sets    []setHash
	members []member
	sum     [sha256.Size]byte
}

// nonce tells the node that proposed an entry that it is its own.
type nonce [16]byte

// setHash is the SHA-256 of a set of models as YAML.
type setHash [sha256.Size]byte

var (
	// errDamaged is an entry that is not what was proposed.
	errDamaged = errors.New("raftgroup: an entry of the log is damaged")
	// errNewer is an entry of a later version of Weft.
	errNewer = errors.New("raftgroup: an entry of the log was written by a newer version of Weft: update this program")
)

func newNonce() (n nonce) {
	_, _ = rand.Read(n[:]) // it never fails
	return n
}

// append encodes the entry and sets its checksum.
func (e *entry) append(b []byte) []byte {
	start := len(b)
	b = append(b, entryMagic, entryVersion)
	b = append(b, e.nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.stamp.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, e.seed)
	b = binary.BigEndian.AppendUint64(b, uint64(e.window.Microseconds()))
	b = binary.AppendUvarint(b, uint64(len(e.sets)))
	for i := range e.sets {
		b = append(b, e.sets[i][:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.members)))
	for i := range e.members {
		b = e.members[i].append(b)
	}
	e.sum = sha256.Sum256(b[start:])
	return append(b, e.sum[:]...)
}

const (
	flagID   = 1 << 6
	flagBorn = 1 << 7
	kindMask = flagID - 1
)

func (m *member) append(b []byte) []byte {
	head := byte(m.kind)
	if m.id != (idKey{}) {
		head |= flagID
	}
	if m.born != 0 {
		head |= flagBorn
	}
	b = append(b, head)
	if head&flagID != 0 {
		b = append(b, m.id[:]...)
	}
	if head&flagBorn != 0 {
		b = binary.AppendVarint(b, m.born)
	}
	b = binary.AppendUvarint(b, uint64(m.set+1))
	b = binary.AppendUvarint(b, uint64(len(m.body)))
	return append(b, m.body...)
}

// decodeEntry reads an entry. The bodies of members are parts of data.
func decodeEntry(data []byte) (*entry, error) {
	if len(data) < 2 || data[0] != entryMagic {
		return nil, fmt.Errorf("%w: it does not begin as one", errDamaged)
	}
	if data[1] < 1 || data[1] > entryVersion {
		return nil, fmt.Errorf("%w (it has version %d, this one knows %d)", errNewer, data[1], entryVersion)
	}
	if len(data) < entryHead+sha256.Size {
		return nil, fmt.Errorf("%w: it is cut short", errDamaged)
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	e := &entry{sum: sha256.Sum256(body)}
	if string(e.sum[:]) != string(sum) {
		return nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	r := parser{b: body[2:]}
	copy(e.nonce[:], r.bytes(16))
	e.stamp = time.UnixMicro(int64(r.fixed())).UTC()
	e.seed = r.fixed()
	e.window = firstWindow
	if data[1] > 1 {
		e.window = time.Duration(r.fixed()) * time.Microsecond
	}
	for range r.count(sha256.Size) {
		var h setHash
		copy(h[:], r.bytes(sha256.Size))
		e.sets = append(e.sets, h)
	}
	n := r.count(3)
	if n > 0 {
		e.members = make([]member, 0, n)
	}
	for range n {
		m := r.member()
		if r.bad || m.set >= len(e.sets) {
			return nil, fmt.Errorf("%w: a member cannot be read", errDamaged)
		}
		if m.kind == 0 || m.kind > memberKindLast {
			return nil, fmt.Errorf("%w (it has a member of kind %d)", errNewer, m.kind)
		}
		e.members = append(e.members, m)
	}
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("%w: it cannot be read", errDamaged)
	}
	return e, nil
}

// parser reads what append functions wrote. After the first failure bad is set
// and everything is zero.
type parser struct {
	b   []byte
	bad bool
}

func (r *parser) bytes(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *parser) fixed() uint64 {
	v := r.bytes(8)
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

func (r *parser) byte() byte {
	v := r.bytes(1)
	if v == nil {
		return 0
	}
	return v[0]
}

func (r *parser) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *parser) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number of things that take at least size bytes each.
func (r *parser) count(size int) int {
	v := r.uvarint()
	if v > uint64(len(r.b)/size) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(v)
}

// block reads bytes with their length before them.
func (r *parser) block() []byte {
	v := r.uvarint()
	if v > math.MaxInt32 {
		r.bad, r.b = true, nil
		return nil
	}
	return r.bytes(int(v))
}

func appendBlock[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func (r *parser) member() (m member) {
	head := r.byte()
	m.kind = memberKind(head & kindMask)
	if head&flagID != 0 {
		copy(m.id[:], r.bytes(16))
	}
	if head&flagBorn != 0 {
		m.born = r.varint()
	}
	set := r.uvarint()
	if set > math.MaxInt32 {
		r.bad = true
	}
	m.set = int(set) - 1
	m.body = r.block()
	return m
}

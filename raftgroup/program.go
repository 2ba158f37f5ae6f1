package raftgroup

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// maxProgram bounds a transaction, encoded.
const maxProgram = 32 << 20

// itemKind says what a step of a program is.
type itemKind byte

const (
	itemOp       itemKind = iota + 1 // an operation
	itemBegin                        // a nested transaction begins,
	itemRelease                      // is kept,
	itemRollback                     // is dropped
	itemPragma                       // a setting that migrations need
)

// digest is a hash of what an operation was told: its rows, its number, its
// error.
type digest [sha256.Size]byte

// item is a step of a program.
type item struct {
	kind   itemKind
	body   []byte // the operation, encoded; the text of a pragma
	set    int    // of the program's sets; -1: none
	told   digest
	pure   bool     // it reads, and depends on nothing but its tables
	tables []string // those that it reads and changes; of what it depends on
	vague  bool     // tables are not all
	seq    int64    // at which what it was told is known to hold

	o *op.Op // decoded; nil until it is needed
}

// program is what a transaction did. Its time and seed are what its SQL sees.
type program struct {
	now     time.Time
	seed    uint64
	keysOff bool
	sets    []setHash
	models  []*schema.Set // of sets; where they are known
	items   []item
	size    int
}

const programKeysOff = 1

// append encodes a program.
func (p *program) append(b []byte) []byte {
	var flags byte
	if p.keysOff {
		flags |= programKeysOff
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(p.now.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, p.seed)
	b = binary.AppendUvarint(b, uint64(len(p.sets)))
	for i := range p.sets {
		b = append(b, p.sets[i][:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(p.items)))
	for i := range p.items {
		it := &p.items[i]
		b = append(b, byte(it.kind))
		switch it.kind {
		case itemOp:
			b = binary.AppendUvarint(b, uint64(it.set+1))
			b = append(b, it.told[:]...)
			seq := it.seq
			if !it.pure {
				seq = -1
			}
			b = binary.AppendVarint(b, seq)
			b = appendBlock(b, it.body)
		case itemPragma:
			b = appendBlock(b, it.body)
		}
	}
	return b
}

// keysOff reports whether an encoded program runs without foreign keys.
func keysOff(body []byte) bool { return len(body) > 0 && body[0]&programKeysOff != 0 }

var errProgram = op.Errorf(op.CodeInternal, "a transaction in the log cannot be read")

// decodeProgram reads a program.
func decodeProgram(body []byte) (*program, error) {
	r := parser{b: body}
	p := &program{keysOff: r.byte()&programKeysOff != 0}
	p.now = time.UnixMicro(int64(r.fixed())).UTC()
	p.seed = r.fixed()
	for range r.count(sha256.Size) {
		var h setHash
		copy(h[:], r.bytes(sha256.Size))
		p.sets = append(p.sets, h)
	}
	n := r.count(1)
	p.items = make([]item, 0, min(n, 1024))
	for range n {
		it := item{kind: itemKind(r.byte()), set: -1}
		switch it.kind {
		case itemOp:
			set := r.uvarint()
			if set > uint64(len(p.sets)) {
				return nil, errProgram
			}
			it.set = int(set) - 1
			copy(it.told[:], r.bytes(sha256.Size))
			it.seq = r.varint()
			it.pure = it.seq >= 0
			it.body = r.block()
		case itemPragma:
			it.body = r.block()
		case itemBegin, itemRelease, itemRollback:
		default:
			return nil, errProgram
		}
		if r.bad {
			return nil, errProgram
		}
		p.items = append(p.items, it)
	}
	if r.bad || len(r.b) > 0 {
		return nil, errProgram
	}
	return p, nil
}

// op decodes the operation of an item.
func (p *program) op(it *item) (*op.Op, error) {
	if it.o != nil {
		return it.o, nil
	}
	var resolve wire.Resolver
	if it.set >= 0 {
		resolve = p.models[it.set].Model
	}
	o, err := wire.DecodeOp(it.body, resolve)
	if err != nil {
		return nil, err
	}
	it.o = &o
	return it.o, nil
}

// seedOf is the seed of an item's randomness.
func (p *program) seedOf(i int) uint64 { return p.seed + uint64(i+1)*0x9e3779b97f4a7c15 }

// ofConnection finds functions whose answer depends on what the connection did
// before.
var ofConnection = regexp.MustCompile(`(?i)\b(last_insert_rowid|changes|total_changes)\s*\(`)

// pragmas of migrations: "foreign_keys" before anything else in a transaction,
// and how ALTER TABLE works.
var (
	pragmaKeys   = regexp.MustCompile(`(?i)^\s*PRAGMA\s+foreign_keys\s*=\s*(OFF|ON|0|1|FALSE|TRUE|NO|YES)\s*;?\s*$`)
	pragmaLegacy = regexp.MustCompile(`(?i)^\s*PRAGMA\s+legacy_alter_table\s*=\s*(OFF|ON|0|1)\s*;?\s*$`)
)

// off reports whether a setting is switched off.
func off(word string) bool {
	switch strings.ToUpper(word) {
	case "OFF", "0", "FALSE", "NO":
		return true
	}
	return false
}

// conflict is the failure of a transaction that has to be run again.
func conflict(why string) error {
	return &op.ConflictError{Reason: op.ReasonSerialization, Index: -1, Err: errors.New(why)}
}

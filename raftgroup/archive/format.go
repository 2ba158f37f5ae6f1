// Package archive keeps what a group's log held, so that a backup can be brought
// to any moment after it. It knows an entry as bytes with its place: its
// sequence, the chain before and after it, and the time of it.
//
// An archive is a directory of segments. A segment is a run of entries that
// follow each other. See DESIGN.md of package raftgroup.
package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A segment is
//
//	"weftarc" version | block header | block record | …
//
// and a block
//
//	length 4 | checksum 4 | body
//
// in network byte order. The checksum is the CRC-32C of length and body. The
// body of the header is
//
//	group | node | made 8 | first 8 | before 32
//
// where group and node are text with its length (2 bytes) before it, and that of
// a record
//
//	sequence 8 | stamp 8 | after 32 | entry
//
// Times are microseconds since 1970.
const (
	magic   = "weftarc"
	version = 1
	// maxBlock bounds a block. No entry is as large.
	maxBlock   = 256 << 20
	blockHead  = 8
	recordHead = 8 + 8 + sha256.Size
	headerEnd  = 8 + 8 + sha256.Size
)

// Suffix is how the name of a segment ends.
const Suffix = ".weftlog"

var (
	// ErrTorn says that a segment is not what was written from some place on: it
	// was being written when the node ended, or it is damaged.
	ErrTorn = errors.New("archive: the segment is torn or damaged")
	// ErrNewer says that a segment was written by a later version of Weft.
	ErrNewer = errors.New("archive: the segment was written by a newer version of Weft: update this program")
)

// Chain is the hash over all entries of a group up to one, and their outcomes.
type Chain [sha256.Size]byte

// Header is what a segment says of itself.
type Header struct {
	Group  string
	Node   string // that wrote it
	Made   time.Time
	First  int64 // sequence of its first entry
	Before Chain // before its first entry
}

// Record is an entry with its place.
type Record struct {
	Sequence int64
	Stamp    time.Time
	Before   Chain // in a segment it is the After of the one before
	After    Chain
	Entry    []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// block appends a block whose body fn appends.
func block(b []byte, fn func([]byte) []byte) []byte {
	at := len(b)
	b = fn(append(b, 0, 0, 0, 0, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-blockHead))
	sum := crc32.Update(crc32.Checksum(b[at:at+4], castagnoli), castagnoli, b[at+blockHead:])
	binary.BigEndian.PutUint32(b[at+4:], sum)
	return b
}

// append appends the beginning of a segment.
func (h *Header) append(b []byte) []byte {
	b = append(append(b, magic...), version)
	return block(b, func(b []byte) []byte {
		b = text(text(b, h.Group), h.Node)
		b = binary.BigEndian.AppendUint64(b, uint64(h.Made.UnixMicro()))
		b = binary.BigEndian.AppendUint64(b, uint64(h.First))
		return append(b, h.Before[:]...)
	})
}

func (r *Record) append(b []byte) []byte {
	return block(b, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint64(b, uint64(r.Sequence))
		b = binary.BigEndian.AppendUint64(b, uint64(r.Stamp.UnixMicro()))
		b = append(b, r.After[:]...)
		return append(b, r.Entry...)
	})
}

// size is how many bytes a record takes.
func (r *Record) size() int { return blockHead + recordHead + len(r.Entry) }

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// untext reads what text wrote.
func untext(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < n {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}

// Decoder reads a segment. What it gives is whole and follows each other; at the
// first place where that does not hold it ends with ErrTorn.
type Decoder struct {
	r      io.Reader
	h      Header
	next   int64
	stamp  int64
	before Chain
	at     int64
	buf    bytes.Buffer
	err    error
}

// NewDecoder reads the header of a segment: ErrNewer, ErrTorn, or an error of
// the reader.
func NewDecoder(r io.Reader) (*Decoder, error) {
	d := &Decoder{r: r}
	var head [len(magic) + 1]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, torn(err, "it has no header")
	}
	if string(head[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrTorn)
	}
	if v := head[len(magic)]; v != version {
		return nil, fmt.Errorf("%w (it has version %d, this one knows %d)", ErrNewer, v, version)
	}
	d.at = int64(len(head))
	b, err := d.block()
	if err != nil {
		return nil, torn(err, "it has no header")
	}
	var ok, ok2 bool
	if d.h.Group, b, ok = untext(b); ok {
		d.h.Node, b, ok2 = untext(b)
	}
	if !ok || !ok2 || len(b) != headerEnd {
		return nil, fmt.Errorf("%w: its header cannot be read", ErrTorn)
	}
	d.h.Made = time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC()
	d.h.First = int64(binary.BigEndian.Uint64(b[8:]))
	copy(d.h.Before[:], b[16:])
	d.next, d.before = d.h.First, d.h.Before
	return d, nil
}

// torn tells the end of a segment from a failure to read it.
func torn(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s", ErrTorn, what)
	}
	return err
}

// Header is the header.
func (d *Decoder) Header() Header { return d.h }

// At is where the next record begins.
func (d *Decoder) At() int64 { return d.at }

// Next gives the next record: io.EOF at the end, ErrTorn where it cannot be read.
func (d *Decoder) Next() (Record, error) {
	if d.err != nil {
		return Record{}, d.err
	}
	r, err := d.record()
	if err != nil {
		d.err = err
	}
	return r, err
}

func (d *Decoder) record() (Record, error) {
	at := d.at
	b, err := d.block()
	if err != nil {
		return Record{}, err
	}
	if len(b) < recordHead {
		return Record{}, fmt.Errorf("%w: byte %d begins no entry", ErrTorn, at)
	}
	stamp := int64(binary.BigEndian.Uint64(b[8:]))
	r := Record{Sequence: int64(binary.BigEndian.Uint64(b)), Stamp: time.UnixMicro(stamp).UTC(), Before: d.before}
	copy(r.After[:], b[16:])
	if r.Sequence != d.next || stamp < d.stamp {
		return Record{}, fmt.Errorf("%w: at byte %d is entry %d and not %d", ErrTorn, at, r.Sequence, d.next)
	}
	r.Entry = bytes.Clone(b[recordHead:])
	d.next, d.stamp, d.before = d.next+1, stamp, r.After
	return r, nil
}

// block reads a block. The body is valid until the next call.
func (d *Decoder) block() ([]byte, error) {
	var head [blockHead]byte
	switch _, err := io.ReadFull(d.r, head[:]); {
	case err == io.EOF:
		return nil, io.EOF
	case err != nil:
		return nil, torn(err, fmt.Sprintf("it ends in the middle of what begins at byte %d", d.at))
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxBlock {
		return nil, fmt.Errorf("%w: byte %d begins no entry", ErrTorn, d.at)
	}
	d.buf.Reset() // it grows with what is there, not with what the length says
	if _, err := io.CopyN(&d.buf, d.r, int64(n)); err != nil {
		return nil, torn(err, fmt.Sprintf("it ends in the middle of what begins at byte %d", d.at))
	}
	b := d.buf.Bytes()
	if crc32.Update(crc32.Checksum(head[:4], castagnoli), castagnoli, b) != binary.BigEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("%w: the checksum of what begins at byte %d is wrong", ErrTorn, d.at)
	}
	d.at += blockHead + int64(n)
	return b, nil
}

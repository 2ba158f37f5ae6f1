package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bolt reads a bbolt file, in which rqlite keeps raft's log, without bbolt: that
// maps the file into memory, where a file that was cut short ends the process,
// and panics on pages that it does not expect. Only what is committed is read,
// every page once, with plain reads.
type bolt struct {
	r     io.ReaderAt
	size  int64
	page  int64
	top   uint64 // pages from here on are not used
	root  uint64
	free  uint64 // page of the list of free pages, noFreelist when there is none
	order binary.ByteOrder
	seen  map[uint64]bool
}

const (
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	noFreelist     = 1<<64 - 1
	branchPage     = 0x01
	leafPage       = 0x02
	freelistPage   = 0x10
	bucketLeaf     = 0x01
	pageHeader     = 16
	elementSize    = 16
	metaSize       = 64 // from the magic to the checksum's end
	maxBoltPage    = 1 << 16
	minBoltPage    = 512
	maxDepth       = 64
	maxBucketNames = 16
)

// errTorn is in what is said of damage, as opposed to files that cannot be
// opened now.
var errTorn = errors.New("torn or damaged")

func torn(format string, args ...any) error {
	return fmt.Errorf("the log is %w: %w", errTorn, fmt.Errorf(format, args...))
}

// meta is one of the two pages that a file begins with.
type meta struct {
	page, root, free, top, tx uint64
}

func decodeMeta(b []byte) (meta, error) {
	if len(b) < metaSize {
		return meta{}, errors.New("it is cut short")
	}
	o := binary.NativeEndian // bbolt writes structures as they are in memory
	if o.Uint32(b) != boltMagic || o.Uint32(b[4:]) != boltVersion {
		return meta{}, errors.New("it does not begin as one")
	}
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	if sum.Sum64() != o.Uint64(b[metaSize-8:]) {
		return meta{}, errors.New("its checksum is wrong")
	}
	return meta{page: uint64(o.Uint32(b[8:])), root: o.Uint64(b[16:]), free: o.Uint64(b[32:]), top: o.Uint64(b[40:]), tx: o.Uint64(b[48:])}, nil
}

// openBolt reads the first two pages. Both must be whole: the older one alone
// would be a log without its last entries.
func openBolt(r io.ReaderAt, size int64) (*bolt, error) {
	head := make([]byte, pageHeader+metaSize)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, torn("page 0: %w", err)
	}
	first, err := decodeMeta(head[pageHeader:])
	if err != nil {
		return nil, torn("page 0: %w", err)
	}
	if first.page < minBoltPage || first.page > maxBoltPage || first.page&(first.page-1) != 0 {
		return nil, torn("pages of %d bytes", first.page)
	}
	if _, err := r.ReadAt(head, int64(first.page)); err != nil {
		return nil, torn("page 1: %w", err)
	}
	m, err := decodeMeta(head[pageHeader:])
	if err != nil {
		return nil, torn("page 1: %w", err)
	}
	if m.page != first.page {
		return nil, torn("pages of %d and of %d bytes", first.page, m.page)
	}
	if first.tx > m.tx {
		m = first
	}
	if m.top < 4 || m.top > uint64(size)/m.page {
		return nil, torn("it has %d bytes and needs %d pages of %d", size, m.top, m.page)
	}
	return &bolt{r: r, size: size, page: int64(m.page), top: m.top, root: m.root, free: m.free, order: binary.NativeEndian, seen: map[uint64]bool{}}, nil
}

// load reads a page with those that it flows over into.
func (b *bolt) load(id uint64) (data []byte, flags uint16, count int, err error) {
	if id < 2 || id >= b.top {
		return nil, 0, 0, torn("page %d of %d is named", id, b.top)
	}
	var head [pageHeader]byte
	if _, err := b.r.ReadAt(head[:], int64(id)*b.page); err != nil {
		return nil, 0, 0, torn("page %d: %w", id, err)
	}
	if got := b.order.Uint64(head[:]); got != id {
		return nil, 0, 0, torn("page %d says that it is page %d", id, got)
	}
	over := uint64(b.order.Uint32(head[12:]))
	if over >= b.top-id {
		return nil, 0, 0, torn("page %d goes on over %d pages of %d", id, over, b.top)
	}
	for p := id; p <= id+over; p++ {
		if b.seen[p] {
			return nil, 0, 0, torn("page %d is used twice", p)
		}
		b.seen[p] = true
	}
	data = make([]byte, (int64(over)+1)*b.page)
	if _, err := b.r.ReadAt(data, int64(id)*b.page); err != nil {
		return nil, 0, 0, torn("page %d: %w", id, err)
	}
	return data, b.order.Uint16(head[8:]), int(b.order.Uint16(head[10:])), nil
}

// part is a piece of a page by an offset from an element.
func part(data []byte, from int, pos, n uint32) ([]byte, bool) {
	start := uint64(from) + uint64(pos)
	end := start + uint64(n)
	if end > uint64(len(data)) {
		return nil, false
	}
	return data[start:end], true
}

// walk calls fn for each key of a tree, in order.
func (b *bolt) walk(id uint64, depth int, last *[]byte, fn func(key, value []byte, bucket bool) error) error {
	if depth > maxDepth {
		return torn("its tree is %d deep", depth)
	}
	data, flags, count, err := b.load(id)
	if err != nil {
		return err
	}
	return b.walkPage(id, data, flags, count, depth, last, fn)
}

func (b *bolt) walkPage(id uint64, data []byte, flags uint16, count, depth int, last *[]byte, fn func(key, value []byte, bucket bool) error) error {
	if flags != branchPage && flags != leafPage || pageHeader+count*elementSize > len(data) {
		return torn("page %d is no page of a tree", id)
	}
	// Only an empty tree has a page without keys, and nothing else is on it.
	if count == 0 && (flags == branchPage || depth > 0 || len(bytes.TrimLeft(data[pageHeader:], "\x00")) > 0) {
		return torn("page %d lacks its keys", id)
	}
	// What elements name stands behind all of them without a gap. So a count, a
	// place or a length that is another one is seen: keys at a page's end would
	// otherwise be missed.
	next := pageHeader + count*elementSize
	for i := range count {
		at := pageHeader + i*elementSize
		e := data[at : at+elementSize]
		if flags == branchPage {
			key, ok := part(data, at, b.order.Uint32(e), b.order.Uint32(e[4:]))
			if !ok || at+int(b.order.Uint32(e)) != next {
				return torn("page %d: element %d", id, i)
			}
			next += len(key)
			if *last != nil && bytes.Compare(key, *last) <= 0 {
				return torn("page %d: keys are out of order", id)
			}
			if err := b.walk(b.order.Uint64(e[8:]), depth+1, last, fn); err != nil {
				return err
			}
			continue
		}
		key, ok := part(data, at, b.order.Uint32(e[4:]), b.order.Uint32(e[8:]))
		both, ok2 := part(data, at, b.order.Uint32(e[4:]), b.order.Uint32(e[8:])+b.order.Uint32(e[12:]))
		if !ok || !ok2 || len(both) < len(key) || b.order.Uint32(e) > bucketLeaf || at+int(b.order.Uint32(e[4:])) != next {
			return torn("page %d: element %d", id, i)
		}
		next += len(both)
		if *last != nil && bytes.Compare(key, *last) <= 0 {
			return torn("page %d: keys are out of order", id)
		}
		*last = bytes.Clone(key)
		if err := fn(key, both[len(key):], b.order.Uint32(e) == bucketLeaf); err != nil {
			return err
		}
	}
	return nil
}

// buckets reads the names of the buckets and where each is.
func (b *bolt) buckets() (map[string][]byte, error) {
	out := map[string][]byte{}
	var last []byte
	err := b.walk(b.root, 0, &last, func(key, value []byte, bucket bool) error {
		if !bucket || len(value) < 16 || len(out) >= maxBucketNames {
			return torn("%q is no bucket", key)
		}
		out[string(key)] = bytes.Clone(value)
		return nil
	})
	return out, err
}

// each calls fn for each key of a bucket, in order.
func (b *bolt) each(bucket []byte, fn func(key, value []byte) error) error {
	var last []byte
	leaf := func(key, value []byte, bucket bool) error {
		if bucket {
			return torn("there is a bucket in a bucket")
		}
		return fn(key, value)
	}
	if root := b.order.Uint64(bucket); root != 0 {
		return b.walk(root, 0, &last, leaf)
	}
	page := bucket[16:] // a small bucket is a page within its own value
	if len(page) < pageHeader {
		return torn("a bucket is cut short")
	}
	return b.walkPage(0, page, b.order.Uint16(page[8:]), int(b.order.Uint16(page[10:])), 0, &last, leaf)
}

// freelist checks the list of free pages: a page on it that is in use would be
// written over. It comes after everything else was read.
func (b *bolt) freelist() error {
	if b.free == noFreelist {
		return nil
	}
	data, flags, n, err := b.load(b.free)
	if err != nil {
		return err
	}
	count, ids := uint64(n), data[pageHeader:]
	if n == 0xFFFF && len(ids) >= 8 {
		count, ids = b.order.Uint64(ids), ids[8:]
	}
	if flags != freelistPage || count > uint64(len(ids))/8 {
		return torn("page %d is no list of free pages", b.free)
	}
	for i := range count {
		id := b.order.Uint64(ids[8*i:])
		if id < 2 || id >= b.top || b.seen[id] {
			return torn("page %d is said to be free", id)
		}
		b.seen[id] = true
	}
	return nil
}

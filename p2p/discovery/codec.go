package discovery

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/weftdb/weft/p2p/host"
)

// encoder appends: numbers as varints, text behind its length.
type encoder []byte

func (e *encoder) num(n uint64)   { *e = binary.AppendUvarint(*e, n) }
func (e *encoder) word(n uint64)  { *e = binary.BigEndian.AppendUint64(*e, n) }
func (e *encoder) text(s string)  { e.num(uint64(len(s))); *e = append(*e, s...) }
func (e *encoder) bytes(b []byte) { e.num(uint64(len(b))); *e = append(*e, b...) }

func (e *encoder) list(l []string) {
	e.num(uint64(len(l)))
	for _, s := range l {
		e.text(s)
	}
}

// decoder reads what encoder wrote and never more than the bounds it is given.
// After an error it returns zeros.
type decoder struct {
	in  []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{host.ErrMalformed}, args...)...)
	}
	d.in = nil
}

func (d *decoder) byte() byte {
	if len(d.in) == 0 {
		d.fail("%w", errShort)
		return 0
	}
	b := d.in[0]
	d.in = d.in[1:]
	return b
}

func (d *decoder) num() uint64 {
	n, size := binary.Uvarint(d.in)
	if size <= 0 {
		d.fail("a number cannot be read")
		return 0
	}
	d.in = d.in[size:]
	return n
}

func (d *decoder) word() uint64 {
	if len(d.in) < 8 {
		d.fail("%w", errShort)
		return 0
	}
	n := binary.BigEndian.Uint64(d.in)
	d.in = d.in[8:]
	return n
}

// count reads how many things follow, of which each takes at least size bytes.
func (d *decoder) count(most, size int) int {
	n := d.num()
	if n > uint64(most) || n > uint64(len(d.in)/size) {
		d.fail("%d entries where %d are allowed", n, most)
		return 0
	}
	return int(n)
}

// bytes shares memory with the input.
func (d *decoder) bytes(most int) []byte {
	n := d.num()
	if n > uint64(most) || n > uint64(len(d.in)) {
		d.fail("%d bytes where %d are allowed and %d follow", n, most, len(d.in))
		return nil
	}
	b := d.in[:n:n]
	d.in = d.in[n:]
	return b
}

func (d *decoder) text(most int) string { return string(d.bytes(most)) }

func (d *decoder) list(most, each int) []string {
	n := d.count(most, 1)
	var out []string
	for range n {
		out = append(out, d.text(each))
	}
	return out
}

func (d *decoder) end() error {
	if d.err == nil && len(d.in) > 0 {
		d.fail("%d bytes follow its end", len(d.in))
	}
	return d.err
}

// Bounds of a message.
const (
	maxMessage = 1 << 20
	maxMembers = 4096 // of a cluster, and entries of a digest
	maxBatch   = 512  // records in one message
	batchBytes = 512 << 10
)

// What a message says beside its content.
const (
	statusOK           = 0
	statusOtherCluster = 1
)

// message is one frame of the exchange. The three of a conversation are a
// question (cluster, digest, own record), an answer (status, records, wants)
// and what was wanted (records).
type message struct {
	status  byte
	cluster string
	records [][]byte // sealed
	digest  []digest
	wants   []uint64 // key of a peer
}

// digest says which record of a peer the sender has.
type digest struct{ key, seq uint64 }

// messageVersion is the first byte of a message. A peer of another version is
// told ours by the answer and is not understood.
const messageVersion = 1

// keyOf shortens a peer ID. Two peers with one key, which takes 2^32 tries to
// make, hide each other's news and nothing else.
func keyOf(p peer.ID) uint64 {
	sum := sha256.Sum256([]byte(p))
	return binary.BigEndian.Uint64(sum[:8])
}

func (m *message) encode() []byte {
	e := encoder{messageVersion, m.status}
	e.text(m.cluster)
	e.num(uint64(len(m.records)))
	for _, r := range m.records {
		e.bytes(r)
	}
	e.num(uint64(len(m.digest)))
	for _, g := range m.digest {
		e.word(g.key)
		e.num(g.seq)
	}
	e.num(uint64(len(m.wants)))
	for _, w := range m.wants {
		e.word(w)
	}
	return e
}

// decode reads a message. Records in it share memory with the input and are not
// looked at.
func decode(data []byte) (*message, error) {
	d := decoder{in: data}
	if v := d.byte(); d.err == nil && v != messageVersion {
		return nil, fmt.Errorf("%w: message of version %d, this program speaks %d", host.ErrMalformed, v, messageVersion)
	}
	m := &message{status: d.byte(), cluster: d.text(maxName)}
	for range d.count(maxBatch, 1) {
		m.records = append(m.records, d.bytes(maxRecord))
	}
	for range d.count(maxMembers, 9) {
		m.digest = append(m.digest, digest{d.word(), d.num()})
	}
	for range d.count(maxMembers, 8) {
		m.wants = append(m.wants, d.word())
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	if m.status > statusOtherCluster {
		return nil, fmt.Errorf("%w: unknown status %d", host.ErrMalformed, m.status)
	}
	return m, nil
}

func writeMessage(w io.Writer, m *message) error {
	body := m.encode()
	if len(body) > maxMessage {
		return fmt.Errorf("%w: message of %d bytes", host.ErrTooLarge, len(body))
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	_, err := w.Write(append(frame, body...))
	return err
}

func readMessage(r io.Reader) (*message, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return nil, fmt.Errorf("%w: message of %d bytes, at most %d are allowed", host.ErrMalformed, n, maxMessage)
	}
	// The memory grows with what really arrives.
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return nil, err
	}
	if len(body) < int(n) {
		return nil, io.ErrUnexpectedEOF
	}
	return decode(body)
}

package door

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/weftdb/weft/p2p/host"
)

// MaxRequest bounds one request in bytes, an operation with all its rows.
const MaxRequest = 32 << 20

// protocol is what groups are asked over. A stream carries requests one after
// another. Each is a frame; its answer is a frame, and what the verb says may
// follow it. Between a Begin and the end of the transaction all requests of the
// stream belong to it.
const protocol = "group/1"

// version stands at the beginning of each request. A later one is refused with
// a text, not as malformed.
const version = 1

// The kinds of frames. Each is followed by its length and as many bytes.
const (
	frameRequest = 'Q' // to the server
	frameStop    = 'S' // to the server: the rows under way are not wanted; no content

	frameData = 'D' // a piece of a backup, in both directions
	frameEnd  = 'Z' // the end of a backup: its length and checksum

	frameOK        = 'K' // the answer follows, as the verb says
	frameError     = 'E' // an error of wire
	frameUnknown   = 'U' // an error of wire: nobody knows whether it was done
	frameNotLeader = 'L' // the peer that leads; nothing was done
	frameModels    = 'M' // the set of models is not known; nothing was done
	frameNoGroup   = 'G' // an error of wire: the node cannot lead to the group
)

// maxData bounds a piece of a backup.
const maxData = 1 << 20

// limitOf is the largest content of a kind of frame, -1 for a kind that does not
// exist.
func limitOf(kind byte) int {
	switch kind {
	case frameRequest, frameOK, frameError, frameUnknown, frameModels, frameNoGroup:
		return MaxRequest
	case frameData:
		return maxData
	case frameEnd, frameNotLeader:
		return 256
	case frameStop:
		return 0
	}
	return -1
}

// malformed is an error for which the host punishes the peer.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", host.ErrMalformed, fmt.Errorf(format, args...))
}

// readHead reads kind and length of a frame. An end of the stream before it is
// io.EOF.
func readHead(r *bufio.Reader) (kind byte, n int, err error) {
	if kind, err = r.ReadByte(); err != nil {
		return 0, 0, err
	}
	size, err := binary.ReadUvarint(r)
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		} else if _, peeked := r.Peek(1); peeked == nil {
			err = malformed("the length of a frame is no number") // an overflow: the stream goes on
		}
		return 0, 0, err
	}
	switch limit := limitOf(kind); {
	case limit < 0:
		return 0, 0, malformed("a frame of kind 0x%02x does not exist", kind)
	case size > uint64(limit):
		return 0, 0, malformed("a frame of kind %c has %d bytes, the limit is %d", kind, size, limit)
	}
	return kind, int(size), nil
}

// readBody reads the content of a frame. Memory grows only as bytes arrive.
func readBody(r io.Reader, n int) ([]byte, error) {
	const step = 64 << 10
	buf := make([]byte, 0, min(n, step))
	for len(buf) < n {
		at := len(buf)
		more := min(n-at, max(at, step))
		if cap(buf)-at < more {
			buf = append(make([]byte, 0, at+more), buf...)
		}
		buf = buf[:at+more]
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buf, nil
}

// writeFrame writes a frame, of which content may be in pieces. It does not
// flush.
func writeFrame(w *bufio.Writer, kind byte, content ...[]byte) error {
	n := 0
	for _, c := range content {
		n += len(c)
	}
	if n > limitOf(kind) {
		return fmt.Errorf("a frame of kind %c has %d bytes, the limit is %d", kind, n, limitOf(kind))
	}
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = kind
	if _, err := w.Write(head[:1+binary.PutUvarint(head[1:], uint64(n))]); err != nil {
		return err
	}
	for _, c := range content {
		if _, err := w.Write(c); err != nil {
			return err
		}
	}
	return nil
}

// cutter takes a content apart. The first error stays.
type cutter struct {
	b   []byte
	err error
}

func (c *cutter) fail(what string) {
	if c.err == nil {
		c.err = malformed("%s is cut off or out of its bounds", what)
	}
}

func (c *cutter) byte(what string) byte {
	if c.err != nil || len(c.b) == 0 {
		c.fail(what)
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cutter) uint(what string) uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail(what)
		return 0
	}
	c.b = c.b[n:]
	return v
}

// bytes are those of the input.
func (c *cutter) bytes(what string, limit int) []byte {
	n := c.uint(what)
	if c.err != nil || n > uint64(min(limit, len(c.b))) {
		c.fail(what)
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cutter) text(what string, limit int) string { return string(c.bytes(what, limit)) }

// count reads the length of a list of which each element takes a byte at least.
func (c *cutter) count(what string) int {
	n := c.uint(what)
	if n > uint64(len(c.b)) {
		c.fail(what)
		return 0
	}
	return int(n)
}

func (c *cutter) end(what string) error {
	if c.err == nil && len(c.b) > 0 {
		c.err = malformed("%d bytes too many behind %s", len(c.b), what)
	}
	return c.err
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

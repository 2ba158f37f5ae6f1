package door

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/wire"
)

// A backup travels in pieces, each a frame of data, and ends with a frame that
// has its length and the SHA-256 over all of it. Whoever reads one has the whole
// only when that frame came and agrees.

// piece is how much of a backup goes in one frame.
const piece = 128 << 10

// pieces writes a backup to a stream.
type pieces struct {
	w   *bufio.Writer
	sum hash.Hash
	n   uint64
	err error
}

func newPieces(w *bufio.Writer) *pieces { return &pieces{w: w, sum: sha256.New()} }

func (p *pieces) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) && p.err == nil {
		part := b[done:min(len(b), done+piece)]
		if p.err = writeFrame(p.w, frameData, part); p.err == nil {
			p.sum.Write(part)
			p.n += uint64(len(part))
			done += len(part)
		}
	}
	return done, p.err
}

func (p *pieces) end() error {
	if p.err != nil {
		return p.err
	}
	return writeFrame(p.w, frameEnd, binary.AppendUvarint(nil, p.n), p.sum.Sum(nil))
}

// gather reads a backup that comes in pieces. It gives io.EOF only when all of
// it arrived as it was sent. Frames of other kinds are handed to other, whose
// error ends the reading.
type gather struct {
	r     *bufio.Reader
	other func(kind byte, content []byte) error
	ahead func() error // before each frame; may be nil
	sum   hash.Hash
	n     uint64
	left  int // of the piece being read
	err   error
}

func (g *gather) Read(b []byte) (int, error) {
	for g.err == nil && g.left == 0 {
		g.err = g.frame()
	}
	if g.err != nil {
		return 0, g.err
	}
	k, err := g.r.Read(b[:min(len(b), g.left)])
	g.sum.Write(b[:k])
	g.n += uint64(k)
	g.left -= k
	if err != nil {
		g.err = short(err)
	}
	return k, g.err
}

func short(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the copy broke off before its end: %w", err)
}

func (g *gather) frame() error {
	if g.sum == nil {
		g.sum = sha256.New()
	}
	if g.ahead != nil {
		if err := g.ahead(); err != nil {
			return err
		}
	}
	kind, n, err := readHead(g.r)
	if err != nil {
		return short(err)
	}
	if kind == frameData {
		g.left = n
		return nil
	}
	content, err := readBody(g.r, n)
	if err != nil {
		return short(err)
	}
	if kind != frameEnd {
		return g.other(kind, content)
	}
	c := cutter{b: content}
	size := c.uint("the length of a copy")
	if c.err != nil {
		return c.err
	}
	if size != g.n || string(c.b) != string(g.sum.Sum(nil)) {
		return op.Errorf(op.CodeDatabase, "the copy did not arrive as it was sent: %d bytes of %d, or a checksum that differs; take it again", g.n, size)
	}
	return io.EOF
}

// backup sends a copy of the group.
func (x *session) backup(ctx context.Context, g Group) error {
	if err := x.ok(); err != nil {
		return err
	}
	p := newPieces(x.w)
	err := g.Backup(ctx, stopping{p, x})
	if p.err != nil {
		return p.err
	}
	if err != nil {
		return x.fail(err)
	}
	return p.end()
}

// stopping ends a backup that the peer does not want any more.
type stopping struct {
	w io.Writer
	x *session
}

func (s stopping) Write(b []byte) (int, error) {
	if s.x.stopped.Load() {
		return 0, errStopped
	}
	return s.w.Write(b)
}

// restore takes a copy in. The caller has not resumed the reader of the stream:
// what comes now is read here.
func (x *session) restore(ctx context.Context, q *request) error {
	ctx, cancel := x.context(ctx, q)
	defer cancel()
	g, err := x.s.find(x.st.Peer(), q)
	if err != nil {
		x.resume <- struct{}{}
		return writeFrame(x.w, frameNoGroup, wire.EncodeError(err))
	}
	if err := leads(ctx, g, q); err != nil {
		x.resume <- struct{}{}
		return x.fail(err)
	}
	if err := x.ok(); err != nil {
		return err
	}
	if err := x.w.Flush(); err != nil {
		return err
	}
	in := &gather{
		r:     x.r,
		other: func(kind byte, _ []byte) error { return malformed("a frame of kind %c in a copy", kind) },
		ahead: func() error { return x.st.SetReadDeadline(time.Now().Add(x.s.set.stall)) },
	}
	err = g.Restore(ctx, in)
	if err != nil {
		if err := x.fail(err); err != nil {
			return err
		}
		if err := x.w.Flush(); err != nil {
			return err
		}
	}
	// What the group did not read must be read, so that the stream goes on.
	_, drained := io.Copy(io.Discard, in)
	switch {
	case in.err != nil && !errors.Is(in.err, io.EOF):
		return in.err
	case drained != nil:
		return drained
	}
	if err == nil {
		if err := x.ok(); err != nil {
			return err
		}
	}
	if err := x.st.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	x.resume <- struct{}{}
	return nil
}

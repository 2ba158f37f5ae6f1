package door

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/wire"
)

// methodProtocol is what nodes are asked methods over: one question a stream.
const methodProtocol = "node/1"

// The bounds of a question and an answer, in bytes.
const (
	MaxQuestion = 1 << 20
	MaxReply    = 8 << 20

	maxMethod = 128
)

var methodLimits = host.Limits{MaxBytes: MaxQuestion + 1024, Timeout: 5 * time.Minute, PerPeer: 32, Total: 512, Rate: 50, Burst: 200}

// Method answers a question to a node that concerns no group's data: JSON in,
// JSON out. The peer's identity is proven.
type Method func(ctx context.Context, peer host.ID, in []byte) (out []byte, err error)

// Handle adds a method, or replaces one.
func (s *Server) Handle(name string, fn Method) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods[name] = fn
}

// appendQuestion writes a question: version, time left, name, JSON.
func appendQuestion(name string, left time.Duration, in []byte) []byte {
	b := binary.AppendUvarint([]byte{version}, uint64(max(left, 0)))
	return append(appendText(b, name), in...)
}

func parseQuestion(b []byte) (name string, left time.Duration, in []byte, err error) {
	c := cutter{b: b}
	v, d := c.byte("the version"), c.uint("the time left")
	name = c.text("the name of a method", maxMethod)
	switch {
	case c.err != nil:
		return "", 0, nil, c.err
	case v == 0 || d > math.MaxInt64:
		return "", 0, nil, malformed("a question with version %d and %d left", v, d)
	case v != version:
		return "", 0, nil, op.Errorf(op.CodeUnsupported, "the question has version %d and this node reads version %d: update this node", v, version)
	case !json.Valid(c.b):
		return "", 0, nil, malformed("a question to %q that is not JSON", name)
	}
	return name, time.Duration(d), c.b, nil
}

func (s *Server) serveMethod(ctx context.Context, st *host.Stream) error {
	if !s.enter() {
		return io.ErrClosedPipe
	}
	defer s.wg.Done()
	defer context.AfterFunc(s.ctx, func() { _ = st.Reset() })()
	if err := st.SetReadDeadline(time.Now().Add(s.set.transfer)); err != nil {
		return err
	}
	text, err := io.ReadAll(st)
	if err != nil {
		return err
	}
	name, left, in, err := parseQuestion(text)
	if errors.Is(err, host.ErrMalformed) {
		return err
	}
	var out []byte
	if err == nil {
		out, err = s.method(ctx, st.Peer(), name, left, in)
	}
	answer := append([]byte{0}, out...)
	if err != nil {
		answer = append([]byte{1}, wire.EncodeError(err)...)
	}
	if err := st.SetWriteDeadline(time.Now().Add(s.set.transfer)); err != nil {
		return err
	}
	_, err = st.Write(answer)
	return err
}

func (s *Server) method(ctx context.Context, peer host.ID, name string, left time.Duration, in []byte) ([]byte, error) {
	s.mu.Lock()
	fn := s.methods[name]
	s.mu.Unlock()
	if fn == nil {
		return nil, op.Errorf(op.CodeNotFound, "this node has no method %q; it may be of an older version", name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if left > 0 {
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	defer context.AfterFunc(s.ctx, cancel)()
	out, err := fn(ctx, peer, in)
	if err == nil && len(out) >= MaxReply {
		err = op.Errorf(op.CodeInternal, "the answer of %s has %d bytes, the limit is %d", name, len(out), MaxReply)
	}
	return out, err
}

// Call asks a node a method. in becomes JSON, and out is filled from JSON; out
// may be nil. The errors of the method keep their codes; a node that cannot be
// reached is host.ErrUnreachable, and then the method may have run or not.
func Call(ctx context.Context, h *host.Host, peer host.ID, name string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return op.Errorf(op.CodeValidation, "ask %s: %w", name, err)
	}
	if len(text) > MaxQuestion || len(name) > maxMethod {
		return op.Errorf(op.CodeValidation, "ask %.128s: the question has %d bytes, the limit is %d", name, len(text), MaxQuestion)
	}
	if err := ctx.Err(); err != nil {
		return op.FromContext(err)
	}
	answer, err := h.Call(ctx, peer, methodProtocol, appendQuestion(name, timeLeft(ctx), text), MaxReply)
	if err != nil {
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		return fmt.Errorf("ask %s of %s: %w", name, peer, err)
	}
	if len(answer) == 0 || answer[0] > 1 {
		return op.Errorf(op.CodeInternal, "ask %s of %s: the answer is none of this protocol", name, peer)
	}
	if answer[0] == 1 {
		return wire.DecodeError(answer[1:])
	}
	if out == nil || len(answer) == 1 {
		return nil
	}
	if err := json.Unmarshal(answer[1:], out); err != nil {
		return op.Errorf(op.CodeInternal, "ask %s of %s: the answer is not as expected: %w", name, peer, err)
	}
	return nil
}

// timeLeft is how long a context still lasts; 0 is for ever.
func timeLeft(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(end), 1)
}

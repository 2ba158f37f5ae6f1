package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// state is what a copy says of itself when another asks.
type state struct {
	known   bool   // term is known; a copy that has just started may not know it
	term    uint64 // the highest it has seen
	last    uint64 // of its log
	applied uint64 // handed to SQLite
	commit  uint64
	// lastTerm is that of the last entry of its log; 0 is not known. It is asked
	// for apart.
	lastTerm uint64
}

// asksTerm is in the number of a question that asks for lastTerm, too; withTerm
// in the flags of an answer that it follows. Earlier versions answer without.
const (
	asksTerm = uint64(1) << 63
	withTerm = byte(2)
)

// stateSize is that of an answer: the number of the question, flags, four
// numbers.
const stateSize = 8 + 1 + 4*8

func (s state) encode(seq uint64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, stateSize), seq)
	flags := byte(0)
	if s.known {
		flags = 1
	}
	b = append(b, flags)
	for _, n := range []uint64{s.term, s.last, s.applied, s.commit} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// decodeState reads what encode wrote, exactly.
func decodeState(b []byte, seq uint64) (state, error) {
	if len(b) != stateSize || b[8] > 1 {
		return state{}, fmt.Errorf("%w: not the state of a copy", host.ErrMalformed)
	}
	if got := binary.BigEndian.Uint64(b); got != seq {
		return state{}, fmt.Errorf("%w: an answer to question %d, not %d", host.ErrMalformed, got, seq)
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[9+8*i:]) }
	return state{known: b[8] == 1, term: n(0), last: n(1), applied: n(2), commit: n(3)}, nil
}

// answer serves the questions of one stream until it ends.
func (ru *running) answer(raw net.Conn) error {
	c, err := ru.layer.wrap(raw, true)
	if err != nil {
		return err
	}
	defer c.Close()
	var q [8]byte
	for {
		if _, err := io.ReadFull(c, q[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return err
		}
		seq := binary.BigEndian.Uint64(q[:])
		b := ru.state().encode(seq)
		if seq&asksTerm != 0 {
			b[8] |= withTerm
			b = binary.BigEndian.AppendUint64(b, ru.lastTerm())
		}
		if _, err := c.Write(b); err != nil {
			return err
		}
	}
}

// state is read anew for each question: that the term is not from before the
// question is what a barrier rests on.
func (ru *running) state() state {
	h := ru.handle.Load()
	if h == nil {
		return state{}
	}
	return state{known: true, term: h.CurrentTerm(), last: h.LastIndex(), applied: h.AppliedIndex(), commit: h.CommitIndex()}
}

// lastTerm is the term of the last entry of the log, 0 when it is not known.
func (ru *running) lastTerm() uint64 {
	h := ru.handle.Load()
	if h == nil {
		return 0
	}
	n, err := strconv.ParseUint(h.Stats()["last_log_term"], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// lines are the streams on which a copy asks others, one to each.
type lines struct {
	mu  sync.Mutex
	all map[string]*line
}

type line struct {
	busy chan struct{} // held by the one that asks
	c    net.Conn
	seq  uint64
}

func (l *lines) to(server string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]*line{}
	}
	if l.all[server] == nil {
		l.all[server] = &line{busy: make(chan struct{}, 1)}
	}
	return l.all[server]
}

// ask asks a copy how it is. The context bounds it.
func (ru *running) ask(ctx context.Context, server string) (state, error) {
	return ru.inquire(ctx, server, 0)
}

// inquire is ask with bits of the question.
func (ru *running) inquire(ctx context.Context, server string, more uint64) (state, error) {
	peer, err := PeerOf(server)
	if err != nil {
		return state{}, err
	}
	l := ru.lines.to(server)
	select {
	case l.busy <- struct{}{}:
		defer func() { <-l.busy }()
	case <-ctx.Done():
		return state{}, ctx.Err()
	}
	fresh := l.c == nil
	if fresh {
		if err := ru.call(ctx, l, peer, server); err != nil {
			return state{}, err
		}
	}
	s, err := l.ask(ctx, more)
	if err == nil {
		return s, nil
	}
	l.c.Close()
	l.c = nil
	if fresh || ctx.Err() != nil {
		return state{}, fmt.Errorf("ask %s: %w", server, err)
	}
	// The stream was from before: the other node may have been started anew.
	if err := ru.call(ctx, l, peer, server); err != nil {
		return state{}, err
	}
	if s, err = l.ask(ctx, more); err != nil {
		l.c.Close()
		l.c = nil
		return state{}, fmt.Errorf("ask %s: %w", server, err)
	}
	return s, nil
}

func (ru *running) call(ctx context.Context, l *line, peer host.ID, server string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := ru.r.mux.dial(ctx, peer, header{kind: kindAsk, group: ru.r.cfg.Group, to: server, from: ru.server})
	if err != nil {
		return err
	}
	c, err := ru.layer.wrap(raw, false)
	if err != nil {
		return err
	}
	l.c = c
	return nil
}

func (l *line) ask(ctx context.Context, more uint64) (state, error) {
	c := l.c // l.c is another one, or none, when a late end of the context comes
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(headerTimeout)
	}
	if err := c.SetDeadline(end); err != nil {
		return state{}, err
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	l.seq++
	if _, err := c.Write(binary.BigEndian.AppendUint64(nil, l.seq|more)); err != nil {
		return state{}, err
	}
	b := make([]byte, stateSize)
	if _, err := io.ReadFull(c, b); err != nil {
		return state{}, err
	}
	var lastTerm [8]byte
	if more&asksTerm != 0 && b[8]&withTerm != 0 {
		b[8] &^= withTerm
		if _, err := io.ReadFull(c, lastTerm[:]); err != nil {
			return state{}, err
		}
	}
	if !stop() {
		return state{}, ctx.Err() // the deadline of the next question would be this one's
	}
	s, err := decodeState(b, l.seq|more)
	s.lastTerm = binary.BigEndian.Uint64(lastTerm[:])
	return s, err
}

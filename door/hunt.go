package door

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/wire"
)

// How many nodes are asked at once who leads, and how long one is waited for.
const (
	huntWidth = 5
	huntWait  = 2500 * time.Millisecond
)

// hunt is a search for the leader, which all calls that need it share.
type hunt struct {
	done        chan struct{}
	leader, via host.ID
	err         error
}

// find asks the nodes who leads. via is not empty when the leader cannot be
// reached from here and that node can lead on.
func (r *Remote) find(ctx context.Context) (leader, via host.ID, err error) {
	r.mu.Lock()
	if r.leader != "" {
		defer r.mu.Unlock()
		return r.leader, r.via, nil
	}
	h := r.hunt
	if h == nil && !r.closed {
		h = &hunt{done: make(chan struct{})}
		r.hunt = h
		r.wg.Add(1)
		go r.run(h)
	}
	why := r.none
	r.mu.Unlock()
	if h == nil {
		return "", "", ended(ctx)
	}
	select {
	case <-h.done:
		return h.leader, h.via, h.err
	case <-ctx.Done():
	}
	if why == nil {
		why = errors.New("its nodes are being asked who leads it, and have not answered yet")
	}
	return "", "", r.late(ctx, why)
}

// search is find for a node that tells others; "" when nobody knows.
func (r *Remote) search(ctx context.Context) host.ID {
	if !r.begin() {
		return ""
	}
	defer r.wg.Done()
	ctx, cancel := context.WithTimeout(ctx, huntWait)
	defer cancel()
	leader, _, err := r.find(ctx)
	if err != nil {
		return ""
	}
	return leader
}

func (r *Remote) run(h *hunt) {
	defer r.wg.Done()
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	h.leader, h.via, h.err = r.look(ctx)
	r.mu.Lock()
	if r.none = h.err; h.err == nil {
		r.leader, r.via, r.teller = h.leader, h.via, ""
	}
	r.hunt = nil
	r.mu.Unlock()
	close(h.done)
}

// word is what a node says of who leads.
type word struct {
	from   host.ID
	leader host.ID
	here   bool
	err    error
}

// look asks all nodes, a few at once, until one says that it leads itself.
func (r *Remote) look(ctx context.Context) (leader, via host.ID, err error) {
	list, err := r.peers(ctx)
	if err != nil {
		return "", "", err
	}
	var words []word
	asked := map[host.ID]error{}
	for len(list) > 0 {
		n := min(huntWidth, len(list))
		got, found := r.hear(ctx, list[:n])
		if found != "" {
			return found, "", nil
		}
		for _, w := range got {
			asked[w.from] = w.err
		}
		words = append(words, got...)
		list = list[n:]
	}
	// Nobody leads that we asked. Those who were named may be others.
	for _, w := range words {
		if w.leader == "" || w.leader == r.h.ID() {
			continue
		}
		why, was := asked[w.leader]
		if !was {
			x := r.question(ctx, w.leader)
			if x.here {
				return w.leader, "", nil
			}
			why = x.err
			asked[w.leader] = why
		}
		if errors.Is(why, host.ErrUnreachable) || errors.Is(why, host.ErrRefused) {
			return w.leader, w.from, nil
		}
	}
	return "", "", r.nobody(words)
}

// nobody says why no leader was found.
func (r *Remote) nobody(words []word) error {
	var errs []error
	strangers := 0
	for _, w := range words {
		var s *stranger
		if errors.As(w.err, &s) && !notYet(s.err) {
			strangers++
		}
		if w.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.from, w.err))
		}
	}
	if strangers == len(words) && strangers > 0 {
		var s *stranger
		errors.As(words[0].err, &s)
		return s.err // all answered, and none knows the group
	}
	const need = "no node leads it, as it takes a majority of its voters that reach each other; see weft cluster, and start the nodes that are down"
	if len(errs) == 0 {
		return &again{why: errors.New(need)}
	}
	return &again{why: fmt.Errorf(need+": %w", errors.Join(errs...))}
}

// notYet reports whether what a node says of a group that it cannot find is
// different soon: it, or the group, has only begun.
func notYet(err error) bool { return op.CodeOf(err) == op.CodeTimeout }

// stranger is a node that does not know the group.
type stranger struct{ err error }

func (s *stranger) Error() string { return s.err.Error() }

// hear asks some nodes at once.
func (r *Remote) hear(ctx context.Context, list []host.ID) (words []word, found host.ID) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan word, len(list))
	for _, p := range list {
		go func() { answers <- r.question(ctx, p) }()
	}
	for range list {
		w := <-answers
		if w.here && found == "" {
			found = w.from
			cancel() // the others need not answer, but are waited for
		}
		words = append(words, w)
	}
	return words, found
}

// question asks a node who leads, on a stream of its own.
func (r *Remote) question(ctx context.Context, peer host.ID) (w word) {
	w.from = peer
	ctx, cancel := context.WithTimeout(ctx, huntWait)
	defer cancel()
	l, err := r.lines.extra(ctx, peer)
	if err != nil {
		w.err = err
		return w
	}
	defer context.AfterFunc(ctx, func() { _ = l.st.Reset() })()
	kind, body, err := l.simple(&request{verb: verbLeader, group: r.o.Group, left: huntWait})
	if err != nil {
		_ = l.st.Reset() // the first error is the one to tell
		w.err = err
		return w
	}
	if err := l.st.Close(); err != nil {
		_ = l.st.Reset() // it has answered
	}
	switch {
	case kind == frameOK && len(body) > 0:
		w.here, w.leader = body[0] == 1, host.ID(body[1:])
	case kind == frameNoGroup:
		w.err = &stranger{wire.DecodeError(body)}
	case kind == frameError:
		w.err = wire.DecodeError(body)
	default:
		w.err = malformed("a frame of kind %c is no answer", kind)
	}
	return w
}

// simple asks and reads an answer of one frame.
func (l *line) simple(q *request) (kind byte, body []byte, err error) {
	if err := writeFrame(l.w, frameRequest, q.append(nil), q.body); err != nil {
		return 0, nil, err
	}
	if err := l.w.Flush(); err != nil {
		return 0, nil, err
	}
	kind, n, err := readHead(l.r)
	if err != nil {
		return 0, nil, err
	}
	body, err = readBody(l.r, n)
	return kind, body, err
}

// probe is a question whether a node is there, which all who wait for it share.
type probe struct {
	done chan struct{}
	word word
}

// alive reports whether a node answers and, with leads, whether it says that it
// leads.
func (r *Remote) alive(peer host.ID, leads bool) bool {
	r.mu.Lock()
	p := r.probes[peer]
	mine := p == nil
	if mine {
		p = &probe{done: make(chan struct{})}
		r.probes[peer] = p
	}
	r.mu.Unlock()
	if mine {
		ctx, cancel := context.WithTimeout(r.ctx, probeWait)
		p.word = r.question(ctx, peer)
		cancel()
		r.mu.Lock()
		delete(r.probes, peer)
		r.mu.Unlock()
		close(p.done)
	}
	<-p.done
	return p.word.err == nil && (!leads || p.word.here)
}

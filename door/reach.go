package door

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// ask is a request on its way to whoever can answer it.
type ask struct {
	q      request
	set    *schema.Set // of the models that the request names
	change bool        // it changes something: an outcome can be unknown
	any    bool        // any copy may answer

	tried     map[host.ID]bool // of those that may answer, in this round
	jumps     int              // from node to node, without a pause
	taught    int
	uncertain bool // it was sent, and how it ended is not known
	strangers int  // nodes that do not know the group, in a row

	why error // the last attempt failed; nil before it did
}

// The pauses between rounds.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 300 * time.Millisecond
)

// lost is the error of a connection that failed: the peer cannot be reached,
// went away, or does not speak as it should.
type lost struct {
	peer host.ID
	sent bool // the request may have arrived
	err  error
}

func (e *lost) Error() string {
	if e.sent {
		return fmt.Sprintf("%s did not answer to the end: %v", e.peer, e.err)
	}
	return fmt.Sprintf("%s: %v", e.peer, e.err)
}

func (e *lost) Unwrap() error { return e.err }

// again says that a request should be sent again.
type again struct {
	now bool // without a pause: something was learned
	why error
}

func (e *again) Error() string { return e.why.Error() }

// errAllTried ends a round of the nodes that hold copies.
var errAllTried = errors.New("no node that was asked could answer")

// reach sends a request until it is answered, and hands the answer to take. What
// take returns is the result, but for *lost: then the request is sent again.
func (r *Remote) reach(ctx context.Context, a *ask, take func(*reply) error) error {
	hops, led := hopsOf(ctx)
	if led {
		if hops > 0 {
			leader, _ := r.Leader()
			return &NotLeader{Peer: leader}
		}
		a.q.hops = 1
	}
	a.q.group, a.q.reading = r.o.Group, op.ReadingOf(ctx)
	began, pause := time.Now(), firstPause
	for {
		err := r.once(ctx, a, take)
		var more *again
		if err == nil || !errors.As(err, &more) {
			return err
		}
		a.why = more.why
		if more.now {
			continue
		}
		if led && !a.uncertain {
			// Who sent it here waits for a leader, and must not be left without an
			// answer when its time ends: it could not tell what became of it.
			return &NotLeader{}
		}
		r.log.Debug("a request is sent again", "verb", a.q.verb.String(), "pause", pause, "why", more.why)
		left := r.o.Patience - time.Since(began)
		t := time.NewTimer(min(pause/2+rand.N(pause), max(left, 0)))
		select {
		case <-t.C:
			pause = min(2*pause, lastPause)
		case <-ctx.Done():
			t.Stop()
			return a.given(r.late(ctx, a.why))
		}
		if time.Since(began) >= r.o.Patience {
			return a.given(op.Errorf(op.CodeDatabase, "group %q could not be asked within %s: %w", r.o.Group, r.o.Patience, more.why))
		}
	}
}

// late is the error when a context ended before the request was answered: it
// says why that took so long, where that is known.
func (r *Remote) late(ctx context.Context, why error) error {
	err := ended(ctx)
	var e *op.Error
	if why == nil || !errors.As(err, &e) || e.Closed {
		return err
	}
	return &op.Error{Code: e.Code, Message: fmt.Sprintf("%s: group %q could not be asked: %v", e.Message, r.o.Group, why), Index: -1, Err: err}
}

// given is the error when it is given up.
func (a *ask) given(err error) error {
	if !a.change || !a.uncertain {
		return err
	}
	if code := op.CodeOf(err); code == op.CodeTimeout || code == op.CodeCancelled {
		return &op.Error{Code: code, Message: fmt.Sprintf("it is not known whether the change was applied: %v", err), Index: -1, Err: errors.Join(ErrUnknown, err)}
	}
	return Unknown(err)
}

// once sends a request to one node.
func (r *Remote) once(ctx context.Context, a *ask, take func(*reply) error) error {
	if ctx.Err() != nil {
		return a.given(r.late(ctx, a.why))
	}
	node, flags, err := r.target(ctx, a)
	var more *again
	switch {
	case errors.As(err, &more):
		return err
	case err != nil:
		return a.given(err) // an earlier attempt may have been applied
	}
	a.q.flags = flags
	p, err := r.send(ctx, node, a)
	if err == nil {
		switch err = r.answered(ctx, a, p, node); {
		case err == nil:
			err = take(p)
		case p.live:
			p.done(true)
		}
	}
	var gone *lost
	if !errors.As(err, &gone) {
		return err
	}
	a.uncertain = a.uncertain || gone.sent
	if ctx.Err() != nil {
		return a.given(r.late(ctx, gone))
	}
	return r.failed(a, node, gone)
}

// send sends a request and waits for the first frame of the answer. Its errors
// are *lost, and those of a request that cannot be sent.
func (r *Remote) send(ctx context.Context, node host.ID, a *ask) (*reply, error) {
	for fresh := false; ; fresh = true {
		l, err := r.lines.get(ctx, node, fresh)
		if err != nil {
			return nil, &lost{peer: node, err: err}
		}
		p, err := r.over(ctx, l, &a.q, a.led())
		var gone *lost
		if !errors.As(err, &gone) || !l.reused || ctx.Err() != nil {
			return p, err
		}
		// The stream was kept from before, and the other end has gone since.
		a.uncertain = true
		r.lines.forget(node)
	}
}

// led reports whether a request is of no use to a node that leads no more.
func (a *ask) led() bool {
	switch a.q.verb {
	case verbDo, verbRun, verbBegin, verbResolve:
		return a.q.flags == 0
	}
	return false
}

// answered looks at the first frame of an answer; nil means that take has it.
func (r *Remote) answered(ctx context.Context, a *ask, p *reply, node host.ID) error {
	if p.kind != frameNoGroup {
		a.strangers = 0
	}
	switch p.kind {
	case frameOK:
		r.met(a, node)
		return nil
	case frameError:
		err := wire.DecodeError(p.body)
		var e *op.Error
		if errors.As(err, &e) && e.Closed {
			return r.failed(a, node, err) // the node is on its way down
		}
		if code := op.CodeOf(err); code == op.CodeTimeout || code == op.CodeCancelled {
			return a.given(err) // of this attempt; an earlier one may have been applied
		}
		return err
	case frameUnknown:
		a.uncertain = true
		return r.failed(a, node, wire.DecodeError(p.body))
	case frameNotLeader:
		return r.told(a, node, host.ID(p.body))
	case frameModels:
		p.done(true)
		if a.taught++; a.taught > 3 {
			return op.Errorf(op.CodeInternal, "%s does not know the models that it was sent", node)
		}
		a.any = false // the leader knows them first
		if err := r.teach(ctx, a.set); err != nil {
			return err
		}
		return &again{now: true, why: errors.New("the models were sent")}
	case frameNoGroup:
		err := wire.DecodeError(p.body)
		if !notYet(err) {
			a.strangers++
		}
		if a.strangers > 3 {
			return err
		}
		return r.failed(a, node, err)
	}
	p.done(false)
	return &lost{peer: node, sent: true, err: malformed("a frame of kind %c is no answer", p.kind)}
}

// target is whom to ask, and with which flags.
func (r *Remote) target(ctx context.Context, a *ask) (host.ID, byte, error) {
	if a.any {
		return r.holder(ctx, a)
	}
	r.mu.Lock()
	leader, via := r.leader, r.via
	r.mu.Unlock()
	if leader == "" {
		var err error
		if leader, via, err = r.find(ctx); err != nil {
			return "", 0, err
		}
	}
	if via != "" {
		return via, flagLeadOn, nil
	}
	return leader, 0, nil
}

// holder is the next node that may have a copy.
func (r *Remote) holder(ctx context.Context, a *ask) (host.ID, byte, error) {
	if a.tried == nil {
		a.tried = map[host.ID]bool{}
	}
	r.mu.Lock()
	near := r.near
	r.mu.Unlock()
	if near != "" && !a.tried[near] {
		a.tried[near] = true
		return near, flagAny, nil
	}
	peers, err := r.peers(ctx)
	if err != nil {
		return "", 0, err
	}
	for _, p := range peers {
		if !a.tried[p] {
			a.tried[p] = true
			return p, flagAny, nil
		}
	}
	clear(a.tried)
	return "", 0, &again{why: errAllTried}
}

// peers are the nodes to try.
func (r *Remote) peers(ctx context.Context) ([]host.ID, error) {
	list, err := r.o.Peers(ctx)
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	if err != nil {
		return nil, &again{why: fmt.Errorf("find nodes: %w", err)}
	}
	var out []host.ID
	for _, p := range list {
		if p != r.h.ID() && p != "" {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, &again{why: errors.New("no node is known that could be asked")}
	}
	return out, nil
}

// met notes who answered.
func (r *Remote) met(a *ask, node host.ID) {
	if a.any {
		r.mu.Lock()
		r.near = node
		r.mu.Unlock()
	}
}

// told takes the word of a node that does not lead.
func (r *Remote) told(a *ask, node, leader host.ID) error {
	why := &again{why: &NotLeader{Peer: leader}}
	if a.any {
		why.now = true // the next of the round
		return why
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leader == node || r.via == node || r.leader == "" {
		r.leader, r.via, r.teller = "", "", ""
		if leader != "" && leader != node && leader != r.h.ID() {
			r.leader, r.teller = leader, node
		}
	}
	if a.jumps++; r.leader != "" && a.jumps%4 != 0 {
		why.now = true
	}
	return why
}

// failed takes back what was thought of a node.
func (r *Remote) failed(a *ask, node host.ID, why error) error {
	if a.any {
		r.mu.Lock()
		if r.near == node {
			r.near = ""
		}
		r.mu.Unlock()
		return &again{now: true, why: why}
	}
	var gone *lost
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.leader == node && r.via == "" && r.teller != "" && errors.As(why, &gone) && !gone.sent:
		// It leads, as another node said, and cannot be reached from here.
		r.via = r.teller
		r.teller = ""
		return &again{now: true, why: why}
	case r.leader == node || r.via == node:
		r.leader, r.via, r.teller = "", "", ""
	}
	return &again{why: why}
}

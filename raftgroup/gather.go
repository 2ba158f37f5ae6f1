package raftgroup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/raftgroup/replica"
)

// underWay is how many entries may be proposed at the same time. With two, each
// holds half as many members, and what an entry costs beside its members, on
// disks and networks, costs more than is won by handing it in early: 128 writers
// took a third less of two busy cores with one.
const underWay = 1

// call is a member that waits for its outcome.
type call struct {
	m     member
	set   setHash // zero: its operations name no models
	alone bool    // in an entry of its own
	given [][]any // the rows of an insert that need not come back; nil: what comes back counts
	done  chan struct{}
	out   outcome
	err   error // nothing is known of an outcome
}

// gatherer puts the members of many callers into entries.
type gatherer struct {
	g *Group

	mu      sync.Mutex
	queue   []*call
	flying  int
	flights map[nonce][]*call
	wg      sync.WaitGroup
}

// submit hands a member in and waits for what it led to. The error is one of
// package replica, or of the context; a door.ErrUnknown in it means that the
// member may be applied all the same.
func (t *gatherer) submit(ctx context.Context, c *call) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return outcome{}, op.FromContext(err)
	}
	c.done = make(chan struct{})
	t.mu.Lock()
	t.queue = append(t.queue, c)
	if t.flying < underWay {
		t.flying++
		t.wg.Add(1)
		go t.fly()
	}
	t.mu.Unlock()
	select {
	case <-c.done:
	case <-ctx.Done():
		if t.withdraw(c) {
			return outcome{}, op.FromContext(ctx.Err())
		}
		select {
		case <-c.done:
		default:
			return outcome{}, cutShort(ctx.Err())
		}
	}
	return c.out, c.err
}

// cutShort is the error of a change whose caller did not wait for the outcome.
func cutShort(why error) error {
	e := &op.Error{Code: op.CodeCancelled, Index: -1, Err: errors.Join(door.ErrUnknown, why)}
	e.Message = "the call ended while the change was under way: it may or may not be done; ask by its ID, or repeat it with the same one"
	if errors.Is(why, context.DeadlineExceeded) {
		e.Code = op.CodeTimeout
	}
	return e
}

// withdraw takes back a member that is not on its way yet.
func (t *gatherer) withdraw(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.queue, c)
	if i >= 0 {
		t.queue = slices.Delete(t.queue, i, i+1)
	}
	return i >= 0
}

// fly proposes entries as long as there is something to propose.
func (t *gatherer) fly() {
	defer t.wg.Done()
	for {
		t.mu.Lock()
		calls := t.take()
		if len(calls) == 0 {
			t.flying--
			t.mu.Unlock()
			return
		}
		e := t.entry(calls)
		t.flights[e.nonce] = calls
		t.mu.Unlock()
		t.propose(e, calls)
	}
}

// take takes the next members, up to the size of an entry.
func (t *gatherer) take() []*call {
	n, size := 0, 0
	for n < len(t.queue) {
		c := t.queue[n]
		size += len(c.m.body) + 32
		if n > 0 && (c.alone || t.queue[0].alone || size > t.g.cfg.Gather) {
			break
		}
		n++
	}
	calls := t.queue[:n:n]
	t.queue = t.queue[n:]
	if len(t.queue) == 0 {
		t.queue = nil
	}
	return calls
}

// entry makes the entry of some members.
func (t *gatherer) entry(calls []*call) *entry {
	e := &entry{nonce: newNonce(), stamp: t.g.cfg.Clock(), seed: rand.Uint64(), window: t.g.cfg.Window, members: make([]member, len(calls))}
	for i, c := range calls {
		e.members[i] = c.m
		e.members[i].set = -1
		if c.set != (setHash{}) {
			at := slices.Index(e.sets, c.set)
			if at < 0 {
				at = len(e.sets)
				e.sets = append(e.sets, c.set)
			}
			e.members[i].set = at
		}
	}
	return e
}

func (t *gatherer) propose(e *entry, calls []*call) {
	size := 256
	for i := range e.members {
		size += len(e.members[i].body) + 40
	}
	data := e.append(make([]byte, 0, size))
	began := time.Now()
	err := t.g.rep.Propose(t.g.ctx, data)
	t.mu.Lock()
	_, waiting := t.flights[e.nonce]
	delete(t.flights, e.nonce)
	t.mu.Unlock()
	t.g.metrics.entry(len(calls), time.Since(began))
	if !waiting {
		return // they were told when it was applied
	}
	var failed *replica.ApplyError
	switch {
	case err == nil: // applied, and yet not told: the copy was exchanged in the middle
		err = replica.ErrUnknown
	case errors.As(err, &failed):
		// This copy could not carry it out, for want of disk, say. It is in the log:
		// the others do, and this one does when it is started again.
		err = fmt.Errorf("%w: this node could not apply it: %s", replica.ErrUnknown, strings.TrimSuffix(failed.Text, "; nothing was changed"))
	}
	for _, c := range calls {
		c.err = err
		close(c.done)
	}
}

// landed tells callers what their members led to, when this node has applied the
// entry.
func (t *gatherer) landed(e *entry, outs []outcome) {
	t.mu.Lock()
	calls, ok := t.flights[e.nonce]
	delete(t.flights, e.nonce)
	t.mu.Unlock()
	if !ok {
		return
	}
	for i, c := range calls {
		c.out = outs[i]
		close(c.done)
	}
}

package raftgroup

import (
	"context"
	"sync"
	"time"

	"github.com/weftdb/weft/op"
)

// turns lets transactions that met a conflict go one after the other, so that
// each of them succeeds in the end. Who begins soon after a conflict is taken for
// who met it. Transactions that are in nobody's way never wait, unless one that
// had its turn met a conflict again: then all do for a moment.
type turns struct {
	mu      sync.Mutex
	tickets int // transactions that are expected to begin again
	until   time.Time
	hot     time.Time // until then everybody takes turns
	holder  *turn
	queue   []chan *turn
	pace    time.Duration // how long transactions that have a turn take here, at most longestPace
}

const (
	ticketTime = 400 * time.Millisecond // more than who begins again waits before it does
	hotTime    = 100 * time.Millisecond
	turnTime   = 250 * time.Millisecond // then the next one may begin as well
	maxTickets = 1024
	// paceTimes is how many times as long as transactions take a ticket and a turn
	// last at least: on a machine that is slow, or has much to do, nobody would have
	// the time to go alone. longestPace bounds what those cost that are left open.
	paceTimes   = 3
	longestPace = time.Second
)

// turn is the right of one transaction to go alone among those that take turns.
// A nil one is none.
type turn struct {
	t     *turns
	timer *time.Timer
	began time.Time
	ended bool
}

// take waits for a turn if the transaction needs one.
func (t *turns) take(ctx context.Context) (*turn, error) {
	t.mu.Lock()
	now := time.Now()
	if now.After(t.until) {
		t.tickets = 0
	}
	if t.tickets == 0 && now.After(t.hot) {
		t.mu.Unlock()
		return nil, nil
	}
	t.tickets = max(0, t.tickets-1)
	if t.holder == nil {
		h := t.give()
		t.mu.Unlock()
		return h, nil
	}
	ch := make(chan *turn, 1)
	t.queue = append(t.queue, ch)
	t.mu.Unlock()
	select {
	case h := <-ch:
		return h, nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	for i, q := range t.queue {
		if q == ch {
			t.queue = append(t.queue[:i], t.queue[i+1:]...)
			break
		}
	}
	t.mu.Unlock()
	select {
	case h := <-ch:
		h.pass()
	default:
	}
	return nil, op.FromContext(ctx.Err())
}

// give makes a turn. The lock is held.
func (t *turns) give() *turn {
	h := &turn{t: t, began: time.Now()}
	h.timer = time.AfterFunc(max(turnTime, paceTimes*t.pace), h.pass)
	t.holder = h
	return h
}

// release ends the turn of a transaction that has ended.
func (h *turn) release() {
	if h == nil {
		return
	}
	h.t.mu.Lock()
	if !h.ended {
		h.ended = true
		h.t.pace = (3*h.t.pace + min(time.Since(h.began), longestPace)) / 4
	}
	h.t.mu.Unlock()
	h.pass()
}

// pass lets the next one go.
func (h *turn) pass() {
	t := h.t
	t.mu.Lock()
	defer t.mu.Unlock()
	h.timer.Stop()
	if t.holder != h {
		return
	}
	t.holder = nil
	if len(t.queue) > 0 {
		ch := t.queue[0]
		t.queue = t.queue[1:]
		ch <- t.give()
	}
}

// conflict says that a transaction, which had a turn or nil, has to begin again.
func (t *turns) conflict(h *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.After(t.until) {
		t.tickets = 0
	}
	t.tickets = min(t.tickets+1, maxTickets)
	t.until = now.Add(max(ticketTime, paceTimes*t.pace))
	if h != nil {
		t.hot = now.Add(hotTime)
	}
}

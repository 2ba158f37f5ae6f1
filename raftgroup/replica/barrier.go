package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// barriers gathers calls of Barrier: those that arrive while a round is under
// way share the next one.
type barriers struct {
	mu      sync.Mutex
	waiting []chan error
	running bool
}

// Barrier returns when this node is known to lead the group and has applied
// everything that was acknowledged before the call (ReadIndex). Calls at the
// same time share the work.
//
// ErrNotLeader and ErrNoQuorum mean that it is not so.
func (r *Replica) Barrier(ctx context.Context) error {
	ru, err := r.current()
	if err != nil {
		return err
	}
	if !ru.leads() {
		return ru.notLeader()
	}
	ch := make(chan error, 1)
	b := &ru.barriers
	b.mu.Lock()
	b.waiting = append(b.waiting, ch)
	start := !b.running
	if start {
		if !r.enter() {
			b.waiting = b.waiting[:len(b.waiting)-1]
			b.mu.Unlock()
			return ErrClosed
		}
		b.running = true
	}
	b.mu.Unlock()
	if start {
		go func() {
			defer r.leave()
			ru.rounds()
		}()
	}
	select {
	case err := <-ch:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Settle returns when what earlier leaders acknowledged is applied on this node,
// which leads: a new leader has it in its log at first. Once that is so it asks
// nobody, and does not say that this node leads still.
func (r *Replica) Settle(ctx context.Context) error {
	ru, err := r.current()
	if err != nil {
		return err
	}
	if h := ru.handle.Load(); h != nil && ru.settled.Load() == h.CurrentTerm() {
		return nil
	}
	return r.Barrier(ctx)
}

// rounds answers callers until there are none.
func (ru *running) rounds() {
	b := &ru.barriers
	for {
		b.mu.Lock()
		now := b.waiting
		b.waiting = nil
		if len(now) == 0 {
			b.running = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		err := ru.barrier()
		for _, ch := range now {
			ch <- err
		}
	}
}

// barrier is one round. It does not use raft's VerifyLeader: that counts
// answers to messages that were sent before the call, which may have waited in a
// buffer while another leader was elected, as they do in a process that was
// stopped for a while.
func (ru *running) barrier() error {
	ctx, cancel := context.WithTimeout(ru.ctx, max(2*ru.r.cfg.Heartbeat, time.Second))
	defer cancel()
	h := ru.handle.Load()
	if h == nil || h.State() != raft.Leader {
		return ru.notLeader()
	}
	term := h.CurrentTerm()
	if err := ru.settle(ctx, h, term); err != nil {
		return err
	}
	// What this leader acknowledged is applied here already, for it acknowledges
	// after applying; what earlier ones did is so since settle. A follower may
	// have applied more, and somebody may have seen it there: so wait for what is
	// committed.
	index := h.CommitIndex()
	if err := ru.confirm(ctx, h, term); err != nil {
		return err
	}
	return ru.wait(ctx, h, index, term)
}

// settle makes sure that an entry of this term is applied here.
func (ru *running) settle(ctx context.Context, h *raft.Raft, term uint64) error {
	if ru.settled.Load() == term {
		return nil
	}
	if err := ru.enter(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer ru.leave()
		f, err := ru.st.Noop("")
		if err == nil {
			err = f.Error()
		}
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		return fmt.Errorf("%w: an entry of this term was not taken up in time", ErrNoQuorum)
	}
	if err != nil {
		if err = classify(err); errors.Is(err, ErrUnknown) {
			return ru.notLeader()
		}
		return err
	}
	if h.CurrentTerm() != term || h.State() != raft.Leader {
		return ru.notLeader()
	}
	ru.settled.Store(term)
	return nil
}

// confirm asks the other voters for their terms. When a majority, asked after
// this began, has seen no higher term, then no other leader was elected before.
func (ru *running) confirm(ctx context.Context, h *raft.Raft, term uint64) error {
	voters, here := 0, 0
	var others []string
	for _, s := range h.GetConfiguration().Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if string(s.ID) == ru.server {
			here = 1
		} else {
			others = append(others, string(s.ID))
		}
	}
	need := voters/2 + 1 - here
	type told struct {
		state
		err error
	}
	answers := make(chan told, len(others))
	for _, server := range others {
		if need <= 0 {
			break
		}
		if !ru.r.enter() {
			return ErrClosed
		}
		go func() {
			defer ru.r.leave()
			// Those that are not waited for keep their stream: their time is their own.
			ctx, cancel := context.WithTimeout(ru.ctx, max(2*ru.r.cfg.Heartbeat, time.Second))
			defer cancel()
			s, err := ru.ask(ctx, server)
			answers <- told{s, err}
		}()
	}
	for left := len(others); need > 0; left-- {
		if left < need {
			return fmt.Errorf("%w: too few voters answered", ErrNoQuorum)
		}
		select {
		case a := <-answers:
			if a.err != nil || !a.known {
				continue
			}
			if a.term > term {
				return ru.notLeader()
			}
			need--
		case <-ctx.Done():
			return fmt.Errorf("%w: too few voters answered in time", ErrNoQuorum)
		}
	}
	if h.State() != raft.Leader || h.CurrentTerm() != term {
		return ru.notLeader()
	}
	return nil
}

// wait returns when SQLite has what is committed up to an index.
func (ru *running) wait(ctx context.Context, h *raft.Raft, index, term uint64) error {
	for {
		// Changes of members never reach SQLite; those of this term are known.
		for ru.isQuiet(index) {
			index--
		}
		if _, err := ru.st.WaitForFSMIndex(index, 20*time.Millisecond); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: what is committed was not applied here in time", ErrNoQuorum)
		}
		if h.State() != raft.Leader || h.CurrentTerm() != term {
			return ru.notLeader()
		}
	}
}

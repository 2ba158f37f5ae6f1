package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/weftdb/weft/p2p/host"
)

// Member is one copy in the group's configuration.
type Member struct {
	Server string
	Peer   host.ID
	Voter  bool
	Leader bool
}

// Members are those of the configuration, by Server. A change that is under way
// shows already.
func (r *Replica) Members(ctx context.Context) ([]Member, error) {
	ru, err := r.current()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, leader := ru.st.LeaderWithID()
	var out []Member
	for _, s := range ru.servers() {
		peer, err := PeerOf(string(s.ID))
		if err != nil {
			return nil, err
		}
		out = append(out, Member{Server: string(s.ID), Peer: peer, Voter: s.Suffrage == raft.Voter, Leader: string(s.ID) == leader})
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.Server, b.Server) })
	return out, nil
}

// catchUpPoll is how often a new copy is asked how far it is.
const catchUpPoll = 20 * time.Millisecond

// Add makes a copy a member, on the leader. A voter is added as standby first
// and promoted when it has caught up and, with it, a majority of the voters can
// be reached; it stays a standby when the context ends before. A voter becomes a
// standby when voter is false, unless it is the leader or the last one. Earlier
// incarnations of the same peer are removed.
func (r *Replica) Add(ctx context.Context, peer host.ID, server string, voter bool) error {
	if p, err := PeerOf(server); err != nil {
		return err
	} else if p != peer {
		return fmt.Errorf("replica: %q is not a copy of peer %s", server, peer)
	}
	ru, h, unlock, err := r.leading(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	// A change of members before the leader has an entry of its own term could
	// meet one of an earlier leader that was never completed.
	if err := ru.settle(ctx, h, h.CurrentTerm()); err != nil {
		return err
	}
	if err := ru.removeEarlier(ctx, h, peer, server); err != nil {
		return err
	}
	now, found := ru.find(server)
	switch {
	case found && (now.Suffrage == raft.Voter) == voter:
		return nil
	case found && !voter:
		return ru.demote(ctx, h, server)
	case !found:
		if err := ru.change(ctx, "add "+server, func(d time.Duration) raft.IndexFuture {
			return h.AddNonvoter(raft.ServerID(server), raft.ServerAddress(server), 0, d)
		}); err != nil {
			return err
		}
	}
	if !voter {
		return nil
	}
	if err := ru.caughtUp(ctx, h, server); err != nil {
		return fmt.Errorf("promote %s: %w; it is a standby until it is added again", server, err)
	}
	return ru.change(ctx, "promote "+server, func(d time.Duration) raft.IndexFuture {
		return h.AddVoter(raft.ServerID(server), raft.ServerAddress(server), 0, d)
	})
}

// leading is the store of a leader; others that change members wait.
func (r *Replica) leading(ctx context.Context) (*running, *raft.Raft, func(), error) {
	ru, err := r.current()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	if !ru.leads() {
		return nil, nil, nil, ru.notLeader()
	}
	select {
	case ru.members <- struct{}{}:
		return ru, ru.handle.Load(), func() { <-ru.members }, nil
	case <-ctx.Done():
		return nil, nil, nil, ctx.Err()
	}
}

func (ru *running) find(server string) (raft.Server, bool) {
	for _, s := range ru.servers() {
		if string(s.ID) == server {
			return s, true
		}
	}
	return raft.Server{}, false
}

// removeEarlier removes other copies of a peer. One that was a voter counts for
// the majority until it is gone: so this comes before the new one is added.
func (ru *running) removeEarlier(ctx context.Context, h *raft.Raft, peer host.ID, server string) error {
	for _, s := range ru.servers() {
		if p, err := PeerOf(string(s.ID)); err != nil || p != peer || string(s.ID) == server {
			continue
		}
		if string(s.ID) == ru.server {
			return fmt.Errorf("replica: %s is this copy, which leads; %s cannot take its place", s.ID, server)
		}
		if err := ru.remove(ctx, h, string(s.ID)); err != nil {
			return err
		}
	}
	return nil
}

// change makes one change of the configuration. The context bounds it; without
// a majority it stays under way.
func (ru *running) change(ctx context.Context, what string, fn func(time.Duration) raft.IndexFuture) error {
	d := ru.r.cfg.ApplyTimeout
	if end, ok := ctx.Deadline(); ok {
		d = min(d, max(time.Until(end), time.Millisecond))
	}
	if err := ru.enter(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer ru.leave()
		f := fn(d)
		err := f.Error()
		if err == nil {
			ru.quiet.Store(f.Index(), true)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", what, classify(err))
		}
		ru.log.Info("members changed", "change", what)
		ru.r.wake()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w: %w", what, ErrUnknown, ctx.Err())
	}
}

// caughtUp returns when a standby has what the leader has, and could be a voter
// without the group losing its majority.
func (ru *running) caughtUp(ctx context.Context, h *raft.Raft, server string) error {
	var last error
	for {
		if err := ru.ready(ctx, h, server); err == nil {
			return nil
		} else if ctx.Err() == nil {
			last = err
		}
		if !ru.leads() {
			return ru.notLeader()
		}
		select {
		case <-time.After(catchUpPoll):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last)
		case <-ru.ctx.Done():
			return ErrClosed
		}
	}
}

// ready reports why a standby cannot be a voter yet.
func (ru *running) ready(ctx context.Context, h *raft.Raft, server string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	goal := h.CommitIndex()
	s, err := ru.ask(ctx, server)
	if err != nil {
		return err
	}
	if !s.known || s.applied < goal {
		return fmt.Errorf("replica: %s has applied %d of %d entries", server, s.applied, goal)
	}
	voters, reached := 1, 1 // with it
	for _, other := range ru.servers() {
		if other.Suffrage != raft.Voter {
			continue
		}
		voters++
		if string(other.ID) == ru.server {
			reached++
		} else if _, err := ru.ask(ctx, string(other.ID)); err == nil {
			reached++
		}
	}
	if reached < voters/2+1 {
		return fmt.Errorf("%w: with it there would be %d voters, of which %d answer", ErrNoQuorum, voters, reached)
	}
	return nil
}

func (ru *running) demote(ctx context.Context, h *raft.Raft, server string) error {
	if server == ru.server {
		return fmt.Errorf("replica: %s leads the group; let it step down before it becomes a standby", server)
	}
	return ru.change(ctx, "demote "+server, func(d time.Duration) raft.IndexFuture {
		return h.DemoteVoter(raft.ServerID(server), 0, d)
	})
}

// Remove takes a copy out of the group, on the leader. One that is not a member
// is no error. The leader itself steps down after it; the last voter is refused.
func (r *Replica) Remove(ctx context.Context, server string) error {
	ru, h, unlock, err := r.leading(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := ru.settle(ctx, h, h.CurrentTerm()); err != nil {
		return err
	}
	return ru.remove(ctx, h, server)
}

func (ru *running) remove(ctx context.Context, h *raft.Raft, server string) error {
	s, found := ru.find(server)
	if !found {
		return nil
	}
	others := 0
	for _, o := range ru.servers() {
		if o.Suffrage == raft.Voter && o.ID != s.ID {
			others++
		}
	}
	if others == 0 && s.Suffrage == raft.Voter {
		return fmt.Errorf("replica: %s is the only voter; add another before it is removed", server)
	}
	return ru.change(ctx, "remove "+server, func(d time.Duration) raft.IndexFuture {
		return h.RemoveServer(raft.ServerID(server), 0, d)
	})
}

// StepDown gives the leadership to another voter, and returns when this copy
// does not lead any more.
func (r *Replica) StepDown(ctx context.Context) error {
	ru, err := r.current()
	if err != nil {
		return err
	}
	h := ru.handle.Load()
	if h == nil || h.State() != raft.Leader {
		return ru.notLeader()
	}
	term := h.CurrentTerm()
	changes, stop := r.Changes()
	defer stop()
	if err := ru.enter(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer ru.leave()
		done <- h.LeadershipTransfer().Error()
	}()
	for {
		select {
		case err := <-done:
			if err != nil && h.State() == raft.Leader && h.CurrentTerm() == term {
				return fmt.Errorf("replica: step down: no other voter could take over: %w", err)
			}
			done = nil
		case <-changes:
		case <-ctx.Done():
			return fmt.Errorf("replica: step down: %w", ctx.Err())
		}
		if h.State() != raft.Leader || h.CurrentTerm() != term {
			return nil
		}
	}
}

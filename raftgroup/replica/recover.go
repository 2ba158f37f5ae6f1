package replica

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/raft"
	rlog "github.com/rqlite/rqlite/v8/log"
	"github.com/rqlite/rqlite/v8/snapshot"
)

// termJump is how far beyond its own term a recovered copy begins: so far that no
// other copy can have had an entry at the same place in the same term.
const termJump = 1 << 16

// currentTermKey is where raft keeps the term.
var currentTermKey = []byte("CurrentTerm")

// Recover makes the given copies the only members, without a majority: what an
// operator does after one was lost for good. It is called on one of them; the
// others hear of it from this one. Everything that this copy's log holds becomes
// part of the group's state, also what no majority had. A given copy whose log
// is ahead must be the one that is recovered, so each of them must answer.
// Those that are not given must never run again: two groups would go on under
// one name. The replica is closed and opened.
func (r *Replica) Recover(ctx context.Context, members []Member) error {
	ru, err := r.current()
	if err != nil {
		return err
	}
	conf, err := recovered(ru.server, members)
	if err != nil {
		return err
	}
	own := ru.state()
	own.lastTerm = ru.lastTerm()
	for _, m := range conf.Servers {
		if string(m.ID) == ru.server {
			continue
		}
		s, err := ru.inquire(ctx, string(m.ID), asksTerm)
		if err != nil {
			return fmt.Errorf("replica: recover: %s does not answer; start it, or leave it out and add it afterwards: %w", m.ID, err)
		}
		if !s.known || !own.known {
			continue // it has not even begun to look for a leader
		}
		if s.ahead(&own) {
			return fmt.Errorf("replica: recover: %s has entries up to %d, of term %d, this copy up to %d, of term %d; recover that one instead",
				m.ID, s.last, s.lastTerm, own.last, own.lastTerm)
		}
	}
	done := make(chan error, 1)
	select {
	case r.recovery <- recovery{conf, done}:
	case <-ctx.Done():
		return ctx.Err()
	case <-r.ctx.Done():
		return ErrClosed
	}
	r.wake()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// ahead reports whether a copy has what another lacks, as raft judges it: a log
// that ends in a later term counts for more than a longer one, which may be that
// of a leader whose last entries nobody accepted.
func (s *state) ahead(other *state) bool {
	if s.lastTerm != 0 && other.lastTerm != 0 && s.lastTerm != other.lastTerm {
		return s.lastTerm > other.lastTerm
	}
	return s.last > other.last
}

type recovery struct {
	conf raft.Configuration
	done chan error
}

func recovered(self string, members []Member) (raft.Configuration, error) {
	var conf raft.Configuration
	here, seen := false, map[string]bool{}
	for _, m := range members {
		if _, err := PeerOf(m.Server); err != nil {
			return conf, err
		}
		if seen[m.Server] {
			return conf, fmt.Errorf("replica: recover: %s is given twice", m.Server)
		}
		seen[m.Server] = true
		s := raft.Server{ID: raft.ServerID(m.Server), Address: raft.ServerAddress(m.Server), Suffrage: raft.Nonvoter}
		if m.Voter {
			s.Suffrage = raft.Voter
			here = here || m.Server == self
		}
		conf.Servers = append(conf.Servers, s)
	}
	if !here {
		return conf, fmt.Errorf("replica: recover: this copy, %s, must be one of the voters", self)
	}
	return conf, nil
}

// recover stops the store, writes the configuration into its log and opens it
// again. Only the tender calls it.
func (r *Replica) recover(conf raft.Configuration) error {
	ru := r.withdraw(errors.New("it is being recovered"))
	if ru == nil {
		return ErrBroken
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := ru.stop(ctx)
	if err == nil {
		err = appendConfiguration(r.cfg.Dir, conf)
	}
	var again *running
	if !errors.Is(err, errLeft) {
		var openErr error
		again, openErr = r.open(ru.server)
		err = errors.Join(err, openErr)
	}
	if again == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.broken = fmt.Errorf("it was being recovered: %w", err)
		return err
	}
	again.id = ru.id
	r.resume(ctx, again)
	r.log.Warn("this copy was recovered with other members", keyServer, ru.server, "members", fmt.Sprint(conf.Servers))
	return err
}

// appendConfiguration adds a change of the members to a log, as if a leader of a
// term that nobody has had had made it. rqlite's way, a snapshot in whose place
// the log begins anew, would apply the log without foreign keys.
func appendConfiguration(dir string, conf raft.Configuration) (err error) {
	log, err := rlog.New(filepath.Join(dir, logName), false)
	if err != nil {
		return fmt.Errorf("replica: recover: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	_, last, err := log.Indexes()
	if err != nil {
		return fmt.Errorf("replica: recover: %w", err)
	}
	index, _, err := snapshot.LatestIndexTerm(filepath.Join(dir, snapshotsDir))
	if err != nil {
		return fmt.Errorf("replica: recover: %w", err)
	}
	if last = max(last, index); last == 0 {
		return errors.New("replica: recover: this copy is empty; bootstrap a new group instead")
	}
	term, err := log.GetUint64(currentTermKey)
	if err != nil {
		return fmt.Errorf("replica: recover: %w", err)
	}
	term += termJump
	if err := log.SetUint64(currentTermKey, term); err != nil {
		return fmt.Errorf("replica: recover: %w", err)
	}
	entry := &raft.Log{Index: last + 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)}
	if err := log.StoreLog(entry); err != nil {
		return fmt.Errorf("replica: recover: %w", err)
	}
	return nil
}

package replica

import (
	"context"
	"sync"
	"time"
)

const (
	// askAgain is how long the answer of a member is taken for how it is, without
	// asking it again, and keepAnswer how long it counts while the next one is
	// awaited.
	askAgain   = time.Second
	keepAnswer = 2 * askAgain
	// awaitMember is how long a member is waited for that answered the last time,
	// or was never asked; awaitLost how long one that did not.
	awaitMember = 500 * time.Millisecond
	awaitLost   = 50 * time.Millisecond
)

// survey is what the other members said last.
type survey struct {
	mu  sync.Mutex
	all map[string]*report
}

// report is what one said.
type report struct {
	state
	lost    bool          // it did not answer the last question
	asked   time.Time     // when; zero before the first
	came    time.Time     // its last answer
	goal    uint64        // what was committed when it was asked, as far as was known here
	pending chan struct{} // closed when the question under way is over; nil when none is
}

// Lags says how many entries each member, by Server, has not applied of those
// that are committed, as far as this copy knows. Members that did not answer are
// left out. They are asked at the same time, each at most once a second, and one
// that is known not to answer is hardly waited for: what it says later counts the
// next time.
func (r *Replica) Lags(ctx context.Context) map[string]int64 {
	ru, err := r.current()
	if err != nil {
		return nil
	}
	well, lost := ru.survey.ask(ru)
	await(ctx, well, awaitMember)
	await(ctx, lost, awaitLost)
	return ru.survey.lags(ru)
}

// await waits for several channels.
func await(ctx context.Context, list []<-chan struct{}, most time.Duration) {
	t := time.NewTimer(most)
	defer t.Stop()
	for _, c := range list {
		select {
		case <-c:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// ask asks the members whose last answer is too old, and returns what questions
// are under way: to members that may answer soon, and to others.
func (v *survey) ask(ru *running) (well, lost []<-chan struct{}) {
	now, here := time.Now(), ru.state()
	v.mu.Lock()
	defer v.mu.Unlock()
	all := map[string]*report{} // former members are forgotten
	for _, s := range ru.servers() {
		server := string(s.ID)
		if server == ru.server {
			continue
		}
		p := v.all[server]
		if p == nil {
			p = &report{}
		}
		all[server] = p
		if p.pending == nil && now.Sub(p.asked) >= askAgain {
			if !ru.r.enter() {
				continue
			}
			p.asked, p.goal, p.pending = now, here.commit, make(chan struct{})
			go func() {
				defer ru.r.leave()
				v.question(ru, server, p)
			}()
		}
		switch {
		case p.pending == nil:
		case p.lost, now.Sub(p.asked) >= awaitMember:
			lost = append(lost, p.pending)
		default:
			well = append(well, p.pending)
		}
	}
	v.all = all
	return well, lost
}

// question asks one member. Nobody need wait for it.
func (v *survey) question(ru *running, server string, p *report) {
	ctx, cancel := context.WithTimeout(ru.ctx, max(2*ru.r.cfg.Heartbeat, time.Second))
	defer cancel()
	s, err := ru.ask(ctx, server)
	if err != nil {
		ru.log.Debug("a member does not say how it is", "member", server, keyError, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	p.lost = err != nil || !s.known
	if !p.lost {
		p.state, p.came = s, time.Now()
	}
	close(p.pending)
	p.pending = nil
}

// lags compares what the members said with what was committed when they were
// asked: compared with what is committed now, a second's entries would be counted
// as missing.
func (v *survey) lags(ru *running) map[string]int64 {
	here := ru.state()
	_, member := ru.find(ru.server)
	out := map[string]int64{}
	v.mu.Lock()
	defer v.mu.Unlock()
	for server, p := range v.all {
		if p.lost || time.Since(p.came) > keepAnswer {
			continue
		}
		// The leader knows best what is committed. Who it is need not be known.
		goal := p.goal
		for _, o := range v.all {
			if !o.asked.After(p.asked) {
				goal = max(goal, o.commit)
			}
		}
		out[server] = behind(goal, p.applied)
	}
	if member && here.known {
		goal := here.commit
		for _, o := range v.all {
			goal = max(goal, o.commit)
		}
		out[ru.server] = behind(goal, here.applied)
	}
	return out
}

func behind(goal, applied uint64) int64 {
	if applied >= goal {
		return 0
	}
	return int64(goal - applied)
}

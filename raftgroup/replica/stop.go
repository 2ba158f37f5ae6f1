package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// calls counts what waits for an answer of raft. Raft forgets to answer some of
// it when it is shut down (what was on its way to be applied, a transfer of
// leadership that nobody took up), and who waits then waits for ever. So none is
// under way when it is shut down.
type calls struct {
	mu   sync.Mutex
	n    int
	shut bool
	idle chan struct{} // closed when shut and the last one ends; nil when nobody waits
}

func (c *calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut {
		return false
	}
	c.n++
	return true
}

func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// wait lets no more calls begin and returns when none is under way.
func (c *calls) wait(ctx context.Context) error {
	c.mu.Lock()
	c.shut = true
	if c.n == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter counts a goroutine that waits for an answer of raft, until leave. When
// it is refused, because the store stops, nothing happened.
func (ru *running) enter() error {
	if !ru.r.enter() {
		return ErrClosed
	}
	if ru.calls.begin() {
		return nil
	}
	ru.r.leave()
	if _, err := ru.r.current(); err != nil {
		return err
	}
	return ErrClosed
}

func (ru *running) leave() {
	ru.calls.end()
	ru.r.leave()
}

// errLeft says that a store did not close.
var errLeft = errors.New("the store did not close in time and was left behind")

// stop closes the store. One that does not close in time is left behind: it has
// no streams any more, goes on closing, and closes ru.gone when it is done.
func (ru *running) stop(ctx context.Context) error {
	ru.cancel()
	done := make(chan error, 1)
	go func() {
		defer close(ru.gone)
		done <- ru.shut(ctx)
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("replica: close group %q: %w", ru.r.cfg.Group, err)
		}
		return nil
	case <-ctx.Done():
		ru.layer.sever()
		return fmt.Errorf("replica: close group %q: %w: %w", ru.r.cfg.Group, errLeft, ctx.Err())
	}
}

// callsShare is how much of its time stop gives to calls under way, and
// drainTimeout what raft has to answer what other nodes asked.
const (
	callsShare   = 2
	drainTimeout = time.Second
)

// shut closes the store, however long it takes. What can hold it up ends before:
// calls, so that raft answers them all; a snapshot, for rqlite looks for its end
// only every ten seconds; and streams, for raft waits up to ten seconds for the
// answer of a node that may be closing itself.
func (ru *running) shut(ctx context.Context) error {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(stopTimeout)
	}
	part, cancel := context.WithTimeout(context.Background(), time.Until(end)/callsShare)
	defer cancel()
	if err := ru.calls.wait(part); err != nil {
		ru.log.Warn("closed while raft had calls to answer", keyError, err)
	}
	ru.r.snap.Lock()
	defer ru.r.snap.Unlock()
	select {
	case <-ru.layer.sever():
	case <-time.After(drainTimeout):
		ru.log.Warn("closed while raft had messages to answer")
	}
	return errors.Join(ru.st.Close(true), ru.layer.Close())
}

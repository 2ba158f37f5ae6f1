package raftgroup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/replica"
)

// patience bounds how long a change of leader is waited out.
const patience = 15 * time.Second

type remote = *door.Remote

// peers are the nodes to ask for what only the leader can do: the leader first,
// never this node.
func (g *Group) peers(ctx context.Context) ([]host.ID, error) {
	var list []host.ID
	self := g.cfg.Host.ID()
	leader, _ := g.rep.Leader()
	if leader != "" && leader != self {
		list = append(list, leader)
	}
	members, err := g.rep.Members(ctx)
	if err != nil && len(list) == 0 {
		return nil, err
	}
	for _, m := range members {
		if m.Voter && m.Peer != self && m.Peer != leader {
			list = append(list, m.Peer)
		}
	}
	return list, nil
}

// led runs something on the leader: here when this node leads, and there
// otherwise; again as long as the leader changes, for as long as patience and the
// context last. What is repeated must be known by an ID or change nothing.
func led[T any](ctx context.Context, g *Group, here func() (T, error), there func(ctx context.Context, r remote) (T, error)) (T, error) {
	began := time.Now()
	var lost error // of an attempt after which the outcome was not known
	for try := 0; ; try++ {
		var v T
		var err error
		if g.rep.IsLeader() {
			v, err = here()
		} else {
			g.metrics.forwarded.Add(1)
			v, err = elsewhere(ctx, g, there)
			var other *door.NotLeader
			if errors.As(err, &other) {
				return v, after(lost, err) // it was led on to here, and goes no further
			}
		}
		if errors.Is(err, replica.ErrClosed) {
			return v, after(lost, op.ErrClosed())
		}
		if err == nil || !again(err) {
			return v, after(lost, err)
		}
		if errors.Is(err, replica.ErrUnknown) || errors.Is(err, door.ErrUnknown) {
			lost = err
		}
		if g.closing() {
			return v, after(lost, op.ErrClosed())
		}
		if ctx.Err() != nil || time.Since(began) > patience {
			return v, g.leaderError(ctx, lost, err)
		}
		g.metrics.retries.Add(1)
		if werr := g.waitForLeader(ctx, try); werr != nil {
			if ctx.Err() != nil {
				return v, g.leaderError(ctx, lost, err)
			}
			return v, after(lost, werr)
		}
	}
}

// after is the error of an attempt, when the outcome of one before it is not
// known: unless this one tells it, as it does by the ID, it is not known still.
func after(lost, err error) error {
	if lost == nil || err == nil || errors.Is(err, door.ErrUnknown) {
		return err
	}
	var other *door.NotLeader
	switch code := op.CodeOf(err); {
	case code == op.CodeTimeout, code == op.CodeCancelled:
		return &op.Error{Code: code, Message: fmt.Sprintf("it is not known whether the change was applied: %v", err), Index: -1, Err: errors.Join(door.ErrUnknown, err)}
	case code == op.CodeDatabase, errors.As(err, &other):
		return door.Unknown(err)
	}
	return err
}

// errLeads ends what was asked of other nodes when this one has become the
// leader.
var errLeads = errors.New("raftgroup: this node leads now")

// elsewhere asks another node, as long as this one does not lead.
func elsewhere[T any](ctx context.Context, g *Group, there func(ctx context.Context, r remote) (T, error)) (T, error) {
	inner, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(g.follows(), func() { cancel(errLeads) })
	v, err := there(inner, g.remote)
	stop()
	if err != nil && context.Cause(inner) == errLeads && ctx.Err() == nil {
		if errors.Is(err, door.ErrUnknown) {
			err = errors.Join(errLeads, err) // the other node may have done it
		} else {
			err = errLeads
		}
	}
	// Rows that come back live as long as the context.
	if res, ok := any(&v).(*op.Result); ok && err == nil && res.Rows != nil {
		res.Rows = &farRows{res.Rows, func() { cancel(nil) }}
		return v, nil
	}
	cancel(nil)
	return v, err
}

// farRows are rows of another node, behind which their context ends.
type farRows struct {
	op.Rows
	end func()
}

func (r *farRows) Next() bool {
	ok := r.Rows.Next()
	if !ok {
		r.end()
	}
	return ok
}

func (r *farRows) Close() error {
	defer r.end()
	return r.Rows.Close()
}

// follows is a context that ends when this node becomes the leader.
func (g *Group) follows() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.following
}

// watch keeps follows.
func (g *Group) watch() {
	defer g.wg.Done()
	changes, stop := g.rep.Changes()
	defer stop()
	var end context.CancelFunc
	defer func() {
		if end != nil {
			end()
		}
	}()
	for {
		leads := g.rep.IsLeader()
		g.mu.Lock()
		switch {
		case leads:
			g.endFollowing()
		case g.following.Err() != nil:
			g.following, g.endFollowing = context.WithCancel(context.Background())
		}
		end = g.endFollowing
		g.mu.Unlock()
		select {
		case <-changes:
		case <-g.ctx.Done():
			return
		}
	}
}

// again reports whether a failure says that the leader is another one, or none.
func again(err error) bool {
	return errors.Is(err, replica.ErrNotLeader) || errors.Is(err, replica.ErrUnknown) || errors.Is(err, replica.ErrNoQuorum) ||
		errors.Is(err, replica.ErrBroken) || errors.Is(err, door.ErrUnknown) || errors.Is(err, errLeads)
}

// waitForLeader waits a little, or until the leader changes.
func (g *Group) waitForLeader(ctx context.Context, try int) error {
	changes, stop := g.rep.Changes()
	defer stop()
	t := time.NewTimer(min(time.Duration(try+1)*5*time.Millisecond, 100*time.Millisecond))
	defer t.Stop()
	select {
	case <-changes:
	case <-t.C:
	case <-ctx.Done():
		return op.FromContext(ctx.Err())
	case <-g.ctx.Done():
		return op.ErrClosed()
	}
	if err := ctx.Err(); err != nil { // another attempt would not say what was waited for
		return op.FromContext(err)
	}
	return nil
}

// leaderError says in the caller's words that the leader could not be used. lost
// is the error of an attempt after which the outcome was not known.
func (g *Group) leaderError(ctx context.Context, lost, err error) error {
	switch {
	case lost != nil && ctx.Err() != nil:
		return cutShort(ctx.Err())
	case lost != nil:
		return door.Unknown(err)
	}
	err = g.replicaError(err)
	var late *op.Error
	if errors.As(op.FromContext(ctx.Err()), &late) {
		return &op.Error{Code: late.Code, Message: fmt.Sprintf("%s: %v", late.Message, err), Index: -1, Err: late}
	}
	return err
}

// replicaError says a failure of the copy as an error of an operation.
func (g *Group) replicaError(err error) error {
	var e *op.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return op.FromContext(err)
	case errors.Is(err, replica.ErrClosed):
		return op.ErrClosed()
	case errors.Is(err, replica.ErrBroken):
		return op.Errorf(op.CodeDatabase, "this node's copy of the group is being rebuilt: ask another node: %w", err)
	case errors.Is(err, replica.ErrNotLeader), errors.Is(err, replica.ErrNoQuorum), errors.Is(err, errLeads):
		return op.Errorf(op.CodeDatabase, "the group has no leader that reaches a majority of its voters; nothing was done: see weft cluster, and start the nodes that are down: %w", err)
	}
	return op.Errorf(op.CodeDatabase, "%w", err)
}

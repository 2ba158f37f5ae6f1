package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// Engine is the database of a namespace, for a program that has a node in it:
// this node's copy, or the way to those of others. It waits for the node to
// reach its cluster, within the context of each call. Closing it leaves the node
// as it is.
func (n *Node) Engine(namespace string) op.Engine {
	return &engine{group: directory.NamespaceGroup(namespace), node: func(context.Context) (*Node, error) { return n, nil }, close: func() error { return nil }}
}

// Open is the database of the namespace default on a node that starts with the
// first operation, so that a program needs no more than this line to have one:
//
//	db, err := weft.Open(node.Open(cfg), …)
//
// Closing it closes the node.
func Open(cfg Config, log *slog.Logger) op.Engine {
	o := &opening{cfg: cfg, log: log}
	return &engine{group: directory.NamespaceGroup("default"), node: o.start, close: o.end}
}

// opening is a node that starts when it is needed.
type opening struct {
	cfg Config
	log *slog.Logger

	mu     sync.Mutex
	node   *Node
	closed bool
}

// start starts the node. When that fails the next call tries again.
func (o *opening) start(ctx context.Context) (*Node, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, op.ErrClosed()
	}
	if o.node != nil {
		return o.node, nil
	}
	n, err := New(o.cfg, o.log)
	if err != nil {
		return nil, err
	}
	if err := n.Start(ctx); err != nil {
		return nil, err
	}
	o.node = n
	return n, nil
}

func (o *opening) end() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.node == nil {
		return nil
	}
	return o.node.Close(context.Background())
}

// engine is the group of a namespace, found anew for each call: copies come and
// go.
type engine struct {
	group string
	node  func(ctx context.Context) (*Node, error)
	close func() error
}

var _ op.Engine = (*engine)(nil)

func (e *engine) find(ctx context.Context) (door.Group, error) {
	n, err := e.node(ctx)
	if err != nil {
		return nil, err
	}
	return n.await(ctx, e.group)
}

// on makes a call on the group, and makes it again when the copy that it was on
// was given up under it: nothing was done then.
func on[T any](ctx context.Context, e *engine, call func(g door.Group) (T, error)) (T, error) {
	for {
		var none T
		n, err := e.node(ctx)
		if err != nil {
			return none, err
		}
		g, err := n.await(ctx, e.group)
		if err != nil {
			return none, err
		}
		v, err := call(g)
		if !n.gaveUp(err) {
			return v, err
		}
		select {
		case <-time.After(soonest):
		case <-ctx.Done():
			return none, op.FromContext(ctx.Err())
		case <-n.ctx.Done():
			return none, err
		}
	}
}

// gaveUp reports whether an error says that a copy was closed before anything
// was done, and the node goes on.
func (n *Node) gaveUp(err error) bool {
	var e *op.Error
	return errors.As(err, &e) && e.Closed && !errors.Is(err, door.ErrUnknown) && n.ctx.Err() == nil
}

// Do runs one operation.
func (e *engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	return on(ctx, e, func(g door.Group) (op.Result, error) { return g.Do(ctx, o) })
}

// Begin starts a transaction.
func (e *engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	n, err := e.node(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := on(ctx, e, func(g door.Group) (op.Tx, error) { return g.Begin(ctx, opts) })
	if err != nil {
		return nil, err
	}
	return &copyTx{tx, n}, nil
}

// copyTx is a transaction on a copy, which may be given up under it.
type copyTx struct {
	op.Tx
	node *Node
}

// over is the error of a call; of a copy that was given up, that nothing was
// written and the transaction may be run again.
func (t *copyTx) over(err error) error {
	if !t.node.gaveUp(err) {
		return err
	}
	return &op.ConflictError{
		Reason: op.ReasonSerialization, Index: -1,
		Err: op.Errorf(op.CodeDatabase, "this node gave up the copy that the transaction was on, and it is rolled back"),
	}
}

func (t *copyTx) Do(ctx context.Context, o op.Op) (op.Result, error) {
	res, err := t.Tx.Do(ctx, o)
	return res, t.over(err)
}

func (t *copyTx) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	tx, err := t.Tx.Begin(ctx, opts)
	if err != nil {
		return nil, t.over(err)
	}
	return &copyTx{tx, t.node}, nil
}

func (t *copyTx) Commit(ctx context.Context) error { return t.over(t.Tx.Commit(ctx)) }

// Caps are those of a group.
func (e *engine) Caps() op.Caps { return (&door.Remote{}).Caps() }

// Close ends what Open started.
func (e *engine) Close() error { return errors.Join(e.close()) }

package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"

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

// Do runs one operation.
func (e *engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	g, err := e.find(ctx)
	if err != nil {
		return op.Result{}, err
	}
	return g.Do(ctx, o)
}

// Begin starts a transaction.
func (e *engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	g, err := e.find(ctx)
	if err != nil {
		return nil, err
	}
	return g.Begin(ctx, opts)
}

// Caps are those of a group.
func (e *engine) Caps() op.Caps { return (&door.Remote{}).Caps() }

// Close ends what Open started.
func (e *engine) Close() error { return errors.Join(e.close()) }

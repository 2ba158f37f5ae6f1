package client

import (
	"context"
	"sync"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// engine is the namespace as an op.Engine.
type engine struct {
	c   *Client
	own bool // it was made by Open: connects by itself, and disconnects

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

var _ op.Engine = (*engine)(nil)

// Engine is the namespace's database for models: weft.Open(c.Engine()). Closing
// it leaves the client connected.
func (c *Client) Engine() op.Engine { return &engine{c: c} }

// Open is the database of a cluster for models, without a client of its own:
//
//	db, err := weft.Open(client.Open(cfg))
//
// It connects on first use and disconnects when it is closed. What is wrong with
// the configuration is the error of the first use.
func Open(cfg Config) op.Engine {
	c, err := New(cfg)
	if err != nil {
		return &broken{err: op.Errorf(op.CodeValidation, "%w", err)}
	}
	return &engine{c: c, own: true}
}

// enter begins a call.
func (e *engine) enter(ctx context.Context) (*door.Remote, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, op.ErrClosed()
	}
	e.wg.Add(1)
	e.mu.Unlock()
	if _, err := e.c.linked(); err != nil && e.own {
		if err := e.c.Connect(ctx); err != nil {
			e.wg.Done()
			if ctx.Err() != nil {
				return nil, op.FromContext(ctx.Err())
			}
			return nil, op.Errorf(op.CodeDatabase, "%w", err)
		}
	}
	l, err := e.c.linked()
	if err != nil {
		e.wg.Done()
		return nil, err
	}
	return l.remote, nil
}

func (e *engine) Do(ctx context.Context, o op.Op) (op.Result, error) {
	r, err := e.enter(ctx)
	if err != nil {
		return op.Result{}, err
	}
	defer e.wg.Done()
	return r.Do(ctx, o)
}

func (e *engine) Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error) {
	r, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer e.wg.Done()
	return r.Begin(ctx, opts)
}

// Caps are those of a group.
func (e *engine) Caps() op.Caps { return op.Caps{Engine: "group", Flags: door.Flags} }

func (e *engine) Close() error {
	e.mu.Lock()
	first := !e.closed
	e.closed = true
	e.mu.Unlock()
	e.wg.Wait()
	if first && e.own {
		return e.c.Disconnect()
	}
	return nil
}

// broken is an engine whose configuration cannot be used.
type broken struct{ err error }

var _ op.Engine = (*broken)(nil)

func (b *broken) Do(context.Context, op.Op) (op.Result, error)       { return op.Result{}, b.err }
func (b *broken) Begin(context.Context, op.TxOptions) (op.Tx, error) { return nil, b.err }
func (b *broken) Caps() op.Caps                                      { return op.Caps{Engine: "group", Flags: door.Flags} }
func (b *broken) Close() error                                       { return nil }

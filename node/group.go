package node

import (
	"context"
	"io"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
)

// Group is the database of a namespace for package raftgroup/driver, which makes
// a *sql.DB of it: driver.Open(n.Group("default")). It waits for the node to
// reach its cluster, within the context of each call, and is safe for concurrent
// use.
func (n *Node) Group(namespace string) door.Group {
	return &engine{group: directory.NamespaceGroup(namespace), node: func(context.Context) (*Node, error) { return n, nil }, close: func() error { return nil }}
}

var _ door.Group = (*engine)(nil)

func (e *engine) Run(ctx context.Context, q door.Request) ([]door.Answer, error) {
	return on(ctx, e, func(g door.Group) ([]door.Answer, error) { return g.Run(ctx, q) })
}

func (e *engine) Models(ctx context.Context, hash string) (*schema.Set, error) {
	return on(ctx, e, func(g door.Group) (*schema.Set, error) { return g.Models(ctx, hash) })
}

// Leader is "" when the node does not know it without asking.
func (e *engine) Leader() (host.ID, bool) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // what is there is enough
	g, err := e.find(ctx)
	if err != nil {
		return "", false
	}
	return g.Leader()
}

func (e *engine) Info(ctx context.Context) (door.Info, error) {
	return on(ctx, e, func(g door.Group) (door.Info, error) { return g.Info(ctx) })
}

func (e *engine) Backup(ctx context.Context, w io.Writer) error {
	g, err := e.find(ctx)
	if err != nil {
		return err
	}
	return g.Backup(ctx, w)
}

func (e *engine) Restore(ctx context.Context, in io.Reader) error {
	g, err := e.find(ctx)
	if err != nil {
		return err
	}
	return g.Restore(ctx, in)
}

func (e *engine) Resolve(ctx context.Context, id string) (bool, error) {
	return on(ctx, e, func(g door.Group) (bool, error) { return g.Resolve(ctx, id) })
}

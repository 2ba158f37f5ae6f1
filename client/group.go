package client

import (
	"context"
	"io"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
)

var _ door.Group = (*engine)(nil)

// Group is the namespace's database for package raftgroup/driver, which makes a
// *sql.DB of it: driver.Open(c.Group()). It fails while the client is not
// connected, and is safe for concurrent use.
func (c *Client) Group() door.Group { return &engine{c: c} }

// Dial is the group at an address, such as ParseURL takes, without a client of
// its own. It connects on first use, and has a method Close() error, which
// disconnects. So it is what driver.Register wants:
//
//	driver.Register(client.Dial)
//	db, err := sql.Open("weft", "weft://10.0.0.1:4001/default?peer=12D3Koo…")
func Dial(address string) (door.Group, error) {
	cfg, err := ParseURL(address)
	if err != nil {
		return nil, err
	}
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return &engine{c: c, own: true}, nil
}

func (e *engine) Run(ctx context.Context, q door.Request) ([]door.Answer, error) {
	r, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer e.wg.Done()
	return r.Run(ctx, q)
}

func (e *engine) Models(ctx context.Context, hash string) (*schema.Set, error) {
	r, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer e.wg.Done()
	return r.Models(ctx, hash)
}

// Leader is never here: a client has no copy.
func (e *engine) Leader() (host.ID, bool) {
	l, err := e.c.linked()
	if err != nil {
		return "", false
	}
	return l.remote.Leader()
}

func (e *engine) Info(ctx context.Context) (door.Info, error) {
	r, err := e.enter(ctx)
	if err != nil {
		return door.Info{}, err
	}
	defer e.wg.Done()
	return r.Info(ctx)
}

func (e *engine) Backup(ctx context.Context, w io.Writer) error {
	r, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer e.wg.Done()
	return r.Backup(ctx, w)
}

func (e *engine) Restore(ctx context.Context, in io.Reader) error {
	r, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer e.wg.Done()
	return r.Restore(ctx, in)
}

func (e *engine) Resolve(ctx context.Context, id string) (bool, error) {
	r, err := e.enter(ctx)
	if err != nil {
		return false, err
	}
	defer e.wg.Done()
	return r.Resolve(ctx, id)
}

// Package client is how programs that are no node use a cluster: its SQL
// databases, over the same encrypted streams that the nodes speak.
//
// A client begins with the addresses of one or more nodes, learns the others
// from them and keeps connections to a few. It listens on nothing. When a node
// fails it goes on to another: reads are asked again, changes are repeated under
// one ID and so applied once.
//
// What it asks of nodes beside their data are the methods cluster.nodes, a JSON
// list of objects with id, addrs, state and groups, and nothing else.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// ErrNotConnected is wrapped by the error of a call before Connect and after
// Disconnect.
var ErrNotConnected = errors.New("client: not connected")

// Client uses one namespace of a cluster. It is safe for concurrent use.
type Client struct {
	cfg Config
	log *slog.Logger

	connecting chan struct{} // holds one while somebody connects or disconnects

	mu   sync.Mutex
	link *link // nil when not connected
}

// New makes a client, which connects to nothing yet. It fails for a
// configuration that cannot be used.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.App != "" {
		log = log.With("app", cfg.App)
	}
	return &Client{cfg: cfg, log: log, connecting: make(chan struct{}, 1)}, nil
}

// Connect connects to a node. It fails, with what is wrong with each of the
// bootstrap peers, when none can be reached within the context; it may then be
// called again. On a client that is connected it does nothing.
func (c *Client) Connect(ctx context.Context) error {
	select {
	case c.connecting <- struct{}{}:
	case <-ctx.Done():
		return op.FromContext(ctx.Err())
	}
	defer func() { <-c.connecting }()
	if _, err := c.linked(); err == nil {
		return nil
	}
	l, err := c.open(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.link = l
	c.mu.Unlock()
	return nil
}

// Disconnect ends everything under way and closes all connections. Calling it
// twice is safe; Connect may follow.
func (c *Client) Disconnect() error {
	c.connecting <- struct{}{}
	defer func() { <-c.connecting }()
	c.mu.Lock()
	l := c.link
	c.link = nil
	c.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.close()
}

// linked is what a connected client has.
func (c *Client) linked() (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return nil, &op.Error{Code: op.CodeDatabase, Index: -1, Err: ErrNotConnected, Message: "the client is not connected; call Connect first"}
	}
	return c.link, nil
}

// link is a connected client: a host, the nodes that are known, and what keeps
// connections to some of them.
type link struct {
	c      *Client
	h      *host.Host
	temp   string // the directory to remove; "" when it is the user's
	remote *door.Remote
	began  time.Time
	nodes  nodes

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func (c *Client) open(ctx context.Context) (l *link, err error) {
	cfg := host.Default()
	cfg.Listen, cfg.PrivateKeyFile, cfg.DialTimeout = nil, c.cfg.PrivateKeyFile, c.cfg.DialTimeout
	l = &link{c: c, began: time.Now()}
	if cfg.DataDir = c.cfg.DataDir; cfg.DataDir == "" {
		if l.temp, err = os.MkdirTemp("", "weft-client-"); err != nil {
			return nil, fmt.Errorf("client: make a directory for the identity: %w", err)
		}
		cfg.DataDir = l.temp
	}
	if l.h, err = host.New(cfg, c.log); err != nil {
		return nil, errors.Join(err, l.remove())
	}
	if err := l.first(ctx); err != nil {
		return nil, errors.Join(err, l.h.Close(), l.remove())
	}
	l.remote = door.Open(l.h, door.Options{Group: c.cfg.group(), Peers: l.peers, Patience: c.cfg.Patience, Log: c.log})
	run, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.wg.Add(1)
	go l.keep(run)
	return l, nil
}

func (l *link) close() error {
	l.cancel()
	l.wg.Wait()
	return errors.Join(l.remote.Close(), l.h.Close(), l.remove())
}

func (l *link) remove() error {
	if l.temp == "" {
		return nil
	}
	return os.RemoveAll(l.temp)
}

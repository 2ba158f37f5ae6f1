package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// Network is what a client sees of the network.
type Network struct{ c *Client }

// Network is what the client sees of the network.
func (c *Client) Network() *Network { return &Network{c} }

// NetworkStatus is how the client is.
type NetworkStatus struct {
	NodeID       string // the client's own peer ID
	Connected    bool   // to a node at least
	PeerCount    int    // nodes that there are connections to
	DatabaseSize int64  // bytes of the namespace's database, on its leader
	Uptime       time.Duration
}

// Status asks how the client and its database are. While no node answers,
// DatabaseSize is 0 and Connected tells; that is no error.
func (n *Network) Status(ctx context.Context) (NetworkStatus, error) {
	l, err := n.c.linked()
	if err != nil {
		return NetworkStatus{}, err
	}
	s := NetworkStatus{NodeID: string(l.h.ID()), Uptime: time.Since(l.began)}
	ask, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	info, err := l.remote.Info(ask)
	if err == nil {
		s.DatabaseSize = info.DBSize + info.WALSize
	}
	s.PeerCount = len(l.connected())
	s.Connected = s.PeerCount > 0
	if ctx.Err() != nil {
		return s, op.FromContext(ctx.Err())
	}
	return s, nil
}

// Peer is a node of the cluster.
type Peer struct {
	ID        string
	Addresses []string // with /p2p/ID
	Connected bool
	LastSeen  time.Time     // by the cluster; now for a connected one
	Latency   time.Duration // there and back; 0 when it did not answer
	Groups    []string      // that it holds copies of
}

// Peers are the nodes that the client knows, by ID. Those that are connected are
// asked how far they are.
func (n *Network) Peers(ctx context.Context) ([]Peer, error) {
	l, err := n.c.linked()
	if err != nil {
		return nil, err
	}
	l.refresh(ctx)
	all := l.nodes.list()
	out := make([]Peer, len(all))
	ask, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var wg sync.WaitGroup
	for i, x := range all {
		p := &out[i]
		*p = Peer{ID: string(x.id), Connected: l.h.Connected(x.id), LastSeen: x.lastSeen, Groups: x.groups}
		for _, a := range x.addrs {
			p.Addresses = append(p.Addresses, a+"/p2p/"+string(x.id))
		}
		if !p.Connected {
			continue
		}
		p.LastSeen = time.Now()
		wg.Add(1)
		go func() {
			defer wg.Done()
			if d, err := l.h.Ping(ask, x.id); err == nil {
				p.Latency = d
			}
		}()
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, op.FromContext(ctx.Err())
	}
	slices.SortFunc(out, func(a, b Peer) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// ConnectToPeer connects to a node at an address that ends in /p2p/ID, and keeps
// it among those that are used.
func (n *Network) ConnectToPeer(ctx context.Context, addr string) error {
	l, err := n.c.linked()
	if err != nil {
		return err
	}
	id, at, err := host.ParseAddr(addr)
	if err != nil {
		return op.Errorf(op.CodeValidation, "%w", err)
	}
	if err := l.h.Connect(ctx, id, at); err != nil {
		if ctx.Err() != nil && !errors.Is(err, host.ErrRefused) {
			return op.FromContext(ctx.Err())
		}
		return fmt.Errorf("connect to peer: %w", err)
	}
	l.nodes.mu.Lock()
	defer l.nodes.mu.Unlock()
	x := l.nodes.by[id]
	if x == nil {
		x = &node{id: id, lastSeen: time.Now()}
		l.nodes.by[id] = x
	}
	x.boot = true
	if !slices.Contains(x.addrs[:x.given], at) {
		x.addrs = slices.Insert(slices.Clone(x.addrs), x.given, at)
		x.given++
	}
	return nil
}

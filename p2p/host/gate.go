package host

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// gate decides whom this host talks to: the allow-list, and who was shut out.
type gate struct {
	allow   map[peer.ID]bool // nil: everybody
	refused atomic.Uint64

	mu     sync.Mutex
	banned map[peer.ID]time.Time // until
}

func newGate(allow []string) (*gate, error) {
	g := &gate{banned: map[peer.ID]time.Time{}}
	for _, s := range allow {
		p, err := ID(s).Raw()
		if err != nil {
			return nil, err
		}
		if g.allow == nil {
			g.allow = map[peer.ID]bool{}
		}
		g.allow[p] = true
	}
	return g, nil
}

// maxBanned bounds the memory of who is shut out. An attacker makes identities
// at will; those at the limit are merely disconnected.
const maxBanned = 4096

func (g *gate) ban(p peer.ID, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.banned) >= maxBanned {
		now := time.Now()
		for q, t := range g.banned {
			if now.After(t) {
				delete(g.banned, q)
			}
		}
	}
	if len(g.banned) < maxBanned {
		g.banned[p] = until
	}
}

func (g *gate) ok(p peer.ID) bool {
	ok := g.allow == nil || g.allow[p]
	if ok {
		g.mu.Lock()
		until, banned := g.banned[p]
		if banned && time.Now().After(until) {
			delete(g.banned, p)
			banned = false
		}
		g.mu.Unlock()
		ok = !banned
	}
	if !ok {
		g.refused.Add(1)
	}
	return ok
}

// InterceptPeerDial is part of connmgr.ConnectionGater, like those below.
func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.ok(p) }

// InterceptAddrDial lets every address of an allowed peer be tried.
func (g *gate) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

// InterceptAccept knows no peer yet.
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured is the first time that a peer's identity is proven.
func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.ok(p)
}

// InterceptUpgraded has nothing to add.
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

// lan finds nodes on the local network by mDNS.
type lan struct {
	d       *Discovery
	service mdns.Service
}

func newLAN(d *Discovery) (*lan, error) {
	l := &lan{d: d}
	l.service = mdns.NewMdnsService(d.h.LibP2P(), lanName(d.cfg.Cluster), l)
	if err := l.service.Start(); err != nil {
		return nil, fmt.Errorf("mDNS cannot be used here: %w; turn discovery.mdns off", err)
	}
	return l, nil
}

// lanName is the DNS name of a cluster's nodes. A hash, because a cluster may be
// named by any text.
func lanName(cluster string) string {
	sum := sha256.Sum256([]byte(cluster))
	return "_weft-" + hex.EncodeToString(sum[:4]) + "._udp"
}

// HandlePeerFound is called by the library, in goroutines of its own.
func (l *lan) HandlePeerFound(info peer.AddrInfo) {
	l.d.n.lan.Add(1)
	l.d.found(info)
}

func (l *lan) close() error {
	if l == nil {
		return nil
	}
	return l.service.Close()
}

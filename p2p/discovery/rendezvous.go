package discovery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/connmgr"
	libhost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multihash"
)

// rendezvous finds the first member of the cluster in a DHT in which each node
// says that it belongs to the cluster's name.
type rendezvous struct {
	d    *Discovery
	dht  *dht.IpfsDHT
	key  cid.Cid
	done chan struct{}
}

const (
	// provideEvery is far below the two days after which the DHT forgets.
	provideEvery = 6 * time.Hour
	// anchors is how many members of a cluster say in the DHT where they are; so
	// many are enough to be found, and if all did, all would connect to the few
	// nodes that keep the entry.
	anchors = 8
	// findMost is how many members a search needs.
	findMost = 8
)

func newRendezvous(ctx context.Context, d *Discovery) (*rendezvous, error) {
	sum, err := multihash.Sum([]byte("weft cluster "+d.cfg.Cluster), multihash.SHA2_256, -1)
	if err != nil {
		return nil, fmt.Errorf("rendezvous: %w", err)
	}
	r := &rendezvous{d: d, key: cid.NewCidV1(cid.Raw, sum), done: make(chan struct{})}
	r.dht, err = dht.New(ctx, unprotected{d.h.LibP2P()},
		dht.ProtocolPrefix(protocol.ID(d.h.Protocol("dht"))),
		dht.Mode(dht.ModeServer),
		dht.BucketSize(8),
		dht.Concurrency(3),
		dht.DisableValues(),
		dht.DisableAutoRefresh(),
	)
	if err != nil {
		return nil, fmt.Errorf("start the DHT: %w", err)
	}
	go r.run(ctx)
	return r, nil
}

func (r *rendezvous) close() error {
	if r == nil {
		return nil
	}
	<-r.done
	return r.dht.Close()
}

// run searches while the node is alone, and says where it is: at once when it
// is alone; at its leisure when it is an anchor; else not at all, because it is
// found through its peers.
func (r *rendezvous) run(ctx context.Context) {
	defer close(r.done)
	interval := r.d.cfg.Interval
	provideAt := time.Now().Add(interval + rand.N(3*interval))
	timer := time.NewTimer(interval / 10)
	defer timer.Stop()
	failures, searches, provided := 0, 0, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause := interval
		live, _, _ := r.d.table.count(time.Now())
		alone := live == 0
		if !alone {
			searches = 0
		} else if searches++; searches < 20 {
			pause = backoff(interval/10, searches, mostSearch)
		} else {
			pause = backoff(mostSearch, 1, mostSearch)
		}
		if r.dht.RoutingTable().Size() > 0 {
			if now := time.Now(); alone && !provided || now.After(provideAt) && r.d.table.rank(now) < anchors {
				if err := r.provide(ctx); err != nil {
					failures++
					provideAt = now.Add(backoff(r.d.cfg.Retry, failures, mostSearch))
				} else {
					failures, provided = 0, true
					provideAt = now.Add(provideEvery + rand.N(provideEvery/4))
				}
			}
			if alone {
				r.find(ctx)
			}
		}
		timer.Reset(pause*4/5 + rand.N(pause*2/5+1))
	}
}

func (r *rendezvous) provide(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*r.d.cfg.DialTimeout)
	defer cancel()
	err := r.dht.Provide(ctx, r.key, true)
	if err != nil {
		r.d.log.Debug("this node is not in the DHT yet", "error", err)
	}
	return err
}

func (r *rendezvous) find(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.d.cfg.DialTimeout)
	defer cancel()
	for info := range r.dht.FindProvidersAsync(ctx, r.key, findMost) {
		if info.ID != r.d.self {
			r.d.n.rendezvous.Add(1)
			r.d.found(info)
		}
	}
}

// unprotected is a host whose connections the DHT cannot protect. It would do so
// with all of its two farthest buckets, three quarters of all nodes, and
// nothing would bound their number.
type unprotected struct{ libhost.Host }

// ConnManager hides Protect.
func (u unprotected) ConnManager() connmgr.ConnManager { return noProtect{u.Host.ConnManager()} }

type noProtect struct{ connmgr.ConnManager }

// Protect only marks the peer as useful.
func (n noProtect) Protect(p peer.ID, tag string) { n.TagPeer(p, tag, 5) }

// Unprotect takes that back.
func (n noProtect) Unprotect(p peer.ID, tag string) bool {
	n.UntagPeer(p, tag)
	return false
}

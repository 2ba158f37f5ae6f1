package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/weftdb/weft/p2p/host"
)

// protocolName is that of the peer exchange.
const protocolName = "peers/1"

// exchangeLimits bound what one peer may ask. A node asks each peer once in a
// tick at most, and a tick is a tenth of an interval at its shortest.
func exchangeLimits(c Config) host.Limits {
	rate := max(4, 20/c.Interval.Seconds())
	return host.Limits{
		MaxBytes: 3 * maxMessage, Timeout: 2 * c.DialTimeout, PerPeer: 8, Total: 128,
		Rate: rate, Burst: int(4 * rate),
	}
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{host.ErrMalformed}, args...)...)
}

// errOtherCluster: the peer is a node, but not of this cluster.
var errOtherCluster = errors.New("discovery: a node of another cluster")

// exchange asks a connected peer for news and tells it ours.
func (d *Discovery) exchange(ctx context.Context, p peer.ID) (err error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.DialTimeout)
	defer cancel()
	s, err := d.h.Open(ctx, host.FromRaw(p), protocolName, host.OpenOptions{MaxBytes: 2 * maxMessage, Timeout: 2 * d.cfg.DialTimeout})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.Reset()
		}
	}()
	mine, seq := d.mine()
	if err := writeMessage(s, &message{cluster: d.cfg.Cluster, records: [][]byte{mine}, digest: d.table.digest(seq)}); err != nil {
		return fmt.Errorf("ask %s for peers: %w", p, err)
	}
	m, err := readMessage(s)
	if err != nil {
		return fmt.Errorf("read peers of %s: %w", p, err)
	}
	if m.status == statusOtherCluster {
		return fmt.Errorf("%w: %s is of cluster %q, this node of %q", errOtherCluster, p, m.cluster, d.cfg.Cluster)
	}
	if err := d.absorb(m.records); err != nil {
		return fmt.Errorf("peers of %s: %w", p, err)
	}
	if err := writeMessage(s, &message{cluster: d.cfg.Cluster, records: d.table.named(m.wants)}); err != nil {
		return fmt.Errorf("tell %s of peers: %w", p, err)
	}
	d.n.exchanges.Add(1)
	d.table.contact(p, d.linked(p), time.Now())
	return s.Close()
}

// serve answers exchange.
func (d *Discovery) serve(_ context.Context, s *host.Stream) error {
	p, err := s.Peer().Raw()
	if err != nil {
		return err
	}
	m, err := readMessage(s)
	if err != nil {
		return err
	}
	if m.cluster != d.cfg.Cluster {
		return writeMessage(s, &message{status: statusOtherCluster, cluster: d.cfg.Cluster})
	}
	if err := d.absorb(m.records); err != nil {
		return err
	}
	give, want := d.table.answer(m.digest, time.Now())
	mine, _ := d.mine()
	if err := writeMessage(s, &message{cluster: d.cfg.Cluster, records: append(give, mine), wants: want}); err != nil {
		return err
	}
	d.n.served.Add(1)
	d.table.contact(p, d.linked(p), time.Now())
	m, err = readMessage(s)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil // it has what it came for
	}
	if err != nil {
		return err
	}
	return d.absorb(m.records)
}

// absorb takes records into the table. It stops at the first that cannot be
// true: an honest peer checked all of them before it passed them on.
func (d *Discovery) absorb(records [][]byte) error {
	for _, sealed := range records {
		r, news, err := d.table.offer(sealed, time.Now(), false)
		if err != nil {
			d.n.rejected.Add(1)
			return err
		}
		if !news {
			continue
		}
		d.n.records.Add(1)
		if err := d.h.Remember(host.FromRaw(r.id), r.addrs, 2*expiry*d.cfg.Interval, true); err != nil {
			return malformed("addresses of %s: %v", r.id, err)
		}
		if d.linked(r.id) {
			d.table.link(r.id, true, time.Now())
		}
	}
	d.changed()
	return nil
}

func (d *Discovery) linked(p peer.ID) bool { return d.h.Connected(host.FromRaw(p)) }

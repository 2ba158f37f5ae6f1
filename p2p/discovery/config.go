package discovery

import (
	"errors"
	"fmt"
	"strings"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/weftdb/weft/p2p/host"
)

// Config says which cluster a node belongs to and how it finds the others.
// Start from Default.
type Config struct {
	// Cluster is the name of the cluster. Nodes of another one are not members.
	Cluster string
	// Bootstrap are addresses of nodes to begin with (…/p2p/ID). They may come
	// up later than this node. DNS names are allowed.
	Bootstrap []string
	// Interval is how often a node talks to two of its peers. While the list of
	// members changes it does so ten times as often.
	Interval time.Duration
	// DialTimeout bounds one attempt to reach a peer.
	DialTimeout time.Duration
	// Retry is the pause after the first failed attempt; it doubles with each
	// further one, up to a minute for bootstrap peers and five for others.
	Retry time.Duration
	// MaxConnections is how many peers are dialed at once.
	MaxConnections int
	// Degree is how many connections to members a node seeks. It opens more only
	// to look at one member per interval; the connection limits of the host
	// bound them all.
	Degree int
	// DHT finds the first member by the cluster's name, through any node of any
	// cluster, and helps others to find theirs.
	DHT bool
	// MDNS finds nodes on the local network.
	MDNS bool
	// File keeps the known members over a restart, so that the nodes of a cluster
	// find each other while a bootstrap peer is down. Empty means none.
	File string
}

// Default returns the settings of a node of a cluster named main, without
// bootstrap peers and file.
func Default() Config {
	return Config{
		Cluster:        "main",
		Interval:       10 * time.Second,
		DialTimeout:    5 * time.Second,
		Retry:          time.Second,
		MaxConnections: 3,
		Degree:         6,
		DHT:            true,
		MDNS:           false,
	}
}

// A node signs its record anew every renewal intervals, and is lost when none
// arrived for expiry intervals: four renewals, or three and the time that news
// takes through a large cluster. forget is for how long one that is lost is
// tried again.
const (
	renewal    = 3
	expiry     = 12
	forget     = 24 * time.Hour
	lostAfter  = 3 // failed attempts in a row
	mostRetry  = 5 * time.Minute
	mostSearch = time.Minute
)

// Validate reports every setting that cannot be used, each with what would be
// right. The error wraps host.ErrConfig.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{host.ErrConfig}, args...)...))
	}
	if err := checkName("cluster", c.Cluster); err != nil {
		bad("cluster.name %.120q must be 1 to %d bytes of printable text", c.Cluster, maxName)
	}
	for _, s := range c.Bootstrap {
		if _, _, err := host.ParseAddr(s); err != nil {
			bad("discovery.bootstrap_peers: %w", err)
		}
	}
	if c.Interval < 10*time.Millisecond {
		bad("discovery.interval is %s, it must be at least 10ms", c.Interval)
	}
	if c.DialTimeout <= 0 || c.Retry <= 0 {
		bad("discovery.dial_timeout and discovery.retry must be above zero, not %s and %s", c.DialTimeout, c.Retry)
	}
	if c.MaxConnections < 1 {
		bad("discovery.max_connections is %d, it must be at least 1", c.MaxConnections)
	}
	if c.Degree < 1 {
		bad("the degree is %d, it must be at least 1", c.Degree)
	}
	return errors.Join(errs...)
}

// own picks from the addresses of a host those worth telling others: without
// its ID at the end, and without loopback when there is anything else.
func own(addrs []string, id host.ID) []string {
	var all, far []string
	for _, s := range addrs {
		s = strings.TrimSuffix(s, "/p2p/"+string(id))
		if len(s) > maxAddr {
			continue
		}
		all = append(all, s)
		if !isLoopback(s) {
			far = append(far, s)
		}
	}
	if len(far) > 0 {
		all = far
	}
	return all[:min(len(all), maxAddrs)]
}

func isLoopback(s string) bool {
	a, err := ma.NewMultiaddr(s)
	if err != nil {
		return false
	}
	v4, err := a.ValueForProtocol(ma.P_IP4)
	if err == nil {
		return strings.HasPrefix(v4, "127.")
	}
	v6, err := a.ValueForProtocol(ma.P_IP6)
	return err == nil && v6 == "::1"
}

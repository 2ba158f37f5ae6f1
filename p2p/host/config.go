package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Config says who a host is, where it listens and whom it talks to. Start from
// Default.
type Config struct {
	// DataDir holds the identity. It is made when missing, with mode 0700.
	DataDir string
	// Listen are the addresses to listen on: TCP (/ip4/0.0.0.0/tcp/4001) and
	// QUIC (/ip4/0.0.0.0/udp/4001/quic-v1). Port 0 takes any free port. All of
	// them must work, or New fails. None at all makes a host that only dials.
	Listen []string

	// PrivateKeyFile is the pre-shared key of a private network (swarm.key, as
	// other libp2p programs have it); empty means an open network. QUIC cannot
	// carry such a key: its addresses are left out, with a line in the log.
	PrivateKeyFile string
	// AllowPeers are the IDs that may connect, and be connected to. Empty means
	// every peer.
	AllowPeers []string

	// The switches below are for nodes behind home routers. They are off: a
	// server has an address of its own, and each of them talks to strangers.
	//
	// PortMap asks the router for a port (UPnP, NAT-PMP).
	PortMap bool
	// AutoNAT asks peers whether this host can be reached, and answers them.
	AutoNAT bool
	// Relay lets peers be reached through relays; Relays are those through which
	// this host lets itself be reached (addresses with /p2p/).
	Relay  bool
	Relays []string
	// RelayService makes this host a relay for others.
	RelayService bool
	// HolePunching turns relayed connections into direct ones; it needs Relay.
	HolePunching bool

	// Above High connections the host closes the least useful ones down to Low,
	// but none that is younger than Grace or protected. Max is the limit that
	// nothing may pass: further connections are refused.
	Low, High, Max int
	Grace          time.Duration
	// PerIP bounds the connections of one IP address (of one /56 with IPv6);
	// nodes behind a common router share it. Loopback is not bounded.
	PerIP int

	// DialTimeout bounds each attempt to connect to one address.
	DialTimeout time.Duration
	// BanTime is how long a peer that floods is kept out.
	BanTime time.Duration
	// Strikes is how many refused streams a peer may have before it is kept
	// out; they are forgiven at one per second.
	Strikes int
	// Prefix begins the name of each protocol of this host.
	Prefix string
}

// Default returns the settings of a server on TCP and QUIC port 4001, without a
// data directory.
func Default() Config {
	return Config{
		Listen:      []string{"/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1"},
		Low:         32,
		High:        96,
		Max:         512,
		Grace:       20 * time.Second,
		PerIP:       64,
		DialTimeout: 5 * time.Second,
		BanTime:     time.Minute,
		Strikes:     200,
		Prefix:      "/weft",
	}
}

// Validate reports every setting that cannot be used, each with what would be
// right. The error wraps ErrConfig. It reads no files.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if c.DataDir == "" {
		bad("node.data_dir is empty; name the directory that holds the node's identity")
	}
	for _, s := range c.Listen {
		if _, err := listenAddr(s); err != nil {
			bad("node.listen: %w", err)
		}
	}
	for _, s := range c.AllowPeers {
		if _, err := peer.Decode(s); err != nil {
			bad("network.allow_peers: %q is not a peer ID (12D3Koo…): %v", s, err)
		}
	}
	for _, s := range c.Relays {
		if _, _, err := ParseAddr(s); err != nil {
			bad("network.relays: %w", err)
		}
	}
	if c.HolePunching && !c.Relay {
		bad("network.hole_punching needs network.relay: two nodes agree on it through a relay")
	}
	if len(c.Relays) > 0 && !c.Relay {
		bad("network.relays are given but network.relay is off")
	}
	if c.Low < 1 || c.High <= c.Low || c.Max < c.High {
		bad("connection limits must be 0 < low < high <= max; they are %d, %d, %d", c.Low, c.High, c.Max)
	}
	if c.Grace < 0 || c.DialTimeout <= 0 || c.BanTime < 0 {
		bad("grace and ban time must not be negative and the dial timeout must be above zero")
	}
	if c.Strikes < 1 || c.PerIP < 1 {
		bad("strikes and connections per IP address must be at least 1, not %d and %d", c.Strikes, c.PerIP)
	}
	if len(c.Prefix) < 2 || c.Prefix[0] != '/' || c.Prefix[len(c.Prefix)-1] == '/' {
		bad("the protocol prefix must be like /weft, not %q", c.Prefix)
	}
	return errors.Join(errs...)
}

// listenAddr parses an address to listen on: an IP and TCP, or UDP and QUIC.
func listenAddr(s string) (ma.Multiaddr, error) {
	a, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address like /ip4/0.0.0.0/tcp/4001: %w", s, err)
	}
	p := codes(a)
	ip := len(p) > 0 && (p[0] == ma.P_IP4 || p[0] == ma.P_IP6)
	if !ip || (!isTCP(a) && !isQUIC(a)) {
		return nil, fmt.Errorf("%q cannot be listened on; use /ip4/…/tcp/PORT or /ip4/…/udp/PORT/quic-v1 (or ip6), without /p2p/", s)
	}
	return a, nil
}

func codes(a ma.Multiaddr) []int {
	var out []int
	for _, p := range a.Protocols() {
		out = append(out, p.Code)
	}
	return out
}

func isTCP(a ma.Multiaddr) bool {
	p := codes(a)
	return len(p) == 2 && p[1] == ma.P_TCP
}

func isQUIC(a ma.Multiaddr) bool {
	p := codes(a)
	return len(p) == 3 && p[1] == ma.P_UDP && p[2] == ma.P_QUIC_V1
}

// ID is the name of a peer: the text of its public key, as it stands behind
// /p2p/ in an address.
type ID string

// Raw is the ID in the form that libp2p has.
func (id ID) Raw() (peer.ID, error) {
	p, err := peer.Decode(string(id))
	if err != nil {
		return "", fmt.Errorf("%w: %q is not a peer ID (12D3Koo…): %w", ErrConfig, string(id), err)
	}
	return p, nil
}

// FromRaw is the ID of a libp2p peer.
func FromRaw(p peer.ID) ID { return ID(p.String()) }

// ParseAddr takes an address that ends in /p2p/ID apart into the peer and the
// address alone.
func ParseAddr(s string) (ID, string, error) {
	info, err := peer.AddrInfoFromString(s)
	if err != nil {
		return "", "", fmt.Errorf("%w: %q is not an address like /ip4/10.0.0.1/tcp/4001/p2p/12D3Koo…: %w", ErrConfig, s, err)
	}
	if len(info.Addrs) != 1 {
		return "", "", fmt.Errorf("%w: %q names a peer but not where it is; write /ip4/10.0.0.1/tcp/4001 before it", ErrConfig, s)
	}
	return FromRaw(info.ID), info.Addrs[0].String(), nil
}

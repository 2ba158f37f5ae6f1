package node

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/weftdb/weft/p2p/discovery"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/archive"
	"github.com/weftdb/weft/raftgroup/replica"
)

// Config says what a node is. Start from Default. The tags are the keys of a
// configuration file; see Read for the other ways to set them.
type Config struct {
	Node      NodeConfig      `yaml:"node"`
	Discovery DiscoveryConfig `yaml:"discovery"`
	Cluster   ClusterConfig   `yaml:"cluster"`
	Network   NetworkConfig   `yaml:"network"`
	Gateway   GatewayConfig   `yaml:"gateway"`
	Raft      RaftConfig      `yaml:"raft"`
	Backup    BackupConfig    `yaml:"backup"`
	Logging   LoggingConfig   `yaml:"logging"`

	// Clock is the time that this node believes in; nil is time.Now.
	Clock func() time.Time `yaml:"-"`
	// Version is what the node says of its program.
	Version string `yaml:"-"`
}

// NodeConfig is the key node: where a node keeps its data and listens.
type NodeConfig struct {
	DataDir string   `yaml:"data_dir"` // of this node alone; made when missing
	Listen  []string `yaml:"listen"`   // multiaddresses, TCP and QUIC; port 0 takes any
}

// DiscoveryConfig is the key discovery: how the others are found.
type DiscoveryConfig struct {
	BootstrapPeers []string      `yaml:"bootstrap_peers"` // addresses of nodes to begin with, with /p2p/ID
	Interval       time.Duration `yaml:"interval"`        // how often a node talks to two of its peers
	DialTimeout    time.Duration `yaml:"dial_timeout"`    // of one attempt to reach a peer
	Retry          time.Duration `yaml:"retry"`           // pause after the first failed attempt; it doubles
	MaxConnections int           `yaml:"max_connections"` // peers that are dialed at once
	Degree         int           `yaml:"degree"`          // connections to members that a node seeks
	DHT            bool          `yaml:"dht"`             // find the first member by the cluster's name
	MDNS           bool          `yaml:"mdns"`            // find nodes on the local network
}

// ClusterConfig is the key cluster: which cluster this is, and how many copies
// its groups have.
type ClusterConfig struct {
	Name        string        `yaml:"name"`
	Replication int           `yaml:"replication"` // voters of a group: 1, 3 or 5
	Standby     int           `yaml:"standby"`     // copies beside the voters, which take their place
	Grace       time.Duration `yaml:"grace"`       // how long a node that is not seen is waited for
	Join        bool          `yaml:"join"`        // never start a cluster, also without bootstrap peers
	// Operators are peers that may change the cluster, beside its nodes and who
	// can read a node's data directory.
	Operators []string `yaml:"operators"`
	// MaxClockOffset is how far a node's clock may be from the others'.
	MaxClockOffset time.Duration `yaml:"max_clock_offset"`
}

// NetworkConfig is the key network: who may connect, and how.
type NetworkConfig struct {
	PrivateKeyFile string            `yaml:"private_key_file"` // swarm.key of a private network
	AllowPeers     []string          `yaml:"allow_peers"`      // peer IDs; none is everybody
	PortMap        bool              `yaml:"port_map"`         // ask the router for a port
	AutoNAT        bool              `yaml:"auto_nat"`         // ask peers whether this node can be reached
	Relay          bool              `yaml:"relay"`            // reach peers through relays
	Relays         []string          `yaml:"relays"`           // through which this node is reached
	RelayService   bool              `yaml:"relay_service"`    // be one for others
	HolePunching   bool              `yaml:"hole_punching"`    // make relayed connections direct
	Connections    ConnectionsConfig `yaml:"connections"`
}

// ConnectionsConfig bounds the connections of a node.
type ConnectionsConfig struct {
	Low   int `yaml:"low"`    // as few are kept
	High  int `yaml:"high"`   // above it the least useful are closed
	Max   int `yaml:"max"`    // never more
	PerIP int `yaml:"per_ip"` // of one address
}

// GatewayConfig is the key gateway: the HTTP listener.
type GatewayConfig struct {
	Listen       string `yaml:"listen"`        // host:port; empty is none
	Advertise    string `yaml:"advertise"`     // host:port that clients of other nodes are sent to; empty is found out
	OpenLoopback bool   `yaml:"open_loopback"` // the namespace default without a token, from this machine
}

// RaftConfig is the key raft: times and sizes of groups.
type RaftConfig struct {
	Heartbeat    time.Duration `yaml:"heartbeat"`     // without one for this long, a new leader is elected
	Lease        time.Duration `yaml:"lease"`         // a leader that reaches no majority for this long steps down
	ApplyTimeout time.Duration `yaml:"apply_timeout"` // for a change to be taken up
	SnapshotWAL  int64         `yaml:"snapshot_wal"`  // bytes of SQLite's log that call for a snapshot
	SnapshotLogs uint64        `yaml:"snapshot_logs"` // entries that do so too
	Trailing     uint64        `yaml:"trailing"`      // entries kept behind a snapshot
	Window       time.Duration `yaml:"window"`        // how long IDs of changes are remembered
	Gather       int           `yaml:"gather"`        // bytes of changes in one entry of the log
}

// BackupConfig is the key backup: backups that are made by themselves.
type BackupConfig struct {
	Dir      string        `yaml:"dir"`      // where to; empty is none
	Interval time.Duration `yaml:"interval"` // how often
	Keep     int           `yaml:"keep"`     // how many of each group
	// Archive is where each node keeps the entries that it applies, so that a
	// backup can be brought to any moment after it; empty is none.
	Archive     string        `yaml:"archive"`
	ArchiveKeep time.Duration `yaml:"archive_keep"` // how long
}

// LoggingConfig is the key logging.
type LoggingConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
}

// Default is a server on port 4001 whose gateway listens on this machine only.
func Default() Config {
	h, d, r := host.Default(), discovery.Default(), replica.Default()
	return Config{
		Node: NodeConfig{DataDir: "./data", Listen: h.Listen},
		Discovery: DiscoveryConfig{
			Interval: d.Interval, DialTimeout: d.DialTimeout, Retry: d.Retry, MaxConnections: d.MaxConnections,
			Degree: d.Degree, DHT: d.DHT, MDNS: d.MDNS,
		},
		Cluster: ClusterConfig{
			Name: "main", Replication: 3, Standby: 1, Grace: 5 * time.Minute, MaxClockOffset: time.Minute,
		},
		Network: NetworkConfig{Connections: ConnectionsConfig{Low: h.Low, High: h.High, Max: h.Max, PerIP: h.PerIP}},
		Gateway: GatewayConfig{Listen: "127.0.0.1:8420"},
		Raft: RaftConfig{
			Heartbeat: r.Heartbeat, Lease: r.Lease, ApplyTimeout: r.ApplyTimeout,
			SnapshotWAL: r.SnapshotWAL, SnapshotLogs: r.SnapshotLogs, Trailing: r.Trailing,
			Window: 2 * time.Minute, Gather: 256 << 10,
		},
		Backup:  BackupConfig{Interval: 24 * time.Hour, Keep: 7, ArchiveKeep: archive.Default().Keep},
		Logging: LoggingConfig{Level: "info", Format: "text"},
	}
}

// ErrConfig is wrapped by every error of a setting that cannot be used.
var ErrConfig = host.ErrConfig

// Validate reports every setting that cannot be used, each with its key and
// what would be right. It reads no files; see Check.
func (c Config) Validate() error {
	errs := []error{c.host().Validate(), c.discovery().Validate()}
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	c.validateCluster(bad)
	if c.Gateway.Listen != "" {
		if err := hostPort(c.Gateway.Listen); err != nil {
			bad("gateway.listen %q is no address; give host:port, such as 127.0.0.1:8420, or leave it empty for none", c.Gateway.Listen)
		}
	}
	if c.Gateway.Advertise != "" {
		if h, _, err := net.SplitHostPort(c.Gateway.Advertise); err != nil || h == "" || hostPort(c.Gateway.Advertise) != nil {
			bad("gateway.advertise %q is no address; give host:port as clients reach it, such as db1.example.org:8420", c.Gateway.Advertise)
		}
	}
	c.validateRaft(bad)
	if c.Backup.Dir != "" && (c.Backup.Interval < time.Second || c.Backup.Keep < 1) {
		bad("backup.interval must be at least 1s and backup.keep at least 1, not %s and %d", c.Backup.Interval, c.Backup.Keep)
	}
	if c.Backup.Archive != "" && c.Backup.ArchiveKeep < time.Minute {
		bad("backup.archive_keep must be at least 1m, not %s", c.Backup.ArchiveKeep)
	}
	if c.Backup.Archive != "" && c.Backup.Dir != "" && c.Backup.ArchiveKeep < c.Backup.Interval {
		bad("backup.archive_keep (%s) must not be below backup.interval (%s): between two backups there would be moments to which nothing leads", c.Backup.ArchiveKeep, c.Backup.Interval)
	}
	if _, ok := levels[c.Logging.Level]; !ok {
		bad("logging.level is %q; it is one of debug, info, warn, error", c.Logging.Level)
	}
	if c.Logging.Format != "text" && c.Logging.Format != "json" {
		bad("logging.format is %q; it is text or json", c.Logging.Format)
	}
	return errors.Join(errs...)
}

func (c Config) validateCluster(bad func(string, ...any)) {
	if r := c.Cluster.Replication; r != 1 && r != 3 && r != 5 {
		bad("cluster.replication is %d; it is 1, 3 or 5: one more than an odd number survives no more failures", r)
	}
	if s := c.Cluster.Standby; s < 0 || s > 5 {
		bad("cluster.standby is %d; it is 0 to 5", s)
	}
	if c.Cluster.Grace < time.Second {
		bad("cluster.grace is %s; it is at least 1s, and minutes where nodes restart", c.Cluster.Grace)
	}
	if c.Cluster.MaxClockOffset < time.Second {
		bad("cluster.max_clock_offset is %s; it is at least 1s", c.Cluster.MaxClockOffset)
	}
	for _, p := range c.Cluster.Operators {
		if _, err := host.ID(p).Raw(); err != nil {
			bad("cluster.operators: %q is not a peer ID (12D3Koo…); weft node id --data DIR prints one", p)
		}
	}
}

func (c Config) validateRaft(bad func(string, ...any)) {
	r := c.Raft
	if r.Heartbeat < 10*time.Millisecond || r.Lease < 5*time.Millisecond || r.Lease > r.Heartbeat {
		bad("raft.heartbeat must be at least 10ms and raft.lease between 5ms and that, not %s and %s", r.Heartbeat, r.Lease)
	}
	if r.ApplyTimeout < 100*time.Millisecond {
		bad("raft.apply_timeout is %s; it is at least 100ms", r.ApplyTimeout)
	}
	if r.SnapshotWAL < 64<<10 || r.SnapshotLogs < 1 {
		bad("raft.snapshot_wal must be at least 64KiB and raft.snapshot_logs at least 1, not %d and %d", r.SnapshotWAL, r.SnapshotLogs)
	}
	if r.Window < time.Second {
		bad("raft.window is %s; it is at least 1s, and longer than a client repeats a change", r.Window)
	}
	if r.Gather < 1<<10 || r.Gather > 4<<20 {
		bad("raft.gather is %d bytes; it is 1KiB to 4MiB", r.Gather)
	}
}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// Level is the level of the log.
func (l LoggingConfig) Slog() slog.Level { return levels[l.Level] }

func hostPort(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(port, 10, 32)
	if err == nil && n > math.MaxUint16 {
		err = errors.New("the port is too large")
	}
	return err
}

// host is the configuration of the host.
func (c Config) host() host.Config {
	h := host.Default()
	h.DataDir, h.Listen = c.Node.DataDir, c.Node.Listen
	n := c.Network
	h.PrivateKeyFile, h.AllowPeers = n.PrivateKeyFile, n.AllowPeers
	h.PortMap, h.AutoNAT, h.Relay, h.Relays = n.PortMap, n.AutoNAT, n.Relay, n.Relays
	h.RelayService, h.HolePunching = n.RelayService, n.HolePunching
	h.Low, h.High, h.Max, h.PerIP = n.Connections.Low, n.Connections.High, n.Connections.Max, n.Connections.PerIP
	h.DialTimeout = c.Discovery.DialTimeout
	return h
}

// discovery is the configuration of discovery, without its file.
func (c Config) discovery() discovery.Config {
	d := discovery.Default()
	d.Cluster, d.Bootstrap = c.Cluster.Name, c.Discovery.BootstrapPeers
	d.Interval, d.DialTimeout, d.Retry = c.Discovery.Interval, c.Discovery.DialTimeout, c.Discovery.Retry
	d.MaxConnections, d.Degree = c.Discovery.MaxConnections, c.Discovery.Degree
	d.DHT, d.MDNS = c.Discovery.DHT, c.Discovery.MDNS
	return d
}

// replica is the configuration of one copy, without its group and directory.
func (c Config) replica() replica.Config {
	r := replica.Default()
	r.Heartbeat, r.Lease, r.ApplyTimeout = c.Raft.Heartbeat, c.Raft.Lease, c.Raft.ApplyTimeout
	r.SnapshotWAL, r.SnapshotLogs, r.Trailing = c.Raft.SnapshotWAL, c.Raft.SnapshotLogs, c.Raft.Trailing
	return r
}

func (c Config) now() time.Time {
	if c.Clock != nil {
		return c.Clock()
	}
	return time.Now()
}

// loopback reports whether an address to listen on is of this machine only.
func loopback(multiaddr string) bool {
	return strings.HasPrefix(multiaddr, "/ip4/127.") || strings.HasPrefix(multiaddr, "/ip6/::1/")
}

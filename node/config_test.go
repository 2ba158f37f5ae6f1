package node

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/replica"
)

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(nil)
	if err != nil || !reflect.DeepEqual(c, Default()) {
		t.Fatalf("an empty file gives %+v, %v", c, err)
	}
}

func TestReadPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node.yaml")
	text := `
node:
  data_dir: ./file
  listen: [/ip4/0.0.0.0/tcp/4001]
discovery: {interval: 3s, mdns: true}
cluster:
  name: shop
  replication: 5
network:
  connections: {low: 2}
gateway:
raft: {snapshot_wal: 1MiB, trailing: 7}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(file, []string{
		"WEFT_NODE_DATA_DIR=./env", "WEFT_CLUSTER_NAME=env", "WEFT_TEST_POSTGRES=x", "WEFT_LONG=30s", "WEFT_NODES=4", "PATH=/bin",
		"WEFT_DISCOVERY_BOOTSTRAP_PEERS=a, b,",
	}, []string{"cluster.name=flag", "logging.level=debug"})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Node = NodeConfig{DataDir: "./env", Listen: []string{"/ip4/0.0.0.0/tcp/4001"}}
	want.Discovery.Interval, want.Discovery.MDNS, want.Discovery.BootstrapPeers = 3*time.Second, true, []string{"a", "b"}
	want.Cluster.Name, want.Cluster.Replication = "flag", 5
	want.Network.Connections.Low = 2
	want.Raft.SnapshotWAL, want.Raft.Trailing = 1<<20, 7
	want.Logging.Level = "debug"
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("got  %+v\nwant %+v", c, want)
	}
}

func TestReadFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"nod: {}", "line 1: the key nod is unknown; known are backup, cluster, discovery, gateway, logging, network, node, raft"},
		{"node:\n  dir: x", "line 2: the key node.dir is unknown; known are node.data_dir, node.listen"},
		{"node: 3", "line 1: node has keys with values"},
		{"node: [a]", "line 1: node has keys with values"},
		{"- a", "line 1: a configuration has keys with values"},
		{"node: {data_dir: 3}", "node.data_dir: it is text; put it in quotes"},
		{"node: {listen: /ip4/0.0.0.0/tcp/1}", "node.listen: it is a list"},
		{"node: {listen: [3]}", "node.listen: its elements are text"},
		{"discovery: {interval: fast}", `discovery.interval: "fast" is no duration, such as 500ms, 10s or 5m`},
		{"discovery: {dht: maybe}", `discovery.dht: "maybe" is neither true nor false`},
		{"cluster: {replication: three}", `cluster.replication: "three" is no whole number`},
		{"raft: {trailing: -1}", `raft.trailing: "-1" is below zero`},
		{"raft: {snapshot_wal: 99999999999GiB}", "is no whole number, or a size"},
		{"cluster: {name: a, name: b}", "cluster.name is given twice"},
		{"cluster: {name: }", "cluster.name: it has one value"},
		{"? [a]\n: b", "a key is a word"},
		{"a: b\n---\nc: d", "there is more than one document"},
		{"\ta: b", "found character that cannot start any token"},
		{"network: {connections: {lo: 1}}", "the key network.connections.lo is unknown; known are network.connections.high"},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	// All faults at once.
	_, err := Read("", []string{"WEFT_NODE_DIR=x", "WEFT_RAFT_GATHER=x"}, []string{"a", "b=c", "cluster.standby=x"})
	for _, want := range []string{"WEFT_NODE_DIR belongs to no setting", "the variable WEFT_RAFT_GATHER", `--set "a" is not key=value`, "--set b: the key b is unknown", "--set cluster.standby"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "absent.yaml"), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		change func(c *Config)
		want   string
	}{
		{func(c *Config) { c.Node.DataDir = "" }, "node.data_dir"},
		{func(c *Config) { c.Node.Listen = []string{"localhost:1"} }, "node.listen"},
		{func(c *Config) { c.Discovery.BootstrapPeers = []string{"/ip4/1.2.3.4/tcp/1"} }, "discovery.bootstrap_peers"},
		{func(c *Config) { c.Discovery.Interval = 0 }, "discovery.interval"},
		{func(c *Config) { c.Cluster.Name = "" }, "cluster.name"},
		{func(c *Config) { c.Cluster.Replication = 2 }, "cluster.replication is 2"},
		{func(c *Config) { c.Cluster.Standby = -1 }, "cluster.standby"},
		{func(c *Config) { c.Cluster.Grace = 0 }, "cluster.grace"},
		{func(c *Config) { c.Cluster.MaxClockOffset = 0 }, "cluster.max_clock_offset"},
		{func(c *Config) { c.Cluster.Operators = []string{"me"} }, "cluster.operators"},
		{func(c *Config) { c.Network.AllowPeers = []string{"you"} }, "network.allow_peers"},
		{func(c *Config) { c.Network.HolePunching = true }, "network.hole_punching"},
		{func(c *Config) { c.Network.Connections.Low = 0 }, "connection limits"},
		{func(c *Config) { c.Gateway.Listen = "8420" }, "gateway.listen"},
		{func(c *Config) { c.Gateway.Listen = "localhost:70000" }, "gateway.listen"},
		{func(c *Config) { c.Gateway.Advertise = "db1.example.org" }, "gateway.advertise"},
		{func(c *Config) { c.Gateway.Advertise = ":8420" }, "gateway.advertise"},
		{func(c *Config) { c.Raft.Lease = time.Minute }, "raft.lease"},
		{func(c *Config) { c.Raft.ApplyTimeout = 0 }, "raft.apply_timeout"},
		{func(c *Config) { c.Raft.SnapshotWAL = 1 }, "raft.snapshot_wal"},
		{func(c *Config) { c.Raft.Window = 0 }, "raft.window"},
		{func(c *Config) { c.Raft.Gather = 0 }, "raft.gather"},
		{func(c *Config) { c.Backup.Dir, c.Backup.Keep = "x", 0 }, "backup.keep"},
		{func(c *Config) { c.Backup.Archive, c.Backup.ArchiveKeep = "x", time.Second }, "backup.archive_keep must be at least 1m"},
		{func(c *Config) { c.Backup.Archive, c.Backup.Dir, c.Backup.ArchiveKeep = "x", "y", time.Hour }, "backup.archive_keep (1h0m0s) must not be below backup.interval"},
		{func(c *Config) { c.Logging.Level = "loud" }, "logging.level"},
		{func(c *Config) { c.Logging.Format = "xml" }, "logging.format"},
	} {
		cfg := Default()
		c.change(&cfg)
		if err := cfg.Validate(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	good := Default()
	good.Node.DataDir = filepath.Join(dir, "deep", "data")
	good.Node.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	good.Gateway.Listen = "127.0.0.1:0"
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "deep")); err == nil {
		t.Error("Check made the data directory")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.Gateway.Listen = l.Addr().String()
	bad.Node.Listen = []string{"/ip4/127.0.0.1/tcp/" + port}
	bad.Node.DataDir = filepath.Join(file, "x")
	bad.Backup.Dir, bad.Backup.Archive = file, file
	bad.Network.PrivateKeyFile = file
	err = bad.Check()
	for _, want := range []string{"gateway.listen", "node.listen", "node.data_dir", "backup.dir", "backup.archive", "swarm/psk"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not told: %v", want, err)
		}
	}
}

// A data directory in which SQLite could open nothing is refused before anything
// is made.
func TestDataDirName(t *testing.T) {
	cfg := Default()
	cfg.Node.DataDir = filepath.Join(t.TempDir(), "shop#1", "data")
	cfg.Node.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	cfg.Gateway.Listen = ""
	n, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"check": cfg.Check(), "start": n.Start(context.Background())} {
		if !errors.Is(err, ErrState) || !errors.Is(err, replica.ErrDirName) || !strings.Contains(err.Error(), `"#"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(filepath.Dir(cfg.Node.DataDir)); err == nil {
		t.Error("the directory was made")
	}
}

// A data directory of another node, cluster or version is refused as it is.
func TestForeignState(t *testing.T) {
	c := Default()
	fresh := func() {
		c.Node.DataDir = t.TempDir()
		id, err := host.Identity(c.Node.DataDir)
		if err != nil {
			t.Fatal(err)
		}
		if err := (state{Peer: string(id), Cluster: "main", ClusterID: "c1", Groups: []string{"b", "a", "b"}}).save(c.Node.DataDir); err != nil {
			t.Fatal(err)
		}
	}
	fresh()
	s, err := readState(c)
	if err != nil || len(s.Groups) != 2 || s.Format != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(c.Node.DataDir, stateFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		name   string
		change func()
		want   error
		text   string
	}{
		{"another name", func() { c.Cluster.Name = "other" }, ErrForeign, "cluster.name"},
		{"newer", func() { write(`{"format": 2, "later": true}`) }, ErrNewer, "version 2"},
		{"torn", func() { write(`{"format": 1, "pe`) }, ErrState, "damaged"},
		{"another node", func() {
			id, _ := host.Identity(t.TempDir())
			if err := (state{Peer: string(id), Cluster: "main"}).save(c.Node.DataDir); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, "identity"},
		{"no identity", func() {
			if err := os.Remove(filepath.Join(c.Node.DataDir, identityFile)); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, "its identity is missing"},
		{"no state", func() {
			if err := errors.Join(os.Remove(filepath.Join(c.Node.DataDir, stateFile)), os.Mkdir(filepath.Join(c.Node.DataDir, groupsDir), 0o700)); err != nil {
				t.Fatal(err)
			}
		}, ErrState, "restore that file"},
	} {
		c.Cluster.Name = "main"
		fresh()
		x.change()
		before := list(t, c.Node.DataDir)
		if _, err := readState(c); !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: %v", x.name, err)
		}
		if after := list(t, c.Node.DataDir); after != before {
			t.Errorf("%s: %s became %s", x.name, before, after)
		}
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func FuzzParse(f *testing.F) {
	f.Add("node: {data_dir: x, listen: [a]}\nraft: {gather: 1MiB}")
	f.Add("? [a]\n: b")
	f.Add("a: &x {b: *x}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text))
		if err != nil && !errors.Is(err, ErrConfig) {
			t.Error(err)
		}
		_ = c.Validate()
	})
}

package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/internal/port"
	"github.com/weftdb/weft/p2p/host"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

const tcpAny = "/ip4/127.0.0.1/tcp/0"

// node is a host with its discovery, as a test runs it.
type node struct {
	*Discovery
	h   *host.Host
	dir string
	t   testing.TB
}

// quick are settings by which things happen at once.
func quick(bootstrap ...string) Config {
	cfg := Default()
	cfg.Interval = 200 * time.Millisecond
	cfg.Retry = 50 * time.Millisecond
	cfg.DialTimeout = 2 * time.Second
	cfg.Bootstrap = bootstrap
	cfg.DHT = false
	return cfg
}

func hostConfig(dir string) host.Config {
	cfg := host.Default()
	cfg.DataDir = dir
	cfg.Listen = []string{tcpAny}
	return cfg
}

// keptAddr is an address where a node can listen again after it was away.
func keptAddr(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port.Keep(t))
}

func launch(t testing.TB, hc host.Config, cfg Config) *node {
	t.Helper()
	h, err := host.New(hc, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(h, cfg, nil)
	if err != nil {
		t.Fatal(err, h.Close())
	}
	n := &node{Discovery: d, h: h, dir: hc.DataDir, t: t}
	t.Cleanup(n.stop)
	return n
}

func (n *node) stop() {
	if err := n.Close(); err != nil {
		n.t.Errorf("close discovery: %v", err)
	}
	if err := n.h.Close(); err != nil {
		n.t.Errorf("close host: %v", err)
	}
}

// stopAll stops nodes at once, so that none sees the others die one by one.
func stopAll(all []*node) {
	var wg sync.WaitGroup
	for _, n := range all {
		wg.Go(func() { n.Close() })
	}
	wg.Wait()
	for _, n := range all {
		wg.Go(n.stop)
	}
	wg.Wait()
}

func (n *node) addr() string { return n.h.Addrs()[0] }

func (n *node) knows(others ...*node) bool {
	m := n.Members()
	for _, o := range others {
		if o != n && !slices.ContainsFunc(m, func(x Member) bool { return x.ID == o.h.ID() }) {
			return false
		}
	}
	return true
}

// dies takes a node from the network without a word.
func (n *node) dies() { n.stop() }

func until(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > 2*time.Minute {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
	return time.Since(begin)
}

func TestPeersSpread(t *testing.T) {
	first := launch(t, hostConfig(t.TempDir()), quick())
	all := []*node{first}
	for range 5 {
		all = append(all, launch(t, hostConfig(t.TempDir()), quick(first.addr())))
	}
	took := until(t, "everybody knows everybody", func() bool {
		return !slices.ContainsFunc(all, func(n *node) bool { return !n.knows(all...) })
	})
	t.Logf("%d nodes after %s", len(all), took)
	changes, stop := first.Changes()
	defer stop()
	// What one says, all hear.
	if err := all[3].Advertise([]string{"sql"}, []string{"orders", "main", "main"}); err != nil {
		t.Fatal(err)
	}
	until(t, "everybody knows who holds what", func() bool {
		for _, n := range all {
			if n == all[3] {
				continue
			}
			p, g := n.Providers("sql"), n.Holders("orders")
			if len(p) != 1 || len(g) != 1 || p[0].ID != all[3].h.ID() || !slices.Equal(g[0].Groups, []string{"main", "orders"}) {
				return false
			}
		}
		return true
	})
	select {
	case <-changes:
	case <-time.After(10 * time.Second):
		t.Error("a change was not told")
	}
	c := first.Counters()
	if c.Members != 5 || c.Connected == 0 || c.Served == 0 || c.Records == 0 || c.Rejected != 0 {
		t.Errorf("counters: %+v", c)
	}
	if err := first.Advertise([]string{"bad\x00name"}, nil); !errors.Is(err, host.ErrMalformed) {
		t.Errorf("advertise a bad name: %v", err)
	}
}

func TestBootstrapComesLater(t *testing.T) {
	dir, listen := t.TempDir(), keptAddr(t)
	hc := hostConfig(dir)
	hc.Listen = []string{listen}
	h, err := host.New(hc, nil) // to have an address that is known before
	if err != nil {
		t.Fatal(err)
	}
	at := h.Addrs()[0]
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	a := launch(t, hostConfig(t.TempDir()), quick(at))
	until(t, "a has tried more than once", func() bool { return a.Counters().DialsFailed >= 2 })
	if len(a.Members()) != 0 {
		t.Fatal("members without anybody")
	}
	b := launch(t, hc, quick())
	until(t, "both know each other", func() bool { return a.knows(b) && b.knows(a) })
}

func TestDeadNodeReturns(t *testing.T) {
	a := launch(t, hostConfig(t.TempDir()), quick())
	b := launch(t, hostConfig(t.TempDir()), quick(a.addr()))
	hc := hostConfig(t.TempDir())
	hc.Listen = []string{keptAddr(t)} // which it is not given again
	c := launch(t, hc, quick(a.addr()))
	until(t, "all know each other", func() bool { return a.knows(b, c) && b.knows(a, c) && c.knows(a, b) })
	id, before := c.h.ID(), c.addr()
	c.dies()
	t.Logf("dropped after %s", until(t, "c is dropped", func() bool { return !a.knows(c) && !b.knows(c) }))
	lost := func(n *node) bool {
		return slices.ContainsFunc(n.Known(), func(m Member) bool { return m.ID == id && !m.Live && !m.Connected })
	}
	if !lost(a) || !lost(b) || a.Counters().Lost != 1 {
		t.Error("a lost node is not kept to be tried again")
	}
	tries := a.Counters().DialsFailed
	until(t, "a tries again", func() bool { return a.Counters().DialsFailed > tries })
	// It returns under its identity, on another port, by another way in.
	again := launch(t, hostConfig(c.dir), quick(b.addr()))
	if again.h.ID() != id || again.addr() == before {
		t.Fatalf("%s at %s came back as %s at %s", id, before, again.h.ID(), again.addr())
	}
	t.Logf("found again after %s", until(t, "c is found again", func() bool { return a.knows(again) && b.knows(again) && again.knows(a, b) }))
	_, addr, _ := host.ParseAddr(again.addr())
	until(t, "a knows the new address", func() bool {
		return slices.ContainsFunc(a.Members(), func(m Member) bool { return m.ID == id && slices.Equal(m.Addrs, []string{addr}) })
	})
}

// A node that returns at the same address is found by those that lost it, also
// when it knows nobody itself.
func TestLostNodeIsTriedAgain(t *testing.T) {
	hc := hostConfig(t.TempDir())
	hc.Listen = []string{keptAddr(t)}
	a := launch(t, hc, quick())
	b := launch(t, hostConfig(t.TempDir()), quick(a.addr()))
	until(t, "both know each other", func() bool { return a.knows(b) && b.knows(a) })
	a.dies()
	until(t, "a is dropped", func() bool { return !b.knows(a) })
	again := launch(t, hc, quick())
	until(t, "both know each other again", func() bool { return again.knows(b) && b.knows(again) })
}

// The nodes of a cluster find each other after a restart of all, although the
// only bootstrap peer stays away.
func TestKnownNodesAreKept(t *testing.T) {
	a := launch(t, hostConfig(t.TempDir()), quick())
	at := a.addr()
	start := func(dir, listen string) *node {
		hc, cfg := hostConfig(dir), quick(at)
		hc.Listen = []string{listen}
		cfg.File = filepath.Join(dir, "peers")
		return launch(t, hc, cfg)
	}
	bAt := keptAddr(t)
	b, c := start(t.TempDir(), bAt), start(t.TempDir(), tcpAny)
	until(t, "all know each other", func() bool { return b.knows(a, c) && c.knows(a, b) })
	a.dies()
	b.dies()
	c.dies()
	b2, c2 := start(b.dir, bAt), start(c.dir, tcpAny)
	until(t, "b and c know each other", func() bool { return b2.knows(c2) && c2.knows(b2) })

	// A damaged file is no reason not to start.
	c2.dies()
	if err := os.WriteFile(filepath.Join(c.dir, "peers"), []byte("\x01\x00garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(c.dir, tcpAny)
}

func TestOtherCluster(t *testing.T) {
	a := launch(t, hostConfig(t.TempDir()), quick())
	cfg := quick(a.addr())
	cfg.Cluster = "other"
	b := launch(t, hostConfig(t.TempDir()), cfg)
	until(t, "b has asked", func() bool { return b.Counters().Dials >= 2 })
	if len(a.Members()) != 0 || len(b.Members()) != 0 || a.Counters().Rejected != 0 {
		t.Errorf("members of another cluster: %v, %v", a.Members(), b.Members())
	}
}

// Two nodes that know one node of another cluster find each other in the DHT by
// the name of theirs.
func TestRendezvous(t *testing.T) {
	with := func(cluster string, bootstrap ...string) Config {
		cfg := quick(bootstrap...)
		cfg.Cluster, cfg.DHT = cluster, true
		return cfg
	}
	a := launch(t, hostConfig(t.TempDir()), with("one"))
	a2 := launch(t, hostConfig(t.TempDir()), with("one", a.addr()))
	b := launch(t, hostConfig(t.TempDir()), with("two", a.addr()))
	c := launch(t, hostConfig(t.TempDir()), with("two", a2.addr()))
	t.Logf("found after %s", until(t, "the nodes of each cluster know each other", func() bool { return b.knows(c) && c.knows(b) && a.knows(a2) }))
	if b.knows(a) || c.knows(a) || a.knows(b) {
		t.Error("clusters are mixed up")
	}
	if b.Counters().Rendezvous+c.Counters().Rendezvous == 0 {
		t.Error("nobody was found through the DHT")
	}
}

func TestLocalNetwork(t *testing.T) {
	// What the library found is handed in: whether multicast works at all
	// depends on the machine.
	cfg := quick()
	cfg.DialTimeout = time.Minute // the library would tell of a node again that was not reached
	a := launch(t, hostConfig(t.TempDir()), cfg)
	b := launch(t, hostConfig(t.TempDir()), quick())
	l := &lan{d: a.Discovery}
	raw, err := b.h.ID().Raw()
	if err != nil {
		t.Fatal(err)
	}
	info := b.h.LibP2P().Peerstore().PeerInfo(raw)
	info.Addrs = b.h.LibP2P().Addrs()
	l.HandlePeerFound(info)
	until(t, "both know each other", func() bool { return a.knows(b) && b.knows(a) })
	if a.Counters().LAN != 1 {
		t.Errorf("counters: %+v", a.Counters())
	}
	// The real service, where the machine has a network with multicast.
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	const needs = net.FlagUp | net.FlagRunning | net.FlagMulticast
	has := slices.ContainsFunc(all, func(i net.Interface) bool {
		addrs, err := i.Addrs()
		return err == nil && len(addrs) > 0 && i.Flags&needs == needs && i.Flags&net.FlagLoopback == 0
	})
	on := func() *node {
		hc, cfg := hostConfig(t.TempDir()), quick()
		hc.Listen = []string{"/ip4/0.0.0.0/tcp/0"}
		cfg.MDNS, cfg.Cluster = true, "mdns "+string(a.h.ID())
		return launch(t, hc, cfg)
	}
	c, d := on(), on()
	if !has {
		t.Log("no interface with multicast here: mDNS is started and ended only")
		return
	}
	t.Logf("found by mDNS after %s", until(t, "both know each other by mDNS", func() bool { return c.knows(d) && d.knows(c) }))
}

func TestConfigErrors(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Config){
		"cluster.name":              func(c *Config) { c.Cluster = "" },
		"bootstrap_peers":           func(c *Config) { c.Bootstrap = []string{"10.0.0.1:4001"} },
		"names a peer but not":      func(c *Config) { c.Bootstrap = []string{"/p2p/12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"} },
		"discovery.interval":        func(c *Config) { c.Interval = 0 },
		"discovery.dial_timeout":    func(c *Config) { c.DialTimeout = 0 },
		"discovery.max_connections": func(c *Config) { c.MaxConnections = 0 },
		"degree":                    func(c *Config) { c.Degree = 0 },
	} {
		cfg := Default()
		change(&cfg)
		if err := cfg.Validate(); !errors.Is(err, host.ErrConfig) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
		h, err := host.New(hostConfig(t.TempDir()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(h, cfg, nil); err == nil {
			t.Errorf("%s: New takes it", says)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestChangesEnd(t *testing.T) {
	a := launch(t, hostConfig(t.TempDir()), quick())
	c, stop := a.Changes()
	stop()
	stop()
	if _, open := <-c; open {
		t.Error("open after stop")
	}
	c, stop = a.Changes()
	defer stop()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-c; open {
		t.Error("open after Close")
	}
	if c, _ := a.Changes(); c != nil {
		if _, open := <-c; open {
			t.Error("open when begun after Close")
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if a.dials.begin(a.self, true, func(context.Context) error { return ctx.Err() }, nil) {
		t.Error("work begins after Close")
	}
}

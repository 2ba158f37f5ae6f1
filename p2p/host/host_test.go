package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	libhost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"go.uber.org/goleak"

	"github.com/weftdb/weft/internal/leak"
	"github.com/weftdb/weft/internal/port"
)

// known are goroutines of libraries that outlive a host for a while. The search
// for a router (PortMap) waits for answers by UPnP up to its own time limit,
// whatever becomes of the host.
var known = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/libp2p/go-libp2p/p2p/net/nat/internal/nat.discoverNATs.func1"),
	goleak.IgnoreAnyFunction("github.com/libp2p/go-libp2p/p2p/net/nat/internal/nat.discoverNATs.func2"),
}

func TestMain(m *testing.M) { leak.VerifyTestMain(m, known...) }

const tcpAny = "/ip4/127.0.0.1/tcp/0"

func config(t *testing.T) Config {
	t.Helper()
	cfg := Default()
	cfg.DataDir = t.TempDir()
	cfg.Listen = []string{tcpAny, "/ip4/127.0.0.1/udp/0/quic-v1"}
	return cfg
}

func start(t *testing.T, cfg Config) *Host {
	t.Helper()
	h, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// until polls a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// join connects a to b.
func join(t *testing.T, a, b *Host) {
	t.Helper()
	if err := connect(within(t), a, b); err != nil {
		t.Fatal(err)
	}
}

func connect(ctx context.Context, a, b *Host) error {
	id, addr, err := ParseAddr(b.Addrs()[0])
	if err != nil {
		return err
	}
	return a.Connect(ctx, id, addr)
}

func echo(_ context.Context, s *Stream) error {
	_, err := io.Copy(s, s)
	return err
}

func TestTwoHostsTalk(t *testing.T) {
	a, b := start(t, config(t)), start(t, config(t))
	w := b.Watch()
	for _, addr := range b.Addrs() { // over TCP, then over QUIC
		if !strings.HasSuffix(addr, "/p2p/"+string(b.ID())) {
			t.Fatalf("address %s has no ID", addr)
		}
		id, addr, err := ParseAddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		b.Handle("echo/1", Limits{}, echo)
		// Of two addresses that it knew it would dial the second as well when the
		// first is slow, and b might count both.
		if err := a.Remember(id, nil, time.Minute, true); err != nil {
			t.Fatal(err)
		}
		if err := a.Connect(within(t), id, addr); err != nil {
			t.Fatal(err)
		}
		got, err := a.Call(within(t), b.ID(), "echo/1", []byte("hello"), 100)
		if err != nil || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		if e := <-w.C; e != (Event{a.ID(), true}) {
			t.Fatalf("event %v", e)
		}
		if d, err := a.Ping(within(t), b.ID()); err != nil || d <= 0 {
			t.Fatalf("ping: %s, %v", d, err)
		}
		if !a.Connected(b.ID()) || !slices.Contains(a.Peers(), b.ID()) {
			t.Fatal("not connected")
		}
		until(t, "a knows what b speaks", func() bool { return a.Speaks(b.ID(), "echo/1") })
		if err := a.Disconnect(b.ID()); err != nil {
			t.Fatal(err)
		}
		if e := <-w.C; e != (Event{a.ID(), false}) {
			t.Fatalf("event %v", e)
		}
		until(t, "a is disconnected", func() bool { return !a.Connected(b.ID()) })
	}
	until(t, "both disconnections, and the bytes of both answers, are counted", func() bool {
		c := b.Counters()
		return c.Closed >= 2 && c.BytesWritten >= 10
	})
	c := b.Counters()
	if c.StreamsServed != 2 || c.BytesRead != 10 || c.BytesWritten != 10 || c.Opened != 2 || c.Closed != 2 {
		t.Errorf("counters: %+v", c)
	}
	if c := a.Counters(); c.Dials != 2 || c.StreamsOpened != 2 {
		t.Errorf("counters: %+v", c)
	}
	w.Stop()
	w.Stop()
	if _, open := <-w.C; open {
		t.Error("the channel is open after Stop")
	}
}

func TestDialErrors(t *testing.T) {
	a, b := start(t, config(t)), start(t, config(t))
	away := config(t)
	away.Listen = []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port.Keep(t))} // where nobody else will listen
	gone := start(t, away)
	goneID, goneAddr, _ := ParseAddr(gone.Addrs()[0])
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	_, bAddr, _ := ParseAddr(b.Addrs()[0])
	for _, c := range []struct {
		id   ID
		addr string
		is   error
		says string
	}{
		{goneID, goneAddr, ErrUnreachable, "nothing listens there"},
		{goneID, bAddr, ErrUnreachable, "another node answers at this address"},
		{a.ID(), goneAddr, ErrRefused, "this node itself"},
		{"nonsense", goneAddr, ErrConfig, "not a peer ID"},
		{goneID, "nonsense", ErrConfig, "not an address"},
	} {
		err := a.Connect(within(t), c.id, c.addr)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s at %s: %v", c.id, c.addr, err)
		}
	}
	if _, err := a.Open(within(t), "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo", "x/1", OpenOptions{}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("open without an address: %v", err)
	}
	if _, err := gone.Open(within(t), a.ID(), "x/1", OpenOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("open when closed: %v", err)
	}
	if err := gone.Connect(within(t), a.ID()); !errors.Is(err, ErrClosed) {
		t.Errorf("connect when closed: %v", err)
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	other := start(t, config(t)) // a host shares its port with nobody either
	var taken []string
	for _, s := range other.Addrs() {
		s, _, _ = strings.Cut(s, "/p2p/")
		taken = append(taken, s)
	}
	taken = append(taken,
		fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port),
		fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", u.LocalAddr().(*net.UDPAddr).Port))
	for _, addr := range taken {
		cfg := config(t)
		cfg.Listen = []string{tcpAny, addr}
		_, err := New(cfg, nil)
		if !errors.Is(err, ErrListen) || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "choose another port") {
			t.Errorf("%s: %v", addr, err)
		}
		// Nothing is left behind: the directory can be used at once.
		cfg.Listen = []string{tcpAny}
		start(t, cfg)
	}
}

func TestAllowList(t *testing.T) {
	friend, stranger := start(t, config(t)), start(t, config(t))
	cfg := config(t)
	cfg.AllowPeers = []string{string(friend.ID())}
	h := start(t, cfg)
	h.Handle("echo/1", Limits{}, echo)
	join(t, friend, h)
	if got, err := friend.Call(within(t), h.ID(), "echo/1", []byte("x"), 10); err != nil || string(got) != "x" {
		t.Fatalf("%q, %v", got, err)
	}
	// The stranger's side of the handshake may end before it is refused.
	if err := connect(within(t), stranger, h); err == nil {
		until(t, "the stranger is disconnected", func() bool { return !stranger.Connected(h.ID()) })
	}
	if _, err := stranger.Call(within(t), h.ID(), "echo/1", []byte("x"), 10); err == nil {
		t.Error("a stranger was served")
	}
	id, addr, _ := ParseAddr(stranger.Addrs()[0])
	err := h.Connect(within(t), id, addr)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "allow_peers") {
		t.Errorf("dial of a stranger: %v", err)
	}
	if h.Connected(stranger.ID()) || h.Counters().ConnectionsRefused == 0 {
		t.Errorf("connected to a stranger; %+v", h.Counters())
	}
}

func stock(t *testing.T, opts ...libp2p.Option) libhost.Host {
	t.Helper()
	h, err := libp2p.New(append([]libp2p.Option{libp2p.ListenAddrStrings(tcpAny), libp2p.DisableMetrics()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

func TestPrivateNetwork(t *testing.T) {
	dir := t.TempDir()
	key := func(name string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, NewNetworkKey(), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	one, two := key("swarm.key"), key("other.key")
	private := func(file string) (*Host, string) {
		cfg := config(t)
		cfg.PrivateKeyFile = file
		var lines bytes.Buffer
		h, err := New(cfg, slog.New(slog.NewTextHandler(&lines, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		return h, lines.String()
	}
	a, said := private(one)
	if !strings.Contains(said, "cannot use QUIC") || len(a.Addrs()) != 1 || !a.Private() {
		t.Errorf("QUIC in a private network: %s, %s", a.Addrs(), said)
	}
	b, _ := private(one)
	b.Handle("echo/1", Limits{}, echo)
	join(t, a, b)
	if got, err := a.Call(within(t), b.ID(), "echo/1", []byte("x"), 10); err != nil || string(got) != "x" {
		t.Fatalf("%q, %v", got, err)
	}
	other, _ := private(two)
	open := start(t, config(t))
	for what, h := range map[string]*Host{"another key": other, "no key": open} {
		err := connect(within(t), h, b)
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "network.private_key_file") {
			t.Errorf("a host with %s: %v", what, err)
		}
	}
	bID, _ := b.ID().Raw()
	info := peer.AddrInfo{ID: bID, Addrs: b.LibP2P().Addrs()}
	if err := stock(t).Connect(within(t), info); err == nil {
		t.Error("a stock host came into a private network")
	}
	// The open one takes a stock host, and serves it.
	open.Handle("echo/1", Limits{}, echo)
	guest := stock(t)
	openID, _ := open.ID().Raw()
	if err := guest.Connect(within(t), peer.AddrInfo{ID: openID, Addrs: open.LibP2P().Addrs()}); err != nil {
		t.Fatalf("a stock host at an open network: %v", err)
	}
	s, err := guest.NewStream(within(t), openID, protocol.ID("/weft/echo/1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(s); err != nil || string(got) != "hi" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestNetworkKeyErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.key")
	if err := os.WriteFile(bad, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{bad: "three lines", filepath.Join(dir, "none"): "copy it from another node"} {
		cfg := config(t)
		cfg.PrivateKeyFile = file
		if _, err := New(cfg, nil); !errors.Is(err, ErrNetworkKey) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", file, err)
		}
	}
	cfg := config(t)
	cfg.PrivateKeyFile = filepath.Join(dir, "good.key")
	if err := os.WriteFile(cfg.PrivateKeyFile, NewNetworkKey(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	if _, err := New(cfg, nil); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "add a /tcp/ address") {
		t.Errorf("only QUIC: %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	a, b := start(t, config(t)), start(t, config(t))
	began, ended := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.Handle("wait/1", Limits{Timeout: -1}, func(_ context.Context, s *Stream) error {
		once.Do(func() { close(began) })
		defer close(ended)
		_, err := s.Read(make([]byte, 1))
		return err
	})
	join(t, a, b)
	s, err := a.Open(within(t), b.ID(), "wait/1", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset()
	if err := s.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	w := b.Watch()
	if _, err := s.Write(nil); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	default:
		t.Error("Close did not wait for a handler")
	}
	for range w.C { // closed by Close
	}
	if err := b.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, open := <-b.Watch().C; open {
		t.Error("a watch of a closed host is open")
	}
}

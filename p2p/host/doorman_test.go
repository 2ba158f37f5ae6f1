package host

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ipnet "github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/p2p/net/pnet"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/weftdb/weft/internal/lines"
)

// said is a log that a test can look into.
type said struct{ lines.Log }

// count is how many lines hold all parts.
func (s *said) count(parts ...string) (n int) {
each:
	for l := range strings.Lines(s.String()) {
		for _, p := range parts {
			if !strings.Contains(l, p) {
				continue each
			}
		}
		n++
	}
	return n
}

const (
	warnLine = "level=WARN msg=\"a connection was refused"
	endLine  = "level=DEBUG msg=\"a connection ended"
)

// keyed starts a host with a network key, "" for none, and gives its log.
func keyed(t *testing.T, key string) (*Host, *said) {
	t.Helper()
	cfg := config(t)
	cfg.Listen = []string{tcpAny}
	if key != "" {
		cfg.PrivateKeyFile = filepath.Join(t.TempDir(), "swarm.key")
		if err := os.WriteFile(cfg.PrivateKeyFile, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &said{}
	h, err := New(cfg, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", h.ID(), log)
		}
	})
	return h, log
}

// raw sends bytes to a host's port and ends the connection.
func raw(t *testing.T, h *Host, b []byte) {
	t.Helper()
	a, err := manet.ToNetAddr(h.LibP2P().Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// The node that is connected to says what is wrong, too, not only the one that
// connects.
func TestStrangers(t *testing.T) {
	one, two := string(NewNetworkKey()), string(NewNetworkKey())
	rubbish := []byte("GET / HTTP/1.1\r\nHost: db.example.org\r\nUser-Agent: scanner/1.0\r\n\r\n")
	for _, c := range []struct {
		name, here, there, want string
		raw                     []byte
	}{
		{"another key", one, two, strangeKey, nil},
		{"no key there", one, "", strangeOpen, nil},
		{"no key here", "", two, strangeNoKey, nil},
		{"rubbish, with a key", one, "", strangeKey, rubbish},
		{"a little rubbish, with a key", one, "", strangeKey, rubbish[:10]},
		{"rubbish, without a key", "", "", strangeNoKey, rubbish},
		{"one byte of rubbish, without a key", "", "", strangeNoKey, rubbish[:1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, log := keyed(t, c.here)
			if c.raw != nil {
				raw(t, h, c.raw)
			} else {
				other, _ := keyed(t, c.there)
				if err := connect(within(t), other, h); err == nil {
					t.Error("it is connected")
				}
			}
			until(t, "it is said", func() bool { return log.count(warnLine, `why="`+c.want+`"`, "addr=127.0.0.1:") == 1 })
			if n := h.Counters().Strangers; n == 0 {
				t.Error("it is not counted")
			}
		})
	}
}

// What happens every day is no warning.
func TestNoStrangers(t *testing.T) {
	for name, key := range map[string]string{"with a key": string(NewNetworkKey()), "without a key": ""} {
		t.Run(name, func(t *testing.T) {
			h, log := keyed(t, key)
			for range 3 {
				other, _ := keyed(t, key)
				join(t, other, h)
				if err := other.Disconnect(h.ID()); err != nil {
					t.Fatal(err)
				}
			}
			ends := 0
			probe := func(b []byte) {
				t.Helper()
				raw(t, h, b)
				ends++
				until(t, "the end of a probe is seen", func() bool { return log.count(endLine) == ends })
			}
			probe(nil) // a port scanner, a load balancer that looks whether the port is open
			greeting := greetingOf(t, h.door.key)
			probe(greeting[:len(greeting)-len(hello)/2]) // a node that has reached this one elsewhere
			probe(greeting[:len(greeting)-1])
			if h.door.key != nil {
				probe(greeting[:nonceSize])
			}
			// A peer that is not allowed is of this network.
			if key == "" {
				guest := stock(t)
				id, _ := h.ID().Raw()
				h.gate.ban(guest.ID(), time.Now().Add(time.Hour))
				_ = guest.Connect(within(t), peer.AddrInfo{ID: id, Addrs: h.LibP2P().Addrs()}) // it may be told late
				until(t, "it is refused", func() bool { return h.Counters().ConnectionsRefused > 0 })
			}
			if n := log.count("level=WARN"); n != 0 || h.Counters().Strangers != 0 {
				t.Errorf("%d warnings, %d strangers", n, h.Counters().Strangers)
			}
		})
	}
}

// One line a minute tells of an address, and how many were left out.
func TestStrangersAreManyLines(t *testing.T) {
	h, log := keyed(t, "")
	now := time.Now()
	clock := func(d time.Duration) {
		h.door.mu.Lock()
		defer h.door.mu.Unlock()
		now = now.Add(d)
		h.door.now = func() time.Time { return now }
	}
	clock(0)
	hit := func(times int) {
		t.Helper()
		want := h.Counters().Strangers + uint64(times)
		for range times {
			raw(t, h, []byte("rubbish"))
		}
		until(t, "all are counted", func() bool { return h.Counters().Strangers == want })
	}
	hit(5)
	clock(warnEvery - time.Second)
	hit(2)
	until(t, "one line", func() bool { return log.count(warnLine) == 1 })
	clock(time.Second)
	hit(1)
	until(t, "the next line says how many were left out", func() bool { return log.count(warnLine, "left_out=6") == 1 })
	if n := log.count(warnLine); n != 2 {
		t.Errorf("%d lines", n)
	}
}

// However many addresses there are, the memory of them is bounded, and so are the
// lines.
func TestStrangersFromEverywhere(t *testing.T) {
	log := &said{}
	d := &doorman{log: slog.New(slog.NewTextHandler(log, nil)), now: time.Now, warned: map[string]*warned{}}
	for i := range 3 * maxWarned {
		d.turnAway(&net.TCPAddr{IP: net.IPv4(10, 1, byte(i>>8), byte(i)), Port: 4001}, strangeKey)
	}
	if n := len(d.warned); n != maxWarned+1 {
		t.Errorf("%d addresses are remembered", n)
	}
	if n := log.count(warnLine); n != maxWarned+1 {
		t.Errorf("%d lines", n)
	}
	end := time.Now().Add(warnEvery)
	d.now = func() time.Time { return end }
	d.turnAway(&net.TCPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 4001}, strangeKey)
	if n := len(d.warned); n != 1 {
		t.Errorf("%d addresses are remembered after a minute", n)
	}
}

// No part of what a node of the network says makes a stranger of it, however the
// bytes arrive.
func TestJudge(t *testing.T) {
	key := make(ipnet.PSK, 32)
	rand.Read(key)
	for _, k := range []ipnet.PSK{nil, key} {
		greeting := greetingOf(t, k)
		for i := range len(greeting) + 1 {
			for _, end := range []bool{false, true} {
				what, known := judge(k, greeting[:i], end)
				// A node does not stop within a nonce, which it sends at once.
				if inNonce := k != nil && end && i > 0 && i < nonceSize; inNonce != (what != "") {
					t.Errorf("%d bytes, end %v: %q", i, end, what)
				}
				if want := end || i == len(greeting); known != want {
					t.Errorf("%d bytes, end %v: known %v", i, end, known)
				}
			}
		}
		for i := range greeting {
			if k != nil && i < nonceSize {
				continue // any nonce will do
			}
			bad := bytes.Clone(greeting)
			bad[i] ^= 1
			if what, known := judge(k, bad, false); what == "" || !known {
				t.Errorf("byte %d is wrong, and nothing is said", i)
			}
		}
	}
}

// greetingOf is what a node says first.
func greetingOf(t *testing.T, key ipnet.PSK) []byte {
	t.Helper()
	if key == nil {
		return []byte(hello)
	}
	var out written
	c, err := pnet.NewProtectedConn(key, &out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(c, hello); err != nil {
		t.Fatal(err)
	}
	return out.b
}

type written struct {
	net.Conn
	b []byte
}

func (w *written) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

package host

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ipnet "github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/net/pnet"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// hello is what every libp2p program says first on a TCP connection. In a
	// private network it is encrypted with the key, behind a nonce.
	hello     = "\x13/multistream/1.0.0\n"
	nonceSize = 24

	// warnEvery is how often strangers from one IP address are written about.
	warnEvery = time.Minute
	// maxWarned bounds how many addresses are told apart.
	maxWarned = 1024
)

// doorman looks at the first bytes of connections that others open. The library
// drops those of another network without a word: only the node that dials would
// know why it finds nobody.
type doorman struct {
	key ipnet.PSK // nil on an open network
	log *slog.Logger
	now func() time.Time
	n   atomic.Uint64 // strangers

	mu     sync.Mutex
	warned map[string]*warned // by IP address; "" is the rest
}

type warned struct {
	at      time.Time
	leftOut int
}

// transport makes libp2p's transport of TCP, with the doorman at its listeners.
func (d *doorman) transport(u transport.Upgrader, rm network.ResourceManager, shared *tcpreuse.ConnMgr) (*tcp.TcpTransport, error) {
	return tcp.NewTCPTransport(guarded{u, d}, rm, shared)
}

type guarded struct {
	transport.Upgrader
	d *doorman
}

func (g guarded) UpgradeGatedMaListener(t transport.Transport, l transport.GatedMaListener) transport.Listener {
	return g.Upgrader.UpgradeGatedMaListener(t, guardedListener{l, g.d})
}

type guardedListener struct {
	transport.GatedMaListener
	d *doorman
}

func (l guardedListener) Accept() (manet.Conn, network.ConnManagementScope, error) {
	c, scope, err := l.GatedMaListener.Accept()
	if err != nil {
		return nil, nil, err
	}
	return &caller{Conn: c, d: l.d}, scope, nil
}

// caller is a connection that somebody opened.
type caller struct {
	manet.Conn
	d     *doorman
	known atomic.Bool // what it is

	mu   sync.Mutex
	said []byte
}

// Read is that of the connection, and is listened to until it is known whose it is.
func (g *caller) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if !g.known.Load() {
		g.listen(p[:n], false)
	}
	return n, err
}

// Close is that of the connection.
func (g *caller) Close() error {
	if !g.known.Load() {
		g.listen(nil, true)
	}
	return g.Conn.Close()
}

func (g *caller) listen(p []byte, end bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known.Load() {
		return
	}
	g.said = append(g.said, p[:min(len(p), nonceSize+len(hello)-len(g.said))]...)
	what, known := judge(g.d.key, g.said, end)
	if !known {
		return
	}
	g.known.Store(true)
	switch {
	case what != "":
		g.d.turnAway(g.RemoteAddr(), what)
	case end:
		g.d.log.Debug("a connection ended before it said whose it is", "addr", g.RemoteAddr(), "bytes", len(g.said))
	}
	g.said = nil
}

// What a stranger is.
const (
	strangeKey   = "it has another network key than this node, or is no node"
	strangeOpen  = "it has no network key, and this node has one (network.private_key_file)"
	strangeNoKey = "it has a network key (network.private_key_file), which this node has not, or is no node"
)

// judge says what is wrong with the first bytes of a connection; "" is nothing.
// known is false when more must be said. At the end of a connection it is known:
// one that says nothing, or ends within the first words of a node, is none that
// an operator need hear of.
func judge(key ipnet.PSK, said []byte, end bool) (what string, known bool) {
	greets := func(b []byte) bool { return bytes.HasPrefix([]byte(hello), b[:min(len(b), len(hello))]) }
	if key == nil {
		if !greets(said) {
			return strangeNoKey, true
		}
		return "", end || len(said) >= len(hello)
	}
	switch {
	case len(said) >= len(hello) && greets(said):
		return strangeOpen, true
	case len(said) == 0 || len(said) == nonceSize, len(said) < nonceSize && !end:
		return "", end
	case len(said) < nonceSize: // a node says at least so much, at once
		return strangeKey, true
	}
	if !greets(decrypt(key, said)) {
		return strangeKey, true
	}
	return "", end || len(said) >= nonceSize+len(hello)
}

// decrypt reads what a connection of a private network begins with.
func decrypt(key ipnet.PSK, said []byte) []byte {
	c, err := pnet.NewProtectedConn(key, heard{r: bytes.NewReader(said)})
	if err != nil {
		return []byte{0} // no key of 32 bytes; it would not have been read
	}
	out := make([]byte, len(said)-nonceSize)
	n, err := io.ReadFull(c, out)
	if err != nil {
		return []byte{0}
	}
	return out[:n]
}

// heard is bytes as a connection that is only read.
type heard struct {
	net.Conn
	r io.Reader
}

func (h heard) Read(p []byte) (int, error) { return h.r.Read(p) }

// turnAway counts a stranger, and writes a line unless one of its address was
// written about lately.
func (d *doorman) turnAway(addr net.Addr, what string) {
	ip := addr.String()
	if host, _, err := net.SplitHostPort(ip); err == nil {
		ip = host
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n.Add(1) // here: who sees it counted finds it in the lines as well
	now := d.now()
	if d.warned[ip] == nil && len(d.warned) >= maxWarned {
		for k, w := range d.warned {
			if now.Sub(w.at) >= warnEvery {
				delete(d.warned, k)
			}
		}
		if len(d.warned) >= maxWarned {
			ip = ""
		}
	}
	w := d.warned[ip]
	if w != nil && now.Sub(w.at) < warnEvery {
		w.leftOut++
		return
	}
	args := []any{"addr", addr.String(), "why", what}
	if w != nil && w.leftOut > 0 {
		args = append(args, "left_out", w.leftOut)
	}
	d.warned[ip] = &warned{at: now}
	d.log.Warn("a connection was refused before it was secured: it does not belong to this network", args...)
}

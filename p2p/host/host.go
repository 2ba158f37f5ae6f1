package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	libhost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libtls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Host is one node on the network. Its methods are safe for concurrent use.
type Host struct {
	cfg     Config
	log     *slog.Logger
	id      ID
	lib     libhost.Host
	gate    *gate
	door    *doorman
	lock    *dirLock
	private bool

	ctx    context.Context // of the handlers; Close cancels it
	cancel context.CancelFunc
	closed atomic.Bool
	err    error // of the first Close
	once   sync.Once
	wg     sync.WaitGroup // handlers and disconnections under way
	run    sync.RWMutex   // held for reading while wg grows

	serve serving
	watch watching
	n     counts
}

// New locks the data directory, reads or makes the identity and starts to
// listen. A nil logger discards. On an error nothing is left open.
func New(cfg Config, log *slog.Logger) (_ *Host, err error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.release())
		}
	}()
	h := &Host{cfg: cfg, log: log, lock: lock}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			h.cancel()
		}
	}()
	if h.gate, err = newGate(cfg.AllowPeers); err != nil {
		return nil, err
	}
	opts, err := h.options()
	if err != nil {
		return nil, err
	}
	if h.lib, err = libp2p.New(opts...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListen, err)
	}
	h.serve.init()
	h.watch.init()
	h.lib.Network().Notify(&network.NotifyBundle{ConnectedF: h.connected, DisconnectedF: h.disconnected})
	log.Info("host listens", "peer", h.id, "addresses", h.Addrs(), "private", h.private)
	return h, nil
}

// options are those of libp2p. The caller holds the directory's lock.
func (h *Host) options() ([]libp2p.Option, error) {
	cfg := h.cfg
	key, err := identity(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if h.id, err = idOf(key); err != nil {
		return nil, err
	}
	h.door = &doorman{log: h.log, now: time.Now, warned: map[string]*warned{}}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.Transport(h.door.transport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Security(libtls.ID, libtls.New),
		libp2p.Muxer(yamux.ID, muxer{yamux.DefaultTransport}),
		libp2p.ConnectionGater(h.gate),
		libp2p.UserAgent("weft"),
		libp2p.Ping(true),
		libp2p.WithDialTimeout(cfg.DialTimeout),
		libp2p.DisableMetrics(),
	}
	var addrs []ma.Multiaddr
	for _, s := range cfg.Listen {
		a, err := listenAddr(s)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, a)
	}
	if cfg.PrivateKeyFile != "" {
		psk, open, err := readNetworkKey(cfg.PrivateKeyFile)
		if err != nil {
			return nil, err
		}
		if open {
			h.log.Warn("other users of this machine may read the network key; chmod 600 it", "file", cfg.PrivateKeyFile)
		}
		kept, dropped, err := withoutQUIC(addrs)
		if err != nil {
			return nil, err
		}
		if dropped != "" {
			h.log.Warn("a private network cannot use QUIC; these addresses are left out", "addresses", dropped)
		}
		addrs, h.private, h.door.key = kept, true, psk
		opts = append(opts, libp2p.PrivateNetwork(psk))
	} else {
		opts = append(opts, libp2p.Transport(quic.NewTransport))
	}
	for _, a := range addrs {
		if err := free(a); err != nil {
			return nil, err
		}
	}
	opts = append(opts, h.switches()...)
	if len(addrs) > 0 {
		opts = append(opts, libp2p.ListenAddrs(addrs...))
	} else {
		opts = append(opts, libp2p.NoListenAddrs)
	}
	limits, err := h.limits()
	return append(opts, limits...), err
}

// switches are the parts for nodes behind home routers.
func (h *Host) switches() []libp2p.Option {
	var opts []libp2p.Option
	if h.cfg.PortMap {
		opts = append(opts, libp2p.NATPortMap())
	}
	if h.cfg.AutoNAT {
		opts = append(opts, libp2p.EnableNATService(), libp2p.EnableAutoNATv2())
	}
	if h.cfg.RelayService {
		opts = append(opts, libp2p.EnableRelayService())
	}
	if !h.cfg.Relay {
		return append(opts, libp2p.DisableRelay())
	}
	opts = append(opts, libp2p.EnableRelay())
	var relays []peer.AddrInfo
	for _, s := range h.cfg.Relays {
		if info, err := peer.AddrInfoFromString(s); err == nil { // validated
			relays = append(relays, *info)
		}
	}
	if len(relays) > 0 {
		opts = append(opts, libp2p.EnableAutoRelayWithStaticRelays(relays))
	}
	if h.cfg.HolePunching {
		opts = append(opts, libp2p.EnableHolePunching())
	}
	return opts
}

// limits are the connection manager, which closes what is of little use, and
// the resource manager, which refuses what is too much.
func (h *Host) limits() ([]libp2p.Option, error) {
	cm, err := connmgr.NewConnManager(h.cfg.Low, h.cfg.High, connmgr.WithGracePeriod(h.cfg.Grace), connmgr.WithSilencePeriod(max(h.cfg.Grace/2, time.Second)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	total, one := rcmgr.LimitVal(h.cfg.Max), rcmgr.LimitVal(h.cfg.PerIP)
	// Our protocols have limits of their own, by peer and in total (Limits); a
	// peer may hold many groups, each with streams that stay.
	const streams, streamsIn = 4096, 2048
	many := rcmgr.ResourceLimits{Streams: 4 * streams, StreamsInbound: 4 * streamsIn, StreamsOutbound: 4 * streamsIn}
	each := rcmgr.ResourceLimits{Streams: streams, StreamsInbound: streamsIn, StreamsOutbound: streamsIn}
	system := many
	system.Conns, system.ConnsInbound, system.ConnsOutbound = total, total, total
	limits := rcmgr.PartialLimitConfig{
		System: system,
		Transient: rcmgr.ResourceLimits{
			Conns: min(total, 128), ConnsInbound: min(total, 128), ConnsOutbound: min(total, 128),
			Streams: 1024, StreamsInbound: 512, StreamsOutbound: 512,
		},
		ProtocolDefault: many, ServiceDefault: many,
		PeerDefault: each, ProtocolPeerDefault: each, ServicePeerDefault: each,
	}
	rm, err := rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(limits.Build(scaling.AutoScale())),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: int(one)}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: int(one)}, {PrefixLength: 48, ConnCount: 8 * int(one)}},
		),
		// libp2p's own bound, one connection in five seconds of an address after
		// the first sixteen, also of those that this node dials, keeps a node that
		// was restarted a few times apart from its cluster for minutes.
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")}},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: rate.Limit{RPS: 20, Burst: 4 * int(one)}}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: rate.Limit{RPS: 20, Burst: 4 * int(one)}}},
				GracePeriod:      time.Minute,
			},
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, errors.Join(err, cm.Close()))
	}
	return []libp2p.Option{libp2p.ConnectionManager(cm), libp2p.ResourceManager(rm)}, nil
}

// free tries an address before libp2p does: that would share a TCP port with
// another libp2p process, and pass over an address that fails beside one that
// works.
func free(a ma.Multiaddr) error {
	network, host, err := manet.DialArgs(a)
	if isQUIC(a) {
		udp := ma.Join(a[:2]) // the IP and the UDP part
		network, host, err = manet.DialArgs(udp)
	}
	if err != nil {
		return fmt.Errorf("%w on %s: %w", ErrListen, a, err)
	}
	if isQUIC(a) {
		var c net.PacketConn
		if c, err = net.ListenPacket(network, host); err == nil {
			return c.Close()
		}
	} else {
		var l net.Listener
		if l, err = net.Listen(network, host); err == nil {
			return l.Close()
		}
	}
	return fmt.Errorf("%w on %s: %w; choose another port in node.listen (0 takes any), or stop the program that has it", ErrListen, a, err)
}

// ID is the peer ID of this host.
func (h *Host) ID() ID { return h.id }

// Addrs are the addresses that others can use, each with /p2p/ID.
func (h *Host) Addrs() []string {
	var out []string
	for _, a := range h.lib.Addrs() {
		out = append(out, a.String()+"/p2p/"+string(h.id))
	}
	return out
}

// Private reports whether the host belongs to a private network.
func (h *Host) Private() bool { return h.private }

// LibP2P is the host underneath, for the rooms beside this one. It is closed by
// Close and by nobody else.
func (h *Host) LibP2P() libhost.Host { return h.lib }

// Protocol is the full name of a protocol: the prefix of this host, and name,
// such as "peers/1".
func (h *Host) Protocol(name string) string { return h.cfg.Prefix + "/" + name }

// Connect makes sure that there is a connection to a peer, at the addresses
// given (without /p2p/) beside those known from before. Connecting to oneself
// is ErrRefused.
func (h *Host) Connect(ctx context.Context, id ID, addrs ...string) error {
	if h.closed.Load() {
		return ErrClosed
	}
	p, err := id.Raw()
	if err != nil {
		return err
	}
	if id == h.id {
		return fmt.Errorf("%w: %s is this node itself", ErrRefused, id)
	}
	info := peer.AddrInfo{ID: p}
	for _, s := range addrs {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return fmt.Errorf("%w: %q is not an address: %w", ErrConfig, s, err)
		}
		info.Addrs = append(info.Addrs, a)
	}
	// The library waits after a failed attempt; whoever calls does that already.
	if s, ok := h.lib.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(p)
	}
	if err := h.lib.Connect(ctx, info); err != nil {
		h.n.dialsFailed.Add(1)
		return explain(id, err, h.private)
	}
	h.n.dials.Add(1)
	return nil
}

// Remember adds addresses of a peer (without /p2p/) to those that Connect and
// Open use, for as long as ttl. With replace, others are forgotten.
func (h *Host) Remember(id ID, addrs []string, ttl time.Duration, replace bool) error {
	p, err := id.Raw()
	if err != nil {
		return err
	}
	var list []ma.Multiaddr
	for _, s := range addrs {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return fmt.Errorf("%w: %q is not an address: %w", ErrConfig, s, err)
		}
		list = append(list, a)
	}
	store := h.lib.Peerstore()
	if replace {
		store.ClearAddrs(p)
	}
	if h.Connected(id) {
		ttl = peerstore.ConnectedAddrTTL
	}
	store.AddAddrs(p, list, ttl)
	return nil
}

// Connected reports whether there is a connection to a peer.
func (h *Host) Connected(id ID) bool {
	p, err := id.Raw()
	return err == nil && h.lib.Network().Connectedness(p) == network.Connected
}

// Speaks reports whether a connected peer said that it serves a protocol. Right
// after a connection came about it may not have said so yet.
func (h *Host) Speaks(id ID, name string) bool {
	p, err := id.Raw()
	if err != nil {
		return false
	}
	got, err := h.lib.Peerstore().SupportsProtocols(p, protocol.ID(h.Protocol(name)))
	return err == nil && len(got) > 0
}

// Peers are the IDs of those connected, in no order.
func (h *Host) Peers() []ID {
	var out []ID
	for _, p := range h.lib.Network().Peers() {
		out = append(out, FromRaw(p))
	}
	return out
}

// Disconnect closes every connection to a peer.
func (h *Host) Disconnect(id ID) error {
	p, err := id.Raw()
	if err != nil {
		return err
	}
	return h.lib.Network().ClosePeer(p)
}

// Protect keeps the connections to a peer from being closed for being many,
// until Unprotect with the same reason.
func (h *Host) Protect(id ID, reason string) {
	if p, err := id.Raw(); err == nil {
		h.lib.ConnManager().Protect(p, reason)
	}
}

// Unprotect takes one reason of Protect back.
func (h *Host) Unprotect(id ID, reason string) {
	if p, err := id.Raw(); err == nil {
		h.lib.ConnManager().Unprotect(p, reason)
	}
}

// Ping measures the way to a peer and back, and connects to it when needed.
func (h *Host) Ping(ctx context.Context, id ID) (time.Duration, error) {
	p, err := id.Raw()
	if err != nil {
		return 0, err
	}
	if h.closed.Load() {
		return 0, ErrClosed
	}
	ctx, stop := context.WithCancel(ctx)
	results := ping.Ping(ctx, h.lib, p)
	defer func() {
		stop()
		for range results { // its goroutine ends when the channel is closed
		}
	}()
	select {
	case r, ok := <-results:
		if !ok {
			return 0, explain(id, ctx.Err(), h.private)
		}
		if r.Error != nil {
			return 0, explain(id, r.Error, h.private)
		}
		return r.RTT, nil
	case <-ctx.Done():
		return 0, explain(id, ctx.Err(), h.private)
	}
}

// Close ends every stream and connection, waits for all handlers and releases
// the data directory. Further calls return what the first did. Only a search
// for a router (Config.PortMap) that is under way ends a little later.
func (h *Host) Close() error {
	h.once.Do(func() {
		h.run.Lock()
		h.closed.Store(true)
		h.run.Unlock()
		h.cancel()
		h.err = h.lib.Close()
		h.wg.Wait()
		h.watch.close()
		h.err = errors.Join(h.err, h.lock.release())
	})
	return h.err
}

// enter counts a piece of work that Close waits for; it is false when the host
// is closed.
func (h *Host) enter() bool {
	h.run.RLock()
	defer h.run.RUnlock()
	if h.closed.Load() {
		return false
	}
	h.wg.Add(1)
	return true
}

// Package node makes a running node of a configuration: the one place where all
// parts of a cluster meet. A node opens the groups that it holds, finds the
// others, tells the leader of the system group how it is, and does what that one
// asks of it; the agent on that leader keeps the groups whole (see
// directory/DESIGN.md).
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/gateway"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/discovery"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/replica"
)

// Phases of a node.
const (
	phaseNew     = "new"
	phaseJoining = "joining" // belongs to no cluster yet, or does not reach it
	phaseRunning = "running"
	phaseClosing = "closing"
)

// Node is one running node. Its methods are safe for concurrent use.
type Node struct {
	cfg     Config
	log     *slog.Logger
	began   time.Time
	id      host.ID
	oper    host.ID // the identity of who can read the data directory
	h       *host.Host
	disc    *discovery.Discovery
	mux     *replica.Mux
	server  *door.Server
	gw      *gateway.Gateway // nil without
	methods map[string]door.Method
	agent   *agent
	up      atomic.Bool // what stands above is set, and may be read by any goroutine

	ctx    context.Context // of the goroutines; Close ends it
	cancel context.CancelFunc
	wg     sync.WaitGroup
	kick   chan struct{}  // report now
	watch  sync.WaitGroup // goroutines that watch copies

	saving sync.Mutex // held while st is written, before mu; see save

	mu      sync.Mutex
	st      state
	copies  map[string]*held
	remotes map[string]*door.Remote
	known   *news
	leader  host.ID // of the system group, as last heard
	phase   string
	problem string
	toldAt  time.Time // when problem was logged
	offset  time.Duration
	readers map[chan struct{}]bool // waiting for a change of what is known
	orders  map[string]*sync.Mutex // by group: one order at a time

	once     sync.Once
	closeErr error
}

// New makes a node, which runs after Start. A nil logger discards.
func New(cfg Config, log *slog.Logger) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		cfg: cfg, log: log, phase: phaseNew, kick: make(chan struct{}, 1), methods: map[string]door.Method{},
		copies: map[string]*held{}, remotes: map[string]*door.Remote{}, readers: map[chan struct{}]bool{},
		orders: map[string]*sync.Mutex{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.agent = newAgent(n)
	return n, nil
}

// Start opens what the node holds and begins to serve, and to look for its
// cluster; Ready waits until it has found it. A data directory that is not of
// this node, of another cluster or of a newer version, and ports that are taken,
// are errors, and nothing is changed then. After an error the node is closed.
func (n *Node) Start(ctx context.Context) (err error) {
	n.mu.Lock()
	if n.phase != phaseNew {
		n.mu.Unlock()
		return op.Errorf(op.CodeValidation, "node: it was started or closed already")
	}
	n.phase = phaseJoining
	n.mu.Unlock()
	n.began = time.Now()
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close(context.WithoutCancel(ctx)))
		}
	}()
	if n.st, err = readState(n.cfg); err != nil {
		return err
	}
	if err := n.listen(); err != nil {
		return err
	}
	if n.st.Peer == "" {
		n.st.Peer, n.st.Cluster = string(n.id), n.cfg.Cluster.Name
	}
	if n.st.ClusterID == "" && n.starts() {
		n.st.ClusterID, n.st.Founder, n.st.Founding = newID(), true, true
		n.st.Groups = []string{directory.System}
		n.log.Info("this node starts a new cluster", "cluster", n.cfg.Cluster.Name, "cluster_id", n.st.ClusterID)
	}
	if err := n.save(); err != nil {
		return err
	}
	n.serve()
	if err := n.openHeld(ctx); err != nil {
		return err
	}
	if n.disc, err = discovery.New(n.h, n.discoveryConfig(), n.log); err != nil {
		return err
	}
	if err := n.startGateway(); err != nil {
		return err
	}
	n.up.Store(true)
	if err := n.writeAddr(); err != nil {
		return err
	}
	n.advertise()
	n.spawn(n.reporting)
	n.spawn(n.agent.run)
	n.spawn(n.backups)
	n.spawn(n.archives)
	n.warnOpen()
	return nil
}

// listen takes the ports, the gateway's first: when one is taken nothing has
// been made.
func (n *Node) listen() (err error) {
	if n.cfg.Gateway.Listen != "" {
		l, err := net.Listen("tcp", n.cfg.Gateway.Listen)
		if err != nil {
			return fmt.Errorf("%w: gateway.listen %s: %w; stop the program that has it, or choose another port", host.ErrListen, n.cfg.Gateway.Listen, err)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	hc := n.cfg.host()
	if n.oper, err = operator(n.cfg); err != nil {
		return err
	}
	if len(hc.AllowPeers) > 0 {
		hc.AllowPeers = append(slices.Clone(hc.AllowPeers), string(n.oper))
		hc.AllowPeers = append(hc.AllowPeers, n.cfg.Cluster.Operators...)
	}
	if n.h, err = host.New(hc, n.log); err != nil {
		return err
	}
	n.id = n.h.ID()
	n.mux = replica.NewMux(n.h, n.log)
	return nil
}

// operator is the identity that belongs to who can read the data directory. It
// is made beside the node's own.
func operator(c Config) (host.ID, error) {
	return host.Identity(filepath.Join(c.Node.DataDir, operatorDir))
}

// starts reports whether this node, which belongs to no cluster yet, is to start
// one: when there is nobody that it could join.
func (n *Node) starts() bool {
	return !n.cfg.Cluster.Join && len(n.seeds()) == 0
}

// seeds are the bootstrap peers without this node itself.
func (n *Node) seeds() map[host.ID]string {
	out := map[host.ID]string{}
	for _, s := range n.cfg.Discovery.BootstrapPeers {
		if id, addr, err := host.ParseAddr(s); err == nil && id != n.id { // validated
			out[id] = addr
		}
	}
	return out
}

func (n *Node) discoveryConfig() discovery.Config {
	d := n.cfg.discovery()
	d.File = filepath.Join(n.cfg.Node.DataDir, peersFile)
	return d
}

// spawn runs fn until the node closes, which waits for it.
func (n *Node) spawn(fn func(context.Context)) {
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		fn(n.ctx)
	}()
}

// warnOpen tells of a node that everybody can reach.
func (n *Node) warnOpen() {
	if n.h.Private() || len(n.cfg.Network.AllowPeers) > 0 {
		return
	}
	for _, a := range n.cfg.Node.Listen {
		if !loopback(a) {
			n.log.Warn("everybody who reaches this node may join its cluster and read and write its data; set network.private_key_file or network.allow_peers", "listen", a)
			return
		}
	}
}

// ID is the peer ID; "" until Start has returned.
func (n *Node) ID() string {
	if !n.up.Load() {
		return ""
	}
	return string(n.id)
}

// Addrs are the addresses that others can use, each with /p2p/ID; none until Start
// has returned.
func (n *Node) Addrs() []string {
	if !n.up.Load() {
		return nil
	}
	return n.h.Addrs()
}

// GatewayAddr is where the gateway listens, host:port; "" without one, and until
// Start has returned.
func (n *Node) GatewayAddr() string {
	if !n.up.Load() || n.gw == nil || n.gw.Addr() == nil {
		return ""
	}
	return n.gw.Addr().String()
}

// Whole returns when the namespace default and the cluster itself are kept by so
// many voters. Before, a new cluster is ready while its first node has the only
// copy: it must not go away yet.
func (n *Node) Whole(ctx context.Context, voters int) error {
	for _, name := range []string{directory.System, directory.NamespaceGroup("default")} {
		for {
			g, err := n.await(ctx, name)
			if err != nil {
				return err
			}
			soon, cancel := context.WithTimeout(ctx, time.Second)
			info, err := g.Info(soon)
			cancel()
			have := 0
			for _, m := range info.Members {
				if m.Voter {
					have++
				}
			}
			if err == nil && have >= voters {
				break
			}
			select {
			case <-ctx.Done():
				return op.Errorf(op.CodeTimeout, "node: the group %s has %d of %d voters: %w", name, have, voters, ctx.Err())
			case <-n.ctx.Done():
				return op.ErrClosed()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// Ready returns when the node belongs to its cluster and the group of the
// namespace default can be reached.
func (n *Node) Ready(ctx context.Context) error {
	changes, stop := n.changes()
	defer stop()
	for {
		g, err := n.await(ctx, directory.NamespaceGroup("default"))
		if err != nil {
			return err
		}
		if leader, _ := g.Leader(); leader != "" {
			return nil
		}
		// Where the copies are may change while one of them is asked.
		soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		info, err := g.Info(soon)
		cancel()
		if err == nil && info.Leader != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return op.Errorf(op.CodeTimeout, "node: the group of the namespace default has no leader: %w", ctx.Err())
		case <-n.ctx.Done():
			return op.ErrClosed()
		case <-changes:
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// changes tells when what is known of the cluster has changed.
func (n *Node) changes() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.readers[c] = true
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.readers, c)
	}
}

// changed wakes those readers; the caller holds n.mu.
func (n *Node) changed() {
	for c := range n.readers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// poke makes the node report now.
func (n *Node) poke() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// say notes what is wrong with this node, "" when nothing is, and logs it when
// it is new or was not told for a minute.
func (n *Node) say(problem string) {
	n.mu.Lock()
	old, told := n.problem, n.toldAt
	n.problem = problem
	if problem != old || time.Since(told) > time.Minute {
		n.toldAt = time.Now()
	} else {
		problem = ""
	}
	n.mu.Unlock()
	if problem != "" {
		n.log.Warn(problem)
	} else if old != "" && n.trouble() == "" {
		n.log.Info("all is well again")
	}
}

func (n *Node) trouble() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.problem
}

// closeWithin bounds Close where its context has no end.
const closeWithin = 10 * time.Second

// Close gives up leadership, ends what is under way and closes everything,
// within the context and at most 10 seconds. Further calls return what the first
// did.
func (n *Node) Close(ctx context.Context) error {
	n.once.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, closeWithin)
		defer cancel()
		n.closeErr = n.close(ctx)
	})
	return n.closeErr
}

func (n *Node) close(ctx context.Context) error {
	n.mu.Lock()
	n.phase = phaseClosing
	n.mu.Unlock()
	n.cancel()
	n.wg.Wait()
	var errs []error
	if n.disc != nil {
		// First: nobody is looked for any more. Of nodes that stop together, one
		// that goes later would complain of those that have gone.
		errs = append(errs, n.disc.Close())
	}
	n.stepDownAll(ctx)
	if n.gw != nil {
		// Half of the time is for requests that take long; the rest is for the
		// groups, which must close in order.
		within, cancel := context.WithTimeout(ctx, closeWithin/3)
		if err := n.gw.Close(within); err != nil {
			n.log.Warn("requests on the gateway were broken off", "error", err)
		}
		cancel()
	}
	if n.server != nil {
		errs = append(errs, n.server.Close())
	}
	n.agent.wait()
	errs = append(errs, n.closeGroups())
	n.watch.Wait()
	if n.mux != nil {
		errs = append(errs, n.mux.Close())
	}
	if n.h != nil {
		if err := os.Remove(filepath.Join(n.cfg.Node.DataDir, addrFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
		errs = append(errs, n.h.Close())
	}
	return errors.Join(errs...)
}

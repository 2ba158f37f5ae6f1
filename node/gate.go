package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/gateway"
	"github.com/weftdb/weft/gateway/rqlite"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup"
)

// startGateway opens the HTTP listener.
func (n *Node) startGateway() (err error) {
	if n.cfg.Gateway.Listen == "" {
		return nil
	}
	reg := gateway.NewRegistry()
	for _, c := range []error{
		reg.Register(gateway.Counts("weft_host", func() any { return n.h.Counters() })),
		reg.Register(gateway.Counts("weft_discovery", func() any { return n.disc.Counters() })),
		reg.Register(gateway.Groups(n.groupStats)),
	} {
		if c != nil {
			return fmt.Errorf("register metrics: %w", c)
		}
	}
	n.gw, err = gateway.New(gateway.Config{
		Listen: n.cfg.Gateway.Listen, OpenLoopback: n.cfg.Gateway.OpenLoopback, Registry: reg, Log: n.log,
		Group: func(namespace string) (door.Group, error) { return n.group(directory.NamespaceGroup(namespace)) },
		Checks: []gateway.Check{
			{Name: "cluster", Run: func(context.Context) error {
				if p := n.trouble(); p != "" {
					return errors.New(p)
				}
				if !n.knows() {
					return errors.New("the cluster is not reached yet")
				}
				return nil
			}},
			{Name: "leader", Leader: true, Run: n.Ready},
		},
		Rqlite: rqlite.Options{
			Self: string(n.id), Nodes: n.rqliteNodes,
			Build: map[string]string{"version": n.cfg.Version},
		},
	})
	if err != nil {
		return err
	}
	return n.gw.Start()
}

// groupStats are the numbers of all copies.
func (n *Node) groupStats(ctx context.Context) []gateway.GroupStat {
	n.mu.Lock()
	var list []*raftgroup.Group
	for _, c := range n.copies {
		if c.group != nil {
			list = append(list, c.group)
		}
	}
	n.mu.Unlock()
	all := make([]gateway.GroupStat, len(list))
	var wg sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	for i, g := range list {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if info, err := g.Info(ctx); err == nil {
				all[i] = gateway.GroupStat{Info: info, Metrics: g.Metrics(), Buckets: raftgroup.Buckets}
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(all, func(s gateway.GroupStat) bool { return s.Info.Group == "" })
}

// rqliteNodes are the nodes that clients of rqlite's interface may ask.
func (n *Node) rqliteNodes(ctx context.Context, namespace string) ([]rqlite.Node, error) {
	g, err := n.group(directory.NamespaceGroup(namespace))
	if err != nil {
		return nil, err
	}
	info, err := g.Info(ctx)
	if err != nil {
		return nil, err
	}
	live := map[string]bool{string(n.id): true}
	for _, m := range n.disc.Members() {
		live[string(m.ID)] = true
	}
	n.mu.Lock()
	known := n.known
	n.mu.Unlock()
	own := n.h.Addrs()
	var out []rqlite.Node
	for _, m := range info.Members {
		x := rqlite.Node{ID: m.Server, Addr: m.Peer, Voter: m.Voter, Leader: m.Peer == info.Leader, Reachable: m.Lag >= 0}
		switch other := known.node(m.Peer); {
		case m.Peer == string(n.id):
			x.API = "http://" + n.GatewayAddr()
		case !x.Reachable && !live[m.Peer]:
			x.Error = "not heard of lately"
		case !x.Reachable:
			x.Error = "its copy of the group does not answer"
		case other == nil || other.Gateway == "":
			x.Error = "it has no gateway, or has not told its address yet"
		case hereOnly(other.Gateway) && !sameMachine(own, other.Addrs):
			x.Error = "its gateway listens on its own machine only (" + other.Gateway + "): set gateway.listen or gateway.advertise there"
		default:
			x.API = "http://" + other.Gateway
		}
		out = append(out, x)
	}
	return out, nil
}

// gatewayForOthers is the address of the gateway that the other nodes hand out,
// host:port; "" without one. A gateway that listens everywhere is found at the
// address that the peer-to-peer port is found at.
func (n *Node) gatewayForOthers() string {
	if a := n.cfg.Gateway.Advertise; a != "" {
		return a
	}
	return advertised(n.GatewayAddr(), n.h.Addrs())
}

func advertised(listens string, peer []string) string {
	h, port, err := net.SplitHostPort(listens)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(h); h != "" && (ip == nil || !ip.IsUnspecified()) {
		return listens
	}
	best := ""
	for _, a := range peer {
		if ip := ipOf(a); ip != "" && (best == "" || loopback(best) && !loopback(a)) {
			best = a
		}
	}
	if best == "" {
		return ""
	}
	return net.JoinHostPort(ipOf(best), port)
}

// ipOf is the IP address that a multiaddress begins with, "" for another.
func ipOf(multiaddr string) string {
	p := strings.SplitN(multiaddr, "/", 4)
	if len(p) < 3 || p[1] != "ip4" && p[1] != "ip6" {
		return ""
	}
	return p[2]
}

// hereOnly reports whether host:port can be reached from its own machine only.
func hereOnly(addr string) bool {
	h, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(h)
	return err != nil || h == "localhost" || ip != nil && ip.IsLoopback()
}

// sameMachine reports whether a node is on this one's machine, as far as their
// addresses tell: it has none for others, or shares one.
func sameMachine(own, theirs []string) bool {
	outside := false
	for _, a := range theirs {
		if ip := ipOf(a); ip != "" && !loopback(a) {
			outside = true
			if slices.ContainsFunc(own, func(b string) bool { return ipOf(b) == ip }) {
				return true
			}
		}
	}
	return !outside && len(theirs) > 0
}

// Contact is how programs on the same machine find a node: it stands in its data
// directory while it runs.
type Contact struct {
	ID             string   `json:"id"`
	Addrs          []string `json:"addrs"` // with /p2p/ID, of this machine
	Gateway        string   `json:"gateway"`
	PrivateKeyFile string   `json:"private_key_file,omitempty"` // absolute
}

// writeAddr writes the contact file.
func (n *Node) writeAddr() error {
	c := Contact{ID: string(n.id), Gateway: n.GatewayAddr()}
	for _, a := range n.h.Addrs() {
		if loopback(a) {
			c.Addrs = append(c.Addrs, a)
		}
	}
	if len(c.Addrs) == 0 {
		c.Addrs = n.h.Addrs()
	}
	if f := n.cfg.Network.PrivateKeyFile; f != "" {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		c.PrivateKeyFile = abs
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := host.WriteFile(filepath.Join(n.cfg.Node.DataDir, addrFile), append(text, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", addrFile, err)
	}
	return nil
}

// ReadContact reads where the node of a data directory is. That it runs is not
// certain: one that was killed leaves the file.
func ReadContact(dir string) (Contact, error) {
	var c Contact
	text, err := os.ReadFile(filepath.Join(dir, addrFile))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil || len(c.Addrs) == 0 {
		return c, fmt.Errorf("%s does not say where the node is (%v); start the node again, or give --addr", filepath.Join(dir, addrFile), err)
	}
	return c, nil
}

// OperatorDir is where the identity lies by which a node knows who can read its
// data directory.
func OperatorDir(dir string) string { return filepath.Join(dir, operatorDir) }

// URL is the address of the gateway for a browser or curl; "" without one.
func (n *Node) URL() string {
	a := n.GatewayAddr()
	if a == "" {
		return ""
	}
	h, port, err := net.SplitHostPort(a)
	if err == nil && (h == "" || strings.Trim(h, "[]") == "::" || h == "0.0.0.0") {
		a = net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + a
}

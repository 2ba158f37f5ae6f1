//go:build unix

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Weft is nodes of this repository's command.
type Weft struct {
	Binary string
	// Settings are more of the configuration: "raft.snapshot_wal=1MiB".
	Settings []string
	ids      []string
}

// Name is Weft.
func (*Weft) Name() string { return "Weft" }

// ID is the peer ID of a node.
func (p *Weft) ID(n *Node) string { return p.ids[n.Index] }

// Address is the multiaddress at which a node is reached.
func (p *Weft) Address(c *Cluster, n *Node) string {
	return fmt.Sprintf("/ip4/%s/tcp/%d/p2p/%s", c.Network.IP(n.Index), n.Peer, p.ids[n.Index])
}

// Prepare makes the identities of all nodes, then their configurations: the
// first starts the cluster, the others join it.
func (p *Weft) Prepare(ctx context.Context, c *Cluster) error {
	p.ids = nil
	for _, n := range c.Nodes {
		out, err := exec.CommandContext(ctx, p.Binary, "node", "id", "--data", p.data(n)).Output()
		if err != nil {
			return fmt.Errorf("make an identity for node %d: %w", n.Index+1, err)
		}
		p.ids = append(p.ids, strings.TrimSpace(string(out)))
	}
	for _, n := range c.Nodes {
		if err := os.WriteFile(p.config(n), []byte(p.text(c, n)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (p *Weft) data(n *Node) string { return filepath.Join(n.Dir, "data") }

func (p *Weft) config(n *Node) string { return filepath.Join(n.Dir, "node.yaml") }

func (p *Weft) text(c *Cluster, n *Node) string {
	var peers []string
	if n.Index > 0 {
		for _, other := range c.Nodes {
			if other != n {
				peers = append(peers, p.Address(c, other))
			}
		}
	}
	voters := 3
	if len(c.Nodes) >= 5 {
		voters = 5
	}
	return fmt.Sprintf(`node:
  data_dir: %q
  listen: [/ip4/%s/tcp/%d]
discovery:
  bootstrap_peers: [%s]
  mdns: false
cluster:
  name: siege
  replication: %d
gateway:
  listen: 127.0.0.1:%d
  open_loopback: true
`, p.data(n), c.Network.IP(n.Index), n.Peer, strings.Join(peers, ", "), voters, n.HTTP)
}

// Command runs a node.
func (p *Weft) Command(_ *Cluster, n *Node) ([]string, error) {
	args := []string{p.Binary, "node", "--config", p.config(n)}
	for _, s := range p.Settings {
		args = append(args, "--set", s)
	}
	return args, nil
}

// Leader is the node whose peer ID leads the group of the namespace default.
func (p *Weft) Leader(ctx context.Context, _ *Cluster, n *Node) (int, error) {
	s, err := n.Status(ctx)
	if err != nil {
		return -1, err
	}
	return slices.Index(p.ids, s.Store.Leader.Addr), nil
}

// Group is the name of the group of the namespace default.
const Group = "ns/default"

// StepDown asks the cluster to let another node lead the group.
func (p *Weft) StepDown(ctx context.Context, _ *Cluster, n *Node) error {
	return p.ask(ctx, n, "cluster", "stepdown", "--group", Group)
}

// Namespace makes one.
func (p *Weft) Namespace(ctx context.Context, n *Node, name string) error {
	return p.ask(ctx, n, "namespace", "create", name)
}

// ask runs the command against a node.
func (p *Weft) ask(ctx context.Context, n *Node, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Binary, append(args, "--data", p.data(n))...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("weft %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return nil
}

// Log is the Raft log of the group of the namespace default.
func (p *Weft) Log(n *Node) string {
	return filepath.Join(p.data(n), "groups", strings.ReplaceAll(Group, "/", "~"), "raft.db")
}

// Snapshots are SQLite files.
func (p *Weft) Snapshots(n *Node) ([]string, error) { return snapshots(filepath.Dir(p.Log(n))) }

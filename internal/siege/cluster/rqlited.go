//go:build unix

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Rqlited is rqlite's own server, as a peer: what it does right and wrong is
// known.
type Rqlited struct {
	Binary string
	Flags  []string
}

// Name is rqlited.
func (Rqlited) Name() string { return "rqlited" }

// Prepare does nothing.
func (Rqlited) Prepare(context.Context, *Cluster) error { return nil }

// Command starts a node that waits for all the others at its first start.
func (p Rqlited) Command(c *Cluster, n *Node) ([]string, error) {
	var join []string
	for _, other := range c.Nodes {
		join = append(join, fmt.Sprintf("%s:%d", c.Network.IP(other.Index), other.Peer))
	}
	args := []string{
		p.Binary, "-node-id", strconv.Itoa(n.Index + 1),
		"-http-addr", fmt.Sprintf("127.0.0.1:%d", n.HTTP),
		"-raft-addr", fmt.Sprintf("%s:%d", c.Network.IP(n.Index), n.Peer),
	}
	if len(c.Nodes) > 1 {
		args = append(args, "-bootstrap-expect", strconv.Itoa(len(c.Nodes)), "-join", strings.Join(join, ","))
	}
	return append(append(args, p.Flags...), filepath.Join(n.Dir, "data")), nil
}

// Leader is what the store says.
func (Rqlited) Leader(ctx context.Context, _ *Cluster, n *Node) (int, error) {
	s, err := n.Status(ctx)
	if err != nil || s.Store.Leader.ID == "" {
		return -1, err
	}
	i, err := strconv.Atoi(s.Store.Leader.ID)
	return i - 1, err
}

// StepDown ends the process gracefully, which gives leadership away, and starts
// it again.
func (Rqlited) StepDown(_ context.Context, _ *Cluster, n *Node) error {
	if err := n.Stop(); err != nil {
		return err
	}
	return n.Start()
}

// Log is the Raft log.
func (Rqlited) Log(n *Node) string { return filepath.Join(n.Dir, "data", "raft.db") }

// Snapshots are SQLite files.
func (Rqlited) Snapshots(n *Node) ([]string, error) {
	return snapshots(filepath.Join(n.Dir, "data"))
}

// snapshots finds the SQLite files of rqlite's snapshot store, but for those that
// were moved aside.
func snapshots(dir string) ([]string, error) {
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "broken-") {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() && strings.Contains(path, "snapshots") && filepath.Ext(path) == ".db" {
			list = append(list, path)
		}
		return nil
	})
	slices.Sort(list)
	return list, err
}

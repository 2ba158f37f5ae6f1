//go:build unix

// Package cluster runs databases as several processes on this machine, so that
// tests can attack them and benchmarks can compare them: Weft's nodes, and
// rqlited as the peer. Both are asked over rqlite's HTTP interface.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Program is what the nodes of a cluster run.
type Program interface {
	Name() string
	// Prepare is called once, before any node starts.
	Prepare(ctx context.Context, c *Cluster) error
	// Command is what starts a node, called before each start of it.
	Command(c *Cluster, n *Node) (args []string, err error)
	// Leader is the number of the node that leads, as node n says; -1 when it
	// knows of none.
	Leader(ctx context.Context, c *Cluster, n *Node) (int, error)
	// StepDown asks a leader to give its leadership away. A program that cannot
	// do so ends the process gracefully and starts it again.
	StepDown(ctx context.Context, c *Cluster, n *Node) error
	// Log is the file of a node's Raft log, Snapshots the files of its snapshots
	// that hold data, newest last.
	Log(n *Node) string
	Snapshots(n *Node) ([]string, error)
}

// Options say what to start.
type Options struct {
	Program Program
	Nodes   int
	Dir     string  // the nodes' directories are made in it
	Network Network // nil is loopback
	Env     []string
}

// Cluster is what was started. Its methods are safe for concurrent use; those
// of one node that start and end its process are not.
type Cluster struct {
	Program Program
	Nodes   []*Node
	Network Network
	Dir     string
	env     []string
}

// New plans a cluster: directories and addresses. Nothing runs yet.
func New(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{Program: o.Program, Network: o.Network, Dir: o.Dir, env: o.Env}
	if c.Network == nil {
		c.Network = Loopback{}
	}
	for i := range o.Nodes {
		if err := c.add(i); err != nil {
			return nil, err
		}
	}
	if err := c.Program.Prepare(ctx, c); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", c.Program.Name(), err)
	}
	return c, nil
}

func (c *Cluster) add(i int) error {
	dir := filepath.Join(c.Dir, fmt.Sprintf("node%d", i+1))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	n := &Node{Index: i, Dir: dir, cluster: c}
	var err error
	if n.HTTP, err = c.port(i); err != nil {
		return err
	}
	if n.Peer, err = c.port(i); err != nil {
		return err
	}
	n.client = newClient(c.Network, i)
	c.Nodes = append(c.Nodes, n)
	return nil
}

func (c *Cluster) port(i int) (port int, err error) {
	err = c.Network.Enter(i, func() error {
		port, err = freePort()
		return err
	})
	return port, err
}

// Start plans a cluster, starts all nodes and waits until they serve.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c, err := New(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, n := range c.Nodes {
		if err := n.Start(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if err := c.Ready(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Ready waits until each node that runs answers a linearizable read and has a
// copy that votes, as all nodes have. What each lacked last is in the error.
func (c *Cluster) Ready(ctx context.Context) error {
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		var exited error
		err := Until(ctx, func(ctx context.Context) error {
			if exited = n.Exited(); exited != nil {
				return nil
			}
			if _, err := n.Query(ctx, "linearizable", Stmt{"SELECT 1"}); err != nil {
				return err
			}
			s, err := n.Status(ctx)
			if err == nil {
				err = s.whole(len(c.Nodes))
			}
			return err
		})
		if err = errors.Join(err, exited); err != nil {
			return fmt.Errorf("node %d of %s does not serve: %w\n%s", n.Index+1, c.Program.Name(), err, n.Tail())
		}
	}
	return nil
}

// Leader waits until a node that runs says who leads, and that one runs too and
// says the same.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) {
	var leader *Node
	err := Until(ctx, func(ctx context.Context) error {
		for _, n := range c.Nodes {
			if !n.Running() || n.Paused() {
				continue
			}
			i, err := c.Program.Leader(ctx, c, n)
			if err != nil || i != n.Index {
				continue
			}
			leader = n
			return nil
		}
		return errors.New("no node says that it leads")
	})
	return leader, err
}

// Close kills what runs and frees what the clients hold.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.Nodes {
		n.Resume()
		errs = append(errs, n.Kill())
		n.client.CloseIdleConnections()
	}
	return errors.Join(errs...)
}

// Until calls fn, each time with at most 15 s, until it succeeds or the context
// ends; its last error is told then.
func Until(ctx context.Context, fn func(ctx context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var before error // why it did not hold when there was still time
	for {
		once, cancel := context.WithTimeout(ctx, 15*time.Second) // a large copy takes long to read
		err := fn(once)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil && before != nil {
			err = before
		}
		before = err
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/weftdb/weft/node"
)

// maxDevNodes is how many nodes weft dev runs at most: each is a whole one.
const maxDevNodes = 9

// runNodes runs a cluster of nodes in this process until ctx is done.
func (d *dev) runNodes(ctx context.Context, stdout, stderr io.Writer) (err error) {
	roomy()
	begin := time.Now()
	var nodes []*node.Node
	defer func() {
		// One after the other, so that each can give what it leads to the next. The
		// first comes last: the others look for it as long as they run.
		for _, n := range slices.Backward(nodes) {
			err = errors.Join(err, n.Close(context.WithoutCancel(ctx)))
		}
	}()
	var seeds []string
	for i := range d.nodes {
		c, err := d.nodeConfig(i, seeds)
		if err != nil {
			return err
		}
		n, err := node.New(c, logger(c.Logging, stderr).With("node", i+1))
		if err != nil {
			return err
		}
		if err := n.Start(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // stopped before it had begun
			}
			return fmt.Errorf("node %d: %w", i+1, err)
		}
		nodes = append(nodes, n)
		if i == 0 {
			seeds = n.Addrs()
		}
	}
	for i, n := range nodes {
		if err := n.Ready(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("node %d: %w", i+1, err)
		}
	}
	if err := nodes[0].Whole(ctx, min(3, (d.nodes-1)|1)); err != nil { // any of them may die now
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	d.greetNodes(stdout, nodes, time.Since(begin))
	<-ctx.Done()
	fmt.Fprintln(stdout, "Stopping.")
	return nil
}

// nodeConfig is that of the node of a number, from 0.
func (d *dev) nodeConfig(i int, seeds []string) (node.Config, error) {
	c, err := node.Read("", os.Environ(), nil)
	if err != nil {
		return c, err
	}
	c.Version = versionName()
	c.Node.DataDir = d.nodeDir(i)
	c.Node.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	c.Discovery.BootstrapPeers = seeds
	c.Discovery.Interval = time.Second
	c.Discovery.DHT = false
	c.Cluster.Name = "dev"
	c.Cluster.Grace = time.Minute
	c.Gateway.OpenLoopback = true
	if os.Getenv("WEFT_LOGGING_LEVEL") == "" {
		c.Logging.Level = "warn"
	}
	h, port, err := net.SplitHostPort(d.listen)
	if err != nil {
		return c, err
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return c, err
	}
	if p > 0 {
		p += i
	}
	c.Gateway.Listen = net.JoinHostPort(h, strconv.Itoa(p))
	return c, nil
}

func (d *dev) nodeDir(i int) string { return filepath.Join(d.data, fmt.Sprint("node", i+1)) }

func (d *dev) greetNodes(w io.Writer, nodes []*node.Node, took time.Duration) {
	fmt.Fprintf(w, "A cluster of %s runs, ready after %.1f s.\n\n", count(len(nodes), "node"), took.Seconds())
	for i, n := range nodes {
		fmt.Fprintf(w, "  node %d   %s   %s\n", i+1, n.URL(), d.nodeDir(i))
	}
	url := nodes[0].URL()
	data := ""
	if d.data != "./data" {
		data = " --data " + d.data
	}
	fmt.Fprintf(w, `
Things to try:

  weft cluster%s
  weft query --cluster%s --write 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)'
  curl '%s/db/query?pretty' --data-urlencode 'q=SELECT 1' -G
  curl %s/readyz

Ctrl-C stops it.
`, data, data, url, url)
}

package main

import (
	"context"
	"path/filepath"
	"strconv"
	"time"

	"github.com/weftdb/weft/node"
)

// startNodes starts a cluster in this program. In earnest each node runs on a
// machine of its own, as weft node or inside the application, with the same few
// lines.
func startNodes(ctx context.Context, dir string, n int) (nodes []*node.Node, err error) {
	for i := range n {
		cfg := node.Default()
		cfg.Node.DataDir = filepath.Join(dir, "node"+strconv.Itoa(i+1))
		cfg.Node.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
		cfg.Discovery.DHT = false // nobody else is to be found here
		cfg.Discovery.Interval = time.Second
		cfg.Gateway.Listen = "" // nobody comes in by HTTP
		if i > 0 {
			cfg.Discovery.BootstrapPeers = nodes[0].Addrs()
		}
		nd, err := node.New(cfg, nil)
		if err != nil {
			return nodes, err
		}
		if err := nd.Start(ctx); err != nil {
			return nodes, err
		}
		nodes = append(nodes, nd)
	}
	for _, nd := range nodes {
		if err := nd.Ready(ctx); err != nil {
			return nodes, err
		}
	}
	return nodes, nodes[0].Whole(ctx, n) // from here on any one of them may go
}

func stopNode(n *node.Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return n.Close(ctx)
}

func stopNodes(nodes []*node.Node) {
	for _, n := range nodes {
		if err := stopNode(n); err != nil {
			println("stop:", err.Error())
		}
	}
}

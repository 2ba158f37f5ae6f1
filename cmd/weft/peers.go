package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newPeers() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "List the nodes that a node knows",
		Long: "Asks a node of a cluster which others it knows, where they are, whether it is\n" +
			"connected to them and how long the way to each is.",
		Example: "  weft peers\n" +
			"  weft peers --data ./data/node1 --format json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return r.with(ctx, func(ctx context.Context, s *session) error {
				var list []node.PeerInfo
				if err := s.ask(ctx, "node.peers", nil, &list); err != nil {
					return err
				}
				var rows [][]any
				for _, p := range list {
					state := "lost"
					if p.Connected {
						state = "connected"
					} else if p.Live {
						state = "live"
					}
					latency, seen := "", ""
					if p.Latency > 0 {
						latency = fmt.Sprintf("%.1f ms", float64(p.Latency.Microseconds())/1000)
					}
					if !p.LastSeen.IsZero() {
						seen = time.Since(p.LastSeen).Round(time.Second).String() + " ago"
					}
					rows = append(rows, []any{p.ID, state, latency, seen, strings.Join(p.Groups, " "), strings.Join(p.Addrs, " ")})
				}
				return r.write(cmd, list, []string{"peer", "state", "latency", "seen", "groups", "addresses"}, rows)
			})
		},
	}
	r.flags(cmd)
	r.formatFlag(cmd)
	return cmd
}

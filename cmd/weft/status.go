package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newStatus() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how a node is",
		Long: "Asks a node of a cluster how it is: its addresses, what is wrong if anything is, and\n" +
			"each copy of a group that it holds, with sizes and how far it is.",
		Example: "  weft status\n" +
			"  weft status --data ./data/node1 --format json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return r.with(ctx, func(ctx context.Context, s *session) error {
				var st node.NodeStatus
				if err := s.ask(ctx, "node.status", nil, &st); err != nil {
					return err
				}
				rows := [][]any{
					{"node", st.ID},
					{"cluster", st.Cluster + " (" + st.ClusterID + ")"},
					{"state", st.State},
				}
				if st.Problem != "" {
					rows = append(rows, []any{"problem", st.Problem})
				}
				rows = append(rows,
					[]any{"version", st.Version},
					[]any{"up for", st.Uptime.Round(time.Second).String()},
					[]any{"clock", st.ClockOffset.String() + " behind the others"},
					[]any{"peers", fmt.Sprintf("%d connected, %d other live nodes", st.Peers, st.Members)},
					[]any{"gateway", st.Gateway},
					[]any{"addresses", strings.Join(st.Addrs, " ")},
					[]any{"data", fmt.Sprintf("%d bytes", st.DatabaseSize)},
				)
				for _, g := range st.Groups {
					text := fmt.Sprintf("%s, applied %d of %d, database %d bytes, log %d bytes", g.State, g.Applied, g.Commit, g.DBSize, g.LogSize)
					if g.Broken != "" {
						text += "; broken: " + g.Broken
					}
					if g.Problem != "" {
						text += "; " + g.Problem
					}
					rows = append(rows, []any{"group " + g.Group, text})
				}
				return r.write(cmd, st, []string{"what", "is"}, rows)
			})
		},
	}
	r.flags(cmd)
	r.formatFlag(cmd)
	return cmd
}

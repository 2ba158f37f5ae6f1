package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newCluster() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Show a cluster: its nodes, its groups, who leads them and who lags behind",
		Long: "Shows a cluster as one of its nodes knows it. Each line of a group is one copy: the\n" +
			"leader, the other voters, and standbys, with how many entries of the log they are\n" +
			"behind the leader. The commands below it change the cluster.",
		Example: "  weft cluster\n" +
			"  weft cluster --data ./data/node1 --format json",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return r.with(ctx, func(ctx context.Context, s *session) error { return r.showCluster(ctx, cmd, s) })
		},
	}
	r.flags(cmd)
	r.formatFlag(cmd)
	cmd.AddCommand(
		newClusterChange("add <node>", "Let a node that was removed hold copies again", "add",
			"Takes back weft cluster remove. A node that joins needs no command for it.",
			"  weft cluster add \"$(weft node id --data data/node3)\""),
		newClusterChange("remove <node>", "Replace a node in all groups, for good", "remove",
			"Takes a node out of the cluster: others get its copies at once, without waiting for the\n"+
				"grace time, and it gets none any more. The node may be running or lost. Where no other\n"+
				"node is free, its copies stay until one joins. The node is named by its peer ID, or by\n"+
				"the end of it.",
			"  weft cluster remove \"$(weft node id --data data/node3)\""),
		newClusterChange("promote <node>", "Make a standby of a group a voter", "promote",
			"Makes a standby a voter. When there are as many voters as the group is to have, it takes\n"+
				"the place of one that is not there, or else of one that does not lead.",
			"  weft cluster promote \"$(weft node id --data data/node2)\" --group ns/default"),
		newClusterStepDown(), newClusterRecover())
	return cmd
}

// clusterView is what weft cluster shows.
type clusterView struct {
	Nodes  []node.NodeInfo  `json:"nodes"`
	Groups []node.GroupInfo `json:"groups"`
}

func (r *remote) showCluster(ctx context.Context, cmd *cobra.Command, s *session) error {
	var v clusterView
	if err := s.ask(ctx, "cluster.nodes", nil, &v.Nodes); err != nil {
		return err
	}
	if err := s.ask(ctx, "cluster.groups", nil, &v.Groups); err != nil {
		return err
	}
	var rows [][]any
	for _, n := range v.Nodes {
		rows = append(rows, []any{n.ID, n.State, int64(len(n.Groups)), n.Version})
	}
	if r.format == formatJSON {
		return r.write(cmd, v, nil, nil)
	}
	if err := r.write(cmd, v, []string{"node", "state", "copies", "version"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, g := range v.Groups {
		for _, m := range g.Members {
			lag := any(m.Lag)
			if m.Lag < 0 {
				lag = "unknown"
			}
			rows = append(rows, []any{g.Name, m.Peer, m.Role, m.State, lag})
		}
		if g.Problem != "" {
			rows = append(rows, []any{g.Name, g.Problem, "", "", ""})
		}
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	return r.write(cmd, v, []string{"group", "node", "role", "state", "lag"}, rows)
}

// change asks for a change and prints what came of it.
func (r *remote) change(cmd *cobra.Command, c node.ClusterChange) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	return r.with(ctx, func(ctx context.Context, s *session) error {
		var out string
		if err := s.ask(ctx, "cluster.change", c, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), out)
		return err
	})
}

// newClusterChange is a change that concerns one node.
func newClusterChange(use, short, do, long, example string) *cobra.Command {
	r := &remote{}
	var group string
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args: takes(1, "node"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, node.ClusterChange{Do: do, Node: args[0], Group: group})
		},
	}
	r.flags(cmd)
	if do == "promote" {
		cmd.Flags().StringVar(&group, "group", groupOf("default"), "name of the group")
	}
	return cmd
}

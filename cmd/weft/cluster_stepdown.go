package main

import (
	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newClusterStepDown() *cobra.Command {
	r := &remote{}
	var group, on string
	cmd := &cobra.Command{
		Use:   "stepdown",
		Short: "Let another node lead",
		Long: "Makes the leader of a group give the leadership to another voter; with --node, that\n" +
			"node gives up all that it leads (with --group too, that one). Before a node is stopped\n" +
			"it is not needed: it does so by itself.",
		Example: "  weft cluster stepdown --group ns/default\n" +
			"  weft cluster stepdown --group system",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if group == "" && on == "" {
				return usagef("say of which group or node: --group ns/default, or --node with a peer ID")
			}
			return r.change(cmd, node.ClusterChange{Do: "stepdown", Group: group, Node: on})
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&group, "group", "", "name of the group")
	cmd.Flags().StringVar(&on, "node", "", "peer ID of the node")
	return cmd
}

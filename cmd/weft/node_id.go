package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/p2p/host"
)

func newNodeID() *cobra.Command {
	n := &nodeConfig{}
	cmd := &cobra.Command{
		Use:   "id",
		Short: "Print the peer ID of a node",
		Long: "Prints the ID by which other nodes know this one. The identity is made when there\n" +
			"is none, so that others can be configured before the node runs for the first time.",
		Example: "  weft node id --data ./data/node1\n" +
			"  weft node id --config node.yaml",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := n.read()
			if err != nil {
				return err
			}
			id, err := host.Identity(c.Node.DataDir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), id)
			return err
		},
	}
	n.flags(cmd)
	return cmd
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newClusterRecover() *cobra.Command {
	r := &remote{}
	var group string
	var yes bool
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Go on with one copy of a group whose majority is lost for good",
		Long: "A group decides by a majority of its voters. When most of them will never come back,\n" +
			"this makes the copy of the node that is asked the only member, and the others get new\n" +
			"copies from it.\n" +
			"\n" +
			"WHAT ONLY THE LOST VOTERS HAVE IS LOST, also what was acknowledged. If a lost voter comes\n" +
			"back while others were recovered, the group has two histories. So: first try to start the\n" +
			"lost nodes; if that fails, make sure that they stay off; ask the node whose copy is\n" +
			"farthest (weft status says what it has applied); recover system first, then the others.",
		Example: "  weft cluster recover --group ns/default --data ./data/node1 --yes",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if group == "" {
				return usagef("say which group: --group system is the directory, --group ns/default the data of the namespace default")
			}
			if !yes {
				return fmt.Errorf("recovering %s gives up whatever only its lost voters have, also what was acknowledged; if they can be started, start them instead; add --yes to go on", group)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "weft: warning: %s is made anew from one copy; what only the lost voters have is lost, and they must not come back as they are\n", group)
			return r.change(cmd, node.ClusterChange{Do: "recover", Group: group, Sure: true})
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&group, "group", "", "name of the group")
	cmd.Flags().BoolVar(&yes, "yes", false, "go on")
	return cmd
}

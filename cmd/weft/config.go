package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Look at the configuration of a node",
		Example: "  weft config check node.yaml",
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var sets []string
	cmd := &cobra.Command{
		Use:   "check <file>",
		Short: "Say what is wrong with the configuration of a node",
		Long: "Reads the configuration of a node as the node would, with the variables of the\n" +
			"environment, and looks at the files that it names, the data directory and the ports.\n" +
			"Every fault is told with its key. Nothing is made or changed.\n" +
			"\n" +
			"While the node runs its ports are taken: by itself.",
		Example: "  weft config check node.yaml\n" +
			"  weft config check node.yaml --set node.data_dir=./data/node2",
		Args: takes(1, "configuration file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := node.Read(args[0], os.Environ(), sets)
			if err != nil {
				return err
			}
			if err := c.Check(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is right: a node of the cluster %s with its data in %s\n", args[0], c.Cluster.Name, c.Node.DataDir)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&sets, "set", nil, "key=value of one setting, above file and environment; may be given several times")
	return cmd
}

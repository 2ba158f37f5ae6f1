package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newNamespace() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "namespace",
		Short: "Make and list the namespaces of a cluster",
		Long: "A namespace is a database of its own on a cluster, kept in a group of its own: no\n" +
			"statement of one reaches the tables of another. Every cluster has the namespace default.",
		Example: "  weft namespace create shop\n" +
			"  weft query --cluster --namespace shop 'SELECT 1'",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newNamespaceCreate(), newNamespaceList())
	return cmd
}

func newNamespaceCreate() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "create <name>",
		Short: "Make a namespace",
		Long: "Makes a namespace, whose group begins within seconds. One that exists stays as it is.\n" +
			"A name has 1 to 64 bytes of printable text, without spaces and slashes.",
		Example: "  weft namespace create shop",
		Args:    takes(1, "name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, node.ClusterChange{Do: "namespace", Group: args[0]})
		},
	}
	r.flags(cmd)
	return cmd
}

// namespaceView is one line of weft namespace list.
type namespaceView struct {
	Name   string `json:"name"`
	Group  string `json:"group"`
	Copies int    `json:"copies"`
	DBSize int64  `json:"db_size"`
}

func newNamespaceList() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the namespaces",
		Long:    "Lists the namespaces of a cluster with how many copies each has, and their size in bytes.",
		Example: "  weft namespace list --format json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return r.with(ctx, func(ctx context.Context, s *session) error {
				var groups []node.GroupInfo
				if err := s.ask(ctx, "cluster.groups", nil, &groups); err != nil {
					return err
				}
				groups = slices.DeleteFunc(groups, func(g node.GroupInfo) bool { return g.Namespace == "" })
				list, rows := make([]namespaceView, len(groups)), make([][]any, len(groups))
				for i, g := range groups {
					list[i] = namespaceView{g.Namespace, g.Name, len(g.Members), g.DBSize}
					rows[i] = []any{g.Namespace, int64(len(g.Members)), g.DBSize}
				}
				return r.write(cmd, list, []string{"namespace", "copies", "bytes"}, rows)
			})
		},
	}
	r.flags(cmd)
	r.formatFlag(cmd)
	return cmd
}

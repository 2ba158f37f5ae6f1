package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func newConnect() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "connect <address>",
		Short: "Connect a node to another one",
		Long: "Makes a node connect to a peer at an address. It helps to find out whether the way\n" +
			"is open; nodes of a cluster find each other by themselves. To a peer that it is\n" +
			"connected to already no further connection is made.",
		Example: "  weft connect --data ./data/node1 \"$(sed -n 's/.*\"\\(\\/ip4.*\\)\".*/\\1/p' data/node2/node.addr)\"",
		Args:    takes(1, "address of the peer"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return r.with(ctx, func(ctx context.Context, s *session) error {
				var out struct {
					Before bool `json:"before"`
				}
				if err := s.ask(ctx, "node.connect", map[string]string{"addr": args[0]}, &out); err != nil {
					return err
				}
				text := "connected to %s\n"
				if out.Before {
					text = "the node is connected to this peer already; the address was not tried: %s\n"
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), text, args[0])
				return err
			})
		},
	}
	r.flags(cmd)
	return cmd
}

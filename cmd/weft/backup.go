package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

func newBackup() *cobra.Command {
	r := &remote{}
	var namespace string
	cmd := &cobra.Command{
		Use:   "backup <file>",
		Short: "Copy a database of a cluster into a file",
		Long: "Copies the database of a namespace, while it is used, into a SQLite file: all that was\n" +
			"committed when the copy began. The file has its name when it is whole; one that exists\n" +
			"is not overwritten.",
		Example: "  weft backup copy.db\n" +
			"  weft backup other.db --data ./data/node1 --namespace default",
		Args: takes(1, "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if exists(args[0]) {
				return fmt.Errorf("%s exists; name a file that does not", args[0])
			}
			return r.with(ctx, func(ctx context.Context, s *session) (err error) {
				g := s.group(groupOf(namespace))
				defer func() { err = errors.Join(err, g.Close()) }()
				if err := node.WriteBackup(ctx, g, args[0]); err != nil {
					return err
				}
				info, err := os.Stat(args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes\n", args[0], info.Size())
				return err
			})
		},
	}
	r.flags(cmd)
	long(cmd, r)
	cmd.Flags().StringVar(&namespace, "namespace", "default", "whose database")
	return cmd
}

// long gives a command that copies data more time.
func long(cmd *cobra.Command, r *remote) {
	r.timeout = 10 * time.Minute
	cmd.Flags().Lookup("timeout").DefValue = r.timeout.String()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/node"
)

// nodeConfig is how the commands of a node are told its configuration.
type nodeConfig struct {
	file string
	data string
	sets []string
}

func (n *nodeConfig) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&n.file, "config", "", "configuration file (YAML)")
	f.StringVar(&n.data, "data", "", "data directory; the same as --set node.data_dir=…")
	f.StringArrayVar(&n.sets, "set", nil, "key=value of one setting, above file and environment; may be given several times")
}

// read reads the configuration and validates it.
func (n *nodeConfig) read() (node.Config, error) {
	sets := n.sets
	if n.data != "" {
		sets = append(sets[:len(sets):len(sets)], "node.data_dir="+n.data)
	}
	c, err := node.Read(n.file, os.Environ(), sets)
	if err == nil {
		err = c.Validate()
	}
	c.Version = versionName()
	return c, err
}

func newNode() *cobra.Command {
	n := &nodeConfig{}
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run a node of a cluster",
		Long: "Runs a node until it is told to stop (Ctrl-C, SIGTERM), which takes at most 10\n" +
			"seconds: it gives its leaderships to others first.\n" +
			"\n" +
			"A node with an empty data directory and no bootstrap peers starts a cluster. One with\n" +
			"bootstrap peers joins theirs, and waits for as long as that takes. Settings come from\n" +
			"a file, from variables WEFT_… of the environment and from --set; the later ones win.\n" +
			"The log goes to stderr.",
		Example: "  weft node --config node.yaml\n" +
			"  weft node --data /tmp/node1 --set node.listen=/ip4/127.0.0.1/tcp/0 --set gateway.listen=127.0.0.1:0",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := n.read()
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			return runNode(ctx, c, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	n.flags(cmd)
	cmd.AddCommand(newNodeID())
	return cmd
}

// logger is the log that a configuration asks for.
func logger(c node.LoggingConfig, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.Slog()}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// roomy lets the memory of a process that serves grow to five times what it
// needs before garbage is collected, unless its environment says how far. A node
// needs little, some tens of megabytes beside SQLite's own, and would spend a
// twelfth of its time on collecting twice as often.
func roomy() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// runNode runs a node until ctx is done.
func runNode(ctx context.Context, c node.Config, stdout, stderr io.Writer) (err error) {
	roomy()
	n, err := node.New(c, logger(c.Logging, stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close(context.WithoutCancel(ctx))) }()
	if err := n.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it had begun
		}
		return err
	}
	fmt.Fprintf(stdout, "Node %s of the cluster %s runs.\n", n.ID(), c.Cluster.Name)
	for _, a := range n.Addrs() {
		fmt.Fprintf(stdout, "  %s\n", a)
	}
	if u := n.URL(); u != "" {
		fmt.Fprintf(stdout, "  %s/readyz\n", u)
	}
	if err := n.Ready(ctx); err == nil {
		fmt.Fprintln(stdout, "It is in its cluster, and ready.")
	}
	<-ctx.Done()
	fmt.Fprintln(stdout, "Stopping.")
	return nil
}

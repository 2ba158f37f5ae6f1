package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/raftgroup"
)

// rewind is what the flags say of the moment that a restore goes to.
type rewind struct {
	archives []string
	until    string
	branches []string
	output   string
}

func newRestore() *cobra.Command {
	r := &remote{}
	var namespace string
	var yes bool
	var to rewind
	cmd := &cobra.Command{
		Use:   "restore <file>",
		Short: "Replace a database of a cluster by a file, or by what it was at some moment",
		Long: "Replaces the database of a namespace by what a SQLite file holds, such as one that weft\n" +
			"backup made, on all nodes, while the cluster runs. What is in the database now is gone\n" +
			"then, so --yes is needed.\n" +
			"\n" +
			"With --archive the file is a backup that is brought forward first, by the entries that\n" +
			"nodes with backup.archive kept: to the last one, or to the moment that --until says. Name\n" +
			"the archives of several nodes when one lacks entries. With --output the result becomes a\n" +
			"new SQLite file, and no cluster is asked or changed.",
		Example: "  weft restore app.db --yes\n" +
			"  weft restore app.db --data ./data/node1 --namespace default --yes\n" +
			"  weft restore app.db --archive /backup/log --until 2026-03-01T11:59:00Z --yes\n" +
			"  weft restore app.db --archive /mnt/node1,/mnt/node2 --output then.db",
		Args: takes(1, "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			moment, err := to.moment(namespace)
			if err != nil {
				return err
			}
			d, err := findDatabase(args[0])
			if err != nil {
				return err
			}
			if !d.frozen && exists(d.file+"-wal") {
				return fmt.Errorf("%s is open, or was not closed in order: %s-wal beside it has part of its data; close it first, or copy it with weft backup or VACUUM INTO", args[0], args[0])
			}
			if to.output != "" {
				reached, err := raftgroup.PointInTime(ctx, d.file, to.output, moment)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", to.output, brought(args[0], reached))
				return err
			}
			if !yes {
				return fmt.Errorf("restoring replaces all data of the namespace %s; add --yes to go on (weft backup keeps what is there)", namespace)
			}
			file, what := d.file, args[0]
			if len(moment.Archives) > 0 {
				dir, err := os.MkdirTemp("", "weft-restore-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(dir)
				file = filepath.Join(dir, "restore.db")
				reached, err := raftgroup.PointInTime(ctx, d.file, file, moment)
				if err != nil {
					return err
				}
				what = brought(what, reached)
			}
			return r.restore(ctx, cmd, namespace, file, what)
		},
	}
	r.flags(cmd)
	long(cmd, r)
	f := cmd.Flags()
	f.StringVar(&namespace, "namespace", "default", "whose database")
	f.BoolVar(&yes, "yes", false, "go on")
	f.StringSliceVar(&to.archives, "archive", nil, "directories with archived entries, of one node or several")
	f.StringVar(&to.until, "until", "", "moment to go to, such as 2026-03-01T11:59:00Z; the last archived entry when it is not given")
	f.StringSliceVar(&to.branches, "branch", nil, "which history to follow where the archives hold several; the error names them")
	f.StringVar(&to.output, "output", "", "make this file and change no cluster")
	return cmd
}

// moment is what the flags say.
func (w *rewind) moment(namespace string) (m raftgroup.Moment, err error) {
	if len(w.archives) == 0 && (w.until != "" || w.output != "" || len(w.branches) > 0) {
		return m, usagef("--until, --output and --branch go with --archive, which names where the entries after the backup are")
	}
	m = raftgroup.Moment{Group: groupOf(namespace), Archives: w.archives, Branches: w.branches}
	if w.until != "" {
		if m.Until, err = time.Parse(time.RFC3339Nano, w.until); err != nil {
			return m, usagef("--until %q is no moment; give date, time and zone like 2026-03-01T11:59:00Z or 2026-03-01T12:59:00.25+01:00", w.until)
		}
	}
	return m, nil
}

// brought says what was made of a backup.
func brought(backup string, r raftgroup.Reached) string {
	if r.Entries == 0 {
		return fmt.Sprintf("%s as it is, with no entries after it (its last one is of %s)", backup, r.Stamp.Format(time.RFC3339Nano))
	}
	entries := "entries"
	if r.Entries == 1 {
		entries = "entry"
	}
	return fmt.Sprintf("%s and %d %s after it, up to %s", backup, r.Entries, entries, r.Stamp.Format(time.RFC3339Nano))
}

// restore replaces the database of a namespace by a file.
func (r *remote) restore(ctx context.Context, cmd *cobra.Command, namespace, file, what string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.with(ctx, func(ctx context.Context, s *session) (err error) {
		g := s.group(groupOf(namespace))
		defer func() { err = errors.Join(err, g.Close()) }()
		if err := g.Restore(ctx, f); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "the namespace %s has the data of %s\n", namespace, what)
		return err
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/node"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/pull"
)

// remote is how a command reaches a node that runs.
type remote struct {
	addrs    []string
	data     string
	identity string
	key      string
	timeout  time.Duration
	format   format
}

func (r *remote) flags(cmd *cobra.Command) {
	r.format = formatTable
	f := cmd.Flags()
	f.StringSliceVar(&r.addrs, "addr", nil, "address of a node, /ip4/…/tcp/…/p2p/ID; several are tried in turn")
	f.StringVar(&r.data, "data", "./data", "data directory of a node on this machine, where its address stands")
	f.StringVar(&r.identity, "identity", "", "directory of the identity to come with; that of the node's operator when it is not given")
	f.StringVar(&r.key, "network-key", "", "swarm.key of a private network; that of the node when it is not given")
	f.DurationVar(&r.timeout, "timeout", 15*time.Second, "how long to wait for an answer")
}

func (r *remote) formatFlag(cmd *cobra.Command) {
	cmd.Flags().Var(choice{&r.format, []format{formatTable, formatJSON}}, "format", "how the answer is written")
}

// contacts are the nodes whose data directories are given: one, or those that
// weft dev has below it.
func (r *remote) contacts() (list []node.Contact, dirs []string, err error) {
	dirs = []string{r.data}
	if _, err := os.Stat(filepath.Join(r.data, "node.addr")); err != nil {
		below, err := filepath.Glob(filepath.Join(r.data, "*", "node.addr"))
		if err != nil {
			return nil, nil, err
		}
		dirs = nil
		for _, f := range below {
			dirs = append(dirs, filepath.Dir(f))
		}
	}
	var kept []string
	for _, d := range dirs {
		c, err := node.ReadContact(d)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		list, kept = append(list, c), append(kept, d)
	}
	return list, kept, nil
}

// session is a connection to a node.
type session struct {
	h    *host.Host
	node host.ID
	dir  string // temporary
}

func (s *session) close() error { return errors.Join(s.h.Close(), os.RemoveAll(s.dir)) }

// ask asks the node a method.
func (s *session) ask(ctx context.Context, name string, in, out any) error {
	return door.Call(ctx, s.h, s.node, name, in, out)
}

// group is a group of the cluster, through the node.
func (s *session) group(name string) *door.Remote {
	return door.Open(s.h, door.Options{Group: name, Peers: func(context.Context) ([]host.ID, error) { return []host.ID{s.node}, nil }})
}

// with connects to a node and runs fn, all within the timeout.
func (r *remote) with(ctx context.Context, fn func(ctx context.Context, s *session) error) (err error) {
	if r.timeout <= 0 {
		return usagef("--timeout %s is not above zero", r.timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	s, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	err = fn(ctx, s)
	if err != nil && ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s (%w); --timeout sets more", r.timeout, err)
	}
	return err
}

func (r *remote) connect(ctx context.Context) (_ *session, err error) {
	addrs, identity, key := r.addrs, r.identity, r.key
	if len(addrs) == 0 || identity == "" {
		list, dirs, err := r.contacts()
		if err != nil {
			return nil, err
		}
		if len(addrs) == 0 && len(list) == 0 {
			return nil, fmt.Errorf("no node runs with its data in %s; give its directory with --data, or the address of one with --addr", r.data)
		}
		for i, c := range list {
			if len(r.addrs) == 0 {
				addrs = append(addrs, c.Addrs...)
			}
			if identity == "" && (len(r.addrs) == 0 || slices.ContainsFunc(r.addrs, func(a string) bool { return strings.HasSuffix(a, "/p2p/"+c.ID) })) {
				identity = node.OperatorDir(dirs[i])
				if key == "" {
					key = c.PrivateKeyFile
				}
			}
		}
	}
	for _, a := range addrs {
		if _, _, err := host.ParseAddr(a); err != nil {
			return nil, usagef("--addr: %w", err)
		}
	}
	s := &session{}
	if s.dir, err = os.MkdirTemp("", "weft-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	if identity != "" {
		// A copy: the directory may be used by another command at the same time.
		if _, err := host.Identity(identity); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(identity, "identity.key"))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(s.dir, "identity.key"), text, 0o600); err != nil {
			return nil, err
		}
	}
	c := host.Default()
	c.DataDir, c.Listen, c.PrivateKeyFile = s.dir, nil, key
	if s.h, err = host.New(c, nil); err != nil {
		return nil, err
	}
	var why error
	for _, a := range addrs {
		id, plain, err := host.ParseAddr(a)
		if err != nil {
			continue // looked at before
		}
		if why = s.h.Connect(ctx, id, plain); why == nil {
			s.node = id
			return s, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("no node is reached: %w", why), s.h.Close())
}

// groupOf is the name of the group of a namespace.
func groupOf(namespace string) string { return "ns/" + namespace }

// writeJSON writes a value for programs.
func (r *remote) write(cmd *cobra.Command, v any, columns []string, rows [][]any) error {
	out := cmd.OutOrStdout()
	if r.format == formatJSON {
		text, err := encodeJSON(v)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", text)
		return err
	}
	w, err := newRowWriter(out, formatTable, columns)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := w.write(row); err != nil {
			return err
		}
	}
	return w.close()
}

// clusterPlace is the database of a namespace on a cluster, for weft query.
type clusterPlace struct {
	s     *session
	group string
}

func (c clusterPlace) reader() (op.Engine, error) { return c.s.group(c.group), nil }
func (c clusterPlace) writer() (op.Engine, error) { return c.s.group(c.group), nil }
func (c clusterPlace) moved() error               { return nil }

func (c clusterPlace) pulled(context.Context) (*pull.Result, error) {
	return nil, op.Errorf(op.CodeUnsupported, "the models of a cluster's database are not read from its tables")
}

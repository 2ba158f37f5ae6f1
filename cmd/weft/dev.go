package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// dev is the configuration of weft dev.
type dev struct {
	data   string // directory of the database
	listen string // host:port
	nodes  int    // of a cluster; 0 is the sample database
}

func newDev() *cobra.Command {
	d := &dev{data: "./data", listen: "127.0.0.1:8420"}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Show a sample database in the browser, or run a cluster on this machine",
		Long: "Opens an embedded database, fills it with a generated sample (a bookshop) on the\n" +
			"first start, and serves read-only pages that list its models, their rows and\n" +
			"where their relations lead. Ctrl-C stops it.\n" +
			"\n" +
			"With --nodes it runs so many nodes of a cluster in one process instead, each with a\n" +
			"directory below --data and its HTTP interface on the next port. Programs on this\n" +
			"machine may use the data without a token.",
		Example: "  weft dev\n" +
			"  weft dev --data /tmp/shop --listen 127.0.0.1:9000\n" +
			"  weft dev --nodes 3 --data /tmp/cluster --listen 127.0.0.1:8420",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.validate(); err != nil {
				return &usageError{err}
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			if cmd.Flags().Changed("nodes") {
				return d.runNodes(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return d.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&d.data, "data", d.data, "directory of the database; made when it does not exist")
	cmd.Flags().StringVar(&d.listen, "listen", d.listen, "address to listen on; port 0 takes a free one")
	cmd.Flags().IntVar(&d.nodes, "nodes", 1, "run a cluster of so many nodes")
	return cmd
}

func (d *dev) validate() error {
	if d.nodes < 1 || d.nodes > maxDevNodes {
		return fmt.Errorf("--nodes is %d; it is 1 to %d", d.nodes, maxDevNodes)
	}
	if d.data == "" {
		return errors.New("--data is empty; give a directory, such as --data ./data")
	}
	_, port, err := net.SplitHostPort(d.listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("--listen %q is no address; give host:port, such as 127.0.0.1:8420", d.listen)
	}
	return nil
}

// stopWithin is how long requests may still take once the program is told to
// stop.
const stopWithin = 3 * time.Second

// run serves until ctx is done.
func (d *dev) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	// The port comes first: when it is taken, the data stays untouched.
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", d.listen)
	if err != nil {
		return listenError(d.listen, err)
	}
	defer l.Close() // closed by the server already, unless it never came to that
	if err := d.prepare(); err != nil {
		return err
	}
	path := filepath.Join(d.data, "weft.db")
	db, err := weft.Open(sqlite.Open(path), weft.Models(sampleModels()...), weft.AutoMigrate())
	if err != nil {
		return openError(path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	loaded, err := loadSample(ctx, db)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it had begun
		}
		return fmt.Errorf("load the sample into %s: %w", path, err)
	}

	logger := slog.New(slog.NewTextHandler(stderr, nil))
	srv := &http.Server{
		Handler:           newBrowser(db, l.Addr(), logger),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	greet(stdout, "http://"+browserAddr(l.Addr()), path, loaded)
	if !isLoopback(l.Addr()) {
		fmt.Fprintf(stderr, "weft: warning: %s can be reached from other machines, and the pages ask for no password\n", d.listen)
	}

	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", d.listen, err)
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "Stopping.")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		_ = srv.Close() // cuts off what did not end in time
	}
	<-served
	return nil
}

// prepare makes the data directory and makes sure that it can be written.
func (d *dev) prepare() error {
	err := os.MkdirAll(d.data, 0o755)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(d.data, ".weft-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("the data directory %s cannot be written (%w); choose another one with --data", d.data, cause(err))
	}
	return nil
}

// cause leaves the path out of an error that is told together with it.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken by another program; stop it, or choose another address, such as --listen 127.0.0.1:0", addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s is not allowed for this user; choose a port above 1023, such as --listen 127.0.0.1:8420", addr)
	}
	return fmt.Errorf("cannot listen on %s (%w); choose another address, such as --listen 127.0.0.1:8420", addr, err)
}

func openError(path string, err error) error {
	return fmt.Errorf("cannot use %s: %w; move the file away, or choose another directory with --data", path, err)
}

// browserAddr is the address to type into a browser on this machine.
func browserAddr(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.Port))
	}
	return a.String()
}

func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// greet says where things are and what to try.
func greet(w io.Writer, url, path string, loaded int) {
	what := "the sample of an earlier start"
	if loaded > 0 {
		what = fmt.Sprintf("a new sample of %d rows", loaded)
	}
	fmt.Fprintf(w, `Weft is running on %s with %s.

  %s/          models, rows and where they lead
  %s/healthz   whether the database is well

Three things to try:

  curl %s/healthz
  curl '%s/models/Book?sort=-pages&limit=3&format=json'
  curl '%s/models/Review?field=stars&op=%%3E%%3D&value=5&format=json'

Ctrl-C stops it.
`, path, what, url, url, url, url, url)
}

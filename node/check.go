package node

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/weftdb/weft/p2p/host"
)

// Check is Validate and more: it reads the files that the configuration names,
// looks whether the data directory can be written and belongs to a node of this
// cluster, and whether the ports are free. It makes nothing and reports every
// fault with its key. The ports of a node that runs are taken, by itself.
func (c Config) Check() error {
	errs := []error{c.Validate()}
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if c.Network.PrivateKeyFile != "" {
		if err := host.CheckNetworkKey(c.Network.PrivateKeyFile); err != nil {
			errs = append(errs, err)
		}
	}
	if err := writable(c.Node.DataDir); c.Node.DataDir != "" && err != nil {
		bad("node.data_dir %s cannot be written: %v", c.Node.DataDir, err)
	}
	if c.Node.DataDir != "" {
		if _, err := readState(c); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Backup.Dir != "" {
		if err := writable(c.Backup.Dir); err != nil {
			bad("backup.dir %s cannot be written: %v", c.Backup.Dir, err)
		}
	}
	if c.Backup.Archive != "" {
		if err := writable(c.Backup.Archive); err != nil {
			bad("backup.archive %s cannot be written: %v", c.Backup.Archive, err)
		}
	}
	if c.Gateway.Listen != "" && hostPort(c.Gateway.Listen) == nil {
		if l, err := net.Listen("tcp", c.Gateway.Listen); err != nil {
			bad("gateway.listen %s: %v; stop the program that has it, or choose another port", c.Gateway.Listen, err)
		} else {
			errs = append(errs, l.Close())
		}
	}
	for _, a := range c.Node.Listen {
		if err := host.CheckListen(a); err != nil && errors.Is(err, host.ErrListen) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// writable tries whether a file can be made in a directory, or in the nearest
// one above it that is there.
func writable(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file", dir)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) || filepath.Dir(dir) == dir {
			return err
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".weft-*")
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

package client

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// Config says which cluster a client uses and how. Start from DefaultConfig.
type Config struct {
	// App is the name of the program, for logs.
	App string
	// BootstrapPeers are addresses of nodes to begin with, each ending in
	// /p2p/ID: /ip4/10.0.0.1/tcp/4001/p2p/12D3Koo… or /dns4/db1/tcp/4001/p2p/….
	// One that runs is enough; the other nodes are learned from it.
	BootstrapPeers []string
	// Namespace is whose data is used.
	Namespace string
	// PrivateKeyFile is the key of a private network (swarm.key), the same file
	// that the nodes have; empty for an open network.
	PrivateKeyFile string
	// DataDir keeps the client's identity, so that it is the same peer each time.
	// It belongs to one process. Empty means a new identity each time.
	DataDir string
	// DialTimeout bounds one attempt to connect to a node.
	DialTimeout time.Duration
	// Patience bounds how long a call waits for the cluster, such as while a
	// leader is elected. The context of a call bounds it too.
	Patience time.Duration
	// Refresh is how often the nodes are asked for the list of nodes.
	Refresh time.Duration
	// Log is where the client says what it does; nil is nowhere.
	Log *slog.Logger
}

// DefaultConfig is a configuration to which only BootstrapPeers must be added.
func DefaultConfig(app string) Config {
	return Config{
		App: app, Namespace: "default", DialTimeout: 5 * time.Second, Patience: 15 * time.Second, Refresh: 15 * time.Second,
	}
}

// ErrConfig is wrapped by errors of a configuration that cannot be used.
var ErrConfig = errors.New("client: bad configuration")

// maxNamespace is the longest name of a namespace, in bytes.
const maxNamespace = 128

// Validate reports every setting that cannot be used, each with what would be
// right. The error wraps ErrConfig.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if len(c.BootstrapPeers) == 0 {
		bad("BootstrapPeers is empty; give the address of a node, such as /ip4/10.0.0.1/tcp/4001/p2p/12D3Koo… (weft node id prints the part behind /p2p/)")
	}
	for _, s := range c.BootstrapPeers {
		if _, _, err := host.ParseAddr(s); err != nil {
			bad("BootstrapPeers: %w", err)
		}
	}
	switch {
	case c.Namespace == "":
		bad(`Namespace is empty; the first one of a cluster is "default"`)
	case len(c.Namespace) > maxNamespace || strings.ContainsFunc(c.Namespace, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }):
		bad("Namespace %.130q is no name: up to %d bytes without spaces and slashes", c.Namespace, maxNamespace)
	}
	if c.DialTimeout <= 0 {
		bad("DialTimeout is %s, it must be above zero", c.DialTimeout)
	}
	if c.Patience <= 0 {
		bad("Patience is %s, it must be above zero", c.Patience)
	}
	if c.Refresh < 10*time.Millisecond {
		bad("Refresh is %s, it must be at least 10ms", c.Refresh)
	}
	return errors.Join(errs...)
}

// group is the name of the group that holds a namespace, as nodes have it.
func (c Config) group() string { return "ns/" + c.Namespace }

package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

// The errors of this package, to be asked for with errors.Is. The text around
// them says what was wrong and what to do about it.
var (
	// ErrConfig: a setting cannot be used.
	ErrConfig = errors.New("host: bad configuration")
	// ErrLocked: another process uses the data directory.
	ErrLocked = errors.New("host: the data directory is in use")
	// ErrIdentity: the identity file is damaged, or others may read it.
	ErrIdentity = errors.New("host: the identity cannot be used")
	// ErrNetworkKey: the key of the private network cannot be read.
	ErrNetworkKey = errors.New("host: the network key cannot be used")
	// ErrListen: an address cannot be listened on.
	ErrListen = errors.New("host: cannot listen")
	// ErrUnreachable: no connection to a peer came about. It is safe to try again.
	ErrUnreachable = errors.New("host: peer not reached")
	// ErrRefused: this host's own rules forbid the peer.
	ErrRefused = errors.New("host: peer not allowed")
	// ErrTooLarge: a stream carried more than its Limits.MaxBytes.
	ErrTooLarge = errors.New("host: more bytes than the protocol allows")
	// ErrMalformed is what a handler wraps when a peer sent what cannot be
	// decoded; the host counts it against the peer.
	ErrMalformed = errors.New("host: malformed data")
	// ErrClosed: the host is closed.
	ErrClosed = errors.New("host: closed")
)

// explain turns an error of a dial into one that says what to do. The network
// library reports most of these as text only.
func explain(id ID, err error, private bool) error {
	text := err.Error()
	has := func(s string) bool { return strings.Contains(text, s) }
	hint := ""
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		return err
	case errors.Is(err, swarm.ErrGaterDisallowedConnection), has("gater disallows connection"):
		return fmt.Errorf("%w: %s is not in the allow-list (network.allow_peers), or was shut out for flooding", ErrRefused, id)
	case has("peer id mismatch"):
		hint = "another node answers at this address: ask it for its ID (weft node id) and correct the address"
	case has("failed to negotiate security protocol") && private:
		hint = "the other node does not hold the same network key, or none: compare network.private_key_file on both"
	case has("failed to negotiate security protocol"):
		hint = "the other node may belong to a private network: set network.private_key_file to its key"
	case has("connection refused"):
		hint = "nothing listens there: is the node running, and is its address right?"
	case has("no addresses"):
		hint = "no address of it is known: give one that ends in /p2p/" + string(id)
	case private && (errors.Is(err, context.DeadlineExceeded) || has("timeout")):
		hint = "no answer in time: is a firewall in between, or does the other node not hold the same network key (network.private_key_file)?"
	case errors.Is(err, context.DeadlineExceeded), has("timeout"):
		hint = "no answer in time: is a firewall in between?"
	}
	if hint != "" {
		hint = " (" + hint + ")"
	}
	return fmt.Errorf("%w: %s%s: %w", ErrUnreachable, id, hint, err)
}

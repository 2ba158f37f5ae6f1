package host

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/libp2p/go-libp2p/core/pnet"
	ma "github.com/multiformats/go-multiaddr"
)

// NewNetworkKey makes the content of a swarm.key for a new private network. Give
// the same file to every node of it.
func NewNetworkKey() []byte {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return fmt.Appendf(nil, "/key/swarm/psk/1.0.0/\n/base16/\n%s\n", hex.EncodeToString(key))
}

// readNetworkKey reads a swarm.key. open reports whether others may read it.
func readNetworkKey(file string) (key pnet.PSK, open bool, err error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, false, fmt.Errorf("%w: network.private_key_file: %w; copy it from another node", ErrNetworkKey, err)
	}
	if st.Size() > 4096 {
		return nil, false, fmt.Errorf("%w: %s is too large to be one", ErrNetworkKey, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrNetworkKey, err)
	}
	key, err = pnet.DecodeV1PSK(bytes.NewReader(text))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %s is not one: %w; it has three lines: /key/swarm/psk/1.0.0/, /base16/, 64 hexadecimal digits",
			ErrNetworkKey, file, err)
	}
	return key, st.Mode().Perm()&0o077 != 0, nil
}

// withoutQUIC leaves out the addresses that a private network cannot use.
func withoutQUIC(addrs []ma.Multiaddr) (kept []ma.Multiaddr, dropped string, err error) {
	var out []string
	for _, a := range addrs {
		if isQUIC(a) {
			out = append(out, a.String())
		} else {
			kept = append(kept, a)
		}
	}
	dropped = strings.Join(out, ", ")
	if len(kept) == 0 && len(addrs) > 0 {
		return nil, "", fmt.Errorf("%w: a private network cannot use QUIC, and node.listen has nothing else (%s); add a /tcp/ address", ErrConfig, dropped)
	}
	return kept, dropped, nil
}

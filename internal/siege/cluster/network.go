//go:build unix

package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Network is where nodes run and how they reach each other.
type Network interface {
	// IP is the address at which the other nodes reach node i.
	IP(i int) string
	// Enter runs fn in the network of node i: a process that fn starts runs
	// there, a socket that it opens belongs there.
	Enter(i int, fn func() error) error
}

// Loopback is this machine: all nodes have one address.
type Loopback struct{}

// IP is 127.0.0.1.
func (Loopback) IP(int) string { return "127.0.0.1" }

// Enter runs fn.
func (Loopback) Enter(_ int, fn func() error) error { return fn() }

// freePort finds a port that nobody uses. It lies below those that the system
// hands out by itself, so that no connection takes it before the node does.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := 12000 + rand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		if err := l.Close(); err != nil {
			return 0, err
		}
		return port, nil
	}
	return 0, fmt.Errorf("no free port: %w", last)
}

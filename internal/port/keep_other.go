//go:build !linux

package port

import "net"

// keep finds a port that is free now; elsewhere nothing keeps it so.
func keep() (port int, free func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	return l.Addr().(*net.TCPAddr).Port, func() {}, l.Close()
}

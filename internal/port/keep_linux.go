package port

import (
	"fmt"
	"syscall"
)

// keep binds a socket that does not listen. With SO_REUSEADDR, which Go's
// listeners have too, others may bind the same port by its number.
func keep() (port int, free func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("keep a port: %w", err)
	}
	free = func() { _ = syscall.Close(fd) } // of a socket that carries nothing
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var at syscall.Sockaddr
	if err == nil {
		at, err = syscall.Getsockname(fd)
	}
	if err != nil {
		free()
		return 0, nil, fmt.Errorf("keep a port: %w", err)
	}
	return at.(*syscall.SockaddrInet4).Port, free, nil
}

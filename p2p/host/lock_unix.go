//go:build !windows

package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock takes a file for this opening of it, or fails at once.
func lock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

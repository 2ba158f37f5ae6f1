//go:build linux || darwin

package replica

import (
	"math"
	"syscall"
)

// diskRoom is how many bytes this user may still write on the disk of a
// directory.
func diskRoom(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	size := uint64(s.Bsize)
	if size != 0 && s.Bavail > math.MaxInt64/size {
		return math.MaxInt64, nil
	}
	return int64(s.Bavail * size), nil
}

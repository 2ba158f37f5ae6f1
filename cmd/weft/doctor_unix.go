//go:build linux || darwin

package main

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
)

// diskSpace is the room that this user has on the disk of a file.
func diskSpace(path string) (space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &s); err != nil {
		return space{}, err
	}
	size := uint64(s.Bsize)
	return space{free: bounded(s.Bavail, size), total: bounded(s.Blocks, size)}, nil
}

func bounded(blocks, size uint64) int64 {
	if size != 0 && blocks > math.MaxInt64/size {
		return math.MaxInt64
	}
	return int64(blocks * size)
}

// mayWrite reports whether this user may write a file or folder.
func mayWrite(path string) bool {
	const writing = 2 // W_OK
	return syscall.Access(path, writing) == nil
}

// owner is who a file belongs to.
func owner(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return 0
}

// dmsByte is the byte of a -shm file that every connection holds a lock on.
const dmsByte = 128

// walInUse reports whether another program has the database open. It must not
// be asked when this one has: closing a file gives up all locks on it.
func walInUse(shm string) bool {
	f, err := os.Open(shm)
	if err != nil {
		return false
	}
	defer f.Close()
	l := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: 0, Start: dmsByte, Len: 1}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &l); err != nil {
		return true
	}
	return l.Type != syscall.F_UNLCK
}

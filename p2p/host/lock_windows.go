package host

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock takes a file for this opening of it, or fails at once. The byte that is
// locked lies far behind the content, which others may read.
func lock(f *os.File) error {
	at := &windows.Overlapped{Offset: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
}

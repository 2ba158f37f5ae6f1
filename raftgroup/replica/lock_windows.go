package replica

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockName is the file whose lock says that a directory is in use.
const lockName = "lock"

// lockDir takes a directory for this replica, by a file that nobody else can
// open meanwhile.
func lockDir(dir string) (io.Closer, error) {
	name, err := syscall.UTF16PtrFromString(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInUse, dir, err)
	}
	return os.NewFile(uintptr(h), lockName), nil
}

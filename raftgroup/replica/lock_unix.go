//go:build unix

package replica

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockName is the file whose lock says that a directory is in use.
const lockName = "lock"

// lockDir takes a directory for this replica; the system gives it back when the
// process ends, however it does.
func lockDir(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w: %s; stop the program that has it open", ErrInUse, dir)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

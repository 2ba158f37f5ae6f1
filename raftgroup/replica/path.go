package replica

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// ErrDirName says that SQLite files cannot be opened under a directory, because
// of its name.
var ErrDirName = errors.New("replica: the name of the directory cannot be used")

// CheckDir reports whether copies can be under a directory, which need not exist:
// ErrDirName. rqlite opens SQLite files by URIs into which it puts the path as
// it is, so these may not be in it: '?' and '#', which end a path, and '%' before
// two hexadecimal digits, which stands for another byte. Links are followed.
func CheckDir(dir string) error {
	whole, err := canonical(dir)
	for rest, up := "", dir; errors.Is(err, fs.ErrNotExist); {
		if up, err = filepath.Abs(up); err != nil {
			break
		}
		rest = filepath.Join(filepath.Base(up), rest)
		up = filepath.Dir(up)
		if whole, err = canonical(up); err == nil {
			whole = filepath.Join(whole, rest)
		}
		if filepath.Dir(up) == up {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("replica: directory %s: %w", dir, err)
	}
	return checkName(whole)
}

func checkName(path string) error {
	bad := ""
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		bad = path[i : i+1]
	}
	for i := 0; bad == "" && i+2 < len(path); i++ {
		if path[i] == '%' && isHex(path[i+1]) && isHex(path[i+2]) {
			bad = path[i : i+3]
		}
	}
	if bad == "" {
		return nil
	}
	return fmt.Errorf("%w: there is %q in %s, which SQLite would read in another way; choose a directory without it", ErrDirName, bad, path)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

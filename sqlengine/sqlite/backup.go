package sqlite

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/lite"
)

// backup copies the database as it is at one moment to a temporary file, while
// others read and write, and streams that.
func (e *Engine) backup(ctx context.Context) (op.Result, error) {
	dir, err := os.MkdirTemp("", "weft-backup-")
	if err != nil {
		return op.Result{}, op.Errorf(op.CodeDatabase, "backup: %w", err)
	}
	drop := func(err error) (op.Result, error) {
		_ = os.RemoveAll(dir)
		return op.Result{}, sqlengine.Explain(err, "backup", nil)
	}
	c, err := e.readers.get(ctx)
	if err != nil {
		return drop(err)
	}
	copied := filepath.Join(dir, "copy.db")
	_, err = c.Ask(ctx, "VACUUM INTO ?", sqlengine.TextValue(onDisk(copied)))
	c.Release()
	if err != nil {
		return drop(err)
	}
	rows, err := lite.FileRows(ctx, dir, copied)
	return op.Result{Rows: rows}, err
}

// onDisk names a file for a connection whose own database may be in memory; it
// would otherwise make its copies there too.
func onDisk(path string) string {
	vfs := "unix"
	if runtime.GOOS == "windows" {
		vfs, path = "win32", "/"+filepath.ToSlash(path)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?vfs=" + vfs
}

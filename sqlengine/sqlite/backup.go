package sqlite

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// backupChunk is the size of one row of a backup.
const backupChunk = 256 << 10

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
	_, err = c.ask(ctx, "VACUUM INTO ?", sqlengine.TextValue(onDisk(copied)))
	c.Release()
	if err != nil {
		return drop(err)
	}
	f, err := os.Open(copied)
	if err != nil {
		return drop(err)
	}
	return op.Result{Rows: &fileRows{ctx: ctx, f: f, dir: dir}}, nil
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

// fileRows are the bytes of a file.
type fileRows struct {
	ctx context.Context
	f   *os.File // nil when closed
	dir string
	row []any
	err error
}

func (r *fileRows) Next() bool {
	if r.f == nil {
		return false
	}
	if err := r.ctx.Err(); err != nil {
		r.err = op.FromContext(err)
		_ = r.Close()
		return false
	}
	chunk := make([]byte, backupChunk)
	n, err := io.ReadFull(r.f, chunk)
	if n == 0 {
		if err != io.EOF {
			r.err = op.Errorf(op.CodeDatabase, "read the backup: %w", err)
		}
		_ = r.Close()
		return false
	}
	r.row = []any{chunk[:n]}
	return true
}

func (r *fileRows) Row() []any { return r.row }
func (r *fileRows) Err() error { return r.err }

func (r *fileRows) Close() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f, r.row = nil, nil
	if rerr := os.RemoveAll(r.dir); err == nil {
		err = rerr
	}
	return err
}

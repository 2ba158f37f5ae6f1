package lite

import (
	"context"
	"io"
	"os"

	"github.com/weftdb/weft/op"
)

// fileChunk is how many bytes of a file are one row.
const fileChunk = 256 << 10

// FileRows are the bytes of a file, a part a row: what op.Backup gives. Closing
// them removes dir, the directory that the file lies in, and so does an error
// here. Each part belongs to who reads it.
func FileRows(ctx context.Context, dir, path string) (op.Rows, error) {
	f, err := os.Open(path)
	if err != nil {
		_ = os.RemoveAll(dir) // the first error is the one to tell
		return nil, op.Errorf(op.CodeDatabase, "backup: %w", err)
	}
	return &fileRows{ctx: ctx, f: f, dir: dir}, nil
}

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
	chunk := make([]byte, fileChunk)
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

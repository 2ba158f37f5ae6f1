package raftgroup

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/lite"
)

// copyTo writes this node's copy of the database, as it is at one moment, to a
// file of its own in a new directory, while others read and write.
func (g *Group) copyTo(ctx context.Context) (dir, path string, err error) {
	if dir, err = os.MkdirTemp("", "weft-backup-"); err != nil {
		return "", "", op.Errorf(op.CodeDatabase, "backup: %w", err)
	}
	path = filepath.Join(dir, "copy.db")
	err = g.view(ctx, func(v *viewer) error {
		_ = os.Remove(path) // of an attempt that had to make room
		return v.Copy(ctx, path)
	})
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", "", err
	}
	return dir, path, nil
}

// Backup writes a copy of the database, a SQLite file: of the leader's copy, or
// with op.None of this node's. When it fails, what was written is worthless.
func (g *Group) Backup(ctx context.Context, w io.Writer) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	defer g.leave()
	began := time.Now()
	defer func() { g.metrics.read(began) }()
	how := op.ReadingOf(ctx)
	if how.Consistency != op.None && !g.rep.IsLeader() {
		g.metrics.forwarded.Add(1)
		return g.remote.Backup(ctx, w)
	}
	if how.Consistency == op.None {
		if err := g.fresh(how.MaxAge); err != nil {
			return err
		}
	} else if err := g.confirm(ctx, how.Consistency); err != nil {
		return g.replicaError(err)
	}
	dir, path, err := g.copyTo(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f, err := os.Open(path)
	if err != nil {
		return op.Errorf(op.CodeDatabase, "backup: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, &interrupted{ctx, f}); err != nil {
		if ctx.Err() != nil {
			return op.FromContext(ctx.Err())
		}
		return op.Errorf(op.CodeDatabase, "write the backup: %w", err)
	}
	return nil
}

// interrupted is a reader that ends with its context.
type interrupted struct {
	ctx context.Context
	r   io.Reader
}

func (i *interrupted) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}

// backup answers an operation of this kind: rows of bytes.
func (g *Group) backup(ctx context.Context) (op.Result, error) {
	how := op.ReadingOf(ctx)
	if how.Consistency == op.None {
		if err := g.fresh(how.MaxAge); err != nil {
			return op.Result{}, err
		}
		return g.backupHere(ctx)
	}
	return led(ctx, g, func() (op.Result, error) {
		if err := g.confirm(ctx, how.Consistency); err != nil {
			return op.Result{}, err
		}
		return g.backupHere(ctx)
	}, func(ctx context.Context, r remote) (op.Result, error) { return r.Do(ctx, op.Op{Kind: op.Backup}) })
}

func (g *Group) backupHere(ctx context.Context) (op.Result, error) {
	dir, path, err := g.copyTo(ctx)
	if err != nil {
		return op.Result{}, err
	}
	rows, err := lite.FileRows(ctx, dir, path)
	return op.Result{Rows: rows}, err
}

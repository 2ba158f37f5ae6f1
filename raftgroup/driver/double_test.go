package driver

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// double is a group on one file, to fail on demand.
type double struct {
	*sqlite.Engine

	mu     sync.Mutex
	sent   []string // SQL of transactions, in order
	commit error    // of the next Commit
}

var _ door.Group = (*double)(nil)

func (g *double) Run(ctx context.Context, r door.Request) ([]door.Answer, error) {
	var list []door.Answer
	for _, s := range r.Statements {
		if len(s.Named) > 0 {
			return nil, errors.New("the driver puts arguments in order itself")
		}
		a := door.Answer{}
		res, err := g.Do(ctx, op.Op{Kind: op.SQL, SQL: s.SQL, Args: s.Args})
		a.Err, a.Columns, a.Types, a.LastID, a.Changed = err, res.Columns, res.Types, res.LastID, res.N
		for res.Rows != nil && res.Rows.Next() {
			a.Query = true
			row := append([]any(nil), res.Rows.Row()...)
			a.Rows = append(a.Rows, row)
		}
		if res.Rows != nil && a.Err == nil {
			a.Err = res.Rows.Err()
		}
		list = append(list, a)
	}
	return list, nil
}

func (g *double) Begin(ctx context.Context, o op.TxOptions) (op.Tx, error) {
	t, err := g.Engine.Begin(ctx, o)
	if err != nil {
		return nil, err
	}
	return &doubleTx{Tx: t, g: g}, nil
}

func (g *double) Models(context.Context, string) (*schema.Set, error) { return nil, nil }
func (g *double) Leader() (host.ID, bool)                             { return "", true }
func (g *double) Info(context.Context) (door.Info, error)             { return door.Info{}, nil }
func (g *double) Backup(context.Context, io.Writer) error             { return errors.New("no") }
func (g *double) Restore(context.Context, io.Reader) error            { return errors.New("no") }
func (g *double) Resolve(context.Context, string) (bool, error)       { return false, errors.New("no") }

type doubleTx struct {
	op.Tx
	g     *double
	inner bool
}

func (t *doubleTx) Do(ctx context.Context, o op.Op) (op.Result, error) {
	t.g.mu.Lock()
	t.g.sent = append(t.g.sent, o.SQL)
	t.g.mu.Unlock()
	if strings.HasPrefix(o.SQL, "PRAGMA") && strings.Contains(o.SQL, "=") {
		return op.Result{}, nil
	}
	return t.Tx.Do(ctx, o)
}

func (t *doubleTx) Begin(ctx context.Context, o op.TxOptions) (op.Tx, error) {
	inner, err := t.Tx.Begin(ctx, o)
	if err != nil {
		return nil, err
	}
	return &doubleTx{Tx: inner, g: t.g, inner: true}, nil
}

func (t *doubleTx) Commit(ctx context.Context) error {
	t.g.mu.Lock()
	err := t.g.commit
	if !t.inner {
		t.g.commit = nil
	}
	t.g.mu.Unlock()
	if err != nil && !t.inner {
		_ = t.Tx.Rollback(ctx)
		return err
	}
	return t.Tx.Commit(ctx)
}

// opened is a database on a double.
func opened(t *testing.T) (*sql.DB, *double) {
	t.Helper()
	g := &double{Engine: sqlite.Open(filepath.Join(t.TempDir(), "a.db"))}
	db := Open(g)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, g
}

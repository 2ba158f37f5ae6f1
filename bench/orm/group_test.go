package orm

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/driver"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// file is a group on one file.
type file struct{ *sqlite.Engine }

var _ door.Group = file{}

var errNot = errors.New("this group is one file")

func (g file) Run(ctx context.Context, r door.Request) ([]door.Answer, error) {
	var list []door.Answer
	for _, s := range r.Statements {
		res, err := g.Do(ctx, op.Op{Kind: op.SQL, SQL: s.SQL, Args: s.Args})
		a := door.Answer{Err: err, Columns: res.Columns, Types: res.Types, LastID: res.LastID, Changed: res.N, Query: res.Rows != nil}
		if res.Rows != nil {
			for res.Rows.Next() {
				a.Rows = append(a.Rows, append([]any(nil), res.Rows.Row()...))
			}
			a.Err = res.Rows.Err()
		}
		list = append(list, a)
	}
	return list, nil
}

func (file) Models(context.Context, string) (*schema.Set, error) { return nil, errNot }
func (file) Leader() (host.ID, bool)                             { return "", true }
func (file) Info(context.Context) (door.Info, error)             { return door.Info{}, errNot }
func (file) Backup(context.Context, io.Writer) error             { return errNot }
func (file) Restore(context.Context, io.Reader) error            { return errNot }
func (file) Resolve(context.Context, string) (bool, error)       { return false, errNot }

func onFile(t *testing.T) *sql.DB {
	g := file{sqlite.Open(filepath.Join(t.TempDir(), "a.db"))}
	db := driver.Open(g)
	t.Cleanup(func() {
		_ = db.Close()
		_ = g.Close()
	})
	return db
}

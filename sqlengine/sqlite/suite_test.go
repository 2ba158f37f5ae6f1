package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// file opens an engine on a fresh file with tables for the models.
func file(t testing.TB, models *schema.Set, opts ...sqlite.Option) op.Engine {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "test.db"), models, opts...)
}

func open(t testing.TB, path string, models *schema.Set, opts ...sqlite.Option) *sqlite.Engine {
	t.Helper()
	e := sqlite.Open(path, opts...)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	_, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}})
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return e
}

func factory() optest.Factory {
	paths := map[op.Engine]string{}
	return optest.Factory{
		Name: "sqlite",
		Caps: op.CapTransactions | op.CapNestedTransactions | op.CapFullTextSearch | op.CapJSONQueries | op.CapAggregations |
			op.CapMigrations | op.CapSQL | op.CapBackup,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			path := filepath.Join(t.TempDir(), "test.db")
			e := open(t, path, models)
			paths[e] = path
			return e
		},
		Reopen: func(t testing.TB, models *schema.Set, closed op.Engine) op.Engine {
			return open(t, paths[closed], models)
		},
	}
}

// verified makes sure that no two operations of different SQL share a shape.
func verified(t *testing.T) {
	sqlengine.Verify(func(cached, written string) {
		if cached != written {
			t.Errorf("two operations of one shape have different SQL:\n%s\n%s", cached, written)
		}
	})
	t.Cleanup(func() { sqlengine.Verify(nil) })
}

func TestSuite(t *testing.T) {
	verified(t)
	optest.Run(t, factory())
}

func TestSuiteInMemory(t *testing.T) {
	f := factory()
	f.Name, f.Reopen = "sqlite in memory", nil
	f.Open = func(t testing.TB, models *schema.Set) op.Engine { return open(t, ":memory:", models) }
	optest.Run(t, f)
}

func TestDifferential(t *testing.T) {
	verified(t)
	optest.Differential(t, factory(), 0)
}

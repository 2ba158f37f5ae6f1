package mysql_test

import (
	"context"
	"testing"

	"github.com/weftdb/weft/internal/services"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine"
	"github.com/weftdb/weft/sqlengine/mysql"
)

// fresh opens an engine on a database of its own with tables for the models.
func fresh(t testing.TB, models *schema.Set, opts ...mysql.Option) *mysql.Engine {
	t.Helper()
	return open(t, services.MySQL(t), models, opts...)
}

func open(t testing.TB, dsn string, models *schema.Set, opts ...mysql.Option) *mysql.Engine {
	t.Helper()
	e := mysql.Open(dsn, opts...)
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
	dsns := map[op.Engine]string{}
	return optest.Factory{
		Name: "mysql",
		Caps: op.CapTransactions | op.CapNestedTransactions | op.CapJSONQueries | op.CapAggregations | op.CapMigrations | op.CapSQL,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			dsn := services.MySQL(t)
			e := open(t, dsn, models)
			dsns[e] = dsn
			return e
		},
		Reopen: func(t testing.TB, models *schema.Set, closed op.Engine) op.Engine {
			return open(t, dsns[closed], models)
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

func TestDifferential(t *testing.T) {
	verified(t)
	optest.Differential(t, factory(), 0)
}

package wire_test

import (
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// The oracle, with everything that goes to it and comes from it encoded and
// decoded. Its models are those it was migrated to, read from YAML.
var factory = optest.Factory{
	Name: "mem over wire",
	Caps: op.CapTransactions | op.CapNestedTransactions | op.CapFullTextSearch | op.CapJSONQueries | op.CapAggregations | op.CapMigrations,
	Open: func(t testing.TB, models *schema.Set) op.Engine {
		e := wire.Loopback(mem.Open(), nil)
		t.Cleanup(func() { _ = e.Close() })
		if _, err := e.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}}); err != nil {
			t.Fatal(err)
		}
		return e
	},
}

func TestSuite(t *testing.T) { optest.Run(t, factory) }

func TestDifferential(t *testing.T) { optest.Differential(t, factory, 0) }

package relate_test

import (
	"testing"

	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
)

// stack is the two layers as an application has them, around mem.
var stack = optest.Factory{
	Name:   "relate(validate(mem))",
	Caps:   op.CapTransactions | op.CapNestedTransactions | op.CapJSONQueries | op.CapAggregations | op.CapMigrations,
	Relate: true,
	Hides:  true,
	Open: func(t testing.TB, models *schema.Set) op.Engine {
		e := relate.New(relate.Options{})(validate.New(validate.Options{})(mem.Open()))
		t.Cleanup(func() { _ = e.Close() })
		if _, err := e.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}}); err != nil {
			t.Fatal(err)
		}
		return e
	},
}

func TestSuite(t *testing.T) { optest.Run(t, stack) }

func TestDifferential(t *testing.T) { optest.Differential(t, stack, 0) }

func TestGone(t *testing.T) { optest.Gone(t, stack, 0) }

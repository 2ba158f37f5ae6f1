package mem_test

import (
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
)

var factory = optest.Factory{
	Name: "mem",
	// It takes models as they are: to the oracle an encrypted field is one that
	// nothing goes by.
	Encrypts: true,
	Caps:     op.CapTransactions | op.CapNestedTransactions | op.CapJoins | op.CapFullTextSearch | op.CapJSONQueries | op.CapAggregations | op.CapMigrations,
	Open: func(t testing.TB, models *schema.Set) op.Engine {
		e := mem.Open()
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		if _, err := e.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}}); err != nil {
			t.Fatal(err)
		}
		return e
	},
}

func TestSuite(t *testing.T) { optest.Run(t, factory) }

func TestDifferential(t *testing.T) { optest.Differential(t, factory, 0) }

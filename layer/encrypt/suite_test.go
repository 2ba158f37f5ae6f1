package encrypt_test

import (
	"path/filepath"
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/mem"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/sqlite"
	"github.com/weftdb/weft/wire"
)

const caps = op.CapTransactions | op.CapNestedTransactions | op.CapJSONQueries | op.CapAggregations | op.CapMigrations

// opened brings an engine to the models and closes it with the test.
func opened(t testing.TB, e op.Engine, models *schema.Set) op.Engine {
	t.Helper()
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	_, err := e.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}})
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return e
}

// overMem is the layer alone, over the oracle.
var overMem = optest.Factory{
	Name: "encrypt(mem)", Caps: caps, Encrypts: true,
	Open: func(t testing.TB, models *schema.Set) op.Engine {
		return opened(t, encrypt.New(encrypt.Options{Ring: ring(t, "k1")})(mem.Open()), models)
	},
}

// stacked is the layer where it stands in an application, and every operation
// and result below it encoded and decoded.
func stacked() optest.Factory {
	paths := map[op.Engine]string{}
	keys := map[op.Engine]*encrypt.KeyRing{}
	open := func(t testing.TB, models *schema.Set, path string, ring *encrypt.KeyRing) op.Engine {
		faults, _ := fault.New(fault.Options{})
		below := wire.Loopback(faults(sqlite.Open(path)), nil)
		inner := encrypt.New(encrypt.Options{Ring: ring})(below)
		e := relate.New(relate.Options{})(validate.New(validate.Options{})(inner))
		paths[e], keys[e] = path, ring
		return opened(t, e, models)
	}
	return optest.Factory{
		Name: "relate(validate(encrypt(wire(fault(sqlite)))))", Caps: caps | op.CapSQL | op.CapBackup, Relate: true, Hides: true, Encrypts: true,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			return open(t, models, filepath.Join(t.TempDir(), "test.db"), ring(t, "k1"))
		},
		Reopen: func(t testing.TB, models *schema.Set, closed op.Engine) op.Engine {
			return open(t, models, paths[closed], keys[closed])
		},
	}
}

func TestSuite(t *testing.T) { optest.Run(t, overMem) }

func TestStackedSuite(t *testing.T) { optest.Run(t, stacked()) }

// The oracle of the differential tests has no layer: it holds clear values.
func TestDifferential(t *testing.T) { optest.Differential(t, overMem, 0) }

func TestStackedDifferential(t *testing.T) { optest.Differential(t, stacked(), 0) }

func TestStackedGone(t *testing.T) { optest.Gone(t, stacked(), 0) }

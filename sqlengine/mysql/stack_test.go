package mysql_test

import (
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/wire"
)

// stacked is the engine with every layer around it, and every operation and
// result encoded and decoded on its way.
func stacked(t testing.TB) optest.Factory {
	f := factory(t)
	return optest.Factory{
		Name:   "relate(validate(wire(fault(mysql))))",
		Caps:   f.Caps,
		Relate: true,
		Hides:  true,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			l, _ := fault.New(fault.Options{})
			below := wire.Loopback(l(f.Open(t, models)), func() *schema.Set { return models })
			e := relate.New(relate.Options{})(validate.New(validate.Options{})(below))
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			return e
		},
	}
}

func TestStackedSuite(t *testing.T) { optest.Run(t, stacked(t)) }

func TestStackedDifferential(t *testing.T) { optest.Differential(t, stacked(t), 5000) }

func TestStackedGone(t *testing.T) { optest.Gone(t, stacked(t), 2500) }

// Ciphertexts are kept like any other value.
func TestEncryptedDifferential(t *testing.T) {
	ring, err := encrypt.NewKeyRing(encrypt.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	f := stacked(t)
	f.Name, f.Encrypts = "relate(validate(encrypt(mysql)))", true
	all := newDatabases(t)
	f.Open = func(t testing.TB, models *schema.Set) op.Engine {
		e, _ := all.open(t, models, func(e op.Engine) op.Engine {
			return relate.New(relate.Options{})(validate.New(validate.Options{})(encrypt.New(encrypt.Options{Ring: ring})(e)))
		})
		return e
	}
	optest.Differential(t, f, 2500)
}

package postgres_test

import (
	"testing"

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
func (s *server) stacked() optest.Factory {
	f := s.factory()
	return optest.Factory{
		Name:   "relate(validate(wire(fault(postgres))))",
		Caps:   f.Caps,
		Relate: true,
		Hides:  true,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			l, _ := fault.New(fault.Options{})
			below := wire.Loopback(l(s.open(t, models)), func() *schema.Set { return models })
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

func TestStackedSuite(t *testing.T) { optest.Run(t, newServer(t).stacked()) }

func TestStackedDifferential(t *testing.T) { optest.Differential(t, newServer(t).stacked(), 0) }

func TestStackedGone(t *testing.T) { optest.Gone(t, newServer(t).stacked(), 0) }

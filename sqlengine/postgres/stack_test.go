package postgres_test

import (
	"context"
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/layer/fault"
	"github.com/weftdb/weft/layer/relate"
	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/schema"
	"github.com/weftdb/weft/sqlengine/postgres"
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

// Ciphertexts are kept like any other value.
func TestEncryptedDifferential(t *testing.T) {
	ring, err := encrypt.NewKeyRing(encrypt.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	f := s.stacked()
	f.Name, f.Encrypts = "relate(validate(encrypt(postgres)))", true
	f.Open = func(t testing.TB, models *schema.Set) op.Engine {
		name, made := s.take(t, models)
		t.Cleanup(func() { s.give(t, models, name) })
		e := relate.New(relate.Options{})(validate.New(validate.Options{})(encrypt.New(encrypt.Options{Ring: ring})(postgres.Open(s.at(t, name), postgres.MaxConns(4)))))
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		if _, err := e.Do(context.Background(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: !made}}); err != nil {
			t.Fatalf("migrate: %v", err)
		}
		return e
	}
	optest.Differential(t, f, 2500)
}

package door

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/op/optest"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
)

// overStreams is a SQLite file behind two hosts; all of its tests share them,
// each with a group of its own.
func overStreams(t *testing.T) optest.Factory {
	node, client := newHost(t), newHost(t)
	meet(t, client, node)
	if err := client.Connect(within(t), node.ID()); err != nil {
		t.Fatal(err) // now, so that the suite sees its goroutines before it counts
	}
	var mu sync.Mutex
	groups := map[string]Group{}
	s := Serve(node, func(name string) (Group, error) {
		mu.Lock()
		defer mu.Unlock()
		if g := groups[name]; g != nil {
			return g, nil
		}
		return nil, op.Errorf(op.CodeNotFound, "there is no group %q", name)
	}, nil)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	return optest.Factory{
		Name: "sqlite over streams",
		Caps: Flags,
		Open: func(t testing.TB, models *schema.Set) op.Engine {
			f := newFake(t)
			f.lead(node.ID())
			mu.Lock()
			name := fmt.Sprintf("g%d", len(groups))
			groups[name] = &fakeCopy{fake: f, self: node.ID()}
			mu.Unlock()
			r := Open(client, Options{Group: name, Peers: func(context.Context) ([]host.ID, error) { return []host.ID{node.ID()}, nil }})
			t.Cleanup(func() {
				if err := r.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			if _, err := r.Do(t.Context(), op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: models, Apply: true}}); err != nil {
				t.Fatalf("migrate: %v", err)
			}
			return r
		},
	}
}

func TestSuite(t *testing.T) { optest.Run(t, overStreams(t)) }

func TestDifferential(t *testing.T) { optest.Differential(t, overStreams(t), 0) }

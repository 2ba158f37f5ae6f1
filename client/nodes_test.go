package client

import (
	"slices"
	"testing"

	"github.com/weftdb/weft/p2p/host"
)

// Of a node that moves, the client knows where it is now and what the user gave,
// not every place where it ever was.
func TestAddressesOfANodeThatMoves(t *testing.T) {
	newHost := func() *host.Host {
		c := host.Default()
		c.DataDir, c.Listen = t.TempDir(), nil
		h, err := host.New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
	given, other := newHost().ID(), newHost().ID()
	c, err := New(DefaultConfig("test").with("/ip4/10.0.0.1/tcp/4001/p2p/" + string(given)))
	if err != nil {
		t.Fatal(err)
	}
	l := &link{c: c, h: newHost()}
	if err := l.boot(); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"/ip4/10.0.0.2/tcp/4001", "/ip4/10.0.0.3/tcp/4001"} {
		var list []told
		for _, id := range []host.ID{given, other} {
			list = append(list, told{ID: string(id), Addrs: []string{at + "/p2p/" + string(id), at}})
		}
		if err := l.take(list); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[host.ID][]string{
		given: {"/ip4/10.0.0.1/tcp/4001", "/ip4/10.0.0.3/tcp/4001"},
		other: {"/ip4/10.0.0.3/tcp/4001"},
	} {
		if got := l.nodes.by[id].addrs; !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	}
}

func (c Config) with(peers ...string) Config {
	c.BootstrapPeers = peers
	return c
}

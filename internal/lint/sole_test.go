package lint

import (
	"strings"
	"testing"
)

// sole says which dependencies only some rooms may import, so that nobody else
// meets their types: the rest of the module could be built on another network.
var sole = map[string][]string{ // prefix of the dependency → prefixes of rooms
	"github.com/hashicorp/":    {"raftgroup"},
	"github.com/libp2p/":       {"p2p/"},
	"github.com/multiformats/": {"p2p/"},
	"github.com/rqlite/":       {"raftgroup"},
}

func TestSoleImporters(t *testing.T) {
	used := map[string]bool{}
	for _, p := range goList(t, nil, "./...") {
		for _, imp := range p.Imports {
			for dep, rooms := range sole {
				if !strings.HasPrefix(imp, dep) {
					continue
				}
				used[dep] = true
				if !hasAnyPrefix(p.rel(), rooms) {
					t.Errorf("%s imports %s; only %s may", p.rel(), imp, strings.Join(rooms, ", "))
				}
			}
		}
	}
	for dep := range sole {
		if !used[dep] {
			t.Errorf("nobody imports %s; take it off the list", dep)
		}
	}
}

func hasAnyPrefix(s string, list []string) bool {
	for _, p := range list {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

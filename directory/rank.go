package directory

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Rank orders nodes by how much they are the place of a group, best first
// (rendezvous hashing): the same everywhere, even over many groups, and one node
// that comes or goes changes nothing in the order of the others.
func Rank(group string, nodes []string) []string {
	type scored struct {
		node  string
		score uint64
	}
	all := make([]scored, 0, len(nodes))
	for _, n := range nodes {
		sum := sha256.Sum256([]byte(group + "\x00" + n))
		all = append(all, scored{n, binary.BigEndian.Uint64(sum[:])})
	}
	slices.SortFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.node, b.node))
	})
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s.node
	}
	return out
}

// Package directory knows which nodes, namespaces and groups a cluster has, and
// which node holds what. It is kept in the system group.
//
// It has two halves that do not touch the network: the tables ([Store]), and the
// decision what should be done next for a group ([Decide]), a function of what
// was seen. See DESIGN.md.
package directory

import (
	"slices"
	"time"
)

// System is the name of the group that the directory is kept in.
const System = "system"

// MaxVoters is how many voters a group has at most.
const MaxVoters = 5

// NamespaceGroup is the name of the group of a namespace.
func NamespaceGroup(namespace string) string { return "ns/" + namespace }

// States of a node.
const (
	Live    = "live"
	Lost    = "lost"    // not heard of
	Removed = "removed" // by an operator: it gets no copies, and those it has are replaced
)

// Node is a node that has joined the cluster.
type Node struct {
	ID        string    `json:"id"`
	Addrs     []string  `json:"addrs"` // with /p2p/ID
	Version   string    `json:"version"`
	Gateway   string    `json:"gateway,omitempty"` // host:port of its HTTP listener; not kept in the tables
	State     string    `json:"state"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// Copy is one member of a group.
type Copy struct {
	Peer   string `json:"peer"`
	Server string `json:"server"`
	Voter  bool   `json:"voter"`
}

// Group is one group of the cluster. Copies are what Raft's configuration was
// when it was last seen, by Server.
type Group struct {
	Name        string `json:"name"`
	Namespace   string `json:"namespace"` // "" of the system group
	Replication int    `json:"replication"`
	Founder     string `json:"founder"` // the only node that may ever bootstrap it
	Version     int64  `json:"version"` // counts changes of Copies
	Copies      []Copy `json:"copies"`
}

// sameCopies compares without regard to order.
func sameCopies(a, b []Copy) bool {
	a, b = sorted(a), sorted(b)
	return slices.Equal(a, b)
}

func sorted(c []Copy) []Copy {
	c = slices.Clone(c)
	slices.SortFunc(c, func(x, y Copy) int {
		if x.Server != y.Server {
			return map[bool]int{true: -1, false: 1}[x.Server < y.Server]
		}
		return 0
	})
	return c
}

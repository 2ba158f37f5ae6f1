package node

import (
	"context"
	"encoding/json"
	"time"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// protocolFormat is the version of what nodes tell each other here. Nodes of a
// newer one are refused until this node is updated.
const protocolFormat = 1

// The methods that a node serves.
const (
	methodJoin   = "cluster.join"
	methodNodes  = "cluster.nodes"
	methodGroups = "cluster.groups"
	methodChange = "cluster.change"

	methodStatus  = "node.status"
	methodPeers   = "node.peers"
	methodConnect = "node.connect"

	methodOpen     = "group.open"
	methodAdd      = "group.add"
	methodRemove   = "group.remove"
	methodStepDown = "group.stepdown"
	methodDrop     = "group.drop"

	methodBackups   = "backup.list"
	methodBackupNow = "backup.now"
)

// report is what a node says of itself, every few seconds, to the leader of the
// system group. The first one asks to be let in.
type report struct {
	Format    int       `json:"format"`
	Cluster   string    `json:"cluster"`
	ClusterID string    `json:"cluster_id"` // "" of a node that belongs to none yet
	Version   string    `json:"version"`
	Time      time.Time `json:"time"`
	Addrs     []string  `json:"addrs"`
	Gateway   string    `json:"gateway,omitempty"` // host:port that others reach its gateway at; "" without one
	Holds     []holding `json:"holds"`
	Known     string    `json:"known"` // tag of the news that it has
}

// holding is one copy that a node has.
type holding struct {
	Group   string           `json:"group"`
	Server  string           `json:"server"` // "" while it is opened or rebuilt
	State   string           `json:"state"`
	Leads   bool             `json:"leads"`
	Term    uint64           `json:"term"`
	Commit  uint64           `json:"commit"`
	Applied uint64           `json:"applied"`
	Broken  string           `json:"broken,omitempty"`
	Members []directory.Copy `json:"members,omitempty"` // when it leads
}

// welcome answers a report.
type welcome struct {
	ClusterID string        `json:"cluster_id"`
	Leader    string        `json:"leader"` // of the system group; "" when unknown
	Addrs     []string      `json:"addrs"`  // of it
	Taken     bool          `json:"taken"`  // the one that answers is the leader and has noted the report
	Time      time.Time     `json:"time"`
	Again     time.Duration `json:"again"` // when to report next
	News      *news         `json:"news"`  // nil when the node has them
}

// news is what every node knows of the cluster.
type news struct {
	Tag       string            `json:"tag"`
	ClusterID string            `json:"cluster_id"`
	Nodes     []directory.Node  `json:"nodes"`
	Groups    []directory.Group `json:"groups"`
}

func (n *news) group(name string) *directory.Group {
	for i := range n.Groups {
		if n.Groups[i].Name == name {
			return &n.Groups[i]
		}
	}
	return nil
}

func (n *news) node(id string) *directory.Node {
	if n == nil {
		return nil
	}
	for i := range n.Nodes {
		if n.Nodes[i].ID == id {
			return &n.Nodes[i]
		}
	}
	return nil
}

// groupOrder asks a node to do something with its copy of a group.
type groupOrder struct {
	ClusterID string           `json:"cluster_id"`
	Group     string           `json:"group"`
	Peer      string           `json:"peer,omitempty"`
	Server    string           `json:"server,omitempty"`
	Voter     bool             `json:"voter,omitempty"`
	Bootstrap bool             `json:"bootstrap,omitempty"` // begin the group
	Fresh     bool             `json:"fresh,omitempty"`     // give up a copy that has a log already
	Members   []directory.Copy `json:"members,omitempty"`   // those that the order was given for
	Leader    string           `json:"leader,omitempty"`    // of the group: it is asked before a copy is given up
}

// NodeStatus is how a node is.
type NodeStatus struct {
	ID           string        `json:"id"`
	Addrs        []string      `json:"addrs"`
	Version      string        `json:"version"`
	Cluster      string        `json:"cluster"`
	ClusterID    string        `json:"cluster_id"`
	State        string        `json:"state"` // new, joining, running, closing
	Problem      string        `json:"problem,omitempty"`
	Uptime       time.Duration `json:"uptime"` // nanoseconds
	Time         time.Time     `json:"time"`
	ClockOffset  time.Duration `json:"clock_offset"` // nanoseconds; of the others against this node
	Peers        int           `json:"peers"`
	Members      int           `json:"members"` // other live nodes
	Gateway      string        `json:"gateway"`
	DatabaseSize int64         `json:"database_size"` // bytes, of all copies
	Groups       []door.Info   `json:"groups"`
}

// NodeInfo is one node of the cluster.
type NodeInfo struct {
	ID        string    `json:"id"`
	Addrs     []string  `json:"addrs"`
	Groups    []string  `json:"groups"` // of which it is a member
	State     string    `json:"state"`
	Version   string    `json:"version"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// GroupInfo is one group of the cluster, as its leader has it.
type GroupInfo struct {
	Name        string       `json:"name"`
	Namespace   string       `json:"namespace"`
	Replication int          `json:"replication"`
	Leader      string       `json:"leader"` // peer; "" when there is none
	Problem     string       `json:"problem,omitempty"`
	Members     []MemberInfo `json:"members"`
	Sequence    int64        `json:"sequence"`
	DBSize      int64        `json:"db_size"`
}

// MemberInfo is one copy of a group.
type MemberInfo struct {
	Peer   string `json:"peer"`
	Server string `json:"server"`
	Role   string `json:"role"`  // leader, voter, standby
	State  string `json:"state"` // of its node
	Lag    int64  `json:"lag"`   // entries behind the leader; -1 unknown
}

// PeerInfo is one peer that a node knows.
type PeerInfo struct {
	ID        string        `json:"id"`
	Addrs     []string      `json:"addrs"`
	Connected bool          `json:"connected"`
	Live      bool          `json:"live"`
	LastSeen  time.Time     `json:"last_seen"`
	Latency   time.Duration `json:"latency"` // nanoseconds; 0 unknown
	Groups    []string      `json:"groups"`
}

// ClusterChange is what an operator wants done.
type ClusterChange struct {
	Do    string `json:"do"`             // add, remove, promote, stepdown, recover, namespace
	Node  string `json:"node,omitempty"` // peer ID
	Group string `json:"group,omitempty"`
	Sure  bool   `json:"sure,omitempty"` // for recover
}

// method makes a door.Method of a function with typed arguments.
func method[In, Out any](fn func(ctx context.Context, peer host.ID, in In) (Out, error)) door.Method {
	return func(ctx context.Context, peer host.ID, text []byte) ([]byte, error) {
		var in In
		if len(text) > 0 {
			if err := json.Unmarshal(text, &in); err != nil {
				return nil, op.Errorf(op.CodeValidation, "the question cannot be read: %w", err)
			}
		}
		out, err := fn(ctx, peer, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

type nothing struct{}

// local runs a method of this node as if it had come over a stream.
func local(ctx context.Context, fn door.Method, self host.ID, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := fn(ctx, self, text)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

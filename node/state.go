package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/raftgroup/replica"
)

// Files of a data directory, beside those of the host.
const (
	stateFile    = "node.json"
	addrFile     = "node.addr"
	peersFile    = "peers"
	groupsDir    = "groups"
	droppedDir   = "dropped"
	operatorDir  = "operator"
	identityFile = "identity.key" // of the host
)

// stateFormat is the version of a data directory.
const stateFormat = 1

// state is what a node knows of itself without asking anybody: whose directory
// this is, and which groups it holds. So all of it opens again by itself after
// every node was stopped.
type state struct {
	Format    int      `json:"format"`
	Peer      string   `json:"peer"`
	Cluster   string   `json:"cluster"`
	ClusterID string   `json:"cluster_id"` // empty before this node has joined one
	Founder   bool     `json:"founder"`    // this node started the cluster
	Founding  bool     `json:"founding"`   // and has not written its directory yet
	Groups    []string `json:"groups"`
}

// The errors of a data directory that is not for this node.
var (
	// ErrForeign: the data directory belongs to another node or cluster.
	ErrForeign = errors.New("node: the data directory belongs to another node or cluster")
	// ErrNewer: a newer program has written the data directory.
	ErrNewer = errors.New("node: the data directory is of a newer version")
	// ErrState: the data directory is damaged.
	ErrState = errors.New("node: the data directory cannot be used")
)

// readState reads the state of a data directory and refuses one that is not of
// this configuration. It is zero for a directory that is new. Nothing is made.
func readState(c Config) (state, error) {
	var s state
	if err := replica.CheckDir(c.Node.DataDir); err != nil {
		return s, fmt.Errorf("%w: node.data_dir: %w", ErrState, err)
	}
	file := filepath.Join(c.Node.DataDir, stateFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(c.Node.DataDir, groupsDir)); err == nil {
			return s, fmt.Errorf("%w: %s has groups but no %s; restore that file, or give the node an empty directory", ErrState, c.Node.DataDir, stateFile)
		}
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrState, err)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil || version.Format < 1 {
		return s, fmt.Errorf("%w: %s is damaged (%v); restore it from a backup of the directory, or let the node join again with an empty one", ErrState, file, err)
	}
	if version.Format > stateFormat {
		return s, fmt.Errorf("%w: %s has version %d, this program reads %d; use the newer program", ErrNewer, file, version.Format, stateFormat)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%w: %s is damaged (%w)", ErrState, file, err)
	}
	if s.Cluster != c.Cluster.Name {
		return s, fmt.Errorf("%w: %s is of the cluster %q, and cluster.name is %q; correct the name, or give the node an empty directory",
			ErrForeign, c.Node.DataDir, s.Cluster, c.Cluster.Name)
	}
	// Asked only where the file is there, because asking makes it otherwise.
	if _, err := os.Stat(filepath.Join(c.Node.DataDir, identityFile)); err != nil {
		return s, fmt.Errorf("%w: %s is of node %s, but its identity is missing (%w); restore %s, or give the node an empty directory",
			ErrForeign, c.Node.DataDir, s.Peer, err, identityFile)
	}
	id, err := host.Identity(c.Node.DataDir)
	if err != nil {
		return s, err
	}
	if string(id) != s.Peer {
		return s, fmt.Errorf("%w: %s holds the data of node %s and the identity of %s; a copy of a node's directory cannot be another node: give that one an empty directory",
			ErrForeign, c.Node.DataDir, s.Peer, id)
	}
	return s, nil
}

// save writes the state and has it on disk when it returns.
func (s state) save(dir string) error {
	s.Format = stateFormat
	s.Groups = slices.Compact(slices.Sorted(slices.Values(s.Groups)))
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := host.WriteFile(filepath.Join(dir, stateFile), append(data, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", stateFile, err)
	}
	return nil
}

// groupDir is where a copy of a group lies.
func groupDir(dir, group string) string { return filepath.Join(dir, groupsDir, fileName(group)) }

// fileName is the name of a file or directory for a group, the same for no two
// groups, and without anything that file systems or SQLite's addresses read in
// their own way.
func fileName(group string) string {
	var b strings.Builder
	for _, c := range []byte(group) {
		switch {
		case c == '/':
			b.WriteByte('~')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default: // capitals too: some file systems do not tell them apart
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}

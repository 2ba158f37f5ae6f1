package replica

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weftdb/weft/p2p/host"
)

const (
	identityName = "replica.json"
	format       = 1
)

// identity is what a directory says of itself.
type identity struct {
	Format      int     `json:"format"`
	Group       string  `json:"group"`
	Peer        host.ID `json:"peer"`
	Incarnation string  `json:"incarnation"`
	// Used is true once the store was open: from then on a log must be there.
	Used bool `json:"used"`
	// Aside is the directory to which what was here before is being moved.
	Aside string `json:"aside,omitempty"`
	// Rebuilt is true from when the copy began empty in place of a broken one
	// until it is a member again.
	Rebuilt bool `json:"rebuilt,omitempty"`
	// Members are those of the group when last seen, by name, this one as well.
	Members []string `json:"members,omitempty"`
}

func newIncarnation() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// server is the name of the copy.
func (id identity) server() string { return serverName(id.Peer, id.Incarnation) }

// readIdentity reads the identity of a directory, or makes one in a directory
// that is new, of a copy whose group has these members.
func readIdentity(dir, group string, peer host.ID, members []string) (identity, error) {
	name := filepath.Join(dir, identityName)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, logName)); err == nil {
			return identity{}, fmt.Errorf("%w: %s holds a log but no %s; move it away, or give the group another directory", ErrForeign, dir, identityName)
		}
		id := identity{Format: format, Group: group, Peer: peer, Incarnation: newIncarnation(), Members: members}
		return id, id.write(dir)
	}
	if err != nil {
		return identity{}, fmt.Errorf("replica: %w", err)
	}
	id, err := decodeIdentity(b)
	if err != nil {
		return id, fmt.Errorf("replica: read %s: %w", name, err)
	}
	switch {
	case id.Group != group:
		return id, fmt.Errorf("%w: %s belongs to group %q, not %q", ErrForeign, dir, id.Group, group)
	case id.Peer != peer:
		return id, fmt.Errorf("%w: %s belongs to node %s, this is %s; a copy cannot be moved to another node: add a new one", ErrForeign, dir, id.Peer, peer)
	}
	return id, nil
}

// decodeIdentity reads what write wrote. A newer format is ErrVersion.
func decodeIdentity(b []byte) (identity, error) {
	var v struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return identity{}, fmt.Errorf("it is damaged: %w", err)
	}
	if v.Format > format {
		return identity{}, fmt.Errorf("%w: format %d, this program knows %d; use the newer program", ErrVersion, v.Format, format)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var id identity
	if err := dec.Decode(&id); err != nil {
		return identity{}, fmt.Errorf("it is damaged: %w", err)
	}
	if raw, err := hex.DecodeString(id.Incarnation); err != nil || len(raw) != 8 || id.Format != format || id.Group == "" || id.Peer == "" {
		return identity{}, errors.New("it is damaged: a field is missing")
	}
	return id, nil
}

// write replaces the identity of a directory, or leaves the old one.
func (id identity) write(dir string) error {
	b, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	if err := host.WriteFile(filepath.Join(dir, identityName), append(b, '\n')); err != nil {
		return fmt.Errorf("replica: write identity: %w", err)
	}
	return nil
}

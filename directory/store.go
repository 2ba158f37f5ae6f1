package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weftdb/weft/door"
)

// format is the version of the tables.
const format = "1"

var tables = []string{
	`CREATE TABLE IF NOT EXISTS weft_settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS weft_nodes (id TEXT PRIMARY KEY, addrs TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL,
		first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS weft_namespaces (name TEXT PRIMARY KEY, created INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS weft_groups (name TEXT PRIMARY KEY, namespace TEXT NOT NULL, replication INTEGER NOT NULL,
		founder TEXT NOT NULL, version INTEGER NOT NULL, copies TEXT NOT NULL)`,
}

// Store is the tables of the directory. Its methods go to the leader of the
// system group by themselves and are safe for concurrent use.
type Store struct{ g door.Group }

// NewStore is the directory in a group.
func NewStore(g door.Group) *Store { return &Store{g} }

// Snapshot is all that the directory holds.
type Snapshot struct {
	ClusterID string
	Cluster   string // name
	Nodes     []Node // by ID
	Groups    []Group
	Spaces    []string // namespaces
}

// Node finds a node, or nil.
func (s *Snapshot) Node(id string) *Node {
	for i := range s.Nodes {
		if s.Nodes[i].ID == id {
			return &s.Nodes[i]
		}
	}
	return nil
}

// Group finds a group, or nil.
func (s *Snapshot) Group(name string) *Group {
	for i := range s.Groups {
		if s.Groups[i].Name == name {
			return &s.Groups[i]
		}
	}
	return nil
}

// ErrEmpty says that the group holds no directory yet.
var ErrEmpty = errors.New("directory: the system group holds no directory")

// ErrNewer says that a newer program has written the directory.
var ErrNewer = errors.New("directory: it was written by a newer version")

// Found makes the tables of a new cluster, with the system group, the namespace
// default and its group, all founded by the given node. Done again it changes
// nothing.
func (s *Store) Found(ctx context.Context, clusterID, cluster, founder string, replication int, now time.Time) error {
	var list []door.Statement
	for _, t := range tables {
		list = append(list, door.Statement{SQL: t})
	}
	for _, kv := range [][2]string{{"format", format}, {"cluster_id", clusterID}, {"cluster", cluster}} {
		list = append(list, statement(`INSERT INTO weft_settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING`, kv[0], kv[1]))
	}
	for _, g := range []Group{
		{Name: System, Replication: replication, Founder: founder},
		{Name: NamespaceGroup("default"), Namespace: "default", Replication: replication, Founder: founder},
	} {
		list = append(list, newGroup(g))
	}
	list = append(list, newNamespace("default", now))
	return s.run(ctx, list)
}

// AddNamespace makes a namespace and its group, which the founder is to begin.
// One that exists stays as it is.
func (s *Store) AddNamespace(ctx context.Context, name, founder string, replication int, now time.Time) error {
	return s.run(ctx, []door.Statement{
		newGroup(Group{Name: NamespaceGroup(name), Namespace: name, Replication: replication, Founder: founder}),
		newNamespace(name, now),
	})
}

func newGroup(g Group) door.Statement {
	return statement(`INSERT INTO weft_groups (name, namespace, replication, founder, version, copies) VALUES (?, ?, ?, ?, 0, '[]')
		ON CONFLICT (name) DO NOTHING`, g.Name, g.Namespace, int64(g.Replication), g.Founder)
}

func newNamespace(name string, now time.Time) door.Statement {
	return statement(`INSERT INTO weft_namespaces (name, created) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`, name, now.UnixMilli())
}

// SaveNodes writes what is known of nodes, but for the state of those that an
// operator has removed.
func (s *Store) SaveNodes(ctx context.Context, nodes ...Node) error {
	var list []door.Statement
	for _, n := range nodes {
		addrs, err := json.Marshal(n.Addrs)
		if err != nil {
			return err
		}
		list = append(list, statement(`INSERT INTO weft_nodes (id, addrs, version, state, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET addrs = excluded.addrs, version = excluded.version, last_seen = excluded.last_seen,
			state = CASE state WHEN 'removed' THEN state ELSE excluded.state END`,
			n.ID, string(addrs), n.Version, n.State, n.FirstSeen.UnixMilli(), n.LastSeen.UnixMilli()))
	}
	return s.run(ctx, list)
}

// SetState sets the state of a node that is known.
func (s *Store) SetState(ctx context.Context, id, state string) error {
	return s.run(ctx, []door.Statement{statement(`UPDATE weft_nodes SET state = ? WHERE id = ?`, state, id)})
}

// SaveCopies writes where a group's copies are, and counts its version up. It
// does nothing when they are these already.
func (s *Store) SaveCopies(ctx context.Context, g Group, copies []Copy) error {
	if sameCopies(g.Copies, copies) {
		return nil
	}
	text, err := json.Marshal(sorted(copies))
	if err != nil {
		return err
	}
	return s.run(ctx, []door.Statement{statement(`UPDATE weft_groups SET copies = ?, version = version + 1 WHERE name = ?`, string(text), g.Name)})
}

func statement(sql string, args ...any) door.Statement { return door.Statement{SQL: sql, Args: args} }

// run changes the tables, all or nothing.
func (s *Store) run(ctx context.Context, list []door.Statement) error {
	if len(list) == 0 {
		return nil
	}
	answers, err := s.g.Run(ctx, door.Request{Statements: list, Atomic: true})
	if err != nil {
		return fmt.Errorf("write the directory: %w", err)
	}
	for _, a := range answers {
		if a.Err != nil {
			return fmt.Errorf("write the directory: %w", a.Err)
		}
	}
	return nil
}

// Read reads all of it, as the context's consistency says.
func (s *Store) Read(ctx context.Context) (*Snapshot, error) {
	answers, err := s.g.Run(ctx, door.Request{ReadOnly: true, Statements: []door.Statement{
		{SQL: `SELECT key, value FROM weft_settings`},
		{SQL: `SELECT id, addrs, version, state, first_seen, last_seen FROM weft_nodes ORDER BY id`},
		{SQL: `SELECT name, namespace, replication, founder, version, copies FROM weft_groups ORDER BY name`},
		{SQL: `SELECT name FROM weft_namespaces ORDER BY name`},
	}})
	for _, a := range answers {
		if err == nil {
			err = a.Err
		}
	}
	switch {
	case err != nil && strings.Contains(err.Error(), "no such table: weft_"):
		return nil, ErrEmpty
	case err == nil && len(answers) != 4:
		err = fmt.Errorf("%d answers to 4 questions", len(answers))
	}
	if err != nil {
		return nil, fmt.Errorf("read the directory: %w", err)
	}
	return decode(answers)
}

func decode(answers []door.Answer) (*Snapshot, error) {
	out := &Snapshot{}
	settings := map[string]string{}
	for _, row := range answers[0].Rows {
		settings[text(row, 0)] = text(row, 1)
	}
	if f := settings["format"]; f != format {
		if f == "" {
			return nil, ErrEmpty
		}
		return nil, fmt.Errorf("%w: it has format %s, this program reads %s", ErrNewer, f, format)
	}
	out.ClusterID, out.Cluster = settings["cluster_id"], settings["cluster"]
	for _, row := range answers[1].Rows {
		n := Node{
			ID: text(row, 0), Version: text(row, 2), State: text(row, 3),
			FirstSeen: time.UnixMilli(number(row, 4)).UTC(), LastSeen: time.UnixMilli(number(row, 5)).UTC(),
		}
		if err := json.Unmarshal([]byte(text(row, 1)), &n.Addrs); err != nil {
			return nil, fmt.Errorf("read the directory: addresses of node %s: %w", n.ID, err)
		}
		out.Nodes = append(out.Nodes, n)
	}
	for _, row := range answers[2].Rows {
		g := Group{Name: text(row, 0), Namespace: text(row, 1), Replication: int(number(row, 2)), Founder: text(row, 3), Version: number(row, 4)}
		if err := json.Unmarshal([]byte(text(row, 5)), &g.Copies); err != nil {
			return nil, fmt.Errorf("read the directory: copies of group %s: %w", g.Name, err)
		}
		out.Groups = append(out.Groups, g)
	}
	for _, row := range answers[3].Rows {
		out.Spaces = append(out.Spaces, text(row, 0))
	}
	return out, nil
}

// text and number read a column; a value of another type, which only somebody
// who writes the tables by hand can have put there, reads as none.
func text(row []any, i int) string {
	if i < len(row) {
		switch v := row[i].(type) {
		case string:
			return v
		case []byte:
			return string(v)
		}
	}
	return ""
}

func number(row []any, i int) int64 {
	if i < len(row) {
		if n, ok := row[i].(int64); ok {
			return n
		}
	}
	return 0
}

package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weftdb/weft/directory"
	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/internal/lines"
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
)

// The file that names the copies names all of them, however many were made at the
// same time: one that it did not name would not be opened again.
func TestCopiesMadeAtOnceAreNamed(t *testing.T) {
	n, _ := run(t, config(t))
	ready(t, n)
	var all sync.WaitGroup
	want := []string{directory.System, space}
	for i := range 16 {
		name := directory.NamespaceGroup(fmt.Sprintf("n%02d", i))
		want = append(want, name)
		all.Go(func() {
			if _, err := n.hold(t.Context(), name, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	st, err := readState(n.cfg)
	slices.Sort(want)
	if err != nil || !slices.Equal(st.Groups, want) {
		t.Errorf("%q, %v", st.Groups, err)
	}
}

// An order that was decided on old news does not make a node give up a copy that
// its group counts on.
func TestOrderOfOldNews(t *testing.T) {
	first, _ := run(t, config(t))
	ready(t, first)
	seed := first.Addrs()[0]
	second, _ := run(t, config(t, seed))
	third, _ := run(t, config(t, seed))
	for _, n := range []*Node{second, third} {
		ready(t, n)
	}
	shaped(t, third, "3+0 of 3 live")
	sql(t, third, `CREATE TABLE t (a INTEGER)`)

	for what, order := range map[string]func(n *Node, o groupOrder) error{
		"drop": func(n *Node, o groupOrder) error {
			_, err := n.groupDrop(t.Context(), host.ID(o.Leader), o)
			return err
		},
		"open": func(n *Node, o groupOrder) error {
			o.Fresh = true // and its members are those of before
			_, err := n.groupOpen(t.Context(), host.ID(o.Leader), o)
			return err
		},
	} {
		until(t, func() string { // the leader may change meanwhile
			leader := groupInfo(t, first, space).Leader
			for _, n := range []*Node{first, second, third} {
				if n.ID() == leader || leader == "" {
					continue
				}
				server := n.copy(space).group.Replica().Server()
				o := groupOrder{ClusterID: n.clusterID(), Group: space, Peer: n.ID(), Server: server, Leader: leader}
				err := order(n, o)
				if c := n.copy(space); c == nil || c.group == nil || c.group.Replica().Server() != server {
					t.Fatalf("%s: a voter has given up its copy: %v", what, err)
				}
				if op.CodeOf(err) != op.CodeConflict {
					return what + ": " + err.Error()
				}
			}
			return ""
		})
	}
	shaped(t, third, "3+0 of 3 live")
}

// A start that is broken off gives up: a node without its copies would be given
// new ones.
func TestStartBrokenOff(t *testing.T) {
	c := config(t)
	n, _ := run(t, c)
	ready(t, n)
	shut(t, n)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	again, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	shut(t, again)
	last, _ := run(t, c)
	ready(t, last)
	if c := last.copy(space); c == nil || c.group == nil {
		t.Error("it has no copy")
	}
}

// The directory is for nodes and operators: a peer that may use the data does not
// write which nodes there are.
func TestDirectoryIsGuarded(t *testing.T) {
	c := config(t)
	n, _ := run(t, c)
	ready(t, n)
	over := func(h *host.Host, group, text string) error {
		r := door.Open(h, door.Options{Group: group, Peers: func(context.Context) ([]host.ID, error) { return []host.ID{n.id}, nil }})
		defer r.Close()
		if _, err := r.Info(t.Context()); err != nil {
			t.Errorf("how %s is: %v", group, err)
		}
		answers, err := r.Run(t.Context(), door.Request{Statements: []door.Statement{{SQL: text}}})
		if err == nil {
			err = answers[0].Err
		}
		return err
	}
	h := stranger(t, n)
	for _, text := range []string{`UPDATE weft_nodes SET state = 'removed'`, `SELECT * FROM weft_nodes`} {
		if err := over(h, directory.System, text); op.CodeOf(err) != op.CodeForbidden {
			t.Errorf("%s by a stranger: %v", text, err)
		}
	}
	if err := over(h, space, `SELECT 1`); err != nil {
		t.Errorf("the data: %v", err)
	}
	r := door.Open(h, door.Options{Group: directory.System, Peers: func(context.Context) ([]host.ID, error) { return []host.ID{n.id}, nil }})
	defer r.Close()
	if err := r.Restore(t.Context(), nothingToRead{}); op.CodeOf(err) != op.CodeForbidden {
		t.Errorf("a restore by a stranger: %v", err)
	}
	if _, err := r.Begin(t.Context(), op.TxOptions{}); op.CodeOf(err) != op.CodeForbidden {
		t.Errorf("a transaction by a stranger: %v", err)
	}
	if err := r.Backup(t.Context(), &lines.Log{}); op.CodeOf(err) != op.CodeForbidden {
		t.Errorf("a backup by a stranger: %v", err)
	}

	hc := host.Default()
	hc.DataDir, hc.Listen = filepath.Join(c.Node.DataDir, operatorDir), nil
	operator, err := host.New(hc, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	id, addr, err := host.ParseAddr(n.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.Connect(t.Context(), id, addr); err != nil {
		t.Fatal(err)
	}
	if err := over(operator, directory.System, `SELECT * FROM weft_nodes`); err != nil {
		t.Errorf("by an operator: %v", err)
	}
}

type nothingToRead struct{}

func (nothingToRead) Read([]byte) (int, error) { return 0, errors.New("it was read") }

// Names of namespaces are such as every part can tell and every client can write.
func TestNamesOfNamespaces(t *testing.T) {
	n, log := run(t, config(t))
	ready(t, n)
	for _, name := range []string{"", "a b", "a/b", "a\u00a0b", "a\u200bb", "a\nb", "\xff", "\ufffd", "x\u2028y", string(make([]byte, 65))} {
		if _, err := n.change(t.Context(), n.id, ClusterChange{Do: "namespace", Group: name}); op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"shop", "Größe-2", "a.b_c", "~=%"} {
		until(t, func() string {
			if _, err := n.change(t.Context(), n.id, ClusterChange{Do: "namespace", Group: name}); err != nil {
				return err.Error()
			}
			return ""
		})
		if _, err := n.group(directory.NamespaceGroup(name)); err != nil { // it can be used at once
			t.Errorf("%q: %v", name, err)
		}
	}
	if strings.Contains(log.String(), "cannot be told") {
		t.Error("what the node holds cannot be told to the others")
	}
}

package raftgroup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/weftdb/weft/door"
	"github.com/weftdb/weft/op"
)

// run runs statements that must all succeed.
func run1(t testing.TB, g door.Group, list ...string) []door.Answer {
	t.Helper()
	var r door.Request
	for _, s := range list {
		r.Statements = append(r.Statements, door.Statement{SQL: s})
	}
	answers, err := g.Run(within(t, time.Minute), r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range answers {
		if answers[i].Err != nil {
			t.Fatalf("%s: %v", list[i], answers[i].Err)
		}
	}
	return answers
}

// same waits until all nodes stand at one place and compares their content.
func (c *cluster) same(t testing.TB) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	var lead string
	var seq int64
	until(t, "all copies at one place", func() bool {
		lead, seq = "", 0
		for _, n := range c.nodes {
			if n.g == nil {
				continue
			}
			h, s, err := n.g.Hash(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if lead == "" {
				lead, seq = h, s
			}
			if s != seq {
				return false
			}
			if h != lead {
				t.Fatalf("at %d copies differ: %s and %s", s, h, lead)
			}
		}
		return true
	})
	var chain string
	for _, n := range c.nodes {
		if n.g == nil {
			continue
		}
		info, err := n.g.Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if info.Sequence == seq {
			if chain == "" {
				chain = info.Chain
			}
			if chain != info.Chain {
				t.Fatalf("at %d chains differ", seq)
			}
		}
	}
}

func TestBackupAndRestore(t *testing.T) {
	c := newCluster(t, 3, calm())
	ctx := within(t, 60*time.Second)
	lead, other := c.leader(t).g, c.follower(t).g
	run1(t, lead, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t (v) VALUES ('before')",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t (v) SELECT hex(randomblob(500)) FROM n")
	c.same(t)
	var copies [2]bytes.Buffer
	if err := lead.Backup(ctx, &copies[0]); err != nil {
		t.Fatal(err)
	}
	if err := other.Backup(ctx, &copies[1]); err != nil {
		t.Fatal(err)
	}
	run1(t, other, "UPDATE t SET v = 'after'", "CREATE TABLE u (id INTEGER PRIMARY KEY)")
	for i, g := range []*Group{lead, other} {
		if err := g.Restore(ctx, bytes.NewReader(copies[i].Bytes())); err != nil {
			t.Fatal(err)
		}
		a := run1(t, other, "SELECT count(*), min(v) FROM t", "SELECT count(*) FROM sqlite_schema WHERE name = 'u'", "SELECT v FROM t WHERE id = 1")
		if a[0].Rows[0][0] != int64(3001) || a[2].Rows[0][0] != "before" || a[1].Rows[0][0] != int64(0) {
			t.Errorf("after the restore: %v", a)
		}
		c.same(t)
		run1(t, lead, "CREATE TABLE u (id INTEGER PRIMARY KEY)", "DELETE FROM t WHERE id = 2")
		c.same(t)
	}
	before := run1(t, lead, "SELECT count(*) FROM t")[0].Rows[0][0]
	cut := copies[0].Bytes()
	damaged := bytes.Clone(cut)
	for i := 20000; i < 60000; i++ {
		damaged[i] ^= 0x5a
	}
	for name, r := range map[string]io.Reader{
		"no file of SQLite": strings.NewReader("hello, world, this is no database"),
		"nothing":           strings.NewReader(""),
		"cut":               bytes.NewReader(cut[:len(cut)/2]),
		"damaged":           bytes.NewReader(damaged),
		"broken off":        io.MultiReader(bytes.NewReader(cut[:len(cut)/2]), iotest.ErrReader(errors.New("gone"))),
	} {
		if err := lead.Restore(ctx, r); err == nil {
			t.Errorf("%s is restored", name)
		} else if c := op.CodeOf(err); c != op.CodeValidation && c != op.CodeDatabase {
			t.Errorf("%s: %s %v", name, c, err)
		} else if strings.Contains(err.Error(), os.TempDir()) {
			t.Errorf("%s: the error names a file of the node: %v", name, err)
		}
	}
	if now := run1(t, lead, "SELECT count(*) FROM t")[0].Rows[0][0]; now != before {
		t.Errorf("a restore that failed left %v rows of %v", now, before)
	}
	c.same(t)
}

var _ = context.Background

package replica

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/codec"
	"github.com/hashicorp/raft"

	"github.com/weftdb/weft/p2p/host"
)

// fill makes a table with n rows.
func fill(t *testing.T, n *node, rows int) {
	t.Helper()
	if err := sql(n, "CREATE TABLE t (a INTEGER, b TEXT)"); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := sql(n, "INSERT INTO t VALUES (%d, '%s')", i, strings.Repeat("x", 500)); err != nil {
			t.Fatal(err)
		}
	}
}

// fillAny is fill on whichever of some nodes leads.
func fillAny(t *testing.T, nodes []*node, rows int) {
	t.Helper()
	write(t, nodes, "CREATE TABLE IF NOT EXISTS t (a INTEGER, b TEXT)")
	for i := range rows {
		write(t, nodes, "INSERT INTO t SELECT %d, '%s' WHERE NOT EXISTS (SELECT 1 FROM t WHERE a = %d)", i, strings.Repeat("x", 500), i)
	}
}

// edit changes a file in place.
func edit(t *testing.T, name string, fn func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, fn(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func only(t *testing.T, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) != 1 {
		t.Fatalf("%s: %v, %v", pattern, list, err)
	}
	return list[0]
}

var damages = []struct {
	name string
	do   func(t *testing.T, dir string)
}{
	{"the log is cut short", func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, logName), func(b []byte) []byte { return b[:5*4096] })
	}},
	{"the log is empty", func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, logName), func(b []byte) []byte { return nil })
	}},
	{"the log is gone", func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, logName)); err != nil {
			t.Fatal(err)
		}
	}},
	{"a byte of an entry is another", func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, logName), func(b []byte) []byte {
			// In all pages: some of them are not used any more.
			for p := range len(b) / 4096 {
				if at := bytes.LastIndex(b[p*4096:(p+1)*4096], []byte("xxxx")); at >= 0 {
					b[p*4096+at] ^= 4
				}
			}
			return b
		})
	}},
	{"a page of the log is zero", func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, logName), func(b []byte) []byte {
			for p := range len(b) / 4096 {
				if page := b[p*4096 : (p+1)*4096]; bytes.Contains(page, []byte("xxxx")) {
					clear(page)
				}
			}
			return b
		})
	}},
	{"a bit of the snapshot is another", func(t *testing.T, dir string) {
		edit(t, only(t, filepath.Join(dir, snapshotsDir, "*.db")), func(b []byte) []byte {
			b[len(b)/2] ^= 1
			return b
		})
	}},
	{"the snapshot is cut short", func(t *testing.T, dir string) {
		edit(t, only(t, filepath.Join(dir, snapshotsDir, "*.db")), func(b []byte) []byte { return b[:len(b)-4096] })
	}},
	{"the description of the snapshot is another", func(t *testing.T, dir string) {
		edit(t, only(t, filepath.Join(dir, snapshotsDir, "*", "meta.json")), func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"Index":`), []byte(`"Index":1`), 1)
		})
	}},
	{"the snapshot is gone", func(t *testing.T, dir string) {
		if err := os.Remove(only(t, filepath.Join(dir, snapshotsDir, "*.db"))); err != nil {
			t.Fatal(err)
		}
	}},
}

func TestDamagedFollowerIsRebuilt(t *testing.T) {
	cfg := calm()
	cfg.Trailing = 10
	nodes := cluster(t, 3, cfg)
	fill(t, nodes[0], 40)
	rows := int64(40)
	n := nodes[2]
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			for range 2 {
				if err := sql(nodes[0], "INSERT INTO t VALUES (0, '%s')", strings.Repeat("x", 500)); err != nil {
					t.Fatal(err)
				}
				rows++
				until(t, "it has everything", func() bool { return count(n, "SELECT count(*) FROM t") == rows })
				if n.r.Status().Snapshot == 0 {
					if err := n.r.Snapshot(within(t)); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := n.r.Server()
			n.closeReplica()
			d.do(t, n.cfg.Dir)
			n.open()
			until(t, "it is opened anew", func() bool { return n.r.Status().Rebuilt })
			s := n.r.Status()
			if !s.Rebuilt || s.Server == before || s.Member || s.Broken != "" {
				t.Fatalf("%+v", s)
			}
			if got := count(n, "SELECT count(*) FROM sqlite_master"); got != 0 {
				t.Fatalf("it serves something: %d", got)
			}
			why := only(t, filepath.Join(n.cfg.Dir, brokenPrefix+"*", "why.txt"))
			text, err := os.ReadFile(why)
			if err != nil || !strings.HasPrefix(string(text), before) || !strings.Contains(string(text), "damaged") {
				t.Fatalf("%s, %v", text, err)
			}
			t.Logf("%s", strings.TrimSpace(strings.SplitN(string(text), "\n", 2)[1]))
			if err := nodes[0].r.Add(within(t), n.host.ID(), s.Server, true); err != nil {
				t.Fatal(err)
			}
			until(t, "it is a member again", func() bool { s := n.r.Status(); return s.Member && !s.Rebuilt })
			members, err := nodes[0].r.Members(within(t))
			if err != nil || len(members) != 3 {
				t.Fatalf("%v, %v", members, err)
			}
		})
	}
}

// TestAllCopiesAreDamaged starts a group of which every copy is: nothing may be
// moved, and everything is there when one of them is repaired.
func TestAllCopiesAreDamaged(t *testing.T) {
	nodes := cluster(t, 3, quick())
	fillAny(t, nodes, 10)
	for _, n := range nodes {
		until(t, "it has everything", func() bool { return count(n, "SELECT count(*) FROM t") == 10 && len(n.r.Status().Leader) > 0 })
	}
	flip := func(n *node) {
		edit(t, filepath.Join(n.cfg.Dir, logName), func(b []byte) []byte { b[4096+30] ^= 1; return b })
	}
	for _, n := range nodes {
		n.closeReplica()
		flip(n)
	}
	for _, n := range nodes {
		n.open()
	}
	<-time.After(3 * tendEvery) // they ask each other meanwhile
	for _, n := range nodes {
		if s := n.r.Status(); s.State != "broken" || s.Rebuilt {
			t.Errorf("%+v", s)
		}
	}
	// Two of three are repaired: the third is rebuilt from them.
	for _, n := range nodes[:2] { // both are stopped before one is well, as the other would be rebuilt from it
		n.closeReplica()
		flip(n)
	}
	for _, n := range nodes[:2] {
		n.open()
	}
	until(t, "the third is opened anew", func() bool { return nodes[2].r.Status().Rebuilt })
	admit(t, nodes[2], nodes[:2]...)
	until(t, "it has everything", func() bool { return count(nodes[2], "SELECT count(*) FROM t") == 10 })
}

func TestOnlyCopyIsNotThrownAway(t *testing.T) {
	n := cluster(t, 1, quick())[0]
	fill(t, n, 20)
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	n.closeReplica()
	name := only(t, filepath.Join(n.cfg.Dir, snapshotsDir, "*.db"))
	flip := func(b []byte) []byte { b[5000] ^= 1; return b }
	edit(t, name, flip)
	before := list(t, n.cfg.Dir)
	for range 2 {
		if _, err := n.mux.Open(within(t), n.cfg); !errors.Is(err, ErrDamaged) {
			t.Fatalf("open: %v", err)
		} else {
			t.Log(err)
		}
	}
	if after := list(t, n.cfg.Dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	edit(t, name, flip)
	n.open()
	leader(t, n)
	if got := count(n, "SELECT count(*) FROM t"); got != 20 {
		t.Errorf("%d rows", got)
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(b)
			out.WriteString(p + " " + string(sum[:4]) + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestForeignDirectories(t *testing.T) {
	n := cluster(t, 1, quick())[0]
	n.closeReplica()
	name := filepath.Join(n.cfg.Dir, identityName)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		change func(id *identity)
		want   error
	}{
		{"another group", func(id *identity) { id.Group = "other" }, ErrForeign},
		{"another node", func(id *identity) { id.Peer = "12D3KooWQ" }, ErrForeign},
		{"a newer version", func(id *identity) { id.Format = 2 }, ErrVersion},
	} {
		var id identity
		if err := json.Unmarshal(good, &id); err != nil {
			t.Fatal(err)
		}
		c.change(&id)
		if err := id.write(n.cfg.Dir); err != nil {
			t.Fatal(err)
		}
		if _, err := n.mux.Open(within(t), n.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		} else {
			t.Log(err)
		}
	}
	for _, bad := range []string{"", "{", "{}", `{"format":1,"x":1}`} {
		if err := os.WriteFile(name, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := n.mux.Open(within(t), n.cfg); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := n.mux.Open(within(t), n.cfg); !errors.Is(err, ErrForeign) {
		t.Errorf("no identity: %v", err)
	}
	if err := host.WriteFile(name, good); err != nil {
		t.Fatal(err)
	}
	n.open()
	other := newMux(n.net, nil)
	if _, err := other.Open(within(t), n.cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("open twice: %v", err)
	}
	if _, err := n.mux.Open(within(t), n.cfg); err == nil {
		t.Error("open twice on one mux")
	}
	n.net.Handle(Protocol, n.mux.serve)
}

// TestFlips changes bytes of a log, one at a time: what is not found must not
// matter.
func TestFlips(t *testing.T) {
	t.Run("some of a large log", func(t *testing.T) { flips(t, 60, false) })
	t.Run("all that is set of a small one", func(t *testing.T) { flips(t, 2, true) })
}

func flips(t *testing.T, rows int, all bool) {
	n := cluster(t, 1, quick())[0]
	fill(t, n, rows)
	n.closeReplica()
	good, err := os.ReadFile(filepath.Join(n.cfg.Dir, logName))
	if err != nil {
		t.Fatal(err)
	}
	digest := func(b []byte) ([]byte, error) {
		r := bytes.NewReader(b)
		if _, err := readLog(r, int64(len(b))); err != nil {
			return nil, err
		}
		bo, err := openBolt(r, int64(len(b)))
		if err != nil {
			return nil, err
		}
		buckets, err := bo.buckets()
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		err = bo.each(buckets["logs"], func(k, v []byte) error {
			var l logInfo
			if err := l.entry(k, v); err != nil {
				return err
			}
			// Without the time at which it was appended, which nothing depends on, and
			// without the term: that it lies between its neighbours' is all that is known.
			var e raft.Log
			if err := codec.NewDecoderBytes(v, &codec.MsgpackHandle{}).Decode(&e); err != nil {
				return err
			}
			if e.Type == raft.LogConfiguration {
				// One member more or less that votes is a step that raft takes at once:
				// any two majorities have a voter in common.
				for _, s := range raft.DecodeConfiguration(e.Data).Servers {
					fmt.Fprintf(sum, "%s %s ", s.ID, s.Address)
				}
				e.Data = nil
			}
			fmt.Fprintf(sum, "%x %d %d %x\n", k, e.Index, e.Type, e.Data)
			return nil
		})
		return sum.Sum(nil), err
	}
	want, err := digest(good)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	used := len(bytes.TrimRight(good, "\x00"))
	found, same := 0, 0
	flip := func(at int, bit byte) {
		good[at] ^= bit
		got, err := digest(good)
		switch {
		case errors.Is(err, errTorn):
			found++
		case err == nil && bytes.Equal(got, want):
			same++
		default:
			t.Errorf("byte %d, bit %d: %v: %q", at, bit, err, good[max(0, at-60):at+20])
		}
		good[at] ^= bit
	}
	tries := 0
	if all {
		for at := range used {
			for bit := 0; bit < 8 && good[at] != 0; bit++ {
				flip(at, 1<<bit)
				tries++
			}
		}
	}
	for range 200 {
		flip(rnd.IntN(used), 1<<rnd.IntN(8))
		tries++
	}
	t.Logf("%d of %d flips found, %d in what is not used", found, tries, same)
	// How many keys a page has: the last ones must not go missing unseen.
	for page := 0; page < used; page += 4096 {
		for bit := range 16 {
			flip(page+10+bit/8, 1<<(bit%8))
		}
	}
}

func FuzzReadLog(f *testing.F) {
	b := make([]byte, 4*4096)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := readLog(bytes.NewReader(b), int64(len(b))); err != nil && !errors.Is(err, errTorn) {
			t.Fatal(err)
		}
	})
}

func FuzzSeal(f *testing.F) {
	b, _ := seal{Format: 1, ID: "1-2-3", Size: 5, Block: 4, Sums: []uint32{1, 2}}.encode()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeSeal(b); err == nil {
			if again, err := s.encode(); err != nil || len(again) == 0 {
				t.Fatal(err)
			}
		}
	})
}

// TestUnsealed takes the seal of a snapshot away, as a kill before it was written
// does, and damages the snapshot: the log holds all of it, and is applied again.
func TestUnsealed(t *testing.T) {
	nodes := cluster(t, 3, calm())
	fill(t, nodes[0], 40)
	n := nodes[2]
	until(t, "it has everything", func() bool { return count(n, "SELECT count(*) FROM t") == 40 })
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	server := n.r.Server()
	n.closeReplica()
	edit(t, only(t, filepath.Join(n.cfg.Dir, snapshotsDir, "*.db")), func(b []byte) []byte { // within a row
		at := bytes.Index(b, []byte("xxxx"))
		b[at] ^= 1
		return b
	})
	if err := os.Remove(only(t, filepath.Join(n.cfg.Dir, snapshotsDir, "*"+sealSuffix))); err != nil {
		t.Fatal(err)
	}
	n.open()
	whole := "SELECT count(*) FROM t WHERE b = '" + strings.Repeat("x", 500) + "'"
	until(t, "it has everything again", func() bool { return count(n, whole) == 40 })
	if s := n.r.Status(); s.Server != server || s.Broken != "" || s.Rebuilt {
		t.Fatalf("%+v", s)
	}
}

// TestUnsealedOfALeader leaves a snapshot that was not sealed beside a log that
// goes as far and has another history: a snapshot that the leader sent to a copy
// whose last entries nobody accepted. It is all that the copy has of the group.
func TestUnsealedOfALeader(t *testing.T) {
	cfg := quick()
	cfg.Trailing = 1000
	n := cluster(t, 1, cfg)[0]
	fill(t, n, 20)
	if err := n.r.Snapshot(within(t)); err != nil {
		t.Fatal(err)
	}
	n.closeReplica()
	dir := filepath.Join(n.cfg.Dir, snapshotsDir)
	if err := os.Remove(only(t, filepath.Join(dir, "*"+sealSuffix))); err != nil {
		t.Fatal(err)
	}
	for _, other := range []bool{true, false} {
		if other {
			was := dir + "-was"
			copyDir(t, dir, was)
			edit(t, only(t, filepath.Join(dir, "*", "meta.json")), func(b []byte) []byte {
				var m map[string]any
				dec := json.NewDecoder(bytes.NewReader(b))
				dec.UseNumber()
				if err := dec.Decode(&m); err != nil {
					t.Fatal(err)
				}
				term, err := m["Term"].(json.Number).Int64()
				if err != nil {
					t.Fatal(err)
				}
				m["Term"] = term + 1
				if b, err = json.Marshal(m); err != nil {
					t.Fatal(err)
				}
				return b
			})
		}
		if _, err := checkCopy(n.cfg.Dir, true); err != nil {
			t.Fatal(err)
		}
		list, err := snaps(dir)
		if err != nil || (len(list) == 1) != other {
			t.Errorf("of another history: %t; there are %d snapshots (%v)", other, len(list), err)
		}
		if other {
			copyDir(t, dir+"-was", dir)
		}
	}
}

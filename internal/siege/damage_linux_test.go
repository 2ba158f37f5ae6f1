package siege

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// harm is one way in which a file is damaged while its node is down.
type harm struct {
	name string
	do   func(r *rand.Rand, file string, text []byte) error
}

var logHarms = []harm{
	{"the last page is missing", func(_ *rand.Rand, file string, _ []byte) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.Truncate(file, (used(data)-1)*4096)
	}},
	{"half of it is missing", func(_ *rand.Rand, file string, _ []byte) error {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		return os.Truncate(file, info.Size()/2)
	}},
	{"it is empty", func(_ *rand.Rand, file string, _ []byte) error { return os.Truncate(file, 0) }},
	{"a bit of an entry is flipped", flip},
	{"its beginning is rubbish", func(r *rand.Rand, file string, _ []byte) error {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		page := make([]byte, 8192) // both pages that say where the rest is
		for i := range page {
			page[i] = byte(r.Uint32())
		}
		_, err = f.WriteAt(page, 0)
		return errors.Join(err, f.Close())
	}},
}

// used is how many pages of a bbolt file are in use: the rest was only made
// ready. Both of its first pages say so, and the younger one is right.
func used(data []byte) int64 {
	var pages, youngest uint64
	for _, page := range [][]byte{data[:4096], data[4096:8192]} {
		if age := binary.LittleEndian.Uint64(page[64:]); age >= youngest {
			pages, youngest = binary.LittleEndian.Uint64(page[56:]), age
		}
	}
	return int64(pages)
}

// flip flips a bit wherever a known text stands in a file.
func flip(_ *rand.Rand, file string, text []byte) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n := bytes.Count(data, text)
	if n == 0 {
		return fmt.Errorf("%s does not hold what was written", file)
	}
	changed := bytes.Clone(text)
	changed[len(changed)/2] ^= 1
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for at := 0; ; {
		i := bytes.Index(data[at:], text)
		if i < 0 {
			return errors.Join(f.Sync(), f.Close())
		}
		if _, err := f.WriteAt(changed, int64(at+i)); err != nil {
			return errors.Join(err, f.Close())
		}
		at += i + len(text)
	}
}

// sealed is an error when the newest snapshot does not hold a text or has no
// checksums yet.
func sealed(files []string, text []byte) error {
	if len(files) == 0 {
		return errors.New("there is no snapshot")
	}
	data, err := os.ReadFile(files[len(files)-1])
	if err == nil && !bytes.Contains(data, text) {
		err = fmt.Errorf("%s does not hold what was written", files[len(files)-1])
	}
	if err == nil {
		_, err = os.Stat(strings.TrimSuffix(files[len(files)-1], ".db") + ".seal")
	}
	return err
}

// damaged kills a node that does not lead, damages a file of it and starts it
// again. What it answers at any time must be what was written, and in the end it
// holds what the others hold.
func (k *known) damaged(t *testing.T, c *cluster.Cluster, name string, do func(victim *cluster.Node, text []byte) error) {
	t.Helper()
	ctx := within(t, 2*time.Minute)
	leader, err := c.Leader(ctx)
	must(t, err)
	text := []byte(fmt.Sprintf("known-%d-0123456789", time.Now().UnixNano()))
	must(t, k.write(ctx, leader, string(text)))
	same(t, ctx, c)
	victim := c.Nodes[(leader.Index+1)%len(c.Nodes)]
	said := len(victim.Output())
	must(t, victim.Kill())
	must(t, do(victim, text))
	must(t, victim.Start())
	begun := time.Now()
	watch, stop := context.WithCancel(ctx)
	wrong := make(chan error, 1)
	go func() { wrong <- k.only(watch, victim) }()
	err = c.Ready(ctx)
	stop()
	if told := <-wrong; told != nil {
		t.Errorf("%s: SERVED: %v", name, told)
	}
	must(t, err)
	same(t, ctx, c)
	found := strings.Contains(victim.Output()[said:], "copy is broken") || strings.Contains(victim.Output()[said:], "moved aside")
	t.Logf("%s: the node is whole after %v; it says that its copy is broken: %v", name, time.Since(begun).Round(time.Millisecond), found)
	if !found {
		t.Errorf("%s: the node does not say that its copy was damaged:\n%s", name, victim.Tail())
	}
}

// known is every text that the row with key -1 of noise ever had.
type known map[string]bool

func (k *known) write(ctx context.Context, n *cluster.Node, text string) error {
	if *k == nil {
		*k = known{}
	}
	(*k)[text] = true
	_, err := n.Execute(
		ctx, true,
		cluster.Stmt{"DELETE FROM noise WHERE id = -1"},
		cluster.Stmt{"INSERT INTO noise (id, body) VALUES (-1, ?)", text},
	)
	return err
}

// only asks a node for its own copy until the context ends. What it answers was
// written once.
func (k *known) only(ctx context.Context, n *cluster.Node) error {
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, time.Second)
		results, err := n.Query(once, "none", cluster.Stmt{"SELECT body FROM noise WHERE id = -1"})
		cancel()
		if err == nil && len(results[0].Values) > 0 {
			if got := fmt.Sprint(results[0].Values[0][0]); !(*k)[got] {
				return fmt.Errorf("the row is %q, which was never written", got)
			}
		}
		wait(ctx, 20*time.Millisecond)
	}
	return nil
}

// fullDisk lets the disk of one node run full while the others go on, and gives
// it room again.
func fullDisk(t *testing.T, p cluster.Program) {
	if outsider(t) {
		return
	}
	dir := t.TempDir()
	small := filepath.Join(dir, "node3")
	must(t, os.MkdirAll(small, 0o700))
	must(t, unix.Mount("tmpfs", small, "tmpfs", 0, "size=40m"))
	t.Cleanup(func() { must(t, unix.Unmount(small, 0)) })
	ctx := within(t, 3*time.Minute)
	c, err := cluster.Start(ctx, cluster.Options{Program: p, Nodes: 3, Dir: dir})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	must(t, prepare(ctx, c.Nodes[0]))
	leader, err := c.Leader(ctx)
	must(t, err)
	victim := c.Nodes[2]
	if leader == victim {
		must(t, p.StepDown(ctx, c, victim))
		must(t, c.Ready(ctx))
	}
	_, seed := random(t)
	in := inserting(&cluster.Cluster{Nodes: c.Nodes[:2], Program: p, Network: c.Network}, seed, 4)
	in.more(t, 50, 30*time.Second)
	for full := false; !full; {
		must(t, fill(ctx, c.Nodes[0], 16))
		var fs unix.Statfs_t
		must(t, unix.Statfs(small, &fs))
		full = fs.Bavail*uint64(fs.Bsize) < 64<<10
		if s, err := victim.Status(ctx); !victim.Running() || (err == nil && s.Store.Error != "") {
			full = true
		}
	}
	in.more(t, 200, 30*time.Second)
	t.Logf("the disk of node 3 is full; it runs: %v", victim.Running())
	must(t, fill(ctx, c.Nodes[0], 32))
	in.more(t, 200, 30*time.Second)
	must(t, unix.Mount("tmpfs", small, "tmpfs", unix.MS_REMOUNT, "size=1g"))
	room := time.Now()
	in.stop()
	in.ended.Wait()
	if !victim.Running() {
		t.Logf("node 3 ended by itself: %v", victim.Exited())
		must(t, victim.Start())
	}
	must(t, c.Ready(ctx))
	same(t, ctx, c)
	t.Logf("node 3 holds everything %v after it had room again", time.Since(room).Round(time.Millisecond))
	marks(t, ctx, c.Nodes[0], in.load)
	in.load.report(t)
	if t.Failed() {
		t.Log(victim.Tail())
	}
}

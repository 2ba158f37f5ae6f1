package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftdb/weft/node"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

var update = flag.Bool("update", false, "write the golden file anew")

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		// What nodes are made of ends a little after they are closed.
		err := goleak.Find() // looks for less than a second
		for end := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(end); err = goleak.Find() {
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), sqlite.Open(filepath.Join(t.TempDir(), "blog.db")), &out); err != nil {
		t.Fatalf("%v, after printing\n%s", err, out.String())
	}
	golden := filepath.Join("testdata", "report.txt")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("printed\n%s\nwant (go test -update writes it anew)\n%s", out.String(), want)
	}
}

// The blog on three nodes is the blog on a file. It runs on one that does not
// lead.
func TestReportOnGroup(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var nodes []*node.Node
	for i := range 3 {
		cfg := node.Default()
		cfg.Node.DataDir = filepath.Join(t.TempDir(), strconv.Itoa(i))
		cfg.Node.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
		cfg.Discovery.DHT, cfg.Discovery.Interval = false, time.Second
		cfg.Gateway.Listen = ""
		cfg.Raft.Heartbeat, cfg.Raft.Lease = 10*time.Second, 10*time.Second // a busy machine is no reason for another leader
		if i > 0 {
			cfg.Discovery.BootstrapPeers = nodes[0].Addrs()
		}
		n, err := node.New(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(ctx); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Close(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		if err := n.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var follower *node.Node
	for _, n := range nodes {
		if _, leads := n.Group("default").Leader(); !leads {
			follower = n
		}
	}
	var out bytes.Buffer
	if err := run(ctx, follower.Engine("default"), &out); err != nil {
		t.Fatalf("%v, after printing\n%s", err, out.String())
	}
	want, err := os.ReadFile(filepath.Join("testdata", "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("on three nodes it printed\n%s\nwant, as on a file\n%s", out.String(), want)
	}
}

func TestSlug(t *testing.T) {
	for title, want := range map[string]string{
		"Warp & Weft!":  "warp-weft",
		"  Ünï côdé 3 ": "ünï-côdé-3",
		"!?":            "",
	} {
		if got := slug(title); got != want {
			t.Errorf("slug(%q) = %q, want %q", title, got, want)
		}
	}
}

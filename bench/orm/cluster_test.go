package orm

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/raftgroup/driver"
)

// weft builds the command, once.
var weft = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "weft-orm-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "weft"), "./cmd/weft")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return filepath.Join(dir, "weft"), err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, _ := weft(); path != "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// onCluster is a database on three nodes that run in a process of their own.
func onCluster(t *testing.T) *sql.DB {
	t.Helper()
	path, err := weft()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var log bytes.Buffer
	cmd := exec.Command(path, "dev", "--nodes", "3", "--data", dir, "--listen", "127.0.0.1:0")
	// The leader stays when the machine stands still: a transaction that it lost is
	// to be run again, which these libraries do not do.
	cmd.Env = append(os.Environ(), "WEFT_RAFT_HEARTBEAT=10s", "WEFT_RAFT_LEASE=10s")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the cluster: %v", err)
		}
		if t.Failed() {
			t.Logf("the cluster said\n%s", log.String())
		}
	})

	cfg := client.DefaultConfig("orm")
	cfg.BootstrapPeers = addrs(t, filepath.Join(dir, "node3"))
	cfg.Patience = time.Minute
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	db := driver.Open(c.Group())
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Disconnect(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// addrs waits until a node has written where it is.
func addrs(t *testing.T, dir string) []string {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		var contact struct{ Addrs []string }
		text, err := os.ReadFile(filepath.Join(dir, "node.addr"))
		if err == nil {
			err = json.Unmarshal(text, &contact)
		}
		if err == nil && len(contact.Addrs) > 0 {
			return contact.Addrs
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no node in %s: %v", dir, err)
		}
	}
}

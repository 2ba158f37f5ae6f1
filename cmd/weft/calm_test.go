package main

import (
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// calm fails for each line that would frighten somebody who reads the log.
func calm(t *testing.T, log string) {
	t.Helper()
	for l := range strings.Lines(log) {
		if strings.Contains(l, "level=WARN") || strings.Contains(l, "level=ERROR") || strings.Contains(l, "[ERROR]") || strings.Contains(l, "[WARN]") || strings.Contains(l, "snapshot-store") {
			t.Errorf("in the ordinary case it says: %s", l)
		}
	}
}

// All nodes of a cluster that are told to stop at the same time do so, in good
// order, and say nothing that is no trouble.
func TestAllStopAtOnce(t *testing.T) {
	a := newProcess(t)
	b, c := newProcess(t, a.addr(t)), newProcess(t, a.addr(t))
	nodes := []*process{a, b, c}
	a.start(t)
	a.shows(t, 1, 0, "") // before the others: they say when they do not reach it
	b.start(t)
	c.start(t)
	a.shows(t, 3, 0, "")
	if _, err := b.ask("query", "--cluster", "--write", "CREATE TABLE t (a INTEGER)"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for _, p := range nodes {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range nodes {
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
		p.cmd = nil
		calm(t, p.log.String())
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

func TestDevNodesAreCalm(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// Three ports in a row, very likely free.
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	out, bad := &syncBuffer{}, &syncBuffer{}
	cmd := exec.Command("weft", "dev", "--nodes", "3", "--data", t.TempDir(), "--listen", addr)
	cmd.Stdout, cmd.Stderr = out, bad
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	eventually(t, func() string {
		if s := out.String(); !strings.Contains(s, "A cluster of 3 nodes runs") {
			return "it has written: " + s + bad.String()
		}
		return ""
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if bad.String() != "" {
		t.Errorf("it says on stderr: %s", bad)
	}
}
